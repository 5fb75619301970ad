package kerberos

import (
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	gokrb5 "github.com/jcmturner/gokrb5/v8/messages"
)

// encAPRepPart proves that we could read the authenticator (RFC 4120, section
// 5.5.2). There is no key and no number for messages to come: there are none.
type encAPRepPart struct {
	CTime time.Time `asn1:"generalized,explicit,tag:0"`
	Cusec int       `asn1:"explicit,tag:1"`
}

type apRep struct {
	PVNO    int `asn1:"explicit,tag:0"`
	MsgType int `asn1:"explicit,tag:1"`
	EncPart struct {
		EType  int32  `asn1:"explicit,tag:0"`
		Cipher []byte `asn1:"explicit,tag:2"`
	} `asn1:"explicit,tag:2"`
}

type negTokenResp struct {
	NegState      asn1.Enumerated       `asn1:"explicit,tag:0"`
	SupportedMech asn1.ObjectIdentifier `asn1:"explicit,tag:1"`
	ResponseToken []byte                `asn1:"explicit,optional,omitempty,tag:2"`
}

// Numbers of RFC 4120: application tags and message type of section 5.10, key
// usage of section 7.5.1.
const (
	tagAPRep        = 15
	tagEncAPRepPart = 27
	usageAPRep      = 12
)

// reply returns what goes back to the client, nil for nothing: the proof when it
// asked for one, and for SPNEGO that it is done (RFC 4178, section 4.2.2).
func (t *token) reply(req *gokrb5.APReq) ([]byte, error) {
	var proof []byte
	if mutual(req) {
		rep, err := t.proof(req)
		if err != nil {
			return nil, err
		}
		proof = rep
	}
	if t.spnego == nil {
		return proof, nil
	}
	resp, err := asn1.Marshal(negTokenResp{SupportedMech: t.spnego, ResponseToken: proof})
	if err != nil {
		return nil, err
	}
	return tagged(asn1.ClassContextSpecific, 1, resp)
}

// mutual reports whether the client wants to know who we are: mutual-required of
// the AP-REQ, or the flag of the GSS-API in its checksum (RFC 4121, section
// 4.1.1).
func mutual(req *gokrb5.APReq) bool {
	const gssChecksum, gssMutual = 0x8003, 2
	sum := req.Authenticator.Cksum
	return flag(req.APOptions, 2) ||
		sum.CksumType == gssChecksum && len(sum.Checksum) >= 24 && binary.LittleEndian.Uint32(sum.Checksum[20:])&gssMutual != 0
}

// proof returns the AP-REP in a GSS-API token. gokrb5 has none.
func (t *token) proof(req *gokrb5.APReq) ([]byte, error) {
	part, err := asn1.Marshal(encAPRepPart{req.Authenticator.CTime.UTC(), req.Authenticator.Cusec})
	if err != nil {
		return nil, err
	}
	if part, err = tagged(asn1.ClassApplication, tagEncAPRepPart, part); err != nil {
		return nil, err
	}
	sealed, err := crypto.GetEncryptedData(part, req.Ticket.DecryptedEncPart.Key, usageAPRep, 0)
	if err != nil {
		return nil, fmt.Errorf("AP-REP: %w", err)
	}
	rep := apRep{PVNO: 5, MsgType: tagAPRep}
	rep.EncPart.EType, rep.EncPart.Cipher = sealed.EType, sealed.Cipher
	body, err := asn1.Marshal(rep)
	if err != nil {
		return nil, err
	}
	if body, err = tagged(asn1.ClassApplication, tagAPRep, body); err != nil {
		return nil, err
	}
	oid, err := asn1.Marshal(t.mech)
	if err != nil {
		return nil, err
	}
	return tagged(asn1.ClassApplication, 0, slices.Concat(oid, []byte{2, 0}, body))
}

func tagged(class, tag int, b []byte) ([]byte, error) {
	return asn1.Marshal(asn1.RawValue{Class: class, Tag: tag, IsCompound: true, Bytes: b})
}
