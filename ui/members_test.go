package ui

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"platen/directory"
	"platen/fault"
)

// fakeMembers has the people of the desk, sessions in memory, a provider that says
// yes and a ticket that reads "Negotiate LOGIN".
type fakeMembers struct {
	desk *fakeDesk
	now  func() time.Time

	mu       sync.Mutex
	ways     Ways
	sessions map[string]*directory.WebSession // by token
	tries    int
	pending  string   // what Finish wants to see
	comes    string   // who comes back from the provider
	roles    []string // with these
	first    string   // the token for the first administrator, "" none
}

const (
	memberIdle = 30 * time.Minute
	memberLife = 12 * time.Hour
)

func (f *fakeMembers) Ways(context.Context) (Ways, error) { return f.ways, nil }

func (f *fakeMembers) Prove(_ context.Context, login, password string, _ netip.Addr) (directory.User, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries++
	if f.tries > 3 {
		return directory.User{}, &directory.Throttled{RetryAfter: time.Minute, Err: &fault.Error{Op: "fake", Kind: fault.Unavailable, Text: "Too many attempts. Please wait %d seconds and try again.", Args: []any{60}}}
	}
	u, ok := f.desk.users[strings.ToLower(login)]
	switch {
	case login == "" || password == "":
		return directory.User{}, &fault.Error{Op: "fake", Kind: fault.Denied, Text: "Please type both your user name and your PIN or password."}
	case !ok || u.password != password:
		return directory.User{}, &directory.Refused{Reason: directory.ReasonWrong, Err: denied("That did not match. Please try again, or ask the help desk.")}
	}
	f.tries = 0
	return u.User, nil
}

func (f *fakeMembers) Negotiate(w http.ResponseWriter, r *http.Request) (directory.User, bool, error) {
	login, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Negotiate ")
	if !ok {
		return directory.User{}, false, nil
	}
	u, known := f.desk.users[login]
	if !known {
		return directory.User{}, false, denied("Signing in with Kerberos did not work. Please sign in with your user name and password.")
	}
	w.Header().Set("WWW-Authenticate", "Negotiate reply")
	return u.User, true, nil
}

func (f *fakeMembers) Begin(_ context.Context, redirect string) (to, pending string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ways.OIDC == "" {
		return "", "", &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "There is no such page here."}
	}
	f.pending = rand.Text()
	return "https://login.example.com/auth?" + url.Values{"redirect_uri": {redirect}, "state": {"s"}}.Encode(), f.pending, nil
}

func (f *fakeMembers) Finish(_ context.Context, _, pending string, query url.Values) (directory.User, []string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if pending == "" || pending != f.pending || query.Get("state") != "s" {
		return directory.User{}, nil, denied("This sign-in has expired or was used already. Please sign in again.")
	}
	f.pending = ""
	u, ok := f.desk.users[f.comes]
	if !ok {
		return directory.User{}, nil, denied("Nobody here is known by the account with which you have signed in. Please ask the administrator.")
	}
	return u.User, f.roles, nil
}

func (f *fakeMembers) FirstToken(_ context.Context, token string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if token == "" || token != f.first {
		return &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "There is no such page here."}
	}
	return nil
}

func (f *fakeMembers) First(ctx context.Context, token, login, password string) (directory.User, error) {
	if err := f.FirstToken(ctx, token); err != nil {
		return directory.User{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(password) < 12 {
		return directory.User{}, &fault.Error{Op: "fake", Kind: fault.Invalid, Text: "The password has fewer than %d characters.", Args: []any{12}}
	}
	u := fakeUser{directory.User{ID: "u-" + login, Login: login, Enabled: true, Source: "local", Rights: []directory.Right{directory.Administer}}, password, ""}
	f.desk.users[login], f.first = &u, ""
	return u.User, nil
}

func (f *fakeMembers) Start(_ context.Context, x directory.WebSession, before string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, before)
	if f.sessions == nil {
		f.sessions = map[string]*directory.WebSession{}
	}
	x.ID, x.Created, x.Seen = fmt.Sprintf("w-%d", len(f.sessions)+1), f.now(), f.now()
	x.Expires = x.Created.Add(memberLife)
	token := "member-token-" + rand.Text()
	f.sessions[token] = &x
	return token, nil
}

func (f *fakeMembers) Member(_ context.Context, token string) (Member, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.sessions[token]
	if x == nil || !x.Lives(f.now(), memberIdle) {
		return Member{}, denied("You are signed out. Please sign in again.")
	}
	x.Seen = f.now()
	for _, u := range f.desk.users {
		if u.ID != x.User || !u.Enabled {
			continue
		}
		var roles []directory.Role
		for _, name := range x.Roles {
			r, _ := directory.RoleNamed(nil, name)
			roles = append(roles, r)
		}
		m := Member{User: u.User.WithRoles(roles), Session: *x}
		m.User.Source, m.User.From = "local", "local"
		for _, r := range directory.BuiltInRoles() {
			if m.User.May(r.Rights[0]) {
				m.Roles = append(m.Roles, r.Name)
			}
		}
		return m, nil
	}
	return Member{}, denied("You are signed out. Please sign in again.")
}

func (f *fakeMembers) End(_ context.Context, _ Member, token string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, token)
	return nil
}

func (f *fakeMembers) Sessions(_ context.Context, user string) (list []directory.WebSession, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.sessions {
		if x.User == user {
			list = append(list, *x)
		}
	}
	slices.SortFunc(list, func(a, b directory.WebSession) int { return strings.Compare(b.ID, a.ID) })
	return list, nil
}

func (f *fakeMembers) EndOne(_ context.Context, m Member, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for token, x := range f.sessions {
		if x.ID == id && x.User == m.User.ID {
			delete(f.sessions, token)
			return nil
		}
	}
	return &fault.Error{Op: "fake", Kind: fault.NotFound}
}

// member signs somebody in at a browser of their own.
func (h *house) member(login, password, next string) pageGot {
	h.t.Helper()
	page := h.get("/sign-in?" + url.Values{"next": {next}}.Encode())
	return h.postMine(page, "/sign-in", url.Values{"user": {login}, "secret": {password}, "next": {next}})
}

// staff adds people with rights: sam helps, rita reads reports, ada administers.
func (h *house) staff() {
	h.change(func() {
		for login, right := range map[string]directory.Right{"sam": directory.Support, "rita": directory.Report, "ada": directory.Administer} {
			h.desk.users[login] = &fakeUser{directory.User{ID: "u-" + login, Login: login, Enabled: true, Source: "local", Rights: []directory.Right{right}}, login, ""}
		}
	})
}
