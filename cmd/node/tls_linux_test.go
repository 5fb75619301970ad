package main

import (
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"platen/internal/testkit/peers"
)

// TestTLSSeenBySslscan: both doors that speak TLS offer versions 1.2 and 1.3 and
// nothing but suites that authenticate what they encrypt.
func TestTLSSeenBySslscan(t *testing.T) {
	h := startDemo(t, "")
	t.Logf("peer: /usr/bin/sslscan of %s", peers.Version("sslscan"))
	for name, address := range map[string]string{"ipps": h.demo.IPPS, "web": h.demo.Web} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(inTime(t), "sslscan", "--no-colour", "--ipv4", u.Host)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		var versions, weak []string
		for _, m := range regexp.MustCompile(`(?m)^(SSLv\d|TLSv[\d.]+) +enabled`).FindAllStringSubmatch(string(out), -1) {
			versions = append(versions, m[1])
		}
		suites := regexp.MustCompile(`(?m)^(?:Preferred|Accepted) +TLSv1\.[23] +\d+ bits +(\S+)`).FindAllStringSubmatch(string(out), -1)
		for _, m := range suites {
			if !strings.Contains(m[1], "GCM") && !strings.Contains(m[1], "CHACHA20") || !strings.HasPrefix(m[1], "TLS_") && !strings.HasPrefix(m[1], "ECDHE") {
				weak = append(weak, m[1])
			}
		}
		if !slices.Equal(versions, []string{"TLSv1.2", "TLSv1.3"}) || len(weak) > 0 || len(suites) < 4 {
			t.Errorf("%s: %q, weak suites %q\n%s", name, versions, weak, out)
		}
	}
	h.end()
}
