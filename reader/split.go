package reader

import "bytes"

// splitter cuts a stream into lines. It holds no more than a line and its end.
type splitter struct {
	end  []byte // of a line; empty: pauses are
	max  int    // octets of a line without its end
	line []byte
	skip bool // the line is refused, up to its end
}

// feed takes the next octets and calls emit for each line that they end, and
// refuse for each that is refused. A line is valid until emit returns.
func (s *splitter) feed(octets []byte, emit func(line []byte), refuse func()) {
	for _, b := range octets {
		s.line = append(s.line, b)
		if len(s.end) > 0 && bytes.HasSuffix(s.line, s.end) {
			s.finish(len(s.line)-len(s.end), emit, refuse)
			continue
		}
		if over := s.max + max(len(s.end)-1, 0); s.skip || len(s.line) > over {
			s.drop()
		}
	}
}

// drop refuses the line, and keeps of it what may be the beginning of its end.
func (s *splitter) drop() {
	s.skip = true
	keep := max(len(s.end)-1, 0)
	s.line = append(s.line[:0], s.line[len(s.line)-keep:]...)
}

func (s *splitter) finish(n int, emit func([]byte), refuse func()) {
	line, refused := s.line[:n], s.skip || n > s.max
	s.line, s.skip = s.line[:0], false
	switch {
	case refused:
		refuse()
	case n > 0:
		emit(line)
	}
}

// within reports whether a pause would mean something now.
func (s *splitter) within() bool {
	if len(s.end) == 0 {
		return s.skip || len(s.line) > 0
	}
	return !s.skip && len(s.line) > 0
}

// pause says that nothing came for a while. It ends a line that nothing else
// ends. Others it refuses: what comes later may be the tail of another number.
func (s *splitter) pause(emit func([]byte), refuse func()) {
	switch {
	case !s.within():
	case len(s.end) == 0:
		s.finish(len(s.line), emit, refuse)
	default:
		s.drop()
	}
}
