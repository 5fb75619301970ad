package main

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"platen/config"
	"platen/directory"
)

// What never was is null and what nobody is in is empty; all else is as
// encoding/json has it.
func TestJSONOfWhatNeverWas(t *testing.T) {
	at := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	type inner struct {
		Name  string        `json:"name"`
		Every time.Duration `json:"every"`
		Last  time.Time     `json:"last"`
		List  []string      `json:"list"`
	}
	pages := 0
	tests := map[string]struct {
		v    any
		want string
	}{
		"never and nobody": {inner{Name: "a"}, `{"name":"a","every":0,"last":null,"list":[]}`},
		"once":             {inner{Last: at, List: []string{"<x> & y"}}, `{"name":"","every":0,"last":"2026-11-28T09:00:00Z","list":["<x> & y"]}`},
		"embedded, one shadowed": {struct {
			inner
			Every config.Duration `json:"every"`
			More  *inner          `json:"more"`
		}{inner: inner{Name: "b"}, Every: config.Duration{Duration: time.Hour}}, `{"name":"b","every":"1h","last":null,"list":[],"more":null}`},
		"left out": {struct {
			A string `json:"a,omitempty"`
			B *int   `json:"b,omitempty"`
			C []int  `json:"c,omitempty"`
			D int    `json:"-"`
			E *int   `json:"e"`
			F string
		}{E: &pages}, `{"e":0,"F":""}`},
		"left out though a deeper one is there": {struct {
			inner
			Every *int `json:"every,omitempty"`
		}{inner: inner{Every: 1}}, `{"name":"","last":null,"list":[]}`},
		"a list of none":     {[]inner(nil), `[]`},
		"words, octets, raw": {map[string]any{"p": netip.MustParsePrefix("10.0.0.0/8"), "b": []byte("abc"), "r": json.RawMessage(`{"z":1,"a":[]}`), "n": nil}, `{"b":"YWJj","n":null,"p":"10.0.0.0/8","r":{"z":1,"a":[]}}`},
		"a person":           {directory.Card{ID: "1"}, `{"id":"1","user":"","login":"","last":"","label":"","created":null,"blocked":false,"source":""}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var b, short strings.Builder
			if err := writeJSON(&b, tt.v); err != nil {
				t.Fatal(err)
			}
			enc := json.NewEncoder(&short)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(json.RawMessage(b.String())); err != nil || strings.TrimSpace(short.String()) != tt.want {
				t.Errorf("%v\ngot  %swant %s", err, short.String(), tt.want)
			}
		})
	}
}

// No list of a fresh node tells of the year 1 or of a list that is null.
func TestJSONOfEveryList(t *testing.T) {
	dir := newNode(t)
	must(t, dir, "", "source", "add", "cloud", "--kind", "push")
	must(t, dir, "", "delegation", "add", "--of", "anna", "--to", "ben")
	must(t, dir, "", "token", "add", "--label", "ERP")
	must(t, dir, "", "guest", "add", "Eve", "--sponsor", "anna", "--for", "2h")
	for _, cmd := range commands() {
		if cmd.least > 0 || cmd.admin == nil || !strings.HasSuffix(cmd.name, " list") && !strings.HasSuffix(cmd.name, " show") {
			continue
		}
		a := platen("", append(strings.Fields(cmd.name), "--json", "--dir", dir)...)
		if strings.Contains(a.out, "0001-01-01") {
			t.Errorf("%s knows the year 1:\n%s", cmd.name, a.out)
		}
		if a.code == exitDone && !json.Valid([]byte(a.out)) {
			t.Errorf("%s: no JSON:\n%s", cmd.name, a.out)
		}
	}
	wants(t, dir, exitDone, `"until": null`, "user", "list", "--json")
	wants(t, dir, exitDone, `"consented": null`, "delegation", "list", "--json")
	must(t, dir, "", "user", "add", "carla")
	wants(t, dir, exitDone, `"card_list": []`, "user", "show", "carla", "--json")
	wants(t, dir, exitDone, `"aliases": []`, "user", "show", "carla", "--json")
}
