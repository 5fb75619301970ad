package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-acme/lego/v5/acme"

	"platen/fault"
)

func TestNames(t *testing.T) {
	many := make([]string, maxNames+1)
	for i := range many {
		many[i] = fmt.Sprintf("n%d.example", i)
	}
	tests := map[string]struct {
		by   string
		raw  []string
		want []string // nil: refused
	}{
		"as they stand":      {"", []string{"print.example", "www.print.example"}, []string{"print.example", "www.print.example"}},
		"each once":          {"", []string{"Print.Example", " print.example. "}, []string{"print.example"}},
		"umlauts":            {"", []string{"Drücker.example"}, []string{"xn--drcker-4ya.example"}},
		"in the house":       {"", []string{"print"}, []string{"print"}},
		"wildcard":           {ByDNS, []string{"*.Print.example"}, []string{"*.print.example"}},
		"wildcard by HTTP":   {ByHTTP, []string{"*.print.example"}, nil},
		"none":               {"", nil, nil},
		"too many":           {"", many, nil},
		"address":            {"", []string{"192.0.2.1"}, nil},
		"address of six":     {"", []string{"[2001:db8::1]"}, nil},
		"empty":              {"", []string{""}, nil},
		"a star alone":       {ByDNS, []string{"*."}, nil},
		"a star inside":      {ByDNS, []string{"a.*.example"}, nil},
		"an empty label":     {"", []string{"a..example"}, nil},
		"a slash":            {"", []string{"a/b.example"}, nil},
		"a line":             {"", []string{"a\nb.example"}, nil},
		"a label too long":   {"", []string{strings.Repeat("a", 64) + ".example"}, nil},
		"a hyphen in front":  {"", []string{"-a.example"}, nil},
		"all or none of all": {"", []string{"print.example", "192.0.2.1"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := (&Config{Challenge: tt.by}).names(tt.raw)
			if err != nil && fault.KindOf(err) != fault.Invalid {
				t.Errorf("err = %v", err)
			}
			if (err != nil) != (tt.want == nil) || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	ok := DNS{Server: "ns.example", KeyName: "k"}
	tests := map[string]struct {
		c    Client
		want string // "": nothing is wrong
	}{
		"Let's Encrypt":     {Client{HTTP01: &Challenges{}}, ""},
		"no port 80":        {Client{}, "does not answer at port 80"},
		"not https":         {Client{Config: Config{Directory: "http://ca.example/dir"}}, "begins with https"},
		"a password":        {Client{Config: Config{Directory: "https://me:secret@ca.example/dir"}}, "begins with https"},
		"another challenge": {Client{Config: Config{Challenge: "tls-alpn-01"}}, "tls-alpn-01 is not known"},
		"dns":               {Client{Config: Config{Challenge: ByDNS, DNS: ok}, DNSSecret: "c2VjcmV0"}, ""},
		"dns, not padded":   {Client{Config: Config{Challenge: ByDNS, DNS: ok}, DNSSecret: "c2VjcmU"}, ""},
		"dns, no server":    {Client{Config: Config{Challenge: ByDNS}}, "is missing"},
		"dns, no secret":    {Client{Config: Config{Challenge: ByDNS, DNS: ok}}, "of the key k for entries"},
		"dns, no key":       {Client{Config: Config{Challenge: ByDNS, DNS: DNS{Server: "ns.example"}}}, ""},
		"dns, MD5":          {Client{Config: Config{Challenge: ByDNS, DNS: DNS{Server: "ns.example", Algorithm: "hmac-md5"}}}, "signed with hmac-md5"},
		"EAB without key":   {Client{Config: Config{EABKeyID: "k"}, HTTP01: &Challenges{}}, "of the key k (EAB)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.c.Check()
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Text(err), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestConfigIsKept(t *testing.T) {
	want := Config{Directory: "https://ca.example/dir", Email: "a@b.example", Challenge: ByDNS, EABKeyID: "k", Agreed: true,
		DNS: DNS{Server: "ns.example", Zone: "example", KeyName: "k", Algorithm: "hmac-sha384"}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Config
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Errorf("got %+v, %v of %s", got, err, b)
	}
}

func TestChallenges(t *testing.T) {
	c := &Challenges{}
	p := &proof{token: "to_ken-1", keyAuth: "to_ken-1.thumb"}
	if err := c.present(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		method, path string
		want         int
	}{
		"the answer":      {"GET", prefix + "to_ken-1", 200},
		"its head":        {"HEAD", prefix + "to_ken-1", 200},
		"another token":   {"GET", prefix + "to_ken-2", 404},
		"no token":        {"GET", prefix, 404},
		"the token alone": {"GET", "/to_ken-1", 404},
		"below it":        {"GET", prefix + "to_ken-1/", 404},
		"a detour":        {"GET", "/x/.." + prefix + "to_ken-1", 404},
		"the root":        {"GET", "/", 404},
		"a change":        {"POST", prefix + "to_ken-1", 404},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			c.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil))
			if w.Code != tt.want {
				t.Errorf("status %d, want %d", w.Code, tt.want)
			}
			if tt.want == 200 && w.Body.String() != p.keyAuth {
				t.Errorf("answer %q", w.Body)
			}
		})
	}
	if err := c.remove(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, known := c.find(p.token); known {
		t.Error("it answers on")
	}
}

func TestChallengesAreBounded(t *testing.T) {
	c := &Challenges{}
	for i := range maxAnswers {
		if err := c.present(t.Context(), &proof{token: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.present(t.Context(), &proof{token: "more"}); !fault.Is(err, fault.Full) {
		t.Errorf("err = %v", err)
	}
}

// html is what a proxy says in the server's place.
var html = strings.Repeat("<html>", 10000)

// refusing is an ACME server that gives an account to nobody.
func refusing(t *testing.T, status int, retryAfter string, p acme.ProblemDetails) *Client {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/account", func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		if p.Detail == html {
			fmt.Fprint(w, html)
			return
		}
		_ = json.NewEncoder(w).Encode(p)
	})
	return serving(t, mux)
}

// serving returns a client of a server that begins as every ACME server does and goes
// on as mux says.
func serving(t *testing.T, mux *http.ServeMux) *Client {
	t.Helper()
	srv := httptest.NewTLSServer(mux)
	t.Cleanup(srv.Close)
	mux.HandleFunc("/dir", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"newNonce": srv.URL + "/nonce", "newAccount": srv.URL + "/account", "newOrder": srv.URL + "/order"})
	})
	mux.HandleFunc("/nonce", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Replay-Nonce", "bm9uY2U") })
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return &Client{Config: Config{Directory: srv.URL + "/dir"}, Roots: roots, HTTP01: &Challenges{}}
}

// A server that is not what it seems would have proofs for names of others.
func TestProofsThatNobodyHasAskedFor(t *testing.T) {
	tests := map[string]struct {
		token string
		authz []string
	}{
		"another name":    {"token", []string{"mail.example"}},
		"a name above":    {"token", []string{"example"}},
		"one too many":    {"token", []string{"print.example", "print.example"}},
		"no token at all": {"../../token", []string{"print.example"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			c := serving(t, mux)
			answer := func(path string, status int, v any) {
				mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Location", c.Directory+path)
					w.WriteHeader(status)
					_ = json.NewEncoder(w).Encode(v)
				})
			}
			order := acme.Order{Status: acme.StatusPending, Identifiers: []acme.Identifier{{Type: "dns", Value: "print.example"}}}
			for i, n := range tt.authz {
				path := fmt.Sprint("/authz/", i)
				order.Authorizations = append(order.Authorizations, strings.TrimSuffix(c.Directory, "/dir")+path)
				answer(path, 200, acme.Authorization{Status: acme.StatusPending, Identifier: acme.Identifier{Type: "dns", Value: n},
					Challenges: []acme.Challenge{{Type: ByHTTP, Token: tt.token}}})
			}
			answer("/account", 201, acme.Account{Status: acme.StatusValid})
			answer("/order", 201, order)
			_, err := c.Obtain(t.Context(), []string{"print.example"}, nil)
			if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Text(err), "does not do what it should") {
				t.Errorf("err = %v", err)
			}
			if c.HTTP01.answers != nil {
				t.Error("something was shown")
			}
		})
	}
}

func TestServersThatSayNo(t *testing.T) {
	const ns = "urn:ietf:params:acme:error:"
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		status     int
		retryAfter string
		problem    acme.ProblemDetails
		kind       fault.Kind
		want       string
		later      time.Duration // 0: no time is named
	}{
		"too often":            {429, "3600", acme.ProblemDetails{Type: ns + "rateLimited", Detail: "too many\nnew orders recently."}, fault.Unavailable, "takes no more requests for now: too many new orders recently. Try again after 2026-03-01 13:00.", time.Hour},
		"too often, a day":     {429, "86400", acme.ProblemDetails{Type: ns + "rateLimited"}, fault.Unavailable, "Try again after 2026-03-02 12:00.", 24 * time.Hour},
		"too often, for ever":  {429, "2000000000", acme.ProblemDetails{Type: ns + "rateLimited"}, fault.Unavailable, "Try again after 2026-04-01 12:00.", 31 * 24 * time.Hour},
		"too often, no time":   {429, "", acme.ProblemDetails{Type: ns + "rateLimited"}, fault.Unavailable, "Try again after 2026-03-01 13:00.", time.Hour},
		"busy":                 {503, "120", acme.ProblemDetails{Detail: "Service busy; retry later."}, fault.Unavailable, "takes no more requests for now: Service busy; retry later.", 2 * time.Minute},
		"broken":               {500, "", acme.ProblemDetails{Type: ns + "serverInternal", Detail: "ouch"}, fault.Unavailable, "has a fault of its own: ouch. Try again later.", 0},
		"new terms":            {403, "", acme.ProblemDetails{Type: ns + "userActionRequired", Instance: "https://ca.example/agree"}, fault.Denied, "asks for something to be done first: https://ca.example/agree.", 0},
		"EAB after all":        {403, "", acme.ProblemDetails{Type: ns + "externalAccountRequired"}, fault.Invalid, "wants to know whose account this is (EAB)", 0},
		"busy in HTML":         {503, "120", acme.ProblemDetails{Detail: html}, fault.Unavailable, "takes no more requests for now: Service Unavailable. Try again after 2026-03-01 12:02.", 2 * time.Minute},
		"broken in HTML":       {502, "", acme.ProblemDetails{Detail: html}, fault.Unavailable, "has a fault of its own: Bad Gateway.", 0},
		"no in HTML":           {403, "", acme.ProblemDetails{Detail: html}, fault.Unavailable, "is not an ACME server", 0},
		"unknown":              {400, "", acme.ProblemDetails{Type: ns + "somethingNew", Detail: "\x1b[31mred\u202e"}, fault.Denied, "refuses: [31mred.", 0},
		"no words":             {400, "", acme.ProblemDetails{Type: ns + "malformed"}, fault.Denied, "refuses: it does not say why.", 0},
		"words without an end": {400, "", acme.ProblemDetails{Type: ns + "malformed", Detail: strings.Repeat("no ", 100000)}, fault.Denied, "no n…", 0},
		"more than a MiB":      {400, "", acme.ProblemDetails{Type: ns + "malformed", Detail: strings.Repeat("no ", 400000)}, fault.Unavailable, "is not an ACME server", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := refusing(t, tt.status, tt.retryAfter, tt.problem)
			c.Now = func() time.Time { return now }
			_, err := c.Obtain(t.Context(), []string{"print.example"}, nil)
			if err == nil || fault.KindOf(err) != tt.kind || !strings.Contains(fault.Text(err), tt.want) {
				t.Errorf("err = %.500v\nwant %v: %s", err, tt.kind, tt.want)
			}
			if n := len(err.Error()); n > 2000 {
				t.Errorf("%d octets for the log", n)
			}
			later, ok := errors.AsType[*Later](err)
			if ok != (tt.later > 0) || (ok && !later.RetryAt().Equal(now.Add(tt.later))) {
				t.Errorf("again at %v, %v", later, ok)
			}
		})
	}
}

// The words are those of Let's Encrypt, or Boulder's source.
func TestWhyAProofIsNotBelieved(t *testing.T) {
	const ns = "urn:ietf:params:acme:error:"
	tests := map[string]struct {
		by, kind, detail string
		want             string
	}{
		"no such name":        {ByHTTP, "dns", "DNS problem: NXDOMAIN looking up A for print.example - check that a DNS record exists for this domain", "does not find print.example in the DNS: DNS problem: NXDOMAIN"},
		"refused":             {ByHTTP, "connection", "203.0.113.7: Fetching http://print.example/.well-known/acme-challenge/x: Connection refused", "cannot reach print.example at port 80: 203.0.113.7"},
		"firewall":            {ByHTTP, "connection", "203.0.113.7: Fetching http://print.example/.well-known/acme-challenge/x: Timeout during connect (likely firewall problem)", "Let port 80 of this name lead to this node"},
		"another web server":  {ByHTTP, "unauthorized", `203.0.113.7: Invalid response from http://print.example/.well-known/acme-challenge/x: 404`, "Something else than this node answers for print.example"},
		"no entry":            {ByDNS, "unauthorized", "No TXT record found at _acme-challenge.print.example", "does not see what this node has entered in the DNS for print.example: No TXT record"},
		"no entry by another": {ByDNS, "dns", "DNS problem: NXDOMAIN looking up TXT for _acme-challenge.print.example", "does not see what this node has entered"},
		"CAA":                 {ByHTTP, "caa", "CAA record for print.example prevents issuance", "(CAA) does not let this ACME server give certificates: CAA record for print.example prevents issuance."},
		"too often":           {ByHTTP, "rateLimited", "too many failed authorizations recently", "takes no more requests for now"},
		"new":                 {ByHTTP, "somethingNew", "", "does not believe that print.example belongs to this node: it does not say why."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := &session{Client: &Client{Config: Config{Challenge: tt.by}}, seen: &transport{}}
			a := acme.Authorization{Status: acme.StatusInvalid, Challenges: []acme.Challenge{
				{Type: "tls-alpn-01", Error: &acme.ProblemDetails{Detail: "another"}},
				{Type: tt.by, Error: &acme.ProblemDetails{Type: ns + tt.kind, Detail: tt.detail}},
			}}
			done, err := s.verdict(&proof{name: "print.example"}, a)
			if done || !strings.Contains(fault.Text(err), tt.want) {
				t.Errorf("%v, %v, want %q", done, fault.Text(err), tt.want)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "0": 0, "90": 90 * time.Second, "-5": 0, "99999999999999999999": 0, "soon": 0,
		"Sun, 01 Mar 2026 12:10:00 GMT": 10 * time.Minute, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
		"Fri, 01 Mar 2126 12:00:00 GMT": 31 * 24 * time.Hour,
	} {
		if got := retryAfter(v, now); got != want {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
}

func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), limit, errSlow)
		defer cancel()
		begin, asked := time.Now(), 0
		err := (&transport{after: 24 * time.Hour}).poll(ctx, func() (bool, error) { asked++; return false, nil })
		if !errors.Is(err, errSlow) || time.Since(begin) != limit || asked != 11 {
			t.Errorf("err = %v after %v and %d questions", err, time.Since(begin), asked)
		}
	})
}

// made returns a certificate for key that parent has signed, or itself.
func made(t testing.TB, name string, key *ecdsa.PrivateKey, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name}}
	c.Subject.CommonName = name
	if parent == nil {
		c.IsCA, c.BasicConstraintsValid, parent, parentKey = true, true, c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func certPEM(certs ...*x509.Certificate) []byte {
	var b []byte
	for _, c := range certs {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

func TestChain(t *testing.T) {
	caKey, key := newKey(t), newKey(t)
	ca := made(t, "authority.example", caKey, nil, nil)
	leaf := made(t, "print.example", key, ca, caKey)
	tests := map[string]struct {
		sent []byte
		name string
		key  *ecdsa.PrivateKey
		n    int // certificates; 0: refused
	}{
		"a chain":            {certPEM(leaf, ca), "print.example", key, 2},
		"the leaf alone":     {append(certPEM(leaf), " \r\n"...), "print.example", key, 1},
		"another key":        {certPEM(leaf, ca), "print.example", caKey, 0},
		"another name":       {certPEM(leaf, ca), "www.print.example", key, 0},
		"the wrong order":    {certPEM(ca, leaf), "print.example", key, 0},
		"a stranger between": {certPEM(leaf, leaf), "print.example", key, 0},
		"a key":              {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: leaf.Raw}), "print.example", key, 0},
		"half of it":         {certPEM(leaf)[:300], "print.example", key, 0},
		"something after it": {append(certPEM(leaf), "x"...), "print.example", key, 0},
		"too many":           {slices.Concat(certPEM(leaf), certPEM(slices.Repeat([]*x509.Certificate{ca}, maxCerts)...)), "print.example", key, 0},
		"nothing":            {nil, "print.example", key, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			chain, err := (&session{Client: &Client{}}).chain(tt.sent, []string{tt.name}, tt.key)
			if tt.n == 0 {
				if !fault.Is(err, fault.Unavailable) {
					t.Errorf("err = %v", err)
				}
				return
			}
			if err != nil || len(chain.Certs) != tt.n || chain.Key != tt.key {
				t.Errorf("%+v, %v", chain, err)
			}
		})
	}
}

// What the account's key was once is no account of another key or another server.
func TestAccount(t *testing.T) {
	c := &Client{Key: newKey(t)}
	kept, err := json.Marshal(registration{Directory: LetsEncrypt, Key: digest(c.Key.Public()), Account: "https://ca.example/1"})
	if err != nil {
		t.Fatal(err)
	}
	c.Registration = kept
	if got := c.account(); got != "https://ca.example/1" {
		t.Errorf("got %q", got)
	}
	for name, other := range map[string]*Client{
		"another key":    {Key: newKey(t), Registration: kept},
		"another server": {Key: c.Key, Registration: kept, Config: Config{Directory: "https://ca.example/dir"}},
		"none":           {Key: c.Key},
		"damaged":        {Key: c.Key, Registration: kept[:20]},
	} {
		if got := other.account(); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func FuzzChain(f *testing.F) {
	caKey, key := newKey(f), newKey(f)
	ca := made(f, "authority.example", caKey, nil, nil)
	f.Add(certPEM(made(f, "print.example", key, ca, caKey), ca))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		certs, err := parseChain(b)
		if err != nil {
			return
		}
		again, err := parseChain(certPEM(certs...))
		if err != nil || !slices.EqualFunc(certs, again, (*x509.Certificate).Equal) {
			t.Errorf("read %d certificates, wrote them and read %d, %v", len(certs), len(again), err)
		}
	})
}

func FuzzWords(f *testing.F) {
	f.Add("No TXT record found at _acme-challenge.print.example.")
	f.Add("\x1b[31m\u202e\xff…\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		w := words(s)
		if n := len([]rune(w)); n == 0 || n > 200 || strings.ContainsAny(w, "\r\n\x00\x1b") || words(w) != w {
			t.Errorf("%q of %q", w, s)
		}
	})
}

func TestPadded(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("1"), []byte("12"), []byte("123"), []byte("1234")} {
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding} {
			if got := padded(e.EncodeToString(b)); got != base64.StdEncoding.EncodeToString(b) {
				t.Errorf("%q", got)
			}
		}
	}
}
