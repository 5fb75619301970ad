package site

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"platen/fault"
)

func froms(list []OwnerStep) (names []string) {
	for _, s := range list {
		name := s.From
		if s.Pattern != "" {
			name += " " + s.Pattern
		}
		names = append(names, name)
	}
	return names
}

// The steps in effect: proof is always first, the old pattern before what is
// claimed.
func TestAllSteps(t *testing.T) {
	def := froms(DefaultOwnerSteps)
	tests := map[string]struct {
		q    Queue
		want []string
	}{
		"nothing said":      {Queue{}, def},
		"the old pattern":   {Queue{OwnerPattern: "^(x)"}, slices.Insert(slices.Clone(def), 2, "claimed ^(x)")},
		"proof is not said": {Queue{Owner: OwnerRules{Steps: []OwnerStep{{From: "banner"}}}}, []string{"proof", "banner"}},
		"both": {Queue{OwnerPattern: "^(x)", Owner: OwnerRules{Steps: []OwnerStep{{From: "proof"}, {From: "pjl-comment", Pattern: "(y)"}}}},
			[]string{"proof", "claimed ^(x)", "pjl-comment (y)"}},
	}
	for name, tt := range tests {
		if got := froms(tt.q.AllSteps()); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if got := froms(DefaultOwnerSteps); !slices.Equal(got, def) {
		t.Errorf("the default steps were changed: %q", got)
	}
}

func TestOwnerRulesCheck(t *testing.T) {
	for name, r := range map[string]OwnerRules{
		"zero": {}, "presets": {Steps: []OwnerStep{OwnerPresets["sap"]}},
		"all": {Steps: slices.Concat(DefaultOwnerSteps, []OwnerStep{{From: "pjl-set:JOBOWNER", Pattern: "(.*)", With: "$1@x"}, {From: "control-line:O"}, {From: "pattern", Pattern: "(x)"}}),
			Hosts: []OwnerHost{{"10.0.0.1", "a"}, {"fd00::/8", "b"}, {"pc-7.example.org", "c"}}, Replace: []OwnerReplace{{"^x", ""}}, Strip: StripListed, Domains: []string{"corp"},
			Match: []string{"upn", "login"}, Unclaimed: UnclaimedAsk, Similar: true, Remember: true},
	} {
		if err := r.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := make([]OwnerStep, MaxOwnerSteps+1)
	for i := range many {
		many[i].From = "banner"
	}
	for name, r := range map[string]OwnerRules{
		"too many": {Steps: many}, "no name behind the colon": {Steps: []OwnerStep{{From: "pjl-set:A B"}}}, "a text without a pattern": {Steps: []OwnerStep{{From: "banner", With: "x"}}},
		"an address that is none": {Hosts: []OwnerHost{{"10.0.0", "a"}}}, "a prefix that is none": {Hosts: []OwnerHost{{"10.0.0.0/99", "a"}}},
	} {
		if err := r.Check(); !fault.Is(err, fault.Invalid) || strings.Contains(fault.Text(err), "%") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if h := (&OwnerHost{Client: "10.1.2.3/8"}); func() string { p, _ := h.Prefix(); return fmt.Sprint(p) }() != "10.0.0.0/8" {
		t.Error("a prefix has bits beyond its length")
	}
}
