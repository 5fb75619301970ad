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

// The dialogues are named after what they show: a rule of the receiver, an
// abuse case, a fault.

func TestRules(t *testing.T)               { playAll(t, "r") }
func TestA01A02A03Names(t *testing.T)      { playAll(t, "a02") }
func TestA04Sizes(t *testing.T)            { playAll(t, "a04") }
func TestA05Floods(t *testing.T)           { playAll(t, "a05") }
func TestA06Aborts(t *testing.T)           { playAll(t, "a06") }
func TestA09Passwords(t *testing.T)        { playAll(t, "a09") }
func TestA10OtherPeoplesJobs(t *testing.T) { playAll(t, "r17"); playAll(t, "r18") }
func TestA22Browsers(t *testing.T)         { playAll(t, "a22") }
func TestA28A60ControlOctets(t *testing.T) { playAll(t, "a28"); playAll(t, "a60") }
func TestF40Variants(t *testing.T)         { playAll(t, "f40") }
func TestF41SentAgain(t *testing.T)        { playAll(t, "f41") }
func TestEveryDialogueIsPlayed(t *testing.T) { // by one of the above, or as the client's
	played := []string{"r", "a02", "a04", "a05", "a06", "a09", "a22", "a28", "a60", "f40", "f41", "client"}
	for _, d := range testkit.LoadDialogues(t, "../testdata/lpd/*.dialogue") {
		if !slices.ContainsFunc(played, func(p string) bool { return strings.HasPrefix(d.Name, p) }) {
			t.Errorf("%s is played by no test", d.Name)
		}
	}
}

// playAll plays the scripts of testdata/lpd with this prefix against the
// server.
func playAll(t *testing.T, prefix string) {
	for _, d := range testkit.LoadDialogues(t, "../testdata/lpd/"+prefix+"*.dialogue") {
		t.Run(d.Name, func(t *testing.T) { playOne(t, d) })
	}
}

func playOne(t *testing.T, d *testkit.Dialogue) {
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
		case "full-after":
			m.room = n
		case "status-fails":
			m.busy = true
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
