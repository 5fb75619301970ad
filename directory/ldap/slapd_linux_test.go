package ldap

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"platen/directory"
	"platen/fault"
	"platen/internal/testkit/peers"
)

const suffix = peers.SlapdSuffix

// tree is a small company: two departments, the people of which log in as u0000…
func tree(people int) string {
	var b strings.Builder
	b.WriteString("dn: " + suffix + "\nobjectClass: dcObject\nobjectClass: organization\no: Platen\ndc: platen\n\n")
	for _, ou := range []string{"people", "away", "groups"} {
		fmt.Fprintf(&b, "dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %[1]s\n\n", ou, suffix)
	}
	fmt.Fprintf(&b, "dn: uid=reader,%s\nobjectClass: account\nobjectClass: simpleSecurityObject\nuid: reader\nuserPassword: reading\n\n", suffix)
	for i := range people {
		fmt.Fprintf(&b, "dn: uid=u%04[1]d,ou=people,%[2]s\nobjectClass: inetOrgPerson\nuid: u%04[1]d\ncn: User %04[1]d\nsn: Ünï %04[1]d\nmail: u%04[1]d@example.org\n"+
			"employeeNumber: 04A1B2%04[1]X\npager: AA%04[1]X\npager: BB%04[1]X\ndepartmentNumber: D%[3]d\nuserPassword: pw-%04[1]d\n\n", i, suffix, i%7)
	}
	return b.String()
}

func startSlapd(t *testing.T, people int, o peers.SlapdOptions) *peers.Slapd {
	t.Helper()
	o.LDIF = tree(people)
	s, err := peers.StartSlapd(t.Context(), t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	t.Logf("peer: %s", s.Version)
	return s
}

// slapdConfig is how a plain account reads it.
func slapdConfig(s *peers.Slapd) Config {
	return Config{
		Servers: []string{s.TLSURL()}, CAPEM: string(s.Certificate.CA), BindAs: "uid=reader," + suffix,
		Bases: []string{"ou=people," + suffix, "ou=groups," + suffix},
		Map:   Map{Cards: []string{"employeeNumber", "pager"}},
	}
}

// hand is somebody who changes a directory.
type hand struct {
	t *testing.T
	*goldap.Conn
}

func slapdAdmin(t *testing.T, s *peers.Slapd) hand {
	t.Helper()
	c, err := goldap.DialURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	h := hand{t, c}
	h.ok(c.Bind(peers.SlapdAdmin, peers.SlapdPassword))
	return h
}

func (h hand) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// add adds an entry: name, value, name, value…
func (h hand) add(dn string, attrs ...string) {
	h.t.Helper()
	values := map[string][]string{}
	r := goldap.NewAddRequest(dn, nil)
	for pair := range slices.Chunk(attrs, 2) {
		values[pair[0]] = append(values[pair[0]], pair[1])
	}
	for name, v := range values {
		r.Attribute(name, v)
	}
	h.ok(h.Conn.Add(r))
}

func (h hand) set(dn, name string, values ...string) {
	h.t.Helper()
	r := goldap.NewModifyRequest(dn, nil)
	r.Replace(name, values)
	h.ok(h.Modify(r))
}

func (h hand) rename(dn, rdn, under string) {
	h.t.Helper()
	h.ok(h.ModifyDN(goldap.NewModifyDNRequest(dn, rdn, true, under)))
}

func (h hand) remove(dn string) {
	h.t.Helper()
	h.ok(h.Del(goldap.NewDelRequest(dn, nil)))
}

func (h hand) group(name string, members ...string) {
	h.t.Helper()
	attrs := []string{"objectClass", "groupOfNames", "cn", name}
	for _, m := range members {
		attrs = append(attrs, "member", m)
	}
	h.add("cn="+name+",ou=groups,"+suffix, attrs...)
}

func person(n int) string { return fmt.Sprintf("uid=u%04d,ou=people,%s", n, suffix) }

func TestSlapdReadsEverybody(t *testing.T) {
	s := startSlapd(t, 1234, peers.SlapdOptions{SessionLog: 100})
	admin := slapdAdmin(t, s)
	admin.set(person(3), "sn", "x")
	admin.group("staff", person(1), "UID=U0002, OU=People,"+suffix, "cn=nobody,"+suffix)
	admin.group("all", "cn=staff,ou=groups,"+suffix, person(3))
	admin.group("ring", "cn=all,ou=groups,"+suffix, "cn=ring,ou=groups,"+suffix)
	admin.add("cn=posix,ou=groups,"+suffix, "objectClass", "posixGroup", "cn", "posix", "gidNumber", "7", "memberUid", "u0005", "memberUid", "U0006", "memberUid", "gone")

	var reports []int
	src := newSource(t, slapdConfig(s), "reading")
	for _, url := range []string{s.TLSURL(), s.URL()} {
		src.Config.Servers = []string{url}
		a, err := src.Read(t.Context(), nil, func(n int) { reports = append(reports, n) })
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if !a.Full || len(a.People) != 1234 || len(a.Groups) != 4 || len(a.Cursor) == 0 {
			t.Errorf("%s: full %t, %d people, %d groups, cursor %d octets", url, a.Full, len(a.People), len(a.Groups), len(a.Cursor))
		}
		var m mirror
		m.take(a)
		p := m.login(t, "u0007")
		if p.Key == "" || p.DN != person(7) || p.Base != "ou=people,"+suffix || p.FullName != "User 0007" || p.Email != "u0007@example.org" || p.Department != "D0" ||
			!p.Enabled || !slices.Equal(p.Cards, []string{"04A1B20007", "AA0007", "BB0007"}) {
			t.Errorf("u0007 is %+v", p)
		}
		key := func(login string) string { return m.login(t, login).Key }
		if g := m.group(t, "staff"); !sameSet(g.People, key("u0001"), key("u0002")) || len(g.Members) != 0 {
			t.Errorf("staff is %+v", g)
		}
		if g := m.group(t, "all"); !sameSet(g.People, key("u0003")) || !sameSet(g.Members, m.group(t, "staff").Key) {
			t.Errorf("all is %+v", g)
		}
		if g := m.group(t, "ring"); !sameSet(g.Members, g.Key, m.group(t, "all").Key) {
			t.Errorf("ring is %+v", g)
		}
		if g := m.group(t, "posix"); !sameSet(g.People, key("u0005"), key("u0006")) {
			t.Errorf("posix is %+v", g)
		}
		if len(a.Problems) != 1 || !strings.HasPrefix(a.Problems[0], "2 members of 2 groups") {
			t.Errorf("problems %q", a.Problems)
		}
	}
	if !slices.Contains(reports, 500) || !slices.IsSorted(reports[:len(reports)/2]) {
		t.Errorf("progress was %v", reports)
	}
}

func sameSet(got []string, want ...string) bool {
	slices.Sort(got)
	slices.Sort(want)
	return slices.Equal(got, want)
}

// What changes is heard, whatever a server offers for that: the sum of what was
// heard is what a new reading finds.
func TestSlapdHearsChanges(t *testing.T) {
	tests := map[string]struct {
		options peers.SlapdOptions
		kind    string
		whole   bool // who leaves is only found by reading everybody
	}{
		"session log":    {peers.SlapdOptions{SessionLog: 1000}, ChangesSync, false},
		"no session log": {peers.SlapdOptions{}, ChangesSync, true},
		"no syncprov":    {peers.SlapdOptions{NoSync: true}, ChangesTimestamps, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := startSlapd(t, 20, tt.options)
			admin := slapdAdmin(t, s)
			src := newSource(t, slapdConfig(s), "reading")
			var m mirror
			m.take(mustRead(t, src, nil))
			if c, ok := parseCursor(m.cursor); !ok || c.Kind != tt.kind {
				t.Fatalf("changes are heard by %q, want %q", c.Kind, tt.kind)
			}
			slapdStory(t, admin, src, &m, tt.whole)
		})
	}
}

func slapdStory(t *testing.T, admin hand, src *Source, m *mirror, whole bool) {
	away := "ou=away," + suffix
	steps := []struct {
		name  string
		do    func()
		full  bool // everybody may have to be read
		check func(a directory.Answer) bool
	}{
		{"nothing", func() {}, false, nil},
		{"a card", func() { admin.set(person(1), "pager", "C1", "C2") }, false, func(a directory.Answer) bool {
			return slices.Contains(logins(a.People), "u0001") && slices.Contains(m.login(t, "u0001").Cards, "C2")
		}},
		{"no card", func() { admin.set(person(1), "pager") }, false, nil},
		{"somebody new", func() {
			admin.add("uid=new,ou=people,"+suffix, "objectClass", "inetOrgPerson", "uid", "new", "cn", "N", "sn", "N")
		}, false, func(directory.Answer) bool { return m.login(t, "new").Enabled }},
		{"a group", func() { admin.group("staff", person(1), person(2)) }, false, func(directory.Answer) bool {
			return len(m.group(t, "staff").People) == 2
		}},
		{"another name", func() { admin.rename(person(2), "uid=renamed", "") }, false, func(directory.Answer) bool {
			return len(m.group(t, "staff").People) == 2 && m.login(t, "renamed").Key != ""
		}},
		{"a member more", func() {
			admin.set("cn=staff,ou=groups,"+suffix, "member", person(1), "uid=renamed,ou=people,"+suffix, person(5))
		}, false, nil},
		{"a group in a group", func() { admin.group("all", "cn=staff,ou=groups,"+suffix) }, false, nil},
		{"moved away", func() { admin.rename(person(4), "uid=u0004", away) }, whole, nil},
		{"and back", func() { admin.rename("uid=u0004,"+away, "uid=u0004", "ou=people,"+suffix) }, whole, nil},
		{"deleted", func() { admin.remove(person(6)) }, whole, nil},
		{"a group is gone", func() { admin.remove("cn=all,ou=groups," + suffix) }, whole, nil},
		{"not what the filter asks for", func() { admin.remove(person(7)); admin.add(person(7), "objectClass", "account", "uid", "u0007") }, whole, nil},
		{"nothing again", func() {}, false, nil},
	}
	for _, step := range steps {
		step.do()
		a := m.hear(t, src)
		if a.Full && !step.full {
			t.Errorf("%s: everybody was read", step.name)
		}
		if step.check != nil && !step.check(a) {
			t.Errorf("%s: %d people, %d groups, gone %q", step.name, len(a.People), len(a.Groups), a.Gone)
		}
	}
}

// A cursor is only good for what it was made for.
func TestSlapdAnotherConfigurationReadsEverybody(t *testing.T) {
	s := startSlapd(t, 5, peers.SlapdOptions{SessionLog: 100})
	src := newSource(t, slapdConfig(s), "reading")
	a := mustRead(t, src, nil)
	if again := mustRead(t, src, a.Cursor); again.Full || len(again.People) != 0 {
		t.Errorf("without a change: full %t, %d people", again.Full, len(again.People))
	}
	src.Config.Map.Cards = []string{"pager"}
	if again := mustRead(t, src, a.Cursor); !again.Full || len(again.People) != 5 {
		t.Errorf("with another map: full %t, %d people", again.Full, len(again.People))
	}
	if again := mustRead(t, src, []byte("{nonsense")); !again.Full {
		t.Error("with nonsense for a cursor not everybody was read")
	}
}

// A server that stops in the middle has not answered.
func TestF48SlapdLimitsAreNoAnswer(t *testing.T) {
	s := startSlapd(t, 900, peers.SlapdOptions{Global: "sizelimit size.soft=500 size.hard=500 size.prtotal=600"})
	a, err := newSource(t, slapdConfig(s), "reading").Read(t.Context(), nil, nil)
	if !fault.Is(err, fault.Invalid) || len(a.People) > 0 || !strings.Contains(fault.Text(err), "does not give this account all entries") {
		t.Errorf("%d people, %v", len(a.People), err)
	}
}

func TestSlapdDisabled(t *testing.T) {
	s := startSlapd(t, 3, peers.SlapdOptions{})
	admin := slapdAdmin(t, s)
	admin.set(person(1), "employeeType", "inactive")
	cfg := slapdConfig(s)
	cfg.Map.Disabled = "employeeType"
	var m mirror
	m.take(mustRead(t, newSource(t, cfg, "reading"), nil))
	if m.login(t, "u0001").Enabled || !m.login(t, "u0002").Enabled {
		t.Errorf("u0001 %t, u0002 %t", m.login(t, "u0001").Enabled, m.login(t, "u0002").Enabled)
	}
}

func TestSlapdProbe(t *testing.T) {
	s := startSlapd(t, 12, peers.SlapdOptions{SessionLog: 10})
	slapdAdmin(t, s).group("staff", person(1))
	cfg := slapdConfig(s)
	cfg.Map.PIN = []string{"carLicense"}
	r, err := newSource(t, cfg, "reading").Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Kind != OpenLDAP || r.Changes != ChangesSync || !r.Deleted || r.TLS != "TLS 1.3" || len(r.Chain) != 2 || !slices.Contains(r.Missing, "carLicense") {
		t.Errorf("report %+v", r)
	}
	if len(r.Bases) != 2 || r.Bases[0].People != 12 || r.Bases[1].Groups != 1 || r.Bases[0].First[0] != "User 0000 (u0000)" || slices.Contains(r.Missing, "uid") {
		t.Errorf("report %+v", r)
	}
}
