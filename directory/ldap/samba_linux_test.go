package ldap

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	goldap "github.com/go-ldap/ldap/v3"

	"platen/directory"
	"platen/internal/testkit/peers"
)

const (
	domain    = peers.SambaBase
	adPass    = "Pa55.word-2026"
	adReader  = "reader@platen.test"
	adPagesOf = 7 // small pages, so that there are several
)

func startSamba(t *testing.T) (*peers.Samba, hand) {
	t.Helper()
	s, err := peers.StartSamba(t.Context(), t.TempDir(), peers.SambaOptions{Below: "../.."})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	t.Logf("peer: %s", s.Version)
	l, err := (&dialer{cfg: Config{Servers: []string{s.TLSURL()}, CAPEM: string(s.Certificate.CA)}}).connect(t.Context(), s.TLSURL(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	h := hand{t, l.conn}
	l.guard.begin(100_000)
	h.ok(h.Bind(peers.SambaAdmin, peers.SambaPassword))
	h.account("reader", "CN=Users,"+domain)
	return s, h
}

func utf16le(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(`"` + s + `"`)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// account adds somebody who can sign in.
func (h hand) account(name, where string, more ...string) {
	h.t.Helper()
	h.add("CN="+name+","+where, append([]string{
		"objectClass", "user", "sAMAccountName", name, "userPrincipalName", name + "@platen.test", "unicodePwd", utf16le(adPass), "userAccountControl", "512",
	}, more...)...)
}

func (h hand) adGroup(name, where string, members ...string) {
	h.t.Helper()
	attrs := []string{"objectClass", "group", "sAMAccountName", name}
	for _, m := range members {
		attrs = append(attrs, "member", m)
	}
	h.add("CN="+name+","+where, attrs...)
}

func sambaConfig(s *peers.Samba, bases ...string) Config {
	return Config{
		Servers: []string{s.TLSURL()}, CAPEM: string(s.Certificate.CA), BindAs: adReader, Bases: bases, PageSize: adPagesOf,
		Map: Map{Cards: []string{"employeeNumber", "pager", "otherPager"}},
	}
}

func TestSambaReadsEverybody(t *testing.T) {
	s, admin := startSamba(t)
	ou := "OU=Staff," + domain
	admin.add(ou, "objectClass", "organizationalUnit")
	for i := range 20 {
		admin.account(fmt.Sprintf("u%02d", i), ou, "displayName", fmt.Sprintf("Ünï %02d", i), "mail", fmt.Sprintf("u%02d@example.org", i), "department", "D", "pager", fmt.Sprintf("04A1%02X", i),
			"otherPager", fmt.Sprintf("AA%02X", i), "otherPager", fmt.Sprintf("BB%02X", i), "employeeNumber", fmt.Sprintf("%08d", i))
	}
	admin.set("CN=u01,"+ou, "userAccountControl", "514")
	admin.set("CN=u02,"+ou, "accountExpires", "116444736010000000") // a second after 1970 began
	admin.set("CN=u03,"+ou, "accountExpires", "9223372036854775807")
	admin.adGroup("inner", ou, "CN=u04,"+ou, "CN=u05,"+ou)
	admin.adGroup("outer", ou, "CN=inner,"+ou, "CN=u06,"+ou, "CN=reader,CN=Users,"+domain)
	admin.adGroup("first", ou, "CN=u07,"+ou)
	sid := admin.sid("CN=first," + ou)
	admin.set("CN=u07,"+ou, "primaryGroupID", primaryRID(sid))

	for _, server := range []string{s.TLSURL(), s.URL(), s.TLSURL() + ":3269", s.URL() + ":3268"} {
		cfg := sambaConfig(s, ou)
		cfg.Servers = []string{server}
		if strings.HasSuffix(server, ":3269") {
			cfg.BindAs = `PLATEN\reader`
		}
		a := mustRead(t, newSource(t, cfg, adPass), nil)
		var m mirror
		m.take(a)
		if len(a.People) != 20 || len(a.Groups) != 3 {
			t.Errorf("%s: %d people, %d groups", server, len(a.People), len(a.Groups))
		}
		p := m.login(t, "u00")
		if len(p.Key) != 36 || p.UPN != "u00@platen.test" || p.FullName != "Ünï 00" || p.Email != "u00@example.org" || p.Department != "D" || p.Base != "" ||
			!slices.Equal(p.Cards, []string{"00000000", "04A100", "AA00", "BB00"}) && !slices.Equal(p.Cards, []string{"00000000", "04A100", "BB00", "AA00"}) {
			t.Errorf("%s: u00 is %+v", server, p)
		}
		if !p.Enabled || m.login(t, "u01").Enabled || m.login(t, "u02").Enabled || !m.login(t, "u03").Enabled {
			t.Errorf("%s: who is enabled is wrong", server)
		}
		outer, inner, first := m.group(t, "outer"), m.group(t, "inner"), m.group(t, "first")
		if !sameSet(outer.Members, inner.Key) || !sameSet(outer.People, m.login(t, "u06").Key) || len(inner.People) != 2 || !sameSet(first.People, m.login(t, "u07").Key) {
			t.Errorf("%s: outer %+v inner %+v first %+v", server, outer, inner, first)
		}
	}
}

// sid returns the objectSid of an entry.
func (h hand) sid(dn string) string {
	h.t.Helper()
	r, err := h.Search(goldap.NewSearchRequest(dn, goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"objectSid"}, nil))
	h.ok(err)
	return string(r.Entries[0].GetRawAttributeValue("objectSid"))
}

// Changes in an Active Directory are heard by DirSync and by update sequence
// numbers, with the right to replicate and without.
func TestSambaHearsChanges(t *testing.T) {
	s, admin := startSamba(t)
	tests := []struct {
		name, changes, as, secret string
		hears                     bool
	}{
		{"dirsync, plain", "", adReader, adPass, false},
		{"dirsync, may replicate", "", peers.SambaAdmin, peers.SambaPassword, true},
		{"usn, plain", ChangesUSN, adReader, adPass, false},
		{"usn, sees tombstones", ChangesUSN, peers.SambaAdmin, peers.SambaPassword, true},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ou, out := fmt.Sprintf("OU=Staff%d,%s", i, domain), fmt.Sprintf("OU=Out%d,%s", i, domain)
			h := hand{t, admin.Conn}
			h.add(ou, "objectClass", "organizationalUnit")
			h.add(out, "objectClass", "organizationalUnit")
			cfg := sambaConfig(s, ou)
			cfg.Changes, cfg.BindAs = tt.changes, tt.as
			sambaStory(t, h, newSource(t, cfg, tt.secret), fmt.Sprintf("s%d", i), ou, out, tt.hears)
		})
	}
}

func sambaStory(t *testing.T, h hand, src *Source, prefix, ou, out string, hears bool) {
	name := func(n int) string { return fmt.Sprintf("%s-%02d", prefix, n) }
	at := func(n int) string { return "CN=" + name(n) + "," + ou }
	for n := range 10 {
		h.account(name(n), ou)
	}
	h.adGroup(prefix+"-staff", ou, at(1), at(2), at(9))
	var m mirror
	m.take(mustRead(t, src, nil))
	c, ok := parseCursor(m.cursor)
	if want := src.Config.Changes; !ok || c.Hears != hears || want != "" && c.Kind != want || want == "" && c.Kind != ChangesDirSync {
		t.Fatalf("cursor %+v", c)
	}
	staff := func() int { return len(m.group(t, prefix+"-staff").People) }
	steps := []struct {
		name string
		do   func()
		full bool
		ok   func(a directory.Answer) bool
	}{
		{"nothing", func() {}, false, func(a directory.Answer) bool { return len(a.People)+len(a.Groups)+len(a.Gone) == 0 }},
		{"a card", func() { h.set(at(1), "otherPager", "C1", "C2") }, false, func(a directory.Answer) bool {
			return slices.Contains(logins(a.People), name(1)) && len(m.login(t, name(1)).Cards) == 2
		}},
		{"disabled", func() { h.set(at(2), "userAccountControl", "514") }, false, func(directory.Answer) bool { return !m.login(t, name(2)).Enabled }},
		{"another name", func() { h.rename(at(3), "CN=renamed-"+prefix, "") }, false, func(a directory.Answer) bool {
			return m.login(t, name(3)).DN == "CN=renamed-"+prefix+","+ou
		}},
		{"somebody new", func() { h.account(prefix+"-new", ou, "pager", "04A1") }, false, func(directory.Answer) bool { return m.login(t, prefix+"-new").Enabled }},
		{"a member more", func() { h.set("CN="+prefix+"-staff,"+ou, "member", at(1), at(2), at(9), at(4)) }, false, func(directory.Answer) bool { return staff() == 4 }},
		{"a group in a group", func() { h.adGroup(prefix+"-all", ou, "CN="+prefix+"-staff,"+ou) }, false, func(directory.Answer) bool {
			return len(m.group(t, prefix+"-all").Members) == 1
		}},
		{"moved inside", func() {
			h.add("OU=Deep,"+ou, "objectClass", "organizationalUnit")
			h.rename(at(5), "CN="+name(5), "OU=Deep,"+ou)
		}, false, func(directory.Answer) bool { return strings.Contains(m.login(t, name(5)).DN, "Deep") }},
		{"moved out", func() { h.rename(at(9), "CN="+name(9), out) }, !hears, func(a directory.Answer) bool {
			return (a.Full || len(a.Gone) == 1) && staff() == 3
		}},
		{"and back", func() { h.rename("CN="+name(9)+","+out, "CN="+name(9), ou) }, !hears, func(directory.Answer) bool { return staff() == 4 }},
		{"deleted", func() { h.remove(at(8)) }, !hears, func(a directory.Answer) bool { return a.Full || len(a.Gone) == 1 }},
		{"a group is gone", func() { h.remove("CN=" + prefix + "-all," + ou) }, !hears, nil},
		{"another primary group", func() { h.set(at(1), "primaryGroupID", primaryRID(h.sid("CN="+prefix+"-staff,"+ou))) }, false, func(directory.Answer) bool { return staff() == 4 }},
		{"nothing again", func() {}, false, func(a directory.Answer) bool { return len(a.Gone) == 0 }},
	}
	for _, step := range steps {
		step.do()
		a := m.hear(t, src)
		if a.Full && !step.full {
			t.Errorf("%s: everybody was read", step.name)
		}
		if step.ok != nil && !step.ok(a) {
			t.Errorf("%s: full %t, people %v, %d groups, gone %q", step.name, a.Full, logins(a.People), len(a.Groups), a.Gone)
		}
	}
}

func TestSambaProbe(t *testing.T) {
	s, _ := startSamba(t)
	r, err := newSource(t, sambaConfig(s), adPass).Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Kind != ActiveDirectory || r.Changes != ChangesDirSync || r.Deleted || !strings.Contains(r.Vendor, "Samba") || len(r.Bases) != 1 || r.Bases[0].Base != domain || r.Bases[0].People < 3 || r.Bases[0].Groups < 20 {
		t.Errorf("report %+v", r)
	}
}

func TestSambaChecksPasswords(t *testing.T) {
	s, admin := startSamba(t)
	ou := "OU=Staff," + domain
	admin.add(ou, "objectClass", "organizationalUnit")
	for _, name := range []string{"right", "off", "ends", "change"} {
		admin.account(name, ou)
	}
	admin.set("CN=off,"+ou, "userAccountControl", "514")
	admin.set("CN=ends,"+ou, "accountExpires", "116444736010000000")
	admin.set("CN=change,"+ou, "pwdLastSet", "0")
	cfg := sambaConfig(s, ou)
	var m mirror
	m.take(mustRead(t, newSource(t, cfg, adPass), nil))
	c := newChecker(t, cfg, adPass)
	tests := map[string]struct {
		login, password string
		cause           error // nil: it is right
	}{
		"right":             {"right", adPass, nil},
		"wrong":             {"right", "Guess-3141", ErrWrongPassword},
		"disabled":          {"off", adPass, ErrDisabled},
		"expired":           {"ends", adPass, ErrAccountExpired},
		"must change first": {"change", adPass, ErrMustChange},
		"nobody":            {"", adPass, ErrWrongPassword},
		"A48 empty":         {"right", "", ErrEmptyPassword},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			key := ""
			if tt.login != "" {
				key = m.login(t, tt.login).Key
			}
			checkPassword(t, c, key, "x", tt.password, tt.cause)
		})
	}
}
