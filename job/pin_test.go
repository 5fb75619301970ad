package job

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestHeldReasons(t *testing.T) {
	pin := &PIN{Encryption: "none", Verifier: "$argon2id$canary"}
	tests := map[string]struct {
		j    Job
		want []Reason
	}{
		"owned":              {Job{Owner: "u"}, []Reason{HeldForRelease}},
		"unclaimed":          {Job{}, []Reason{HeldForAuthorization}},
		"owned, a PIN":       {Job{Owner: "u", Ticket: Ticket{PIN: pin}}, []Reason{HeldForRelease, PasswordWait}},
		"unclaimed, a PIN":   {Job{Ticket: Ticket{PIN: pin}}, []Reason{HeldForAuthorization, PasswordWait}},
		"whatever it gave":   {Job{Owner: "u", Reasons: []Reason{Queued}, Ticket: Ticket{PIN: pin}}, []Reason{HeldForRelease, PasswordWait}},
		"job-hold-until too": {Job{Owner: "u", Reasons: []Reason{HoldUntil}}, []Reason{HeldForRelease}},
	}
	for name, tt := range tests {
		if got := tt.j.HeldReasons(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// What prints a job by accident prints no PIN.
func TestPINsAreNotPrinted(t *testing.T) {
	j := Job{Ticket: Ticket{PIN: &PIN{Encryption: "none", Verifier: "canary"}}}
	for _, verb := range []string{"%v", "%+v", "%s"} {
		if s := fmt.Sprintf(verb, j) + fmt.Sprintf(verb, &j.Ticket) + fmt.Sprintf(verb, PINs{17: "canary"}); strings.Contains(s, "canary") {
			t.Errorf("%s: %s", verb, s)
		}
	}
}
