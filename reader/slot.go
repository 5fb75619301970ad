package reader

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A card that was just laid down may not answer yet.
const (
	readTries = 3
	readPause = 200 * time.Millisecond
	readTime  = 10 * time.Second // all tries together
)

// slot is a reader that a card may be in.
type slot struct {
	*PCSC
	service service
	reader  string
	news    chan struct{}

	mu    sync.Mutex
	now   presence
	empty int // how often it was; so that nothing is missed while a card is read

	held string      // the number that was told and not yet that it is gone
	away *time.Timer // running while held is not there; nil otherwise
}

// tell says how the reader is now.
func (s *slot) tell(p presence) {
	s.mu.Lock()
	s.now = p
	if !p.card {
		s.empty++
	}
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default: // it will look
	}
}

// visit is one card laid down once.
type visit struct {
	presence
	empty int
}

func (s *slot) look() visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return visit{s.now, s.empty}
}

func (s *slot) run(ctx context.Context) {
	var last visit
	for {
		var away <-chan time.Time
		if s.away != nil {
			away = s.away.C
		}
		select {
		case <-ctx.Done():
			return
		case <-away:
			s.remove(ctx)
		case <-s.news:
			v := s.look()
			if v == last {
				continue
			}
			last = v
			s.leave(ctx)
			if v.card {
				s.read(ctx, v)
			}
		}
	}
}

// leave says that what was held is not there, for now.
func (s *slot) leave(ctx context.Context) {
	switch d := orDefault(s.Debounce, defaultDebounce); {
	case s.held == "" || s.away != nil:
	case d < 0:
		s.remove(ctx)
	default:
		s.away = time.NewTimer(d)
	}
}

func (s *slot) back() {
	if s.away != nil {
		s.away.Stop()
		s.away = nil
	}
}

// remove tells that what was held is gone.
func (s *slot) remove(ctx context.Context) {
	s.back()
	if s.held == "" {
		return
	}
	raw := s.held
	s.held = ""
	s.Sink(ctx, Reading{Reader: s.reader, Raw: raw, At: time.Now(), Removed: true})
}

// read asks the card that came for its number and tells it.
func (s *slot) read(ctx context.Context, v visit) {
	raw, err := s.number(ctx, v)
	if ctx.Err() != nil || err != nil && s.look().empty != v.empty { // it went while it was read: that says nothing of card or reader
		return
	}
	if err != nil {
		s.Log.Warn("reader: no number from a card", "reader", s.reader, "error", err)
		s.show(func() { s.trouble = troubleOf(err) })
		return
	}
	s.show(func() { s.trouble = "" })
	if raw == s.held {
		s.back()
		return
	}
	s.remove(ctx)
	s.held = raw
	now := time.Now()
	s.ears.busy(s.reader, now, orDefault(s.BusyAbove, defaultBusy), s.Busy)
	s.Sink(ctx, Reading{Reader: s.reader, Raw: raw, At: now})
}

// number tries as long as the card does not answer and is still there.
func (s *slot) number(ctx context.Context, v visit) (raw string, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	for try := 1; ; try++ {
		raw, err = s.ask(ctx)
		if err == nil || isRefusal(err) || try == readTries || ctx.Err() != nil || s.look().empty != v.empty {
			return raw, err
		}
		pause(ctx, readPause)
	}
}

func troubleOf(err error) string {
	if isRefusal(err) {
		return noNumber
	}
	return notReadable
}

func (s *slot) ask(ctx context.Context) (string, error) {
	answer, err := s.service.ask(ctx, s.reader, getUID)
	if err != nil {
		return "", err
	}
	return parseUID(answer)
}

// isRefusal says that the card answered, but gave no number.
func isRefusal(err error) bool {
	var refusal *answerError
	return errors.As(err, &refusal)
}
