package ui

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

// fakeTrusts keeps delegations in memory.
type fakeTrusts struct {
	mu    sync.Mutex
	list  []directory.Delegation
	calls []string
}

func (f *fakeTrusts) where(is func(directory.Delegation) bool) (list []directory.Delegation, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.list {
		if is(d) {
			list = append(list, d)
		}
	}
	return list, nil
}

func (f *fakeTrusts) Given(_ context.Context, u directory.User) ([]directory.Delegation, error) {
	return f.where(func(d directory.Delegation) bool { return d.Owner == u.ID })
}

func (f *fakeTrusts) Received(_ context.Context, u directory.User) ([]directory.Delegation, error) {
	return f.where(func(d directory.Delegation) bool { return d.Delegate == u.ID })
}

func (f *fakeTrusts) Give(_ context.Context, u directory.User, login string, titles bool, until time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if login != "ben" {
		return &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "There is nobody with this user name here."}
	}
	f.calls = append(f.calls, fmt.Sprintf("%s gives %s titles=%v until=%v", u.Login, login, titles, !until.IsZero()))
	f.list = append(f.list, directory.Delegation{ID: "x-" + login, Owner: u.ID, Delegate: "u-ben", DelegateName: "Ben Secretary", Titles: titles, Consented: time.Unix(1, 0), Until: until})
	return nil
}

func (f *fakeTrusts) change(u directory.User, id, what string, do func(i int)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.list, func(d directory.Delegation) bool { return d.ID == id && d.Owner == u.ID })
	if i < 0 {
		return &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "There is no such delegation."}
	}
	f.calls = append(f.calls, u.Login+" "+what+" "+id)
	do(i)
	return nil
}

func (f *fakeTrusts) Allow(_ context.Context, u directory.User, id string) error {
	return f.change(u, id, "allows", func(i int) { f.list[i].Consented = time.Unix(1, 0) })
}

func (f *fakeTrusts) End(_ context.Context, u directory.User, id string) error {
	return f.change(u, id, "ends", func(i int) { f.list = slices.Delete(f.list, i, i+1) })
}

// lets has anna let ben release her documents, a ward ask for that, and a chief let
// her.
func (h *house) lets() {
	h.change(func() {
		h.trusts.list = []directory.Delegation{
			{ID: "x-1", Owner: "u-anna", Delegate: "u-ben", DelegateName: "Ben Secretary", Titles: true, Consented: time.Unix(1, 0)},
			{ID: "x-2", Owner: "u-anna", Delegate: "g-1", DelegateName: "Ward 3", ToGroup: true, Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.Local)},
			{ID: "x-3", Owner: "u-chief", Delegate: "u-anna", OwnerName: "Dr. Chief", DelegateName: "Anna Bell", Consented: time.Unix(1, 0)},
			{ID: "x-4", Owner: "u-anna", Delegate: "u-old", DelegateName: "Old Friend", Consented: time.Unix(1, 0), Until: time.Unix(2, 0)},
		}
	})
}

// asks has two ask for anna's consent at the terminal.
func (h *house) asks() {
	h.change(func() {
		h.desk.asked = map[string][]directory.Delegation{"anna": {
			{ID: "x-1", DelegateName: "Ben Secretary"}, {ID: "x-2", DelegateName: "Ward 3", ToGroup: true, Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.Local)},
		}}
	})
}

// deputy lets anna release documents of a chief and of a ward.
func (h *house) deputy() {
	now := h.clock.Now()
	of := func(id int64, login, name, title, status string) job.View {
		return job.View{ID: id, UUID: fmt.Sprint("uuid-", id), Title: title, Owner: login, For: name, Queue: "secure", Status: status, Size: 90_000,
			Submitted: now.Add(-time.Hour), Expires: now.Add(90 * time.Hour), Releasable: status == job.StatusHeld, CanKeep: status == job.StatusHeld}
	}
	pinned := of(203, "chief", "Dr. Chief", "Salaries", job.StatusHeld)
	pinned.NeedsPIN = true
	h.change(func() {
		mine := h.desk.jobs["anna"]
		mine[5].By = "ben"
		h.desk.jobs["anna"] = append(mine, of(204, "ward3", "Ward 3", "", job.StatusQueued), of(201, "chief", "Dr. Chief", "Board meeting, confidential", job.StatusHeld),
			of(202, "chief", "Dr. Chief", "Travel <expenses>", job.StatusHeld), pinned)
	})
}

func TestDocumentsOfOthersInTheList(t *testing.T) {
	h := newHouse(t).enrolled()
	h.deputy()
	list := h.signIn("04A1B2C3D4")
	list.wants(t, 200, "/t/lobby/jobs", "Print all 3", "For Dr. Chief", `value="for:chief"`, "Print all 2", "Travel &lt;expenses&gt;", "For Ward 3: On the way", "Released by ben.")
	if own, chief, ward := strings.Index(list.body, "Train ticket"), strings.Index(list.body, "For Dr. Chief"), strings.Index(list.body, "For Ward 3"); own > chief || chief > ward {
		t.Errorf("in what order? %d %d %d", own, chief, ward)
	}
	h.get("/t/lobby/jobs/201").wants(t, 200, "", "Belongs to", "Dr. Chief")
	p := h.post("/t/lobby/jobs/act", url.Values{"do": {"for:chief"}, "once": {"k"}})
	p.wants(t, 200, "", "on their way")
	h.post("/t/lobby/jobs/act", url.Values{"do": {"all"}})
	h.signIn("04A1B2C3D4")
	h.post("/t/lobby/jobs/act", url.Values{"do": {"for:nobody"}}).wants(t, 403, "", "You may not release documents of this person, or not any longer.")
	h.post("/t/lobby/jobs/act", url.Values{"do": {"release"}, "id": {"101", "203"}, "pin-203": {"1234"}})
	if took := h.desk.took(); !slices.Equal(took, []string{"release [101 203] copies=0 sides="}) {
		t.Errorf("asked the desk for %q", took)
	}
}

func TestDocumentsOfOthersByAPI(t *testing.T) {
	h := newHouse(t)
	h.deputy()
	_, m := h.call("POST", terminals+"sessions", "terminal-token", `{"method":"card","value":"04A1B2C3D4"}`)
	session, _ := m["session"].(string)
	p, _ := h.call("GET", terminals+"sessions/"+session+"/jobs", "terminal-token", "")
	p.wants(t, 200, "", `"owner":"chief","for":"Dr. Chief","by":""`, `"owner":"anna","for":"","by":"ben"`)
}

func TestConsentAtThePanel(t *testing.T) {
	h := newHouse(t).enrolled()
	h.asks()
	h.signIn("04A1B2C3D4").wants(t, 200, "/t/lobby/jobs", "Ben Secretary asks to print your documents for you.")
	h.post("/t/lobby/consent", url.Values{"id": {"x-1"}, "do": {"perhaps"}}).wants(t, 200, "/t/lobby/jobs", "Ben Secretary asks")
	p := h.post("/t/lobby/consent", url.Values{"id": {"x-1"}, "do": {"allow"}})
	p.wants(t, 200, "/t/lobby/jobs?did=allow", "From now on this person may print your documents.", "Everybody in Ward 3 asks", "Until 31 Dec 2026.")
	p.lacks(t, "Ben Secretary asks")
	h.post("/t/lobby/consent", url.Values{"id": {"x-1"}, "do": {"allow"}}).wants(t, 404, "", "Nobody asks for that any longer.")
	h.post("/t/lobby/consent", url.Values{"id": {"x-2"}, "do": {"refuse"}}).wants(t, 200, "/t/lobby/jobs?did=refuse", "Nobody else prints your documents because of that.")
	if took := h.desk.took(); !slices.Equal(took, []string{"answer x-1 true", "answer x-2 false"}) {
		t.Errorf("asked the desk for %q", took)
	}
	h.change(func() { h.desk.broken = nil; h.desk.asked = nil })
	h.get("/t/lobby/jobs").lacks(t, "asks to print")
}

func TestOwnDelegations(t *testing.T) {
	h := newHouse(t)
	h.get(trustsPath).wants(t, 200, "/sign-in?next=%2Fprint%2Fmine%2Fdelegations")
	h.lets()
	signInMine(h, "anna", "anna").wants(t, 200, "", "Who may print your documents")
	p := h.get(trustsPath)
	p.wants(t, 200, trustsPath, "Ben Secretary", "Everybody in Ward 3 asks", "Dr. Chief")
	p.lacks(t, "Old Friend")
	h.postMine(p, trustsPath+"/allow", url.Values{"id": {"x-2"}}).wants(t, 200, trustsPath+"?did=allow", "From now on", "Everybody in Ward 3", "until 31 Dec 2026")
	h.postMine(p, trustsPath+"/end", url.Values{"id": {"x-1"}}).wants(t, 200, trustsPath+"?did=end", "That is over")
	h.postMine(p, trustsPath+"/end", url.Values{"id": {"x-1"}}).wants(t, 200, trustsPath+"?did=end")
	h.postMine(p, trustsPath+"/give", url.Values{"login": {" "}}).wants(t, 400, "", "Please type the user name of a colleague.")
	h.postMine(p, trustsPath+"/give", url.Values{"login": {"nobody"}}).wants(t, 404, "", "There is nobody with this user name here.", `value="nobody"`)
	h.postMine(p, trustsPath+"/give", url.Values{"login": {"ben"}, "until": {"soon"}}).wants(t, 400, "", "That is no day")
	h.postMine(p, trustsPath+"/give", url.Values{"login": {"ben"}, "titles": {"1"}, "until": {"2026-12-31"}}).wants(t, 200, trustsPath+"?did=give", "reads the titles", "until 31 Dec 2026")
	h.post(trustsPath+"/give", url.Values{"login": {"ben"}, "key": {"guessed"}}).wants(t, 403, "", "not one of ours")
	if want := []string{"anna allows x-2", "anna ends x-1", "anna gives ben titles=true until=true"}; !slices.Equal(h.trusts.calls, want) {
		t.Errorf("%q", h.trusts.calls)
	}
	// What is about somebody else's documents is nobody else's to end.
	h.postMine(p, trustsPath+"/end", url.Values{"id": {"x-3"}})
	h.postMine(p, trustsPath+"/allow", url.Values{"id": {"x-3"}}).wants(t, 404, "", "There is no such delegation.")
	h.change(func() { h.server.Trusts = nil })
	h.get(trustsPath).wants(t, 404, "", "There is no such page here.")
}
