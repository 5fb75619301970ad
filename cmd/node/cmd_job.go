package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"platen/fault"
	"platen/job"
	"platen/release"
	"platen/site"
)

func jobCommands() []*command {
	var list jobListFlags
	var device, reason, againAt *opt[string]
	var printed, again, remember bool
	var longer *opt[time.Duration]
	one := func(verb, args, summary string) *command {
		return &command{name: "job " + verb, args: strings.TrimSpace("N " + args), least: 1 + len(strings.Fields(args)), most: 1 + len(strings.Fields(args)), summary: summary}
	}
	show, rel, cancel := one("show", "", "say why a job is as it is, who may release it, and which rule named its owner"),
		one("release", "", "release a job without its owner, with a reason"), one("cancel", "", "end a job without printing it")
	assign, resolve := one("assign", "LOGIN", "give a held job to a person"), one("resolve", "", "say what became of a job that may have printed")
	keep, recall := one("keep", "", "let a held job expire later"), one("recall", "", "hold a released job again that its device has not begun")

	show.examples = []string{"job show 17", "job show 17 --json"}
	show.admin = withJob((*admin).showJob)

	rel.examples = []string{`job release 17 --device mfp-2 --reason "ward 4, the owner is off sick"`}
	rel.more = "The reason stands in the job's history, for its owner to read, and in the audit trail."
	rel.flags = func(fs *flag.FlagSet) {
		device = optText(fs, "device", "`NAME` of the device to print on")
		reason = optText(fs, "reason", "why the owner does not do it, `TEXT`")
	}
	rel.admin = withJob(func(a *admin, ctx context.Context, c *call, j job.Job) error {
		return a.releaseJob(ctx, c, j, device.value, reason.value)
	})

	cancel.examples = []string{"job cancel 17"}
	cancel.admin = withJob((*admin).cancelJob)

	assign.examples = []string{"job assign 17 anna", "job assign 17 anna --remember"}
	assign.flags = func(fs *flag.FlagSet) {
		fs.BoolVar(&remember, "remember", false, "what claims the same name from now on is that person's as well")
	}
	assign.admin = withJob(func(a *admin, ctx context.Context, c *call, j job.Job) error { return a.assignJob(ctx, c, j, remember) })

	resolve.examples = []string{"job resolve 17 --printed", "job resolve 17 --again --device mfp-2"}
	resolve.more = "Only for jobs that are uncertain. Usually their owner is asked at the terminal."
	resolve.flags = func(fs *flag.FlagSet) {
		fs.BoolVar(&printed, "printed", false, "somebody looked, and it did print")
		fs.BoolVar(&again, "again", false, "print it again")
		againAt = optText(fs, "device", "`NAME` of the device to print it on again; otherwise the same")
	}
	resolve.admin = withJob(func(a *admin, ctx context.Context, c *call, j job.Job) error {
		return a.resolveJob(ctx, c, j, printed, again, againAt.value)
	})

	keep.examples = []string{"job keep 17 --for 4d"}
	keep.flags = func(fs *flag.FlagSet) {
		longer = optTime(fs, "for", "from now on, `TIME`; otherwise as long as its queue holds jobs", longest)
	}
	keep.admin = withJob(func(a *admin, ctx context.Context, c *call, j job.Job) error {
		return a.keepJob(ctx, c, j, longer.value)
	})

	recall.examples = []string{"job recall 17"}
	recall.admin = withJob((*admin).recallJob)

	return []*command{
		{
			name: "job list", summary: "list the jobs that are not done", flags: list.add,
			more:     "A title is shown until the job is done; then it is nobody's business but the owner's.",
			examples: []string{"job list", "job list --all --json", "job list --unclaimed", "job list --owner anna --state pending-held"},
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.listJobs(ctx, c, &list) },
		},
		show, rel, cancel, assign, resolve, keep, recall,
	}
}

// withJob looks up the job that the first argument names.
func withJob(do func(a *admin, ctx context.Context, c *call, j job.Job) error) func(context.Context, *admin, *call) error {
	return func(ctx context.Context, a *admin, c *call) error {
		j, err := a.job(ctx, c.args[0])
		if err != nil {
			return err
		}
		return do(a, ctx, c, j)
	}
}

// job finds a job by its number or its UUID.
func (a *admin) job(ctx context.Context, text string) (job.Job, error) {
	if len(text) == 36 {
		j, err := a.scope.JobByUUID(ctx, strings.ToLower(text))
		return j, named(err, "job", text)
	}
	id, err := number(text)
	if err != nil {
		return job.Job{}, err
	}
	j, err := a.scope.Job(ctx, id)
	return j, named(err, "job", text)
}

// jobListFlags say which jobs a list holds.
type jobListFlags struct {
	all, unclaimed       bool
	owner, queue, device *opt[string]
	state                *opt[[]string]
	since                *opt[time.Time]
	limit                *opt[int]
}

func (f *jobListFlags) add(fs *flag.FlagSet) {
	fs.BoolVar(&f.all, "all", false, "also jobs that are done")
	fs.BoolVar(&f.unclaimed, "unclaimed", false, "only jobs that no rule named an owner of")
	f.owner = optText(fs, "owner", "only jobs of this `LOGIN`")
	f.queue = optText(fs, "queue", "only jobs of the queue `NAME`")
	f.device = optText(fs, "device", "only jobs at the device `NAME`")
	f.state = optWords(fs, "state", "only jobs in this state, `KEYWORD` of RFC 8011; several times for several")
	f.since = optDay(fs, "since", "only jobs since this `DAY`")
	f.limit = optNumber(fs, "limit", "at most this `NUMBER` of jobs, the newest", 1, 1<<30)
}

func (f *jobListFlags) filter(ctx context.Context, a *admin) (job.Filter, error) {
	want := job.Filter{Unclaimed: f.unclaimed, Since: f.since.value, Limit: f.limit.value}
	if !f.all {
		want.States = []job.State{job.Pending, job.Held, job.Processing, job.Stopped}
	}
	if f.state.given {
		want.States = nil
	}
	for _, word := range f.state.value {
		s, ok := job.ParseState(word)
		if !ok {
			return want, usagef("there is no job state %q; states are pending, pending-held, processing, processing-stopped, canceled, aborted, completed", word)
		}
		want.States = append(want.States, s)
	}
	if f.owner.given {
		u, err := a.user(ctx, f.owner.value)
		if err != nil {
			return want, err
		}
		want.Owner = u.ID
	}
	if f.queue.given {
		q, err := a.queue(ctx, f.queue.value)
		if err != nil {
			return want, err
		}
		want.Queue = q.ID
	}
	if f.device.given {
		d, err := a.device(ctx, f.device.value)
		if err != nil {
			return want, err
		}
		want.Device = d.ID
	}
	return want, nil
}

// jobLine is a job in a list.
type jobLine struct {
	ID        int64        `json:"id"`
	UUID      string       `json:"uuid"`
	State     string       `json:"state"`
	Reasons   []job.Reason `json:"reasons"`
	Message   string       `json:"message"`
	Owner     string       `json:"owner"` // login, "" unclaimed
	Claimed   string       `json:"claimed"`
	Queue     string       `json:"queue"`
	Device    string       `json:"device"`
	Title     string       `json:"title"` // "" once the job is done
	Octets    int64        `json:"octets"`
	Documents int          `json:"documents"`
	Pages     *int         `json:"pages"` // null: unknown
	Door      string       `json:"door"`
	Client    string       `json:"client"`
	Submitted time.Time    `json:"submitted"`
	Released  *time.Time   `json:"released"`
	Completed *time.Time   `json:"completed"`
	Expires   *time.Time   `json:"expires"`
	SameAs    int64        `json:"same_as,omitempty"`
}

func lineOf(j *job.Job) jobLine {
	l := jobLine{
		ID: j.ID, UUID: j.UUID, State: j.State.String(), Reasons: j.Reasons, Message: j.Message, Owner: j.OwnerName,
		Claimed: j.Ticket.Claimed, Queue: j.QueueName, Device: j.DeviceName, Octets: j.Octets, Documents: len(j.Documents),
		Pages: pagesOf(j), Door: j.Origin.Door, Submitted: j.Created, Released: when(j.Released),
		Completed: when(j.Completed), Expires: when(j.ExpiresAt), SameAs: j.Seen,
	}
	if l.Reasons == nil {
		l.Reasons = []job.Reason{}
	}
	if !j.State.Done() {
		l.Title = j.Ticket.Title
	}
	if j.Origin.Client.IsValid() {
		l.Client = j.Origin.Client.String()
	}
	return l
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// pagesOf is the sum over the documents, nil where one is unknown.
func pagesOf(j *job.Job) *int {
	sum := 0
	for _, d := range j.Documents {
		if d.Count.Pages < 0 || d.Count.Method == "" {
			return nil
		}
		sum += d.Count.Pages
	}
	if len(j.Documents) == 0 {
		return nil
	}
	return &sum
}

func (a *admin) listJobs(ctx context.Context, c *call, f *jobListFlags) error {
	want, err := f.filter(ctx, a)
	if err != nil {
		return err
	}
	jobs, err := a.scope.Jobs(ctx, want)
	if err != nil {
		return err
	}
	lines := make([]jobLine, len(jobs))
	for i := range jobs {
		lines[i] = lineOf(&jobs[i])
	}
	return writeList(c, lines, []column[jobLine]{
		{"job", func(l jobLine) string { return strconv.FormatInt(l.ID, 10) }},
		{"state", func(l jobLine) string { return l.State }},
		{"owner", func(l jobLine) string { return orElse(l.Owner, "(unclaimed: "+l.Claimed+")") }},
		{"queue", func(l jobLine) string { return l.Queue }},
		{"device", func(l jobLine) string { return l.Device }},
		{"octets", func(l jobLine) string { return octets(l.Octets) }},
		{"pages", func(l jobLine) string { return countText(l.Pages) }},
		{"submitted", func(l jobLine) string { return stamp(l.Submitted) }},
		{"title", func(l jobLine) string { return l.Title }},
	})
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func countText(n *int) string {
	if n == nil {
		return "?"
	}
	return strconv.Itoa(*n)
}

func (a *admin) releaseJob(ctx context.Context, c *call, j job.Job, deviceName, reason string) error {
	if deviceName == "" || reason == "" {
		return usagef("job release needs --device and --reason")
	}
	d, err := a.device(ctx, deviceName)
	if err != nil {
		return err
	}
	by := release.Actor{Name: a.actor, Administrator: true}
	r, err := a.desk.BreakGlass(ctx, by, d.ID, j.ID, reason, "")
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, r)
	}
	fmt.Fprintf(c.out, "Job %d is released at %s.\n", j.ID, d.Name)
	return nil
}

// entry is a line of history by the administrator.
func (a *admin) entry(text string, args ...any) []job.Entry {
	return []job.Entry{{At: a.now(), Actor: a.actor, Text: text, Args: args}}
}

// change moves a job by hand, from the state it was seen in.
func (a *admin) change(ctx context.Context, j job.Job, action string, ch job.Change) error {
	err := a.scope.ChangeJob(ctx, j.ID, job.Guard{State: j.State}, ch, a.now())
	if err != nil {
		return err
	}
	return a.audit(ctx, action, fmt.Sprintf("job %d", j.ID), "")
}

func wrongState(j job.Job, can string) error {
	return &fault.Error{Op: "job", Kind: fault.Conflict, Text: "Job %d is %s. " + can, Args: []any{j.ID, j.State.String()}}
}

func (a *admin) cancelJob(ctx context.Context, c *call, j job.Job) error {
	history := a.entry("Canceled by an administrator.")
	switch {
	case j.State.Done():
		return wrongState(j, "It is done already.")
	case j.State == job.Processing:
		if err := a.scope.AskCancel(ctx, j.ID, "", history[0]); err != nil {
			return err
		}
		if a.running != nil {
			a.running.dispatcher.Cancel(j.ID)
		}
		if !c.json {
			fmt.Fprintf(c.out, "Job %d is being delivered; it stops at the next safe point.\n", j.ID)
		}
		return a.audit(ctx, "job.cancel", fmt.Sprintf("job %d", j.ID), "while it was delivered")
	}
	err := a.change(ctx, j, "job.cancel", job.Change{
		State: job.Canceled, Reasons: []job.Reason{job.CanceledByOperator}, Message: "An administrator canceled it.", Device: j.Device, History: history,
	})
	if err != nil {
		return err
	}
	a.documentsDone()
	return nil
}

// documentsDone tells the running node that a document is not needed any
// longer.
func (a *admin) documentsDone() {
	if a.running != nil {
		a.running.keeper.Wake()
	}
}

func (a *admin) assignJob(ctx context.Context, c *call, j job.Job, remember bool) error {
	u, err := a.user(ctx, c.args[1])
	if err != nil {
		return err
	}
	if j.State != job.Held {
		return wrongState(j, "Only a held job can be given to somebody.")
	}
	detail := u.Login
	if remember {
		if err := a.remember(ctx, u, j.Ticket.Claimed); err != nil {
			return err
		}
		detail += fmt.Sprintf(", and from now on everything that claims %q", j.Ticket.Claimed)
	}
	if err := a.scope.AssignOwner(ctx, j.ID, u.ID, a.actor); err != nil {
		return err
	}
	return a.audit(ctx, "job.assign", fmt.Sprintf("job %d", j.ID), detail)
}

func (a *admin) resolveJob(ctx context.Context, c *call, j job.Job, printed, again bool, deviceName string) error {
	switch {
	case printed == again:
		return usagef("job resolve needs --printed or --again")
	case j.State != job.Stopped:
		return wrongState(j, "Only a job that may have printed can be resolved.")
	case again:
		return a.printAgain(ctx, c, j, deviceName)
	}
	q, err := a.scope.Queue(ctx, j.Queue)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	now := a.now()
	ch := job.Change{
		State: job.Completed, Reasons: []job.Reason{job.CompletedWithErrors}, Device: j.Device, ExpiresAt: now.Add(q.Keep()),
		Message: "An administrator said that it had printed.", History: a.entry("Looked at the device and said that it had printed."),
	}
	if q.Keep() > 0 {
		ch.Reasons = append(ch.Reasons, job.JobStored)
	}
	if err := a.change(ctx, j, "job.resolve", ch); err != nil {
		return err
	}
	a.documentsDone()
	return nil
}

// printAgain sends an uncertain job once more, because a person said so.
func (a *admin) printAgain(ctx context.Context, c *call, j job.Job, deviceName string) error {
	d, err := a.againAt(ctx, j, deviceName)
	if err != nil {
		return err
	}
	now := a.now()
	r, _, err := a.scope.ReleaseJobs(ctx, job.Order{
		Release: job.Release{ID: job.NewUUID(), Device: d.ID, User: a.actor, At: now},
		Items: []job.OrderItem{{
			Job: j.ID, From: job.Stopped, Owner: j.Owner,
			History: a.entry("Asked to print it again at %s, although it may have printed.", d.Name),
		}},
	})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(r.Items, func(i job.ReleaseItem) bool { return i.Status == job.StatusFailed }) {
		return wrongState(j, "Somebody was faster.")
	}
	if a.running != nil {
		a.running.dispatcher.Wake(d.ID)
	}
	if !c.json {
		fmt.Fprintf(c.out, "Job %d is printed again at %s.\n", j.ID, d.Name)
	}
	return a.audit(ctx, "job.resolve", fmt.Sprintf("job %d", j.ID), "again")
}

func (a *admin) againAt(ctx context.Context, j job.Job, name string) (site.Device, error) {
	if name != "" {
		return a.device(ctx, name)
	}
	return a.scope.Device(ctx, j.Device)
}

func (a *admin) keepJob(ctx context.Context, c *call, j job.Job, longer time.Duration) error {
	if j.State != job.Held {
		return wrongState(j, "Only a held job can be kept longer.")
	}
	if longer == 0 {
		q, err := a.scope.Queue(ctx, j.Queue)
		if err != nil {
			return err
		}
		longer = q.HoldFor
	}
	until := a.now().Add(longer)
	err := a.change(ctx, j, "job.keep", job.Change{
		State: job.Held, Reasons: j.Reasons, Message: j.Message, ExpiresAt: until,
		History: a.entry("Extended the time it is held by %d hours.", int(longer/time.Hour)),
	})
	if err == nil && !c.json {
		fmt.Fprintf(c.out, "Job %d is held until %s.\n", j.ID, stamp(until))
	}
	return err
}

func (a *admin) recallJob(ctx context.Context, _ *call, j job.Job) error {
	if j.State != job.Pending {
		return wrongState(j, "Only a released job that its device has not begun can be recalled.")
	}
	return a.change(ctx, j, "job.recall", job.Change{
		State: job.Held, Reasons: j.HeldReasons(), History: a.entry("Recalled before the device had begun it."),
	})
}
