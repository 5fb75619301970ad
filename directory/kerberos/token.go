package kerberos

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"

	"platen/fault"
)

// MaxToken bounds a token, in octets. A ticket of somebody in a thousand groups
// has some 48 KiB.
const MaxToken = 64 << 10

var (
	oidSPNEGO   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 2}
	oidKerberos = asn1.ObjectIdentifier{1, 2, 840, 113554, 1, 2, 2}
	oidLegacy   = asn1.ObjectIdentifier{1, 2, 840, 48018, 1, 2, 2} // what Windows 2000 took for Kerberos, and Windows still offers first
	oidNTLM     = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 2, 10}
)

// token is what a client has sent, taken out of its wrapping.
type token struct {
	apReq  []byte
	mech   asn1.ObjectIdentifier // what the client calls Kerberos around the AP-REQ
	spnego asn1.ObjectIdentifier // and in SPNEGO; nil: there is no SPNEGO
}

// negTokenInit is the first message of SPNEGO (RFC 4178, section 4.2.1).
type negTokenInit struct {
	MechTypes []asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
	ReqFlags  asn1.BitString          `asn1:"explicit,optional,tag:1"`
	MechToken []byte                  `asn1:"explicit,optional,tag:2"`
}

// parseToken takes the AP-REQ out of a GSS-API token (RFC 2743, section 3.1; RFC
// 4121, section 4.1).
func parseToken(b []byte) (token, error) {
	if isNTLM(b) {
		return token{}, refuseNTLM()
	}
	oid, inner, err := unwrap(b)
	switch {
	case err != nil:
		return token{}, err
	case oid.Equal(oidSPNEGO):
		return parseSPNEGO(inner)
	case isKerberos(oid):
		req, err := apReq(inner)
		return token{apReq: req, mech: oid}, err
	}
	return token{}, fmt.Errorf("mechanism %v", oid)
}

func isKerberos(oid asn1.ObjectIdentifier) bool {
	return oid.Equal(oidKerberos) || oid.Equal(oidLegacy)
}

// isNTLM knows the messages of NTLM by their first octets (MS-NLMP, section
// 2.2.1).
func isNTLM(b []byte) bool { return bytes.HasPrefix(b, []byte("NTLMSSP\x00")) }

func refuseNTLM() error {
	return &fault.Error{Op: "kerberos.token", Kind: fault.Denied, Text: "NTLM is not accepted, only Kerberos. The computer must be signed in to the domain and use the full name of the server."}
}

// unwrap returns the mechanism of a token and what is inside.
func unwrap(b []byte) (asn1.ObjectIdentifier, []byte, error) {
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(b, &outer)
	if err != nil {
		return nil, nil, err
	}
	if outer.Class != asn1.ClassApplication || outer.Tag != 0 || !outer.IsCompound || len(rest) > 0 {
		return nil, nil, errors.New("no GSS-API token")
	}
	var oid asn1.ObjectIdentifier
	inner, err := asn1.Unmarshal(outer.Bytes, &oid)
	return oid, inner, err
}

func parseSPNEGO(b []byte) (token, error) {
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(b, &outer); err != nil {
		return token{}, err
	}
	if outer.Class != asn1.ClassContextSpecific || outer.Tag != 0 {
		return token{}, errors.New("not the first message of SPNEGO")
	}
	var init negTokenInit
	if _, err := asn1.Unmarshal(outer.Bytes, &init); err != nil {
		return token{}, err
	}
	switch {
	case len(init.MechTypes) == 0:
		return token{}, errors.New("no mechanism")
	case isNTLM(init.MechToken) || init.MechTypes[0].Equal(oidNTLM):
		return token{}, refuseNTLM()
	case !isKerberos(init.MechTypes[0]):
		return token{}, fmt.Errorf("the client prefers %v", init.MechTypes[0])
	}
	oid, inner, err := unwrap(init.MechToken)
	if err != nil || !isKerberos(oid) {
		return token{}, errors.Join(err, fmt.Errorf("inner mechanism %v", oid))
	}
	req, err := apReq(inner)
	return token{apReq: req, mech: oid, spnego: init.MechTypes[0]}, err
}

// apReq takes off the two octets that say what follows (RFC 4121, section 4.1).
func apReq(b []byte) ([]byte, error) {
	if !bytes.HasPrefix(b, []byte{1, 0}) {
		return nil, errors.New("no AP-REQ")
	}
	return b[2:], nil
}
