package spool

import (
	"errors"
	"os"

	"platen/internal/fsys"
)

// A pipe writes the chunks of a large document while the next ones are read and
// sealed: on a machine with two cores that is half as fast again. Each has a
// megabyte of memory, so only a few documents have one at a time; the others
// write chunk by chunk.
type pipe struct {
	spool  *Spool
	f      *os.File
	buf    []byte // sealed chunks that are not handed over
	at     int64  // where buf belongs
	full   chan piped
	free   chan []byte
	done   chan struct{} // closed when the writing has ended
	err    error         // what it ended with, once done
	pushed int64         // octets that the disk was asked to begin with
}

// piped is what is written at once.
type piped struct {
	b  []byte
	at int64
}

const (
	pipeAfter  = 16             // chunks: what is shorter is over before a pipe pays
	pipeOctets = 8 * (64 << 10) // of each of its two buffers
	mostPipes  = 8
)

// newPipe returns a pipe for a document whose next chunk belongs at at, or nil
// when there are enough.
func (s *Spool) newPipe(f *os.File, at int64) *pipe {
	if s.pipes.Add(1) > mostPipes {
		s.pipes.Add(-1)
		return nil
	}
	p := &pipe{spool: s, f: f, at: at, pushed: at,
		full: make(chan piped, 1), free: make(chan []byte, 2), done: make(chan struct{})}
	for range cap(p.free) {
		p.free <- make([]byte, 0, pipeOctets+chunkOctets+tagOctets)
	}
	p.buf = <-p.free
	go p.serve()
	return p
}

func (p *pipe) serve() {
	defer close(p.done)
	for b := range p.full {
		if err := p.spool.disk.write(p.f, b.b, b.at); err != nil {
			p.err = err
			return
		}
		if end := b.at + int64(len(b.b)); end-p.pushed >= writeBackOctets {
			fsys.WriteBack(p.f, p.pushed, end-p.pushed)
			p.pushed = end
		}
		p.free <- b.b[:0]
	}
}

// handOver gives what was gathered to the one who writes, and waits for another
// buffer.
func (p *pipe) handOver() error {
	select {
	case p.full <- piped{p.buf, p.at}:
	case <-p.done:
		return p.err
	}
	p.at += int64(len(p.buf))
	select {
	case p.buf = <-p.free:
		return nil
	case <-p.done:
		return p.err
	}
}

// end returns when everything is written, or why it is not. The file may be used
// otherwise from then on.
func (p *pipe) end() error {
	if p == nil {
		return nil
	}
	var err error
	if len(p.buf) > 0 {
		err = p.handOver()
	}
	close(p.full)
	<-p.done
	p.spool.pipes.Add(-1)
	return errors.Join(err, p.err)
}
