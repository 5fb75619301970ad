package spool

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"platen/fault"
	"platen/internal/failpoint"
	"platen/internal/fsys"
)

// Spool keeps documents, encrypted: large ones each in a file of its own, small
// ones in segments. All fields are
// set before use; several goroutines may use it at once.
type Spool struct {
	Dir  string // holds docs/, log/, quarantine/ and the spool's mark
	Keys *Keys
	Log  *slog.Logger
	Now  func() time.Time

	names  syncer       // of docs/
	frames frames       // log/
	pipes  atomic.Int64 // documents that have one
	held   atomic.Int64 // octets of small documents that wait in memory

	mu      sync.Mutex
	made    bool          // the folders are there
	failed  error         // why nothing is accepted, nil when all is well
	witness *fsys.Witness // nil until it is asked

	disk disk // how files are written; a test may put faults there
}

// disk is what a spool does to its files; nil fields do the real thing.
type disk struct {
	writeAt  func(f *os.File, b []byte, at int64) (int, error)
	syncFile func(f *os.File) error
	syncDir  func(dir string) error
	check    func() error // the witness

	filesOnly bool // every document gets a file of its own
}

// The folders of a spool.
const (
	docsFolder       = "docs"
	logFolder        = "log"
	quarantineFolder = "quarantine"
)

// witnessFile is beside the folders.
const witnessFile = "witness"

// probePrefix begins the name of the file with which Probe tries the disk.
const probePrefix = "probe-"

func (s *Spool) docs() string            { return filepath.Join(s.Dir, docsFolder) }
func (s *Spool) path(file string) string { return filepath.Join(s.Dir, docsFolder, file) }

// prepare makes the folders, once.
func (s *Spool) prepare() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made {
		return nil
	}
	for _, dir := range []string{s.Dir, s.docs(), s.logDir(), filepath.Join(s.Dir, quarantineFolder)} {
		if err := fsys.MkdirPrivate(dir); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	s.made = true
	return nil
}

// Healthy returns nil, or why the spool takes no more documents: a sync failed,
// and from then on nobody knows what the disk has kept of what it was given.
// Reading and erasing go on.
func (s *Spool) Healthy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		return nil
	}
	return &fault.Error{Op: "spool.Healthy", Kind: fault.Unavailable,
		Text: "The disk failed while a job was being stored. The node takes no jobs until it has been restarted.", Err: s.failed}
}

// fail stops the spool and returns what the one whose document it was gets.
func (s *Spool) fail(op string, err error) error {
	s.mu.Lock()
	first := s.failed == nil
	if first {
		s.failed = err
	}
	s.mu.Unlock()
	if first {
		s.Log.Error("spool: the disk failed, no more jobs are taken", "op", op, "error", err)
	}
	return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "The disk failed while the job was being stored.", Err: err}
}

// Probe writes, syncs, reads back and removes a file. When that works the spool
// takes documents (again).
func (s *Spool) Probe() error {
	const op = "spool.Probe"
	if err := s.prepare(); err != nil {
		return err
	}
	var name [8]byte
	rand.Read(name[:])
	path := filepath.Join(s.Dir, probePrefix+hex.EncodeToString(name[:]))
	err := s.probe(path)
	if removing := fsys.RemoveFile(path); err == nil {
		err = removing
	}
	if err != nil {
		return writeFault(op, err)
	}
	s.mu.Lock()
	s.failed = nil
	s.mu.Unlock()
	return nil
}

func (s *Spool) probe(path string) error {
	want := make([]byte, chunkOctets)
	rand.Read(want)
	f, err := fsys.CreatePrivate(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.disk.write(f, want, 0); err != nil {
		return err
	}
	if err := s.disk.sync(f); err != nil {
		return err
	}
	if err := s.disk.syncNames(s.Dir); err != nil {
		return err
	}
	if err := s.kept(); err != nil {
		return err
	}
	got, err := io.ReadAll(io.NewSectionReader(f, 0, chunkOctets+1))
	if err == nil && !bytes.Equal(got, want) {
		err = errors.New("the disk does not give back what was written")
	}
	return err
}

// writeFault says what a failed write means for the one who sent the document.
func writeFault(op string, err error) error {
	if fsys.IsFull(err) {
		return &fault.Error{Op: op, Kind: fault.Full, Text: "There is no room for this document.", Err: err}
	}
	return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "The document could not be stored.", Err: err}
}

func (d *disk) write(f *os.File, b []byte, at int64) error {
	if d.writeAt != nil {
		_, err := d.writeAt(f, b, at)
		return err
	}
	_, err := f.WriteAt(b, at)
	return err
}

func (d *disk) sync(f *os.File) error {
	if failpoint.Defect("no-filesync") { // the harness must notice
		return nil
	}
	if d.syncFile != nil {
		return d.syncFile(f)
	}
	return fsys.SyncFile(f)
}

// syncData is sync for octets that were written over others.
func (d *disk) syncData(f *os.File) error {
	if failpoint.Defect("no-filesync") {
		return nil
	}
	if d.syncFile != nil {
		return d.syncFile(f)
	}
	return fsys.SyncData(f)
}

func (d *disk) syncNames(dir string) error {
	if d.syncDir != nil {
		return d.syncDir(dir)
	}
	return fsys.SyncDir(dir)
}

// kept returns nil when the syncs before it have said the truth. Otherwise the
// spool takes nothing any more.
func (s *Spool) kept() error {
	if failpoint.Defect("no-witness") {
		return nil
	}
	err := failpoint.Err("spool.witness")
	if err == nil {
		err = s.askWitness()
	}
	if err != nil {
		return s.fail("spool.kept", err)
	}
	return nil
}

func (s *Spool) askWitness() error {
	if s.disk.check != nil {
		return s.disk.check()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.witness == nil { // not before: a spool that cannot be written is still read
		w, err := fsys.OpenWitness(filepath.Join(s.Dir, witnessFile))
		if err != nil {
			return err
		}
		s.witness = w
	}
	return s.witness.Check()
}

// syncNames returns when every name made in docs/ before the call is durable.
func (s *Spool) syncNames() error {
	if err := failpoint.Err("spool.dirsync"); err != nil {
		return err
	}
	if failpoint.Defect("no-dirsync") {
		return nil
	}
	return s.names.do(func() error {
		if err := s.disk.syncNames(s.docs()); err != nil {
			return err
		}
		return s.kept()
	})
}

// Files lists the documents in the spool as rows call them, in no order. It
// reads folders and the heads of frames only.
func (s *Spool) Files() ([]string, error) {
	names, err := s.ownFiles()
	if err != nil {
		return nil, err
	}
	ids, err := s.segmentIDs()
	if err != nil {
		return nil, fmt.Errorf("spool.Files: %w", err)
	}
	for _, id := range ids {
		found, err := s.scanSegment(id)
		if errors.Is(err, fs.ErrNotExist) { // a running node needs it no more
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("spool.Files: %w", err)
		}
		for _, f := range found {
			names = append(names, f.file)
		}
	}
	return names, nil
}

// ownFiles lists what is in docs/.
func (s *Spool) ownFiles() ([]string, error) {
	if err := s.prepare(); err != nil {
		return nil, err
	}
	dir, err := os.Open(s.docs())
	if err != nil {
		return nil, fmt.Errorf("spool.Files: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("spool.Files: %w", err)
	}
	return names, nil
}

// Erase destroys the key of a document, and when that is on the disk removes
// its file, if it has one. It may be called again after a crash in between; a
// missing document is fine. The removal is not synced: should the name come back
// after a power cut, the key has not.
func (s *Spool) Erase(file string) error {
	_, errs := s.EraseAll([]string{file})
	return errs
}

// EraseAll erases documents, those of one segment with one sync, and returns
// which are gone.
func (s *Spool) EraseAll(files []string) (gone []string, err error) {
	const op = "spool.Erase"
	var failed []error
	segments := map[uint64]map[int64]string{}
	refs := map[uint64][]string{}
	for _, file := range files {
		name, p, framed, ok := parseReference(file)
		switch {
		case !ok:
			failed = append(failed, misnamed(op, file))
		case framed:
			if segments[p.segment] == nil {
				segments[p.segment] = map[int64]string{}
			}
			segments[p.segment][p.offset] = name
			refs[p.segment] = append(refs[p.segment], file)
		default:
			if err := s.erasePath(s.path(name)); err != nil {
				failed = append(failed, err)
				continue
			}
			gone = append(gone, file)
		}
	}
	for id, docs := range segments {
		if err := s.eraseFrames(id, docs); err != nil {
			failed = append(failed, fmt.Errorf("%s: %s: %w", op, segmentName(id), err))
			continue
		}
		gone = append(gone, refs[id]...)
	}
	return gone, errors.Join(failed...)
}

// remove lets go of what can never be read: there is no key to destroy, or there
// may be, in a frame, so that its key block goes all the same.
func (s *Spool) remove(file string) error {
	if _, _, framed, _ := parseReference(file); framed {
		return s.Erase(file)
	}
	return fsys.RemoveFile(s.path(file))
}

func (s *Spool) erasePath(path string) error {
	if err := s.destroyKey(path); err != nil {
		return fmt.Errorf("spool.Erase: %s: %w", filepath.Base(path), err)
	}
	if err := fsys.RemoveFile(path); err != nil {
		return fmt.Errorf("spool.Erase: %w", err)
	}
	return nil
}

// destroyKey overwrites the key block. Anything that is not a document of ours,
// such as a link or a file without our header, is left alone: it has no key.
func (s *Spool) destroyKey(path string) error {
	if info, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil
	}
	f, err := fsys.OpenPrivate(path, true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, headerOctets)
	if n, err := f.ReadAt(head, 0); n < headerOctets || !bytes.HasPrefix(head, magic) {
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	}
	if err := s.disk.write(f, make([]byte, headerOctets-atKeyID), atKeyID); err != nil {
		return err
	}
	return s.disk.sync(f)
}

// Quarantine moves a file to quarantine/, where it stays for the Keeper's time;
// its name there begins with the time it came.
func (s *Spool) Quarantine(file string) error {
	if err := s.putAside(file); err != nil {
		return err
	}
	return s.syncAside()
}

func (s *Spool) putAside(file string) error {
	const op = "spool.Quarantine"
	if err := s.prepare(); err != nil {
		return err
	}
	name, p, framed, ok := parseReference(file)
	if !ok { // somebody else's file in our folder
		name = file
	}
	if name != filepath.Base(name) {
		return misnamed(op, file)
	}
	if name == nobodys {
		name = fmt.Sprintf("%016x-%d", p.segment, p.offset)
	}
	to := filepath.Join(s.Dir, quarantineFolder, s.Now().UTC().Format(asideStamp)+asideSeparator+name)
	var err error
	if framed {
		err = s.moveFrame(file, p, to)
	} else {
		err = fsys.Rename(s.path(name), to)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// moveFrame makes a file of a document in a segment: the octets are the same.
func (s *Spool) moveFrame(file string, p place, to string) error {
	image, err := s.frameImage(p)
	if err != nil {
		return err
	}
	if err := fsys.WriteFile(to, image); err != nil {
		return err
	}
	return s.Erase(file)
}

// syncAside makes what was put aside durable.
func (s *Spool) syncAside() error {
	for _, folder := range []string{filepath.Join(s.Dir, quarantineFolder), s.docs()} {
		if err := s.disk.syncNames(folder); err != nil {
			return fmt.Errorf("spool.Quarantine: %w", err)
		}
	}
	return nil
}

// How names in quarantine/ begin.
const (
	asideStamp     = "20060102T150405Z"
	asideSeparator = "_"
)

func misnamed(op, file string) error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Text: "The document cannot be read.",
		Err: fmt.Errorf("%w: %q", errMisplaced, file)}
}
