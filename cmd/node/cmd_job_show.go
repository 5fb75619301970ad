package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"platen/accounting"
	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// jobDetail is everything there is to say of one job.
type jobDetail struct {
	jobLine
	Why          string           `json:"why"`         // why it is as it is
	MayRelease   []string         `json:"may_release"` // who may release it
	OwnerRule    string           `json:"owner_rule"`  // which rule named its owner, or why none did
	OwnerRemoved bool             `json:"owner_removed,omitempty"`
	Asked        []string         `json:"asked"`         // what its ticket asks for, "sides two-sided-long-edge"
	DocumentList []job.Document   `json:"document_list"` // without names once it is done
	History      []historyLine    `json:"history"`
	Ledger       []accounting.Row `json:"ledger"`
}

type historyLine struct {
	At    time.Time `json:"at"`
	Actor string    `json:"actor"`
	Text  string    `json:"text"`
}

func (a *admin) showJob(ctx context.Context, c *call, j job.Job) error {
	d := jobDetail{jobLine: lineOf(&j), Why: whyJob(&j), Asked: askedFor(&j.Ticket), OwnerRule: j.OwnerRule, OwnerRemoved: ownerGone(&j), DocumentList: j.Documents}
	if j.State.Done() {
		for i := range d.DocumentList {
			d.DocumentList[i].Name = ""
		}
	}
	var err error
	if d.MayRelease, err = a.mayRelease(ctx, &j); err != nil {
		return err
	}
	entries, err := a.scope.History(ctx, j.ID)
	if err != nil {
		return err
	}
	for _, e := range entries {
		d.History = append(d.History, historyLine{e.At, e.Actor, fmt.Sprintf(e.Text, e.Args...)})
	}
	if d.Ledger, err = a.scope.LedgerOf(ctx, j.ID); err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, d)
	}
	return d.print(c)
}

func (d *jobDetail) print(c *call) error {
	fmt.Fprintf(c.out, "Job %d in queue %s is %s.\n", d.ID, plain(orElse(d.Queue, "(removed)")), plain(d.State))
	fmt.Fprintf(c.out, "Why: %s\n", plain(d.Why))
	switch {
	case d.Owner != "":
		fmt.Fprintf(c.out, "Its owner is %s: %s\n", plain(d.Owner), plain(d.OwnerRule))
	case d.OwnerRemoved:
		fmt.Fprintf(c.out, "Its owner is %s: %s\n", textGone, plain(d.OwnerRule))
	default:
		fmt.Fprintf(c.out, "Nobody owns it: %s\n", plain(d.OwnerRule))
	}
	fmt.Fprintf(c.out, "Step by step: platen owner explain --job %d\n", d.ID)
	for i, who := range d.MayRelease {
		fmt.Fprintf(c.out, "%s%s\n", [...]string{"Who may release it: ", "                    "}[min(i, 1)], plain(who))
	}
	fmt.Fprintln(c.out)
	err := fields(c.out, "title", d.Title, "claimed user", d.Claimed, "came", d.Door+" "+d.Client, "device", d.Device,
		"size", octets(d.Octets), "documents", strconv.Itoa(d.Documents), "pages", countText(d.Pages), "asked for", strings.Join(d.Asked, ", "), "copies", copiesText(d.DocumentList),
		"submitted", stamp(d.Submitted), "released", stampOf(d.Released), "done", stampOf(d.Completed), "expires", stampOf(d.Expires),
		"same as", sameAs(d.SameAs), "uuid", d.UUID)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out, "\nHistory:")
	for _, h := range d.History {
		fmt.Fprintf(c.out, "  %s  %s: %s\n", stamp(h.At), plain(h.Actor), plain(h.Text))
	}
	for _, r := range d.Ledger {
		fmt.Fprintf(c.out, "  %s  ledger: %s at %s, %s handed over, %s\n", stamp(r.At), r.Outcome, plain(r.DeviceName), octets(max(r.Octets, 0)), r.Evidence)
	}
	return nil
}

// askedFor is what the ticket asks for.
func askedFor(t *job.Ticket) []string {
	list := []string{}
	say := func(name, value string) {
		if value != "" {
			list = append(list, name+" "+value)
		}
	}
	if t.Copies > 0 {
		say("copies", strconv.Itoa(t.Copies))
	}
	say("sides", t.Sides)
	say("print-color-mode", t.Colour)
	say("media", t.Media)
	say("finishings", strings.Trim(fmt.Sprint(t.Finishings), "[]"))
	for _, r := range t.Ranges {
		say("page-ranges", fmt.Sprintf("%d-%d", r[0], r[1]))
	}
	say("job-hold-until", t.HoldUntil)
	if t.PIN != nil {
		say("job-password", "yes")
	}
	return list
}

// copiesText says how often the documents are handed over, "" when once.
func copiesText(docs []job.Document) string {
	most, same := 1, true
	for i := range docs {
		most = max(most, docs[i].Copies)
		same = same && docs[i].Copies == docs[0].Copies
	}
	switch {
	case most == 1:
		return ""
	case same:
		return strconv.Itoa(most)
	}
	return fmt.Sprintf("up to %d, not the same for every document", most)
}

func sameAs(id int64) string {
	if id == 0 {
		return ""
	}
	return fmt.Sprintf("job %d, which came within the hour before", id)
}

func stampOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}

// whyJob answers, in one sentence, why a job is as it is.
func whyJob(j *job.Job) string {
	switch {
	case j.Has(job.Incoming):
		return "Its document is still arriving."
	case j.State == job.Held && j.Unclaimed():
		return "No rule named an owner, so nobody can release it at a terminal until an administrator says whose it is."
	case j.State == job.Held:
		return orElse(j.Message, "Nobody has released it yet: it waits until its owner signs in at a terminal.")
	case j.State == job.Pending:
		return fmt.Sprintf("It was released and waits for device %s. %s", j.DeviceName, j.Message)
	case j.State == job.Processing:
		return fmt.Sprintf("It is being delivered to device %s. %s", j.DeviceName, j.Message)
	case j.State == job.Stopped:
		return orElse(j.Message, "Its delivery was interrupted after the first octet, so nobody knows how much came out.")
	}
	words := make([]string, len(j.Reasons))
	for i, r := range j.Reasons {
		words[i] = string(r)
	}
	return orElse(j.Message, "It is done: "+strings.Join(words, ", ")+".")
}

// mayRelease lists who can bring the job to paper, and how.
func (a *admin) mayRelease(ctx context.Context, j *job.Job) ([]string, error) {
	if j.State != job.Held && j.State != job.Stopped {
		return nil, nil
	}
	var who []string
	if !j.Unclaimed() {
		var err error
		if who, err = a.ownerMay(ctx, j); err != nil {
			return nil, err
		}
	}
	if q, err := a.scope.Queue(ctx, j.Queue); err == nil && j.Unclaimed() && j.State == job.Held && q.Asks() {
		who = append(who, "Whoever is asked at a terminal and says that it is theirs.")
	}
	deputies, err := a.deputies(ctx, j)
	if err != nil {
		return nil, err
	}
	who = append(who, deputies...)
	glass, err := a.breakers(ctx, j.Owner)
	if err != nil {
		return nil, err
	}
	if len(glass) > 0 {
		who = append(who, someOf(glass)+", with a reason, by the right break-glass.")
	}
	return append(who, fmt.Sprintf("An administrator, with a reason: platen job release %d --device NAME --reason TEXT", j.ID)), nil
}

// ownerMay says where the owner of a job can release it, as the terminals there
// would, and why not elsewhere.
func (a *admin) ownerMay(ctx context.Context, j *job.Job) ([]string, error) {
	u, err := a.scope.User(ctx, j.Owner)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case !u.Enabled:
		return []string{"Not " + u.Login + ", who is disabled."}, nil
	case !u.MaySomewhere(directory.Release):
		return []string{"Not " + u.Login + ", who does not have the right to release."}, nil
	}
	devices, err := a.withTerminals(ctx)
	if err != nil {
		return nil, err
	}
	var can, whys []string
	not := map[string][]string{} // the sentence to the devices
	for i := range devices {
		d := &devices[i]
		why := a.desk.WhyNot(j, d, &u)
		switch {
		case why == "":
			can = append(can, d.Name)
			continue
		case not[why] == nil:
			whys = append(whys, why)
		}
		not[why] = append(not[why], d.Name)
	}
	var who []string
	switch {
	case len(whys) == 0:
		who = append(who, u.Login+", at any terminal, with "+ways(&u)+".")
	case len(can) > 0:
		who = append(who, u.Login+", at the terminals of "+someOf(can)+", with "+ways(&u)+".")
	}
	for _, why := range whys {
		who = append(who, "Not "+u.Login+" at "+someOf(not[why])+": "+why+a.limits(j, &u, devices, not[why][0]))
	}
	return who, nil
}

// limits says how many pages a person may print at a device, where that could be why
// a job does not.
func (a *admin) limits(j *job.Job, u *directory.User, devices []site.Device, name string) string {
	i := slices.IndexFunc(devices, func(d site.Device) bool { return d.Name == name })
	most, from := u.Limit(directory.Place{Queue: j.Queue, Groups: devices[i].Groups})
	if most == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s at most at a time, because of the right page-limit of %s)", counted(most, "page", "pages"), from)
}

// withTerminals are the devices at which somebody can sign in; all of them, when
// there are no terminals yet.
func (a *admin) withTerminals(ctx context.Context) ([]site.Device, error) {
	devices, err := a.scope.Devices(ctx)
	if err != nil {
		return nil, err
	}
	terminals, err := a.scope.Terminals(ctx)
	if err != nil || len(terminals) == 0 {
		return devices, err
	}
	return slices.DeleteFunc(slices.Clone(devices), func(d site.Device) bool {
		return !slices.ContainsFunc(terminals, func(t site.Terminal) bool { return t.Device == d.ID })
	}), nil
}

// breakers are the logins of those who have the right break-glass everywhere, and in
// words of those who have it all together; but for one person.
func (a *admin) breakers(ctx context.Context, but string) ([]string, error) {
	users, err := a.scope.Users(ctx)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*directory.User, len(users))
	found := map[string]bool{but: true}
	var who []string
	person := func(id string) {
		if u := byID[id]; u != nil && u.Enabled && !found[id] {
			found[id] = true
			who = append(who, u.Login)
		}
	}
	for i := range users {
		byID[users[i].ID] = &users[i]
	}
	for i := range users {
		if slices.Contains(users[i].Rights, directory.BreakGlass) {
			person(users[i].ID)
		}
	}
	grants, err := a.scope.AllRights(ctx)
	if err != nil {
		return nil, err
	}
	roles, err := a.scope.Roles(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		name, isRole := strings.CutPrefix(string(g.Right), directory.RolePrefix)
		r, _ := directory.RoleNamed(roles, name)
		if g.DeviceGroup != "" || g.Queue != "" || g.Right != directory.BreakGlass && !(isRole && slices.Contains(r.Rights, directory.BreakGlass)) {
			continue
		}
		switch {
		case g.Holder == "":
			who = append(who, "everybody")
		case byID[g.Holder] != nil:
			person(g.Holder)
		case strings.HasPrefix(g.From, "source "):
			who = append(who, "everybody of "+g.From)
		default:
			if err := a.inGroup(ctx, g.Holder, map[string]bool{}, person); err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(who)
	return slices.Compact(who), nil
}

// inGroup calls person with everybody in a group, and in those in it.
func (a *admin) inGroup(ctx context.Context, group string, seen map[string]bool, person func(id string)) error {
	if seen[group] {
		return nil
	}
	seen[group] = true
	members, err := a.scope.Members(ctx, group)
	if err != nil {
		return err
	}
	for _, m := range members {
		if !m.Nested {
			person(m.ID)
		} else if err := a.inGroup(ctx, m.ID, seen, person); err != nil {
			return err
		}
	}
	return nil
}

// someOf is a list for people to read, who want to know no more than so many names.
func someOf(names []string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// ways lists what a person can sign in with.
func ways(u *directory.User) string {
	var ways []string
	if u.Cards > 0 {
		ways = append(ways, "a card")
	}
	if u.HasPIN {
		ways = append(ways, "a PIN")
	}
	if u.HasPass {
		ways = append(ways, "a password")
	}
	if len(ways) == 0 {
		return "nothing yet: there is no card, PIN or password"
	}
	return strings.Join(ways, ", or ")
}
