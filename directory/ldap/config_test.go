package ldap

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/internal/testkit/peers"
)

func TestConfigCheck(t *testing.T) {
	tests := map[string]struct {
		change func(c *Config)
		text   string // of the refusal; "" none
	}{
		"the least":                 {func(c *Config) {}, ""},
		"several, with ports":       {func(c *Config) { c.Servers = []string{"LDAPS://DC1.example.org:3269/", "ldap://[::1]:3268"} }, ""},
		"no server":                 {func(c *Config) { c.Servers = nil }, "at least one"},
		"a host alone":              {func(c *Config) { c.Servers = []string{"dc1.example.org"} }, "given as ldaps://"},
		"another protocol":          {func(c *Config) { c.Servers = []string{"https://dc1"} }, "given as ldaps://"},
		"a password in it":          {func(c *Config) { c.Servers = []string{"ldaps://a:b@dc1"} }, "given as ldaps://"},
		"a base in it":              {func(c *Config) { c.Servers = []string{"ldaps://dc1/dc=x"} }, "given as ldaps://"},
		"no such port":              {func(c *Config) { c.Servers = []string{"ldaps://dc1:99999"} }, "given as ldaps://"},
		"UPN":                       {func(c *Config) { c.BindAs = "print@example.org" }, ""},
		"down-level name":           {func(c *Config) { c.BindAs = `CORP\print` }, ""},
		"a broken name":             {func(c *Config) { c.BindAs = "cn=print,,dc=x" }, "cannot be read"},
		"a broken base":             {func(c *Config) { c.Bases = []string{"example.org"} }, "cannot be read"},
		"the root as a base":        {func(c *Config) { c.Bases = []string{""} }, "cannot be read"},
		"a filter":                  {func(c *Config) { c.UserFilter = "(&(uid=*)(!(x=1)))" }, ""},
		"a broken filter":           {func(c *Config) { c.GroupFilter = "(&(uid=*)" }, "filter"},
		"a filter with a tail":      {func(c *Config) { c.UserFilter = "(uid=a)(uid=b)" }, "filter"},
		"an attribute":              {func(c *Config) { c.Map.Cards = []string{"card;lang-de", "1.2.3"} }, ""},
		"no attribute":              {func(c *Config) { c.Map.Login = []string{"uid)(x=*"} }, "not the name of an attribute"},
		"no attribute for the key":  {func(c *Config) { c.Map.Key = "x=*)(y" }, "not the name of an attribute"},
		"no certificates":           {func(c *Config) { c.CAPEM = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----" }, "certificates"},
		"something behind them":     {func(c *Config) { c.CAPEM = testCA(t) + "and more" }, "certificates"},
		"certificates":              {func(c *Config) { c.CAPEM = testCA(t) + testCA(t) }, ""},
		"a key instead":             {func(c *Config) { c.CAPEM = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" }, "certificates"},
		"a kind that nobody knows":  {func(c *Config) { c.Kind = "novell" }, "kind of directory"},
		"pages that are too long":   {func(c *Config) { c.PageSize = 100_000 }, "page_size"},
		"a name that is an address": {func(c *Config) { c.ServerName = "ldaps://dc1" }, "not the name of a server"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := Config{Servers: []string{"ldaps://dc1.example.org"}}
			tt.change(&c)
			err := c.Check()
			if tt.text == "" && err != nil || tt.text != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(fault.Text(err), tt.text)) {
				t.Errorf("err = %v, want %q", err, tt.text)
			}
		})
	}
}

func testCA(t *testing.T) string {
	t.Helper()
	c, err := peers.NewCertificate(time.Now(), "x")
	if err != nil {
		t.Fatal(err)
	}
	return string(c.CA)
}

// Whoever changes where a secret goes does not get it.
func TestA47SameServer(t *testing.T) {
	ca := testCA(t)
	old := Config{Servers: []string{"ldaps://dc1.example.org", "ldap://dc2.example.org:389"}, CAPEM: ca, BindAs: "cn=print", ServerName: "dc.example.org"}
	tests := map[string]struct {
		change func(c *Config)
		same   bool
	}{
		"nothing":                 {func(c *Config) {}, true},
		"written otherwise":       {func(c *Config) { c.Servers = []string{"ldap://DC2.example.org/", "ldaps://dc1.example.org:636"} }, true},
		"who reads, and what":     {func(c *Config) { c.BindAs, c.Bases, c.UserFilter = "cn=other", []string{"dc=x"}, "(uid=*)" }, true},
		"another host":            {func(c *Config) { c.Servers = []string{"ldaps://evil.example.org", c.Servers[1]} }, false},
		"a host more":             {func(c *Config) { c.Servers = append(c.Servers[:2:2], "ldaps://evil.example.org") }, false},
		"another port":            {func(c *Config) { c.Servers = []string{"ldaps://dc1.example.org:637", c.Servers[1]} }, false},
		"StartTLS instead":        {func(c *Config) { c.Servers = []string{"ldap://dc1.example.org:636", c.Servers[1]} }, false},
		"in plain":                {func(c *Config) { c.AllowPlain = true }, false},
		"another authority":       {func(c *Config) { c.CAPEM = testCA(t) }, false},
		"every authority":         {func(c *Config) { c.CAPEM = "" }, false},
		"another name is good":    {func(c *Config) { c.ServerName = "evil.example.org" }, false},
		"an address that is none": {func(c *Config) { c.Servers = []string{"nonsense"} }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := old
			tt.change(&c)
			if got := c.SameServer(old); got != tt.same {
				t.Errorf("same = %t", got)
			}
		})
	}
}

func TestConfigTravelsAsJSON(t *testing.T) {
	c := Config{Servers: []string{"ldaps://dc1"}, Kind: OpenLDAP, Bases: []string{"dc=x"}, Map: Map{Cards: []string{"pager"}}, PageSize: 100}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var again Config
	if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(c, again) {
		t.Errorf("%s became %+v, %v", b, again, err)
	}
}

func TestNormalDN(t *testing.T) {
	same := [][2]string{
		{"CN=Anna Muster,OU=Staff,DC=x", "cn=anna  muster , ou=staff,dc=X"},
		{`cn=Muster\, Anna,dc=x`, `CN=muster\2c anna,DC=x`},
		{"uid=a+cn=b,dc=x", "CN=B+UID=A,dc=x"},
		{"cn=Äpfel,dc=x", "CN=äPFEL,dc=x"},
	}
	for _, p := range same {
		if a, b := normalDN(p[0]), normalDN(p[1]); a != b {
			t.Errorf("%q and %q are %q and %q", p[0], p[1], a, b)
		}
	}
	other := [][2]string{{"cn=a,dc=x", "cn=a,dc=y"}, {`cn=a\,dc\=x`, "cn=a,dc=x"}, {"cn=a", "cn=a,dc=x"}, {"nonsense", "cn=nonsense"}}
	for _, p := range other {
		if normalDN(p[0]) == normalDN(p[1]) {
			t.Errorf("%q is taken for %q", p[0], p[1])
		}
	}
	for dn, want := range map[string]bool{"cn=a,dc=x": true, "dc=x": true, `cn=a\,dc\=x`: false, "cn=a,dc=xx": false, "cn=a,sdc=x": false} {
		if got := below(normalDN(dn), normalDN("DC=X")); got != want {
			t.Errorf("%q is below dc=x: %t", dn, got)
		}
	}
}

// The short ways to a normal form lead to the same place as the long ones.
func FuzzName(f *testing.F) {
	f.Add("CN=Anna  Müller , OU=Straße,DC=x", "Anna.K")
	f.Add("cn=a=b,ou=\uff0cx", " \u212a ")
	f.Add(`cn=a\2cb+sn=#04,dc=x`, "\x7f")
	f.Add("UID=Anna, OU = X", " Anna B ")
	f.Fuzz(func(t *testing.T, dn, login string) {
		if n, ok := plainDN(dn); ok && n != anyDN(dn) {
			t.Errorf("%q is %q, not %q", dn, n, anyDN(dn))
		}
		if got, want := fold(login), directory.Fold(login); got != want {
			t.Errorf("%q is %q, not %q", login, got, want)
		}
	})
}
