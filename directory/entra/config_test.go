package entra

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"platen/fault"
)

func TestCheck(t *testing.T) {
	_, certPEM, keyPEM := newCertificate(t, time.Now().AddDate(1, 0, 0))
	tests := map[string]struct {
		change func(c *Config)
		text   string
	}{
		"as it is":      {func(*Config) {}, ""},
		"a domain":      {func(c *Config) { c.Tenant = "contoso.onmicrosoft.com" }, ""},
		"a certificate": {func(c *Config) { c.Certificate = certPEM }, ""},
		"everything":    {func(c *Config) { mapped(c); c.Login, c.Groups, c.Guests = LoginSAM, []string{testClient}, true }, ""},
		"another cloud": {func(c *Config) {
			c.Authority, c.Graph = "https://login.microsoftonline.us/", "https://graph.microsoft.us/"
		}, ""},
		"loopback":              {func(c *Config) { c.Loopback, c.Graph = true, "http://127.0.0.1:8080" }, ""},
		"no tenant":             {func(c *Config) { c.Tenant = "" }, "The tenant is its id"},
		"a path":                {func(c *Config) { c.Tenant = "common/../x" }, "The tenant is its id"},
		"no client":             {func(c *Config) { c.Client = "" }, "The client id"},
		"http":                  {func(c *Config) { c.Graph = "http://graph.microsoft.com" }, "http://graph.microsoft.com cannot be used"},
		"http with the flag":    {func(c *Config) { c.Loopback, c.Graph = true, "http://graph.microsoft.com" }, "cannot be used"},
		"loopback, no flag":     {func(c *Config) { c.Authority = "http://127.0.0.1:8080" }, "cannot be used"},
		"with a path":           {func(c *Config) { c.Graph = "https://graph.microsoft.com/beta" }, "cannot be used"},
		"with a password":       {func(c *Config) { c.Graph = "https://a:b@graph.microsoft.com" }, "cannot be used"},
		"no host":               {func(c *Config) { c.Authority = "https://" }, "cannot be used"},
		"the key":               {func(c *Config) { c.Certificate = keyPEM }, "The certificate cannot be used"},
		"half of one":           {func(c *Config) { c.Certificate = certPEM[:200] }, "The certificate cannot be used"},
		"login from elsewhere":  {func(c *Config) { c.Login = "department" }, "not from department"},
		"cards from elsewhere":  {func(c *Config) { c.Cards = []string{"skills"} }, "There is no attribute skills"},
		"extension 16":          {func(c *Config) { c.Cards = []string{"onPremisesExtensionAttributes.extensionAttribute16"} }, "There is no attribute"},
		"half an extension":     {func(c *Config) { c.PIN = "extension_pin" }, "There is no attribute extension_pin"},
		"an attribute and more": {func(c *Config) { c.PIN = "mail&$expand=manager" }, "There is no attribute"},
		"too many attributes":   {func(c *Config) { c.Cards = make([]string, 21) }, "At most 20 attributes"},
		"a group's name":        {func(c *Config) { c.Groups = []string{"All Staff"} }, "not by All Staff"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := Config{Tenant: testTenant, Client: testClient}
			tt.change(&c)
			err := c.Check()
			if (err == nil) != (tt.text == "") || err != nil && (!fault.Is(err, fault.Invalid) || !strings.Contains(fault.Text(err), tt.text)) {
				t.Errorf("err = %v, want %q", err, tt.text)
			}
		})
	}
}

// TestA47SameServer: what is changed here clears the stored secret.
func TestA47SameServer(t *testing.T) {
	tests := map[string]struct {
		change func(c *Config)
		same   bool
	}{
		"nothing":            {func(*Config) {}, true},
		"attributes":         {func(c *Config) { mapped(c); c.Guests, c.Groups = true, []string{"g1"} }, true},
		"the default by URL": {func(c *Config) { c.Authority, c.Graph = PublicAuthority+"/", PublicGraph }, true},
		"tenant":             {func(c *Config) { c.Tenant = "fabrikam.example" }, false},
		"client":             {func(c *Config) { c.Client = "1" }, false},
		"sign-in":            {func(c *Config) { c.Authority = "https://login.example" }, false},
		"Graph":              {func(c *Config) { c.Graph = "https://graph.example" }, false},
		"port":               {func(c *Config) { c.Graph = PublicGraph + ":444" }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			old := Config{Tenant: testTenant, Client: testClient}
			c := old
			tt.change(&c)
			if got := c.SameServer(&old); got != tt.same {
				t.Errorf("same server: %v", got)
			}
		})
	}
}

func TestConfigAsJSON(t *testing.T) {
	c := Config{Tenant: testTenant, Client: testClient, Login: LoginSAM, Cards: []string{"employeeId"}}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"tenant":"` + testTenant + `","client":"` + testClient + `","login":"onPremisesSamAccountName","cards":["employeeId"],"guests":false}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}

func TestSelected(t *testing.T) {
	c := Config{}
	mapped(&c)
	const want = "id,accountEnabled,department,displayName,employeeId,extension_0123456789abcdef0123456789abcdef_pin,mail,mailNickname,onPremisesExtensionAttributes,onPremisesSamAccountName,preferredLanguage,userPrincipalName,userType"
	if got := c.attributes().selected(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestValues: numbers and lists are card numbers as well; what cannot be one is
// nothing.
func TestValues(t *testing.T) {
	tests := map[string]string{
		`"4711"`: "4711", `4711`: "4711", `12345678901234567890`: "12345678901234567890", `true`: "true", `null`: "", `""`: "", `" x "`: "x",
		`["1",2,null,"3"]`: "1|2|3", `{"a":1}`: "", `[["1"]]`: "", `"a\u0000b\n"`: "ab", `"` + strings.Repeat("x", 1025) + `"`: "", ``: "",
	}
	for raw, want := range tests {
		if got := strings.Join(values(json.RawMessage(raw)), "|"); got != want {
			t.Errorf("%.30s: %q, want %q", raw, got, want)
		}
	}
}

// FuzzPage: whatever a page says, it is refused, or has objects with ids that
// can stand in an address and tells how it goes on.
func FuzzPage(f *testing.F) {
	for _, s := range []string{
		`{"value":[],"@odata.deltaLink":"https://graph.microsoft.com/v1.0/users/delta?$deltatoken=x"}`,
		`{"value":[{"id":"u1","@removed":{"reason":"changed"}}],"@odata.nextLink":"https://graph.microsoft.com/v1.0/users/delta?$skiptoken=x"}`,
		`{"value":[{"id":"g1","displayName":"All","members@delta":[{"@odata.type":"#microsoft.graph.user","id":"u1"},{"id":"u2","@removed":{}}]}],"@odata.deltaLink":"x"}`,
		`{"value":[{"id":"u1","onPremisesExtensionAttributes":{"extensionAttribute1":"1"},"employeeId":["a",1],"accountEnabled":true}]}`,
		`{"responses":[{"id":"0","status":200,"headers":{"Retry-After":"1"},"body":{"id":"u1"}}]}`,
		`{"error":{"code":"syncStateNotFound","innerError":{"code":"x"}}}`,
	} {
		f.Add([]byte(s), "2.5")
	}
	c := Config{}
	mapped(&c)
	names := c.attributes()
	t := (&Source{}).talk(nil)
	t.Config = Config{}
	f.Fuzz(func(tt *testing.T, b []byte, retryAfter string) {
		if d, ok := parseRetryAfter(retryAfter, time.Now()); ok && d < 0 {
			tt.Errorf("wait %v", d)
		}
		resync(400, b)
		if err := refusal(400, b); err == nil {
			tt.Error("a refusal that is none")
		}
		if r, err := parseBatch(b, 1); err == nil && (len(r) != 1 || r[0].Status < 100) {
			tt.Errorf("a batch of %d", len(r))
		}
		p, err := parsePage(b, true)
		if err != nil {
			return
		}
		if (p.Next == "") == (p.Delta == "") {
			tt.Errorf("links %q and %q", p.Next, p.Delta)
		}
		if t.follow(p.Next+p.Delta) == nil && !strings.HasPrefix(strings.ToLower(p.Next+p.Delta), "https://graph.microsoft.com") {
			tt.Errorf("follows %q", p.Next+p.Delta)
		}
		for _, i := range p.Items {
			checkItem(tt, t, &c, names, i)
		}
	})
}

func checkItem(tt *testing.T, t *talk, c *Config, names attributes, i item) {
	if !objectID.MatchString(i.ID) {
		tt.Errorf("id %q", i.ID)
	}
	r, problem := c.record(names, i.ID, names.merge(nil, i.Fields))
	if problem == "" && (r.Login == "" || len(r.Login) > maxValue || strings.ContainsAny(r.Login, "\x00\r\n")) {
		tt.Errorf("login %q", r.Login)
	}
	g := group{members: map[string]string{}}
	if err := t.merge(&g, i); err == nil {
		g.record(i.ID)
	}
}
