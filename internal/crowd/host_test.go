package crowd

import (
	"net/http/httptest"
	"testing"
)

func TestIsHere(t *testing.T) {
	hosts := []string{"print.example.com", "*.example.net", "192.0.2.7"}
	for host, want := range map[string]bool{
		"print.example.com": true, "PRINT.example.com.:8443": true, "a.example.net": true, "192.0.2.7:443": true,
		"example.com": false, "example.net": false, "a.b.example.net": false, "evil.example": false, ".example.net": false, "*.example.net": true, "": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		if got := IsHere(r, hosts); got != want {
			t.Errorf("%q is here: %v", host, got)
		}
	}
}
