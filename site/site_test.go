package site

import (
	"net/netip"
	"testing"
	"time"
)

func TestQueueAdmits(t *testing.T) {
	q := Queue{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}}
	for client, want := range map[string]bool{
		"10.1.2.3": true, "10.2.2.3": false, "::ffff:10.1.2.3": true, "fd00::7": true, "2001:db8::1": false,
	} {
		if got := q.Admits(netip.MustParseAddr(client)); got != want {
			t.Errorf("%s: %v", client, got)
		}
	}
	if !q.Admits(netip.Addr{}) {
		t.Error("a job of this machine has no address and was refused")
	}
	if q.Allow = nil; !q.Admits(netip.MustParseAddr("192.0.2.1")) {
		t.Error("an empty list admits everybody")
	}
}

func TestConfidentialKeepsNothing(t *testing.T) {
	q := Queue{KeepFor: time.Hour}
	if q.Keep() != time.Hour {
		t.Errorf("Keep = %s", q.Keep())
	}
	if q.Confidential = true; q.Keep() != 0 {
		t.Errorf("a confidential queue keeps for %s", q.Keep())
	}
}

func TestDefaults(t *testing.T) {
	s := DefaultSettings()
	if s.MaxOctets != 4<<30 || s.TitleFor != 7*24*time.Hour || s.Reserve <= 0 || DefaultHoldFor != 96*time.Hour || DefaultKeepFor != 2*time.Hour {
		t.Errorf("%+v", s)
	}
	if FoldName("  Secure ") != "secure" {
		t.Error("names are compared without case")
	}
}
