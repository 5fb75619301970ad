package ldap

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"

	"platen/directory"
)

// What is taken of one entry.
const (
	maxValue  = 1024 // octets
	maxValues = 100  // of one field
	maxKey    = 256  // octets
)

// Attributes of Active Directory and OpenLDAP that mean something by themselves.
const (
	attrGUID    = "objectGUID"
	attrSID     = "objectSid"
	attrControl = "userAccountControl"
	attrExpires = "accountExpires"
	attrPrimary = "primaryGroupID"
	attrLocked  = "pwdAccountLockedTime"
	attrMember  = "member"
	attrChanged = "modifyTimestamp"
)

// lockedForGood is the value of pwdAccountLockedTime that an administrator gives.
// Any other is the time of too many wrong passwords, which anybody can cause.
const lockedForGood = "000001010000Z"

// mapper turns entries into people and groups.
type mapper struct {
	cfg      Config // resolved
	now      time.Time
	problems []string
}

// problem notes what was passed over.
func (m *mapper) problem(format string, args ...any) {
	if len(m.problems) < directory.MaxProblems {
		m.problems = append(m.problems, fmt.Sprintf(format, args...))
	}
}

// userAttrs lists what is asked of people; more is for finding their groups.
func (m *mapper) userAttrs(more ...string) []string {
	names := append(m.cfg.Map.names(), attrChanged, m.madeAttr())
	switch m.cfg.Kind {
	case ActiveDirectory:
		names = append(names, attrControl, attrExpires, attrPrimary, attrSID)
	case OpenLDAP:
		names = append(names, attrLocked)
	}
	return distinct(append(names, more...))
}

func (m *mapper) groupAttrs(more ...string) []string {
	names := append([]string{m.cfg.Map.Key, attrChanged, m.madeAttr(), attrMember, "uniqueMember", "memberUid"}, m.cfg.Map.GroupName...)
	if m.cfg.Kind == ActiveDirectory {
		names = append(names, attrSID)
	}
	return distinct(append(names, more...))
}

// madeAttr names the attribute that says when an entry was made.
func (m *mapper) madeAttr() string {
	if m.cfg.Kind == ActiveDirectory {
		return "whenCreated"
	}
	return "createTimestamp"
}

// made returns that time, as a stamp.
func (m *mapper) made(e *goldap.Entry) string {
	return stamp(value(e, m.madeAttr()))
}

// distinct drops names that are there twice; case does not matter.
func distinct(names []string) []string {
	var out []string
	for _, n := range names {
		if !slices.ContainsFunc(out, func(o string) bool { return strings.EqualFold(o, n) }) {
			out = append(out, n)
		}
	}
	return out
}

// person reads an entry. It is false for one that cannot be used.
func (m *mapper) person(e *goldap.Entry, base string) (directory.Record, bool) {
	r := directory.Record{Key: m.key(e), DN: shorten(e.DN), Base: base, Enabled: m.enabled(e)}
	r.Login = m.first(e, m.cfg.Map.Login)
	switch {
	case r.Key == "":
		m.problem("The entry %s has no %s and was passed over.", shown(e.DN), m.cfg.Map.Key)
		return r, false
	case r.Login == "":
		m.problem("The entry %s has no %s and was passed over.", shown(e.DN), strings.Join(m.cfg.Map.Login, ", "))
		return r, false
	}
	r.UPN, r.Email = m.first(e, m.cfg.Map.UPN), m.first(e, m.cfg.Map.Email)
	r.FullName, r.Department = m.first(e, m.cfg.Map.FullName), m.first(e, m.cfg.Map.Department)
	r.Language, r.PIN = m.first(e, m.cfg.Map.Language), m.first(e, m.cfg.Map.PIN)
	r.Aliases, r.Cards = m.all(e, m.cfg.Map.Aliases), m.all(e, m.cfg.Map.Cards)
	texts := []*string{&r.Key, &r.DN, &r.Login, &r.UPN, &r.Email, &r.FullName, &r.Department, &r.Language, &r.PIN}
	for _, list := range [][]string{r.Aliases, r.Cards} {
		for i := range list {
			texts = append(texts, &list[i])
		}
	}
	own(texts)
	return r, true
}

// own copies texts out of the messages that they are parts of, which are larger,
// into one text.
func own(texts []*string) {
	n := 0
	for _, t := range texts {
		n += len(*t)
	}
	var b strings.Builder
	b.Grow(n)
	for _, t := range texts {
		b.WriteString(*t)
	}
	all := b.String()
	for _, t := range texts {
		n := len(*t)
		*t, all = all[:n], all[n:]
	}
}

// key returns the text of what stays for life: a GUID of Active Directory in its
// usual form, text as it is, anything else in hexadecimal.
func (m *mapper) key(e *goldap.Entry) string {
	raw := value(e, m.cfg.Map.Key)
	switch {
	case strings.EqualFold(m.cfg.Map.Key, attrGUID):
		return guidText([]byte(raw))
	case len(raw) == 0 || len(raw) > maxKey:
		return ""
	case printable(raw):
		return strings.ToLower(raw)
	}
	return hexKey + hex.EncodeToString([]byte(raw))
}

const hexKey = "0x"

// keyValue is the reverse: what a filter compares with, escaped.
func keyValue(attr, key string) string {
	if strings.EqualFold(attr, attrGUID) {
		return escapeOctets(guidOctets(key))
	}
	if b, err := hex.DecodeString(strings.TrimPrefix(key, hexKey)); err == nil && strings.HasPrefix(key, hexKey) {
		return escapeOctets(b)
	}
	return goldap.EscapeFilter(key)
}

func escapeOctets(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, `\%02x`, c)
	}
	return s.String()
}

// guidText writes a GUID, whose first three parts are little-endian (MS-DTYP,
// section 2.3.4.2).
func guidText(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:]), b[8:10], b[10:])
}

// guidOctets is the reverse; what is no GUID becomes one that nobody has.
func guidOctets(text string) []byte {
	u, err := uuid.Parse(text)
	if err != nil {
		return make([]byte, 16)
	}
	slices.Reverse(u[0:4])
	slices.Reverse(u[4:6])
	slices.Reverse(u[6:8])
	return u[:]
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// first returns the first value of the first attribute that has one.
func (m *mapper) first(e *goldap.Entry, names []string) string {
	for _, name := range names {
		for _, v := range values(e, name) {
			if v, ok := m.usable(e, name, v); ok {
				return v
			}
		}
	}
	return ""
}

// all returns every value of all attributes once.
func (m *mapper) all(e *goldap.Entry, names []string) []string {
	var out []string
	for _, name := range names {
		for _, v := range values(e, name) {
			v, ok := m.usable(e, name, v)
			if !ok || slices.Contains(out, v) {
				continue
			}
			if len(out) == maxValues {
				m.problem("The entry %s has more than %d values of %s; the others were passed over.", shown(e.DN), maxValues, name)
				return out
			}
			out = append(out, v)
		}
	}
	return out
}

// usable trims a value and refuses what cannot be somebody's name or number.
func (m *mapper) usable(e *goldap.Entry, name, v string) (string, bool) {
	v = strings.TrimSpace(v)
	if v == "" {
		return "", false
	}
	if len(v) > maxValue || !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl) {
		m.problem("A value of %s of the entry %s cannot be used and was passed over.", name, shown(e.DN))
		return "", false
	}
	return v, true
}

// shorten bounds a name that a server has made.
func shorten(dn string) string {
	dn = strings.ToValidUTF8(dn, "�")
	if len(dn) <= maxText {
		return dn
	}
	return strings.ToValidUTF8(dn[:maxText], "")
}

// shown is a name for a sentence.
func shown(dn string) string {
	dn = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, shorten(dn))
	if r := []rune(dn); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return dn
}

// enabled says whether somebody may still come in.
func (m *mapper) enabled(e *goldap.Entry) bool {
	if a := m.cfg.Map.Enabled; a != "" && means(value(e, a), "false", "no", "0", "off", "inactive", "disabled", "locked") {
		return false
	}
	if a := m.cfg.Map.Disabled; a != "" && means(value(e, a), "true", "yes", "1", "on", "inactive", "disabled", "locked") {
		return false
	}
	switch m.cfg.Kind {
	case ActiveDirectory:
		return !accountOff(value(e, attrControl)) && !expired(value(e, attrExpires), m.now)
	case OpenLDAP:
		return value(e, attrLocked) != lockedForGood
	}
	return true
}

func means(value string, words ...string) bool {
	return slices.Contains(words, strings.ToLower(strings.TrimSpace(value)))
}

// accountOff looks for ACCOUNTDISABLE in userAccountControl (MS-ADTS 2.2.16).
func accountOff(control string) bool {
	n, err := strconv.ParseInt(control, 10, 64)
	return err == nil && n&2 != 0
}

// expired reads accountExpires: steps of 100 ns since 1601, 0 and the largest are
// never (MS-ADTS 3.1.1.8.1 and the schema).
func expired(ticks string, now time.Time) bool {
	n, err := strconv.ParseInt(ticks, 10, 64)
	if err != nil || n <= 0 || n == 1<<63-1 {
		return false
	}
	const since1601 = 11644473600 // seconds to 1970
	return now.Unix() >= n/10_000_000-since1601
}

// rawGroup is a group whose members are not found yet.
type rawGroup struct {
	rec  directory.GroupRecord
	dns  []string // of members
	uids []string // logins of members, RFC 2307
	sid  string   // objectSid: those whose primary group it is are members too
	next int      // the rest of the members from this one on has to be asked for; 0 none
}

// group reads an entry. It is false for one that cannot be used.
func (m *mapper) group(e *goldap.Entry, base string) (rawGroup, bool) {
	g := rawGroup{rec: directory.GroupRecord{Key: m.key(e), Name: m.first(e, m.cfg.Map.GroupName), DN: shorten(e.DN), Base: base}}
	if g.rec.Key == "" {
		m.problem("The entry %s has no %s and was passed over.", shown(e.DN), m.cfg.Map.Key)
		return g, false
	}
	if g.rec.Name == "" {
		m.problem("The entry %s has no %s and was passed over.", shown(e.DN), strings.Join(m.cfg.Map.GroupName, ", "))
		return g, false
	}
	own([]*string{&g.rec.Key, &g.rec.Name, &g.rec.DN})
	g.members(e)
	g.dns = append(g.dns, values(e, "uniqueMember")...)
	g.uids = values(e, "memberUid")
	g.sid = value(e, attrSID)
	return g, true
}

// primarySID returns the objectSid of somebody's primary group, "" when he has
// none: his own with the last part exchanged (MS-DTYP, section 2.4.2.2).
func primarySID(e *goldap.Entry) string {
	sid := []byte(value(e, attrSID))
	rid, err := strconv.ParseUint(value(e, attrPrimary), 10, 32)
	if err != nil || len(sid) < 12 {
		return ""
	}
	binary.LittleEndian.PutUint32(sid[len(sid)-4:], uint32(rid))
	return string(sid)
}

// primaryRID returns what those have as primaryGroupID whose primary group has
// this objectSid, "" when it is none.
func primaryRID(sid string) string {
	if len(sid) < 12 {
		return ""
	}
	return strconv.FormatUint(uint64(binary.LittleEndian.Uint32([]byte(sid[len(sid)-4:]))), 10)
}

// members takes the members that an entry lists, all or a range of them
// (MS-ADTS 3.1.1.3.1.3.3): member;range=0-1499 says that there are more.
func (g *rawGroup) members(e *goldap.Entry) {
	g.next = 0
	for _, a := range e.Attributes {
		name, option, _ := strings.Cut(strings.ToLower(a.Name), ";")
		if name != attrMember {
			continue
		}
		g.dns = append(g.dns, a.Values...)
		if span, ok := strings.CutPrefix(option, "range="); ok {
			if _, last, _ := strings.Cut(span, "-"); last != "*" {
				n, err := strconv.Atoi(last)
				if err == nil && n >= 0 && n < 1<<30 {
					g.next = n + 1
				}
			}
		}
	}
}
