package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"platen/fault"
	"platen/job"
)

func TestOpenSaysWhyNot(t *testing.T) {
	full := func() (uint64, uint64, error) { return 1, 1, nil }
	tests := map[string]struct {
		queue  string
		client netip.Addr
		free   func() (uint64, uint64, error)
		broken error
		kind   fault.Kind
	}{
		"unknown queue":                  {queue: "nowhere", free: full, kind: fault.NotFound},
		"A06 not from here":              {queue: "closed", client: otherClient, free: full, kind: fault.Denied},
		"closed queue":                   {queue: "closed", client: someClient, free: full, kind: fault.Unavailable},
		"queue without its device":       {queue: "bare", free: full, kind: fault.Unavailable},
		"F11 full disk":                  {queue: "secure", free: full, kind: fault.Full},
		"F11 only the reserve is left":   {queue: "secure", free: func() (uint64, uint64, error) { return 512 << 20, 1000, nil }, kind: fault.Full},
		"F13 inodes are used up":         {queue: "secure", free: func() (uint64, uint64, error) { return 1 << 40, 3, nil }, kind: fault.Full},
		"the disk does not answer":       {queue: "secure", free: func() (uint64, uint64, error) { return 0, 0, io.ErrNoProgress }, kind: fault.Unavailable},
		"the database does not answer":   {queue: "secure", broken: &fault.Error{Kind: fault.Unavailable}, kind: fault.Unavailable},
		"a queue's name in another case": {queue: "SECURE", client: someClient},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.store.broken = tt.broken
			if tt.free != nil {
				n.free = tt.free
			}
			a, err := n.Open(t.Context(), job.Origin{Door: "lpd", Queue: tt.queue, Client: tt.client})
			if tt.kind == fault.Internal {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !fault.Is(err, tt.kind) || a != nil {
				t.Errorf("Open = %v, %v; want %v", a, err, tt.kind)
			}
		})
	}
}

func TestAJobIsHeldForItsOwner(t *testing.T) {
	n := newNode(t)
	j := n.mustSend("secure", "CORP\\Anna", "%PDF-1.7 and so on")

	want := job.Job{
		ID: 1, UUID: j.UUID, State: job.Held, Reasons: []job.Reason{job.HeldForRelease},
		Message: "Waiting for its owner at a device.",
		Queue:   "q-secure", QueueName: "secure", Owner: "u-anna", OwnerName: "anna", OwnerRule: j.OwnerRule,
		Ticket: job.Ticket{Title: canary, Claimed: "CORP\\Anna"}, Origin: from("secure"), Priority: 50,
		Documents: j.Documents, Octets: 18, Created: someTime, ExpiresAt: someTime.Add(96 * time.Hour),
	}
	if !reflect.DeepEqual(j, want) {
		t.Errorf("got  %+v\nwant %+v", j, want)
	}
	if !reflect.DeepEqual(n.store.all(), []job.Job{want}) {
		t.Errorf("stored %+v", n.store.all())
	}
	if d := j.Documents[0]; n.read(d) != "%PDF-1.7 and so on" || d.Language != "pdf" || d.Copies != 1 || d.Name != canary || d.Count.Pages != job.Unknown || d.Count.Why != "" {
		t.Errorf("document %+v", d)
	}
	m, err := n.Spool.Manifest(j.Documents[0].File)
	if err != nil || m.Tenant != "one" || m.Job.Owner != "u-anna" || m.Job.State != job.Held || m.Job.Ticket.Title != canary || !m.Job.ExpiresAt.Equal(want.ExpiresAt) {
		t.Errorf("the file says of itself %+v, %v", m, err)
	}
	checkHistory(t, n.store.history[1],
		"Received by LPR from 10.0.0.7 for queue secure: one document, 18 octets.",
		"Owner: anna. "+j.OwnerRule,
		"Held until its owner comes to a device; expires 2026-03-10 15:00 UTC.")
	if !slices.Equal(n.counted, []int64{1}) || len(n.released) != 0 || len(n.accepted) != 1 || n.arriving.Load() != 0 {
		t.Errorf("counted %v, released %v, accepted %v, arriving %d", n.counted, n.released, n.accepted, n.arriving.Load())
	}
}

func checkHistory(t *testing.T, got []job.Entry, want ...string) {
	t.Helper()
	var said []string
	for _, e := range got {
		said = append(said, fmt.Sprintf(e.Text, e.Args...))
		if e.Actor != theNode || e.At.IsZero() {
			t.Errorf("%q by %q at %v", e.Text, e.Actor, e.At)
		}
	}
	if !slices.Equal(said, want) {
		t.Errorf("history\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
}

func TestAPassthroughQueuePrintsAtOnce(t *testing.T) {
	for name, claimed := range map[string]string{"owned": "erp", "unclaimed": "nobody here"} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			j := n.mustSend("labels", claimed, "^XA^FDlabel^XZ")
			if j.State != job.Pending || !slices.Equal(j.Reasons, []job.Reason{job.Queued}) || j.Device != "d-zebra" || !j.Released.Equal(someTime) || j.Priority != 80 {
				t.Errorf("%+v", j)
			}
			if !slices.Equal(n.released, []string{"d-zebra"}) || len(n.counted) != 0 {
				t.Errorf("released %v, counted %v", n.released, n.counted)
			}
			if c := j.Documents[0].Count; c.Pages != job.Unknown || c.Why == "" || j.Documents[0].Language != "unknown" {
				t.Errorf("%+v", j.Documents[0])
			}
			if last := n.store.history[1][2]; fmt.Sprintf(last.Text, last.Args...) != "Goes to Zebra at once: the queue Labels does not hold jobs." {
				t.Errorf("history ends with %+v", last)
			}
		})
	}
}

func TestAJobOfNobodyWaitsForAnAdministrator(t *testing.T) {
	n := newNode(t)
	j := n.mustSend("secure", "stranger", "x", "yy")
	if !j.Unclaimed() || j.State != job.Held || !j.Has(job.HeldForAuthorization) || j.Message == "" || !strings.Contains(j.OwnerRule, "stranger") {
		t.Errorf("%+v", j)
	}
	checkHistory(t, n.store.history[1],
		"Received by LPR from 10.0.0.7 for queue secure: 2 documents, 3 octets.",
		"Owner: nobody. "+j.OwnerRule,
		"Held until an administrator says whose it is; expires 2026-03-10 15:00 UTC.")
}

func TestWhoseJob(t *testing.T) {
	pjl := "\x1b%-12345X@PJL SET USERNAME=\"anna\"\r\n@PJL ENTER LANGUAGE=PCL\r\n\x1bE"
	tests := map[string]struct {
		o     job.Origin
		t     job.Ticket
		docs  []string
		owner string
	}{
		"print data before control file":    {from("secure"), job.Ticket{Claimed: "ben"}, []string{pjl}, "u-anna"},
		"print data of the second document": {from("secure"), job.Ticket{Claimed: "ben"}, []string{"x", pjl}, "u-anna"},
		"PostScript":                        {from("secure"), job.Ticket{}, []string{"%!PS-Adobe-3.0\n%%For: (ben)\n%%EndComments\n"}, "u-ben"},
		"the queue's pattern":               {from("sap"), job.Ticket{Claimed: "sap-ben"}, []string{"x"}, "u-ben"},
		"a pattern that is none":            {from("bad"), job.Ticket{Claimed: "ben"}, []string{"x"}, "u-ben"},
		"proof of the door":                 {job.Origin{Door: "api", Queue: "secure", User: "u-ben"}, job.Ticket{Claimed: "anna"}, []string{pjl}, "u-ben"},
		"somebody who is disabled":          {from("secure"), job.Ticket{Claimed: "gone"}, []string{"x"}, ""},
		"banner":                            {from("secure"), job.Ticket{Banner: "anna"}, []string{"x"}, "u-anna"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			j, err := newNode(t).sendAs(tt.o, tt.t, tt.docs...)
			if err != nil || j.Owner != tt.owner || j.OwnerRule == "" {
				t.Errorf("owner %q, %q, %v", j.Owner, j.OwnerRule, err)
			}
		})
	}
}

func TestTitlesAreInNoSentence(t *testing.T) {
	n := newNode(t)
	j := n.mustSend("secure", "anna", "%!PS\n%%Title: "+canary+"\n%%EndComments\n")
	n.mustSend("secure", "anna", "%!PS\n%%Title: "+canary+"\n%%EndComments\n")
	if said := fmt.Sprint(n.store.history, j.Message, j.OwnerRule, n.log); strings.Contains(said, canary) {
		t.Error(said)
	}
}

func TestA15NoControlCharactersInSentences(t *testing.T) {
	for _, name := range []string{"a\nb", "\x1b%-12345X@PJL", "a\x00b", "%s%n", "\u202eanna", strings.Repeat("x", 10_000)} {
		n := newNode(t)
		j, err := n.sendAs(from("secure"), job.Ticket{Claimed: name, Banner: name}, "%!PS\n%%For: ("+name+")\n")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range n.store.history[j.ID] {
			said := fmt.Sprintf(e.Text, e.Args...)
			if strings.ContainsAny(said, "\n\r\x00\x1b\u202e") || strings.Contains(said, "%!") {
				t.Errorf("%q", said)
			}
		}
	}
}

func TestF41TheSameDocumentAgainIsKeptAndFlagged(t *testing.T) {
	n := newNode(t)
	first := n.mustSend("secure", "anna", "once")
	if second := n.mustSend("secure", "anna", "once"); second.Seen != first.ID {
		t.Errorf("Seen = %d, want %d", second.Seen, first.ID)
	}
	last := n.store.history[2][3]
	if said := fmt.Sprintf(last.Text, last.Args...); said != "It is the same document as job 1 of less than an hour before. Both are kept." {
		t.Error(said)
	}
	for name, j := range map[string]job.Job{
		"another person":  n.mustSend("secure", "ben", "once"),
		"nobody":          n.mustSend("secure", "stranger", "once"),
		"nobody again":    n.mustSend("secure", "stranger", "once"),
		"more documents":  n.mustSend("secure", "anna", "once", "twice"),
		"another content": n.mustSend("secure", "anna", "onc3"),
	} {
		if j.Seen != 0 {
			t.Errorf("%s: Seen = %d", name, j.Seen)
		}
	}
	n.now = n.now.Add(again + time.Second)
	if j := n.mustSend("secure", "anna", "once"); j.Seen != 0 {
		t.Errorf("an hour later: Seen = %d", j.Seen)
	}
}

func TestTooLargeAJob(t *testing.T) {
	for name, docs := range map[string][]string{
		"one document": {strings.Repeat("x", 101)}, "together": {strings.Repeat("x", 60), strings.Repeat("x", 41)},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			if _, err := n.send("small", "anna", docs...); !fault.Is(err, fault.TooLarge) {
				t.Errorf("%v", err)
			}
			n.empty()
		})
	}
	n := newNode(t)
	n.mustSend("small", "anna", strings.Repeat("x", 100))
	n.store.settings.MaxOctets = 50 // the node's limit is a limit for every queue
	if _, err := n.send("small", "anna", strings.Repeat("x", 51)); !fault.Is(err, fault.TooLarge) {
		t.Errorf("%v", err)
	}
}

func TestAnArrivalOutlivesADocumentThatFailed(t *testing.T) {
	n := newNode(t)
	a, err := n.Open(t.Context(), from("small"))
	if err != nil {
		t.Fatal(err)
	}
	torn := errors.New("torn")
	if _, err := a.Document(t.Context(), "", io.MultiReader(strings.NewReader(strings.Repeat("x", 90)), iotest.ErrReader(torn))); !errors.Is(err, torn) {
		t.Fatalf("the reader's error became %v", err)
	}
	number, err := a.Document(t.Context(), "", strings.NewReader(strings.Repeat("x", 90)))
	if err != nil {
		t.Fatalf("the octets of the first still count: %v", err)
	}
	j, err := a.Submit(t.Context(), job.Ticket{}, []job.Piece{{Number: number}})
	if err != nil || j.Octets != 90 || len(j.Documents) != 1 || n.files() != 1 || n.arriving.Load() != 0 {
		t.Errorf("%+v, %v, %d files", j, err, n.files())
	}
}

func TestF11TheDiskFillsWhileAJobComes(t *testing.T) {
	n := newNode(t)
	left := uint64(520 << 20)
	n.free = func() (uint64, uint64, error) { left -= 5 << 20; return left, 1000, nil }
	if _, err := n.send("secure", "anna", strings.Repeat("x", 20<<20)); !fault.Is(err, fault.Full) {
		t.Errorf("%v", err)
	}
	n.empty()
}

func TestA26TheSpoolHasALimit(t *testing.T) {
	n := newNode(t)
	n.store.settings.MaxSpool = 100
	n.mustSend("secure", "anna", strings.Repeat("x", 60))
	if _, err := n.send("secure", "ben", strings.Repeat("x", 41)); !fault.Is(err, fault.Full) {
		t.Errorf("%v", err)
	}
	n.mustSend("secure", "ben", strings.Repeat("x", 40))
	if n.files() != 2 || n.arriving.Load() != 0 {
		t.Errorf("%d files, %d octets arriving", n.files(), n.arriving.Load())
	}
}

// What is far from the limit is not summed up for each job, and what was erased
// makes room again.
func TestA26TheSpoolIsSummedUpWhenItMatters(t *testing.T) {
	n := newNode(t)
	n.store.settings.MaxSpool = 1000
	for range 10 {
		n.mustSend("secure", "anna", strings.Repeat("x", 100))
	}
	if n.store.summed != 1 {
		t.Errorf("summed up %d times", n.store.summed)
	}
	n.store.mu.Lock()
	n.store.jobs = n.store.jobs[:5]
	n.store.mu.Unlock()
	n.mustSend("secure", "anna", strings.Repeat("x", 500))
	if _, err := n.send("secure", "ben", "x"); !fault.Is(err, fault.Full) {
		t.Errorf("%v", err)
	}
}

func TestA26APersonHasALimit(t *testing.T) {
	for name, claimed := range map[string]string{"a person": "anna", "all that is nobody's": "stranger"} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.store.settings.MaxUser, n.store.settings.MaxUserJobs = 100, 3
			n.mustSend("secure", claimed, strings.Repeat("x", 60))
			if _, err := n.send("secure", claimed, strings.Repeat("x", 41)); !fault.Is(err, fault.Full) {
				t.Errorf("too many octets: %v", err)
			}
			n.mustSend("secure", claimed, "x")
			n.mustSend("secure", claimed, "x")
			_, err := n.send("secure", claimed, "x")
			if !fault.Is(err, fault.Full) || fault.Text(err) != "3 jobs are waiting already. Please print or delete some of them first." {
				t.Errorf("too many jobs: %v", err)
			}
			n.mustSend("secure", "ben", strings.Repeat("x", 60))
			if n.files() != 4 {
				t.Errorf("%d files", n.files())
			}
		})
	}
	n := newNode(t)
	n.store.settings.MaxUserJobs = 1
	for range 3 {
		n.mustSend("labels", "a host system", "^XA") // it prints at once, whoever sent it
	}
}

// A limit is a limit also for those who come at the same moment.
func TestA26LimitsHoldSideBySide(t *testing.T) {
	n := newNode(t)
	n.store.settings.MaxUserJobs = 3
	var senders sync.WaitGroup
	for range 12 {
		senders.Go(func() {
			if _, err := n.send("secure", "anna", "x"); err != nil && !fault.Is(err, fault.Full) {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	if got := len(n.store.all()); got > 3 || got == 0 {
		t.Errorf("%d jobs", got)
	}
	if n.files() != len(n.store.all()) {
		t.Errorf("%d files", n.files())
	}
}

func TestDocumentsPrintInTheOrderOfTheTicket(t *testing.T) {
	n := newNode(t)
	a, err := n.Open(t.Context(), from("secure"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"first", "left out", "third"} {
		if _, err := a.Document(t.Context(), d, strings.NewReader(d)); err != nil {
			t.Fatal(err)
		}
	}
	j, err := a.Submit(t.Context(), job.Ticket{}, []job.Piece{{Number: 3, Copies: 2}, {Number: 1, Name: "one", Copies: 0}})
	if err != nil {
		t.Fatal(err)
	}
	if len(j.Documents) != 2 || j.Octets != 10 || n.files() != 2 {
		t.Fatalf("%+v, %d files", j, n.files())
	}
	one, two := j.Documents[0], j.Documents[1]
	if n.read(one) != "third" || one.Name != "third" || one.Copies != 2 || one.Number != 1 {
		t.Errorf("%+v", one)
	}
	if n.read(two) != "first" || two.Name != "one" || two.Copies != 1 || two.Number != 2 {
		t.Errorf("%+v", two)
	}
}

func TestTicketsThatDoNotFit(t *testing.T) {
	for name, order := range map[string][]job.Piece{
		"nothing": nil, "what did not come": {{Number: 1}, {Number: 2}}, "twice the same": {{Number: 1}, {Number: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			a, err := n.Open(t.Context(), from("secure"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.Document(t.Context(), "", strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Submit(t.Context(), job.Ticket{}, order); !fault.Is(err, fault.Invalid) {
				t.Errorf("%v", err)
			}
			n.empty()
		})
	}
}

func TestAbandon(t *testing.T) {
	n := newNode(t)
	a, err := n.Open(t.Context(), from("secure"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Document(t.Context(), "", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	a.Abandon()
	a.Abandon()
	n.empty()
	if _, err := a.Document(t.Context(), "", strings.NewReader("x")); err == nil {
		t.Error("an abandoned arrival took a document")
	}
	if _, err := a.Submit(t.Context(), job.Ticket{}, nil); err == nil {
		t.Error("an abandoned arrival was submitted")
	}
	n.empty()
}

// What is left of a job depends on what is known of its row.
func TestTheRowFails(t *testing.T) {
	tests := map[string]struct {
		err   error
		files int
	}{
		"a full database":        {&fault.Error{Kind: fault.Full}, 0},
		"there already":          {&fault.Error{Kind: fault.Conflict}, 0},
		"the caller gave up":     {fmt.Errorf("store: %w", context.Canceled), 0},
		"nobody knows":           {&fault.Error{Kind: fault.Unavailable, Err: errors.New("unknown")}, 1},
		"gave up, nobody knows":  {&fault.Error{Kind: fault.Unavailable, Err: context.DeadlineExceeded}, 1},
		"something unheard-of":   {errors.New("boom"), 1},
		"a store that is closed": {&fault.Error{Kind: fault.Unavailable}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.store.addError = func(*job.Job) error { return tt.err }
			if _, err := n.send("secure", "anna", "x"); !errors.Is(err, tt.err) {
				t.Errorf("%v", err)
			}
			if n.files() != tt.files || n.arriving.Load() != 0 || len(n.accepted) != 0 {
				t.Errorf("%d files, %d octets arriving, %d accepted", n.files(), n.arriving.Load(), len(n.accepted))
			}
		})
	}
}

// Whatever question fails, nothing is left of the job.
func TestTheDatabaseFailsAtSubmit(t *testing.T) {
	n := newNode(t)
	a, err := n.Open(t.Context(), from("secure"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Document(t.Context(), "", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	n.store.broken = errors.New("boom")
	if _, err := a.Submit(t.Context(), job.Ticket{Claimed: "anna"}, []job.Piece{{Number: 1}}); !errors.Is(err, n.store.broken) {
		t.Errorf("%v", err)
	}
	n.empty()
}

// A sync that failed: the job is refused, and so is every later one.
func TestF12TheDiskFailsAtSubmit(t *testing.T) {
	n := newNode(t)
	a, err := n.Open(t.Context(), from("secure"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Document(t.Context(), "", strings.NewReader(strings.Repeat("x", 100_000))); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(n.Spool.Dir, "docs")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Submit(t.Context(), job.Ticket{Claimed: "anna"}, []job.Piece{{Number: 1}}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
	if _, err := n.Open(t.Context(), from("secure")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("the node goes on: %v", err)
	}
	if len(n.store.all()) != 0 || n.arriving.Load() != 0 {
		t.Errorf("%d jobs, %d octets", len(n.store.all()), n.arriving.Load())
	}
}

// Between the documents and the ticket somebody else may take the last room.
func TestF11TheDiskIsFullAtSubmit(t *testing.T) {
	n := newNode(t)
	a, err := n.Open(t.Context(), from("secure"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Document(t.Context(), "", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	n.free = func() (uint64, uint64, error) { return 0, 0, nil }
	if _, err := a.Submit(t.Context(), job.Ticket{Claimed: "anna"}, []job.Piece{{Number: 1}}); !fault.Is(err, fault.Full) {
		t.Errorf("%v", err)
	}
	n.empty()
}

func TestTheEncodingIsTheQueues(t *testing.T) {
	a, err := newNode(t).Open(t.Context(), from("secure"))
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := a.(interface{ Encoding() string }); !ok || e.Encoding() != "ibm850" {
		t.Errorf("%T", a)
	}
}

func TestSizeText(t *testing.T) {
	for octets, want := range map[int64]string{
		0: "0 octets", 1: "1 octets", 9999: "9999 octets", 10_240: "10 KiB", 10_241: "11 KiB", 5 << 20: "5120 KiB", 4 << 30: "4096 MiB", 1 << 62: "4194304 TiB",
	} {
		if got := sizeText(octets); got != want {
			t.Errorf("%d: %s, want %s", octets, got, want)
		}
	}
}
