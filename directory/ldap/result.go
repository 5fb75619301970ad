package ldap

import (
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// Tags of messages, RFC 4511, sections 4.5.1 to 4.5.3.
const (
	tagSearchRequest   = 0x63
	tagSearchEntry     = 0x64
	tagSearchReference = 0x73
)

// Tags of what they are made of.
const (
	tagInteger  = 0x02
	tagOctets   = 0x04
	tagSequence = 0x30
	tagSet      = 0x31
)

// elements are elements of BER that stand one behind the other.
type elements string

// next takes the first one, if it has this tag, and returns what is in it.
func (e *elements) next(tag byte) (elements, bool) {
	head, length, ok := header(*e)
	if !ok || (*e)[0] != tag || length > len(*e)-head {
		return "", false
	}
	in := (*e)[head : head+length]
	*e = (*e)[head+length:]
	return in, true
}

// envelope opens a message: whom it is for or from, and what it says.
func envelope(m string) (id int64, says elements, ok bool) {
	all := elements(m)
	in, ok := all.next(tagSequence)
	if !ok || all != "" {
		return 0, "", false
	}
	number, ok := in.next(tagInteger)
	if !ok || number == "" || len(number) > 4 || number[0] >= 0x80 {
		return 0, "", false
	}
	for i := range len(number) {
		id = id<<8 | int64(number[i])
	}
	return id, in, in != ""
}

// searchEntry reads a SearchResultEntry (RFC 4511, section 4.5.2) as the library
// does, but without a copy of each element: everything in the entry is a part of
// one text. ByteValues stays empty, Values has the same octets. It is false for
// anything else, an entry with controls too.
func searchEntry(says elements) (*goldap.Entry, bool) {
	in, ok := says.next(tagSearchEntry)
	if !ok || says != "" {
		return nil, false
	}
	dn, ok := in.next(tagOctets)
	if !ok {
		return nil, false
	}
	list, ok := in.next(tagSequence)
	if !ok || in != "" {
		return nil, false
	}
	attrs, values, ok := count(list)
	if !ok {
		return nil, false
	}
	return &goldap.Entry{DN: string(dn), Attributes: attributes(list, make([]goldap.EntryAttribute, attrs), make([]string, 0, values))}, true
}

// count finds out how many attributes and values are in a list, and whether it is
// one.
func count(list elements) (attrs, values int, ok bool) {
	for list != "" {
		_, set, ok := attribute(&list)
		if !ok {
			return 0, 0, false
		}
		for attrs++; set != ""; values++ {
			if _, ok := set.next(tagOctets); !ok {
				return 0, 0, false
			}
		}
	}
	return attrs, values, true
}

// attribute takes the first attribute of a list.
func attribute(list *elements) (name, values elements, ok bool) {
	in, ok := list.next(tagSequence)
	if !ok {
		return "", "", false
	}
	name, ok = in.next(tagOctets)
	if !ok {
		return "", "", false
	}
	values, ok = in.next(tagSet)
	return name, values, ok && in == ""
}

// attributes reads a counted list into the room that is made for it.
func attributes(list elements, room []goldap.EntryAttribute, values []string) []*goldap.EntryAttribute {
	all := make([]*goldap.EntryAttribute, len(room))
	for i := range room {
		name, set, _ := attribute(&list)
		first := len(values)
		for set != "" {
			v, _ := set.next(tagOctets)
			values = append(values, string(v))
		}
		room[i] = goldap.EntryAttribute{Name: string(name), Values: values[first:len(values):len(values)]}
		all[i] = &room[i]
	}
	return all
}

// values returns the values of an attribute, as it was named or in other case.
// They hold octets: the raw ones of the library are not filled by searchEntry.
func values(e *goldap.Entry, name string) []string {
	for _, a := range e.Attributes {
		if len(a.Name) == len(name) && strings.EqualFold(a.Name, name) {
			return a.Values
		}
	}
	return nil
}

// value returns the first of them, "" when there is none.
func value(e *goldap.Entry, name string) string {
	if v := values(e, name); len(v) > 0 {
		return v[0]
	}
	return ""
}
