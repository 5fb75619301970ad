package acme

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"

	"platen/fault"
)

const (
	label       = "_acme-challenge."
	ttl         = 60              // seconds: of an entry that lives for minutes
	fudge       = 300             // seconds that clocks may differ, RFC 8945, section 10
	dnsTimeout  = 5 * time.Second // of one question or update
	shownWithin = 2 * time.Minute // how long all name servers of a zone have to show an entry
	maxCNAMEs   = 8
)

// entry is a TXT record that proves a name, RFC 8555, section 8.4.
type entry struct {
	zone, name string // with the final dot
	value      string
}

// updates proves names by entries in the DNS.
type updates struct {
	*Client
	made []entry
}

// present makes the entry of a proof. The entries of a name and of its wildcard
// stand side by side.
func (u *updates) present(ctx context.Context, p *proof) error {
	sum := sha256.Sum256([]byte(p.keyAuth))
	name, err := u.follow(ctx, dns.CanonicalName(label+p.name))
	if err != nil {
		return err
	}
	zone, err := u.zone(ctx, name)
	if err != nil {
		return err
	}
	e := entry{zone: zone, name: name, value: base64.RawURLEncoding.EncodeToString(sum[:])}
	p.entry = e // before it is made: an update whose answer is lost may have been made
	if err := u.update(ctx, e, (*dns.Msg).Insert); err != nil {
		return err
	}
	u.made = append(u.made, e)
	return nil
}

// remove takes this one entry away, and no other of the same name.
func (u *updates) remove(ctx context.Context, p *proof) error {
	if p.entry.name == "" {
		return nil
	}
	return u.update(ctx, p.entry, (*dns.Msg).Remove)
}

func (u *updates) update(ctx context.Context, e entry, change func(*dns.Msg, []dns.RR)) error {
	m := new(dns.Msg).SetUpdate(e.zone)
	change(m, []dns.RR{&dns.TXT{
		Hdr: dns.RR_Header{Name: e.name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: ttl},
		Txt: []string{e.value},
	}})
	var keys map[string]string
	if u.DNS.KeyName != "" {
		name := dns.CanonicalName(u.DNS.KeyName)
		keys = map[string]string{name: padded(u.DNSSecret)}
		m.SetTsig(name, u.algorithm(), fudge, u.now().Unix())
	}
	r, err := exchange(ctx, "tcp", u.updateServer(), m, keys)
	return u.judge(e, r, err)
}

// padded returns base64 as miekg/dns reads it.
func padded(s string) string {
	s = strings.TrimRight(s, "=")
	return s + strings.Repeat("=", (4-len(s)%4)%4)
}

func (u *updates) algorithm() string {
	if u.DNS.Algorithm == "" {
		return dns.Fqdn(Algorithms()[0])
	}
	return dns.Fqdn(u.DNS.Algorithm)
}

func (u *updates) updateServer() string { return withPort(u.DNS.Server, "53") }

func withPort(server, port string) string {
	if _, _, err := net.SplitHostPort(server); err == nil {
		return server
	}
	return net.JoinHostPort(strings.Trim(server, "[]"), port)
}

// judge reads the answer to an update. A refusal for the key is not signed, RFC 8945,
// section 5.3.2, so it is believed before the signature is looked at; a success is not.
func (u *updates) judge(e entry, r *dns.Msg, err error) error {
	f := &fault.Error{Op: "acme.dns", Kind: fault.Denied, Args: []any{u.DNS.Server, u.DNS.KeyName}, Err: err}
	name, zone := plain(e.name), plain(e.zone)
	if r == nil {
		f.Kind, f.Text, f.Args = fault.Unavailable, "The name server %s does not answer to an entry in the DNS.", f.Args[:1]
		return f
	}
	tsig := r.IsTsig()
	switch {
	case tsig != nil && tsig.Error == dns.RcodeBadTime:
		f.Text, f.Args = "The name server %s refuses entries because its clock and the clock of this node differ.", f.Args[:1]
	case tsig != nil && tsig.Error != dns.RcodeSuccess:
		f.Text = "The name server %s does not know the key %s, or its secret or algorithm is another one."
	case r.Rcode == dns.RcodeRefused && u.DNS.KeyName != "":
		f.Text, f.Args = "The name server %s does not let this node enter %s in the DNS. Check what the key %s may do there.", []any{u.DNS.Server, name, u.DNS.KeyName}
	case r.Rcode == dns.RcodeRefused, r.Rcode == dns.RcodeNotAuth, r.Rcode == dns.RcodeNotZone:
		f.Text, f.Args = "The name server %s takes no entries for the zone %s.", []any{u.DNS.Server, zone}
	case r.Rcode != dns.RcodeSuccess:
		f.Text, f.Args = "The name server %s has not entered %s in the DNS: %s.", []any{u.DNS.Server, name, rcode(r)}
	case err != nil, u.DNS.KeyName != "" && tsig == nil:
		f.Text = "The answer of the name server %s is not signed with the key %s."
	default:
		return nil
	}
	if f.Err == nil {
		f.Err = errors.New("dns: " + rcode(r))
	}
	return f
}

// plain returns a name as people write it.
func plain(name string) string { return words(strings.TrimSuffix(name, ".")) }

func rcode(r *dns.Msg) string {
	if s, ok := dns.RcodeToString[r.Rcode]; ok {
		return s
	}
	return fmt.Sprint(r.Rcode)
}

// follow returns the name at the end of aliases: many let an alias lead from the zone
// that nobody may change to one for this purpose.
func (u *updates) follow(ctx context.Context, name string) (string, error) {
	for range maxCNAMEs {
		r, err := u.ask(ctx, u.updateServer(), name, dns.TypeCNAME)
		if err != nil {
			return "", u.silent(err)
		}
		next := ""
		for _, rr := range r.Answer {
			if c, ok := rr.(*dns.CNAME); ok && dns.CanonicalName(c.Hdr.Name) == name {
				next = dns.CanonicalName(c.Target)
			}
		}
		if next == "" {
			break
		}
		name = next
	}
	return name, nil
}

// zone returns the zone that a name lies in: the one that is set, or the nearest one
// that the server knows.
func (u *updates) zone(ctx context.Context, name string) (string, error) {
	if zone := dns.CanonicalName(u.DNS.Zone); u.DNS.Zone != "" {
		if dns.IsSubDomain(zone, name) {
			return zone, nil
		}
		return "", &fault.Error{Op: "acme.dns", Kind: fault.Invalid, Text: "The name %s does not lie in the zone %s.", Args: []any{plain(name), plain(zone)}}
	}
	for off, end := 0, false; !end; off, end = dns.NextLabel(name, off) {
		r, err := u.ask(ctx, u.updateServer(), name[off:], dns.TypeSOA)
		if err != nil {
			return "", u.silent(err)
		}
		for _, rr := range r.Answer {
			if _, ok := rr.(*dns.SOA); ok && dns.CanonicalName(rr.Header().Name) == name[off:] {
				return name[off:], nil
			}
		}
	}
	return "", &fault.Error{Op: "acme.dns", Kind: fault.Invalid,
		Text: "The name server %s knows no zone for %s. Enter the zone.", Args: []any{u.DNS.Server, plain(name)}}
}

func (u *updates) silent(err error) error {
	return &fault.Error{Op: "acme.dns", Kind: fault.Unavailable, Err: err, Text: "The name server %s does not answer.", Args: []any{u.DNS.Server}}
}

// ask sends one question over UDP, and over TCP when the answer is too long or lost.
func (u *updates) ask(ctx context.Context, server, name string, kind uint16) (*dns.Msg, error) {
	m := new(dns.Msg).SetQuestion(name, kind).SetEdns0(dns.DefaultMsgSize, false)
	r, err := exchange(ctx, "udp", server, m, nil)
	if err == nil && !r.Truncated {
		return r, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return exchange(ctx, "tcp", server, m, nil)
}

// exchange sends m and returns the answer. It may return both an answer and an error,
// when the answer's signature is wrong.
func exchange(ctx context.Context, network, server string, m *dns.Msg, keys map[string]string) (*dns.Msg, error) {
	c := &dns.Client{Net: network, Timeout: dnsTimeout, TsigSecret: keys}
	conn, err := c.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	r, _, err := c.ExchangeWithConnContext(ctx, m, conn)
	return r, err
}
