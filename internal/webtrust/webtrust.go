// Package webtrust is HTTP whose trusted authorities may change while it runs.
package webtrust

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"sync"
)

// Transport asks before each request who may vouch for the server. When that has
// changed the connections of before are not used again: they rest on what was
// trusted then. All fields are set before its first use.
type Transport struct {
	Roots func() *x509.CertPool                  // nil, or nil from it, is the system's list
	Make  func(conf *tls.Config) *http.Transport // makes one that trusts as conf says

	mu    sync.Mutex
	roots *x509.CertPool
	made  *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.current().RoundTrip(r)
}

func (t *Transport) current() *http.Transport {
	var roots *x509.CertPool
	if t.Roots != nil {
		roots = t.Roots()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.made != nil && roots.Equal(t.roots) {
		return t.made
	}
	if t.made != nil {
		t.made.CloseIdleConnections()
	}
	t.roots, t.made = roots, t.Make(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots})
	return t.made
}

// CloseIdleConnections ends connections that nobody uses; http.Client calls it.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.made != nil {
		t.made.CloseIdleConnections()
	}
}
