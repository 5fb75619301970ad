package release_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"platen/fault"
	"platen/job"
	"platen/release"
)

func TestA43Enrolment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		secret, err := d.NewEnrolment(t.Context(), "administrator root", hall.ID)
		must(t, err)
		if len(secret) < 22 {
			t.Errorf("a secret of %d letters holds less than 128 bits", len(secret))
		}
		_, _, err = d.EnrolTerminal(t.Context(), "guess", here)
		wantKind(t, "a guess", err, fault.Denied)
		m, token, err := d.EnrolTerminal(t.Context(), secret, here)
		if err != nil || m.ID != hall.ID || len(token) < 22 || token == secret {
			t.Fatalf("%+v, %v", m, err)
		}
		_, _, err = d.EnrolTerminal(t.Context(), secret, here)
		wantKind(t, "the secret again", err, fault.Denied)
		if m, err := d.Terminal(t.Context(), token, here); err != nil || m.ID != hall.ID {
			t.Errorf("%+v, %v", m, err)
		}
		_, err = d.Terminal(t.Context(), secret, here)
		wantKind(t, "the secret as a token", err, fault.Denied)
		_, err = d.Terminal(t.Context(), "", here)
		wantKind(t, "no token", err, fault.Denied)

		sess, person := d.signIn(t, hall, card(annasCard))
		fresh, err := d.NewEnrolment(t.Context(), "administrator root", hall.ID)
		must(t, err)
		_, err = d.Terminal(t.Context(), token, here)
		wantKind(t, "the token of before", err, fault.Denied)
		_, err = d.Session(t.Context(), person, hall.ID)
		wantKind(t, "the session "+sess.ID+" of before", err, fault.Denied)
		time.Sleep(72 * time.Hour)
		_, _, err = d.EnrolTerminal(t.Context(), fresh, here)
		wantKind(t, "three days later", err, fault.Denied)
		if written := d.log.String(); strings.Contains(written, secret) || strings.Contains(written, token) {
			t.Error("a secret is in the log")
		}
	})
}

func TestEnrolmentByToken(t *testing.T) {
	d := newDesk(t)
	token, err := d.NewToken(t.Context(), "administrator root", attic.ID)
	must(t, err)
	if m, err := d.Terminal(t.Context(), token, here); err != nil || m.ID != attic.ID {
		t.Errorf("%+v, %v", m, err)
	}
	must(t, d.RevokeTerminal(t.Context(), "administrator root", attic.ID))
	_, err = d.Terminal(t.Context(), token, here)
	wantKind(t, "revoked", err, fault.Denied)
	for what, err := range map[string]error{
		"enrolment": second(d.NewEnrolment(t.Context(), "x", job.NewUUID())),
		"token":     second(d.NewToken(t.Context(), "x", job.NewUUID())),
		"revoke":    d.RevokeTerminal(t.Context(), "x", job.NewUUID()),
	} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s of no terminal: %v", what, err)
		}
	}
	if lines := d.store.AuditTrail("terminal-revoked"); len(lines) != 1 || lines[0].Object != "terminal attic" {
		t.Errorf("audit: %+v", lines)
	}
}

func second[T any](_ T, err error) error { return err }

func TestTerminalBoundToItsAddresses(t *testing.T) {
	d := newDesk(t)
	fenced := hall
	fenced.Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	d.PutTerminal(t, fenced)
	token, err := d.NewToken(t.Context(), "administrator root", hall.ID)
	must(t, err)
	_, err = d.Terminal(t.Context(), token, here)
	must(t, err)
	_, err = d.Terminal(t.Context(), token, netip.MustParseAddr("::ffff:192.0.2.9"))
	must(t, err)
	for _, a := range []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8::1"), {}} {
		_, err = d.Terminal(t.Context(), token, a)
		wantKind(t, a.String(), err, fault.Denied)
	}
	secret, err := d.NewEnrolment(t.Context(), "administrator root", hall.ID)
	must(t, err)
	_, stolen, err := d.EnrolTerminal(t.Context(), secret, netip.MustParseAddr("198.51.100.1"))
	wantKind(t, "enrolled from elsewhere", err, fault.Denied)
	if stolen != "" {
		t.Error("a token came with the refusal")
	}
	if !release.Admits(hall, netip.Addr{}) {
		t.Error("a terminal without a list is refused")
	}
}
