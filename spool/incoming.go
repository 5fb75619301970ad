package spool

import (
	"context"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"platen/fault"
	"platen/internal/failpoint"
	"platen/internal/fsys"
	"platen/job"
)

// headOctets is how much of a document's beginning is kept for those who look
// what it is and whose.
const headOctets = 16 << 10

// writeBackOctets is how much may be written before the disk is asked to begin:
// without it the sync at the end of a large document makes every small job
// beside it wait (docs/durability.md).
const writeBackOctets = 8 << 20

// Incoming is one document on its way in. It is used by one goroutine and ends
// with Seal or Discard.
type Incoming struct {
	// Document is filled by the caller before Seal as far as the caller knows
	// it: Name, Language, Copies, Count. Seal fills the rest.
	Document job.Document

	spool  *Spool
	header header
	file   string   // what the row will call it
	pipe   *pipe    // while a large one comes, perhaps
	f      *os.File // of a document that is larger than a frame holds; nil once closed
	image  []byte   // of one that is not: what its frame will hold
	held   int64    // octets of image that are counted in Spool.held
	filed  bool     // its file is there
	framed bool     // it has its place in a segment
	aead   cipher.AEAD
	data   []byte    // identity, the additional data of every chunk
	digest hash.Hash // keyed, of the plain document

	head    []byte
	octets  int64
	chunks  int64
	nonce   [nonceOctets]byte
	pushed  int64 // octets of the file that were asked to be written back
	read    bool  // ReadFrom has come to the end
	sealed  bool
	removed bool
}

// Create begins a document. number tells the documents of a job apart, from 1
// to 9999, in the order of their arrival.
func (s *Spool) Create(tenant, jobUUID string, number int) (*Incoming, error) {
	const op = "spool.Create"
	if !isTenant(tenant) || !isUUID(jobUUID) || !isNumber(number) {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "This document cannot be stored.",
			Err: fmt.Errorf("tenant %q, job %q, number %d", tenant, jobUUID, number)}
	}
	if err := s.Healthy(); err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, writeFault(op, err)
	}
	in := &Incoming{spool: s, file: fileName(jobUUID, number), header: header{Job: jobUUID, Number: number, Tenant: tenant}}
	if err := in.arm(); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if err := failpoint.Err("spool.create"); err != nil {
		return nil, writeFault(op, err)
	}
	return in, nil
}

// arm gives the document its key.
func (in *Incoming) arm() error {
	var random [secretOctets + nonceOctets]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process first
	key := random[:secretOctets]
	aead, err := newAEAD(key)
	if err != nil {
		return err
	}
	in.header.wrap(in.spool.Keys, key, random[secretOctets:])
	in.aead = aead
	in.data = in.header.identity()
	in.digest = hmac.New(sha256.New, in.spool.Keys.documentDigest(in.header.Tenant))
	return nil
}

// Head returns the first 16 KiB of the document, or all of a smaller one.
func (in *Incoming) Head() []byte { return in.head }

// Octets returns how long the document is so far.
func (in *Incoming) Octets() int64 { return in.octets }

// room is what ReadFrom works in: one chunk, one octet of the next, which says
// that this one is not the last, and space for the tag.
type room [chunkOctets + tagOctets]byte

var rooms = sync.Pool{New: func() any { return new(room) }}

// corner is what it begins with: a client that sends an octet a second must not
// hold a whole room.
type corner [2 << 10]byte

var corners = sync.Pool{New: func() any { return new(corner) }}

// ReadFrom reads r to its end, in constant memory. limit is the most octets it
// takes, 0 for no limit; beyond it the answer is TooLarge. An error of r comes
// back wrapped; a document of this job and number that is here already is a
// Conflict. After an error the document is gone.
func (in *Incoming) ReadFrom(ctx context.Context, r io.Reader, limit int64) error {
	const op = "spool.ReadFrom"
	if in.read || in.removed {
		return &fault.Error{Op: op, Err: errors.New("the document has been read already")}
	}
	err := in.readAll(ctx, r, limit)
	if err != nil {
		in.Discard()
		return fmt.Errorf("%s: %w", op, err)
	}
	in.read = true
	return nil
}

// readAll reads the beginning into a corner and moves when that is full.
func (in *Incoming) readAll(ctx context.Context, r io.Reader, limit int64) error {
	first := corners.Get().(*corner)
	have, end, err := fill(ctx, r, first[:])
	if err == nil && end {
		err = in.writeLast(first[:have], limit)
	}
	if err == nil && !end {
		buf := rooms.Get().(*room)
		copy(buf[:], first[:have])
		clear(first[:])
		corners.Put(first)
		err = in.readChunks(ctx, r, limit, buf, have)
		clear(buf[:]) // nothing of a document stays in memory that others get
		rooms.Put(buf)
		return err
	}
	clear(first[:])
	corners.Put(first)
	return err
}

// readChunks goes on with what is in buf already.
func (in *Incoming) readChunks(ctx context.Context, r io.Reader, limit int64, buf *room, have int) error {
	for end := false; ; {
		if !end {
			n, ended, err := fill(ctx, r, buf[have:chunkOctets+1])
			if err != nil {
				return err
			}
			have, end = have+n, ended
		}
		if have <= chunkOctets {
			return in.writeLast(buf[:have], limit)
		}
		if limit > 0 && in.octets+int64(have) > limit {
			return tooLarge()
		}
		over := buf[chunkOctets]
		if err := in.writeChunk(buf[:chunkOctets], false); err != nil {
			return err
		}
		buf[0], have = over, 1
	}
}

func tooLarge() error {
	return &fault.Error{Op: "spool", Kind: fault.TooLarge, Text: "The document is larger than is allowed here."}
}

// mostHeld is how much of small documents is kept in memory until their job is
// complete: beyond it they get files.
const mostHeld = 16 << 20

// writeLast takes the last chunk. If it is the only one, the document waits in
// memory for its job to be complete.
func (in *Incoming) writeLast(plain []byte, limit int64) error {
	if limit > 0 && in.octets+int64(len(plain)) > limit {
		return tooLarge()
	}
	if in.chunks > 0 || !in.hold(int64(len(plain))) {
		return in.writeChunk(plain, true)
	}
	if err := failpoint.Err("spool.write"); err != nil {
		return writeFault("spool.write", err)
	}
	in.begin(plain)
	in.image = make([]byte, headerOctets, headerOctets+len(plain)+tagOctets+roomForManifest)
	in.image = in.aead.Seal(in.image, in.nonce[:], plain, in.data)
	in.octets, in.chunks = int64(len(plain)), 1
	return nil
}

// roomForManifest is what manifest and footer mostly take.
const roomForManifest = 2 << 10

// hold asks for n octets of memory.
func (in *Incoming) hold(n int64) bool {
	n += roomForManifest
	if in.spool.disk.filesOnly {
		return false
	}
	if in.spool.held.Add(n) > mostHeld {
		in.spool.held.Add(-n)
		return false
	}
	in.held = n
	return true
}

// begin digests a first chunk and remembers its beginning.
func (in *Incoming) begin(plain []byte) {
	in.head = slices.Clone(plain[:min(len(plain), headOctets)])
	in.digest.Write(plain)
	fillNonce(in.nonce[:], sealedChunk, 0, true)
}

// fill reads until b is full or r ends; end says that r has ended, which it may
// say with the very octet that fills b.
func fill(ctx context.Context, r io.Reader, b []byte) (n int, end bool, err error) {
	for idle := 0; n < len(b); {
		if err := ctx.Err(); err != nil {
			return n, false, err
		}
		m, err := r.Read(b[n:])
		n += m
		switch {
		case err == io.EOF: // io.Reader's own way to end; a wrapped one is a failure
			return n, true, nil
		case err != nil:
			return n, false, err
		case m > 0:
			idle = 0
		default:
			if idle++; idle > 100 {
				return n, false, io.ErrNoProgress
			}
		}
	}
	return n, false, nil
}

// writeChunk digests, seals and writes one chunk of a document that has a file of
// its own. Digesting in a goroutine beside was tried: see
// docs/durability.md.
func (in *Incoming) writeChunk(plain []byte, last bool) error {
	if in.chunks == 0 {
		if err := in.makeFile(); err != nil {
			return err
		}
		in.head = slices.Clone(plain[:min(len(plain), headOctets)])
	}
	in.digest.Write(plain)
	fillNonce(in.nonce[:], sealedChunk, in.chunks, last)
	at := headerOctets + in.octets + in.chunks*tagOctets
	if in.chunks == pipeAfter {
		in.pipe = in.spool.newPipe(in.f, at)
	}
	if err := failpoint.Err("spool.write"); err != nil {
		return writeFault("spool.write", err)
	}
	if err := in.store(plain, at); err != nil {
		return writeFault("spool.write", err)
	}
	in.octets += int64(len(plain))
	in.chunks++
	if last {
		p := in.pipe
		in.pipe = nil
		if err := p.end(); err != nil {
			return writeFault("spool.write", err)
		}
	}
	return nil
}

// store seals a chunk and writes it, or has it written.
func (in *Incoming) store(plain []byte, at int64) error {
	if p := in.pipe; p != nil {
		p.buf = in.aead.Seal(p.buf, in.nonce[:], plain, in.data)
		if len(p.buf) < pipeOctets {
			return nil
		}
		return p.handOver()
	}
	sealed := in.aead.Seal(plain[:0], in.nonce[:], plain, in.data)
	if err := in.spool.disk.write(in.f, sealed, at); err != nil {
		return err
	}
	if end := at + int64(len(sealed)); end-in.pushed >= writeBackOctets {
		fsys.WriteBack(in.f, in.pushed, end-in.pushed)
		in.pushed = end
	}
	return nil
}

func (in *Incoming) makeFile() error {
	const op = "spool.ReadFrom"
	f, err := fsys.CreatePrivate(in.spool.path(in.file))
	if errors.Is(err, fs.ErrExist) {
		in.removed = true // it is another one's
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: "This document is here already.", Err: err}
	}
	if err != nil {
		return writeFault(op, err)
	}
	in.f, in.filed = f, true
	return nil
}

// Discard removes the document, also one that was sealed: until its row is
// committed the caller may change its mind. It may be called more than once.
func (in *Incoming) Discard() {
	if in == nil || in.removed {
		return
	}
	in.removed = true
	in.close()
	var err error
	switch {
	case in.framed || in.filed && in.sealed:
		err = in.spool.Erase(in.file)
	case in.filed:
		err = fsys.RemoveFile(in.spool.path(in.file))
	}
	if err != nil {
		// The next start sweeps it, or puts it aside.
		in.spool.Log.Warn("spool: a discarded document stays for now", "file", in.file, "error", err)
	}
}

// close lets go of the file, or of the memory.
func (in *Incoming) close() {
	if in.pipe != nil {
		_ = in.pipe.end() // it goes anyway
		in.pipe = nil
	}
	if in.f != nil {
		in.f.Close()
		in.f = nil
	}
	in.spool.held.Add(-in.held)
	in.image, in.held = nil, 0
}

// Manifest is the sealed description of a document at the end of its file:
// enough to rebuild its job without the database.
type Manifest struct {
	Tenant   string       `json:"tenant"`
	Job      job.Job      `json:"job"`    // without Documents
	Number   int          `json:"number"` // which of the job's documents this is, from 1
	Of       int          `json:"of"`     // how many the job has
	Document job.Document `json:"document"`
}

// Seal makes the documents of one job durable, in the order given: each gets its
// manifest, which is m with the document's own part filled in; files are synced,
// then their folder, and small documents go into the log together. It returns
// the documents with Number (the place in docs), Octets, Digest and File. After
// an error the caller discards them.
func (s *Spool) Seal(m Manifest, docs []*Incoming) ([]job.Document, error) {
	if err := s.Healthy(); err != nil {
		return nil, err
	}
	m.Job.Documents, m.Of = nil, len(docs)
	small := make([]*Incoming, 0, len(docs))
	for i, in := range docs {
		m.Number = i + 1
		if err := in.seal(m); err != nil {
			return nil, err
		}
		if in.image != nil {
			small = append(small, in)
		}
	}
	if len(small) < len(docs) {
		if err := s.syncNames(); err != nil {
			return nil, s.fail("spool.Seal", err)
		}
	}
	if len(small) > 0 {
		if err := s.appendFrames(small); err != nil {
			return nil, err
		}
	}
	sealed := make([]job.Document, 0, len(docs))
	for _, in := range docs {
		in.close()
		in.Document.File = in.file
		sealed = append(sealed, in.Document)
	}
	return sealed, nil
}

// seal writes the end of a document, then its beginning with the key; a file it
// syncs.
func (in *Incoming) seal(m Manifest) error {
	const op = "spool.Seal"
	if !in.read || in.sealed || in.removed || m.Tenant != in.header.Tenant || m.Job.UUID != in.header.Job {
		return &fault.Error{Op: op, Err: fmt.Errorf("document %s does not belong to this job or is not ready", in.file)}
	}
	in.Document.Number = m.Number
	in.Document.Octets = in.octets
	in.Document.Digest = in.digest.Sum(nil)
	in.Document.File = in.file
	m.Document = in.Document
	trailer, at, err := in.trailer(m)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if err := failpoint.Err("spool.trailer"); err != nil {
		return writeFault(op, err)
	}
	if in.image != nil {
		in.image = append(in.image, trailer...)
		copy(in.image, in.header.marshal())
		in.sealed = true
		return nil
	}
	if err := in.writeEnds(trailer, at); err != nil {
		return writeFault(op, err)
	}
	if err := in.sync(); err != nil {
		return in.spool.syncFailed(op, err)
	}
	return nil
}

// writeEnds writes the trailer, then the header: the key comes last.
func (in *Incoming) writeEnds(trailer []byte, at int64) error {
	if err := in.spool.disk.write(in.f, trailer, at); err != nil {
		return err
	}
	in.sealed = true // the key may be on the disk from here on
	return in.spool.disk.write(in.f, in.header.marshal(), 0)
}

// sync is called once: after an error nobody asks this descriptor again.
func (in *Incoming) sync() error {
	if err := failpoint.Err("spool.fsync"); err != nil {
		return err
	}
	return in.spool.disk.sync(in.f)
}

// syncFailed: a full disk found out late costs this document only.
func (s *Spool) syncFailed(op string, err error) error {
	if fsys.IsFull(err) {
		return writeFault(op, err)
	}
	return s.fail(op, err)
}

// trailer returns manifest and footer, and where they go.
func (in *Incoming) trailer(m Manifest) (b []byte, at int64, err error) {
	plain, err := json.Marshal(m)
	if err != nil {
		return nil, 0, err
	}
	f := footer{Octets: in.octets, Manifest: len(plain) + tagOctets, Digest: in.Document.Digest}
	if f.Manifest > maxManifest {
		return nil, 0, &fault.Error{Op: "spool.Seal", Kind: fault.TooLarge, Text: "The description of this job is too long."}
	}
	sealed := make([]byte, 0, f.Manifest+footerOctets)
	sealed = in.aead.Seal(sealed, endNonce(sealedManifest), plain, in.data)
	return append(sealed, f.seal(in.aead, in.data)...), f.manifestAt(), nil
}
