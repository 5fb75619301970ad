package acme

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"platen/fault"
)

// fakeNS serves h over UDP and TCP at a port of an address.
func fakeNS(t *testing.T, addr string, h dns.HandlerFunc) {
	t.Helper()
	pc, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: h}, {Listener: ln, Handler: h}} {
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go func() { _ = s.ActivateAndServe() }()
		<-up
		t.Cleanup(func() { _ = s.Shutdown() })
	}
}

func rr(t *testing.T, s string) dns.RR {
	t.Helper()
	r, err := dns.NewRR(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The second name server of a zone hears of an entry later than the first.
func TestAllNameServersShowTheEntry(t *testing.T) {
	port := freePort(t)
	answers := map[string]dns.RR{
		"acme.test. NS":        rr(t, "acme.test. 60 NS ns2.acme.test."),
		"ns2.acme.test. A":     rr(t, "ns2.acme.test. 60 A 127.0.53.2"),
		"proof.acme.test. TXT": rr(t, `proof.acme.test. 60 TXT "value"`),
	}
	reply := func(w dns.ResponseWriter, m *dns.Msg) {
		r := new(dns.Msg).SetReply(m)
		if a, ok := answers[m.Question[0].Name+" "+dns.TypeToString[m.Question[0].Qtype]]; ok {
			r.Answer = []dns.RR{a}
		}
		_ = w.WriteMsg(r)
	}
	var asked atomic.Int32
	fakeNS(t, "127.0.53.1:"+port, reply)
	fakeNS(t, "127.0.53.2:"+port, func(w dns.ResponseWriter, m *dns.Msg) {
		if _, over := w.RemoteAddr().(*net.UDPAddr); over { // too long for UDP, it says
			r := new(dns.Msg).SetReply(m)
			r.Truncated = true
			_ = w.WriteMsg(r)
			return
		}
		if asked.Add(1) < 3 {
			_ = w.WriteMsg(new(dns.Msg).SetRcode(m, dns.RcodeNameError))
			return
		}
		reply(w, m)
	})
	u := &updates{Client: &Client{Config: Config{DNS: DNS{Server: "127.0.53.1:" + port}}, nsPort: port}}
	u.made = []entry{{zone: "acme.test.", name: "proof.acme.test.", value: "value"}}
	if err := u.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if asked.Load() != 3 {
		t.Errorf("the second server was asked %d times", asked.Load())
	}
}

// Whoever stands between us and the name server can say yes as well.
func TestAnswersToUpdatesAreSigned(t *testing.T) {
	const secret, other = "c2VjcmV0", "b3RoZXI="
	tests := map[string]struct {
		secret string // "": not signed
		rcode  int
		want   string // "": believed
	}{
		"as it should":     {secret, dns.RcodeSuccess, ""},
		"not signed":       {"", dns.RcodeSuccess, "is not signed with the key k."},
		"signed otherwise": {other, dns.RcodeSuccess, "is not signed with the key k."},
		"a refusal":        {secret, dns.RcodeRefused, "does not let this node enter a.acme.test in the DNS"},
		"a fault":          {secret, dns.RcodeServerFailure, "has not entered a.acme.test in the DNS: SERVFAIL."},
		"a fault, unknown": {secret, 14, "has not entered a.acme.test in the DNS: 14."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			addr := ln.Addr().String()
			s := &dns.Server{Listener: ln, TsigSecret: map[string]string{"k.": secret}, MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }}
			s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
				r := new(dns.Msg).SetRcode(m, tt.rcode)
				if tt.secret != "" {
					s.TsigSecret["k."] = tt.secret
					r.SetTsig("k.", dns.HmacSHA256, 300, int64(m.IsTsig().TimeSigned))
				}
				_ = w.WriteMsg(r)
			})
			go func() { _ = s.ActivateAndServe() }()
			t.Cleanup(func() { _ = s.Shutdown() })
			u := &updates{Client: &Client{Config: Config{DNS: DNS{Server: addr, KeyName: "k"}}, DNSSecret: secret}}
			err = u.update(t.Context(), entry{zone: "acme.test.", name: "a.acme.test.", value: "v"}, (*dns.Msg).Insert)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !fault.Is(err, fault.Denied) || !strings.Contains(fault.Text(err), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

// freePort is one of an address that no other test uses.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.53.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
