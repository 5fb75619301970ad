package dnssd

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Times of RFC 6762, sections 6, 8.1, 8.2 and 8.3.
const (
	probeEvery    = 250 * time.Millisecond
	probes        = 1 + 3 // a plain question first: some responders never answer a probe
	deferFor      = time.Second
	calmDown      = 5 * time.Second // after maxConflicts, so that two mad hosts do not fill the LAN
	maxConflicts  = 15
	maxFights     = 2 // with a host that never yields
	announceEvery = time.Second
	announcements = 2
	onceIn        = time.Second // the same record on the same link
)

// Limits on what a stranger can make us do.
const (
	maxQuestions = 64
	maxUnicast   = 200  // answers to single hosts in a second
	maxPayload   = 1440 // what fits one frame with IPv6 and without options
)

// speaker is the responder without its sockets and its clock: what came and
// what time it is goes in, messages go out. One goroutine uses it.
type speaker struct {
	log   *slog.Logger
	links []link
	send  func(l link, to netip.AddrPort, m *dns.Msg) // to everybody when to is not valid

	host   *claim
	claims []*claim // the services

	book    map[int]map[string][]dns.RR // link, name in lower case
	pending map[int]*batch              // answers that wait a moment for company
	last    map[string]time.Time        // when a record was last sent to everybody on a link
	unicast int                         // answers to single hosts since
	since   time.Time
}

type batch struct {
	due            time.Time
	answers, extra []dns.RR
}

// wish makes the claims what is wanted now: what is new is probed for, what
// changed is announced, what is gone says goodbye, and the rest is left alone.
func (s *speaker) wish(now time.Time, host string, services []Service) {
	if s.host == nil || s.host.want != host {
		if s.host != nil {
			s.goodbye([]*claim{s.host})
		}
		s.host = &claim{want: host, name: host, tries: 1, due: now.Add(jitter(probeEvery))}
		s.changedHost(now)
	}
	var gone []*claim
	kept := s.claims[:0:0]
	for _, c := range s.claims {
		if slices.ContainsFunc(services, func(v Service) bool { return v.key() == c.key && tidy(v.Instance) == c.want }) {
			kept = append(kept, c)
		} else {
			gone = append(gone, c)
		}
	}
	s.claims = kept
	s.goodbye(gone)
	for _, v := range services {
		i := slices.IndexFunc(s.claims, func(c *claim) bool { return c.key == v.key() })
		if i >= 0 {
			s.change(now, s.claims[i], v)
			continue
		}
		c := &claim{key: v.key(), want: tidy(v.Instance), service: v, offers: v.offers(), due: now.Add(jitter(probeEvery))}
		s.rename(c)
		s.claims = append(s.claims, c)
	}
	s.rebuild()
}

// change gives a claim that stands another text, or other types.
func (s *speaker) change(now time.Time, c *claim, v Service) {
	was, is := c.offers, v.offers()
	c.service = v
	if slices.EqualFunc(was, is, func(a, b offer) bool {
		return a.typ == b.typ && a.port == b.port && slices.Equal(a.txt, b.txt)
	}) {
		return
	}
	left := *c
	left.offers = slices.DeleteFunc(slices.Clone(was), func(o offer) bool { return hasType(is, o.typ) })
	if len(left.offers) > 0 {
		s.goodbye([]*claim{&left})
	}
	c.offers = is
	if c.phase == probing || slices.ContainsFunc(is, func(o offer) bool { return !hasType(was, o.typ) }) {
		c.probe(now)
		return
	}
	c.phase, c.step, c.due = announcing, 0, now
}

func hasType(list []offer, typ string) bool {
	return slices.ContainsFunc(list, func(o offer) bool { return o.typ == typ })
}

func (c *claim) probe(at time.Time) { c.phase, c.step, c.due = probing, 0, at }

// rename gives c the next name that none of our own claims has.
func (s *speaker) rename(c *claim) {
	c.announced = false
	for {
		c.tries++
		c.name = numbered(c.want, c.tries, c.isHost())
		if !slices.ContainsFunc(s.claims, func(o *claim) bool { return o != c && strings.EqualFold(o.name, c.name) }) {
			return
		}
	}
}

// changedHost probes for and announces anew what points to the host's name.
func (s *speaker) changedHost(now time.Time) {
	for _, c := range s.claims {
		if c.phase == probing {
			c.probe(now.Add(jitter(probeEvery)))
		} else {
			c.phase, c.step, c.due = announcing, 0, now
		}
	}
}

func (s *speaker) all() []*claim {
	if s.host == nil {
		return s.claims
	}
	return append([]*claim{s.host}, s.claims...)
}

func jitter(d time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(d))) //nolint:gosec // it spreads load and keeps no secret
}

// rebuild makes the book of all records of the names that are ours.
func (s *speaker) rebuild() {
	s.book, s.last = map[int]map[string][]dns.RR{}, map[string]time.Time{}
	for _, l := range s.links {
		page := map[string][]dns.RR{}
		for _, c := range s.all() {
			if c.phase == probing {
				continue
			}
			for _, rr := range c.records(s.host.name, l) {
				name := strings.ToLower(rr.Header().Name)
				if !slices.ContainsFunc(page[name], func(o dns.RR) bool { return same(o, rr) }) {
					page[name] = append(page[name], rr)
				}
			}
		}
		s.book[l.index] = page
	}
}

// tick does what is due and returns when to come again.
func (s *speaker) tick(now time.Time) time.Time {
	next := now.Add(time.Hour)
	settled := false
	for _, c := range s.all() {
		for c.phase != standing && !c.due.After(now) {
			settled = s.advance(now, c) || settled
		}
	}
	if settled {
		s.rebuild()
	}
	for _, c := range s.all() {
		if c.phase != standing && c.due.Before(next) {
			next = c.due
		}
	}
	for _, l := range s.links {
		b := s.pending[l.index]
		switch {
		case b == nil:
		case !b.due.After(now):
			delete(s.pending, l.index)
			s.say(now, l, b.answers, b.extra)
		case b.due.Before(next):
			next = b.due
		}
	}
	return next
}

// advance takes c one step on its way and says whether its name became ours.
func (s *speaker) advance(now time.Time, c *claim) bool {
	if c.phase == probing && c.step < probes {
		for _, l := range s.links {
			s.send(l, netip.AddrPort{}, s.question(c, l))
		}
		c.step, c.due = c.step+1, now.Add(probeEvery)
		return false
	}
	if c.phase == probing {
		c.phase, c.step = announcing, 0
		s.log.Info("dnssd: name is free and ours", "name", c.name, "queue", c.service.Queue)
		return true // and announce once the book knows it
	}
	for _, l := range s.links {
		for _, m := range messages(c.records(s.host.name, l), nil) {
			s.send(l, netip.AddrPort{}, m)
		}
	}
	c.announced = true
	if c.step++; c.step == announcements {
		c.phase, c.conflicts = standing, 0
	}
	c.due = now.Add(announceEvery)
	return false
}

// question is a probe: has anybody these names, which we would use like this?
func (s *speaker) question(c *claim, l link) *dns.Msg {
	m := &dns.Msg{Compress: true}
	if c.step > 0 {
		m.Ns = c.identity(s.host.name, l)
	}
	class := uint16(dns.ClassINET)
	if c.step == 1 {
		class |= flush
	}
	for _, o := range c.owners() {
		m.Question = append(m.Question, dns.Question{Name: o, Qtype: dns.TypeANY, Qclass: class})
	}
	return m
}

// goodbye tells everybody that the records of these claims are gone.
func (s *speaker) goodbye(claims []*claim) {
	for _, l := range s.links {
		var list []dns.RR
		for _, c := range claims {
			if !c.announced || c.phase == probing && c.conflicts > 0 {
				continue // nobody knows it, or it may be another's by now
			}
			for _, rr := range c.records(s.host.name, l) {
				if rr.Header().Rrtype == dns.TypeNSEC || strings.HasPrefix(rr.Header().Name, "_services.") {
					continue // others have queues too
				}
				rr.Header().Ttl = 0
				list = append(list, rr)
			}
		}
		for _, m := range messages(list, nil) {
			s.send(l, netip.AddrPort{}, m)
		}
	}
}

// handle reads one message of a stranger.
func (s *speaker) handle(now time.Time, p packet) {
	m := new(dns.Msg)
	i := slices.IndexFunc(s.links, func(l link) bool { return l.index == p.link })
	if err := m.Unpack(p.octets); err != nil || i < 0 || m.Opcode != dns.OpcodeQuery || m.Rcode != dns.RcodeSuccess {
		return
	}
	switch {
	case !m.Response:
		s.rivals(now, s.links[i], m)
		s.query(now, s.links[i], p.from, m)
	case p.from.Port() == port: // RFC 6762, section 6: anything else is no answer
		s.conflicts(now, m)
	}
}

// rivals looks whether somebody probes for the name that we are probing for.
func (s *speaker) rivals(now time.Time, l link, m *dns.Msg) {
	if len(m.Ns) == 0 {
		return
	}
	for _, c := range s.all() {
		if c.phase != probing {
			continue // the answer to the question defends it
		}
		ours := c.identity(s.host.name, l)
		for _, owner := range c.owners() {
			of := func(list []dns.RR) []dns.RR {
				return slices.DeleteFunc(slices.Clone(list), func(rr dns.RR) bool { return !strings.EqualFold(rr.Header().Name, owner) })
			}
			theirs := of(m.Ns)
			if len(theirs) > 0 && later(of(ours), theirs) < 0 {
				c.probe(now.Add(deferFor))
				break
			}
		}
	}
}

// conflicts looks whether an answer denies us a name.
func (s *speaker) conflicts(now time.Time, m *dns.Msg) {
	heard := slices.Concat(m.Answer, m.Extra)
	for _, c := range s.all() {
		var ours []dns.RR
		for _, l := range s.links {
			ours = append(ours, c.identity(s.host.name, l)...)
		}
		owners := c.owners()
		if slices.ContainsFunc(heard, func(rr dns.RR) bool { return taken(rr, owners, ours) }) {
			s.lost(now, c)
		}
	}
}

// lost handles a name that somebody else has as well. Who probes takes another;
// who has stood probes again, and the other does the same (section 9), but not
// for ever.
func (s *speaker) lost(now time.Time, c *claim) {
	wait := jitter(probeEvery)
	if c.conflicts++; c.conflicts > maxConflicts {
		wait = calmDown
	}
	if c.phase != probing {
		c.fights++
	}
	if c.phase == probing || c.fights > maxFights {
		was := c.name
		s.rename(c)
		s.log.Warn("dnssd: name is taken by another host", "name", was, "instead", c.name, "queue", c.service.Queue)
		if c.isHost() {
			s.changedHost(now)
		}
	}
	c.probe(now.Add(wait))
	s.rebuild()
}

// query answers what we know, without what the asker knows already.
func (s *speaker) query(now time.Time, l link, from netip.AddrPort, m *dns.Msg) {
	legacy := from.Port() != port
	var direct, extra []dns.RR
	for _, q := range m.Question[:min(len(m.Question), maxQuestions)] {
		answers, more := s.answer(l, q)
		if !legacy {
			answers = slices.DeleteFunc(answers, func(rr dns.RR) bool { return known(rr, m.Answer) })
		}
		switch {
		case len(answers) == 0:
		case legacy, q.Qclass&flush != 0 && len(m.Ns) == 0:
			direct, extra = add(direct, answers), add(extra, more)
		default:
			s.later(now, l, answers, more, len(m.Ns) > 0)
		}
	}
	if len(direct) == 0 || !s.mayUnicast(now) {
		return
	}
	for _, r := range messages(direct, extra) {
		if legacy {
			plain(r, m)
		}
		s.send(l, from, r)
		if legacy {
			return // such a client waits for one answer
		}
	}
}

func (s *speaker) mayUnicast(now time.Time) bool {
	if now.Sub(s.since) >= time.Second {
		s.since, s.unicast = now, 0
	}
	s.unicast++
	return s.unicast <= maxUnicast
}

// plain makes an answer for a client that knows nothing of multicast DNS, RFC
// 6762, section 6.7.
func plain(r, query *dns.Msg) {
	r.Id, r.Question = query.Id, query.Question
	for _, list := range [][]dns.RR{r.Answer, r.Extra} {
		for _, rr := range list {
			rr.Header().Class &^= flush
			rr.Header().Ttl = min(rr.Header().Ttl, 10)
		}
	}
}

// later puts answers where they wait for company, or for nothing when nobody
// else could answer; somebody's probe is answered at once and every time.
func (s *speaker) later(now time.Time, l link, answers, extra []dns.RR, defend bool) {
	if defend {
		s.forget(l, answers)
	} else {
		answers = slices.DeleteFunc(answers, func(rr dns.RR) bool { return now.Sub(s.last[recordKey(l, rr)]) < onceIn })
	}
	if len(answers) == 0 {
		return
	}
	due := now
	if slices.ContainsFunc(answers, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypePTR }) {
		due = now.Add(20*time.Millisecond + jitter(100*time.Millisecond))
	}
	if s.pending == nil {
		s.pending = map[int]*batch{}
	}
	b := s.pending[l.index]
	if b == nil {
		b = &batch{due: due}
		s.pending[l.index] = b
	}
	if due.Before(b.due) {
		b.due = due
	}
	b.answers, b.extra = add(b.answers, answers), add(b.extra, extra)
}

func (s *speaker) forget(l link, list []dns.RR) {
	for _, rr := range list {
		delete(s.last, recordKey(l, rr))
	}
}

func recordKey(l link, rr dns.RR) string {
	return l.name + " " + strings.ToLower(rr.Header().Name) + " " + dns.TypeToString[rr.Header().Rrtype] + " " + string(rdata(rr))
}

// say sends answers to everybody on a link.
func (s *speaker) say(now time.Time, l link, answers, extra []dns.RR) {
	for _, m := range messages(answers, extra) {
		for _, rr := range m.Answer {
			s.last[recordKey(l, rr)] = now
		}
		s.send(l, netip.AddrPort{}, m)
	}
}

// answer returns the records for a question, and those that the asker will want
// next (RFC 6763, section 12). They are copies.
func (s *speaker) answer(l link, q dns.Question) (answers, extra []dns.RR) {
	if c := q.Qclass &^ flush; c != dns.ClassINET && c != dns.ClassANY {
		return nil, nil
	}
	page := s.book[l.index]
	at := func(name string, types ...uint16) {
		for _, rr := range page[strings.ToLower(name)] {
			if slices.Contains(types, rr.Header().Rrtype) {
				extra = append(extra, dns.Copy(rr))
			}
		}
	}
	name := strings.ToLower(q.Name)
	for _, rr := range page[name] {
		if t := rr.Header().Rrtype; t == q.Qtype || q.Qtype == dns.TypeANY && t != dns.TypeNSEC {
			answers = append(answers, dns.Copy(rr))
		}
	}
	if len(answers) == 0 { // the name is ours alone and has no such type
		for _, rr := range page[name] {
			if rr.Header().Rrtype == dns.TypeNSEC {
				answers = append(answers, dns.Copy(rr))
			}
		}
	}
	for _, rr := range answers {
		switch rr := rr.(type) {
		case *dns.PTR:
			at(rr.Ptr, dns.TypeSRV, dns.TypeTXT)
		case *dns.A, *dns.AAAA:
			at(rr.Header().Name, dns.TypeA, dns.TypeAAAA, dns.TypeNSEC)
		}
	}
	for _, rr := range slices.Concat(answers, extra) {
		if srv, ok := rr.(*dns.SRV); ok {
			at(srv.Target, dns.TypeA, dns.TypeAAAA, dns.TypeNSEC)
		}
	}
	return answers, extra
}

// known says whether the asker has rr and will have it for a while, RFC 6762,
// section 7.1.
func known(rr dns.RR, list []dns.RR) bool {
	return slices.ContainsFunc(list, func(k dns.RR) bool { return k.Header().Ttl >= rr.Header().Ttl/2 && same(k, rr) })
}

// add appends what the list does not have yet.
func add(list, more []dns.RR) []dns.RR {
	for _, rr := range more {
		if !slices.ContainsFunc(list, func(o dns.RR) bool { return same(o, rr) }) {
			list = append(list, rr)
		}
	}
	return list
}

// messages packs answers into as many messages as it takes, each within one
// frame where it can be, and adds of extra what still fits.
func messages(answers, extra []dns.RR) []*dns.Msg {
	var list []*dns.Msg
	var m *dns.Msg
	for _, rr := range answers {
		if rr.Header().Rrtype != dns.TypePTR {
			rr.Header().Class |= flush
		}
		if m != nil {
			if m.Answer = append(m.Answer, rr); m.Len() <= maxPayload {
				continue
			}
			m.Answer = m.Answer[:len(m.Answer)-1]
		}
		m = &dns.Msg{Compress: true, Answer: []dns.RR{rr}}
		m.Response, m.Authoritative = true, true
		list = append(list, m)
	}
	for _, rr := range extra {
		if m == nil || slices.ContainsFunc(answers, func(a dns.RR) bool { return same(a, rr) }) {
			continue
		}
		if rr.Header().Rrtype != dns.TypePTR {
			rr.Header().Class |= flush
		}
		if m.Extra = append(m.Extra, rr); m.Len() > maxPayload {
			m.Extra = m.Extra[:len(m.Extra)-1]
		}
	}
	return list
}
