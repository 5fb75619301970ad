package lpd_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"platen/fault"
	"platen/internal/testkit"
	"platen/job"
	"platen/lpd"
)

// TestDialogues plays every script of testdata/lpd against the server. The
// scripts are named after the rules, faults and abuse cases they show.
func TestDialogues(t *testing.T) {
	for _, d := range testkit.LoadDialogues(t, "../testdata/lpd/[^c]*.dialogue") {
		t.Run(d.Name, func(t *testing.T) {
			m := &memory{}
			r := start(t, m, func(s *lpd.Server) { given(t, d.Given, m, s) })
			d.Play(t, testkit.Client, r.dial(t))
			r.gone()
			r.stop()
			var got []string
			for _, j := range m.all() {
				got = append(got, j.String())
			}
			got = append(got, m.removed...)
			if got == nil {
				got = []string{"nothing"}
			}
			if !slices.Equal(got, d.Then) {
				t.Errorf("got\n  %s\nwant\n  %s\nlog\n%s", strings.Join(got, "\n  "), strings.Join(d.Then, "\n  "), r.log)
			}
		})
	}
}

// given sets up what a script's given lines say.
func given(t *testing.T, lines []string, m *memory, s *lpd.Server) {
	t.Helper()
	for _, line := range lines {
		what, value, _ := strings.Cut(line, " ")
		n := 0
		_, _ = fmt.Sscan(value, &n)
		switch what {
		case "queue":
			m.queues = append(m.queues, value)
		case "encoding":
			m.encoding = value
		case "full":
			m.full = true
		case "denied":
			m.denied = true
		case "document-limit":
			m.limit = int64(n)
		case "submit-fails":
			m.fails, m.failing = true, fault.ParseKind(value)
		case "remove-allowed":
			m.allow = true
		case "max-control-files":
			s.MaxControlFiles = n
		case "max-data-files":
			s.MaxDataFiles = n
		case "job":
			words := strings.Fields(value)
			l := job.Line{Claimed: words[1], Octets: 1000, State: job.Held}
			_, _ = fmt.Sscan(words[0], &l.ID)
			if len(words) > 2 {
				l.State, _ = job.ParseState(words[2])
			}
			m.lines = append(m.lines, l)
		default:
			t.Fatalf("unknown given %q", line)
		}
	}
}
