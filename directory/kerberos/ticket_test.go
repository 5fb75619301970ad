package kerberos

import (
	"encoding/asn1"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	libkeytab "github.com/jcmturner/gokrb5/v8/keytab"
	gokrb5 "github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

const (
	realm   = "PLATEN.TEST"
	service = "HTTP/print.platen.test"
)

var here = netip.MustParseAddr("192.0.2.7")

// newKeytab has a key of each type for each principal, made of its name.
func newKeytab(t testing.TB, kvno uint8, etypes []int32, principals ...string) (*libkeytab.Keytab, []byte) {
	t.Helper()
	kt := libkeytab.New()
	for _, p := range principals {
		for _, e := range etypes {
			if err := kt.AddEntry(p, realm, "password of "+strings.ToLower(p), time.Now(), kvno, e); err != nil {
				t.Fatal(err)
			}
		}
	}
	b, err := kt.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return kt, b
}

func name(s string) types.PrincipalName { return types.NewPrincipalName(1, s) }

// visit is one client with one ticket, as it should be. A test changes what it
// wants to be wrong.
type visit struct {
	keys       *libkeytab.Keytab // of the domain controller
	etype      int32
	kvno       int
	service    string // whose key the ticket is made with
	written    string // and what it says; "" the same
	client     types.PrincipalName
	realm      string
	flags      []int
	options    []int
	start, end time.Time
	auth       func(*types.Authenticator)
	mutual     bool

	session types.EncryptionKey
	sent    types.Authenticator
}

func newVisit(kt *libkeytab.Keytab) *visit {
	now := time.Now().UTC()
	return &visit{keys: kt, etype: 18, kvno: 1, service: service, client: name("anna"), realm: realm, start: now.Add(-time.Minute), end: now.Add(time.Hour)}
}

func (v *visit) request(t testing.TB) gokrb5.APReq {
	t.Helper()
	f := types.NewKrbFlags()
	types.SetFlags(&f, v.flags)
	ticket, session, err := gokrb5.NewTicket(v.client, v.realm, name(v.service), realm, f, v.keys, v.etype, v.kvno, v.start, v.start, v.end, v.end)
	if err != nil {
		t.Fatal(err)
	}
	if v.written != "" {
		ticket.SName = name(v.written)
	}
	auth, err := types.NewAuthenticator(v.realm, v.client)
	if err != nil {
		t.Fatal(err)
	}
	sum := make([]byte, 24)
	binary.LittleEndian.PutUint32(sum, 16)
	if v.mutual {
		binary.LittleEndian.PutUint32(sum[20:], 2)
	}
	auth.Cksum = types.Checksum{CksumType: 0x8003, Checksum: sum}
	if v.auth != nil {
		v.auth(&auth)
	}
	v.session, v.sent = session, auth
	req, err := gokrb5.NewAPReq(ticket, session, auth)
	if err != nil {
		t.Fatal(err)
	}
	types.SetFlags(&req.APOptions, v.options)
	return req
}

func (v *visit) apReq(t testing.TB) []byte {
	t.Helper()
	req := v.request(t)
	b, err := req.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func must(t testing.TB, b []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// gss wraps what a mechanism says; 01 00 goes before an AP-REQ.
func gss(t testing.TB, oid asn1.ObjectIdentifier, b []byte) []byte {
	t.Helper()
	o, err := asn1.Marshal(oid)
	o = must(t, o, err)
	b, err = tagged(asn1.ClassApplication, 0, slices.Concat(o, b))
	return must(t, b, err)
}

func (v *visit) raw(t testing.TB) []byte {
	t.Helper()
	return gss(t, oidKerberos, slices.Concat([]byte{1, 0}, v.apReq(t)))
}

// spnego wraps a token of the first of mechs.
func spnego(t testing.TB, b []byte, mechs ...asn1.ObjectIdentifier) []byte {
	t.Helper()
	init, err := asn1.Marshal(struct {
		MechTypes []asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
		MechToken []byte                  `asn1:"explicit,optional,tag:2"`
	}{mechs, b})
	init = must(t, init, err)
	init, err = tagged(asn1.ClassContextSpecific, 0, init)
	return gss(t, oidSPNEGO, must(t, init, err))
}

func (v *visit) spnego(t testing.TB) []byte {
	t.Helper()
	return spnego(t, v.raw(t), oidKerberos, oidNTLM)
}
