package ldap

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"platen/fault"
	"platen/internal/testkit/peers"
)

// Whatever a server says, reading ends, within memory, and what it has said before
// is not taken for an answer.
func TestA51AnswersThatDoNotEnd(t *testing.T) {
	without := bytes.Repeat([]byte{0x30, 0x80}, 100_000) // lengths
	nested := []byte{0x30, 0}
	for range 500 {
		nested = append([]byte{0x30, 0x82, byte(len(nested) >> 8), byte(len(nested))}, nested...)
	}
	tiny := bytes.Repeat([]byte{0x30, 0}, maxElements+1)
	envelope := func(length int, body []byte) []byte {
		return append([]byte{0x30, 0x84, byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}, body...)
	}
	tests := map[string]struct {
		search func(w *reply, q asked)
		kind   fault.Kind
		text   string
	}{
		"the same page again and again": {func(w *reply, q asked) { w.user(1); w.end(page("again")) }, fault.Invalid, "more than can be taken"},
		"always another page": {func(w *reply, q asked) {
			for i := range 10 {
				w.user(10*q.n + i)
			}
			w.end(page(fmt.Sprint(q.n)))
		}, fault.Invalid, "more than can be taken"},
		"always an empty page": {func(w *reply, q asked) { w.end(page("more")) }, fault.Invalid, "more than can be taken"},
		"a page without an end": {func(w *reply, q asked) {
			for i := 0; w.err == nil; i++ {
				w.user(i)
			}
		}, fault.Invalid, "more than can be taken"},
		"a value that is too long": {func(w *reply, q asked) { w.raw(envelope(1<<30, nil)) }, fault.Invalid, "more than can be taken"},
		"nesting":                  {func(w *reply, q asked) { w.raw(envelope(len(nested), nested)) }, fault.Invalid, "more than can be taken"},
		"lengths that come later":  {func(w *reply, q asked) { w.raw(envelope(len(without), without)) }, fault.Invalid, "nobody can read"},
		"very many elements":       {func(w *reply, q asked) { w.raw(envelope(len(tiny), tiny)) }, fault.Invalid, "more than can be taken"},
		"another protocol":         {func(w *reply, q asked) { w.raw([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, fault.Invalid, "nobody can read"},
		"another server":           {func(w *reply, q asked) { w.done(goldap.ApplicationSearchResultDone, goldap.LDAPResultReferral) }, fault.Invalid, "another server"},
		"no such base":             {func(w *reply, q asked) { w.done(goldap.ApplicationSearchResultDone, goldap.LDAPResultNoSuchObject) }, fault.Invalid, "“dc=test”"},
		"not for this account": {func(w *reply, q asked) {
			w.done(goldap.ApplicationSearchResultDone, goldap.LDAPResultInsufficientAccessRights)
		}, fault.Denied, "does not let this account read"},
		"busy": {func(w *reply, q asked) { w.done(goldap.ApplicationSearchResultDone, goldap.LDAPResultBusy) }, fault.Unavailable, "cannot answer now"},
		"F48 size limit": {func(w *reply, q asked) {
			w.user(1)
			w.done(goldap.ApplicationSearchResultDone, goldap.LDAPResultSizeLimitExceeded)
		}, fault.Invalid, "does not give this account all"},
		"F48 lost in the middle":       {func(w *reply, q asked) { w.user(1); w.conn.Close() }, fault.Unavailable, "broke before"},
		"F48 lost behind a page":       {func(w *reply, q asked) { w.user(q.n); w.endOrClose(q.n < 2) }, fault.Unavailable, "broke before"},
		"F48 half a message":           {func(w *reply, q asked) { w.raw(envelope(100, []byte{2, 1, 1})); w.conn.Close() }, fault.Unavailable, "broke before"},
		"F48 an entry without a place": {func(w *reply, q asked) { w.raw([]byte{0x30, 5, 2, 1, byte(w.id), 0x64, 0}) }, fault.Unavailable, "broke before"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{root: pagingRoot, search: tt.search}
			cfg := fakeConfig(f.start(t))
			cfg.MostEntries = 500
			a, err := newSource(t, cfg, "secret").Read(t.Context(), nil, nil)
			if !fault.Is(err, tt.kind) || !strings.Contains(fault.Text(err), tt.text) {
				t.Errorf("err = %v (%s)", err, fault.Text(err))
			}
			if len(a.People)+len(a.Cursor) > 0 || a.Full {
				t.Errorf("an answer all the same: %+v", a)
			}
		})
	}
}

// All bases together may not hold more either, and the last page is looked at too.
func TestA51MoreThanIsAllowed(t *testing.T) {
	f := &fake{root: pagingRoot, search: func(w *reply, q asked) {
		for i := range 300 {
			w.user(1000*q.n + i)
		}
		w.end()
	}}
	cfg := fakeConfig(f.start(t))
	cfg.Bases, cfg.MostEntries = []string{"ou=a,dc=test", "ou=b,dc=test"}, 500
	a, err := newSource(t, cfg, "secret").Read(t.Context(), nil, nil)
	if !fault.Is(err, fault.Invalid) || a.Full || len(a.People) > 0 {
		t.Errorf("err = %v, %d people", err, len(a.People))
	}
}

func (w *reply) endOrClose(end bool) {
	if !end {
		w.conn.Close()
		return
	}
	w.end(page("more"))
}

// References to other servers are passed over, and nobody goes there.
func TestA50ReferralsAreNotFollowed(t *testing.T) {
	elsewhere := &fake{root: pagingRoot}
	url := elsewhere.start(t)
	f := &fake{root: pagingRoot, search: func(w *reply, q asked) {
		w.user(1)
		op := []byte{0x73, byte(2 + len(url)), 0x04, byte(len(url))}
		op = append(op, url...)
		w.raw(append([]byte{0x30, byte(3 + len(op)), 2, 1, byte(w.id)}, op...))
		w.end()
	}}
	a := mustRead(t, newSource(t, fakeConfig(f.start(t)), "secret"), nil)
	if len(a.People) != 1 || elsewhere.conns != 0 {
		t.Errorf("%d people, %d connections elsewhere", len(a.People), elsewhere.conns)
	}
}

// Where StartTLS is refused, or somebody between us pretends that it was agreed,
// nothing is said that is not encrypted.
func TestA50StartTLSIsNotOptional(t *testing.T) {
	agreed := func(w *reply) { w.done(goldap.ApplicationExtendedResponse, 0) }
	const refused, broke, silent = "does not encrypt the connection (StartTLS)", "broke before", "does not answer in time"
	tests := map[string]struct {
		answer func(w *reply)
		text   string
	}{
		"refused":                  {nil, refused},
		"agreed, and then nothing": {agreed, broke},
		"agreed twice":             {func(w *reply) { agreed(w); agreed(w) }, ""},
		"another answer":           {func(w *reply) { w.done(goldap.ApplicationBindResponse, 0) }, refused},
		"closed":                   {func(w *reply) { w.conn.Close() }, broke},
		"nonsense":                 {func(w *reply) { w.raw([]byte("\x30\x84\xff\xff\xff\xff")) }, "nobody can read"},
		"hangs":                    {func(*reply) {}, silent},
		"reset":                    {func(w *reply) { _ = w.conn.(*net.TCPConn).SetLinger(0); w.conn.Close() }, broke},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{root: pagingRoot, tls: tt.answer}
			cfg := fakeConfig(f.start(t))
			cfg.AllowPlain, cfg.DialSeconds = false, 1
			_, err := newSource(t, cfg, "secret").Read(t.Context(), nil, nil)
			if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Text(err), tt.text) {
				t.Errorf("err = %v, want %q", err, tt.text)
			}
			checkErr := newChecker(t, cfg, "secret").Check(t.Context(), "key", "anna", "password")
			if !fault.Is(checkErr, fault.Unavailable) {
				t.Errorf("check: %v", checkErr)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.binds) > 0 {
				t.Errorf("the account was told to it: %q", f.binds)
			}
		})
	}
}

// A certificate that cannot be trusted is named as the reason.
func TestF45Certificates(t *testing.T) {
	good := time.Now().AddDate(0, 0, 3)
	tests := map[string]struct {
		notAfter time.Time
		name     string
		trusted  bool
		text     string
	}{
		"expired":              {time.Now().AddDate(0, 0, -3), "127.0.0.1", true, "is not valid now"},
		"not yet valid":        {time.Now().AddDate(0, 0, 20), "127.0.0.1", true, "is not valid now"},
		"another name":         {good, "dc2.platen.test", true, "is for another name"},
		"of nobody we know":    {good, "127.0.0.1", false, "authority that is not trusted"},
		"good, but not LDAP's": {good, "127.0.0.1", true, "broke before"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := peers.NewCertificate(tt.notAfter, tt.name)
			if err != nil {
				t.Fatal(err)
			}
			pair, err := tls.X509KeyPair(c.Cert, c.Key)
			if err != nil {
				t.Fatal(err)
			}
			ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ln.Close() })
			go func() {
				for {
					conn, err := ln.Accept()
					if err != nil {
						return
					}
					_ = conn.(*tls.Conn).Handshake()
					conn.Close()
				}
			}()
			cfg := fakeConfig("ldaps://" + ln.Addr().String())
			if tt.trusted {
				cfg.CAPEM = string(c.CA)
			}
			src := newSource(t, cfg, "secret")
			report, err := src.Probe(t.Context())
			if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Text(err), tt.text) {
				t.Errorf("err = %v", err)
			}
			if tt.text != "broke before" && (len(report.Chain) == 0 || report.Chain[0].Subject != "CN="+tt.name) {
				t.Errorf("the chain is not shown: %+v", report)
			}
		})
	}
}

// A server that says nothing keeps nobody longer than he wants to wait, and the
// many who wait do not open a connection each.
func TestF47SlowServer(t *testing.T) {
	hang := make(chan struct{})
	f := &fake{root: pagingRoot, search: func(w *reply, q asked) { <-hang }}
	cfg := fakeConfig(f.start(t))
	t.Cleanup(func() { close(hang) })
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	if _, err := newSource(t, cfg, "secret").Read(soon(), nil, nil); !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Text(err), "in time") {
		t.Errorf("read: %v", err)
	}
	c := newChecker(t, cfg, "secret")
	ctx := soon()
	errs := make(chan error)
	for i := range 40 {
		go func() { errs <- c.Check(ctx, fmt.Sprint(i), "anna", "password") }()
	}
	for range 40 {
		if err := <-errs; !fault.Is(err, fault.Unavailable) {
			t.Errorf("check: %v", err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conns > 1+maxAsking {
		t.Errorf("%d connections", f.conns)
	}
}

// With a name server that does not answer, connecting ends in time.
func TestF49NameServerIsDead(t *testing.T) {
	var lc net.ListenConfig
	silent, err := lc.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", silent.LocalAddr().String())
	}}
	cfg := fakeConfig("ldaps://dc1.platen.test")
	cfg.DialSeconds = 1
	src := newSource(t, cfg, "secret")
	src.Dial = (&net.Dialer{Resolver: resolver}).DialContext
	if _, err := src.Read(t.Context(), nil, nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("err = %v", err)
	}
}

// The second server is asked when the first is away, but not when the first has
// refused the account: that would lock it sooner.
func TestSeveralServers(t *testing.T) {
	good := &fake{root: pagingRoot, search: func(w *reply, q asked) { w.user(1); w.end() }}
	strict := &fake{root: pagingRoot, bind: func(w *reply, _, _ string) {
		w.done(goldap.ApplicationBindResponse, goldap.LDAPResultInvalidCredentials)
	}}
	cfg := fakeConfig("ldap://127.0.0.1:1")
	cfg.Servers = append(cfg.Servers, good.start(t))
	if a := mustRead(t, newSource(t, cfg, "secret"), nil); len(a.People) != 1 {
		t.Errorf("%d people", len(a.People))
	}
	cfg.Servers = []string{strict.start(t), cfg.Servers[1]}
	before := good.conns
	_, err := newSource(t, cfg, "secret").Read(t.Context(), nil, nil)
	if !fault.Is(err, fault.Denied) || good.conns != before || strings.Contains(err.Error(), "secret") {
		t.Errorf("err = %v, the other was asked %d times", err, good.conns-before)
	}
	if _, err := newSource(t, cfg, "").Read(t.Context(), nil, nil); !fault.Is(err, fault.Denied) || !strings.Contains(fault.Text(err), "is missing") {
		t.Errorf("without a secret: %v", err)
	}
}

// adRoot is the root DSE of an Active Directory.
var adRoot = append(slices.Clone(pagingRoot), attr{"supportedCapabilities", capActiveDirectory}, attr{"defaultNamingContext", "dc=test"})

// Active Directory gives the members of a large group in parts.
func TestMembersInRanges(t *testing.T) {
	guid := func(n int) string { return fmt.Sprintf("%016d", n) }
	const all = 3500
	serve := func(lie bool) *fake {
		return &fake{root: adRoot, search: func(w *reply, q asked) {
			first := 0
			_, err := fmt.Sscanf(strings.Join(q.attrs, " "), "member;range=%d-*", &first)
			switch {
			case strings.Contains(q.filter, "objectGUID="):
				w.done(goldap.ApplicationSearchResultDone, goldap.LDAPResultUnavailableCriticalExtension)
				return
			case strings.Contains(q.filter, "person"):
				for i := 10 * len(q.cookie); i < all && i < 10*len(q.cookie)+10; i++ {
					w.entry(fmt.Sprintf("CN=u%d,DC=test", i), attr{"objectGUID", guid(i)}, attr{"sAMAccountName", fmt.Sprintf("u%d", i)})
				}
				if 10*len(q.cookie)+10 < all {
					w.end(page(string(append(q.cookie, 'x'))))
					return
				}
			case err != nil || lie:
				w.entry("CN=all,DC=test", attr{"objectGUID", guid(99999)}, attr{"cn", "all"}, attr{"member"}, members("member;range=0-1499", 0, 1500))
			case first+1500 < all:
				w.entry("CN=all,DC=test", members(fmt.Sprintf("member;range=%d-%d", first, first+1499), first, first+1500))
			default:
				w.entry("CN=all,DC=test", members(fmt.Sprintf("member;range=%d-*", first), first, all))
			}
			w.end()
		}}
	}
	cfg := fakeConfig(serve(false).start(t))
	cfg.NoGroups = false
	a := mustRead(t, newSource(t, cfg, "secret"), nil)
	if len(a.People) != all || len(a.Groups) != 1 || len(a.Groups[0].People) != all {
		t.Fatalf("%d people, %d groups", len(a.People), len(a.Groups))
	}
	cfg.Servers, cfg.MostEntries = []string{serve(true).start(t)}, 10_000
	if _, err := newSource(t, cfg, "secret").Read(t.Context(), nil, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("a range that does not end: %v", err)
	}
}

func members(name string, from, to int) attr {
	a := attr{name}
	for i := from; i < to; i++ {
		a = append(a, fmt.Sprintf("CN=u%d,DC=test", i))
	}
	return a
}

// A refresh that is cut off is not an answer that nothing has changed, and one
// that the server cannot give is a reason to read everybody.
func TestF48RefreshIsCutOff(t *testing.T) {
	root := []attr{{"namingContexts", "dc=test"}, {"supportedControl", goldap.ControlTypePaging, goldap.ControlTypeSyncRequest}}
	closed := func(w *reply, _ asked) { w.conn.Close() }
	var answer atomic.Value
	answer.Store(closed)
	f := &fake{root: root, search: func(w *reply, q asked) {
		switch {
		case strings.Contains(q.filter, "0000-0000"):
			w.done(goldap.ApplicationSearchResultDone, 0, syncDone{})
		case q.paged:
			w.user(1)
			w.end()
		default:
			answer.Load().(func(*reply, asked))(w, q)
		}
	}}
	src := newSource(t, fakeConfig(f.start(t)), "secret")
	a := mustRead(t, src, nil)
	if c, ok := parseCursor(a.Cursor); !ok || c.Kind != ChangesSync {
		t.Fatalf("cursor %s", a.Cursor)
	}
	for name, cut := range map[string]func(w *reply, _ asked){
		"closed":         closed,
		"without a word": func(w *reply, _ asked) { w.end() },
		"half":           func(w *reply, _ asked) { w.user(2); w.conn.Close() },
	} {
		answer.Store(cut)
		if b, err := src.Read(t.Context(), a.Cursor, nil); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
	answer.Store(func(w *reply, _ asked) {
		w.done(goldap.ApplicationSearchResultDone, goldap.LDAPResultSyncRefreshRequired)
	})
	if b, err := src.Read(t.Context(), a.Cursor, nil); err != nil || !b.Full {
		t.Errorf("refresh required: full %t, %v", b.Full, err)
	}
}

func TestGuardKeepsItsReason(t *testing.T) {
	near, far := net.Pipe()
	go func() { _, _ = far.Write([]byte("SSH-2.0-x\r\n")); far.Close() }()
	g := newGuard(near)
	g.begin(1)
	if _, err := g.Read(make([]byte, 10)); !errors.Is(err, errNotLDAP) || !errors.Is(g.cause(), errNotLDAP) {
		t.Errorf("err = %v, cause %v", err, g.cause())
	}
}

// A connection on which somebody has signed in is not used in his name, and one
// that has refused somebody is used again.
func TestCheckerSharesConnections(t *testing.T) {
	f := &fake{
		root: pagingRoot,
		search: func(w *reply, q asked) {
			for n := range 3 {
				if strings.Contains(q.filter, fmt.Sprintf("%012d", n)) {
					w.user(n, attr{"state", []string{"", "active", "inactive"}[n]})
				}
			}
			w.end()
		},
		bind: func(w *reply, name, pw string) {
			w.done(goldap.ApplicationBindResponse, map[bool]int64{true: 0, false: goldap.LDAPResultInvalidCredentials}[name == "" || pw == "right"])
		},
	}
	cfg := fakeConfig(f.start(t))
	cfg.BindAs, cfg.Map.Enabled = "", "state"
	c := newChecker(t, cfg, "")
	key := func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }
	checkPassword(t, c, key(1), "u1", "right", nil)
	checkPassword(t, c, key(2), "u2", "right", ErrDisabled)
	checkPassword(t, c, key(1), "u1", "Guess-3141", ErrWrongPassword)
	checkPassword(t, c, "", "u3", "right", ErrNoAccount)
	f.mu.Lock()
	defer f.mu.Unlock()
	want := []string{"", "uid=u1,dc=test", "", "uid=u2,dc=test",
		"uid=u1,dc=test", "", "uid=u1,dc=test", // refused under the remembered name, so looked for anew
		"", nobody("dc=test")}
	if f.conns != 1 || !slices.Equal(f.binds, want) {
		t.Errorf("%d connections, signed in as %q", f.conns, f.binds)
	}
}
