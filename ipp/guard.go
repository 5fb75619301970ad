package ipp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
)

// Limits are what the attributes of one message may use up.
type Limits struct {
	Octets     int // of header and attributes together
	Depth      int // of collections within collections
	Attributes int // at all depths
	Values     int // at all depths
	Groups     int
}

// RequestLimits are those of clients: many times what any of them is known to
// send.
func RequestLimits() Limits {
	return Limits{Octets: 1 << 20, Depth: 16, Attributes: 4096, Values: 16384, Groups: 512}
}

// AnswerLimits are those of printers, whose lists of media are long.
func AnswerLimits() Limits {
	return Limits{Octets: 4 << 20, Depth: 16, Attributes: 65536, Values: 131072, Groups: 4096}
}

// What begins a value or a group (RFC 8010, section 3.5).
const (
	tagEnd       = 0x03
	lastGroupTag = 0x0f
	tagBegin     = 0x34 // begCollection
	tagFinish    = 0x37 // endCollection
	tagMember    = 0x4a // memberAttrName
	tagExtension = 0x7f
	headerOctets = 8
	mostLength   = 0x7fff // lengths are SIGNED-SHORT
)

// Read reads one message from r up to its end-of-attributes tag and no further.
// io.EOF is a peer that has said nothing; what breaks a limit is TooLarge, and
// all else that is no message Invalid. The error of a reader comes back wrapped.
func Read(r io.Reader, l Limits) (*goipp.Message, error) {
	g := guard{r: r, l: l}
	if err := g.scan(); err != nil {
		return nil, err
	}
	m := &goipp.Message{}
	if err := m.DecodeBytes(g.seen); err != nil {
		return nil, invalid("the attributes cannot be decoded: %w", err)
	}
	return m, nil
}

func invalid(format string, args ...any) error {
	return &fault.Error{Op: "ipp.Read", Kind: fault.Invalid, Text: "This is not a valid IPP message.", Err: fmt.Errorf(format, args...)}
}

func tooLarge(what string, limit int) error {
	return &fault.Error{Op: "ipp.Read", Kind: fault.TooLarge, Text: "The attributes of this request are larger than is allowed here.",
		Err: fmt.Errorf("more than %d %s", limit, what)}
}

// firstOctets is what most requests have room in.
const firstOctets = 512

// guard looks at the octets of a message before anybody decodes them.
type guard struct {
	r    io.Reader
	l    Limits
	seen []byte

	depth, attributes, values, groups int
}

// take reads n octets more and returns them. They are valid until the next call.
func (g *guard) take(n int) ([]byte, error) {
	at := len(g.seen)
	if at+n > g.l.Octets {
		return nil, tooLarge("octets", g.l.Octets)
	}
	g.seen = slices.Grow(g.seen, max(n, firstOctets-at))[:at+n]
	m, err := io.ReadFull(g.r, g.seen[at:])
	switch {
	case errors.Is(err, io.EOF) && at == 0:
		return nil, io.EOF
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, invalid("it ends after %d octets", at+m)
	case err != nil:
		return nil, fmt.Errorf("ipp.Read: %w", err)
	}
	return g.seen[at:], nil
}

func (g *guard) scan() error {
	if _, err := g.take(headerOctets); err != nil {
		return err
	}
	for {
		b, err := g.take(1)
		if err != nil {
			return err
		}
		switch tag := b[0]; {
		case tag <= lastGroupTag && g.depth > 0:
			return invalid("a group begins inside a collection")
		case tag == tagEnd:
			return nil
		case tag == 0:
			return invalid("tag 0")
		case tag <= lastGroupTag:
			if g.groups++; g.groups > g.l.Groups {
				return tooLarge("groups", g.l.Groups)
			}
		default:
			if err := g.value(tag); err != nil {
				return err
			}
		}
	}
}

// value looks at one value with its name: a name begins an attribute, none goes
// on with the one before.
func (g *guard) value(tag byte) error {
	if g.groups == 0 {
		return invalid("an attribute outside of any group")
	}
	if g.values++; g.values > g.l.Values {
		return tooLarge("values", g.l.Values)
	}
	name, err := g.field()
	if err != nil {
		return err
	}
	if len(name) > 0 || tag == tagMember {
		if g.attributes++; g.attributes > g.l.Attributes {
			return tooLarge("attributes", g.l.Attributes)
		}
	}
	value, err := g.field()
	if err != nil {
		return err
	}
	switch tag {
	case tagBegin:
		if g.depth++; g.depth > g.l.Depth {
			return tooLarge("collections within collections", g.l.Depth)
		}
	case tagFinish:
		if g.depth--; g.depth < 0 {
			return invalid("a collection ends that has not begun")
		}
	case tagExtension:
		if len(value) < 4 {
			return invalid("an extended tag of %d octets", len(value))
		}
	}
	return nil
}

// field reads a length and as many octets.
func (g *guard) field() ([]byte, error) {
	b, err := g.take(2)
	if err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(b))
	switch {
	case n > mostLength:
		return nil, invalid("a length below zero")
	case n == 0:
		return nil, nil
	}
	return g.take(n)
}
