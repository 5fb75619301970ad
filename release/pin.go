package release

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

// A job that was printed with a job-password is released only with it: being
// signed in as its owner is not enough, since a card can be found or borrowed.
// The PIN is compared here and nowhere else.

// unlock checks the PINs of those of the jobs that have one, and refuses all
// when one is missing or wrong. Whatever state a job is in: it may change before
// the store looks at it.
func (s *Service) unlock(ctx context.Context, op string, sess Session, jobs []job.Job, pins job.PINs) error {
	for i := range jobs {
		if jobs[i].Ticket.PIN != nil && pins[jobs[i].ID] == "" {
			return refused(op, directory.ReasonNeedPIN, "This document is printed only with its PIN. Please type the PIN that was chosen for it.")
		}
	}
	for i := range jobs {
		if jobs[i].Ticket.PIN == nil {
			continue
		}
		if err := s.givePIN(ctx, op, sess, &jobs[i], pins[jobs[i].ID]); err != nil {
			return err
		}
	}
	return nil
}

// givePIN compares a PIN with that of a job, once it has been counted as wrong.
// The throttles are not those of signing in: who mistypes here stays able to
// come in, and who guesses there does not keep anybody from a document.
func (s *Service) givePIN(ctx context.Context, op string, sess Session, j *job.Job, typed string) error {
	document := limit{key: "document/" + j.UUID, rule: documentRule}
	a, err := s.attempt(ctx, op, document, limit{key: "documents/" + sess.User.ID, rule: documentsRule})
	if busy := (*Throttled)(nil); errors.As(err, &busy) {
		return waitWithPIN(op, busy.RetryAfter)
	}
	if err != nil {
		return err
	}
	a.what = "repeated wrong PINs of documents"
	if s.Verify(j.Ticket.PIN.Verifier, asItCame(j.Ticket.PIN.Encryption, typed)) {
		return a.succeeded(ctx, document.key)
	}
	if err := a.failed(ctx); err != nil {
		return err
	}
	return refused(op, directory.ReasonWrongPIN, "That is not the PIN of this document. Please try again.")
}

// asItCame does to a typed PIN what the client did to it before it sent it
// (job-password-encryption of PWG 5100.11). An encryption that is not known
// matches nothing.
func asItCame(encryption, typed string) string {
	switch b := []byte(typed); encryption {
	case "none":
		return typed
	case "sha2-256":
		sum := sha256.Sum256(b)
		return string(sum[:])
	case "sha2-384":
		sum := sha512.Sum384(b)
		return string(sum[:])
	case "sha2-512":
		sum := sha512.Sum512(b)
		return string(sum[:])
	}
	return ""
}

// waitWithPIN says how somebody goes on who has typed too many wrong PINs.
func waitWithPIN(op string, wait time.Duration) *Throttled {
	e := &fault.Error{
		Op: op, Kind: fault.Unavailable,
		Text: "Too many wrong PINs. Please wait %d seconds and try again.", Args: []any{max(2, int(wait/time.Second))},
	}
	if wait > 2*time.Minute {
		e.Text = "Too many wrong PINs. Please wait %d minutes, or delete the document and print it again with a new PIN."
		e.Args = []any{int((wait + time.Minute - 1) / time.Minute)}
	}
	return &Throttled{RetryAfter: wait, Err: e}
}
