package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// fakeDesk is a release desk in memory: one terminal, some people, what they
// printed. It keeps the promises that the pages rely on and nothing more.
type fakeDesk struct {
	now func() time.Time

	mu       sync.Mutex
	terminal site.Terminal
	device   site.Device
	settings site.Settings
	queues   []site.Queue
	secret   string // enrolment, once
	token    string // of the terminal
	users    map[string]*fakeUser
	cards    map[string]string // number to login
	sessions map[string]*directory.Session
	jobs     map[string][]job.View // by login
	tray     []job.Found           // unclaimed, offered to everybody
	releases map[string]job.Release
	keys     map[string]string // idempotency key to release
	calls    []string
	reader   bool                              // beside the terminal
	shown    *directory.Shown                  // what came of its last card
	asked    map[string][]directory.Delegation // what waits for the consent of whom, by login
	broken   error                             // what everything about jobs answers, nil nothing
	serial   int
}

type fakeUser struct {
	directory.User
	password, pin string
}

const (
	deskIdle  = 45 * time.Second
	deskWarn  = 15 * time.Second
	deskAfter = 10 * time.Second
)

func pointer[T any](v T) *T { return &v }

// newDesk has anna with documents in every situation, ben with none, and the
// help desk's hilda who may break glass.
func newDesk(now func() time.Time) *fakeDesk {
	d := &fakeDesk{
		now: now, secret: "first-secret", token: "terminal-token",
		terminal: site.Terminal{ID: "t-1", Name: "Lobby", Device: "d-1", DeviceName: "Ricoh, 2nd floor", RecallAfter: 5 * time.Minute},
		device:   site.Device{ID: "d-1", Name: "Ricoh, 2nd floor", Enabled: true, Status: site.Condition{State: "idle"}},
		settings: site.DefaultSettings(),
		queues: []site.Queue{
			{ID: "q-1", Name: "secure", Info: "Waits for you at any device.", Mode: site.Hold, AcceptJobs: true},
			{ID: "q-2", Name: "direct", Mode: site.Passthrough, AcceptJobs: true},
			{ID: "q-3", Name: "closed", Mode: site.Hold},
		},
		users: map[string]*fakeUser{}, cards: map[string]string{"04A1B2C3D4": "anna", "04E5F60718": "ben", "12345678": "ben"},
		sessions: map[string]*directory.Session{}, releases: map[string]job.Release{}, keys: map[string]string{},
	}
	for _, u := range []fakeUser{
		{directory.User{ID: "u-anna", Login: "anna", FullName: "Anna Bell", Email: "anna@example.com", Enabled: true, Rights: []directory.Right{directory.Release}}, "anna", "246810"},
		{directory.User{ID: "u-ben", Login: "ben", Enabled: true, Language: "de", Rights: []directory.Right{directory.Release}}, "ben", "13579024"},
		{directory.User{ID: "u-hilda", Login: "hilda", FullName: "Hilda Desk", Enabled: true, Rights: []directory.Right{directory.Release, directory.BreakGlass}}, "hilda", "998877"},
	} {
		d.users[u.Login] = &u
	}
	d.jobs = map[string][]job.View{"anna": annasJobs(now())}
	return d
}

func annasJobs(now time.Time) []job.View {
	held := func(id int64, title string) job.View {
		return job.View{ID: id, UUID: fmt.Sprint("uuid-", id), Title: title, Owner: "anna", Queue: "secure", Status: job.StatusHeld,
			Size: 184_320, Submitted: now.Add(-12 * time.Minute), Expires: now.Add(95 * time.Hour), Releasable: true, CanDelete: true, CanKeep: true}
	}
	a := held(101, "Quarterly figures and outlook, version 7 (final, really)")
	a.Pages, a.Copies, a.Colour, a.Duplex = pointer(24), pointer(2), pointer(true), pointer(true)
	a.CanCopies, a.CanSides = true, true
	b := held(102, "Train ticket Würzburg–Ulm")
	b.Pages, b.Colour, b.Duplex = pointer(1), pointer(false), pointer(false)
	c := held(103, "Invoice 2026-1177")
	c.Pages, c.Estimated, c.Size, c.SameAs = pointer(3), true, 2_450_000, 102
	d := held(104, "scan.prn")
	d.Releasable, d.WhyNot, d.Size = false, "It is still arriving. Please wait a moment.", 48_000_000
	e := held(105, "Contract, all appendices")
	e.Status, e.Releasable, e.CanKeep, e.CanResolve, e.Pages = job.StatusUncertain, false, false, true, pointer(86)
	f := held(99, "Minutes of Monday")
	f.Status, f.Releasable, f.CanKeep, f.CanAgain = job.StatusNotConfirmed, false, false, true
	f.Text, f.Device, f.Pages, f.Submitted = "Delivered; printing was not confirmed.", "Ricoh, 2nd floor", pointer(4), now.Add(-50*time.Hour)
	return []job.View{a, b, c, d, e, f}
}

func (d *fakeDesk) call(format string, args ...any) {
	d.calls = append(d.calls, fmt.Sprintf(format, args...))
}

// took returns what was asked for since the last time.
func (d *fakeDesk) took() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.calls
	d.calls = nil
	return c
}

func denied(text string) error {
	return &fault.Error{Op: "fake", Kind: fault.Denied, Text: text}
}

// Site.

func (d *fakeDesk) Terminals(context.Context) ([]site.Terminal, error) {
	return []site.Terminal{d.terminal}, nil
}
func (d *fakeDesk) Queues(context.Context) ([]site.Queue, error) { return d.queues, nil }
func (d *fakeDesk) Device(context.Context, string) (site.Device, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.device, nil
}
func (d *fakeDesk) Settings(context.Context) (site.Settings, error) { return d.settings, nil }

// Enrolment.

func (d *fakeDesk) EnrolTerminal(_ context.Context, secret string, client netip.Addr) (site.Terminal, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.call("enrol from %s", client)
	if d.secret == "" || secret != d.secret {
		return site.Terminal{}, "", denied("This address was used already, or it is too old. Please ask the administrator for a new one.")
	}
	d.secret = ""
	return d.terminal, d.token, nil
}

func (d *fakeDesk) Terminal(_ context.Context, token string, client netip.Addr) (site.Terminal, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if token != d.token {
		return site.Terminal{}, denied("This terminal is not enrolled. Please ask the administrator for its first address.")
	}
	for _, p := range d.terminal.Allow {
		if !p.Contains(client) {
			return site.Terminal{}, denied("This terminal may not be used from this address.")
		}
	}
	return d.terminal, nil
}

func (d *fakeDesk) PINOnly(_ context.Context, t site.Terminal, digits int) (bool, error) {
	return t.PINOnly && digits >= 6, nil
}

// Sessions.

func (d *fakeDesk) SignIn(_ context.Context, t site.Terminal, c directory.Credentials, client netip.Addr) (directory.Session, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.call("sign in %s %s", c.Method, c.User)
	if c.Value == "throttle" {
		return directory.Session{}, "", &directory.Throttled{RetryAfter: 30 * time.Second, Err: &fault.Error{Op: "fake", Kind: fault.Unavailable,
			Text: "Too many attempts. Please wait %d seconds and try again.", Args: []any{30}}}
	}
	if c.Method == directory.MethodCode { // as the release desk decides
		c.Method = directory.MethodCard
		asPIN := c
		asPIN.Method, asPIN.User = directory.MethodPIN, ""
		if d.terminal.PINOnly && isDigits(c.Value) && len(c.Value) >= 6 && d.whoLocked(c) == "" && (len(c.Value) < 8 || d.whoLocked(asPIN) != "") {
			c = asPIN
		}
	}
	u := d.users[d.whoLocked(c)]
	if u == nil {
		r := &directory.Refused{Reason: directory.ReasonWrong, Err: denied("That did not match. Please try again, or ask the help desk.")}
		if c.Method == directory.MethodCard {
			r = &directory.Refused{Reason: directory.ReasonUnknownCard, Err: denied("This card cannot sign in here. If it is yours, register it with your user name and password, or ask the help desk.")}
			if directory.RandomUID(c.Value) {
				r = &directory.Refused{Reason: directory.ReasonRandomCard, Err: denied("This card or phone shows a new number each time, so it cannot be registered. Please use another card.")}
			}
		}
		return directory.Session{}, "", r
	}
	s, token := d.openLocked(u, c.Method)
	return s, token, nil
}

func (d *fakeDesk) whoLocked(c directory.Credentials) string {
	for login, u := range d.users {
		switch {
		case c.Method == directory.MethodCard && d.cards[c.Value] == login,
			c.Method == directory.MethodPIN && c.Value == u.pin && (c.User == "" || c.User == login),
			c.Method == directory.MethodOnce && c.Value == "55667788" && login == "anna",
			c.Method == directory.MethodPassword && c.User == login && c.Value == u.password,
			c.Method == directory.MethodAsserted && d.terminal.Asserted && c.User == login:
			return login
		}
	}
	return ""
}

func (d *fakeDesk) openLocked(u *fakeUser, method string) (directory.Session, string) {
	d.serial++
	clear(d.sessions) // one person at a terminal
	token := fmt.Sprintf("session-token-%d", d.serial)
	d.sessions[token] = &directory.Session{ID: fmt.Sprint("s-", d.serial), Terminal: d.terminal.ID, Device: d.device.ID,
		User: u.User, Method: method, Started: d.now(), Seen: d.now(), Idle: deskIdle}
	return *d.sessions[token], token
}

func (d *fakeDesk) HasReader(site.Terminal) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reader
}

// show is a card at the reader beside the terminal.
func (d *fakeDesk) show(number string) {
	s, token, err := d.SignIn(context.Background(), d.terminal, directory.Credentials{Method: directory.MethodCard, Value: number, Reader: "door"}, netip.Addr{})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shown = &directory.Shown{Reading: directory.Reading{Reader: "door"}, Session: s, Token: token, Err: err}
	if r := (*directory.Refused)(nil); errors.As(err, &r) && r.Reason == directory.ReasonUnknownCard {
		d.shown.Raw = number
	}
}

func (d *fakeDesk) PickUp(context.Context, site.Terminal) (directory.Shown, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.shown
	if d.shown = nil; x == nil {
		return directory.Shown{}, false, nil
	}
	return *x, true, nil
}

func (d *fakeDesk) AwaitPickUp(ctx context.Context, t site.Terminal) (directory.Shown, bool, error) {
	d.mu.Lock()
	d.call("await")
	d.mu.Unlock()
	for ctx.Err() == nil {
		if x, ok, err := d.PickUp(ctx, t); ok || err != nil {
			return x, ok, err
		}
		time.Sleep(time.Millisecond)
	}
	return directory.Shown{}, false, nil
}

func (d *fakeDesk) RegisterCard(_ context.Context, t site.Terminal, reading directory.Reading, user, password string, _ netip.Addr) (directory.Session, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	card := reading.Raw
	d.call("register %s for %s", strings.TrimSpace(reading.Reader+" "+card), user)
	u := d.users[user]
	if u == nil || u.password != password {
		return directory.Session{}, "", &directory.Refused{Reason: directory.ReasonWrong, Err: denied("That did not match. Please try again, or ask the help desk.")}
	}
	d.cards[card] = user
	s, token := d.openLocked(u, directory.MethodCard)
	return s, token, nil
}

func (d *fakeDesk) Session(ctx context.Context, token, terminal string) (directory.Session, error) {
	s, err := d.Peek(ctx, token, terminal)
	if err != nil {
		return s, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sessions[token].Seen = d.now()
	return *d.sessions[token], nil
}

func (d *fakeDesk) Peek(_ context.Context, token, terminal string) (directory.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.sessions[token]
	if s == nil || s.Terminal != terminal || !d.now().Before(s.Expires()) {
		delete(d.sessions, token)
		return directory.Session{}, denied("You are signed out. Please sign in again.")
	}
	return *s, nil
}

func (d *fakeDesk) Stay(_ context.Context, s directory.Session) (directory.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.call("stay")
	d.restLocked(s, deskIdle)
	return s, nil
}

func (d *fakeDesk) restLocked(s directory.Session, idle time.Duration) {
	for _, x := range d.sessions {
		if x.ID == s.ID {
			x.Idle, x.Seen = idle, d.now()
		}
	}
}

func (d *fakeDesk) WarnAt(s directory.Session) time.Time {
	return s.Expires().Add(-min(deskWarn, s.Idle))
}

func (d *fakeDesk) SignOut(_ context.Context, s directory.Session) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.call("sign out %s", s.User.Login)
	clear(d.sessions)
	return nil
}

// Documents.

func (d *fakeDesk) Jobs(_ context.Context, s directory.Session) ([]job.View, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.jobs[s.User.Login]), d.broken
}

func (d *fakeDesk) release(what string, s directory.Session, ids []int64, o job.Options, key string) (job.Release, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.call("%s %v copies=%d sides=%s", what, ids, o.Copies, o.Sides)
	if d.broken != nil {
		return job.Release{}, d.broken
	}
	if id, again := d.keys[key]; again && key != "" {
		return d.releases[id], nil
	}
	d.serial++
	r := job.Release{ID: fmt.Sprint("r-", d.serial), Device: d.device.ID, User: s.User.ID, Session: s.ID, At: d.now()}
	for _, id := range ids {
		i := slices.IndexFunc(d.jobs[s.User.Login], func(j job.View) bool { return j.ID == id })
		if i < 0 && what != "glass" {
			return job.Release{}, &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "This document is not in your list."}
		}
		if i >= 0 {
			d.jobs[s.User.Login][i].Status = job.StatusQueued
			d.jobs[s.User.Login][i].Releasable = false
		}
		r.Items = append(r.Items, job.ReleaseItem{Job: id, Status: job.StatusQueued})
	}
	d.releases[r.ID], d.keys[key] = r, r.ID
	d.restLocked(s, deskAfter)
	return r, nil
}

// unlock: every PIN is 1234, and too many were typed where it is 9999.
func (d *fakeDesk) unlock(s directory.Session, ids []int64, pins job.PINs) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range d.jobs[s.User.Login] {
		if !j.NeedsPIN || !slices.Contains(ids, j.ID) {
			continue
		}
		switch pins[j.ID] {
		case "1234":
		case "":
			return &directory.Refused{Reason: directory.ReasonNeedPIN, Err: denied("This document is printed only with its PIN. Please type the PIN that was chosen for it.")}
		case "9999":
			return &directory.Throttled{RetryAfter: 30 * time.Second, Err: &fault.Error{Op: "fake", Kind: fault.Unavailable,
				Text: "Too many wrong PINs. Please wait %d seconds and try again.", Args: []any{30}}}
		default:
			return &directory.Refused{Reason: directory.ReasonWrongPIN, Err: denied("That is not the PIN of this document. Please try again.")}
		}
	}
	return nil
}

func (d *fakeDesk) Release(_ context.Context, s directory.Session, ids []int64, o job.Options, pins job.PINs, key string) (job.Release, error) {
	if err := d.unlock(s, ids, pins); err != nil {
		return job.Release{}, err
	}
	return d.release("release", s, ids, o, key)
}

func (d *fakeDesk) ReleaseAll(_ context.Context, s directory.Session, o job.Options, pins job.PINs, key string) (job.Release, error) {
	var ids []int64
	left := 0
	for _, j := range d.jobs[s.User.Login] {
		switch {
		case j.For != "":
		case j.Releasable && j.NeedsPIN && pins[j.ID] == "":
			left++
		case j.Releasable:
			ids = append(ids, j.ID)
		}
	}
	if err := d.unlock(s, ids, pins); err != nil {
		return job.Release{}, err
	}
	if left > 0 && len(ids) == 0 {
		return job.Release{}, &directory.Refused{Reason: directory.ReasonNeedPIN, Err: denied("Nothing was printed: what waits here needs its PIN. Please choose a document and type its PIN.")}
	}
	r, err := d.release("release all", s, ids, o, key)
	r.Left = left
	return r, err
}

func (d *fakeDesk) PrintAgain(_ context.Context, s directory.Session, id int64, o job.Options, pins job.PINs, key string) (job.Release, error) {
	if err := d.unlock(s, []int64{id}, pins); err != nil {
		return job.Release{}, err
	}
	return d.release("repeat", s, []int64{id}, o, key)
}

func (d *fakeDesk) Resolve(_ context.Context, s directory.Session, id int64, again bool, pins job.PINs, key string) (job.Release, error) {
	if again {
		if err := d.unlock(s, []int64{id}, pins); err != nil {
			return job.Release{}, err
		}
		return d.release("resolve", s, []int64{id}, job.Options{}, key)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.call("resolve [%d] printed", id)
	return job.Release{}, nil
}

// becomes sets how all documents of all releases stand.
func (d *fakeDesk) becomes(status, reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.releases {
		for i := range r.Items {
			r.Items[i].Status, r.Items[i].Reason = status, reason
		}
	}
}

func (d *fakeDesk) ReleaseStatus(_ context.Context, s directory.Session, id string) (job.Release, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.releases[id]
	if !ok || r.User != s.User.ID {
		return r, &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "This release is not known here."}
	}
	r.Items = slices.Clone(r.Items)
	return r, nil
}

func (d *fakeDesk) ReleaseAt(_ context.Context, t site.Terminal, id string) (job.Release, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.releases[id]
	if !ok || r.Device != t.Device {
		return r, &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "This release is not known here."}
	}
	return r, nil
}

func (d *fakeDesk) Delete(_ context.Context, s directory.Session, ids []int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.call("delete %v", ids)
	return d.broken
}

func (d *fakeDesk) Keep(_ context.Context, s directory.Session, ids []int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.call("keep %v", ids)
	return d.broken
}

// Tray.

func (d *fakeDesk) Unclaimed(context.Context, directory.Session) ([]job.Found, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.tray), d.broken
}

// Claim: every PIN is 1234, and the one of "limited" has claimed too much.
func (d *fakeDesk) Claim(_ context.Context, s directory.Session, id int64, remember bool, pins job.PINs) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.tray, func(f job.Found) bool { return f.ID == id })
	switch {
	case i < 0:
		return false, &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "This document is not in your list."}
	case d.tray[i].Claimed == "limited":
		return false, &directory.Throttled{RetryAfter: 20 * time.Minute, Err: &fault.Error{Op: "fake", Kind: fault.Unavailable,
			Text: "That was as much as one person may claim in an hour. Please wait %d minutes, or ask the help desk.", Args: []any{20}}}
	case d.tray[i].Claimed == "taken":
		return false, &fault.Error{Op: "fake", Kind: fault.Conflict, Text: "Somebody was faster: this document has an owner now, or it is gone."}
	case d.tray[i].NeedsPIN && pins[id] == "":
		return false, &directory.Refused{Reason: directory.ReasonNeedPIN, Err: denied("This document is printed only with its PIN. Please type the PIN that was chosen for it.")}
	case d.tray[i].NeedsPIN && pins[id] != "1234":
		return false, &directory.Refused{Reason: directory.ReasonWrongPIN, Err: denied("That is not the PIN of this document. Please try again.")}
	}
	d.call("claim %d remember=%v", id, remember)
	f := d.tray[i]
	d.tray = slices.Delete(d.tray, i, i+1)
	f.View.Title = "What it was called"
	d.jobs[s.User.Login] = append(d.jobs[s.User.Login], f.View)
	return remember && f.Remember, nil
}

// Deputy.

func (d *fakeDesk) ReleaseFor(_ context.Context, s directory.Session, login string, o job.Options, pins job.PINs, key string) (job.Release, error) {
	var ids []int64
	left := 0
	for _, j := range d.jobs[s.User.Login] {
		switch {
		case j.For == "" || j.Owner != login || !j.Releasable:
		case j.NeedsPIN:
			left++
		default:
			ids = append(ids, j.ID)
		}
	}
	if len(ids) == 0 {
		return job.Release{}, denied("You may not release documents of this person, or not any longer.")
	}
	r, err := d.release("release for "+login, s, ids, o, key)
	r.Left = left
	return r, err
}

func (d *fakeDesk) Asked(_ context.Context, s directory.Session) ([]directory.Delegation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked[s.User.Login], d.broken
}

func (d *fakeDesk) Answer(_ context.Context, s directory.Session, id string, allow bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.asked[s.User.Login], func(x directory.Delegation) bool { return x.ID == id })
	if i < 0 {
		return &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "Nobody asks for that any longer."}
	}
	d.call("answer %s %v", id, allow)
	d.asked[s.User.Login] = slices.Delete(d.asked[s.User.Login], i, i+1)
	return nil
}

// Glass.

func (d *fakeDesk) Others(_ context.Context, s directory.Session, login string) ([]job.View, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.call("others %q", login)
	var list []job.View
	for _, j := range d.jobs[login] {
		if j.Status == job.StatusHeld {
			j.Title = ""
			list = append(list, j)
		}
	}
	return list, nil
}

func (d *fakeDesk) BreakGlass(_ context.Context, s directory.Session, id int64, reason, key string) (job.Release, error) {
	if reason == "" {
		return job.Release{}, &fault.Error{Op: "fake", Kind: fault.Invalid, Text: "Please say why. The reason is kept in the history of the document."}
	}
	return d.release("glass", s, []int64{id}, job.Options{}, key)
}

// fakeIntake keeps what programs print.
type fakeIntake struct {
	mu    sync.Mutex
	jobs  []job.Job
	limit int64
	err   error // of Open
	gone  int   // abandoned

	opened chan struct{} // gets a word for each Open, when there is one
}

type fakeArrival struct {
	in   *fakeIntake
	o    job.Origin
	doc  job.Document
	body []byte
	done bool
}

func (in *fakeIntake) Open(_ context.Context, o job.Origin) (job.Arrival, error) {
	if in.opened != nil {
		in.opened <- struct{}{}
	}
	return &fakeArrival{in: in, o: o}, in.err
}

func (a *fakeArrival) Document(_ context.Context, name string, r io.Reader) (int, error) {
	b, err := io.ReadAll(io.LimitReader(r, a.in.limit+1))
	if err != nil {
		return 0, fmt.Errorf("fake: %w", err)
	}
	if int64(len(b)) > a.in.limit {
		return 0, &fault.Error{Op: "fake", Kind: fault.TooLarge, Text: "The document is larger than this queue takes."}
	}
	a.body, a.doc = b, job.Document{Number: 1, Name: name, Octets: int64(len(b)), Count: job.NoCount("")}
	return 1, nil
}

func (a *fakeArrival) Submit(_ context.Context, t job.Ticket, order []job.Piece) (job.Job, error) {
	a.in.mu.Lock()
	defer a.in.mu.Unlock()
	a.done = true
	j := job.Job{ID: int64(len(a.in.jobs) + 1), UUID: job.NewUUID(), State: job.Held, Reasons: []job.Reason{job.HeldForRelease}, QueueName: a.o.Queue,
		Ticket: t, Origin: a.o, Documents: []job.Document{a.doc}, Octets: a.doc.Octets, Created: time.Now()}
	a.in.jobs = append(a.in.jobs, j)
	return j, nil
}

func (a *fakeArrival) Abandon() {
	a.in.mu.Lock()
	defer a.in.mu.Unlock()
	if !a.done {
		a.in.gone++
	}
}

func (in *fakeIntake) Job(_ context.Context, id int64) (job.Job, error) {
	return in.find(func(j job.Job) bool { return j.ID == id })
}

func (in *fakeIntake) JobByUUID(_ context.Context, uuid string) (job.Job, error) {
	return in.find(func(j job.Job) bool { return j.UUID == uuid })
}

func (in *fakeIntake) find(is func(job.Job) bool) (job.Job, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if i := slices.IndexFunc(in.jobs, is); i >= 0 {
		return in.jobs[i], nil
	}
	return job.Job{}, &fault.Error{Op: "fake", Kind: fault.NotFound}
}

// fakeTokens: "erp" prints for anna to secure only, "any" prints to every
// queue for whoever it says.
type fakeTokens struct{}

func (fakeTokens) Token(_ context.Context, text string) (site.Token, error) {
	switch text {
	case "erp":
		return site.Token{ID: "k-erp", Label: "ERP", Queue: "q-1", Owner: "u-anna"}, nil
	case "any":
		return site.Token{ID: "k-any", Label: "any"}, nil
	}
	return site.Token{}, denied("no")
}

// fakeAdmins: "reports" may read reports, "desk" helps people, "root" may everything.
type fakeAdmins struct{}

func (fakeAdmins) Token(_ context.Context, text string) (site.Token, error) {
	switch text {
	case "reports":
		return site.Token{ID: "k-reports", Kind: site.AdminToken, Label: "Grafana", Rights: []string{"report"}}, nil
	case "desk":
		return site.Token{ID: "k-desk", Kind: site.AdminToken, Label: "help desk", Rights: []string{"support"}}, nil
	case "root":
		return site.Token{ID: "k-root", Kind: site.AdminToken, Label: "root", Rights: []string{"administer"}}, nil
	}
	return site.Token{}, denied("no")
}

type fakeEvents struct {
	mu   sync.Mutex
	seen []Event
}

func (f *fakeEvents) DeviceEvent(_ context.Context, _ site.Terminal, e Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, e)
	return nil
}
