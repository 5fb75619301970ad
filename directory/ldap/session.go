package ldap

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// rootDSE is what a server says of itself, RFC 4512, section 5.1.
type rootDSE struct {
	classes, capabilities, controls []string
	contexts                        []string // naming contexts
	usual                           string   // defaultNamingContext
	vendor                          string
	usn                             uint64 // highestCommittedUSN
	service                         string // dsServiceName
}

// Object identifiers of what servers offer.
const (
	capActiveDirectory = "1.2.840.113556.1.4.800" // LDAP_CAP_ACTIVE_DIRECTORY_OID
	capLightweight     = "1.2.840.113556.1.4.1851"
)

func (l *link) root(ctx context.Context) (rootDSE, error) {
	attrs := []string{"objectClass", "structuralObjectClass", "supportedCapabilities", "supportedControl", "namingContexts", "defaultNamingContext",
		"vendorName", "vendorVersion", "highestCommittedUSN", "dsServiceName"}
	res, err := l.search(ctx, goldap.NewSearchRequest("", goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", attrs, nil))
	if err != nil {
		return rootDSE{}, answerFault("ldap.root", l.server, "", err)
	}
	var r rootDSE
	if len(res.Entries) == 0 { // not everybody may read it
		return r, nil
	}
	get := func(name string) []string { return values(res.Entries[0], name) }
	first := func(name string) string { return value(res.Entries[0], name) }
	r.classes = slices.Concat(get("objectClass"), get("structuralObjectClass"))
	r.capabilities, r.controls, r.contexts = get("supportedCapabilities"), get("supportedControl"), get("namingContexts")
	r.usual, r.service = first("defaultNamingContext"), first("dsServiceName")
	r.vendor = strings.TrimSpace(first("vendorName") + " " + first("vendorVersion"))
	r.usn, _ = strconv.ParseUint(first("highestCommittedUSN"), 10, 64) // 0: it has none
	return r, nil
}

func (r rootDSE) kind() Kind {
	switch {
	case slices.Contains(r.capabilities, capActiveDirectory) || slices.Contains(r.capabilities, capLightweight):
		return ActiveDirectory
	case slices.Contains(r.classes, "OpenLDAProotDSE"):
		return OpenLDAP
	}
	return Generic
}

func (r rootDSE) offers(control string) bool { return slices.Contains(r.controls, control) }

// bases are where one searches when nobody has said where.
func (r rootDSE) bases() []string {
	if r.usual != "" {
		return []string{r.usual}
	}
	if len(r.contexts) == 0 {
		return []string{""}
	}
	return r.contexts
}

// context returns the naming context that an entry is in.
func (r rootDSE) context(dn string) string {
	best, longest := r.usual, -1
	for _, c := range r.contexts {
		if n := normalDN(c); below(normalDN(dn), n) && len(n) > longest {
			best, longest = c, len(n)
		}
	}
	return best
}

// session is a link with somebody signed in.
type session struct {
	*link
	cfg  Config // resolved
	root rootDSE
}

// query is a search whose answer may be long.
type query struct {
	base, filter string
	scope        int // ScopeBaseObject … ; 0 is the base alone
	attrs        []string
	controls     []goldap.Control
}

func (q query) request(seconds int, controls ...goldap.Control) *goldap.SearchRequest {
	return goldap.NewSearchRequest(q.base, q.scope, goldap.NeverDerefAliases, 0, seconds, false, q.filter, q.attrs, append(slices.Clone(q.controls), controls...))
}

// maxEmpty is how many pages in a row may bring nothing. Active Directory sends
// some when few of many entries match.
const maxEmpty = 1000

// pages asks page by page. An answer that does not end, or is larger than the
// configuration allows, ends with errTooMuch.
func (s *session) pages(ctx context.Context, q query, each func([]*goldap.Entry) error) error {
	lim := s.cfg.limits()
	paged := s.root.offers(goldap.ControlTypePaging)
	total, empty := 0, 0
	var cookie []byte
	seen := newSeen()
	for {
		var controls []goldap.Control
		s.messages = maxUnpaged
		if paged {
			c := goldap.NewControlPaging(uint32(lim.page))
			c.SetCookie(cookie)
			controls, s.messages = append(controls, c), 10*lim.page+1000
		}
		res, err := s.search(ctx, q.request(int(lim.operation.Seconds()), controls...))
		if err != nil {
			return answerFault("ldap.search", s.server, q.base, err)
		}
		fresh := seen.add(res.Entries)
		if total += len(res.Entries); total > lim.most {
			return answerFault("ldap.search", s.server, q.base, fmt.Errorf("%w: more than %d entries", errTooMuch, lim.most))
		}
		if err := each(res.Entries); err != nil {
			return err
		}
		if cookie = pageCookie(res); len(cookie) == 0 {
			return nil
		}
		if fresh > 0 {
			empty = 0
		} else if empty++; empty > maxEmpty || len(res.Entries) > 0 {
			return answerFault("ldap.search", s.server, q.base, fmt.Errorf("%w: the same page again and again", errTooMuch))
		}
	}
}

func pageCookie(res *goldap.SearchResult) []byte {
	if c, ok := goldap.FindControl(res.Controls, goldap.ControlTypePaging).(*goldap.ControlPaging); ok {
		return c.Cookie
	}
	return nil
}

// seen knows the names that an answer has had, by eight octets each.
type seen struct {
	seed  maphash.Seed
	names map[uint64]struct{}
}

func newSeen() seen { return seen{maphash.MakeSeed(), map[uint64]struct{}{}} }

// add returns how many of the entries are new.
func (s seen) add(entries []*goldap.Entry) int {
	before := len(s.names)
	for _, e := range entries {
		s.names[maphash.String(s.seed, e.DN)] = struct{}{}
	}
	return len(s.names) - before
}
