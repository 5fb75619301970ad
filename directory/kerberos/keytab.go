package kerberos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"platen/fault"
)

const (
	maxKeytab  = 1 << 20 // octets
	maxEntries = 1000
)

// Entry is one key of a keytab, without the key.
type Entry struct {
	Principal string    `json:"principal"` // HTTP/print.example.com@EXAMPLE.COM
	KVNO      uint32    `json:"kvno"`      // which version of the account's password
	Enctype   string    `json:"enctype"`
	Weak      bool      `json:"weak"`   // RC4 or DES, which modern domains no longer give out
	Usable    bool      `json:"usable"` // tickets made with such a key can be read
	Time      time.Time `json:"time"`   // when it was written
}

// Warning is what an administrator should know of a keytab.
type Warning struct {
	Text string // the catalogue's key
	Args []any
}

// enctypes are the encryption types of Kerberos (RFC 3961, RFC 3962, RFC 4757,
// RFC 8009), with the lengths of their keys in octets.
var enctypes = map[int32]struct {
	name         string
	octets       int
	weak, usable bool
}{
	1:  {"des-cbc-crc", 8, true, false},
	3:  {"des-cbc-md5", 8, true, false},
	16: {"des3-cbc-sha1", 24, true, false},
	17: {"aes128-cts-hmac-sha1-96", 16, false, true},
	18: {"aes256-cts-hmac-sha1-96", 32, false, true},
	19: {"aes128-cts-hmac-sha256-128", 16, false, true},
	20: {"aes256-cts-hmac-sha384-192", 32, false, true},
	23: {"arcfour-hmac", 16, true, true},
}

// key is one entry of a keytab with its secret.
type key struct {
	components []string
	realm      string
	kvno       uint32
	enctype    int32
	value      []byte
	time       time.Time
}

func (k *key) principal() string { return strings.Join(k.components, "/") + "@" + k.realm }

// Load returns the keytab in the file at path, for NewAcceptor and Inspect.
func Load(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err == nil && st.Size() > maxKeytab {
		err = errors.New("too large")
	}
	if err != nil {
		return nil, fmt.Errorf("kerberos.Load: %w", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("kerberos.Load: %w", err)
	}
	return b, nil
}

// Inspect returns the entries of a keytab, for an administrator who wants to know
// whether it is the right one.
func Inspect(keytab []byte) ([]Entry, error) {
	keys, err := parseKeytab(keytab)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(keys))
	for _, k := range keys {
		e := Entry{Principal: k.principal(), KVNO: k.kvno, Time: k.time, Enctype: fmt.Sprintf("enctype %d", k.enctype)}
		if t, ok := enctypes[k.enctype]; ok {
			e.Enctype, e.Weak, e.Usable = t.name, t.weak, t.usable
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// Warnings returns what is to be said of the entries: principals that have weak
// keys alone, and a keytab that is for no web service.
func Warnings(entries []Entry) []Warning {
	var list []Warning
	strong, seen, web := map[string]bool{}, map[string]bool{}, false
	for _, e := range entries {
		strong[e.Principal] = strong[e.Principal] || !e.Weak && e.Usable
		web = web || strings.EqualFold(e.Principal[:min(5, len(e.Principal))], "HTTP/")
	}
	for _, e := range entries {
		if !strong[e.Principal] && !seen[e.Principal] {
			list = append(list, Warning{Text: "The keytab has only weak keys (RC4 or DES) for %s. Please let the account use AES and export the keytab again.", Args: []any{e.Principal}})
		}
		seen[e.Principal] = true
	}
	if len(entries) > 0 && !web {
		list = append(list, Warning{Text: "The keytab has no key for a web service. Browsers ask for HTTP/ and the name of the server."})
	}
	return list
}

// parseKeytab reads version 2 of the format that MIT Kerberos writes, as ktpass
// and Samba do too: 05 02, then records of a length and as many octets; a
// negative length is a hole.
//
// gokrb5 has such a parser; it repeats the whole file, with its keys, in an
// error.
func parseKeytab(b []byte) ([]key, error) {
	if len(b) > maxKeytab {
		return nil, badKeytab("too large")
	}
	if len(b) < 2 || b[0] != 5 || b[1] != 2 {
		return nil, badKeytab("no version 5.2")
	}
	var keys []key
	for r := (reader{b: b[2:]}); len(r.b) >= 4; {
		size := int32(r.uint32())
		if size == 0 { // what MIT reads as the end
			break
		}
		if size < 0 {
			r.take(int(-int64(size)))
			continue
		}
		record := reader{b: r.take(int(size))}
		k, ok := record.key()
		if r.short || !ok {
			return nil, badKeytab(fmt.Sprintf("entry %d is damaged", len(keys)+1))
		}
		if keys = append(keys, k); len(keys) > maxEntries {
			return nil, badKeytab("too many entries")
		}
	}
	if len(keys) == 0 {
		return nil, badKeytab("no entries")
	}
	return keys, nil
}

func badKeytab(why string) error {
	return &fault.Error{Op: "kerberos.keytab", Kind: fault.Invalid, Text: "This is not a usable keytab.", Err: errors.New(why)}
}

// reader takes big-endian fields off b. Once one is not there, everything is
// zero and short.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.b, r.short = nil, true
		return nil
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

func (r *reader) fixed(n int) []byte {
	if b := r.take(n); b != nil {
		return b
	}
	return make([]byte, n)
}

func (r *reader) uint8() uint8   { return r.fixed(1)[0] }
func (r *reader) uint16() uint16 { return binary.BigEndian.Uint16(r.fixed(2)) }
func (r *reader) uint32() uint32 { return binary.BigEndian.Uint32(r.fixed(4)) }
func (r *reader) text() string   { return string(r.take(int(r.uint16()))) }

// key reads one record: number of components, realm, components, type of name,
// time, short KVNO, type of key, key, and perhaps the long KVNO.
func (r *reader) key() (key, bool) {
	var k key
	n := int(r.uint16())
	if n < 1 || n > maxComponents {
		return k, false
	}
	k.realm = r.text()
	for range n {
		k.components = append(k.components, r.text())
	}
	r.uint32() // type of name, which does not tell principals apart: RFC 4120, section 6.2
	k.time = time.Unix(int64(r.uint32()), 0).UTC()
	k.kvno = uint32(r.uint8())
	k.enctype = int32(int16(r.uint16()))
	k.value = slices.Clone(r.take(int(r.uint16())))
	if r.short {
		return k, false
	}
	if len(r.b) >= 4 {
		if long := r.uint32(); long != 0 {
			k.kvno = long
		}
	}
	t, known := enctypes[k.enctype]
	good := k.realm != "" && utf8.ValidString(k.principal()) && !strings.ContainsFunc(k.principal(), control)
	return k, good && (!known || len(k.value) == t.octets)
}
