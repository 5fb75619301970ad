package oidc

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"

	"platen/fault"
)

func TestPerson(t *testing.T) {
	grouped := Config{Issuer: "https://i", GroupsClaim: "groups", Roles: []GroupRole{{"g-it", "admin"}, {"g-help", "helpdesk"}, {"g-boss", "admin"}}}
	tests := map[string]struct {
		conf   Config
		claims string
		want   Person
		denied string // of the sentence
	}{
		"usual": {
			Config{}, `{"preferred_username":" anna ","email":"Anna@example.com","email_verified":true,"name":"Anna Müller"}`,
			Person{Login: "anna", Email: "Anna@example.com", EmailVerified: true, Name: "Anna Müller"}, "",
		},
		"verified as a word": {Config{LoginClaim: "email"}, `{"email":"a@x","email_verified":"true"}`, Person{Login: "a@x", Email: "a@x", EmailVerified: true}, ""},
		"own names of claims": {
			Config{LoginClaim: "upn", NameClaim: "cn", EmailClaim: "mail"}, `{"upn":"anna@corp.example","cn":"Anna","mail":"a@x","email_verified":true}`,
			Person{Login: "anna@corp.example", Email: "a@x", Name: "Anna"}, "",
		},
		"subject":              {Config{LoginClaim: "sub"}, `{}`, Person{Login: "id-1"}, ""},
		"no login":             {Config{}, `{"email":"a@x"}`, Person{}, "preferred_username"},
		"login is a number":    {Config{}, `{"preferred_username":7}`, Person{}, "preferred_username"},
		"login is two lines":   {Config{}, `{"preferred_username":"anna\nben"}`, Person{}, "preferred_username"},
		"login is a novel":     {Config{}, `{"preferred_username":"` + strings.Repeat("a", 256) + `"}`, Person{}, "preferred_username"},
		"unverified address":   {Config{LoginClaim: "email"}, `{"email":"boss@x","email_verified":false}`, Person{}, "e-mail"},
		"address of any kind":  {Config{LoginClaim: "email"}, `{"email":"boss@x"}`, Person{}, "e-mail"},
		"verified is a list":   {Config{LoginClaim: "email"}, `{"email":"boss@x","email_verified":[true]}`, Person{}, "e-mail"},
		"address is trusted":   {Config{LoginClaim: "email", TrustEmail: true}, `{"email":"a@x"}`, Person{Login: "a@x", Email: "a@x"}, ""},
		"groups":               {grouped, `{"preferred_username":"anna","groups":["g-boss","g-it","g-x",5,""]}`, Person{Login: "anna", Groups: []string{"g-boss", "g-it", "g-x"}, Roles: []string{"admin"}}, ""},
		"one group":            {grouped, `{"preferred_username":"anna","groups":"g-help"}`, Person{Login: "anna", Groups: []string{"g-help"}, Roles: []string{"helpdesk"}}, ""},
		"no groups":            {grouped, `{"preferred_username":"anna"}`, Person{Login: "anna"}, ""},
		"groups are elsewhere": {grouped, `{"preferred_username":"anna","_claim_names":{"groups":"src1"}}`, Person{}, "more groups"},
		"hasgroups":            {grouped, `{"preferred_username":"anna","hasgroups":true}`, Person{}, "more groups"},
		"nobody asks":          {Config{}, `{"preferred_username":"anna","_claim_names":{"groups":"src1"}}`, Person{Login: "anna"}, ""},
		"too many groups":      {grouped, `{"preferred_username":"anna","groups":["g"` + strings.Repeat(`,"g"`, maxGroups) + `]}`, Person{}, "verified"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var c claims
			if err := json.Unmarshal([]byte(tt.claims), &c); err != nil {
				t.Fatal(err)
			}
			p := &Provider{Config: tt.conf}
			who, err := p.person(&oidc.IDToken{Subject: "id-1"}, c)
			if tt.denied != "" {
				if !fault.Is(err, fault.Denied) || !strings.Contains(fault.Text(err), tt.denied) {
					t.Errorf("%+v, %v", who, err)
				}
				return
			}
			tt.want.Subject, tt.want.Issuer = "id-1", tt.conf.Issuer
			if err != nil || !reflect.DeepEqual(who, tt.want) {
				t.Errorf("got  %+v, %v\nwant %+v", who, err, tt.want)
			}
		})
	}
}

// What the token leaves out comes from the userinfo endpoint; what it says
// stands.
func TestUserinfoFillsIn(t *testing.T) {
	tests := map[string]struct {
		token, info map[string]any
		want        Person
		asked       int
	}{
		"all in the token": {
			map[string]any{"name": "Anna", "email": "a@x", "email_verified": true}, map[string]any{"sub": "id-1", "name": "Ben"},
			Person{Login: "anna", Name: "Anna", Email: "a@x", EmailVerified: true}, 0,
		},
		"nothing in the token": {
			map[string]any{"preferred_username": nil}, map[string]any{"sub": "id-1", "preferred_username": "anna", "name": "Anna", "email": "a@x", "email_verified": true},
			Person{Login: "anna", Name: "Anna", Email: "a@x", EmailVerified: true}, 1,
		},
		"the token stands": {
			map[string]any{"email": "a@x"}, map[string]any{"sub": "id-1", "preferred_username": "ben", "name": "Anna", "email": "b@x", "email_verified": true},
			Person{Login: "anna", Name: "Anna", Email: "a@x"}, 1,
		},
		"another's address": {
			map[string]any{"email_verified": true}, map[string]any{"sub": "id-1", "name": "Anna", "email": "b@x"},
			Person{Login: "anna", Name: "Anna", Email: "b@x"}, 1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			op := newFake(t)
			op.claims, op.info = tt.token, tt.info
			p := op.provider()
			st, q := op.begin(t, p)
			who, err := p.Finish(t.Context(), redirect, st, q)
			tt.want.Subject, tt.want.Issuer = "id-1", op.URL
			if err != nil || !reflect.DeepEqual(who, tt.want) {
				t.Errorf("got  %+v, %v\nwant %+v", who, err, tt.want)
			}
			if op.fetched["/userinfo"] != tt.asked {
				t.Errorf("asked %d times", op.fetched["/userinfo"])
			}
		})
	}
}

// Whatever a provider says of a person, what comes out is safe to show, to store
// and to decide with.
func FuzzPerson(f *testing.F) {
	for _, s := range []string{
		`{"preferred_username":"anna","email":"a@x","email_verified":true,"name":"Anna","groups":["g-it"]}`,
		`{"email":"a@x","email_verified":"true","groups":"g-it"}`,
		`{"_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"https://graph.example"}}}`,
		`{"preferred_username":null,"groups":[[],{},null,"\u0000"]}`, `[]`, `null`, `{"email":"` + "\xff" + `"}`,
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, byMail bool) {
		conf := Config{Issuer: "https://i", GroupsClaim: "groups", Roles: []GroupRole{{"g-it", "admin"}}}
		if byMail {
			conf.LoginClaim = "email"
		}
		var c claims
		if json.Unmarshal(b, &c) != nil {
			return
		}
		p := &Provider{Config: conf}
		who, err := p.person(&oidc.IDToken{Subject: "id-1"}, c)
		if err != nil {
			if !fault.Is(err, fault.Denied) {
				t.Errorf("%v", err)
			}
			return
		}
		if who.Login == "" || byMail && (who.Login != who.Email || !who.EmailVerified) {
			t.Errorf("signed in: %+v", who)
		}
		for _, s := range append([]string{who.Login, who.Email, who.Name}, who.Groups...) {
			if len(s) > maxText || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("%q", s)
			}
		}
		if slices.Contains(who.Roles, "admin") != slices.Contains(who.Groups, "g-it") || len(who.Roles) > 1 {
			t.Errorf("groups %q gave roles %q", who.Groups, who.Roles)
		}
	})
}
