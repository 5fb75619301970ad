package ldap

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"
)

// fake is an LDAP server that says what a test wants. It speaks plainly.
type fake struct {
	root   []attr                          // of the root DSE
	search func(w *reply, q asked)         // answers every other search
	bind   func(w *reply, name, pw string) // nil: everybody is welcome
	tls    func(w *reply)                  // answers StartTLS; nil: it is refused

	mu    sync.Mutex
	binds []string
	conns int
}

// attr is a name and its values.
type attr []string

// asked is a search request.
type asked struct {
	base, filter string
	attrs        []string
	cookie       []byte // of paging
	paged        bool
	n            int // how many searches there were before
}

// reply writes answers to one request.
type reply struct {
	conn net.Conn
	id   int64
	err  error // of writing: nobody listens any more
}

func (f *fake) start(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); ln.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns++
			f.mu.Unlock()
			wg.Go(func() {
				defer context.AfterFunc(ctx, func() { c.Close() })()
				defer c.Close()
				f.serve(c)
			})
		}
	})
	return "ldap://" + ln.Addr().String()
}

func (f *fake) serve(c net.Conn) {
	for n := 0; ; {
		p, err := ber.ReadPacket(c)
		if err != nil || len(p.Children) < 2 {
			return
		}
		w := &reply{conn: c, id: p.Children[0].Value.(int64)}
		op := p.Children[1]
		switch op.Tag {
		case goldap.ApplicationBindRequest:
			name, pw := op.Children[1].Value.(string), op.Children[2].Data.String()
			f.mu.Lock()
			f.binds = append(f.binds, name)
			f.mu.Unlock()
			if f.bind != nil {
				f.bind(w, name, pw)
			} else {
				w.done(goldap.ApplicationBindResponse, 0)
			}
		case goldap.ApplicationExtendedRequest:
			if f.tls != nil {
				f.tls(w)
			} else {
				w.done(goldap.ApplicationExtendedResponse, goldap.LDAPResultProtocolError)
			}
		case goldap.ApplicationSearchRequest:
			q := parseAsked(p, op)
			if q.base == "" && q.filter == "(objectClass=*)" {
				w.entry("", f.root...)
				w.done(goldap.ApplicationSearchResultDone, 0)
				continue
			}
			q.n = n
			n++
			f.search(w, q)
		case goldap.ApplicationUnbindRequest:
			return
		}
	}
}

func parseAsked(p, op *ber.Packet) asked {
	q := asked{base: op.Children[0].Value.(string)}
	q.filter, _ = goldap.DecompileFilter(op.Children[6])
	for _, a := range op.Children[7].Children {
		q.attrs = append(q.attrs, a.Value.(string))
	}
	if len(p.Children) > 2 {
		for _, c := range p.Children[2].Children {
			if decoded, err := goldap.DecodeControl(c); err == nil {
				if paging, ok := decoded.(*goldap.ControlPaging); ok {
					q.paged, q.cookie = true, paging.Cookie
				}
			}
		}
	}
	return q
}

func octets(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

func sequence(children ...*ber.Packet) *ber.Packet {
	s := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	for _, c := range children {
		s.AppendChild(c)
	}
	return s
}

func (w *reply) send(op *ber.Packet, controls ...goldap.Control) {
	m := sequence(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, w.id, ""), op)
	if len(controls) > 0 {
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, c := range controls {
			list.AppendChild(c.Encode())
		}
		m.AppendChild(list)
	}
	w.raw(m.Bytes())
}

func (w *reply) raw(b []byte) {
	if w.err == nil {
		_, w.err = w.conn.Write(b)
	}
}

func (w *reply) done(tag ber.Tag, code int64, controls ...goldap.Control) {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	op.AppendChild(octets(""))
	op.AppendChild(octets(""))
	w.send(op, controls...)
}

func (w *reply) end(controls ...goldap.Control) {
	w.done(goldap.ApplicationSearchResultDone, 0, controls...)
}

func (w *reply) entry(dn string, attrs ...attr) {
	list := sequence()
	for _, a := range attrs {
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, v := range a[1:] {
			values.AppendChild(octets(v))
		}
		list.AppendChild(sequence(octets(a[0]), values))
	}
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationSearchResultEntry, nil, "")
	op.AppendChild(octets(dn))
	op.AppendChild(list)
	w.send(op)
}

// user writes the nth person.
func (w *reply) user(n int, more ...attr) {
	w.entry(fmt.Sprintf("uid=u%d,dc=test", n), append([]attr{{"entryUUID", fmt.Sprintf("00000000-0000-4000-8000-%012d", n)}, {"uid", fmt.Sprintf("u%d", n)}}, more...)...)
}

func page(cookie string) goldap.Control {
	c := goldap.NewControlPaging(0)
	c.SetCookie([]byte(cookie))
	return c
}

// pagingRoot is the root DSE of a server that pages.
var pagingRoot = []attr{{"namingContexts", "dc=test"}, {"supportedControl", goldap.ControlTypePaging}, {"vendorName", "fake"}}

// fakeConfig reads a fake, with a page size of ten.
func fakeConfig(url string) Config {
	return Config{Servers: []string{url}, AllowPlain: true, BindAs: "cn=reader", Bases: []string{"dc=test"}, PageSize: 10, NoGroups: true}
}

// syncDone is the control that ends a refresh; the library only reads it.
type syncDone struct{}

func (syncDone) GetControlType() string { return goldap.ControlTypeSyncDone }
func (syncDone) String() string         { return "sync done" }

func (syncDone) Encode() *ber.Packet {
	value := ber.Encode(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, nil, "")
	value.AppendChild(sequence(octets("cookie"), ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "")))
	return sequence(octets(goldap.ControlTypeSyncDone), value)
}

// decode reads a message as the library does.
func decode(m []byte) {
	p, err := ber.DecodePacketErr(m)
	if err == nil {
		_ = goldap.GetLDAPError(p)
	}
}
