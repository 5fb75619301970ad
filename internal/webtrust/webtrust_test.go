package webtrust

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"
)

// What is trusted counts from the next request on, also where a connection is open.
func TestTrustChanges(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(srv.Close)
	ours, nobody := x509.NewCertPool(), x509.NewCertPool()
	ours.AddCert(srv.Certificate())
	roots := nobody
	tr := &Transport{Roots: func() *x509.CertPool { return roots }, Make: func(conf *tls.Config) *http.Transport {
		return &http.Transport{TLSClientConfig: conf}
	}}
	t.Cleanup(tr.CloseIdleConnections)
	reused := false
	get := func() error {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: tr}).Do(r)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	if get() == nil {
		t.Error("trusted although nobody is")
	}
	roots = ours
	for i := range 2 {
		roots = roots.Clone() // the same ones, asked for anew
		if err := get(); err != nil || reused != (i == 1) {
			t.Errorf("%v, reused %t", err, reused)
		}
	}
	roots = nobody
	if get() == nil {
		t.Error("the connection of before was used, although its server is no longer trusted")
	}
	tr.Roots = nil
	if get() == nil {
		t.Error("the system does not trust it")
	}
}
