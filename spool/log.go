package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"platen/internal/failpoint"
	"platen/internal/fsys"
)

// frames is the log of small documents. One write and one sync serve all who
// come while the one before is under way. What is written by one process is
// never continued by the next: it begins a segment of its own.
type frames struct {
	join  sync.Mutex
	next  *frameGroup // has not begun: may still be joined
	write sync.Mutex  // held by the one who writes for a group
	batch []byte      // what it writes, kept for the next

	mu       sync.Mutex // guards what follows; no I/O under it
	known    bool       // last is right
	last     uint64     // highest id of a segment so far
	active   *segment   // changed only by who holds write
	segments map[uint64]*segment
	spare    []*segment    // empty, under an id of their own
	making   chan struct{} // a spare is being made; closed when it is there or failed
}

// segment is one file of the log.
type segment struct {
	id   uint64
	f    *os.File // while it is the active one
	end  int64    // where the next frame begins
	live int      // frames that are not erased
}

// frameGroup is who shares a write.
type frameGroup struct {
	docs []*Incoming
	done chan struct{}
	err  error // set before done is closed
}

// mostSpare is how many empty segments are kept; more go.
const mostSpare = 2

// batchOctets is how much is gathered before it is written and synced.
const batchOctets = 2 << 20

func (s *Spool) logDir() string { return filepath.Join(s.Dir, logFolder) }
func (s *Spool) segmentPath(id uint64) string {
	return filepath.Join(s.Dir, logFolder, segmentName(id))
}

// appendFrames stores the images of docs, and returns when they are on the disk
// and each document knows its reference.
func (s *Spool) appendFrames(docs []*Incoming) error {
	l := &s.frames
	l.join.Lock()
	g, leads := l.next, false
	if g == nil {
		g, leads = &frameGroup{done: make(chan struct{})}, true
		l.next = g
	}
	g.docs = append(g.docs, docs...)
	l.join.Unlock()
	if !leads {
		<-g.done
		return g.err
	}
	l.write.Lock()
	l.join.Lock()
	l.next = nil // from here on a newcomer is too late for this one
	l.join.Unlock()
	g.err = s.writeFrames(g.docs)
	l.write.Unlock()
	close(g.done)
	return g.err
}

// writeFrames writes and syncs the frames of a group, into as many segments as
// it takes.
func (s *Spool) writeFrames(docs []*Incoming) error {
	l := &s.frames
	for len(docs) > 0 {
		if err := s.roomForFrame(frameSpace(len(docs[0].image))); err != nil {
			return err
		}
		seg, from := l.active, l.active.end
		l.batch = l.batch[:0]
		n := 0
		for ; n < len(docs) && len(l.batch) < batchOctets; n++ {
			space := frameSpace(len(docs[n].image))
			if seg.end+space > segmentOctets {
				break
			}
			l.batch = appendFrame(l.batch, seg.id, docs[n].image)
			docs[n].file = reference(docs[n].file, place{seg.id, seg.end})
			docs[n].framed = true
			l.mu.Lock()
			seg.end += space
			seg.live++
			l.mu.Unlock()
		}
		if err := s.writeBatch(seg, from); err != nil {
			return err
		}
		docs = docs[n:]
	}
	return nil
}

func appendFrame(b []byte, segment uint64, image []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, prefixOctets)...)
	putPrefix(b[at:], segment, len(image))
	b = append(b, image...)
	return append(b, make([]byte, frameSpace(len(image))-prefixOctets-int64(len(image)))...)
}

// writeBatch writes and syncs what was gathered.
func (s *Spool) writeBatch(seg *segment, at int64) error {
	if err := failpoint.Err("spool.log.write"); err != nil {
		return s.logFailed(err)
	}
	if err := s.disk.write(seg.f, s.frames.batch, at); err != nil {
		return s.logFailed(err)
	}
	fsys.Wrote(seg.f, at, int64(len(s.frames.batch)))
	if err := failpoint.Err("spool.log.sync"); err != nil {
		return s.logFailed(err)
	}
	if err := s.disk.syncData(seg.f); err != nil {
		return s.logFailed(err)
	}
	return nil
}

// logFailed: the space was there, so a write or a sync that fails is the disk.
func (s *Spool) logFailed(err error) error { return s.syncFailed("spool.Seal", err) }

// roomForFrame makes sure that the active segment has room, with a new one
// when it has not.
func (s *Spool) roomForFrame(space int64) error {
	l := &s.frames
	if space > segmentOctets {
		return fmt.Errorf("spool: a frame of %d octets", space)
	}
	if l.active != nil && l.active.end+space <= segmentOctets {
		return nil
	}
	seg, err := s.takeSpare()
	if err != nil {
		return writeFault("spool.Seal", err)
	}
	f, err := fsys.OpenPrivate(s.segmentPath(seg.id), true)
	if err != nil {
		return writeFault("spool.Seal", err)
	}
	l.mu.Lock()
	old := l.active
	seg.f, l.active = f, seg
	l.segments[seg.id] = seg
	l.mu.Unlock()
	if old != nil {
		old.f.Close()
		s.letGo(old)
	}
	s.makeSpare()
	return nil
}

// takeSpare returns an empty segment, made now if there is none.
func (s *Spool) takeSpare() (*segment, error) {
	l := &s.frames
	for {
		l.mu.Lock()
		if n := len(l.spare); n > 0 {
			seg := l.spare[n-1]
			l.spare = l.spare[:n-1]
			l.mu.Unlock()
			return seg, nil
		}
		making := l.making
		l.mu.Unlock()
		if making == nil {
			return s.newSegment()
		}
		<-making
	}
}

// makeSpare has the next segment ready before it is needed.
func (s *Spool) makeSpare() {
	l := &s.frames
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.spare) > 0 || l.making != nil {
		return
	}
	made := make(chan struct{})
	l.making = made
	go func() {
		seg, err := s.newSegment()
		l.mu.Lock()
		if err == nil {
			l.spare = append(l.spare, seg)
		}
		l.making = nil
		l.mu.Unlock()
		close(made)
		if err != nil { // who needs it tries again, and hears of it
			s.Log.Warn("spool: no segment could be made ahead", "error", err)
		}
	}()
}

// zeros fills new segments.
var zeros [256 << 10]byte

// newSegment makes a file of zeros: what is written over them later changes
// neither its length nor where it is, so that a sync has only data to write.
func (s *Spool) newSegment() (*segment, error) {
	id, err := s.nextSegment()
	if err != nil {
		return nil, err
	}
	path := s.segmentPath(id)
	err = s.fillSegment(path)
	if err != nil {
		if removing := fsys.RemoveFile(path); removing != nil {
			s.Log.Warn("spool: a segment that was not finished stays", "segment", segmentName(id), "error", removing)
		}
		return nil, err
	}
	return &segment{id: id}, nil
}

func (s *Spool) fillSegment(path string) error {
	if err := failpoint.Err("spool.log.segment"); err != nil {
		return err
	}
	f, err := fsys.CreatePrivate(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for at := int64(0); at < segmentOctets; at += int64(len(zeros)) {
		if err := s.disk.write(f, zeros[:], at); err != nil {
			return err
		}
	}
	if err := s.disk.sync(f); err != nil {
		return err
	}
	if err := s.disk.syncNames(s.logDir()); err != nil {
		return err
	}
	// What is written into it later needs no journal, and no witness.
	return s.kept()
}

// nextSegment returns an id that no segment has had.
func (s *Spool) nextSegment() (uint64, error) {
	l := &s.frames
	l.mu.Lock()
	known := l.known
	l.mu.Unlock()
	var ids []uint64
	if !known {
		var err error
		if ids, err = s.segmentIDs(); err != nil {
			return 0, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.knowLocked(ids)
	l.last++
	return l.last, nil
}

func (l *frames) knowLocked(ids []uint64) {
	if l.segments == nil {
		l.segments = map[uint64]*segment{}
	}
	for _, id := range ids {
		l.last = max(l.last, id)
	}
	l.known = true
}

// segmentIDs lists the segments on the disk, oldest first.
func (s *Spool) segmentIDs() ([]uint64, error) {
	dir, err := os.Open(s.logDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var ids []uint64
	for _, name := range names {
		if id, ok := parseSegmentName(name); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// letGo uses a segment again, or removes it, when nothing in it is needed and
// nothing more will come into it.
func (s *Spool) letGo(seg *segment) {
	l := &s.frames
	l.mu.Lock()
	if seg == l.active || seg.live > 0 || l.segments[seg.id] != seg {
		l.mu.Unlock()
		return
	}
	delete(l.segments, seg.id)
	enough := len(l.spare) >= mostSpare
	l.last++
	id := l.last
	l.mu.Unlock()
	if !enough {
		fresh, err := s.renameSegment(seg.id, id)
		if err == nil {
			l.mu.Lock()
			l.spare = append(l.spare, fresh)
			l.mu.Unlock()
			return
		}
		s.Log.Warn("spool: a segment cannot be used again", "segment", segmentName(seg.id), "error", err)
	}
	if err := fsys.RemoveFile(s.segmentPath(seg.id)); err != nil {
		s.Log.Warn("spool: an empty segment stays for now", "segment", segmentName(seg.id), "error", err)
	}
}

// renameSegment gives an empty segment a new id: with that, nothing in it is a
// frame any more.
func (s *Spool) renameSegment(from, to uint64) (*segment, error) {
	info, err := os.Lstat(s.segmentPath(from))
	if err == nil && info.Size() != segmentOctets {
		err = fmt.Errorf("it has %d octets", info.Size())
	}
	if err == nil {
		err = fsys.Rename(s.segmentPath(from), s.segmentPath(to))
	}
	if err == nil {
		err = s.disk.syncNames(s.logDir())
	}
	if err == nil {
		err = s.kept()
	}
	return &segment{id: to}, err
}

// openFrame opens a document in a segment for reading.
func (s *Spool) openFrame(op, file string, p place) (*stored, error) {
	image, size, err := s.frameAt(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(op, err)
	}
	if err != nil {
		return nil, damaged(op, fmt.Errorf("%s: %w", file, err))
	}
	d, err := s.openSource(op, file, image, size)
	if errors.Is(err, errErased) {
		return nil, missing(op, err)
	}
	return d, err
}

// frameAt opens the image of a frame.
func (s *Spool) frameAt(p place) (image framed, size int64, err error) {
	f, err := fsys.OpenPrivate(s.segmentPath(p.segment), false)
	if err != nil {
		return framed{}, 0, err
	}
	prefix := make([]byte, prefixOctets)
	if _, err = f.ReadAt(prefix, p.offset); err == nil || errors.Is(err, io.EOF) {
		var ok bool
		if size, ok = parsePrefix(prefix, p.segment); ok {
			return framed{f, p.offset + prefixOctets}, size, nil
		}
		err = errCut
	}
	f.Close()
	return framed{}, 0, err
}

// frameImage reads the image of a frame.
func (s *Spool) frameImage(p place) ([]byte, error) {
	image, size, err := s.frameAt(p)
	if err != nil {
		return nil, err
	}
	defer func() { _ = image.Close() }() // read only: nothing can be lost
	b := make([]byte, size)
	_, err = image.ReadAt(b, 0)
	return b, err
}

// framed is the image in a frame.
type framed struct {
	f  *os.File
	at int64
}

func (s framed) ReadAt(b []byte, at int64) (int, error) { return s.f.ReadAt(b, s.at+at) }
func (s framed) Close() error                           { return s.f.Close() }

// eraseFrames destroys the keys of documents in one segment with one sync.
// Those that are not there any more are passed over.
func (s *Spool) eraseFrames(id uint64, docs map[int64]string) error {
	f, err := fsys.OpenPrivate(s.segmentPath(id), true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	erased, err := s.destroyKeys(f, id, docs)
	f.Close()
	if err == nil && erased > 0 {
		s.frameGone(id, erased)
	}
	return err
}

func (s *Spool) destroyKeys(f *os.File, id uint64, docs map[int64]string) (erased int, err error) {
	for at, name := range docs {
		alive, err := frameOf(f, place{id, at}, name)
		if err != nil {
			return 0, err
		}
		if !alive {
			continue
		}
		if err := s.disk.write(f, make([]byte, headerOctets-atKeyID), at+prefixOctets+atKeyID); err != nil {
			return 0, err
		}
		erased++
	}
	if erased == 0 {
		return 0, nil
	}
	return erased, s.disk.syncData(f)
}

// frameOf reports whether a frame holds this document and its key.
func frameOf(f io.ReaderAt, p place, name string) (alive bool, err error) {
	b := make([]byte, prefixOctets+headerOctets)
	if _, err := f.ReadAt(b, p.offset); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if _, ok := parsePrefix(b, p.segment); !ok {
		return false, nil
	}
	head := b[prefixOctets:]
	h, err := parseHeader(head)
	if errors.Is(err, errErased) {
		return false, nil
	}
	if err == nil {
		return fileName(h.Job, h.Number) == name, nil
	}
	// Damaged, but its key may be there: it goes all the same.
	return !bytes.Equal(head[atKeyID:], make([]byte, headerOctets-atKeyID)), nil
}

// frameGone counts frames out.
func (s *Spool) frameGone(id uint64, n int) {
	l := &s.frames
	l.mu.Lock()
	seg := l.segments[id]
	if seg != nil {
		seg.live -= n
	}
	l.mu.Unlock()
	if seg != nil {
		s.letGo(seg)
	}
}

// foundFrame is a frame that a scan has found.
type foundFrame struct {
	file  string // its reference
	image int64
}

// scanSegment returns the frames of a segment that are not erased. A damaged
// one does not hide those behind it: every frame begins at a multiple of
// frameAlign.
func (s *Spool) scanSegment(id uint64) ([]foundFrame, error) {
	f, err := fsys.OpenPrivate(s.segmentPath(id), false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var found []foundFrame
	b := make([]byte, 4<<10)  // of a frame only the first sector is of interest
	have, base := 0, int64(0) // b[:have] is what is at base
	for at := int64(0); ; {
		if at < base || at+prefixOctets+headerOctets > base+int64(have) {
			n, err := f.ReadAt(b, at)
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, err
			}
			base, have = at, n
			if n < prefixOctets+headerOctets {
				return found, nil
			}
		}
		frame := b[at-base : have]
		image, ok := parsePrefix(frame, id)
		if !ok {
			at += frameAlign
			continue
		}
		if h, err := parseHeader(frame[prefixOctets:]); !errors.Is(err, errErased) {
			file := reference(fileName(h.Job, h.Number), place{id, at})
			if err != nil { // nobody's: its header is damaged
				file = reference(nobodys, place{id, at})
			}
			found = append(found, foundFrame{file, image})
		}
		at += frameSpace(int(image))
	}
}

// nobodys is the name of a frame whose header does not say which document it is.
var nobodys = fileName("00000000-0000-0000-0000-000000000000", 1)

// openFrames reads which frames there are, when the node starts and nobody
// writes yet, and lets go of segments that have none.
func (s *Spool) openFrames() ([]foundFrame, error) {
	ids, err := s.segmentIDs()
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	l := &s.frames
	l.mu.Lock()
	l.knowLocked(ids)
	l.mu.Unlock()
	var all []foundFrame
	for _, id := range ids {
		found, err := s.scanSegment(id)
		if err != nil {
			return nil, fmt.Errorf("spool: %w", err)
		}
		seg := &segment{id: id, end: segmentOctets, live: len(found)}
		l.mu.Lock()
		l.segments[id] = seg
		l.mu.Unlock()
		all = append(all, found...)
		s.letGo(seg)
	}
	return all, nil
}
