package notify

import (
	"encoding/json"
	"strings"
	"testing"

	"platen/fault"
)

func TestCheck(t *testing.T) {
	ca := newAuthority(t)
	tests := map[string]struct {
		change func(*Config)
		bad    bool
	}{
		"the least":                          {func(*Config) {}, false},
		"everything":                         {func(c *Config) { c.Port, c.TLS, c.User, c.CA, c.HELO = 465, TLS, "anna", ca.pem, "print.example.test" }, false},
		"an address":                         {func(c *Config) { c.Host, c.HELO = "2001:db8::25", "[IPv6:2001:db8::1]" }, false},
		"no host":                            {func(c *Config) { c.Host = "" }, true},
		"a host with a port":                 {func(c *Config) { c.Host = "mail.example.test:25" }, true},
		"a host with a command":              {func(c *Config) { c.Host = "mail\r\nQUIT" }, true},
		"a port that is none":                {func(c *Config) { c.Port = 65536 }, true},
		"an unknown mode":                    {func(c *Config) { c.TLS = "if possible" }, true},
		"none":                               {func(c *Config) { c.TLS = NoTLS }, true},
		"none, allowed":                      {func(c *Config) { c.TLS, c.AllowNoTLS = NoTLS, true }, false},
		"none, with a password":              {func(c *Config) { c.TLS, c.AllowNoTLS, c.User = NoTLS, true, "anna" }, true},
		"none, with a password, here":        {func(c *Config) { c.Host, c.TLS, c.AllowNoTLS, c.User = "127.0.0.1", NoTLS, true, "anna" }, false},
		"no sender":                          {func(c *Config) { c.From = "" }, true},
		"a sender with a header":             {func(c *Config) { c.From = "a@b\r\nBcc: e@b" }, true},
		"a name with a header":               {func(c *Config) { c.FromName = "Print\r\nBcc: e@b" }, true},
		"a user with a NUL":                  {func(c *Config) { c.User = "anna\x00root" }, true},
		"a HELO with a command":              {func(c *Config) { c.HELO = "x\r\nQUIT" }, true},
		"a CA that is none":                  {func(c *Config) { c.CA = "trust me" }, true},
		"a CA and more":                      {func(c *Config) { c.CA = ca.pem + "trust me" }, true},
		"a private key in place of a CA":     {func(c *Config) { c.CA = strings.ReplaceAll(ca.pem, "CERTIFICATE", "PRIVATE KEY") }, true},
		"something else in the form of a CA": {func(c *Config) { c.CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }, true},
		"a CA without end":                   {func(c *Config) { c.CA = strings.Repeat(ca.pem, 200) }, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := sender
			tt.change(&c)
			err := c.Check()
			if tt.bad && !fault.Is(err, fault.Invalid) || !tt.bad && err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestA47SameServer(t *testing.T) {
	tests := map[string]struct {
		change func(*Config)
		same   bool
	}{
		"nothing":            {func(*Config) {}, true},
		"the default said":   {func(c *Config) { c.Port, c.TLS = 587, StartTLS }, true},
		"capitals":           {func(c *Config) { c.Host = "MAIL.example.test" }, true},
		"the sender":         {func(c *Config) { c.From, c.FromName, c.HELO = "x@example.test", "X", "x" }, true},
		"another host":       {func(c *Config) { c.Host = "canary.example.test" }, false},
		"another port":       {func(c *Config) { c.Port = 2525 }, false},
		"another mode":       {func(c *Config) { c.TLS = TLS }, false},
		"mode, the old port": {func(c *Config) { c.TLS, c.Port = NoTLS, 587 }, false},
		"another trust":      {func(c *Config) { c.CA = "x" }, false},
		"another user":       {func(c *Config) { c.User = "eve" }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			old := sender
			old.User = "anna"
			c := old
			tt.change(&c)
			if c.SameServer(old) != tt.same || old.SameServer(c) != tt.same {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestConfigTravels(t *testing.T) {
	c := Config{"mail.example.test", 25, NoTLS, true, "u", "a@b", "A", "ca", "helo"}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var again Config
	if err := json.Unmarshal(b, &again); err != nil || again != c {
		t.Errorf("%s, %v", b, err)
	}
}
