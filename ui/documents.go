package ui

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

// perPage is how many documents one page lists: a page must stay light.
const perPage = 25

// section is a part of the list: documents in the same situation.
type section struct {
	Title string
	Kind  string // "ask", "held", "moving", "done"
	Jobs  []job.View

	Owner string // login of whose they are, "" the person's own
	Ready int    // of somebody else's, how many can be released without a PIN
}

// notices are what a page says after something was done.
var notices = map[string]string{
	"deleted": "Deleted.",
	"kept":    "Kept longer.",
	"printed": "Thank you. The document is done.",
	"claimed": "It is yours now, and stands in your list.",
	"known":   "It is yours now. What comes under this name from now on is yours as well.",
	"allow":   "From now on this person may print your documents.",
	"refuse":  "Nobody else prints your documents because of that.",
}

// jobs lists the person's documents.
func (s *Server) jobs(v *visit) error {
	if choose := v.r.URL.Query().Get("lang"); s.Catalog.Find(choose) != nil {
		return v.chooseLanguage(choose, "jobs")
	}
	var n *notice
	if key, ok := notices[v.r.URL.Query().Get("did")]; ok {
		n = &notice{"good", v.say.Text(key)}
	}
	return s.jobsPage(v, http.StatusOK, n)
}

func (s *Server) jobsPage(v *visit, status int, n *notice) error {
	all, err := s.Desk.Jobs(v.ctx(), v.session)
	if err != nil {
		return err
	}
	p := struct {
		sheet
		Sections   []section
		Ready      int // how many can be released here now
		PINs       int // how many more with their PIN
		Held       int
		Others     bool // there are documents of others
		MayDelete  bool
		Asked      []directory.Delegation
		Any        bool
		MayGlass   bool
		Unclaimed  bool   // there are documents that nobody owns and that may be the person's
		Prev, Next string // other pages of the list, "" none
	}{sheet: v.sheet("Your documents"), Any: len(all) > 0, MayGlass: v.session.User.May(directory.BreakGlass)}
	p.Notice = n
	v.watch(&p.sheet)
	found, err := s.Desk.Unclaimed(v.ctx(), v.session)
	if err != nil { // the list is worth more
		s.Log.Warn("ui: unclaimed documents could not be looked for", "error", err)
	}
	p.Unclaimed = len(found) > 0
	if p.Asked, err = s.Desk.Asked(v.ctx(), v.session); err != nil { // the list is worth more
		s.Log.Warn("ui: nobody knows what asks for consent", "error", err)
	}
	p.Asked = p.Asked[:min(len(p.Asked), 1)] // one at a time: a panel is small
	for _, j := range all {
		p.Others, p.MayDelete = p.Others || j.For != "", p.MayDelete || j.CanDelete && kindOf(j) == "held"
		switch {
		case j.For != "":
		case j.Releasable && j.NeedsPIN:
			p.PINs++
		case j.Releasable:
			p.Ready++
		}
		if kindOf(j) == "held" {
			p.Held++
		}
	}
	slices.SortStableFunc(all, func(a, b job.View) int { // the own ones first: their For is empty
		return cmp.Or(cmp.Compare(a.For, b.For), byOwner(a, b), cmp.Compare(rank(a), rank(b)))
	})
	from, to := v.window(len(all))
	if from > 0 {
		p.Prev = p.Base + "jobs?from=" + strconv.Itoa(max(0, from-perPage))
	}
	if to < len(all) {
		p.Next = p.Base + "jobs?from=" + strconv.Itoa(to)
	}
	p.Sections = sections(all[from:to], p.sheet)
	return v.render(status, "jobs.html", p)
}

// window returns which part of a list of n the page shows.
func (v *visit) window(n int) (from, to int) {
	from, err := strconv.Atoi(v.r.URL.Query().Get("from"))
	if err != nil || from < 0 || from >= n {
		from = 0
	}
	return from, min(n, from+perPage)
}

var order = []string{"ask", "held", "moving", "done"}

func rank(j job.View) int { return slices.Index(order, kindOf(j)) }

// byOwner keeps together what two people have who are called alike.
func byOwner(a, b job.View) int {
	if a.For == "" {
		return 0
	}
	return cmp.Compare(a.Owner, b.Owner)
}

// kindOf puts a document into its section. What may have printed comes first:
// only its owner can say.
func kindOf(j job.View) string {
	switch j.Status {
	case job.StatusUncertain:
		return "ask"
	case job.StatusHeld:
		return "held"
	case job.StatusQueued, job.StatusSending:
		return "moving"
	}
	return "done"
}

var sectionTitles = map[string]string{
	"ask": "Did it print?", "held": "Waiting for you", "moving": "On the way", "done": "Done",
}

func sections(jobs []job.View, p sheet) []section {
	var list []section
	for _, j := range jobs {
		next := section{Title: p.T(sectionTitles[kindOf(j)]), Kind: kindOf(j)}
		if j.For != "" {
			next.Owner, next.Title = j.Owner, p.T("For %s", p.Plain(j.For))
			if next.Kind != "held" {
				next.Title += ": " + p.T(sectionTitles[next.Kind])
			}
		}
		if n := len(list); n == 0 || list[n-1].Kind != next.Kind || list[n-1].Owner != next.Owner {
			list = append(list, next)
		}
		last := &list[len(list)-1]
		last.Jobs = append(last.Jobs, j)
		if j.For != "" && j.Releasable && !j.NeedsPIN {
			last.Ready++
		}
	}
	return list
}

// find returns one of the person's documents.
func (s *Server) find(v *visit, id int64) (job.View, error) {
	all, err := s.Desk.Jobs(v.ctx(), v.session)
	if err != nil {
		return job.View{}, err
	}
	for _, j := range all {
		if j.ID == id {
			return j, nil
		}
	}
	return job.View{}, &fault.Error{Op: "ui.job", Kind: fault.NotFound, Text: "This document is not in your list."}
}

// job shows one document.
func (s *Server) job(v *visit) error {
	id, err := strconv.ParseInt(v.path("id"), 10, 64)
	if err != nil {
		return &fault.Error{Op: "ui.job", Kind: fault.NotFound, Text: "This document is not in your list.", Err: err}
	}
	j, err := s.find(v, id)
	if err != nil {
		return err
	}
	p := struct {
		sheet
		Job    job.View
		Kind   string
		Why    string
		Many   []int
		AskPIN bool // a button of this page prints, and needs the PIN of the document
	}{v.sheet("Document"), j, kindOf(j), v.say.Text(j.WhyNot), otherCopies(j), j.NeedsPIN && (j.Releasable || j.CanAgain || j.CanResolve)}
	if j.WhyNot == "" {
		p.Why = ""
	}
	p.Languages = nil
	v.watch(&p.sheet)
	return v.render(http.StatusOK, "job.html", p)
}

// otherCopies are the numbers of copies to choose from, without the one that
// the document has anyway.
func otherCopies(j job.View) []int {
	many := []int{1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50}
	return slices.DeleteFunc(many, func(n int) bool { return j.Copies != nil && *j.Copies == n })
}

// act does what a button of the list or of a document says.
func (s *Server) act(v *visit) error {
	what := cmp.Or(v.field("do"), v.path("act"))
	if what == "look" || what == "act" {
		return v.see("jobs") // Enter somewhere in the form, and no button
	}
	ids, err := v.ids()
	if err != nil {
		return err
	}
	if what != "all" && len(ids) == 0 && !strings.HasPrefix(what, allFor) {
		err = &fault.Error{Op: "ui.act", Kind: fault.Invalid, Text: "Please choose a document first."}
	} else {
		err = s.do(v, what, ids)
	}
	if n, ok := v.aboutPIN(err); ok {
		return s.askPINs(v, what, ids, n, answerTo(err))
	}
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict, fault.NotFound, fault.TooLarge, fault.Denied:
		if isSignedOut(err) {
			return errSignedOut
		}
		key, args := fault.Sentence(err)
		return s.jobsPage(v, answerTo(err).status, &notice{"bad", v.say.Text(key, args...)})
	}
	return err
}

// allFor begins what the button says that releases all of somebody else; their login
// follows.
const allFor = "for:"

func (s *Server) do(v *visit, what string, ids []int64) error {
	key, pins := v.field("once"), v.pins(ids)
	if login, ok := strings.CutPrefix(what, allFor); ok {
		r, err := s.Desk.ReleaseFor(v.ctx(), v.session, login, job.Options{}, nil, key)
		return v.follow(r, err)
	}
	switch what {
	case "all":
		r, err := s.Desk.ReleaseAll(v.ctx(), v.session, job.Options{}, nil, key)
		return v.follow(r, err)
	case "release":
		o, err := v.options()
		if err != nil {
			return err
		}
		r, err := s.Desk.Release(v.ctx(), v.session, ids, o, pins, key)
		return v.follow(r, err)
	case "repeat":
		o, err := v.options()
		if err != nil {
			return err
		}
		r, err := s.Desk.PrintAgain(v.ctx(), v.session, ids[0], o, pins, key)
		return v.follow(r, err)
	case "again":
		r, err := s.Desk.Resolve(v.ctx(), v.session, ids[0], true, pins, key)
		return v.follow(r, err)
	case "printed":
		_, err := s.Desk.Resolve(v.ctx(), v.session, ids[0], false, nil, key)
		return v.back("printed", err)
	case "keep":
		return v.back("kept", s.Desk.Keep(v.ctx(), v.session, ids))
	case "delete":
		if v.field("sure") == "" {
			return s.confirm(v, ids)
		}
		return v.back("deleted", s.Desk.Delete(v.ctx(), v.session, ids))
	}
	return &fault.Error{Op: "ui.act", Kind: fault.Invalid, Text: "That could not be read."}
}

// follow shows how a release goes on.
func (v *visit) follow(r job.Release, err error) error {
	if err != nil {
		return err
	}
	to := "releases/" + url.PathEscape(r.ID)
	if r.Left > 0 {
		to += "?left=" + strconv.Itoa(r.Left)
	}
	return v.see(to)
}

func (v *visit) back(did string, err error) error {
	if err != nil {
		return err
	}
	return v.see("jobs?did=" + did)
}

func isSignedOut(err error) bool {
	key, _ := fault.Sentence(err)
	return key == errSignedOut.Text
}

// options reads what the person chose beside the button.
func (v *visit) options() (job.Options, error) {
	o := job.Options{Sides: v.field("sides")}
	if text := v.field("copies"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 9999 {
			return o, &fault.Error{Op: "ui.options", Kind: fault.Invalid, Text: "That is no number of copies.", Err: err}
		}
		o.Copies = n
	}
	switch o.Sides {
	case "", "one-sided", "two-sided-long-edge", "two-sided-short-edge":
		return o, nil
	}
	return o, &fault.Error{Op: "ui.options", Kind: fault.Invalid, Text: "That could not be read."}
}

// confirm asks once before something is deleted.
func (s *Server) confirm(v *visit, ids []int64) error {
	all, err := s.Desk.Jobs(v.ctx(), v.session)
	if err != nil {
		return err
	}
	p := struct {
		sheet
		Jobs []job.View
	}{sheet: v.sheet("Delete?")}
	for _, j := range all {
		if slices.Contains(ids, j.ID) {
			p.Jobs = append(p.Jobs, j)
		}
	}
	if len(p.Jobs) == 0 {
		return &fault.Error{Op: "ui.confirm", Kind: fault.NotFound, Text: "This document is not in your list."}
	}
	v.watch(&p.sheet)
	return v.render(http.StatusOK, "confirm.html", p)
}

// item is one line of a release's page.
type item struct {
	Name, State, Reason, Kind string // Kind: "busy", "good", "bad"
}

// While something is on its way, the page looks again every two seconds, and
// for so many times that counts as a sign of life: who waits for paper does
// not press anything. Then the session is left to its end.
const (
	lookEvery = 2
	lookMost  = 15
)

// status shows how the documents of a release stand.
func (s *Server) status(v *visit) error {
	r, err := s.Desk.ReleaseStatus(v.ctx(), v.session, v.path("release"))
	if err != nil {
		return err
	}
	names, err := s.names(v)
	if err != nil {
		return err
	}
	p := struct {
		sheet
		Items []item
		Busy  bool
		Bad   bool
		Left  int
		PINs  int    // how many documents were left because they need their PIN
		Wrong string // what keeps the device from printing, while something is on its way
	}{sheet: v.sheet("Printing"), Left: v.left(), PINs: v.number("left", 9999)}
	for _, it := range r.Items {
		i := v.item(p.sheet, it, names)
		p.Items = append(p.Items, i)
		p.Busy, p.Bad = p.Busy || i.Kind == "busy", p.Bad || i.Kind == "bad"
	}
	p.Languages = nil
	p.Refresh = &refresh{p.Left, p.Base + "still"}
	if p.Busy {
		p.Refresh = v.lookAgain(p.sheet)
		if p.Wrong, err = s.trouble(v); err != nil {
			return err
		}
	}
	return v.render(http.StatusOK, "status.html", p)
}

func (v *visit) lookAgain(p sheet) *refresh {
	looked := v.number("looked", lookMost)
	q := url.Values{"looked": {strconv.Itoa(looked + 1)}}
	if left := v.number("left", 9999); left > 0 {
		q.Set("left", strconv.Itoa(left))
	}
	if looked+1 >= lookMost {
		q.Set("quiet", "")
	}
	return &refresh{lookEvery, p.Base + "releases/" + url.PathEscape(v.path("release")) + "?" + q.Encode()}
}

// number is a small number of the page's address, 0 when it is none.
func (v *visit) number(name string, most int) int {
	n, err := strconv.Atoi(v.r.URL.Query().Get(name))
	if err != nil || n < 0 {
		return 0
	}
	return min(n, most)
}

func (s *Server) names(v *visit) (map[int64]job.View, error) {
	all, err := s.Desk.Jobs(v.ctx(), v.session)
	if err != nil {
		return nil, err
	}
	names := make(map[int64]job.View, len(all))
	for _, j := range all {
		names[j.ID] = j
	}
	return names, nil
}

func (v *visit) item(p sheet, it job.ReleaseItem, names map[int64]job.View) item {
	j := names[it.Job]
	j.ID, j.Title = it.Job, cmp.Or(j.Title, it.Title)
	i := item{Name: p.Name(j), State: p.State(it.Status), Reason: p.T(it.Reason), Kind: "bad"}
	switch it.Status {
	case job.StatusQueued, job.StatusSending:
		i.Kind = "busy"
	case job.StatusPrinted, job.StatusNotConfirmed:
		i.Kind = "good"
	case job.StatusHeld:
		i.State = p.T("Held again")
	}
	return i
}
