package ldap

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	goldap "github.com/go-ldap/ldap/v3"

	"platen/fault"
)

// Kind says which product a server is, as far as that matters.
type Kind string

// The kinds.
const (
	Auto            Kind = "auto" // as the server describes itself; the same as ""
	ActiveDirectory Kind = "ad"
	OpenLDAP        Kind = "openldap"
	Generic         Kind = "generic"
)

// Ways to hear of changes.
const (
	ChangesAuto       = "auto"       // the best that the server offers; the same as ""
	ChangesDirSync    = "dirsync"    // Active Directory, MS-ADTS 3.1.1.3.4.1.3
	ChangesUSN        = "usn"        // Active Directory, by uSNChanged
	ChangesSync       = "syncrepl"   // RFC 4533
	ChangesTimestamps = "timestamps" // modifyTimestamp
	ChangesNone       = "none"       // everybody is read each time
)

// Config says where people are and how they are described there. It is kept as
// JSON; the secret of BindAs is not in it.
type Config struct {
	// Servers are tried in order: ldaps://host[:636], or ldap://host[:389], which
	// is encrypted with StartTLS. The global catalogue is at 3269 and 3268.
	Servers []string `json:"servers"`
	// AllowPlain leaves ldap:// unencrypted: whoever listens reads the passwords.
	AllowPlain bool `json:"allow_plain,omitempty"`
	// CAPEM are the certificates of the authorities that are trusted; empty: those
	// that the system trusts.
	CAPEM string `json:"ca_pem,omitempty"`
	// ServerName is the name that the certificate must have; empty: the host.
	ServerName string `json:"server_name,omitempty"`
	// BindAs is a distinguished name; for Active Directory it may be a user
	// principal name or DOMAIN\user. Empty is anonymous.
	BindAs string `json:"bind_as,omitempty"`

	Kind        Kind     `json:"kind,omitempty"`
	Bases       []string `json:"bases,omitempty"` // empty: all that the server has
	UserFilter  string   `json:"user_filter,omitempty"`
	GroupFilter string   `json:"group_filter,omitempty"`
	NoGroups    bool     `json:"no_groups,omitempty"`
	Map         Map      `json:"map"`
	Changes     string   `json:"changes,omitempty"`

	// Limits; 0 is the default, in brackets.
	PageSize         int `json:"page_size,omitempty"`         // entries (500)
	DialSeconds      int `json:"dial_seconds,omitempty"`      // to be connected, with the name looked up and TLS (5)
	OperationSeconds int `json:"operation_seconds,omitempty"` // for one page (30)
	ReadSeconds      int `json:"read_seconds,omitempty"`      // for everybody (1800)
	MostEntries      int `json:"most_entries,omitempty"`      // (1,000,000)
}

// Map names the attributes. Of several for one field the first that has a value
// counts; Aliases and Cards take all values of all. Empty is the default of the
// kind, which knows no cards and no PIN.
type Map struct {
	Key        string   `json:"key,omitempty"` // objectGUID, entryUUID, or another that stays for life
	Login      []string `json:"login,omitempty"`
	UPN        []string `json:"upn,omitempty"`
	Email      []string `json:"email,omitempty"`
	FullName   []string `json:"full_name,omitempty"`
	Department []string `json:"department,omitempty"`
	Language   []string `json:"language,omitempty"`
	Aliases    []string `json:"aliases,omitempty"`
	Cards      []string `json:"cards,omitempty"`
	PIN        []string `json:"pin,omitempty"`
	Enabled    string   `json:"enabled,omitempty"`  // FALSE, no, 0, inactive… disables; without a value one is enabled
	Disabled   string   `json:"disabled,omitempty"` // TRUE, yes, 1, inactive… disables: nsAccountLock
	GroupName  []string `json:"group_name,omitempty"`
}

// names lists every attribute of the map.
func (m Map) names() []string {
	names := []string{m.Key, m.Enabled, m.Disabled}
	for _, list := range [][]string{m.Login, m.UPN, m.Email, m.FullName, m.Department, m.Language, m.Aliases, m.Cards, m.PIN, m.GroupName} {
		names = append(names, list...)
	}
	return slices.DeleteFunc(names, func(s string) bool { return s == "" })
}

// What a configuration may hold.
const (
	maxServers = 10
	maxBases   = 50
	maxNames   = 20   // attributes of one field
	maxText    = 4096 // octets of a filter or a name
)

// attributeName is an attribute description with options, RFC 4512, section 2.5.
var attributeName = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+)(;[A-Za-z0-9-]+)*$`)

func invalid(text string, args ...any) *fault.Error {
	return &fault.Error{Op: "ldap.Config", Kind: fault.Invalid, Text: text, Args: args}
}

// Check says what is wrong with a configuration, as far as that can be said
// without asking a server. Errors are Invalid.
func (c Config) Check() error {
	if len(c.Servers) == 0 {
		return invalid("Name at least one directory server.")
	}
	if len(c.Servers) > maxServers || len(c.Bases) > maxBases {
		return invalid("A directory has at most %d servers and %d places to search.", maxServers, maxBases)
	}
	for _, s := range c.Servers {
		if _, err := parseServer(s); err != nil {
			return err
		}
	}
	for _, check := range []func() error{c.checkTrust, c.checkNames, c.checkFilters, c.checkMap, c.checkLimits} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) checkTrust() error {
	if _, err := c.roots(); err != nil {
		return err
	}
	if strings.ContainsAny(c.ServerName, " /:") && net.ParseIP(c.ServerName) == nil {
		return invalid("“%s” is not the name of a server.", c.ServerName)
	}
	return nil
}

func (c Config) checkNames() error {
	names := c.Bases
	if strings.Contains(c.BindAs, "=") {
		names = append(slices.Clone(names), c.BindAs)
	}
	for _, dn := range names {
		if parsed, err := goldap.ParseDN(dn); err != nil || len(parsed.RDNs) == 0 || len(dn) > maxText {
			return invalid("The distinguished name “%s” cannot be read.", dn)
		}
	}
	if strings.ContainsFunc(c.BindAs, unicode.IsControl) || len(c.BindAs) > maxText {
		return invalid("The distinguished name “%s” cannot be read.", c.BindAs)
	}
	return nil
}

func (c Config) checkFilters() error {
	for _, f := range []string{c.UserFilter, c.GroupFilter} {
		if f == "" {
			continue
		}
		if _, err := goldap.CompileFilter(f); err != nil || len(f) > maxText {
			return invalid("The filter “%s” cannot be read.", f)
		}
	}
	kinds := []Kind{"", Auto, ActiveDirectory, OpenLDAP, Generic}
	ways := []string{"", ChangesAuto, ChangesDirSync, ChangesUSN, ChangesSync, ChangesTimestamps, ChangesNone}
	if !slices.Contains(kinds, c.Kind) {
		return invalid("This node does not know this kind of directory.")
	}
	if !slices.Contains(ways, c.Changes) {
		return invalid("Changes are heard of in one of these ways: %s.", strings.Join(ways[1:], ", "))
	}
	return nil
}

func (c Config) checkMap() error {
	if len(c.Map.names()) > 10*maxNames {
		return invalid("So many attributes cannot be read.")
	}
	for _, name := range c.Map.names() {
		if !attributeName.MatchString(name) || len(name) > 256 {
			return invalid("“%s” is not the name of an attribute.", name)
		}
	}
	return nil
}

func (c Config) checkLimits() error {
	for _, l := range []struct {
		name       string
		value, max int
	}{
		{"page_size", c.PageSize, 5000},
		{"dial_seconds", c.DialSeconds, 60},
		{"operation_seconds", c.OperationSeconds, 600},
		{"read_seconds", c.ReadSeconds, 24 * 3600},
		{"most_entries", c.MostEntries, 10_000_000},
	} {
		if l.value < 0 || l.value > l.max {
			return invalid("The value of %s is between %d and %d.", l.name, 1, l.max)
		}
	}
	return nil
}

// server is one of Config.Servers, taken apart.
type server struct {
	tls        bool
	host, port string
}

func (s server) addr() string { return net.JoinHostPort(s.host, s.port) }

func (s server) String() string {
	if s.tls {
		return "ldaps://" + s.addr()
	}
	return "ldap://" + s.addr()
}

func parseServer(text string) (server, error) {
	bad := invalid("A directory server is given as ldaps://host or ldap://host, not as “%s”.", text)
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "ldap" && u.Scheme != "ldaps" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return server{}, bad
	}
	s := server{tls: u.Scheme == "ldaps", host: strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), port: u.Port()}
	if s.port == "" {
		s.port = map[bool]string{true: "636", false: "389"}[s.tls]
	}
	if n, err := strconv.Atoi(s.port); err != nil || n < 1 || n > 65535 || strings.ContainsAny(s.host, " \t\r\n") {
		return server{}, bad
	}
	return s, nil
}

// roots returns the authorities that are trusted for these servers alone, nil when
// none is named.
func (c Config) roots() (*x509.CertPool, error) {
	if strings.TrimSpace(c.CAPEM) == "" {
		return nil, nil
	}
	pool, n := x509.NewCertPool(), 0
	for rest := []byte(c.CAPEM); ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if n == 0 || len(bytes.TrimSpace(rest)) > 0 {
				return nil, invalid("The certificates of the authorities cannot be read.")
			}
			return pool, nil
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			return nil, &fault.Error{Op: "ldap.Config", Kind: fault.Invalid, Text: "The certificates of the authorities cannot be read.", Err: err}
		}
		pool.AddCert(cert)
	}
}

// SameServer reports whether c sends what it sends to the servers of old and to
// nobody else: the same hosts, ports, encryption and trust. When it does not, the
// secret that is stored must be forgotten: whoever may change the address could
// else have it sent to himself.
func (c Config) SameServer(old Config) bool {
	return c.AllowPlain == old.AllowPlain && strings.EqualFold(c.ServerName, old.ServerName) &&
		strings.TrimSpace(c.CAPEM) == strings.TrimSpace(old.CAPEM) && slices.Equal(c.hosts(), old.hosts())
}

// hosts lists the servers in one form and order.
func (c Config) hosts() []string {
	list := []string{}
	for _, text := range c.Servers {
		s, err := parseServer(text)
		if err != nil {
			return append(list, "?"+text)
		}
		list = append(list, s.String())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// limits are those of a Config with the defaults filled in.
type limits struct {
	page, most            int
	dial, operation, read time.Duration
}

func (c Config) limits() limits {
	seconds := func(n, usual int) time.Duration { return time.Duration(cmp.Or(n, usual)) * time.Second }
	return limits{
		page: cmp.Or(c.PageSize, 500), most: cmp.Or(c.MostEntries, 1_000_000),
		dial: seconds(c.DialSeconds, 5), operation: seconds(c.OperationSeconds, 30), read: seconds(c.ReadSeconds, 1800),
	}
}

// defaults are what a kind of directory is asked for when nothing else is said.
var defaults = map[Kind]Config{
	ActiveDirectory: {
		UserFilter:  "(&(objectCategory=person)(objectClass=user))",
		GroupFilter: "(objectCategory=group)",
		Map: Map{
			Key: "objectGUID", Login: []string{"sAMAccountName"}, UPN: []string{"userPrincipalName"}, Email: []string{"mail"},
			FullName: []string{"displayName", "cn"}, Department: []string{"department"}, Language: []string{"preferredLanguage"},
			GroupName: []string{"sAMAccountName", "cn"},
		},
	},
	OpenLDAP: {
		UserFilter:  "(|(objectClass=inetOrgPerson)(objectClass=posixAccount))",
		GroupFilter: "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))",
		Map: Map{
			Key: "entryUUID", Login: []string{"uid"}, Email: []string{"mail"}, FullName: []string{"displayName", "cn"},
			Department: []string{"departmentNumber", "ou"}, Language: []string{"preferredLanguage"}, GroupName: []string{"cn"},
		},
	},
	Generic: {
		UserFilter:  "(objectClass=person)",
		GroupFilter: "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))",
		Map: Map{
			Key: "entryUUID", Login: []string{"uid", "cn"}, Email: []string{"mail"}, FullName: []string{"displayName", "cn"},
			Department: []string{"departmentNumber", "ou"}, Language: []string{"preferredLanguage"}, GroupName: []string{"cn"},
		},
	},
}

// resolved fills in what the server says of itself and what is usual for its
// kind.
func (c Config) resolved(root rootDSE) Config {
	if c.Kind == "" || c.Kind == Auto {
		c.Kind = root.kind()
	}
	d := defaults[c.Kind]
	c.UserFilter, c.GroupFilter = cmp.Or(c.UserFilter, d.UserFilter), cmp.Or(c.GroupFilter, d.GroupFilter)
	c.Changes = cmp.Or(c.Changes, ChangesAuto)
	if len(c.Bases) == 0 {
		c.Bases = root.bases()
	}
	m := &c.Map
	m.Key = cmp.Or(m.Key, d.Map.Key)
	for _, f := range []struct {
		list  *[]string
		usual []string
	}{
		{&m.Login, d.Map.Login}, {&m.UPN, d.Map.UPN}, {&m.Email, d.Map.Email}, {&m.FullName, d.Map.FullName},
		{&m.Department, d.Map.Department}, {&m.Language, d.Map.Language}, {&m.GroupName, d.Map.GroupName},
	} {
		if len(*f.list) == 0 {
			*f.list = f.usual
		}
	}
	return c
}

// digest changes when what is read changes, so that a cursor from before is no
// good. It is that of a resolved configuration.
func (c Config) digest() string {
	b, err := json.Marshal(struct {
		Hosts, Bases   []string
		Kind           Kind
		Users, Groups  string
		NoGroups       bool
		Map            Map
		Changes, BindA string
	}{c.hosts(), c.Bases, c.Kind, c.UserFilter, c.GroupFilter, c.NoGroups, c.Map, c.Changes, c.BindAs})
	if err != nil { // strings and lists of them: there is nothing to fail
		return errors.Join(errors.New("ldap"), err).Error()
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
