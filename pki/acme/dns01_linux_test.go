package acme

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"platen/fault"
	"platen/internal/testkit/peers"
)

const zone = "acme.test"

func bind(t *testing.T) *peers.Bind {
	t.Helper()
	b, err := peers.StartBind(t.Context(), t.TempDir(), zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	t.Log(b.Version)
	return b
}

// byDNS makes c prove its names at b.
func byDNS(c *Client, b *peers.Bind) *Client {
	c.Challenge, c.HTTP01 = ByDNS, nil
	c.DNS = DNS{Server: b.Addr, KeyName: b.KeyName}
	c.DNSSecret, c.nsPort = b.Secret, b.Port
	return c
}

// texts returns the TXT records of a name at b.
func texts(t *testing.T, b *peers.Bind, name string) []string {
	t.Helper()
	r, err := exchange(t.Context(), "tcp", b.Addr, new(dns.Msg).SetQuestion(name, dns.TypeTXT), nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, rr := range r.Answer {
		if txt, ok := rr.(*dns.TXT); ok {
			all = append(all, txt.Txt...)
		}
	}
	return all
}

func TestDNS01(t *testing.T) {
	b := bind(t)
	p := pebble(t, peers.PebbleOptions{DNS: b.Addr, HTTPPort: 1})
	tests := map[string]struct {
		zone  string
		names []string
	}{
		"a name and its wildcard": {"", []string{"acme.test", "*.acme.test"}},
		"the zone is set":         {"ACME.test", []string{"print.acme.test"}},
		"an alias":                {"", []string{"alias.acme.test"}},
		"a name without address":  {"", []string{"a.b.c.acme.test", "*.c.acme.test"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := byDNS(client(t, p), b)
			c.DNS.Zone = tt.zone
			chain, err := c.Obtain(t.Context(), tt.names, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.Sorted(slices.Values(chain.Leaf().DNSNames)); !slices.Equal(got, slices.Sorted(slices.Values(tt.names))) {
				t.Errorf("a certificate for %v", got)
			}
			mustTrust(t, p, chain, strings.ReplaceAll(tt.names[len(tt.names)-1], "*", "any"))
			mustHaveNoEntries(t, b, tt.names...)
		})
	}
}

// Somebody else proves the same name, perhaps another node.
func TestEntriesOfOthersStay(t *testing.T) {
	b := bind(t)
	c := byDNS(client(t, pebble(t, peers.PebbleOptions{DNS: b.Addr, HTTPPort: 1})), b)
	other := entry{zone: "acme.test.", name: "_acme-challenge.print.acme.test.", value: "of somebody else"}
	if err := (&updates{Client: c}).update(t.Context(), other, (*dns.Msg).Insert); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Obtain(t.Context(), []string{"print.acme.test"}, nil); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, b, other.name); !slices.Equal(got, []string{other.value}) {
		t.Errorf("entries: %q", got)
	}
}

// The server may ask the second name server of the zone, which hears of the entry later.
func TestTheServerLooksOnceAllShowTheEntry(t *testing.T) {
	b := bind(t)
	var asked atomic.Int32
	fakeNS(t, net.JoinHostPort("127.0.0.254", b.Port), func(w dns.ResponseWriter, m *dns.Msg) {
		if asked.Add(1) < 3 {
			_ = w.WriteMsg(new(dns.Msg).SetRcode(m, dns.RcodeNameError))
			return
		}
		r, err := exchange(context.Background(), "tcp", b.Addr, m, nil)
		if err == nil {
			_ = w.WriteMsg(r)
		}
	})
	c := byDNS(client(t, pebble(t, peers.PebbleOptions{DNS: b.Addr, HTTPPort: 1})), b)
	if _, err := c.Obtain(t.Context(), []string{"print.acme.test"}, nil); err != nil {
		t.Fatal(err)
	}
	if asked.Load() != 3 {
		t.Errorf("the second server was asked %d times", asked.Load())
	}
}

func mustHaveNoEntries(t *testing.T, b *peers.Bind, names ...string) {
	t.Helper()
	for _, n := range names {
		if left := texts(t, b, "_acme-challenge."+strings.TrimPrefix(n, "*.")+"."); len(left) > 0 {
			t.Errorf("%s: entries are left behind: %v", n, left)
		}
	}
}

// The ACME server asks other name servers than the one with the entry.
func TestDNS01ThatTheServerDoesNotSee(t *testing.T) {
	b := bind(t)
	c := byDNS(client(t, pebble(t, peers.PebbleOptions{DNS: nameServer(t).Addr, HTTPPort: 1})), b)
	_, err := c.Obtain(t.Context(), []string{"print.acme.test"}, nil)
	mustSay(t, err, fault.Denied, "does not see what this node has entered in the DNS for print.acme.test", "No TXT records found")
	mustHaveNoEntries(t, b, "print.acme.test")
}

func TestEntriesThatAreRefused(t *testing.T) {
	b := bind(t)
	closed, err := peers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	gone := net.JoinHostPort("127.0.0.1", strconv.Itoa(closed))
	tests := map[string]struct {
		change func(*Client)
		name   string
		kind   fault.Kind
		want   string
	}{
		"another secret":  {func(c *Client) { c.DNSSecret = "c2VjcmV0IG9mIHNvbWVib2R5IGVsc2U=" }, "print.acme.test", fault.Denied, "does not know the key updates, or its secret"},
		"another key":     {func(c *Client) { c.DNS.KeyName = "nobody" }, "print.acme.test", fault.Denied, "does not know the key nobody"},
		"another method":  {func(c *Client) { c.DNS.Algorithm = "hmac-sha512" }, "print.acme.test", fault.Denied, "or its secret or algorithm"},
		"another clock":   {func(c *Client) { c.Now = func() time.Time { return time.Now().Add(time.Hour) } }, "print.acme.test", fault.Denied, "its clock and the clock of this node differ"},
		"a weak key":      {func(c *Client) { c.DNS.KeyName = b.Weak }, "print.acme.test", fault.Denied, "does not let this node enter _acme-challenge.print.acme.test in the DNS. Check what the key weak may do"},
		"no key":          {func(c *Client) { c.DNS.KeyName = "" }, "print.acme.test", fault.Denied, "takes no entries for the zone acme.test."},
		"a foreign name":  {func(*Client) {}, "print.example", fault.Invalid, "knows no zone for _acme-challenge.print.example."},
		"a foreign zone":  {func(c *Client) { c.DNS.Zone = "example" }, "print.acme.test", fault.Invalid, "does not lie in the zone example."},
		"not its zone":    {func(c *Client) { c.DNS.Zone = "example" }, "print.example", fault.Denied, "takes no entries for the zone example."},
		"nobody is there": {func(c *Client) { c.DNS.Server = gone }, "print.acme.test", fault.Unavailable, "does not answer"},
	}
	p := pebble(t, peers.PebbleOptions{DNS: b.Addr, HTTPPort: 1})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := byDNS(client(t, p), b)
			tt.change(c)
			_, err := c.Obtain(t.Context(), []string{tt.name}, nil)
			mustSay(t, err, tt.kind, tt.want)
			if strings.Contains(err.Error(), c.DNSSecret) {
				t.Error("the secret is in the error")
			}
			mustHaveNoEntries(t, b, "print.acme.test")
		})
	}
}

// The entry is there when nobody waits any longer, and must not stay there.
func TestNobodyWaitsForTheDNS(t *testing.T) {
	b := bind(t)
	c := byDNS(client(t, pebble(t, peers.PebbleOptions{DNS: b.Addr, HTTPPort: 1})), b)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	u := &updates{Client: c}
	p := &proof{name: "print.acme.test", keyAuth: "token.thumbprint"}
	if err := u.present(ctx, p); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, b, "_acme-challenge.print.acme.test."); len(got) != 1 {
		t.Fatalf("entries: %v", got)
	}
	u.made[0].value = "which is not there"
	cancel()
	if err := u.ready(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	s, err := c.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	s.forget(ctx, u, []*proof{p}, false)
	mustHaveNoEntries(t, b, "print.acme.test")
}
