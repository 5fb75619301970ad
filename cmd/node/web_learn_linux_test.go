package main

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"platen/directory/cardrule"
	"platen/internal/testkit/peers"
	"platen/site"
	"platen/ui"
)

// The page, the API and the command say the same of a rule.
func TestCertaintiesAreOne(t *testing.T) {
	for ours, theirs := range map[string]cardrule.Certainty{
		ui.SureNone: cardrule.NoRule, ui.SureOpen: cardrule.Undecided, ui.SureLikely: cardrule.Likely, ui.SureSure: cardrule.Sure,
	} {
		if ours != string(theirs) {
			t.Errorf("%s is %s", ours, theirs)
		}
	}
}

// Who waits is told of one card, at that place, in time, and of no PIN.
func TestCardsAreToldToWhoWaits(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	l := &learner{now: func() time.Time { return now }, waits: map[waitKey]*cardWait{}}
	lobby, hall := site.Terminal{ID: "lobby"}, site.Terminal{ID: "hall"}
	door, typed := waitKey{reader: "door", actor: "sam"}, waitKey{terminal: "lobby", actor: "sam"}
	tests := map[string]struct {
		key    waitKey
		at     site.Terminal
		reader string
		raw    string
		after  time.Duration
		want   string
	}{
		"at the reader":           {door, lobby, "door", "04A1", 0, "04A1"},
		"at another":              {door, lobby, "gate", "04A1", 0, ""},
		"typed, not at a reader":  {door, lobby, "", "04A1", 0, ""},
		"typed":                   {typed, lobby, "", "04A1", time.Minute, "04A1"},
		"typed at another":        {typed, hall, "", "04A1", 0, ""},
		"a PIN at a wrong place":  {typed, lobby, "", "246810", 0, ""},
		"digits of a card":        {typed, lobby, "", "3283263748", 0, "3283263748"},
		"where PINs sign in":      {typed, site.Terminal{ID: "lobby", PINOnly: true}, "", "3283263748", 0, ""},
		"at a reader, few digits": {door, lobby, "door", "4711", 0, "4711"},
		"too late":                {door, lobby, "door", "04A1", waitFor, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, again := l.begin(tt.key)
			if again {
				t.Fatal("the one before is still there")
			}
			now = now.Add(tt.after)
			l.shown(tt.at, tt.reader, tt.raw)
			if tt.want != "" {
				l.shown(tt.at, tt.reader, "second")
			}
			if got := l.take(tt.key, w); got != tt.want {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
}

// Somebody at a browser waits for a card at a reader with a network plug, finds the
// rule, and sets it: then that reader signs people in.
func TestLearnAtThePageOfTheNode(t *testing.T) {
	t.Log(peers.Version("socat"))
	h := startDemo(t, "")
	p := h.panel("demo")
	h.must("reader", "add", "door", "--kind", "line", "--terminal", "demo", "--address", "127.0.0.1:0")
	at := h.awaitReader("door", waitingForReader).State.Listening
	h.must("right", "add", "administer", "--user", "ben")
	b := h.browser().signIn("ben", "ben").get("/cards/learn")
	b.wants(200, "/cards/learn", "door, beside demo", "demo, which types")

	shown := make(chan error, 1)
	go func() {
		for !strings.Contains(platen("", "audit", "list", "--dir", h.dir).out, "card.await") { // until the page waits
			if t.Context().Err() != nil {
				return
			}
		}
		cmd := exec.CommandContext(t.Context(), "socat", "-u", "-", "TCP:"+at)
		cmd.Stdin = strings.NewReader("D4C3B2A104\r") // anna's, the other way round
		shown <- cmd.Run()
	}()
	b.post("/cards/learn", "at", "reader:door", "raw", "", "wanted", "", "do", "wait").wants(200, "/cards/learn", "A card was shown.", `value="D4C3B2A104"`)
	if err := <-shown; err != nil {
		t.Fatal(err)
	}
	b.post("/cards/learn", "at", "reader:door", "lines", "D4C3B2A104 04A1B2C3D4\nAABBCCDDEE EEDDCCBBAA\n112233445566 665544332211\n").
		wants(200, "/cards/learn", "for all 3 cards", `name="rule" value="reverse_bytes"`)
	b.post("/cards/learn", "at", "reader:door", "login", "anna", "raw", "D4C3B2A104", "wanted", "").wants(200, "/cards/learn", "04A1B2C3D4", "Use this rule for door")
	b.post("/cards/learn/use", "at", "reader:door", "rule", "reverse_bytes").wants(200, "/cards/learn", "The rule of door is set", "<code>reverse_bytes</code>")
	hears(t, "127.0.0.1", at, "1807F6E504") // ben's; hers again at once would be the same reading
	p.becomes("Ben Example")
	trail := h.must("audit", "list")
	for _, line := range []string{"card.await", "card.learn", "reader.set", "card rule reverse_bytes", "user ben"} {
		if !strings.Contains(trail, line) {
			t.Errorf("%s is not in the trail:\n%s", line, trail)
		}
	}
	if strings.Contains(trail, "D4C3B2A104") || strings.Contains(trail, "04A1B2C3D4") {
		t.Error("the number of a card is in the trail")
	}
	h.end()
}

// A command waits for a card at a reader, and takes a number that is typed when told so.
func TestLearnAtTheReader(t *testing.T) {
	t.Log(peers.Version("socat"))
	h := startDemo(t, "")
	h.must("reader", "add", "door", "--kind", "line", "--terminal", "demo", "--address", "127.0.0.1:0")
	at := h.awaitReader("door", waitingForReader).State.Listening
	var errs buffer
	ended := make(chan answer, 1)
	learn := func(ctx context.Context) {
		var out buffer
		code := run(ctx, []string{"card", "learn", "--login", "anna", "--reader", "door", "--apply", "1", "--dir", h.dir}, strings.NewReader(""), &out, &errs)
		ended <- answer{code, out.String(), errs.String()}
	}
	waits := func(n int) {
		await(t, "the command waits", func() bool { return strings.Count(h.must("audit", "list"), "card.await") == n })
		if !strings.Contains(errs.String(), "Hold the card to door, within 60 seconds.") {
			t.Errorf("it says %q", errs.String())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go learn(ctx)
	waits(1)
	cancel() // Ctrl-C
	if a := <-ended; a.code != exitFailed {
		t.Errorf("%+v", a)
	}
	h.awaitLog("control: a command failed") // the node knows that nobody waits any longer
	go learn(t.Context())
	await(t, "the command waits", func() bool { return strings.Count(errs.String(), "Hold the card") == 2 })
	waits(1)                                // the first wait goes on for who asks again
	hears(t, "127.0.0.1", at, "D4C3B2A104") // anna's, the other way round
	if a := <-ended; a.code != exitDone || !strings.Contains(a.out, "reverse_bytes") {
		t.Errorf("%+v", a)
	}
	if a := platen("D4C3B2A104\n", "card", "learn", "--login", "anna", "--reader", "door", "--typed", "--dir", h.dir); a.code != exitDone || !strings.Contains(a.out, "reverse_bytes") {
		t.Errorf("typed: %+v", a)
	}
	if a := platen("D4C3B2A104\n", "card", "learn", "--login", "anna", "--dir", h.dir); a.code != exitDone || !strings.Contains(a.out, "reverse_bytes") {
		t.Errorf("nowhere: %+v", a)
	}
	h.must("reader", "set", "door", "--enabled", "no")
	wants(t, h.dir, exitConflict, "The reader door is not enabled. Type the number: --typed", "card", "learn", "--login", "anna", "--reader", "door")
	h.must("terminal", "set", "demo", "--pin-only", "yes")
	wants(t, h.dir, exitConflict, "Type the number: --typed", "card", "learn", "--anybody", "--terminal", "demo")
	if trail := h.must("audit", "list"); strings.Contains(trail, "D4C3B2A104") {
		t.Error("the number of a card is in the trail")
	}
	h.end()
	wants(t, h.dir, exitFailed, "The node is not running, so nobody hears a card.", "card", "learn", "--login", "anna", "--reader", "door")
}
