package pki

import (
	"crypto/x509"
	"testing"
	"time"
)

// F44: two thirds of the life, counted from when it was issued.
func TestF44RenewAt(t *testing.T) {
	root, issuing := newAuthorities(t, judged)
	server, err := Issue(issuing, []string{"node1"}, judged)
	if err != nil {
		t.Fatal(err)
	}
	life := func(from, to time.Duration) *x509.Certificate {
		return &x509.Certificate{NotBefore: judged.Add(from), NotAfter: judged.Add(to)}
	}
	tests := map[string]struct {
		cert *x509.Certificate
		want time.Duration // since it was issued
		off  time.Duration // at most
	}{
		"ours":                {server.Leaf(), 264 * day, time.Minute},
		"issuing":             {issuing.Leaf(), 1217 * day, day},
		"root":                {root.Leaf(), 2435 * day, day},
		"ninety days by ACME": {life(-time.Hour, 90*day), 60 * day, day},
		"a week":              {life(-time.Hour, 7*day), 5 * day, day},
		"a day":               {life(0, day), 16 * time.Hour, 2 * time.Hour},
		"ten minutes":         {life(0, 10*time.Minute), 7 * time.Minute, time.Minute},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := RenewAt(tt.cert).Sub(judged)
			if d := (got - tt.want).Abs(); d > tt.off {
				t.Errorf("after %v, want %v", got, tt.want)
			}
			longer := life(0, 100*365*day)
			for at, want := range map[time.Duration]bool{0: false, got - time.Second: false, got: true, tt.cert.NotAfter.Sub(judged) + day: true} {
				if worthIt(tt.cert, longer, judged.Add(at)) != want {
					t.Errorf("worth it after %v: %v", at, !want)
				}
			}
		})
	}
}

func TestF44Due(t *testing.T) {
	_, issuing := newAuthorities(t, judged)
	_, other := newAuthorities(t, judged)
	server, err := Issue(issuing, []string{"node1", "::1"}, judged)
	if err != nil {
		t.Fatal(err)
	}
	last, err := Issue(issuing, []string{"node1", "::1"}, issuing.Leaf().NotAfter.Add(-90*day))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"node1", "::1"}
	tests := map[string]struct {
		leaf   *Chain
		issuer *Chain
		names  []string
		now    time.Time
		want   bool
	}{
		"new":                     {server, issuing, names, judged, false},
		"after 260 days":          {server, issuing, names, judged.Add(260 * day), false},
		"after 265 days":          {server, issuing, names, judged.Add(265 * day), true},
		"long over":               {server, issuing, names, judged.Add(900 * day), true},
		"two days back":           {server, issuing, names, judged.Add(-2 * day), true},
		"another authority":       {server, other, names, judged, true},
		"another name":            {server, issuing, []string{"node2", "::1"}, judged, true},
		"a name more":             {server, issuing, []string{"node1", "node2", "::1"}, judged, true},
		"a new one ends no later": {last, issuing, names, issuing.Leaf().NotAfter.Add(-time.Hour), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Due(tt.leaf.Leaf(), tt.issuer, tt.names, tt.now); got != tt.want {
				t.Errorf("due: %v, want %v", got, tt.want)
			}
		})
	}
}
