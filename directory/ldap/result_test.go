package ldap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"
)

// canned is a server that has the answer ready once it is asked anything.
type canned struct {
	answer io.Reader
	once   sync.Once
	asked  chan struct{}
	closed chan struct{}
	close  sync.Once
}

func newCanned(answer []byte) *canned {
	return &canned{answer: bytes.NewReader(answer), asked: make(chan struct{}), closed: make(chan struct{})}
}

func (c *canned) Read(p []byte) (int, error) {
	select {
	case <-c.asked:
		return c.answer.Read(p)
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (c *canned) Write(p []byte) (int, error) {
	c.once.Do(func() { close(c.asked) })
	return len(p), nil
}

func (c *canned) Close() error {
	c.close.Do(func() { close(c.closed) })
	return nil
}

func (*canned) LocalAddr() net.Addr              { return nil }
func (*canned) RemoteAddr() net.Addr             { return nil }
func (*canned) SetDeadline(time.Time) error      { return nil }
func (*canned) SetReadDeadline(time.Time) error  { return nil }
func (*canned) SetWriteDeadline(time.Time) error { return nil }

var anything = goldap.NewSearchRequest("dc=test", goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", nil, nil)

// byLibrary is what the library alone makes of an answer to its first request.
func byLibrary(answer []byte) (*goldap.SearchResult, error) {
	c := goldap.NewConn(newCanned(answer), true)
	c.Start()
	defer c.Close()
	return c.Search(anything)
}

// byGuard is what we make of it, and why the guard did not let it through.
func byGuard(t *testing.T, answer []byte) (res *goldap.SearchResult, cause, err error) {
	t.Helper()
	l := &link{raw: newCanned(answer), operation: time.Minute, messages: 10_000}
	l.guard = newGuard(l.raw)
	l.conn = goldap.NewConn(l.guard, true)
	l.conn.Start()
	defer l.close()
	res, err = l.search(t.Context(), anything)
	return res, l.guard.cause(), err
}

// compare holds the two to each other. The raw values are the library's alone.
func compare(t *testing.T, answer []byte) []*goldap.Entry {
	t.Helper()
	want, wantErr := byLibrary(answer)
	got, cause, err := byGuard(t, answer)
	if (err == nil) != (wantErr == nil) {
		if cause != nil && !errors.Is(cause, io.EOF) {
			return nil // more than we take, or not what the standard says
		}
		t.Fatalf("err = %v, the library says %v", err, wantErr)
	}
	if err != nil {
		return nil
	}
	for _, e := range slices.Concat(want.Entries, got.Entries) {
		for _, a := range e.Attributes {
			a.ByteValues = nil
		}
	}
	if len(want.Entries)+len(got.Entries) > 0 && !reflect.DeepEqual(got.Entries, want.Entries) {
		t.Errorf("entries\n%s\nthe library says\n%s", list(got.Entries), list(want.Entries))
	}
	if !reflect.DeepEqual(got.Controls, want.Controls) || !reflect.DeepEqual(got.Referrals, want.Referrals) {
		t.Errorf("controls %v %v, the library says %v %v", got.Controls, got.Referrals, want.Controls, want.Referrals)
	}
	return got.Entries
}

func list(entries []*goldap.Entry) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%q\n", e.DN)
		for _, a := range e.Attributes {
			fmt.Fprintf(&b, "  %q %q\n", a.Name, a.Values)
		}
	}
	return b.String()
}

// script collects what a reply writes.
type script struct {
	net.Conn
	bytes.Buffer
}

func (s *script) Write(p []byte) (int, error)     { return s.Buffer.Write(p) }
func (s *script) Read(p []byte) (int, error)      { return s.Buffer.Read(p) }
func (s *script) written(f func(w *reply)) []byte { f(&reply{conn: s, id: 1}); return s.Bytes() }

func TestEntriesAreThoseOfTheLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func(most int) string {
		b := make([]byte, r.IntN(most+1))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	}
	for _, most := range []int{3, 40, 200, 70_000} {
		answer := new(script).written(func(w *reply) {
			for range 20 {
				var attrs []attr
				for range r.IntN(8) {
					a := attr{text(30)}
					for range r.IntN(5) {
						a = append(a, text(most))
					}
					attrs = append(attrs, a)
				}
				w.entry(text(most), attrs...)
			}
			w.end(page("more"))
		})
		if n := len(compare(t, answer)); n != 20 {
			t.Errorf("%d entries", n)
		}
	}
}

// What stands between the entries changes neither their order nor what the answer
// means.
func TestEntriesAmongOthers(t *testing.T) {
	envelope := func(id byte, op string) func(w *reply) {
		return func(w *reply) { w.raw(append([]byte{0x30, byte(3 + len(op)), 2, 1, id}, op...)) }
	}
	one, two, end := func(w *reply) { w.user(1) }, func(w *reply) { w.user(2) }, func(w *reply) { w.end() }
	withControl := func(w *reply) {
		op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationSearchResultEntry, nil, "")
		op.AppendChild(octets("uid=u9,dc=test"))
		op.AppendChild(sequence())
		w.send(op, goldap.NewControlManageDsaIT(false))
	}
	large := func(w *reply) { w.user(3, attr{"jpegPhoto", strings.Repeat("x", maxKept+1)}) }
	tests := map[string]struct {
		says []func(w *reply)
		want string // the first letters of their names; - is no answer
	}{
		"nothing":                     {[]func(w *reply){end}, ""},
		"two":                         {[]func(w *reply){one, two, end}, "u1 u2"},
		"a large one":                 {[]func(w *reply){one, large, two, end}, "u1 u3 u2"},
		"a reference":                 {[]func(w *reply){one, envelope(1, "s\x05\x04\x03x:y"), two, end}, "u1 u2"},
		"one with a control":          {[]func(w *reply){one, withControl, two, end}, "u1 u9 u2"},
		"an intermediate answer":      {[]func(w *reply){one, envelope(1, "y\x00"), two, end}, "u1 u2"},
		"something unsolicited":       {[]func(w *reply){one, envelope(0, "x\x00"), two, end}, "u1 u2"},
		"another's entry":             {[]func(w *reply){one, envelope(2, "d\x08\x04\x04uid=0\x00"), two, end}, "u1 u2"},
		"an entry behind the end":     {[]func(w *reply){one, end, two}, "u1"},
		"the end of another":          {[]func(w *reply){one, envelope(2, "e\x07\x0a\x01\x00\x04\x00\x04\x00"), two, end}, "u1 u2"},
		"no end":                      {[]func(w *reply){one, two}, "-"},
		"an end that is an error":     {[]func(w *reply){one, func(w *reply) { w.done(goldap.ApplicationSearchResultDone, 4) }}, "-"},
		"an entry without attributes": {[]func(w *reply){one, envelope(1, "d\x02\x04\x00"), end}, "-"},
		"a value that is no text":     {[]func(w *reply){envelope(1, "d\x0e\x04\x000\x0a0\x08\x04\x01a1\x03\x02\x01\x05"), one, end}, "-"},
		"a name in another kind":      {[]func(w *reply){one, envelope(1, "d\x06\x0c\x02u80\x00"), two, end}, "u1 u8 u2"},
		"more behind the attributes":  {[]func(w *reply){one, envelope(1, "d\x08\x04\x02u80\x00\x04\x00"), two, end}, "u1 u8 u2"},
		"a number of four octets":     {[]func(w *reply){func(w *reply) { w.raw([]byte("\x30\x0e\x02\x04\x00\x00\x00\x01d\x06\x04\x02u80\x00")) }, two, end}, "u8 u2"},
		"a number of five octets":     {[]func(w *reply){one, func(w *reply) { w.raw([]byte("\x30\x0f\x02\x05\x00\x00\x00\x00\x01d\x06\x04\x02u80\x00")) }, two, end}, "u1 u8 u2"},
		"a number of another kind":    {[]func(w *reply){one, func(w *reply) { w.raw([]byte("\x30\x0b\x0a\x01\x01d\x06\x04\x02u80\x00")) }, two, end}, "u1 u8 u2"},
		"a number of nine octets": {[]func(w *reply){one, func(w *reply) {
			w.raw([]byte("\x30\x13\x02\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01d\x06\x04\x02u80\x00"))
		}, two, end}, "u1 u2"},
		"a number that is less than 0": {[]func(w *reply){one, envelope(0xff, "d\x06\x04\x02u80\x00"), two, end}, "u1 u2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			answer := new(script).written(func(w *reply) {
				for _, say := range tt.says {
					say(w)
				}
			})
			var got []string
			for _, e := range compare(t, answer) {
				dn := strings.TrimPrefix(e.DN, "uid=")
				got = append(got, dn[:min(2, len(dn))])
			}
			if tt.want == "-" {
				if res, _, err := byGuard(t, answer); err == nil || res != nil {
					t.Errorf("an answer all the same: %+v", res)
				}
				return
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %q", s)
			}
		})
	}
}

// Whatever octets come, the search is the library's.
func FuzzSearchEntry(f *testing.F) {
	f.Add(new(script).written(func(w *reply) { w.user(1, attr{"cn", "a", "b"}, attr{"sn"}); w.end(page("x")) }))
	f.Add(new(script).written(func(w *reply) {
		w.user(1)
		w.raw([]byte("0\x0d\x02\x01\x01s\x08\x04\x03x:y\x04\x01z"))
		w.user(2)
		w.end()
		w.user(3)
	}))
	f.Add([]byte("0\x13\x02\x01\x01d\x0e\x04\x000\x0a0\x08\x04\x01a1\x03\x04\x01\x05"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		if id, says, ok := envelope(string(b)); ok && (id < 0 || says == "") {
			t.Errorf("message %d says %q", id, says)
		}
		searchEntry(elements(b))
		compare(t, b)
		compare(t, slices.Concat(b, new(script).written(func(w *reply) { w.end() })))
	})
}

func TestWorkBehind(t *testing.T) {
	bad := errors.New("bad")
	var taken int
	take := func(entries []*goldap.Entry) error {
		taken++
		if len(entries) == 0 {
			return bad
		}
		return nil
	}
	good := []*goldap.Entry{{}}
	each, wait := behind(take)
	if err := errors.Join(each(good), each(good), wait()); err != nil || taken != 2 {
		t.Errorf("err = %v, %d taken", err, taken)
	}
	each, wait = behind(take)
	if each(good) != nil || each(nil) != nil || !errors.Is(each(good), bad) || !errors.Is(wait(), bad) || taken != 4 {
		t.Errorf("%d taken", taken)
	}
	if _, wait = behind(take); wait() != nil {
		t.Error("nothing has gone wrong")
	}
}
