package pki

import (
	"encoding/asn1"
	"errors"
	"math"
)

// Limits of what is read of a stranger's file. A PKCS #12 file of a key and its
// chain has about a hundred elements, nine deep; the certificates of a whole
// operating system, as P7B, have some ten thousand.
const (
	maxDepth    = 32
	maxElements = 100_000
)

// Tags of X.690, section 8, and X.680, that these files use.
const (
	classUniversal = 0
	classContext   = 2
)

// errDamaged is what a file is that cannot be read to its end.
var errDamaged = errors.New("not as X.690 and its own format say")

// element is one element of BER (X.690), of which DER is the strict form.
type element struct {
	class, tag  int
	constructed bool
	raw         []byte    // all of it, as it stands in the file
	body        []byte    // of a primitive one
	kids        []element // of a constructed one
}

// berReader counts the elements that it reads.
type berReader struct{ left int }

// parseBER reads one element, which may have lengths of any form, and returns
// what follows it.
func parseBER(b []byte) (e element, rest []byte, err error) {
	return (&berReader{maxElements}).element(b, maxDepth)
}

// wholeBER reads one element that nothing follows.
func wholeBER(b []byte) (element, error) {
	e, rest, err := parseBER(b)
	if err == nil && len(rest) != 0 {
		err = errDamaged
	}
	return e, err
}

func (r *berReader) element(b []byte, depth int) (e element, rest []byte, err error) {
	r.left--
	if len(b) < 2 || depth == 0 || r.left < 0 || b[0]&0x1f == 0x1f {
		return e, nil, errDamaged // a tag above 30 is in none of these files
	}
	e = element{class: int(b[0] >> 6), tag: int(b[0] & 0x1f), constructed: b[0]&0x20 != 0}
	if b[1] == 0x80 {
		return r.indefinite(e, b, depth)
	}
	header, length, err := berLength(b)
	if err != nil {
		return e, nil, err
	}
	e.raw, rest = b[:header+length], b[header+length:]
	e.body = e.raw[header:]
	if !e.constructed {
		return e, rest, nil
	}
	for inside := e.body; len(inside) != 0; {
		var kid element
		if kid, inside, err = r.element(inside, depth-1); err != nil {
			return e, nil, err
		}
		e.kids = append(e.kids, kid)
	}
	return e, rest, nil
}

// indefinite reads an element that ends with two zero octets (X.690, section
// 8.1.3.6).
func (r *berReader) indefinite(e element, b []byte, depth int) (element, []byte, error) {
	if !e.constructed {
		return e, nil, errDamaged
	}
	inside := b[2:]
	for {
		if len(inside) >= 2 && inside[0] == 0 && inside[1] == 0 {
			inside = inside[2:]
			e.raw = b[:len(b)-len(inside)]
			return e, inside, nil
		}
		kid, rest, err := r.element(inside, depth-1)
		if err != nil {
			return e, nil, err
		}
		e.kids, inside = append(e.kids, kid), rest
	}
}

// berLength returns how many octets identifier and length take, and the length,
// which is within b.
func berLength(b []byte) (header, length int, err error) {
	header, length = 2, int(b[1])
	if n := int(b[1] & 0x7f); b[1] >= 0x80 {
		if n > 4 || len(b) < 2+n {
			return 0, 0, errDamaged
		}
		header, length = 2+n, 0
		for _, x := range b[2:header] {
			length = length<<8 | int(x)
		}
	}
	if length < 0 || length > len(b)-header {
		return 0, 0, errDamaged
	}
	return header, length, nil
}

// is reports whether the element is this universal one.
func (e *element) is(tag int) bool { return e.class == classUniversal && e.tag == tag }

// context reports whether the element is [tag].
func (e *element) context(tag int) bool { return e.class == classContext && e.tag == tag }

// sequence returns the members of a SEQUENCE that has at least so many.
func (e *element) sequence(least int) ([]element, error) {
	if !e.is(asn1.TagSequence) || !e.constructed || len(e.kids) < least {
		return nil, errDamaged
	}
	return e.kids, nil
}

// explicit returns what is in an element [tag] EXPLICIT.
func (e *element) explicit(tag int) (*element, error) {
	if !e.context(tag) || !e.constructed || len(e.kids) != 1 {
		return nil, errDamaged
	}
	return &e.kids[0], nil
}

// octets returns an OCTET STRING, which BER may have cut into pieces.
func (e *element) octets() ([]byte, error) {
	if !e.is(asn1.TagOctetString) {
		return nil, errDamaged
	}
	return e.pieces()
}

// pieces returns the octets of an OCTET STRING that may have an IMPLICIT tag.
func (e *element) pieces() ([]byte, error) {
	if !e.constructed {
		return e.body, nil
	}
	var all []byte
	for i := range e.kids {
		piece, err := e.kids[i].octets()
		if err != nil {
			return nil, err
		}
		all = append(all, piece...)
	}
	return all, nil
}

// count returns an INTEGER that counts something; one that is beyond all counting
// is math.MaxInt, so that it is above every limit.
func (e *element) count() (int, error) {
	if !e.is(asn1.TagInteger) || e.constructed || len(e.body) == 0 || e.body[0] >= 0x80 {
		return 0, errDamaged
	}
	n := 0
	for _, x := range e.body {
		if n > math.MaxInt32 {
			return math.MaxInt, nil
		}
		n = n<<8 | int(x)
	}
	return n, nil
}

// oid returns an OBJECT IDENTIFIER in dots.
func (e *element) oid() (string, error) {
	if !e.is(asn1.TagOID) || e.constructed || len(e.body) > 64 {
		return "", errDamaged
	}
	var id asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(e.der(), &id); err != nil {
		return "", errDamaged
	}
	return id.String(), nil
}

// der writes the element with lengths as DER wants them, and with its octet
// strings in one piece.
func (e *element) der() []byte {
	first := byte(e.class<<6 | e.tag)
	if !e.constructed {
		return tlv(first, e.body)
	}
	if e.is(asn1.TagOctetString) {
		if all, err := e.pieces(); err == nil {
			return tlv(first, all)
		}
	}
	var body []byte
	for i := range e.kids {
		body = append(body, e.kids[i].der()...)
	}
	return tlv(first|0x20, body)
}

// tlv puts identifier and length before body.
func tlv(first byte, body []byte) []byte {
	n := len(body)
	out := make([]byte, 0, n+6)
	out = append(out, first)
	switch {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 1<<8:
		out = append(out, 0x81, byte(n))
	case n < 1<<16:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n)) // no file is longer
	}
	return append(out, body...)
}
