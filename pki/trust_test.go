package pki

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/fault"
)

// A purpose that nobody can read about cannot be chosen.
func TestEveryPurposeHasAText(t *testing.T) {
	want := []string{ForDirectory, ForMail, ForSignIn, ForDevices, ForPrimary, ForStorage, ForACME, ForPeople}
	if got := Purposes(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, p := range Purposes() {
		if PurposeText(p) == "" {
			t.Errorf("%s says nothing", p)
		}
	}
	if PurposeText("everything") != "" {
		t.Error("a purpose that does not exist has a text")
	}
}

func TestNewTrusted(t *testing.T) {
	root := (*made)(nil).under(t, "Root")
	device := (*made)(nil).under(t, "Printer", atLoopback)
	tests := map[string]struct {
		name     string
		cert     *made
		purposes []string
		want     string // name and purposes
		kind     fault.Kind
	}{
		"a root":                 {"House", root, []string{ForMail, ForDirectory, ForMail}, "House [directory mail]", 0},
		"an intermediate":        {"", root.under(t, "Issuing"), []string{ForMail}, "Issuing [mail]", 0},
		"called as it is":        {" ", root, []string{ForMail}, "Root [mail]", 0},
		"a device":               {"", device, []string{ForDevices}, "Printer [devices]", 0},
		"a server of somebody":   {"", root.under(t, "Server", atLoopback), []string{ForMail}, "", fault.Invalid},
		"signs no certificates":  {"", root.under(t, "X", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }), []string{ForMail}, "", fault.Invalid},
		"no purpose":             {"", root, nil, "", fault.Invalid},
		"an unknown purpose":     {"", root, []string{ForMail, "all"}, "", fault.Invalid},
		"a name of two lines":    {"a\nb", root, []string{ForMail}, "", fault.Invalid},
		"a long name":            {strings.Repeat("ä", 101), root, []string{ForMail}, "", fault.Invalid},
		"as long as it can be":   {strings.Repeat("ä", 100), root, []string{ForMail}, strings.Repeat("ä", 100) + " [mail]", 0},
		"a subject of two lines": {"", (*made)(nil).under(t, "a\nb"), []string{ForMail}, "a\uFFFDb [mail]", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := NewTrusted(tt.name, tt.cert.cert, tt.purposes)
			if tt.kind != 0 {
				if !fault.Is(err, tt.kind) {
					t.Errorf("err = %v, want kind %v", err, tt.kind)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s := fmt.Sprint(got.Name, " ", got.Purposes); s != tt.want || !slices.Equal(got.DER, tt.cert.cert.Raw) {
				t.Errorf("got %s, want %s", s, tt.want)
			}
		})
	}
}

// What is trusted for one purpose is nothing for another one, and what cannot be
// read is nothing for all.
func TestA67APoolIsOfOnePurpose(t *testing.T) {
	root := (*made)(nil).under(t, "Root")
	list := []Trusted{root.trusted(t, ForMail, ForStorage), {Name: "damaged", Purposes: Purposes(), DER: []byte("no certificate")}}
	leaf := root.under(t, "Server", atLoopback)
	for _, p := range append(Purposes(), "", "all") {
		_, err := verify([]*x509.Certificate{leaf.cert}, Pool(list, p, false), time.Now())
		if want := p == ForMail || p == ForStorage; (err == nil) != want {
			t.Errorf("%q: %v", p, err)
		}
	}
	if _, err := verify([]*x509.Certificate{leaf.cert}, Pool(list, ForMail, true), time.Now()); err != nil {
		t.Errorf("with what the system trusts: %v", err)
	}
	if _, err := list[1].Cert(); !fault.Is(err, fault.Internal) {
		t.Errorf("a damaged one: %v", err)
	}
	if _, err := list[1].Describe(time.Now()); err == nil {
		t.Error("a damaged one is described")
	}
}

func TestDescribe(t *testing.T) {
	now := time.Now()
	root := (*made)(nil).under(t, "Root")
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		of    *made
		rules string
	}{
		"a root":        {root, "[]"},
		"a device":      {(*made)(nil).under(t, "Printer", atLoopback), "[device]"},
		"ends soon":     {root.under(t, "A", endsAt(now.AddDate(0, 0, 29))), "[ends-soon]"},
		"has ended":     {root.under(t, "A", endsAt(now.Add(-time.Minute))), "[ended]"},
		"has not begun": {root.under(t, "A", func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }), "[not-yet]"},
		"RSA 1024":      {root.withKey(t, "A", short), "[key-size]"},
		"SHA-1": {(*made)(nil).withKey(t, "Old", short).under(t, "A",
			func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }), "[signature]"},
		"a root with SHA-1": {(*made)(nil).withKey(t, "Old", short, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }), "[key-size]"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := Trusted{DER: tt.of.cert.Raw}.Describe(now)
			if got := fmt.Sprint(foundRules(d.Findings)); err != nil || got != tt.rules {
				t.Errorf("got %s, %v, want %s", got, err, tt.rules)
			}
		})
	}
}

func TestDescribeCert(t *testing.T) {
	long := strings.Repeat("a", 1000) + "\x1b[2J"
	many := func(c *x509.Certificate) {
		c.DNSNames, c.Subject.CommonName = []string{"b.example.test", "a.example.test"}, long
		for range 200 {
			c.IPAddresses = append(c.IPAddresses, net.IPv4(10, 0, 0, 1))
		}
	}
	d := DescribeCert((*made)(nil).under(t, "X", atLoopback, many).cert, time.Now())
	if len([]rune(d.Subject)) != maxShownName || len(d.Names) != maxShownNames || d.Names[0] != "a.example.test" {
		t.Errorf("subject of %d, %d names, first %s", len(d.Subject), len(d.Names), d.Names[0])
	}
	if d.CA || !d.Own || d.Key != "ECDSA P-256" || d.Signature != "ECDSA-SHA256" || len(d.SHA256) != 95 || len(d.SHA1) != 59 {
		t.Errorf("%+v", d)
	}
}
