package notify

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platen/fault"
	"platen/internal/testkit/peers"
)

// startPeer runs aiosmtpd with a certificate of ca, and returns a mailer for it.
func startPeer(t *testing.T, ca *authority, o peers.SMTPOptions) (*peers.SMTP, *Mailer) {
	t.Helper()
	dir := t.TempDir()
	cert := ca.good(t)
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	o.CertFile, o.KeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]pem.Block{o.CertFile: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]}, o.KeyFile: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(&block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := peers.StartSMTP(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	t.Logf("peer: %s", p.Version)
	m := (&fake{implicit: o.Implicit}).mailer(ca)
	m.Port, m.FromName = p.Port, "Drucken im Büro"
	return p, m
}

func TestAiosmtpd(t *testing.T) {
	ca := newAuthority(t)
	tests := map[string]struct {
		options peers.SMTPOptions
		auth    string
	}{
		"STARTTLS":        {peers.SMTPOptions{}, "[LOGIN PLAIN]"},
		"TLS":             {peers.SMTPOptions{Implicit: true}, "[LOGIN PLAIN]"},
		"with LOGIN only": {peers.SMTPOptions{Without: "PLAIN"}, "[LOGIN]"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.options.User, tt.options.Password, tt.options.Nobody = "anna", "s3cret-pass", "nobody@example.test"
			p, m := startPeer(t, ca, tt.options)

			r, err := m.Test(t.Context())
			if err != nil || !r.SignedIn || r.TLS != "TLS 1.3" || fmt.Sprint(r.Auth) != tt.auth || len(r.Chain) != 1 {
				t.Errorf("%+v, %v", r, err)
			}
			t.Logf("report: %+v", r)
			arrives(t, p, m)

			none := letter
			none.To = tt.options.Nobody
			if err := m.Send(t.Context(), none); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "550 5.1.1") {
				t.Error(err)
			}
			m.Secret = "wrong"
			if err := m.Send(t.Context(), letter); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "535 5.7.8") {
				t.Error(err)
			}
			m.User = ""
			if err := m.Send(t.Context(), letter); !fault.Is(err, fault.Denied) || fault.Text(err) != "The mail server wants a user name and a password." {
				t.Error(err)
			}
			if got, err := p.Mails(); err != nil || len(got) != 1 {
				t.Errorf("%d mails, %v", len(got), err)
			}
		})
	}
}

// arrives sends a message and reads it where the server has put it.
func arrives(t *testing.T, p *peers.SMTP, m *Mailer) {
	t.Helper()
	msg := PINMessage(nil, "de", "Änne Groß", "246810")
	msg.To, msg.Subject = letter.To, "Ihre neue PIN fürs Drucken im Büro, im Lager und überall sonst im ganzen Haus"
	msg.Text += ".\n..\n" + strings.Repeat("Wörter und ", 500) + "Ende.\n"
	if err := m.Send(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	got, err := p.Mails()
	if err != nil || len(got) != 1 {
		t.Fatalf("%d mails, %v", len(got), err)
	}
	h := got[0].Header
	subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if err != nil || subject != msg.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(got[0].Body))
	if err != nil || strings.ReplaceAll(string(text), "\r\n", "\n") != wrap(msg.Text) {
		t.Errorf("text %q, %v", text, err)
	}
	if h.Get("X-RcptTo") != msg.To || h.Get("X-MailFrom") != m.From || h.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("%v", h)
	}
	if _, err := h.Date(); err != nil || h.Get("Message-Id") == "" {
		t.Errorf("%v, Message-Id %q", err, h.Get("Message-Id"))
	}
}
