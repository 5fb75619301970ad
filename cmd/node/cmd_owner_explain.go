package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"platen/directory"
	"platen/fault"
	"platen/intake"
	"platen/job"
	"platen/pdl"
	"platen/site"
)

// explainFlags are what a job would bring along.
type explainFlags struct {
	queue, job                                            *opt[string]
	claimed, account, banner, computer, door, proven      *opt[string]
	pjlUser, pjlAcct, pjlComment, psFor, client, document *opt[string]
}

func (f *explainFlags) add(fs *flag.FlagSet) {
	f.queue = optText(fs, "queue", "`NAME` of the queue that it would come to")
	f.job = optText(fs, "job", "a job that is here, by its `NUMBER`, instead of all the rest")
	f.claimed = optRaw(fs, "claimed", "the user that the client claims, `NAME`")
	f.door = optText(fs, "door", "`lpd|ipp` how it would come")
	f.account = optRaw(fs, "account", "job-accounting-user-id of IPP, `NAME`")
	f.pjlUser = optRaw(fs, "pjl-user", "@PJL SET USERNAME, `NAME`")
	f.pjlAcct = optRaw(fs, "pjl-acct", "@PJL SET JOBATTR=\"JobAcct1=...\", `NAME`")
	f.pjlComment = optRaw(fs, "pjl-comment", "@PJL COMMENT \"Username: ...\", `NAME`")
	f.psFor = optRaw(fs, "for", "%%For of PostScript, `NAME`")
	f.banner = optRaw(fs, "banner", "the banner name of LPR, `NAME`")
	f.client = optText(fs, "host", "`ADDRESS` of the computer")
	f.computer = optText(fs, "computer", "what the computer calls itself, `NAME`")
	f.proven = optText(fs, "proven", "whom the door has proof of, `LOGIN`")
	f.document = optText(fs, "document", "a document as the client would send it, `FILE`, - for standard input")
}

// optRaw takes a name as it is: what surrounds it is part of the question.
func optRaw(fs *flag.FlagSet, name, usage string) *opt[string] {
	return addOpt(fs, name, usage, func(s, _ string) (string, error) { return s, nil })
}

func explainCommand() *command {
	f := &explainFlags{}
	return &command{
		name: "owner explain", summary: "say whose a job would be, or why one has the owner it has, step by step", flags: f.add,
		more: "Nothing is printed and nothing is changed. Of a document only the beginning is looked at.",
		examples: []string{
			`owner explain --queue secure --claimed 'CORP\jürgen'`,
			"owner explain --queue erp --claimed sapadm --host 10.1.2.17 --document form.prn", "owner explain --job 17",
		},
		head: &beginning{name: func() string { return f.document.value }, most: pdl.HeadOctets},
		admin: func(ctx context.Context, a *admin, c *call) error {
			if f.job.given {
				return a.explainJob(ctx, c, f.job.value)
			}
			return a.explainFacts(ctx, c, f)
		},
	}
}

// explained is the answer of owner explain.
type explained struct {
	Queue     string            `json:"queue"`
	Owner     string            `json:"owner"` // login, "" unclaimed
	Rule      string            `json:"rule"`
	Tried     []directory.Tried `json:"tried"`
	Unclaimed string            `json:"unclaimed,omitempty"` // what becomes of it, when nobody owns it
	Job       int64             `json:"job,omitempty"`
	Stored    string            `json:"stored,omitempty"` // what stands at the job
	StoredTo  string            `json:"stored_owner,omitempty"`
	Removed   bool              `json:"stored_owner_removed,omitempty"`
	Notes     []string          `json:"notes,omitempty"` // what is not known any longer
}

func (a *admin) explainFacts(ctx context.Context, c *call, f *explainFlags) error {
	q, err := a.ownerQueue(ctx, f.queue)
	if err != nil {
		return err
	}
	o := job.Origin{Door: orElse(f.door.value, "lpd"), Queue: q.Name}
	if o.Door != "lpd" && o.Door != "ipp" {
		return usagef("--door is lpd or ipp")
	}
	if f.client.value != "" {
		if o.Client, err = netip.ParseAddr(f.client.value); err != nil {
			return usagef("--host is the address of the computer, such as 10.1.2.17; its name goes with --computer")
		}
	}
	if f.proven.value != "" {
		u, err := a.user(ctx, f.proven.value)
		if err != nil {
			return err
		}
		o.User = u.ID
	}
	t := job.Ticket{Claimed: f.claimed.value, Account: f.account.value, Banner: f.banner.value, Host: f.computer.value,
		Cut: o.Door == "lpd" && len(f.claimed.value) == cutAt}
	var heads [][]byte
	if c.in != nil && f.document.value != "" {
		head, err := io.ReadAll(io.LimitReader(c.in, pdl.HeadOctets))
		if err != nil {
			return err
		}
		heads = append(heads, head)
	}
	facts := intake.OwnerFacts(o, t, heads)
	f.pjlUser.apply(&facts.PJLUser)
	f.pjlAcct.apply(&facts.PJLAcct)
	f.pjlComment.apply(&facts.PJLComment)
	f.psFor.apply(&facts.PSFor)
	x, err := a.explainOwner(ctx, &q, facts)
	if err != nil {
		return err
	}
	return x.print(c)
}

// cutAt is where clients cut the names of a control file (RFC 1179, section 7).
const cutAt = 31

func (a *admin) explainOwner(ctx context.Context, q *site.Queue, f directory.Facts) (explained, error) {
	set, err := a.scope.Settings(ctx)
	if err != nil {
		return explained{}, err
	}
	rules, broken := intake.OwnerRules(q, &set)
	m, err := directory.Owner(ctx, a.scope, f, rules)
	if err != nil {
		return explained{}, err
	}
	x := explained{Queue: q.Name, Owner: m.User.Login, Rule: m.Rule, Tried: m.Tried}
	if !m.Owned() {
		x.Unclaimed = unclaimedText(q)
	}
	if broken != nil {
		x.Notes = append(x.Notes, "Some rules of this queue cannot be read and are left out: "+broken.Error())
	}
	return x, nil
}

// explainJob looks at a job again, as far as what it brought is still here.
func (a *admin) explainJob(ctx context.Context, c *call, number string) error {
	j, err := a.job(ctx, number)
	if err != nil {
		return err
	}
	q, err := a.scope.Queue(ctx, j.Queue)
	if fault.Is(err, fault.NotFound) {
		x := explained{Queue: j.QueueName, Job: j.ID, Stored: j.OwnerRule, StoredTo: j.OwnerName, Removed: ownerGone(&j), Tried: []directory.Tried{},
			Notes: []string{"Its queue was removed, and the rules by which it got its owner with it."}}
		return x.print(c)
	}
	if err != nil {
		return err
	}
	heads, notes := a.heads(&j)
	if j.State.Done() {
		notes = append(notes, "Banner name, job-accounting-user-id and unknown lines of the control file are forgotten with the title of the job.")
	}
	if j.Origin.User == "" && len(a.place.cfg.IPP.Believed) > 0 && j.Origin.Door == "ipp" {
		notes = append(notes, "Whether its host was believed when it came is not kept; here it counts as any host.")
	}
	x, err := a.explainOwner(ctx, &q, intake.OwnerFacts(j.Origin, j.Ticket, heads))
	if err != nil {
		return err
	}
	x.Job, x.Stored, x.StoredTo, x.Removed = j.ID, j.OwnerRule, j.OwnerName, ownerGone(&j)
	x.Notes = append(x.Notes, notes...)
	return x.print(c)
}

// heads are the beginnings of a job's documents, and what is missing of them.
func (a *admin) heads(j *job.Job) (heads [][]byte, notes []string) {
	gone := 0
	for _, d := range j.Documents {
		head, err := a.head(d)
		if err != nil {
			gone++
			continue
		}
		heads = append(heads, head)
	}
	if gone > 0 {
		notes = append(notes, counted(gone, "document", "documents")+" of it cannot be read any longer, so what stood there is not known.")
	}
	return heads, notes
}

func (a *admin) head(d job.Document) (head []byte, err error) {
	if d.File == "" {
		return nil, errors.New("erased")
	}
	r, err := a.spool.Reader(a.scope.Tenant(), d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, pdl.HeadOctets))
}

func (x *explained) print(c *call) error {
	if c.json {
		return writeJSON(c.out, x)
	}
	if x.Rule != "" {
		x.printSteps(c)
	}
	if x.Job != 0 {
		nobody := "nobody"
		if x.Removed {
			nobody = textGone
		}
		fmt.Fprintf(c.out, "At job %d stands %s: %s\n", x.Job, plain(orElse(x.StoredTo, nobody)), plain(x.Stored))
	}
	for _, note := range x.Notes {
		fmt.Fprintf(c.out, "%s\n", plain(note))
	}
	return nil
}

// printSteps says what every step came to, and what of it.
func (x *explained) printSteps(c *call) {
	n, step := 0, ""
	for _, t := range x.Tried {
		if n == 0 || t.Step != step || t.Raw == "" {
			n++
			fmt.Fprintf(c.out, "%4d. %s%s\n", n, plain(t.From), triedText(t))
		} else {
			fmt.Fprintf(c.out, "      %s\n", strings.TrimPrefix(triedText(t), ": "))
		}
		step = t.Step
	}
	fmt.Fprintln(c.out)
	if x.Owner != "" {
		fmt.Fprintf(c.out, "The owner is %s: %s\n", plain(x.Owner), plain(x.Rule))
	} else {
		fmt.Fprintf(c.out, "Nobody owns it: %s\n%s\n", plain(x.Rule), plain(x.Unclaimed))
	}
}

// ownerGone reports whether a job has an owner of whom no more is known.
func ownerGone(j *job.Job) bool { return j.OwnerName == "" && !j.Unclaimed() }

const textGone = "somebody who was removed here since"

func triedText(t directory.Tried) string {
	switch {
	case t.Raw == "":
		return " " + t.Result
	case t.Form == "" || t.Form == t.Raw:
		return fmt.Sprintf(": %s %s", quoted(t.Raw), plain(t.Result))
	}
	return fmt.Sprintf(": %s, that is %s, %s", quoted(t.Raw), quoted(t.Form), plain(t.Result))
}

// quoted shows where a name begins and ends, and its letters as they are.
func quoted(s string) string { return "“" + plain(s) + "”" }
