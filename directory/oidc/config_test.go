package oidc

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"platen/fault"
)

func pemOf(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

func TestCheck(t *testing.T) {
	good := Config{Issuer: "https://login.example.com/realms/office", ClientID: "platen"}
	tests := map[string]struct {
		change func(*Config)
		want   string // of the sentence; "" good
	}{
		"good":                {func(*Config) {}, ""},
		"loopback":            {func(c *Config) { c.Issuer = "http://127.0.0.1:9998/" }, ""},
		"localhost":           {func(c *Config) { c.Issuer = "http://localhost:9998" }, ""},
		"loopback 6":          {func(c *Config) { c.Issuer = "http://[::1]:9998" }, ""},
		"in the clear":        {func(c *Config) { c.Issuer = "http://login.example.com" }, "https"},
		"looks like loopback": {func(c *Config) { c.Issuer = "http://127.0.0.1.evil.example" }, "https"},
		"another scheme":      {func(c *Config) { c.Issuer = "file://localhost/etc" }, "https"},
		"no address":          {func(c *Config) { c.Issuer = "login" }, "web address"},
		"query":               {func(c *Config) { c.Issuer += "?p=x" }, "web address"},
		"password":            {func(c *Config) { c.Issuer = "https://a:b@login.example.com" }, "web address"},
		"no client":           {func(c *Config) { c.ClientID = " " }, "client ID"},
		"login claim":         {func(c *Config) { c.LoginClaim = "upn" }, ""},
		"strange login claim": {func(c *Config) { c.LoginClaim = "name" }, "claim"},
		"scopes":              {func(c *Config) { c.Scopes = []string{"openid", "groups"} }, ""},
		"two scopes in one":   {func(c *Config) { c.Scopes = []string{"openid groups"} }, "scope"},
		"role":                {func(c *Config) { c.GroupsClaim, c.Roles = "groups", []GroupRole{{"it", "admin"}} }, ""},
		"role without claim":  {func(c *Config) { c.Roles = []GroupRole{{"it", "admin"}} }, "claim"},
		"role without group":  {func(c *Config) { c.GroupsClaim, c.Roles = "groups", []GroupRole{{"", "admin"}} }, "group"},
		"no CA":               {func(c *Config) { c.CA = "hello" }, "CA"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := good
			tt.change(&c)
			err := c.Check()
			if (err == nil) != (tt.want == "") || err != nil && (!fault.Is(err, fault.Invalid) || !strings.Contains(fault.Text(err), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// A secret never goes to a place for which it was not typed.
func TestA47AnotherServerNeedsTheSecretAgain(t *testing.T) {
	old := Config{Issuer: "https://login.example.com", ClientID: "platen"}
	tests := map[string]struct {
		change func(*Config)
		same   bool
	}{
		"nothing": {func(*Config) {}, true},
		"scopes":  {func(c *Config) { c.Scopes = []string{"openid"} }, true},
		"issuer":  {func(c *Config) { c.Issuer = "https://evil.example" }, false},
		"client":  {func(c *Config) { c.ClientID = "other" }, false},
		"CA":      {func(c *Config) { c.CA = "x" }, false},
	}
	for name, tt := range tests {
		c := old
		tt.change(&c)
		if c.SameServer(old) != tt.same {
			t.Errorf("%s: same = %v", name, !tt.same)
		}
	}
}

// What is kept and shown has no secret in it.
func TestA52TheConfigurationHoldsNoSecret(t *testing.T) {
	srv := httptest.NewTLSServer(nil)
	defer srv.Close()
	c := Config{Issuer: "https://login.example.com", ClientID: "platen", CA: pemOf(srv.Certificate()), Roles: []GroupRole{{"it", "admin"}}, RefuseUnknown: true}
	b, err := json.Marshal(c)
	if err != nil || strings.Contains(strings.ToLower(string(b)), "secret") {
		t.Errorf("%s, %v", b, err)
	}
	var again Config
	if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(c, again) {
		t.Errorf("%+v, %v", again, err)
	}
}
