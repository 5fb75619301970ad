package entra

import (
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"platen/fault"
)

// A proxy that looks into everything is trusted when somebody has said so, from the
// next connection on; until then the sentence says how.
func TestF45WhoVouchesForMicrosoft(t *testing.T) {
	asked := 0
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		http.Error(w, "", http.StatusNotFound)
	}))
	t.Cleanup(srv.Close)
	ours := x509.NewCertPool()
	ours.AddCert(srv.Certificate())
	pool := x509.NewCertPool()
	s := &Source{Config: Config{Tenant: testTenant, Client: "client", Authority: srv.URL, Graph: srv.URL}, Secret: "secret", Log: slog.New(slog.DiscardHandler),
		Roots: func() *x509.CertPool { return pool }}
	probe := func() string {
		t.Helper()
		_, err := s.Probe(t.Context())
		if err == nil {
			t.Fatal("no error")
		}
		return fault.Text(err)
	}
	if text := probe(); !strings.Contains(text, "platen cert trust import FILE --for sign-in") || asked > 0 {
		t.Errorf("asked %d times: %s", asked, text)
	}
	pool = ours
	if text := probe(); strings.Contains(text, "certificate") || asked == 0 {
		t.Errorf("asked %d times: %s", asked, text)
	}
}
