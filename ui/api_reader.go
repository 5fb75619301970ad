package ui

import (
	"context"
	"errors"
	"net/http"
	"time"

	"platen/directory"
	"platen/fault"
)

// readerWait is how long a box, or somebody who learns a rule, waits for a card: less than Limits.Request.
const readerWait = 25 * time.Second

// apiReading is what came of a card that was shown to a reader beside the terminal.
type apiReading struct {
	Event   string      `json:"event"` // one of those below
	Reader  string      `json:"reader"`
	Session *apiSession `json:"session,omitempty"`
	Reason  string      `json:"reason,omitempty"` // as of a sign-in
	Text    string      `json:"text,omitempty"`   // one sentence, of a card that did not do
	Retry   int         `json:"retry_after,omitempty"`
}

// Events of a reader.
const (
	readerSession = "session"      // somebody is signed in
	readerUnknown = "unknown-card" // it may be registered, at a page
	readerRefused = "refused"
	readerGone    = "card-removed" // the card was taken away, and its session has ended
)

// awaiting is the context of a request that waits for a card: it ends in time for an
// answer, and with the server.
func (s *Server) awaiting(v *visit) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(v.ctx(), min(readerWait, s.Limits.Request*5/6))
	stop := context.AfterFunc(s.life(), cancel)
	return ctx, func() { stop(); cancel() }
}

// apiReader waits for the next card, so that a box knows at once, and answers 204
// when there was none.
func (s *Server) apiReader(v *visit) error {
	ctx, cancel := s.awaiting(v)
	defer cancel()
	x, ok, err := s.Desk.AwaitPickUp(ctx, v.terminal)
	if err != nil {
		return err
	}
	if !ok {
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return v.json(http.StatusOK, v.reading(&x))
}

func (v *visit) reading(x *directory.Shown) apiReading {
	r := apiReading{Reader: x.Reader}
	switch {
	case x.Gone:
		r.Event = readerGone
	case x.Err == nil:
		sess := newAPISession(&x.Session, x.Token)
		r.Event, r.Session = readerSession, &sess
	default:
		a := answerTo(x.Err)
		key, args := fault.Sentence(x.Err)
		r.Event, r.Reason, r.Text, r.Retry = readerRefused, a.reason, v.say.Text(key, args...), int(a.retry/time.Second)
		if refused := (*directory.Refused)(nil); errors.As(x.Err, &refused) {
			r.Reason = refused.Reason
		}
		if r.Reason == directory.ReasonUnknownCard {
			r.Event = readerUnknown
		}
	}
	return r
}
