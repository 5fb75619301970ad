package oidc

import (
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"platen/fault"
)

const nativeRedirect = "http://localhost/auth/callback"

// startOP runs zitadel's OpenID provider in this process, on a port of its own,
// with the clients "web", which has a secret, and "native", which has none, and
// returns its issuer.
func startOP(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + ln.Addr().String() + "/"
	storage.RegisterClients(storage.WebClient("web", secret, redirect), storage.NativeClient("native", nativeRedirect))
	st := storage.NewStorage(storage.NewUserStore(issuer))
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: exampleop.SetupServer(issuer, st, slog.New(slog.DiscardHandler), false)}}
	srv.Start()
	t.Cleanup(srv.Close)
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("in process: %s", regexp.MustCompile(`github.com/zitadel/oidc/v3 \S+`).Find(mod))
	return issuer
}

var hidden = regexp.MustCompile(`name="id" value="([^"]+)"`)

// browse does what a person with a browser does: follows the address, types name
// and password, and is sent back. It returns the query that comes back.
func browse(t *testing.T, to, user, password string) url.Values {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	var back *url.URL
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), redirect) || strings.HasPrefix(r.URL.String(), nativeRedirect) {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := browser.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	m := hidden.FindSubmatch(page)
	if m == nil {
		t.Fatalf("no form: %s\n%s", resp.Status, page)
	}
	form := url.Values{"id": {string(m[1])}, "username": {user}, "password": {password}}
	resp, err = browser.PostForm(resp.Request.URL.ResolveReference(&url.URL{Path: "/login/username"}).String(), form)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if back == nil {
		t.Fatalf("nobody was sent back: %s", resp.Status)
	}
	return back.Query()
}

func TestARealProvider(t *testing.T) {
	issuer := startOP(t)
	newProvider := func() *Provider {
		return &Provider{Config: Config{Issuer: issuer, ClientID: "web"}, Secret: secret, Now: time.Now}
	}
	begin := func(t *testing.T, p *Provider) (Pending, url.Values) {
		t.Helper()
		to, st, err := p.Begin(t.Context(), redirect)
		if err != nil {
			t.Fatal(err)
		}
		return st, browse(t, to, "test-user@127.0.0.1", "verysecure")
	}

	t.Run("the right person", func(t *testing.T) {
		p := newProvider()
		st, q := begin(t, p)
		who, err := p.Finish(t.Context(), redirect, st, q)
		want := Person{Subject: "id1", Issuer: issuer, Login: "test-user@127.0.0.1", Email: "test-user@zitadel.ch", EmailVerified: true, Name: "Test User"}
		if err != nil || !reflect.DeepEqual(who, want) {
			t.Fatalf("got  %+v, %v\nwant %+v", who, err, want)
		}

		// The provider itself refuses the code to a node that has not seen it yet.
		_, err = newProvider().Finish(t.Context(), redirect, st, q)
		if !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "invalid_grant") {
			t.Errorf("A41: the same code again: %v", err)
		}
	})
	t.Run("a public client", func(t *testing.T) { // this provider looks at PKCE only then
		for _, verifier := range []string{"", strings.Repeat("x", 43)} {
			p := newProvider()
			p.Config.ClientID, p.Secret = "native", ""
			to, st, err := p.Begin(t.Context(), nativeRedirect)
			if err != nil {
				t.Fatal(err)
			}
			q := browse(t, to, "test-user2", "verysecure")
			if verifier != "" {
				st.Verifier = verifier
			}
			who, err := p.Finish(t.Context(), nativeRedirect, st, q)
			if verifier == "" && (err != nil || who.Login != "test-user2") || verifier != "" && !fault.Is(err, fault.Denied) {
				t.Errorf("verifier %q: %+v, %v", verifier, who, err)
			}
		}
	})
	t.Run("another nonce", func(t *testing.T) {
		p := newProvider()
		st, q := begin(t, p)
		st.Nonce = "x"
		if _, err := p.Finish(t.Context(), redirect, st, q); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "wrong nonce") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a wrong secret", func(t *testing.T) {
		p := newProvider()
		p.Secret = "wrong"
		st, q := begin(t, p)
		if _, err := p.Finish(t.Context(), redirect, st, q); !fault.Is(err, fault.Denied) || !strings.Contains(fault.Text(err), "secret") {
			t.Errorf("%v", err)
		}
	})
	t.Run("another page to come back to", func(t *testing.T) {
		p := newProvider()
		st, q := begin(t, p)
		if _, err := p.Finish(t.Context(), redirect+"/x", st, q); !fault.Is(err, fault.Denied) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a slash too few", func(t *testing.T) {
		p := newProvider()
		p.Config.Issuer = strings.TrimSuffix(issuer, "/")
		if _, _, err := p.Begin(t.Context(), redirect); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v", err)
		}
	})
}

// An administrator is told where the provider is and what to look at.
func TestWhatAnAdministratorIsTold(t *testing.T) {
	dial := func(err error) error {
		return &url.Error{Op: "Get", URL: "https://x", Err: &net.OpError{Op: "dial", Net: "tcp", Err: err}}
	}
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"silent":            {away("", dial(os.ErrDeadlineExceeded)), "The sign-in service https://x does not answer in time."},
		"no such name":      {away("", dial(&net.DNSError{IsNotFound: true})), "The sign-in service https://x cannot be found"},
		"unknown authority": {away("", &url.Error{Err: x509.UnknownAuthorityError{}}), "from an authority that is not trusted for signing in here"},
		"another name":      {away("", &url.Error{Err: x509.HostnameError{Certificate: &x509.Certificate{}}}), "is for another name"},
		"over":              {away("", &url.Error{Err: x509.CertificateInvalidError{Reason: x509.Expired}}), "is not valid now"},
		"no server for it":  {away("", &url.Error{Err: x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}}), "cannot be used"},
		"404":               {away("", errors.New("404 Not Found")), "At https://x something answers"},
		"nonsense":          {useless("", errors.New("endpoint")), "At https://x something answers"},
	} {
		p := Provider{Config: Config{Issuer: "https://x"}}
		if got := fault.Text(p.forAdministrators(tt.err)); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if err := (&Provider{}).forAdministrators(nil); err != nil {
		t.Error(err)
	}
}
