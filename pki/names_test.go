package pki

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNormalNames(t *testing.T) {
	for raw, want := range map[string]string{
		"Node1.": "node1", " print.lan ": "print.lan", "[::1]": "::1", "::ffff:10.0.0.1": "10.0.0.1", "pc_17": "pc_17",
		"": "", "0.0.0.0": "", "::": "", "fe80::1%eth0": "", "a..b": "", "-x": "", "*.example.com": "", "a b": "", strings.Repeat("a", 64): "",
	} {
		got, _, ok := normal(raw)
		if ok != (want != "") || ok && got != want {
			t.Errorf("normal(%q) = %q, %v, want %q", raw, got, ok, want)
		}
	}
}

func TestHostNames(t *testing.T) {
	names := HostNames("print.example.com:5443", "0.0.0.0:443", "192.0.2.7", "LOCALHOST")
	for _, want := range []string{"localhost", "127.0.0.1", "::1", "print.example.com", "192.0.2.7"} {
		if !slices.Contains(names, want) {
			t.Errorf("%q is missing in %q", want, names)
		}
	}
	if slices.Contains(names, "0.0.0.0") || slices.Index(names, "localhost") != len(names)-1-slices.Index(reversed(names), "localhost") {
		t.Errorf("a wildcard, or a name twice: %q", names)
	}
}

func reversed(s []string) []string {
	r := slices.Clone(s)
	slices.Reverse(r)
	return r
}

// birth is when the tests begin.
var birth = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
