package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"platen/fault"
	"platen/job"
)

func TestJobComesBackAsItWasAdded(t *testing.T) {
	w := newWorld(t)
	j := newJob("whole", anna)
	j.Seen, j.Message = 7, "A message."
	j.Documents[0].Count = job.Count{Pages: 3, Sides: "one-sided", Colour: "color", Method: "parsed", Confidence: "high"}
	h := []job.Entry{{At: epoch, Actor: "the node", Text: "Arrived from %s with %d documents.", Args: []any{"pc17", int64(2)}}}
	must(t, w.a.AddJob(t.Context(), j, h))
	if j.ID == 0 {
		t.Fatal("AddJob gave no number")
	}
	want := *j
	want.QueueName, want.OwnerName = "Secure", "anna"
	got := w.job(t, j.ID)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	byUUID, err := w.a.JobByUUID(t.Context(), j.UUID)
	if err != nil || !reflect.DeepEqual(byUUID, want) {
		t.Errorf("JobByUUID: %+v, %v", byUUID, err)
	}
	gotH, err := w.a.History(t.Context(), j.ID)
	if err != nil || !reflect.DeepEqual(gotH, h) {
		t.Errorf("History: %+v, %v; want %+v", gotH, err, h)
	}

	_, err = w.b.Job(t.Context(), j.ID)
	wantKind(t, "another tenant's Job", err, fault.NotFound)
	_, err = w.b.JobByUUID(t.Context(), j.UUID)
	wantKind(t, "another tenant's JobByUUID", err, fault.NotFound)
	if h, err := w.b.History(t.Context(), j.ID); err != nil || len(h) != 0 {
		t.Errorf("another tenant's History: %v, %v", h, err)
	}
}

func TestAddJobRefuses(t *testing.T) {
	w := newWorld(t)
	first := w.add(t, "same", anna)
	wantKind(t, "the same UUID again", w.a.AddJob(t.Context(), newJob("same", anna), nil), fault.Conflict)
	j := newJob("done", anna)
	j.State = job.Completed
	wantKind(t, "a job that is done", w.a.AddJob(t.Context(), j, nil), fault.Invalid)
	j.State = job.Pending
	wantKind(t, "a pending job without a device", w.a.AddJob(t.Context(), j, nil), fault.Invalid)
	second := w.add(t, "next", anna)
	if second.ID != first.ID+1 {
		t.Errorf("numbers %d and %d: the refused ones took some", first.ID, second.ID)
	}
	octets, jobs, err := w.a.Usage(t.Context(), anna)
	if err != nil || octets != 3000 || jobs != 3 {
		t.Errorf("Usage = %d, %d, %v; want 3000 octets of 3 jobs", octets, jobs, err)
	}
	total, err := w.a.SpoolOctets(t.Context())
	if err != nil || total != 3000 {
		t.Errorf("SpoolOctets = %d, %v; want 3000", total, err)
	}
}

// TestNumbersAreOfTheStore: tenants share the sequence, so a number names one
// job.
func TestNumbersAreOfTheStore(t *testing.T) {
	w := newWorld(t)
	jobs, err := w.b.Jobs(t.Context(), job.Filter{})
	must(t, err)
	mine, err := w.a.Jobs(t.Context(), job.Filter{})
	must(t, err)
	if len(jobs) != 1 || len(mine) != 1 || jobs[0].ID == mine[0].ID || jobs[0].UUID != mine[0].UUID {
		t.Errorf("two tenants' jobs: %+v and %+v", mine, jobs)
	}
}

// TestA76NothingPersonalInTheFiles looks for the canaries of the fixture in
// every file of the database, before and after they are forgotten.
func TestA76NothingPersonalInTheFiles(t *testing.T) {
	w := newWorld(t)
	w.add(t, "personal", anna)
	must(t, w.Backup(t.Context(), filepath.Join(w.dir, "copy.db")))
	files, err := filepath.Glob(filepath.Join(w.dir, "*"))
	must(t, err)
	looked := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		must(t, err)
		looked += len(b)
		if bytes.Contains(b, []byte("canary")) {
			t.Errorf("%s holds a title, a name or another personal line in plain", filepath.Base(f))
		}
	}
	if looked < 100<<10 || len(files) < 4 {
		t.Errorf("only %d octets in %v looked at", looked, files)
	}
}

// TestSealedTextsCannotBeMoved: a title that somebody copied to another row
// does not open there.
func TestSealedTextsCannotBeMoved(t *testing.T) {
	w := newWorld(t)
	mine, other := w.add(t, "mine", anna), w.add(t, "other", ben)
	must(t, w.a.write(t.Context(), func(t tx) error {
		_, err := t.conn.ExecContext(t.ctx, "UPDATE jobs SET personal = (SELECT personal FROM jobs WHERE id = ?) WHERE id = ?", other.ID, mine.ID)
		return err
	}))
	if got := w.job(t, mine.ID).Ticket.Title; got != "" {
		t.Errorf("title = %q", got)
	}
	if got := w.job(t, other.ID).Ticket.Title; got != "canary title other" {
		t.Errorf("title = %q", got)
	}
}

func TestNULAndBrokenTextsAtTheDoor(t *testing.T) {
	w := newWorld(t)
	j := newJob("nul", anna)
	j.Ticket.Claimed, j.Ticket.Host, j.Ticket.Title = "a\x00nna", "pc\xff17", "ti\x00tle"
	must(t, w.a.AddJob(t.Context(), j, []job.Entry{{At: epoch, Actor: "a\x00b", Text: "%s", Args: []any{"x\x00y"}}}))
	got := w.job(t, j.ID)
	if got.Ticket.Claimed != "a\uFFFDnna" || got.Ticket.Host != "pc\uFFFD17" || got.Ticket.Title != "ti\x00tle" {
		t.Errorf("ticket %#v", got.Ticket)
	}
	if _, err := w.a.UserByLogin(t.Context(), "an\x00na"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a login with NUL: %v; cutting it out would make it anna's", err)
	}
}

func TestSeenBefore(t *testing.T) {
	w := newWorld(t)
	j := w.add(t, "seen", anna)
	d := j.Documents[0]
	tests := map[string]struct {
		owner  string
		digest []byte
		octets int64
		since  time.Time
		want   int64
	}{
		"same":           {anna, d.Digest, d.Octets, epoch.Add(-time.Hour), j.ID},
		"exactly then":   {anna, d.Digest, d.Octets, epoch, j.ID},
		"too old":        {anna, d.Digest, d.Octets, epoch.Add(time.Second), 0},
		"somebody else":  {ben, d.Digest, d.Octets, epoch, 0},
		"another length": {anna, d.Digest, d.Octets + 1, epoch, 0},
		"another digest": {anna, []byte("x"), d.Octets, epoch, 0},
	}
	for name, tt := range tests {
		look := func(s Scope) (seen int64) {
			asks := newJob("asks", tt.owner)
			asks.Documents = []job.Document{{Number: 1, Digest: tt.digest, Octets: tt.octets}}
			err := s.AdmitJob(t.Context(), asks, job.Admission{Since: tt.since, Admit: func(j *job.Job, _ int64, _ int) ([]job.Entry, error) {
				seen = j.Seen
				return nil, errRefused
			}})
			if !errors.Is(err, errRefused) {
				t.Errorf("%s: %v", name, err)
			}
			return seen
		}
		if got := look(w.a); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
		if got := look(w.b); got != 0 {
			t.Errorf("%s: another tenant has seen %d", name, got)
		}
	}
	if _, err := w.a.JobByUUID(t.Context(), uuidOf("asks")); !fault.Is(err, fault.NotFound) {
		t.Errorf("a job that was refused is there: %v", err)
	}
}

var errRefused = errors.New("refused")

func TestRestoreJob(t *testing.T) {
	w := newWorld(t)
	j := newJob("restored", "0198f000-0000-7000-8000-00000000dead")
	j.Queue = "0198f000-0000-7000-8000-00000000beef"
	must(t, w.a.RestoreJob(t.Context(), j, entries("Rebuilt from its file.")))
	got := w.job(t, j.ID)
	if got.Owner != "" || got.Queue != "" || len(got.Documents) != 2 || got.State != job.Held {
		t.Errorf("restored: %+v", got)
	}
	again := newJob("restored", anna)
	wantKind(t, "again", w.a.RestoreJob(t.Context(), again, nil), fault.Conflict)
	known := newJob("known", anna)
	must(t, w.a.RestoreJob(t.Context(), known, nil))
	if got := w.job(t, known.ID); got.Owner != anna || got.Queue != secure {
		t.Errorf("restored: %+v; its owner and queue are there", got)
	}
}

func TestQueueLinesAndCancelByClient(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	here, there := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.9.9.9")
	j := w.add(t, "line", anna) // the fixture's job is in the same queue and from the same client
	foreign := newJob("foreign", ben)
	foreign.Origin.Client = there
	must(t, w.a.AddJob(ctx, foreign, nil))
	lines, waiting, err := w.a.QueueLines(ctx, secure, here)
	if err != nil || waiting != 3 || len(lines) != 2 || lines[1].ID != j.ID || lines[1].Claimed != "ANNA" || lines[1].Octets != 1000 {
		t.Errorf("TestA10: QueueLines: %+v, %d, %v", lines, waiting, err)
	}
	mapped := netip.AddrFrom16(here.As16())
	if lines, _, err := w.a.QueueLines(ctx, secure, mapped); err != nil || len(lines) != 2 {
		t.Errorf("the same client over IPv6: %d lines, %v", len(lines), err)
	}
	if lines, _, err := w.a.QueueLines(ctx, secure, netip.Addr{}); err != nil || len(lines) != 0 {
		t.Errorf("no client: %d lines, %v", len(lines), err)
	}
	h := job.Entry{At: epoch, Actor: "10.1.2.3", Text: "Canceled by the computer that sent it."}
	wantKind(t, "somebody else's", w.a.CancelJobByClient(ctx, j.ID, secure, there, epoch, h), fault.Conflict)
	wantKind(t, "another queue's", w.a.CancelJobByClient(ctx, j.ID, direct, here, epoch, h), fault.Conflict)
	wantKind(t, "nothing", w.a.CancelJobByClient(ctx, 999, secure, here, epoch, h), fault.NotFound)
	wantKind(t, "another tenant's", w.b.CancelJobByClient(ctx, j.ID, secure, here, epoch, h), fault.NotFound)
	must(t, w.a.CancelJobByClient(ctx, j.ID, secure, here, epoch.Add(time.Minute), h))
	got := w.job(t, j.ID)
	if got.State != job.Canceled || !got.Has(job.CanceledByUser) || !got.Completed.Equal(epoch.Add(time.Minute)) {
		t.Errorf("canceled: %+v", got)
	}
	wantKind(t, "again", w.a.CancelJobByClient(ctx, j.ID, secure, here, epoch, h), fault.Conflict)
}

func TestJobsFilter(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	jobs, err := w.a.Jobs(ctx, job.Filter{})
	must(t, err)
	fixture := jobs[0].ID
	a1, a2, b1 := w.add(t, "a1", anna).ID, w.add(t, "a2", anna).ID, w.add(t, "b1", ben).ID
	none := newJob("none", "")
	none.Queue, none.Created = direct, epoch.Add(time.Hour)
	must(t, w.a.AddJob(ctx, none, nil))
	w.release(t, epoch, a2)
	must(t, w.a.AbortJob(ctx, b1, []job.Reason{job.AbortedBySystem}, "", job.Entry{At: epoch}))
	tests := map[string]struct {
		f    job.Filter
		want []int64
	}{
		"all":              {job.Filter{}, []int64{none.ID, b1, a2, a1, fixture}},
		"two":              {job.Filter{Limit: 2}, []int64{none.ID, b1}},
		"next page":        {job.Filter{Limit: 2, Before: b1}, []int64{a2, a1}},
		"anna's":           {job.Filter{Owner: anna}, []int64{a2, a1, fixture}},
		"anna's held":      {job.Filter{Owner: anna, States: []job.State{job.Held}}, []int64{a1, fixture}},
		"ben's":            {job.Filter{Owner: ben}, []int64{b1}},
		"unclaimed":        {job.Filter{Unclaimed: true}, []int64{none.ID}},
		"held":             {job.Filter{States: []job.State{job.Held}}, []int64{none.ID, a1, fixture}},
		"held or aborted":  {job.Filter{States: []job.State{job.Aborted, job.Held, job.Held}}, []int64{none.ID, b1, a1, fixture}},
		"of a queue":       {job.Filter{Queue: direct}, []int64{none.ID}},
		"at a device":      {job.Filter{Device: hall}, []int64{a2}},
		"since":            {job.Filter{Since: epoch.Add(time.Minute)}, []int64{none.ID}},
		"nobody's":         {job.Filter{Owner: attic}, nil},
		"anna's, one only": {job.Filter{Owner: anna, Limit: 1}, []int64{a2}},
	}
	for name, tt := range tests {
		list, err := w.a.Jobs(ctx, tt.f)
		must(t, err)
		var got []int64
		for _, j := range list {
			got = append(got, j.ID)
			if len(j.Documents) != 2 {
				t.Errorf("%s: job %d has %d documents", name, j.ID, len(j.Documents))
			}
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	counts, err := w.a.Counts(ctx)
	want := map[job.State]int64{job.Held: 3, job.Pending: 1, job.Aborted: 1}
	if err != nil || !reflect.DeepEqual(counts, want) {
		t.Errorf("Counts = %v, %v; want %v", counts, err, want)
	}
}

// TestOwnersListIsALookup: the 20 held jobs of a user among 10,000 of others
// are found through an index, and so are the others that are asked for often.
func TestOwnersListIsALookup(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.a.write(ctx, func(t tx) error {
		for i := range 10_000 {
			owner := fmt.Sprint("user ", i%500)
			_, err := t.exec(insertJob, 1000+i, fmt.Sprint("u", i), 4, "", "", secure, owner, "", "", "{}", nil, "lpd", "", "", "",
				50, "", 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, "", false, false)
			if err != nil {
				return err
			}
		}
		return nil
	}))
	for _, tt := range []struct { // nobody runs ANALYZE, so the plans do not depend on the rows
		q     query
		index string
	}{
		{selectOwnOpen, "jobs_open (tenant=? AND owner=?"},
		{selectOwnDone, "jobs_done (tenant=? AND owner=? AND completed_at>?"},
		{selectOwnKept, "jobs_kept (tenant=? AND owner=?"},
		{listOwnOpen, "jobs_open (tenant=? AND owner=? AND id<?"},
		{claimJob, "jobs_next (tenant=? AND device=?"},
		{selectLines, "jobs_queue (tenant=? AND queue=?"},
		{countQueueJobs, "COVERING INDEX jobs_queue (tenant=? AND queue=?"},
		{countOpen, "COVERING INDEX jobs_queue (tenant=?"},
		{countDone, "COVERING INDEX jobs_over (tenant=?"},
		{listOwnDone, "jobs_done (tenant=? AND owner=?"},
		{forgetJobs, "jobs_over (tenant=? AND completed_at<?"},
		{forgetTitles, "jobs_named (tenant=? AND completed_at<?"},
		{forgetRowTitles, "ledger_named (tenant=? AND at<?"},
		{selectErasable, "jobs_kept (tenant=?"},
		{selectFiles, "documents_file (tenant=?"},
		{selectLedger, "ledger_at (tenant=? AND at>? AND at<?"},
		{selectWaitingJobs, "jobs_next (tenant=? AND device>?"},
		{selectLedgerOf, "ledger_job (tenant=? AND job_id=?"},
		{selectExpired, "jobs_held (tenant=? AND expires_at>? AND expires_at<?"},
		{selectSeen, "documents_digest (tenant=? AND digest>? AND digest<?"},
		{setCount, "documents_file (tenant=? AND counted=? AND file=?"},
		{selectUncounted, "documents_file (tenant=? AND counted=?"},
		{selectSessionByToken, "sessions_token (tenant=? AND token=?"},
		{selectTerminalByToken, "terminals_token (tenant=? AND token=?"},
		{selectCardByDigest, "cards_digest (tenant=? AND digest=?"},
		{selectUsersByPIN, "users_pin (tenant=? AND pin_digest=?"},
		{selectUsersByName, "users_email (tenant=? AND email=?"},
	} {
		if plan := explainPlan(t, w, tt.q); !strings.Contains(plan, tt.index) {
			t.Errorf("the plan lacks %q:\n%s\n%s", tt.index, plan, tt.q)
		}
	}
	for i := range 20 {
		w.add(t, fmt.Sprint("mine ", i), anna)
	}
	start := time.Now()
	jobs, err := w.a.OwnJobs(ctx, anna, epoch, 100)
	if err != nil || len(jobs) != 21 {
		t.Errorf("OwnJobs: %d, %v; want the 20 and the fixture's", len(jobs), err)
	}
	t.Logf("OwnJobs of 21 among 10,000 took %v", time.Since(start))
}

// readsAll are the statements that look at every row of a table or of a tenant
// in one, and may: they are rare, or the table is small.
var readsAll = map[string]string{
	"selectTenants":    "the start; a few rows",
	"selectOrphans":    "the start",
	"deleteUsage":      "the start",
	"selectQueues":     "a list of few",
	"selectDevices":    "a list of few",
	"selectTerminals":  "a list of few",
	"selectCallers":    "a list of few",
	"selectQueueNames": "a list of few",
	"selectIncoming":   "the start, an index of those only",
	"selectSessions":   "a list of few: sessions last a minute",
	"deleteSessionsOf": "sessions are few",

	"selectSources":      "a list of few",
	"selectReaders":      "a list of few",
	"selectDeviceGroups": "a list of few",
	"selectPlaces":       "a list of few",

	"countPlaceDevices":      "a command that removes a site",
	"countDeviceGroupRights": "a command that removes a device group",
	"selectGroups":           "a command that lists all groups",
	"selectRights":           "a list of few, of a command",
	"deleteRole":             "a command that removes a role",
	"deleteAddressesOf":      "once for each guest who is forgotten; tokens are few",
	"selectDelegations":      "a command that lists all delegations",
	"adoptUsers":             "a command that removes a source",
	"adoptCards":             "a command that removes a source",
	"adoptAliases":           "a command that removes a source",

	"selectUsers":      "a command that lists all people",
	"selectCards":      "a command that lists all cards",
	"selectAllAliases": "an import",
	"countUsers":       "an import",
	"selectStandings":  "a command and a page for administrators",
	"selectAudit":      "a command that verifies all of it",

	"selectChains":  "what the node shows and trusts: a few rows, read when they change",
	"selectDomains": "the same",
	"selectTrusted": "the same",
	"freeDomains":   "a command that removes a chain",

	"countDeviceJobs":      "a command that removes a device",
	"countDeviceQueues":    "a command that removes a device",
	"countDeviceTerminals": "a command that removes a device",

	"countOpen":      "metrics, and the list of a command: an index only",
	"countDone":      "metrics, and the list of a command: an index only",
	"countOutbox":    "metrics",
	"selectErasable": "once a minute: finished jobs whose documents are kept, of which there are few",
	"selectWaiting":  "what waits at devices, an index of that only",
	"selectOctets":   "only when the limit of the spool may be near; see intake.roomInSpool",

	"selectUsersByPrefix": "only for names that a client cut, with a rule that is off unless somebody wants it",
	"selectSeen":          "a hundred rows at most",
	"selectSenders":       "the newest two thousand rows, and only where people are asked about unclaimed jobs",
}

var everyRow = regexp.MustCompile(`(?m)^(SCAN (?:[a-z_]+)\b.*|SEARCH .*\(tenant=\?\))$`)

// TestWhoReadsAll: with a hundred thousand people and a million jobs, whatever
// reads a whole table is slow, so each statement that does so is known by name.
func TestWhoReadsAll(t *testing.T) {
	w := newWorld(t)
	for name, q := range queries(t) {
		text := strings.TrimSpace(string(q))
		if !strings.HasPrefix(text, "SELECT") && !strings.HasPrefix(text, "UPDATE") && !strings.HasPrefix(text, "DELETE") {
			continue
		}
		all := everyRow.FindAllString(explainPlan(t, w, q), -1)
		if _, known := readsAll[name]; len(all) > 0 != known {
			t.Errorf("%s: %q, known %v", name, all, known)
		}
	}
}

func explainPlan(t *testing.T, w *world, q query) string {
	t.Helper()
	args := make([]any, highest(q))
	for i := range args {
		args[i] = int64(1)
	}
	rows, err := w.reads.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+w.sql.text(q), args...)
	must(t, err)
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		must(t, rows.Scan(&id, &parent, &unused, &detail))
		plan = append(plan, detail)
	}
	must(t, rows.Err())
	return strings.Join(plan, "\n")
}
