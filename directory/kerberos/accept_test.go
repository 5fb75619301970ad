package kerberos

import (
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	libkeytab "github.com/jcmturner/gokrb5/v8/keytab"
	gokrb5 "github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"platen/fault"
)

func newAcceptor(t testing.TB, keytab []byte, hint string, o Options) *Acceptor {
	t.Helper()
	a, err := NewAcceptor(keytab, hint, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var aes = []int32{17, 18, 19, 20, 23}

func TestAccept(t *testing.T) {
	kt, keytab := newKeytab(t, 1, aes, service)
	tests := map[string]struct {
		change func(*visit)
		token  func(*visit) []byte // nil: SPNEGO
		hint   string
		o      Options
		want   string
	}{
		"SPNEGO":         {want: "anna@PLATEN.TEST"},
		"Kerberos alone": {token: func(v *visit) []byte { return v.raw(t) }, want: "anna@PLATEN.TEST"},
		"as Windows says it": {token: func(v *visit) []byte {
			return spnego(t, v.raw(t), oidLegacy, oidKerberos, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 2, 30}, oidNTLM)
		}, want: "anna@PLATEN.TEST"},
		"as Windows 2000 says it": {token: func(v *visit) []byte {
			return spnego(t, gss(t, oidLegacy, slices.Concat([]byte{1, 0}, v.apReq(t))), oidLegacy)
		}, want: "anna@PLATEN.TEST"},
		"aes128":             {change: func(v *visit) { v.etype = 17 }, want: "anna@PLATEN.TEST"},
		"aes128 with SHA-2":  {change: func(v *visit) { v.etype = 19 }, want: "anna@PLATEN.TEST"},
		"RC4":                {change: func(v *visit) { v.etype = 23 }, want: "anna@PLATEN.TEST"},
		"computer":           {change: func(v *visit) { v.client = name("PC-17$") }, want: "PC-17$@PLATEN.TEST"},
		"umlaut":             {change: func(v *visit) { v.client = name("jörg") }, want: "jörg@PLATEN.TEST"},
		"bound":              {hint: "HTTP/PRINT.platen.test@PLATEN.TEST", want: "anna@PLATEN.TEST"},
		"in small letters":   {change: func(v *visit) { v.written = "http/Print.Platen.Test" }, want: "anna@PLATEN.TEST"},
		"another name of it": {change: func(v *visit) { v.written = "HTTP/druck" }, want: "anna@PLATEN.TEST"},
		"clock, a little":    {change: func(v *visit) { v.auth = func(a *types.Authenticator) { a.CTime = a.CTime.Add(4 * time.Minute) } }, want: "anna@PLATEN.TEST"},
		"ended just now":     {change: func(v *visit) { v.end = time.Now().UTC().Add(-4 * time.Minute) }, want: "anna@PLATEN.TEST"},
		"a realm we trust":   {change: func(v *visit) { v.realm = "PARTNER.TEST" }, o: Options{Realms: []string{realm, "PARTNER.TEST"}}, want: "anna@PARTNER.TEST"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := newVisit(kt)
			if tt.change != nil {
				tt.change(v)
			}
			if tt.token == nil {
				tt.token = func(v *visit) []byte { return v.spnego(t) }
			}
			a := newAcceptor(t, keytab, tt.hint, tt.o)
			b := tt.token(v)
			who, _, err := a.Accept(b, here)
			if err != nil || who.String() != tt.want {
				t.Fatalf("%v, %v", who, err)
			}
			if who, _, err := a.Accept(b, here); !fault.Is(err, fault.Denied) || who != (Principal{}) {
				t.Errorf("A41: the same again: %v, %v", who, err)
			}
		})
	}
}

// gokrb5 makes no session key for this type (it is 24 octets long instead of 32),
// so that the ticket alone is opened here.
func TestTicketOfAES256WithSHA2(t *testing.T) {
	kt, keytab := newKeytab(t, 1, aes, service)
	ticket, _, err := gokrb5.NewTicket(name("anna"), realm, name(service), realm, types.NewKrbFlags(), kt, 20, 1, time.Now(), time.Now(), time.Now(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := newAcceptor(t, keytab, "", Options{}).decrypt(&ticket); err != nil || ticket.DecryptedEncPart.CRealm != realm {
		t.Errorf("%v, %v", ticket.DecryptedEncPart.CRealm, err)
	}
}

func TestRefuse(t *testing.T) {
	kt, keytab := newKeytab(t, 1, aes, service)
	others, _ := newKeytab(t, 1, aes, "HTTP/other.platen.test", "HTTP/print.platen.test/x")
	tests := map[string]struct {
		change func(*visit)
		hint   string
		want   string // of the error
	}{
		"expired":               {change: func(v *visit) { v.end = time.Now().UTC().Add(-6 * time.Minute) }, want: "expired"},
		"of tomorrow":           {change: func(v *visit) { v.start = time.Now().UTC().Add(24 * time.Hour) }, want: "not yet valid"},
		"postdated":             {change: func(v *visit) { v.flags = []int{7} }, want: "not yet valid"},
		"clock behind":          {change: func(v *visit) { v.auth = func(a *types.Authenticator) { a.CTime = a.CTime.Add(-6 * time.Minute) } }, want: "clock"},
		"clock ahead":           {change: func(v *visit) { v.auth = func(a *types.Authenticator) { a.CTime = a.CTime.Add(6 * time.Minute) } }, want: "clock"},
		"a million and one":     {change: func(v *visit) { v.auth = func(a *types.Authenticator) { a.Cusec = 1_000_001 } }, want: "clock"},
		"less than nothing":     {change: func(v *visit) { v.auth = func(a *types.Authenticator) { a.Cusec = -1 } }, want: "clock"},
		"another account":       {change: func(v *visit) { v.keys, v.service, v.written = others, "HTTP/other.platen.test", service }, want: "no key"},
		"another service":       {change: func(v *visit) { v.written = "host/print.platen.test" }, want: "another service"},
		"not bound to it":       {change: func(v *visit) { v.written = "HTTP/druck" }, hint: service, want: "another service"},
		"one part":              {change: func(v *visit) { v.written = "HTTP" }, want: "another service"},
		"three parts":           {change: func(v *visit) { v.written = service + "/x" }, want: "another service"},
		"somebody else":         {change: func(v *visit) { v.auth = func(a *types.Authenticator) { a.CName = name("boss") } }, want: "somebody else"},
		"somebody else's realm": {change: func(v *visit) { v.realm, v.auth = "EVIL.TEST", func(a *types.Authenticator) { a.CRealm = realm } }, want: "somebody else"},
		"a stranger's realm":    {change: func(v *visit) { v.realm = "EVIL.TEST" }, want: "stranger"},
		"a realm in small":      {change: func(v *visit) { v.realm = "platen.test" }, want: "stranger"},
		"a service":             {change: func(v *visit) { v.client = name("host/pc") }, want: "no name of a person"},
		"nobody":                {change: func(v *visit) { v.client = name("") }, want: "no name of a person"},
		"a name with a realm":   {change: func(v *visit) { v.client = name("anna@PLATEN.TEST") }, want: "no name of a person"},
		"a name with a line":    {change: func(v *visit) { v.client = name("anna\nboss") }, want: "no name of a person"},
		"a name with a slash":   {change: func(v *visit) { v.client = types.PrincipalName{NameType: 1, NameString: []string{"anna/admin"}} }, want: "no name of a person"},
		"user to user":          {change: func(v *visit) { v.options = []int{1} }, want: "user-to-user"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := newVisit(kt)
			tt.change(v)
			who, reply, err := newAcceptor(t, keytab, tt.hint, Options{}).Accept(v.spnego(t), here)
			if !fault.Is(err, fault.Denied) || who != (Principal{}) || reply != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, %v; want %q", who, err, tt.want)
			}
		})
	}
}

// A key of the host or of the mail server in the same keytab opens no door here,
// whatever the ticket says on its outside.
func TestKeysOfOtherServices(t *testing.T) {
	kt, keytab := newKeytab(t, 1, []int32{18}, service, "host/print.platen.test", "HTTP/alias.platen.test")
	a := newAcceptor(t, keytab, "", Options{})
	v := newVisit(kt)
	v.service, v.written = "host/print.platen.test", service
	if _, _, err := a.Accept(v.spnego(t), here); !fault.Is(err, fault.Denied) {
		t.Errorf("%v", err)
	}
	bound := newAcceptor(t, keytab, service, Options{})
	v.service, v.written = "HTTP/alias.platen.test", service
	if _, _, err := bound.Accept(v.spnego(t), here); !fault.Is(err, fault.Denied) {
		t.Errorf("bound: %v", err)
	}
	if _, _, err := a.Accept(v.spnego(t), here); err != nil {
		t.Errorf("not bound: %v", err)
	}
}

// ktpass writes the keys of the account, and a password that has changed leaves
// the old key in the keytab.
func TestKeytabsOfAccounts(t *testing.T) {
	old, _ := newKeytab(t, 1, []int32{18}, "svc-print")
	kt := libkeytab.New()
	for i, p := range []string{"newer", "password of svc-print", "newest"} {
		if err := kt.AddEntry("svc-print", realm, p, time.Now(), uint8(i+3), 18); err != nil {
			t.Fatal(err)
		}
	}
	b, err := kt.Marshal()
	a := newAcceptor(t, must(t, b, err), "", Options{})
	v := newVisit(old)
	v.service, v.written = "svc-print", "HTTP/print.platen.test"
	if who, _, err := a.Accept(v.spnego(t), here); err != nil || who.Name != "anna" {
		t.Errorf("%v, %v", who, err)
	}
	if _, err := NewAcceptor(must(t, b, err), "HTTP/print.platen.test", Options{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("bound to a name that is not in it: %v", err)
	}
}

// A ticket is tried with the keys that say they are for it first, and with a few
// others, however large the keytab is.
func TestTheLikelyKeysComeFirst(t *testing.T) {
	names := make([]string, 2*maxTries)
	for i := range names {
		names[i] = fmt.Sprintf("HTTP/h%d.platen.test", i)
	}
	kt, keytab := newKeytab(t, 1, []int32{18}, names...)
	a := newAcceptor(t, keytab, "", Options{})
	v := newVisit(kt)
	v.service = names[len(names)-1]
	if _, _, err := a.Accept(v.spnego(t), here); err != nil {
		t.Errorf("by its name: %v", err)
	}
	v.written = "HTTP/alias"
	if _, _, err := a.Accept(v.spnego(t), here); !fault.Is(err, fault.Denied) {
		t.Errorf("by trying everything: %v", err)
	}
}

// CUPS asks for host/… unless it is told otherwise.
func TestServicesOfCUPS(t *testing.T) {
	kt, keytab := newKeytab(t, 1, []int32{18}, service, "host/print.platen.test", "host/other.platen.test")
	v := newVisit(kt)
	both := Options{Services: []string{"HTTP", "host"}}
	for _, hint := range []string{"", service} {
		a := newAcceptor(t, keytab, hint, both)
		for spn, want := range map[string]bool{service: true, "host/print.platen.test": true, "host/other.platen.test": hint == ""} {
			v.service = spn
			if _, _, err := a.Accept(v.raw(t), here); (err == nil) != want {
				t.Errorf("%s with hint %q: %v", spn, hint, err)
			}
		}
	}
}

func TestNewAcceptorRefuses(t *testing.T) {
	_, host := newKeytab(t, 1, aes, "host/print.platen.test")
	_, des := newKeytab(t, 1, []int32{16}, service)
	_, good := newKeytab(t, 1, aes, service)
	for name, tt := range map[string]struct {
		keytab []byte
		hint   string
	}{
		"nothing": {nil, ""}, "garbage": {[]byte("BEGIN CERTIFICATE"), ""}, "another service": {host, ""}, "DES": {des, ""},
		"another host": {good, "HTTP/other"}, "no service": {good, "print.platen.test"}, "no host": {good, "HTTP/"},
	} {
		if _, err := NewAcceptor(tt.keytab, tt.hint, Options{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGarbage(t *testing.T) {
	kt, keytab := newKeytab(t, 1, aes, service)
	ntlm := append([]byte("NTLMSSP\x00\x01\x00\x00\x00"), make([]byte, 28)...)
	negoex := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 2, 30}
	marshal := func(change func(*gokrb5.APReq)) []byte {
		req := newVisit(kt).request(t)
		change(&req)
		b, err := req.Marshal()
		return spnego(t, gss(t, oidKerberos, slices.Concat([]byte{1, 0}, must(t, b, err))), oidKerberos)
	}
	tests := map[string]struct {
		token []byte
		want  string
	}{
		"empty":                      {nil, "Kerberos did not work"},
		"letters":                    {[]byte("hello"), "Kerberos did not work"},
		"long":                       {make([]byte, MaxToken+1), "too long"},
		"NTLM":                       {ntlm, "NTLM is not accepted"},
		"NTLM in SPNEGO":             {spnego(t, ntlm, oidNTLM), "NTLM is not accepted"},
		"NTLM offered first":         {spnego(t, nil, oidNTLM, oidKerberos), "NTLM is not accepted"},
		"NTLM said to be Kerberos":   {spnego(t, ntlm, oidKerberos, oidNTLM), "NTLM is not accepted"},
		"another mechanism first":    {spnego(t, newVisit(kt).raw(t), negoex, oidKerberos), "prefers"},
		"no mechanism":               {spnego(t, newVisit(kt).raw(t)), "no mechanism"},
		"no token":                   {spnego(t, nil, oidKerberos), "did not work"},
		"SPNEGO in SPNEGO":           {spnego(t, newVisit(kt).spnego(t), oidKerberos), "inner mechanism"},
		"an AP-REP":                  {gss(t, oidKerberos, slices.Concat([]byte{2, 0}, newVisit(kt).apReq(t))), "no AP-REQ"},
		"the second message":         {gss(t, oidSPNEGO, []byte{0xA1, 0x02, 0x30, 0x00}), "not the first"},
		"the second message, bare":   {[]byte{0xA1, 0x02, 0x30, 0x00}, "no GSS-API"},
		"more behind it":             {append(newVisit(kt).spnego(t), 0), "no GSS-API"},
		"short ticket":               {marshal(func(r *gokrb5.APReq) { r.Ticket.EncPart.Cipher = []byte{1, 2, 3} }), "malformed"},
		"no ticket":                  {marshal(func(r *gokrb5.APReq) { r.Ticket.EncPart.Cipher = nil }), "malformed"},
		"short authenticator":        {marshal(func(r *gokrb5.APReq) { r.EncryptedAuthenticator.Cipher = []byte{1} }), "malformed"},
		"no service name":            {marshal(func(r *gokrb5.APReq) { r.Ticket.SName.NameString = nil }), "no service name"},
		"many parts":                 {marshal(func(r *gokrb5.APReq) { r.Ticket.SName.NameString = slices.Repeat([]string{"HTTP"}, 9) }), "no service name"},
		"unknown enctype":            {marshal(func(r *gokrb5.APReq) { r.Ticket.EncPart.EType = 3 }), "no key"},
		"another enctype":            {marshal(func(r *gokrb5.APReq) { r.EncryptedAuthenticator.EType = 23 }), "session key"},
		"a flipped bit of ticket":    {marshal(func(r *gokrb5.APReq) { r.Ticket.EncPart.Cipher[40] ^= 1 }), "no key"},
		"a flipped bit of the proof": {marshal(func(r *gokrb5.APReq) { r.EncryptedAuthenticator.Cipher[40] ^= 1 }), "did not work"},
		"version 4":                  {marshal(func(r *gokrb5.APReq) { r.PVNO = 4 }), "version"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			who, reply, err := newAcceptor(t, keytab, "", Options{}).Accept(tt.token, here)
			if !fault.Is(err, fault.Denied) || who != (Principal{}) || reply != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, %v; want %q", who, err, tt.want)
			}
		})
	}
}

// A ticket may say which computers it is for.
func TestAddresses(t *testing.T) {
	kt, keytab := newKeytab(t, 1, aes, service)
	a := newAcceptor(t, keytab, "", Options{})
	req := newVisit(kt).request(t)
	if err := a.decrypt(&req.Ticket); err != nil {
		t.Fatal(err)
	}
	ticket := req.Ticket.DecryptedEncPart
	ticket.CAddr = types.HostAddressesFromNetIPs([]net.IP{net.ParseIP("192.0.2.7"), net.ParseIP("2001:db8::7")})
	for remote, want := range map[string]bool{"192.0.2.7": true, "::ffff:192.0.2.7": true, "2001:db8::7": true, "192.0.2.8": false} {
		if err := a.client(&ticket, netip.MustParseAddr(remote)); (err == nil) != want {
			t.Errorf("%s: %v", remote, err)
		}
	}
	if err := a.client(&ticket, netip.Addr{}); err == nil {
		t.Error("an unknown address is good")
	}
}

// Whoever has overheard a request and is as quick as its sender is let in once,
// together.
func TestA41ReplaysAtTheSameTime(t *testing.T) {
	kt, keytab := newKeytab(t, 1, aes, service)
	a, b := newAcceptor(t, keytab, "", Options{}), newVisit(kt).spnego(t)
	var in atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, _, err := a.Accept(b, here); err == nil {
				in.Add(1)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 {
		t.Errorf("%d were let in", in.Load())
	}
}

// An authenticator is remembered for as long as it is good for anything: with a
// clock that is five minutes ahead, that is ten minutes.
func TestA41ReplayAsLateAsPossible(t *testing.T) {
	kt, keytab := newKeytab(t, 1, aes, service)
	now := time.Now()
	a := newAcceptor(t, keytab, "", Options{Now: func() time.Time { return now }})
	v := newVisit(kt)
	v.auth = func(a *types.Authenticator) { a.CTime = a.CTime.Add(5*time.Minute - time.Second) }
	b := v.spnego(t)
	if _, _, err := a.Accept(b, here); err != nil {
		t.Fatal(err)
	}
	for range 11 {
		now = now.Add(time.Minute)
		if _, _, err := a.Accept(newVisitAt(kt, now).spnego(t), here); err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.Accept(b, here); !fault.Is(err, fault.Denied) {
			t.Fatalf("%v later: %v", now, err)
		}
	}
	if n := len(a.shown.shown); n > 11 {
		t.Errorf("%d authenticators are remembered", n)
	}
}

func newVisitAt(kt *libkeytab.Keytab, at time.Time) *visit {
	v := newVisit(kt)
	v.auth = func(a *types.Authenticator) { a.CTime = at.UTC() }
	return v
}

func TestWhatWasShownIsBounded(t *testing.T) {
	kt, keytab := newKeytab(t, 1, aes, service)
	a := newAcceptor(t, keytab, "", Options{})
	a.shown.max = 1
	if _, _, err := a.Accept(newVisit(kt).spnego(t), here); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Accept(newVisit(kt).spnego(t), here); !fault.Is(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
}

// The reply proves that we could read the question: it has the client's own time.
func TestMutualAuthentication(t *testing.T) {
	kt, keytab := newKeytab(t, 1, aes, service)
	a := newAcceptor(t, keytab, "", Options{})
	for name, tt := range map[string]struct {
		change func(*visit)
		raw    bool
		proof  bool
	}{
		"SPNEGO":               {func(v *visit) { v.mutual = true }, false, true},
		"SPNEGO, nobody asked": {func(*visit) {}, false, false},
		"Kerberos":             {func(v *visit) { v.mutual = true }, true, true},
		"by the AP-REQ":        {func(v *visit) { v.options = []int{2} }, true, true},
		"nobody asked":         {func(*visit) {}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVisit(kt)
			tt.change(v)
			b := v.spnego
			if tt.raw {
				b = v.raw
			}
			_, reply, err := a.Accept(b(t), here)
			if err != nil {
				t.Fatal(err)
			}
			if !tt.raw {
				reply = responseToken(t, reply)
			}
			if (reply != nil) != tt.proof {
				t.Fatalf("reply %x", reply)
			}
			if tt.proof {
				v.check(t, reply)
			}
		})
	}
}

func responseToken(t *testing.T, b []byte) []byte {
	t.Helper()
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(b, &outer); err != nil || outer.Tag != 1 {
		t.Fatalf("%x: %v", b, err)
	}
	var resp negTokenResp
	if _, err := asn1.Unmarshal(outer.Bytes, &resp); err != nil || resp.NegState != 0 || !resp.SupportedMech.Equal(oidKerberos) {
		t.Fatalf("%+v: %v", resp, err)
	}
	return resp.ResponseToken
}

func (v *visit) check(t *testing.T, b []byte) {
	t.Helper()
	oid, inner, err := unwrap(b)
	if err != nil || !oid.Equal(oidKerberos) || inner[0] != 2 || inner[1] != 0 {
		t.Fatalf("%x: %v", b, err)
	}
	var rep gokrb5.APRep
	if err := rep.Unmarshal(inner[2:]); err != nil {
		t.Fatal(err)
	}
	plain, err := crypto.DecryptEncPart(rep.EncPart, v.session, usageAPRep)
	if err != nil {
		t.Fatal(err)
	}
	var part gokrb5.EncAPRepPart
	if err := part.Unmarshal(plain); err != nil || part.Cusec != v.sent.Cusec || part.CTime.Unix() != v.sent.CTime.Unix() {
		t.Errorf("%+v, %v; asked at %v", part, err, v.sent.CTime)
	}
}

func TestAuthenticate(t *testing.T) {
	kt, keytab := newKeytab(t, 1, aes, service)
	fresh := func() string { return base64.StdEncoding.EncodeToString(newVisit(kt).spnego(t)) }
	tests := map[string]struct {
		headers []string
		want    string // who
		kind    fault.Kind
		text    string
	}{
		"nothing":     {},
		"Basic":       {headers: []string{"Basic YW5uYTphbm5h"}},
		"good":        {headers: []string{"Negotiate " + fresh()}, want: "anna"},
		"small":       {headers: []string{"negotiate " + fresh()}, want: "anna"},
		"no token":    {headers: []string{"Negotiate"}, kind: fault.Denied},
		"not base64":  {headers: []string{"Negotiate !!"}, kind: fault.Denied},
		"long":        {headers: []string{"Negotiate " + strings.Repeat("A", 2*MaxToken)}, kind: fault.Denied, text: "did not work"},
		"two of them": {headers: []string{"Negotiate " + fresh(), "Basic YW5uYTphbm5h"}, kind: fault.Invalid},
		"NTLM":        {headers: []string{"NTLM TlRMTVNTUAABAAAA"}, kind: fault.Denied, text: "NTLM"},
		"NTLM within": {headers: []string{"Negotiate TlRMTVNTUAABAAAA"}, kind: fault.Denied, text: "NTLM"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAcceptor(t, keytab, "", Options{})
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			r.Header["Authorization"] = tt.headers
			r.Header.Set("X-Forwarded-For", "192.0.2.99")
			w := httptest.NewRecorder()
			who, ok, err := a.Authenticate(w, r)
			if who.Name != tt.want || ok != (tt.want != "") || (err != nil) != (tt.kind != fault.Internal) || err != nil && (fault.KindOf(err) != tt.kind || !strings.Contains(fault.Text(err), tt.text)) {
				t.Errorf("%v, %v, %v", who, ok, err)
			}
			if strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Negotiate ") != ok {
				t.Errorf("header %v", w.Header())
			}
		})
	}
}

// Whatever comes, nobody panics and nobody is let in: only who has the keytab can
// make a token. The good ones that it starts from are of an hour ago.
func FuzzToken(f *testing.F) {
	kt, keytab := newKeytab(f, 1, []int32{18, 23}, service)
	a := newAcceptor(f, keytab, "", Options{Now: func() time.Time { return time.Now().Add(time.Hour) }})
	for _, etype := range []int32{18, 23} {
		v := newVisit(kt)
		v.etype, v.end = etype, v.end.Add(24*time.Hour)
		raw := v.raw(f)
		if _, _, err := a.Accept(raw, here); err == nil || !strings.Contains(err.Error(), "clocks differ") {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add(spnego(f, raw, oidKerberos))
		f.Add(spnego(f, raw, oidLegacy, oidKerberos, oidNTLM))
	}
	f.Add([]byte("NTLMSSP\x00\x01\x00\x00\x00"))
	f.Add([]byte{0xA1, 0x02, 0x30, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		who, reply, err := a.Accept(b, here)
		if !fault.Is(err, fault.Denied) || who != (Principal{}) || reply != nil {
			t.Errorf("%v, %x, %v", who, reply, err)
		}
	})
}

// Anna may put into her authenticator what she likes: she stays Anna.
func FuzzAuthenticator(f *testing.F) {
	kt, keytab := newKeytab(f, 1, []int32{18}, service)
	a := newAcceptor(f, keytab, "", Options{})
	v := newVisit(kt)
	req := v.request(f)
	for _, change := range []func(*types.Authenticator){
		func(*types.Authenticator) {},
		func(a *types.Authenticator) { a.CName = name("boss") },
		func(a *types.Authenticator) { a.CRealm, a.Cksum = "EVIL.TEST", types.Checksum{} },
		func(a *types.Authenticator) { a.SeqNumber, a.Cusec = -1, -1 },
	} {
		auth := v.sent
		change(&auth)
		b, err := auth.Marshal()
		f.Add(must(f, b, err))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var err error
		if req.EncryptedAuthenticator, err = crypto.GetEncryptedData(b, v.session, 11, 0); err != nil {
			t.Fatal(err)
		}
		msg, err := req.Marshal()
		who, _, err := a.Accept(gss(t, oidKerberos, slices.Concat([]byte{1, 0}, must(t, msg, err))), here)
		if err == nil && who != (Principal{"anna", realm}) || err != nil && !fault.Is(err, fault.Denied) {
			t.Errorf("%v, %v", who, err)
		}
	})
}

// What one request costs.
func BenchmarkAccept(b *testing.B) {
	kt, keytab := newKeytab(b, 1, []int32{18}, service)
	a := newAcceptor(b, keytab, "", Options{})
	tokens := make([][]byte, 1000)
	for i := range tokens {
		tokens[i] = newVisit(kt).spnego(b)
	}
	for i := 0; b.Loop(); i++ {
		if i%len(tokens) == 0 {
			a.shown.shown = nil
		}
		if _, _, err := a.Accept(tokens[i%len(tokens)], here); err != nil {
			b.Fatal(err)
		}
	}
}
