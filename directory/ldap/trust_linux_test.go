package ldap

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"platen/fault"
	"platen/internal/testkit/peers"
)

// roots are the authorities in PEM.
func roots(t *testing.T, pem ...[]byte) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	for _, p := range pem {
		if !pool.AppendCertsFromPEM(p) {
			t.Fatal("no certificate")
		}
	}
	return pool
}

// Who may vouch for a server is asked at each connection; authorities that were named
// for it alone count alone.
func TestF45SlapdIsTrustedAtEachConnection(t *testing.T) {
	certificate := func(notAfter time.Time, name string) peers.Certificate {
		t.Helper()
		c, err := peers.NewCertificate(notAfter, name)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const importIt = "not trusted for directories here. Import its certificate (platen cert trust import FILE --for directory)."
	good := time.Now().AddDate(0, 0, 2)
	other := certificate(good, "127.0.0.1")
	tests := map[string]struct {
		shows   peers.Certificate
		trusted bool   // its authority is
		own     string // named for it alone
		says    string // "" is read
	}{
		"right":                         {certificate(good, "127.0.0.1"), true, "", ""},
		"nobody trusted":                {certificate(good, "127.0.0.1"), false, "", importIt},
		"another is named for it alone": {certificate(good, "127.0.0.1"), true, string(other.CA), "named for it alone"},
		"one that has ended":            {certificate(time.Now().AddDate(0, 0, -1), "127.0.0.1"), true, "", "is not valid now"},
		"one that is not valid yet":     {certificate(time.Now().AddDate(0, 0, 30), "127.0.0.1"), true, "", "or set the clock"},
		"that of another host":          {certificate(good, "dc9.platen.test"), true, "", "is for another name"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := startSlapd(t, 1, peers.SlapdOptions{Certificate: tt.shows})
			pool, asked := roots(t, other.CA), 0
			if tt.trusted {
				pool = roots(t, other.CA, tt.shows.CA)
			}
			trust := func() *x509.CertPool { asked++; return pool }
			cfg := slapdConfig(s)
			cfg.CAPEM = tt.own
			for _, url := range []string{s.TLSURL(), s.URL()} {
				cfg.Servers = []string{url}
				src := newSource(t, cfg, "reading")
				src.Roots = trust
				a, err := src.Read(t.Context(), nil, nil)
				key := "-"
				if len(a.People) > 0 {
					key = a.People[0].Key
				}
				if tt.says == "" && err != nil || tt.says != "" && (!fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Text(err), tt.says)) {
					t.Errorf("%s: %v: %s", url, err, fault.Text(err))
				}
				c := newChecker(t, cfg, "reading")
				c.Roots = trust
				if err := c.Check(t.Context(), key, "u0000", "pw-0000"); (err == nil) != (tt.says == "") {
					t.Errorf("%s: a password: %v", url, err)
				}
			}
			if (asked == 0) != (tt.own != "") {
				t.Errorf("asked %d times", asked)
			}
			if tt.own != "" || tt.says == "" {
				return
			}
			if name == "nobody trusted" { // now it is, from the next connection on
				src := newSource(t, cfg, "reading")
				src.Roots = trust
				pool = roots(t, tt.shows.CA)
				mustRead(t, src, nil)
				pool = roots(t, other.CA)
				if _, err := src.Read(t.Context(), nil, nil); err == nil {
					t.Error("read although it is not trusted any longer")
				}
			}
		})
	}
}
