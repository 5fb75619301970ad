package spool

import (
	"context"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"platen/fault"
	"platen/internal/fsys"
	"platen/job"
)

// stored is a document opened for reading: its header and footer are
// authentic.
type stored struct {
	f      source
	file   string // what its row calls it
	header header
	footer footer
	aead   cipher.AEAD
	data   []byte // identity
}

// source is an open file.
type source interface {
	io.ReaderAt
	io.Closer
}

// open opens a file of the spool and authenticates all but the document itself.
// The caller closes it.
func (s *Spool) open(op, file string) (*stored, error) {
	name, p, framed, ok := parseReference(file)
	if !ok {
		return nil, misnamed(op, file)
	}
	if framed {
		return s.openFrame(op, file, p)
	}
	f, err := fsys.OpenPrivate(s.path(name), false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(op, err)
	}
	if err != nil {
		return nil, damaged(op, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, damaged(op, err)
	}
	return s.openSource(op, file, f, info.Size())
}

// openSource authenticates an open file. It is closed when that fails.
func (s *Spool) openSource(op, file string, f source, size int64) (*stored, error) {
	d := &stored{f: f, file: file}
	err := d.authenticate(s.Keys, size)
	if err == nil && d.name() != withoutPlace(file) {
		err = errMisplaced
	}
	if err != nil {
		f.Close()
		return nil, damaged(op, fmt.Errorf("%s: %w", file, err))
	}
	return d, nil
}

// name is what the document is called in its own header.
func (d *stored) name() string { return fileName(d.header.Job, d.header.Number) }

func withoutPlace(file string) string {
	name, _, _ := strings.Cut(file, "@")
	return name
}

func missing(op string, err error) error {
	return &fault.Error{Op: op, Kind: fault.NotFound, Text: "The document is missing.", Err: err}
}

func damaged(op string, err error) error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Text: "The document is damaged.", Err: err}
}

// authenticate reads header and footer.
func (d *stored) authenticate(keys *Keys, size int64) (err error) {
	if size < headerOctets+tagOctets+tagOctets+footerOctets {
		return errCut
	}
	head, foot := make([]byte, headerOctets), make([]byte, footerOctets)
	if _, err := d.f.ReadAt(head, 0); err != nil {
		return err
	}
	if _, err := d.f.ReadAt(foot, size-footerOctets); err != nil {
		return err
	}
	if d.header, err = parseHeader(head); err != nil {
		return err
	}
	if d.footer, err = parseFooter(foot, size); err != nil {
		return err
	}
	if d.aead, err = d.header.unwrap(keys); err != nil {
		return err
	}
	d.data = head[:identityOctets]
	return d.footer.open(foot, d.aead, d.data)
}

// manifest reads and opens the manifest.
func (d *stored) manifest() (Manifest, error) {
	sealed := make([]byte, d.footer.Manifest)
	if _, err := d.f.ReadAt(sealed, d.footer.manifestAt()); err != nil {
		return Manifest{}, err
	}
	plain, err := d.aead.Open(sealed[:0], endNonce(sealedManifest), sealed, d.data)
	if err != nil {
		return Manifest{}, fmt.Errorf("%w: manifest", errForged)
	}
	var m Manifest
	if err := json.Unmarshal(plain, &m); err != nil {
		return Manifest{}, errors.New("the manifest is not what this version writes")
	}
	if m.Tenant != d.header.Tenant || m.Job.UUID != d.header.Job || m.Document.File != d.name() {
		return Manifest{}, errMisplaced
	}
	m.Document.File = d.file
	return m, nil
}

// Manifest returns the sealed description of a document. NotFound says that the
// file is missing, Invalid that it is incomplete, erased, changed or of another
// node. The document itself is not looked at; see Verify.
func (s *Spool) Manifest(file string) (Manifest, error) {
	const op = "spool.Manifest"
	d, err := s.open(op, file)
	if err != nil {
		return Manifest{}, err
	}
	defer d.f.Close()
	m, err := d.manifest()
	if err != nil {
		return Manifest{}, damaged(op, fmt.Errorf("%s: %w", file, err))
	}
	return m, nil
}

// Reader returns the plain document; every chunk is authenticated before an
// octet of it is handed out. NotFound says that the file is missing, Invalid
// that it is damaged or not the one that d means; Read says so too when it
// comes to a damaged chunk. The reader is an io.WriterTo.
func (s *Spool) Reader(tenant string, d job.Document) (io.ReadCloser, error) {
	const op = "spool.Reader"
	r, err := s.reader(op, tenant, d)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (s *Spool) reader(op, tenant string, d job.Document) (*reader, error) {
	open, err := s.open(op, d.File)
	if err != nil {
		return nil, err
	}
	return open.reader(op, tenant, d)
}

// reader makes sure that the file is the one that the row means.
func (d *stored) reader(op, tenant string, row job.Document) (*reader, error) {
	if d.header.Tenant != tenant || d.footer.Octets != row.Octets || !hmac.Equal(d.footer.Digest, row.Digest) {
		d.f.Close()
		return nil, damaged(op, fmt.Errorf("%s: %w", d.file, errMisplaced))
	}
	return &reader{stored: d, buf: rooms.Get().(*room)}, nil
}

// Authenticate reads the whole document and makes sure that it is the one that
// was stored, to its last octet: each chunk proves that it belongs to this
// document, at this place, and the last that it is the last. The digest, which
// costs most of Verify, could say no more. NotFound says that it is missing,
// Invalid that it is damaged.
func (s *Spool) Authenticate(ctx context.Context, tenant string, d job.Document) error {
	return s.through(ctx, "spool.Authenticate", tenant, d, func([]byte) {})
}

// through reads a document chunk by chunk.
func (s *Spool) through(ctx context.Context, op, tenant string, d job.Document, see func(plain []byte)) error {
	r, err := s.reader(op, tenant, d)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // read only: nothing can be lost
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		plain, err := r.nextChunk()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		see(plain)
	}
}

// Verify reads the whole document and compares it with its keyed digest.
// NotFound says that it is missing, Invalid that it is damaged.
func (s *Spool) Verify(ctx context.Context, tenant string, d job.Document) error {
	const op = "spool.Verify"
	digest := hmac.New(sha256.New, s.Keys.documentDigest(tenant))
	if err := s.through(ctx, op, tenant, d, func(plain []byte) { digest.Write(plain) }); err != nil {
		return err
	}
	if !hmac.Equal(digest.Sum(nil), d.Digest) {
		return damaged(op, fmt.Errorf("%s: %w: digest", d.File, errForged))
	}
	return nil
}

// reader hands out a document chunk by chunk. It is used by one goroutine.
type reader struct {
	*stored
	buf   *room // nil once closed
	chunk int64 // the next one to read
	nonce [nonceOctets]byte
	left  []byte // what Read has not handed out yet
	err   error  // sticks
}

// nextChunk returns the next authentic chunk, valid until the next call, and
// io.EOF after the last.
func (r *reader) nextChunk() ([]byte, error) {
	if r.err == nil && r.buf == nil {
		r.err = fs.ErrClosed
	}
	if r.err == nil && r.chunk == r.footer.chunks() {
		r.err = io.EOF
	}
	if r.err != nil {
		return nil, r.err
	}
	plain, err := r.openChunk()
	if err != nil {
		r.err = damaged("spool.Read", fmt.Errorf("%s: %w", r.file, err))
		return nil, r.err
	}
	r.chunk++
	return plain, nil
}

func (r *reader) openChunk() ([]byte, error) {
	last := r.chunk == r.footer.chunks()-1
	octets := int64(chunkOctets)
	if last {
		octets = r.footer.Octets - r.chunk*chunkOctets
	}
	sealed := r.buf[:octets+tagOctets]
	if _, err := r.f.ReadAt(sealed, headerOctets+r.chunk*(chunkOctets+tagOctets)); err != nil {
		return nil, err
	}
	fillNonce(r.nonce[:], sealedChunk, r.chunk, last)
	plain, err := r.aead.Open(sealed[:0], r.nonce[:], sealed, r.data)
	if err != nil {
		return nil, fmt.Errorf("%w: chunk %d", errForged, r.chunk)
	}
	return plain, nil
}

// Read is for io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	for len(r.left) == 0 {
		plain, err := r.nextChunk()
		if err != nil {
			return 0, err
		}
		r.left = plain
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// WriteTo is for io.WriterTo: one write a chunk, without a copy in between.
func (r *reader) WriteTo(w io.Writer) (total int64, err error) {
	for {
		if len(r.left) > 0 {
			n, err := w.Write(r.left)
			total += int64(n)
			r.left = r.left[n:]
			if err != nil {
				return total, err
			}
			continue
		}
		r.left, err = r.nextChunk()
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// Close is for io.Closer. It may be called twice.
func (r *reader) Close() error {
	if r.buf == nil {
		return nil
	}
	clear(r.buf[:])
	rooms.Put(r.buf)
	r.buf, r.left = nil, nil
	return r.f.Close()
}
