package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"platen/fault"
)

var letter = Message{To: "anna.berg@people.example.test", Subject: "Your new PIN", Text: "It is 246810.\n", Language: "en"}

func TestSend(t *testing.T) {
	ca := newAuthority(t)
	tests := map[string]struct {
		fake   *fake
		change func(*Mailer)
		auth   string
	}{
		"STARTTLS":          {&fake{}, func(*Mailer) {}, "AUTH PLAIN AGFubmEAczNjcmV0LXBhc3M=\r\n"},
		"TLS":               {&fake{implicit: true}, func(*Mailer) {}, "AUTH PLAIN AGFubmEAczNjcmV0LXBhc3M=\r\n"},
		"nobody":            {&fake{}, func(m *Mailer) { m.User = "" }, ""},
		"no TLS, this host": {&fake{}, func(m *Mailer) { m.TLS, m.AllowNoTLS = NoTLS, true }, "AUTH PLAIN AGFubmEAczNjcmV0LXBhc3M=\r\n"},
		"no SMTPUTF8":       {&fake{replies: map[string]string{"EHLO+TLS": "250-fake\r\n250-SMTPUTF8\r\n250 AUTH PLAIN"}}, func(*Mailer) {}, "AUTH PLAIN AGFubmEAczNjcmV0LXBhc3M=\r\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := tt.fake
			f.cert = ca.good(t)
			m := f.listen(t, ca)
			tt.change(m)
			if err := m.Send(t.Context(), letter); err != nil {
				t.Fatal(err)
			}
			want := tt.auth + "MAIL FROM:<print@example.test>\r\nRCPT TO:<anna.berg@people.example.test>\r\nDATA\r\n"
			if got := f.lines(); !strings.Contains(got, want) || !strings.Contains(got, "EHLO [127.0.0.1]\r\n") || !strings.HasSuffix(got, "QUIT\r\n") {
				t.Errorf("heard\n%s", got)
			}
		})
	}
}

// What a server can do wrong, what it is taken for, and the sentence for it.
func TestServersThatDoNotTakeIt(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	day := 24 * time.Hour
	reply := func(step, text string) *fake { return &fake{replies: map[string]string{step: text}} }
	tests := map[string]struct {
		fake *fake
		kind fault.Kind
		text string
	}{
		"too busy at first":        {reply("banner", "421 4.3.2 later"), fault.Unavailable, "The mail server cannot take the message now. Please try again later."},
		"closed to us":             {reply("banner", "554 5.7.1 you are on a list"), fault.Unavailable, "The mail server refuses to speak with this node."},
		"a web server":             {reply("banner", "HTTP/1.1 400 Bad Request"), fault.Unavailable, "The mail server ended the conversation, or answers what is not SMTP."},
		"a huge banner line":       {reply("banner", "220 "+strings.Repeat("x", 1<<20)), fault.Unavailable, "The mail server ended the conversation, or answers what is not SMTP."},
		"a huge banner":            {reply("banner", strings.Repeat("220-x\r\n", 1<<17)+"220 x"), fault.Unavailable, "The mail server ended the conversation, or answers what is not SMTP."},
		"endless extensions":       {reply("EHLO", strings.Repeat("250-X\r\n", 1<<17)+"250 STARTTLS"), fault.Unavailable, "The mail server ended the conversation, or answers what is not SMTP."},
		"STARTTLS not now":         {reply("STARTTLS", "454 4.7.0 no"), fault.Unavailable, "The mail server cannot take the message now. Please try again later."},
		"STARTTLS, then no TLS":    {&fake{garbled: true}, fault.Unavailable, "The mail server does not speak TLS at this port. Please check the port and the encryption."},
		"no way to sign in":        {reply("EHLO+TLS", "250-fake\r\n250 AUTH NTLM GSSAPI"), fault.Denied, "The mail server does not offer to sign in with PLAIN or LOGIN."},
		"wrong password":           {reply("AUTH", "535 5.7.8 anna has s3cret-pass?"), fault.Denied, "The mail server does not accept the user name or the password."},
		"passwords are away":       {reply("AUTH", "454 4.7.0 directory away"), fault.Unavailable, "The mail server cannot take the message now. Please try again later."},
		"sign in first":            {reply("MAIL", "530 5.7.0 Authentication required"), fault.Denied, "The mail server wants a user name and a password."},
		"not this sender":          {reply("MAIL", "550 5.7.60 not yours"), fault.Denied, "The mail server does not accept the address of the sender."},
		"no such recipient":        {reply("RCPT", "550 5.1.1 <anna.berg@people.example.test> unknown"), fault.Invalid, "The mail server does not accept this recipient."},
		"recipient later":          {reply("RCPT", "450 4.2.0 anna.berg is greylisted"), fault.Unavailable, "The mail server cannot take the message now. Please try again later."},
		"an answer of another day": {reply("RCPT", "354 anna.berg"), fault.Unavailable, "The mail server cannot take the message now. Please try again later."},
		"no answer at all":         {reply("RCPT", "anna.berg"), fault.Unavailable, "The mail server ended the conversation, or answers what is not SMTP."},
		"no data":                  {reply("DATA", "554 5.5.1 no"), fault.Invalid, "The mail server does not accept this message."},
		"spam":                     {reply("body", "554 5.7.1 spam: It is 246810."), fault.Invalid, "The mail server does not accept this message."},
		"disk full":                {reply("body", "452 4.3.1 full"), fault.Unavailable, "The mail server cannot take the message now. Please try again later."},
		"expired": {&fake{cert: ca.server(t, "localhost", noon.Add(-9*day), noon.Add(-day))}, fault.Unavailable,
			"The certificate of the mail server has expired."},
		"expired, TLS": {&fake{implicit: true, cert: ca.server(t, "localhost", noon.Add(-9*day), noon.Add(-day))}, fault.Unavailable,
			"The certificate of the mail server has expired."},
		"not yet valid": {&fake{cert: ca.server(t, "localhost", noon.Add(day), noon.Add(9*day))}, fault.Unavailable,
			"The certificate of the mail server is not valid yet. Please check the clocks."},
		"another name": {&fake{cert: ca.server(t, "www.example.test", noon.Add(-day), noon.Add(day))}, fault.Unavailable,
			"The certificate of the mail server is for another name than 127.0.0.1."},
		"another authority": {&fake{cert: stranger.good(t)}, fault.Unavailable,
			"The certificate of the mail server is of another authority than the one that was named for it alone (platen mail trust)."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := tt.fake
			if f.cert == nil {
				f.cert = ca.good(t)
			}
			err := f.listen(t, ca).Send(t.Context(), letter)
			if !fault.Is(err, tt.kind) || fault.Text(err) != tt.text {
				t.Errorf("%v: %q", err, fault.Text(err))
			}
			for _, private := range []string{"anna.berg", "s3cret", "246810"} {
				if strings.Contains(err.Error(), private) {
					t.Errorf("%q is in the error: %v", private, err)
				}
			}
			if strings.HasPrefix(tt.text, "The certificate") && strings.Contains(f.lines(), "AUTH") {
				t.Error("it got the password")
			}
		})
	}
}

// Whoever sits on the line and leaves STARTTLS out gets nothing, and least of
// all the password.
func TestA47StrippedSTARTTLS(t *testing.T) {
	ca := newAuthority(t)
	for name, ehlo := range map[string]string{"left out": "250-fake\r\n250 AUTH PLAIN LOGIN", "HELO only": "502 5.5.1 what?"} {
		t.Run(name, func(t *testing.T) {
			f := &fake{cert: ca.good(t), replies: map[string]string{"EHLO": ehlo, "HELO": "250 fake"}}
			err := f.listen(t, ca).Send(t.Context(), letter)
			if !fault.Is(err, fault.Unavailable) || fault.Text(err) != "The mail server does not offer encryption by STARTTLS." {
				t.Error(err)
			}
			if got := f.lines(); strings.Contains(got, "AUTH") || strings.Contains(got, "MAIL") {
				t.Errorf("heard\n%s", got)
			}
		})
	}
}

// What was said before TLS does not count after it.
func TestAnswersBeforeTLSAreForgotten(t *testing.T) {
	ca := newAuthority(t)
	f := &fake{cert: ca.good(t), replies: map[string]string{
		"EHLO": "250-fake\r\n250-STARTTLS\r\n250 AUTH LOGIN", "EHLO+TLS": "250-fake\r\n250 AUTH PLAIN",
		"STARTTLS": "220 go on\r\n250-injected\r\n250 AUTH LOGIN"}}
	r, err := f.listen(t, ca).Test(t.Context())
	if err != nil || len(r.Auth) != 1 || r.Auth[0] != "PLAIN" {
		t.Errorf("%+v, %v", r, err)
	}
}

// The administrator, or whoever has his seat, points the node at another
// server: the caller forgets the password, and the other server is not even
// dialled until somebody types it.
func TestA47ForgottenPassword(t *testing.T) {
	ca := newAuthority(t)
	canary := &fake{cert: ca.good(t)}
	m := canary.listen(t, ca)
	m.Secret = ""
	m.dial = func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialled")
		return nil, io.EOF
	}
	if err := m.Send(t.Context(), letter); !fault.Is(err, fault.Denied) {
		t.Error(err)
	}
	if _, err := m.Test(t.Context()); !fault.Is(err, fault.Denied) || !strings.Contains(fault.Text(err), "enter it again") {
		t.Error(err)
	}
}

// "localhost" that is somewhere else does not get the password.
func TestA47LoopbackThatIsNone(t *testing.T) {
	f := &fake{}
	m := f.mailer(newAuthority(t))
	m.Host, m.TLS, m.AllowNoTLS, m.dial = "localhost", NoTLS, true, f.pipe
	if err := m.Send(t.Context(), letter); !fault.Is(err, fault.Invalid) || strings.Contains(f.lines(), "AUTH") {
		t.Errorf("%v\n%s", err, f.lines())
	}
}

func TestServerAway(t *testing.T) {
	f := &fake{}
	m := f.mailer(newAuthority(t))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.Port = ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	if err := m.Send(t.Context(), letter); !fault.Is(err, fault.Unavailable) || fault.Text(err) != "The mail server refuses the connection. Please check the port, whether the server runs, and the firewalls." {
		t.Error(err)
	}
}

// A name that nobody knows is another matter than a server that is away.
func TestServerThatNobodyKnows(t *testing.T) {
	f := &fake{}
	m := f.mailer(newAuthority(t))
	m.dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Name: m.Host, IsNotFound: true}}
	}
	if err := m.Send(t.Context(), letter); !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Text(err), "nobody knows this name") {
		t.Error(err)
	}
}

// A server that hangs holds nobody longer than a step may take, and nobody
// longer than he is willing to wait.
func TestHangs(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.good(t)
	run := func(name string, f *fake, limit, want time.Duration) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				defer f.piped.Wait()
				f.cert = cert
				m := f.mailer(ca)
				m.dial = f.pipe
				start := time.Now()
				err := m.Send(ctx, letter)
				if took := time.Since(start); took != want { // of the bubble's clock
					t.Errorf("held for %v, not %v", took, want)
				}
				if f.hang == "QUIT" && err != nil {
					t.Errorf("the message was taken: %v", err)
				}
				if f.hang != "QUIT" && !fault.Is(err, fault.Unavailable) {
					t.Error(err)
				}
				// Half a line is taken for a line when time is up.
				if f.hang != "QUIT" && !f.drip && fault.Text(err) != "The mail server did not answer in time." {
					t.Errorf("%q", fault.Text(err))
				}
				if limit < want && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		})
	}
	for _, step := range []string{"banner", "EHLO", "STARTTLS", "handshake", "EHLO+TLS", "AUTH", "MAIL", "RCPT", "DATA", "body"} {
		run(step, &fake{hang: step}, time.Hour, stepTime)
		if step != "handshake" { // TLS does not wait for the end of nonsense
			run(step+", octet by octet", &fake{hang: step, drip: true}, time.Hour, stepTime)
		}
		run(step+", ctx", &fake{hang: step}, 3*time.Second, 3*time.Second)
	}
	run("handshake at once", &fake{implicit: true, hang: "banner"}, time.Hour, stepTime)
	run("QUIT", &fake{hang: "QUIT"}, time.Hour, time.Second)
}

// The log has the domain and nothing else of a person.
func TestLog(t *testing.T) {
	ca := newAuthority(t)
	f := &fake{cert: ca.good(t)}
	m := f.listen(t, ca)
	var b bytes.Buffer
	m.Log = slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if err := m.Send(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "domain=people.example.test") || strings.Contains(got, "anna") || strings.Contains(got, "246810") || strings.Contains(got, m.Secret) {
		t.Error(got)
	}
}

func TestReport(t *testing.T) {
	ca := newAuthority(t)
	f := &fake{cert: ca.good(t), replies: map[string]string{"EHLO+TLS": "250-fake\r\n250 AUTH PLAIN <script> LOGIN"}}
	m := f.listen(t, ca)
	r, err := m.Test(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.TLS != "TLS 1.3" || !r.SignedIn || fmt.Sprint(r.Auth) != "[PLAIN LOGIN]" || len(r.Chain) != 1 {
		t.Errorf("%+v", r)
	}
	if c := r.Chain[0]; c.Subject != "CN=mail" || c.Issuer != "CN=Test CA" || fmt.Sprint(c.Names) != "[localhost 127.0.0.1]" {
		t.Errorf("%+v", c)
	}
	if strings.Contains(f.lines(), "MAIL") {
		t.Error("a test sends no message")
	}
}

// Whoever is told that a certificate is wrong sees which one it is.
func TestReportOfARefusedCertificate(t *testing.T) {
	ca := newAuthority(t)
	for _, implicit := range []bool{false, true} {
		f := &fake{implicit: implicit, cert: ca.server(t, "www.example.test", noon.AddDate(0, 0, -1), noon.AddDate(0, 0, 1))}
		r, err := f.listen(t, ca).Test(t.Context())
		if !fault.Is(err, fault.Unavailable) || len(r.Chain) != 1 || fmt.Sprint(r.Chain[0].Names) != "[www.example.test]" || r.TLS != "" {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// Whatever a server answers: there is an end, and an error for people.
func FuzzServer(f *testing.F) {
	f.Add([]byte("220 fake\r\n250-fake\r\n250 AUTH PLAIN\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n221 bye\r\n"))
	f.Add([]byte("220-a\r\n220 b\r\n500 what\r\n250 fake\r\n550 5.1.1 no\r\n"))
	f.Add([]byte("220 \r\n250-\r\n250-AUTH\r\n250 AUTH  \x00 =\r\n999 x\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		m := &Mailer{Config: Config{Host: "127.0.0.1", From: "print@example.test", TLS: NoTLS, AllowNoTLS: true},
			Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon }}
		m.dial = func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, server) }()
			go func() { _, _ = server.Write(said); server.Close() }()
			return client, nil
		}
		err := m.Send(t.Context(), letter)
		if err != nil && (fault.KindOf(err) == fault.Internal || strings.Contains(err.Error(), "anna.berg")) {
			t.Error(err)
		}
	})
}
