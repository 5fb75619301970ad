package pki

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"platen/fault"
)

func TestParseTarget(t *testing.T) {
	tests := map[string]string{
		"ldaps://dc1.example.org":                     "ldaps://dc1.example.org:636 directory",
		"ldap://dc1.example.org:3890":                 "ldap://dc1.example.org:3890 directory",
		"LDAPS://DC1.Example.org.":                    "ldaps://dc1.example.org:636 directory",
		"smtp://mail":                                 "smtp://mail:587 mail",
		"smtp://mail:25":                              "smtp://mail:25 mail",
		"smtps://mail":                                "smtps://mail:465 mail",
		"https://anna:secret@login.example.org/a?b#c": "https://login.example.org:443 sign-in",
		"ipps://[fd00::1]/ipp/print":                  "ipps://[fd00::1]:631 devices",
		"ipp://drucker_1":                             "ipp://drucker_1:631 devices",
		"ipps://drückerei.example.org":                "ipps://xn--drckerei-75a.example.org:631 devices",
		" 10.0.0.1:636 ":                              "10.0.0.1:636 ",
		"dc1.example.org":                             "",
		"":                                            "",
		"ldaps://":                                    "",
		"ftp://a.example.org":                         "",
		"ldaps://a.example.org:0":                     "",
		"ldaps://a.example.org:70000":                 "",
		"ldaps://a b":                                 "",
		"ldaps://0.0.0.0":                             "",
		"ldaps://a\nb":                                "",
		"ldaps://-x":                                  "",
		"ldaps://" + strings.Repeat("a.", 200) + "test": "",
	}
	for text, want := range tests {
		got, err := parseTarget(text)
		if want == "" {
			if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "a b") {
				t.Errorf("%q: %v, %v", text, got, err)
			}
			continue
		}
		if s := got.String() + " " + got.purpose; err != nil || s != want {
			t.Errorf("%q: got %s, %v, want %s", text, s, err, want)
		}
	}
}

// scripted is a connection to somebody who says the same to everybody.
type scripted struct {
	net.Conn
	says  *bytes.Reader
	heard bytes.Buffer
}

func newScripted(says string) *scripted { return &scripted{says: bytes.NewReader([]byte(says))} }

func (s *scripted) Read(p []byte) (int, error)  { return s.says.Read(p) }
func (s *scripted) Write(p []byte) (int, error) { return s.heard.Write(p) }
func (s *scripted) LocalAddr() net.Addr         { return &net.TCPAddr{IP: net.IPv6loopback} }
func (s *scripted) Close() error                { return nil }

func (s *scripted) SetDeadline(time.Time) error { return nil }

const ldapYes = "0\x0C\x02\x01\x01x\x07\x0A\x01\x00\x04\x00\x04\x00"

// starts are answers to somebody who wants TLS.
var starts = map[string]struct {
	scheme, says string
	err          error // nil goes on; errAny is another
}{
	"SMTP":                     {"smtp", "220-hello\r\n220 there\r\n250-mail\r\n250-SIZE 1\r\n250 STARTTLS\r\n220 go\r\n", nil},
	"SMTP, in small letters":   {"smtp", "220 x\r\n250-mail\r\n250 starttls\r\n220 go\r\n", nil},
	"SMTP without":             {"smtp", "220 x\r\n250-mail\r\n250 SIZE 1\r\n", errNoStart},
	"a server of that name":    {"smtp", "220 x\r\n250 STARTTLS\r\n220 go\r\n", errNoStart},
	"SMTP, not now":            {"smtp", "220 x\r\n250-mail\r\n250 STARTTLS\r\n454 not now\r\n", errNoStart},
	"SMTP, not with you":       {"smtp", "554 no\r\n", errAny},
	"SMTP, and more":           {"smtp", "220 " + strings.Repeat("x", maxPlain) + "\r\n", errAny},
	"SMTP, and many lines":     {"smtp", strings.Repeat("220-x\r\n", maxPlain), errAny},
	"HTTP for SMTP":            {"smtp", "HTTP/1.1 400 Bad Request\r\n\r\n", errAny},
	"LDAP":                     {"ldap", ldapYes, nil},
	"LDAP of Active Directory": {"ldap", "0\x84\x00\x00\x00\x28\x02\x01\x01x\x84\x00\x00\x00\x1F\x0A\x01\x00\x04\x00\x04\x00\x8A\x161.3.6.1.4.1.1466.20037", nil},
	"LDAP without":             {"ldap", "0\x0C\x02\x01\x01x\x07\x0A\x01\x02\x04\x00\x04\x00", errNoStart},
	"another number":           {"ldap", "0\x0C\x02\x01\x02x\x07\x0A\x01\x00\x04\x00\x04\x00", errNotLDAP},
	"another answer":           {"ldap", "0\x0C\x02\x01\x01a\x07\x0A\x01\x00\x04\x00\x04\x00", errNotLDAP},
	"a length without end":     {"ldap", "0\x80\x02\x01\x01", errNotLDAP},
	"a long length":            {"ldap", "0\x84\x7F\xFF\xFF\xFF", errNotLDAP},
	"SMTP for LDAP":            {"ldap", "220 hello\r\n", errNotLDAP},
	"LDAP that ends":           {"ldap", "0\x0C\x02", io.ErrUnexpectedEOF},
	"HTTP":                     {"ipp", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.2\r\n\r\n", nil},
	"HTTP without":             {"ipp", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", errNoStart},
	"HTTP that goes on":        {"ipp", "HTTP/1.1 101 x\r\n" + strings.Repeat("X: y\r\n", maxPlain), errAny},
	"SMTP for HTTP":            {"ipp", "220 hello\r\n", errAny},
}

var errAny = errors.New("any")

// What comes right behind the answer was said in plain: it stays where it is, and
// then is no TLS.
func TestStart(t *testing.T) {
	for name, tt := range starts {
		t.Run(name, func(t *testing.T) {
			const behind = "250 injected\r\n"
			conn := newScripted(tt.says)
			if tt.err == nil {
				conn = newScripted(tt.says + behind)
			}
			err := protocols[tt.scheme].start(conn, target{host: "a.test", port: "1"})
			switch {
			case tt.err == nil && (err != nil || conn.says.Len() != len(behind)):
				t.Errorf("%v, %d octets are left", err, conn.says.Len())
			case errors.Is(tt.err, errAny) && (err == nil || errors.Is(err, errNoStart)), !errors.Is(tt.err, errAny) && !errors.Is(err, tt.err):
				t.Errorf("got %v, want %v", err, tt.err)
			}
		})
	}
}

// FuzzStart: whatever a server answers, no more of it is read than the limit, and
// nothing is taken for a yes that is not one.
func FuzzStart(f *testing.F) {
	for _, tt := range starts {
		f.Add(tt.scheme, tt.says)
	}
	f.Fuzz(func(t *testing.T, scheme, says string) {
		p, ok := protocols[scheme]
		if !ok || scheme != "ldap" && scheme != "smtp" && scheme != "ipp" {
			return
		}
		conn := newScripted(says)
		err := p.start(conn, target{host: "a.test", port: "1"})
		read := says[:len(says)-conn.says.Len()]
		if len(read) > maxPlain+6 {
			t.Errorf("%d octets were read", len(read))
		}
		yes := map[string]string{"ldap": "\x0A", "smtp": "220", "ipp": "101"}[scheme]
		if err == nil && !strings.Contains(read, yes) {
			t.Errorf("%q was taken for a yes", read)
		}
	})
}

func probeWith(conn net.Conn, err error) ProbeOptions {
	return ProbeOptions{Dial: func(context.Context, string, string) (net.Conn, error) { return conn, err }}
}

func TestProbeSaysWhatIsWrong(t *testing.T) {
	tests := map[string]struct {
		target string
		conn   net.Conn
		dial   error
		text   string // how the sentence begins
		kind   fault.Kind
	}{
		"unknown host":     {"ldaps://a.test", nil, &net.DNSError{IsNotFound: true}, "The host of ldaps://a.test:636 is not known", fault.Invalid},
		"nothing there":    {"ldaps://a.test", nil, errors.New("refused"), "No connection to ldaps://a.test:636 could be made.", fault.Unavailable},
		"no way there":     {"ldaps://a.test", nil, &net.OpError{Err: context.DeadlineExceeded}, "The server ldaps://a.test:636 did not answer in time.", fault.Unavailable},
		"LDAP at once":     {"ldaps://a.test", newScripted(ldapYes), nil, "The server ldaps://a.test:636 does not speak TLS at this port, or not from the beginning. Check the port, or use an address that begins with ldap://.", fault.Invalid},
		"HTTP":             {"https://a.test", newScripted("HTTP/1.1 400 Bad Request\r\n\r\n"), nil, "The server https://a.test:443 does not speak TLS at this port. Check the port.", fault.Invalid},
		"no StartTLS":      {"smtp://a.test", newScripted(starts["SMTP without"].says), nil, "The server smtp://a.test:587 does not offer to go on with TLS. Turn that on there, or use an address that begins with smtps://.", fault.Unavailable},
		"another protocol": {"ldap://a.test", newScripted("220 hello\r\n"), nil, "The server ldap://a.test:389 does not answer as the address says.", fault.Invalid},
		"not a word":       {"ldap://a.test", newScripted(""), nil, "The server ldap://a.test:389 ended the connection before it was encrypted.", fault.Unavailable},
		"not even TLS":     {"ldaps://a.test", newScripted(""), nil, "The server ldaps://a.test:636 ended the connection before it was encrypted.", fault.Unavailable},
		"an alert":         {"ldaps://a.test", newScripted("\x15\x03\x01\x00\x02\x02\x28"), nil, "The server ldaps://a.test:636 and this node found no encryption", fault.Unavailable},
		"for what?":        {"a.test:636", nil, nil, "Say what the server is for", fault.Invalid},
		"no address":       {"a.test", nil, nil, "This is no address of a server.", fault.Invalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Probe(t.Context(), tt.target, probeWith(tt.conn, tt.dial))
			if !fault.Is(err, tt.kind) || !strings.HasPrefix(fault.Text(err), tt.text) {
				t.Errorf("got %s (%v)", fault.Text(err), err)
			}
			if r.Good || r.TLS != "" || len(r.Chain) > 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A server that takes the connection and keeps silent costs ten seconds, whatever
// it was to say.
func TestProbeEnds(t *testing.T) {
	for _, address := range []string{"ldaps://a.test", "ldap://a.test", "smtp://a.test", "ipp://a.test"} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			defer far.Close()
			go func() { _, _ = io.Copy(io.Discard, far) }()
			began := time.Now()
			_, err := Probe(t.Context(), address, probeWith(near, nil))
			if text := fault.Text(err); !strings.Contains(text, "takes the connection and then says nothing") {
				t.Errorf("%s: %s (%v)", address, text, err)
			}
			if took := time.Since(began); took != 10*time.Second { // the clock of synctest
				t.Errorf("%s: it took %v", address, took)
			}
		})
	}
}

func TestProbeIsCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := ProbeOptions{Dial: func(context.Context, string, string) (net.Conn, error) { cancel(); return nil, errors.New("gone") }}
	if _, err := Probe(ctx, "ldaps://a.test", o); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// What a chain comes to without a server that shows it.
func TestAnchor(t *testing.T) {
	day := 24 * time.Hour
	root := (*made)(nil).under(t, "Root")
	issuing := root.under(t, "Issuing")
	later := root.under(t, "Later", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(day) })
	tests := map[string]struct {
		shown   []*made
		trusted []Trusted // of the account; the root is the system's
		broken  error
		want    string // the name of the anchor and what was found
	}{
		"the system trusts it":      {[]*made{issuing.under(t, "x", atLoopback), issuing}, nil, nil, "system [] true"},
		"the account does too":      {[]*made{issuing.under(t, "x", atLoopback), issuing}, []Trusted{issuing.trusted(t, ForDirectory)}, nil, "Issuing [] true"},
		"the root is the account's": {[]*made{issuing.under(t, "x", atLoopback), issuing}, []Trusted{root.trusted(t, ForDirectory)}, nil, "Root [] true"},
		"never at the same time":    {[]*made{later.under(t, "x", atLoopback, endsAt(time.Now().Add(-day))), later}, nil, nil, "none [never-valid! ended! not-yet!] false"},
		"broken off":                {[]*made{issuing.under(t, "x", atLoopback), issuing}, nil, io.EOF, "system [handshake!] false"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := newProbe("ldaps://127.0.0.1", ProbeOptions{Trusted: tt.trusted})
			if err != nil {
				t.Fatal(err)
			}
			p.pool.AddCert(root.cert)
			s := seen{err: tt.broken}
			for _, m := range tt.shown {
				s.chain = append(s.chain, m.cert)
			}
			p.judge(s)
			anchor := "none"
			if a := p.report.Anchor; a != nil {
				anchor = map[bool]string{true: "system", false: a.Name}[a.System]
			}
			if got := fmt.Sprint(anchor, " ", foundRules(p.report.Findings), " ", p.report.Good); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestDays(t *testing.T) {
	for d, want := range map[time.Duration]int{0: 0, 23 * time.Hour: 0, 48 * time.Hour: 2, -time.Hour: -1, -24 * time.Hour: -1, -25 * time.Hour: -2} {
		if got := days(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
}
