package pki_test

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"platen/fault"
	"platen/pki"
)

// busy is how an ACME server says that it wants to be left alone.
type busy struct{ at time.Time }

func (b *busy) Error() string      { return "not before " + b.at.String() }
func (b *busy) RetryAt() time.Time { return b.at }

// server is an ACME server that answers as the test says.
type server struct {
	w     *world
	err   error
	asked int
	leaf  *x509.Certificate // of what it gave last

	renewal      time.Time // when it wants that renewed
	renewalErr   error
	renewalAsked int
}

func (s *server) obtain(_ context.Context, x *pki.Kept, names []string) (*pki.Chain, error) {
	if s.asked++; s.err != nil {
		return nil, s.err
	}
	root, err := pki.NewRoot("acme", s.w.now)
	if err != nil {
		return nil, err
	}
	between, err := pki.NewIssuing(root, names, s.w.now)
	if err != nil {
		return nil, err
	}
	c, err := pki.Issue(between, names, s.w.now)
	if err == nil {
		s.leaf = c.Leaf()
	}
	return c, err
}

func (s *server) renewalTime(context.Context, pki.Kept, *x509.Certificate) (time.Time, error) {
	s.renewalAsked++
	return s.renewal, s.renewalErr
}

func ordered(t *testing.T) (*world, *server) {
	t.Helper()
	w := newWorld(t, "localhost")
	_, err := w.AddDomain(t.Context(), watchedName)
	must(t, err)
	s := &server{w: w}
	w.Obtain, w.RenewalTime = s.obtain, s.renewalTime
	_, err = w.Order(t.Context(), "public", []string{watchedName}, "{}", "canary")
	must(t, err)
	must(t, w.Choose(t.Context(), "public", []string{watchedName}))
	return w, s
}

// every hour, the node looks.
func (w *world) hours(t *testing.T, n int) {
	t.Helper()
	for range n {
		w.now = w.now.Add(time.Hour)
		must(t, w.Renew(t.Context()))
	}
}

var errDown = &fault.Error{Op: "acme", Kind: fault.Unavailable, Text: "The server did not answer."}

func TestOrder(t *testing.T) {
	w, s := ordered(t)
	v, err := w.Find("public")
	must(t, err)
	if secret, err := w.store.ChainSecret(t.Context(), v.ID); err != nil || secret != "canary" {
		t.Errorf("secret %q, %v", secret, err)
	}
	if !w.shown(t, watchedName).Equal(s.leaf) || !v.Next.Equal(pki.RenewAt(s.leaf)) {
		t.Errorf("%+v", v)
	}
	s.err = errDown
	_, err = w.Order(t.Context(), "second", []string{watchedName}, "{}", "canary")
	if !errors.Is(err, errDown) {
		t.Errorf("err = %v", err)
	}
	if _, err := w.Find("second"); !fault.Is(err, fault.NotFound) {
		t.Errorf("what was not given is kept: %v", err)
	}
	if _, err := w.Order(t.Context(), "public", []string{watchedName}, "{}", ""); !fault.Is(err, fault.Conflict) {
		t.Errorf("the same name: %v", err)
	}
	if _, err := w.Order(t.Context(), "third", []string{"evil.example"}, "{}", ""); !fault.Is(err, fault.NotFound) || s.asked != 2 {
		t.Errorf("a name of others: %v, asked %d times", err, s.asked)
	}
	w.Obtain = nil
	if _, err := w.Order(t.Context(), "third", []string{watchedName}, "{}", ""); !strings.HasPrefix(fault.Text(err), "The node is not running.") {
		t.Errorf("%v", err)
	}
}

// A server that says how long it wants to be left alone is believed, also over a start;
// one that does not is asked again after six hours.
func TestRenewalWaitsAsLongAsTheServerWants(t *testing.T) {
	w, s := ordered(t)
	first := s.leaf
	w.now = pki.RenewAt(first)
	at := w.now.Add(50 * time.Hour)
	s.err = &fault.Error{Op: "acme", Kind: fault.Unavailable, Text: "It has had enough.", Err: &busy{at}}
	w.hours(t, 25)
	w.Keeper = w.keeper(w.CAFile)
	w.Obtain = s.obtain
	must(t, w.Open(t.Context()))
	w.hours(t, 24)
	if v, err := w.Find("public"); err != nil || s.asked != 2 || v.Trouble != "It has had enough." || !v.Next.After(at.Add(-time.Second)) {
		t.Errorf("asked %d times; %+v, %v", s.asked, v, err)
	}
	s.err = errDown
	w.hours(t, 2)
	asked := s.asked
	w.hours(t, 24)
	if s.asked != asked+4 {
		t.Errorf("asked %d times in a day", s.asked-asked)
	}
	if !w.shown(t, watchedName).Equal(first) {
		t.Error("the old one is not shown any longer")
	}
	s.err = nil
	w.hours(t, 6)
	if v, err := w.Find("public"); err != nil || v.Trouble != "" || !w.shown(t, watchedName).Equal(s.leaf) || s.leaf.Equal(first) {
		t.Errorf("%+v, %v", v, err)
	}
}

// A clock that was wrong once does not keep a chain from being renewed.
func TestRenewalAfterTheClockWentBack(t *testing.T) {
	w, s := ordered(t)
	right := pki.RenewAt(s.leaf).Add(time.Hour)
	w.now, s.err = right.Add(3650*day), errDown
	must(t, w.Renew(t.Context()))
	w.now, s.err = right, nil
	must(t, w.Renew(t.Context()))
	if s.asked != 3 || w.trouble(t, "public") != "" {
		t.Errorf("asked %d times, %q", s.asked, w.trouble(t, "public"))
	}
}

// The server's own time counts when it is sooner. It is asked once a day.
func TestRenewalWhenTheServerWants(t *testing.T) {
	w, s := ordered(t)
	w.hours(t, 48)
	if s.asked != 1 || s.renewalAsked < 2 || s.renewalAsked > 3 {
		t.Errorf("asked %d times, and %d times for the time, in two days", s.asked, s.renewalAsked)
	}
	s.renewal = pki.RenewAt(s.leaf).Add(day) // later than ours
	w.hours(t, 25)
	if v, err := w.Find("public"); err != nil || !v.Next.Equal(pki.RenewAt(s.leaf)) {
		t.Errorf("%+v, %v", v, err)
	}
	s.renewal = w.now.Add(30 * time.Hour)
	w.hours(t, 25)
	v, err := w.Find("public")
	if err != nil || s.asked != 1 || !v.Next.Equal(s.renewal) {
		t.Errorf("asked %d times; %+v, %v", s.asked, v, err)
	}
	s.renewalErr = errDown // which is no trouble of the chain
	w.hours(t, 6)
	if s.asked != 2 || w.trouble(t, "public") != "" || !w.shown(t, watchedName).Equal(s.leaf) {
		t.Errorf("asked %d times, %q", s.asked, w.trouble(t, "public"))
	}

	// One that always wants another one gets one a day at most.
	s.renewalErr, s.renewal = nil, w.now.Add(-time.Hour)
	asked := s.asked
	w.hours(t, 10*24)
	if n := s.asked - asked; n > 11 {
		t.Errorf("%d certificates in ten days", n)
	}
}

// Somebody does not want to wait.
func TestRenewNow(t *testing.T) {
	w, s := ordered(t)
	first := s.leaf
	must(t, w.RenewNow(t.Context(), "public"))
	second := w.shown(t, watchedName)
	if s.asked != 2 || second.Equal(first) || !second.Equal(s.leaf) {
		t.Errorf("asked %d times", s.asked)
	}
	s.err = &fault.Error{Op: "acme", Kind: fault.Unavailable, Text: "It has had enough.", Err: &busy{w.now.Add(day)}}
	if err := w.RenewNow(t.Context(), "public"); !errors.Is(err, s.err) || w.trouble(t, "public") != "It has had enough." || !w.shown(t, watchedName).Equal(second) {
		t.Errorf("%v; %q", err, w.trouble(t, "public"))
	}
	s.err = nil
	must(t, w.RenewNow(t.Context(), "public"))
	if w.trouble(t, "public") != "" {
		t.Errorf("%q", w.trouble(t, "public"))
	}
	if err := w.RenewNow(t.Context(), "node"); !fault.Is(err, fault.Conflict) {
		t.Errorf("the node's own: %v", err)
	}

	// Who has gone away is no trouble of the chain.
	ctx, cancel := context.WithCancel(t.Context())
	s.err = context.Canceled
	cancel()
	if err := w.RenewNow(ctx, "public"); !errors.Is(err, context.Canceled) || w.trouble(t, "public") != "" {
		t.Errorf("%v; %q", err, w.trouble(t, "public"))
	}
}
