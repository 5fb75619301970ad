package ldap

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"

	"platen/directory"
)

func newMapper(kind Kind, m Map) mapper {
	return mapper{cfg: Config{Kind: kind, Map: m}.resolved(rootDSE{}), now: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)}
}

func entry(attrs ...attr) *goldap.Entry {
	e := &goldap.Entry{DN: "cn=x,dc=test"}
	for _, a := range attrs {
		e.Attributes = append(e.Attributes, goldap.NewEntryAttribute(a[0], a[1:]))
	}
	return e
}

func TestPerson(t *testing.T) {
	guid := "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
	me := []attr{{"objectguid", guid}, {"SAMACCOUNTNAME", "anna"}}
	const key = "00112233-4455-6677-8899-aabbccddeeff"
	tests := map[string]struct {
		mapper   mapper
		entry    *goldap.Entry
		want     directory.Record
		problems int
	}{
		"Active Directory": {newMapper(ActiveDirectory, Map{}), entry(append(me, attr{"displayName", " "}, attr{"cn", "Anna"}, attr{"userAccountControl", "512"}, attr{"accountExpires", "0"})...),
			directory.Record{Key: key, Login: "anna", FullName: "Anna", Enabled: true}, 0},
		"disabled": {newMapper(ActiveDirectory, Map{}), entry(append(me, attr{"userAccountControl", "66050"})...), directory.Record{Key: key, Login: "anna"}, 0},
		"expired":  {newMapper(ActiveDirectory, Map{}), entry(append(me, attr{"accountExpires", "134000000000000000"})...), directory.Record{Key: key, Login: "anna"}, 0},
		"never expires": {newMapper(ActiveDirectory, Map{}), entry(append(me, attr{"accountExpires", "9223372036854775807"})...),
			directory.Record{Key: key, Login: "anna", Enabled: true}, 0},
		"cards of several attributes": {newMapper(ActiveDirectory, Map{Cards: []string{"pager", "otherPager"}, PIN: []string{"pin"}}),
			entry(append(me, attr{"otherPager", "2", "1", " 3 "}, attr{"pager", "1"}, attr{"pin", "246810"})...),
			directory.Record{Key: key, Login: "anna", Enabled: true, Cards: []string{"1", "2", "3"}, PIN: "246810"}, 0},
		"no key":               {newMapper(ActiveDirectory, Map{}), entry(attr{"sAMAccountName", "x"}), directory.Record{}, 1},
		"no login":             {newMapper(ActiveDirectory, Map{}), entry(attr{"objectGUID", guid}), directory.Record{}, 1},
		"a login that is none": {newMapper(ActiveDirectory, Map{}), entry(attr{"objectGUID", guid}, attr{"sAMAccountName", "a\x00b"}), directory.Record{}, 2},
		"bad values": {newMapper(ActiveDirectory, Map{}), entry(append(me, attr{"mail", "a\nb"}, attr{"department", strings.Repeat("x", 5000)}, attr{"cn", "\xff"})...),
			directory.Record{Key: key, Login: "anna", Enabled: true}, 3},
		"OpenLDAP": {newMapper(OpenLDAP, Map{}), entry(attr{"entryUUID", "00112233-4455-6677-8899-AABBCCDDEEFF"}, attr{"uid", "anna"}, attr{"pwdAccountLockedTime", "20260101000000Z"}),
			directory.Record{Key: key, Login: "anna", Enabled: true}, 0},
		"locked for good": {newMapper(OpenLDAP, Map{}), entry(attr{"entryUUID", key}, attr{"uid", "anna"}, attr{"pwdAccountLockedTime", "000001010000Z"}), directory.Record{Key: key, Login: "anna"}, 0},
		"said to be off":  {newMapper(Generic, Map{Enabled: "active"}), entry(attr{"entryUUID", key}, attr{"uid", "anna"}, attr{"active", "FALSE"}), directory.Record{Key: key, Login: "anna"}, 0},
		"said to be locked": {newMapper(Generic, Map{Key: "GUID", Disabled: "nsAccountLock"}), entry(attr{"GUID", "\x01\xff"}, attr{"uid", "anna"}, attr{"nsAccountLock", "true"}),
			directory.Record{Key: "0x01ff", Login: "anna"}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := tt.mapper.person(tt.entry, "")
			if want := tt.want.Key != ""; ok != want || len(tt.mapper.problems) != tt.problems {
				t.Fatalf("ok = %t, problems %q", ok, tt.mapper.problems)
			}
			tt.want.DN = "cn=x,dc=test"
			if ok && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestKeysAreFoundAgain(t *testing.T) {
	for _, tt := range []struct{ attr, key, want string }{
		{"objectGUID", "00112233-4455-6677-8899-aabbccddeeff", `\33\22\11\00\55\44\77\66\88\99\aa\bb\cc\dd\ee\ff`},
		{"objectGUID", "*)(uid=*", strings.Repeat(`\00`, 16)},
		{"entryUUID", "*)(uid=*", `\2a\29\28uid=\2a`},
		{"GUID", "0x01ff", `\01\ff`},
	} {
		if got := keyValue(tt.attr, tt.key); got != tt.want {
			t.Errorf("%s %s: %s", tt.attr, tt.key, got)
		}
	}
}

func TestExplained(t *testing.T) {
	list := []born{{"a", "20260101000000", 1}, {"b", "20260101000000", 2}, {"c", "20260701120000", 9}, {"d", "20260701120000", 8}}
	tests := map[string]struct {
		old  []born
		want bool
	}{
		"the same":             {list, true},
		"one is new":           {[]born{list[0], list[1], list[3]}, true},
		"two are new":          {list[:2], true},
		"an old one is new":    {list[1:], false},
		"one has left":         {append(slices.Clone(list), born{"e", "20260101000000", 3}), false},
		"one left, one is new": {[]born{list[0], list[1], {"e", "20260101000000", 3}, list[3]}, false},
		"nobody was there":     {nil, false},
	}
	for name, tt := range tests {
		if got := explained(tallyOf(tt.old), list, "20260701115900"); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// An entry of a stranger becomes a person who can be stored, or nobody.
func FuzzEntry(f *testing.F) {
	f.Add("cn=x,dc=test", "sAMAccountName", "anna", "objectGUID", "0123456789abcdef", "pager", "04A1", "a|b")
	f.Add("", "uid", "\x00", "entryUUID", "", "member;range=0-", "x", "\xff")
	f.Fuzz(func(t *testing.T, dn, a1, v1, a2, v2, a3, v3, many string) {
		e := &goldap.Entry{DN: dn, Attributes: []*goldap.EntryAttribute{
			goldap.NewEntryAttribute(a1, []string{v1}), goldap.NewEntryAttribute(a2, []string{v2}), goldap.NewEntryAttribute(a3, append(strings.Split(many, "|"), v3)),
			goldap.NewEntryAttribute("objectSid", []string{v3}), goldap.NewEntryAttribute("primaryGroupID", []string{many}),
		}}
		for _, kind := range []Kind{ActiveDirectory, OpenLDAP, Generic} {
			m := newMapper(kind, Map{Cards: []string{"pager"}, Aliases: []string{"uid"}, Enabled: a3})
			if p, ok := m.person(e, "base"); ok {
				checkRecord(t, p)
				if kind != ActiveDirectory {
					continue
				}
				if again := guidText(guidOctets(p.Key)); again != p.Key {
					t.Errorf("key %q became %q", p.Key, again)
				}
			}
			if g, ok := m.group(e, "base"); ok && (g.rec.Key == "" || g.rec.Name == "" || g.next < 0) {
				t.Errorf("group %+v", g)
			}
			primaryRID(primarySID(e))
			for _, text := range m.problems {
				if !utf8.ValidString(text) || len(text) > 20_000 {
					t.Errorf("problem %q", text)
				}
			}
		}
		if n := normalDN(dn); n != normalDN(strings.ToUpper(dn)) && utf8.ValidString(dn) && directory.Fold(dn) == directory.Fold(strings.ToUpper(dn)) && !strings.Contains(dn, `\`) && !strings.Contains(dn, "#") {
			t.Errorf("%q and its capitals are two names", dn)
		}
	})
}

func checkRecord(t *testing.T, p directory.Record) {
	t.Helper()
	if p.Key == "" || p.Login == "" || len(p.Cards) > maxValues || len(p.DN) > maxText {
		t.Errorf("person %+v", p)
	}
	for _, s := range append(append([]string{p.Key, p.Login, p.UPN, p.Email, p.FullName, p.Department, p.Language, p.PIN, p.DN}, p.Cards...), p.Aliases...) {
		if !utf8.ValidString(s) || len(s) > maxText {
			t.Errorf("value %q", s)
		}
	}
}

// What is no cursor means that everybody is read; what is one is written as it was.
func FuzzCursor(f *testing.F) {
	c := cursor{Version: 1, Config: "0f", Kind: ChangesSync, Cookies: map[string][]byte{"people dc=x": []byte("rid=000,csn=1")}, Since: "20260701120000",
		Tallies: map[string]tally{"people dc=x": tallyOf([]born{{key: "a"}})}, Counted: time.Unix(1, 0).UTC()}
	b, err := c.octets()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"v":1,"kind":"usn","usn":18446744073709551615,"database":"AAAA"}`))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, ok := parseCursor(b)
		if !ok {
			return
		}
		if c.Kind == ChangesNone || c.Kind == ChangesTimestamps && c.Since == "" {
			return
		}
		first, err := json.Marshal(c)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		if len(first) > maxCursor {
			return
		}
		again, ok := parseCursor(first)
		if !ok {
			t.Fatalf("%s is no cursor", first)
		}
		second, err := again.octets()
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s\n%s, %v", first, second, err)
		}
	})
}

// A message that the guard lets through is one that the codec can read, or says
// that it cannot.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00"))
	f.Add([]byte("\x30\x84\x00\x00\x00\x02\x30\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readMessage(bytes.NewReader(b), nil, 1<<20)
		if err != nil {
			return
		}
		if len(m) > len(b) {
			t.Fatalf("%d octets of %d", len(m), len(b))
		}
		if checkMessage(m) != nil {
			return
		}
		decode(m)
	})
}
