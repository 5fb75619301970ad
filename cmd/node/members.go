package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/release"
	"platen/spool"
	"platen/store"
	"platen/ui"
)

// members is who signs in at a browser of their own. It outlives the servers of the
// doors, because what was shown once must not be good again after a reload.
type members struct {
	scope        store.Scope
	digests      spool.TenantKeys
	desk         *release.Service
	provider     *oidcDoor
	tickets      *ticketDoor
	certificates *certificateDoor
	now          func() time.Time
	log          *slog.Logger
}

func newMembers(scope store.Scope, keys *spool.Keys, desk *release.Service, now func() time.Time, log *slog.Logger) *members {
	m := &members{scope: scope, digests: keys.Tenant(scope.Tenant()), desk: desk, now: now, log: log}
	m.provider = &oidcDoor{scope: scope, now: now}
	m.tickets = &ticketDoor{scope: scope, now: now}
	m.certificates = &certificateDoor{scope: scope, now: now}
	return m
}

// members is the same for a command, also while no node runs.
func (a *admin) members() *members {
	if a.running != nil {
		return a.running.members
	}
	return newMembers(a.scope, a.keys, a.desk, a.now, a.log)
}

// Ways implements ui.Members.
func (m *members) Ways(ctx context.Context) (w ui.Ways, err error) {
	if o, ok, err := m.provider.setup(ctx); err != nil {
		return w, err
	} else if ok {
		w.OIDC = o.Name
	}
	k, ok, err := m.tickets.setup(ctx)
	w.Kerberos, w.Try = ok, k.Try
	return w, err
}

// Prove implements ui.Members.
func (m *members) Prove(ctx context.Context, login, password string, client netip.Addr) (directory.User, error) {
	return m.desk.Prove(ctx, login, password, client)
}

// Negotiate implements ui.Members.
func (m *members) Negotiate(w http.ResponseWriter, r *http.Request) (directory.User, bool, error) {
	return m.tickets.user(w, r)
}

// Begin implements ui.Members.
func (m *members) Begin(ctx context.Context, redirect string) (to, pending string, err error) {
	return m.provider.begin(ctx, redirect)
}

// Finish implements ui.Members.
func (m *members) Finish(ctx context.Context, redirect, pending string, query url.Values) (directory.User, []string, error) {
	return m.provider.finish(ctx, redirect, pending, query)
}

func (m *members) digest(token string) []byte { return m.digests.TokenDigest("web " + token) }

// Start implements ui.Members.
func (m *members) Start(ctx context.Context, x directory.WebSession, before string) (string, error) {
	set, err := m.scope.Settings(ctx)
	if err != nil {
		return "", err
	}
	u, err := m.scope.User(ctx, x.User)
	if err != nil {
		return "", err
	}
	x.ID, x.Created = job.NewUUID(), m.now().UTC()
	x.Seen, x.Expires = x.Created, x.Created.Add(set.WebLife)
	token := newToken()
	var old []byte
	if before != "" {
		old = m.digest(before)
	}
	if err := m.scope.StartWebSession(ctx, x, m.digest(token), old); err != nil {
		return "", err
	}
	return token, m.scope.Audit(ctx, u.Login, "sign-in", "pages", strings.TrimSpace(x.Method+" from "+x.Client))
}

// seenEvery is how often a sign of life is written down.
const seenEvery = time.Minute

// Member implements ui.Members.
func (m *members) Member(ctx context.Context, token string) (ui.Member, error) {
	over := &fault.Error{Op: "members", Kind: fault.Denied, Text: "You are signed out. Please sign in again."}
	digest := m.digest(token)
	x, err := m.scope.WebSession(ctx, digest)
	if fault.Is(err, fault.NotFound) {
		return ui.Member{}, over
	}
	if err != nil {
		return ui.Member{}, err
	}
	set, err := m.scope.Settings(ctx)
	if err != nil {
		return ui.Member{}, err
	}
	u, err := m.scope.User(ctx, x.User)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return ui.Member{}, err
	}
	now := m.now()
	if err != nil || !u.Enabled || !x.Lives(now, set.WebIdle) {
		if err := m.scope.EndWebSession(ctx, digest); err != nil && !fault.Is(err, fault.Full) {
			return ui.Member{}, err
		}
		return ui.Member{}, over
	}
	if now.Sub(x.Seen) >= min(seenEvery, set.WebIdle/2) {
		if err := m.scope.TouchWebSession(ctx, digest, now); err != nil && !fault.Is(err, fault.Full) {
			return ui.Member{}, err
		}
		x.Seen = now
	}
	return m.withRoles(ctx, u, x)
}

// withRoles adds what the roles of a session give.
func (m *members) withRoles(ctx context.Context, u directory.User, x directory.WebSession) (ui.Member, error) {
	others, err := m.scope.Roles(ctx)
	if err != nil {
		return ui.Member{}, err
	}
	var brought []directory.Role
	for _, name := range x.Roles {
		if r, ok := directory.RoleNamed(others, name); ok {
			brought = append(brought, r)
		}
	}
	member := ui.Member{User: u.WithRoles(brought), Session: x}
	for _, r := range slices.Concat(directory.BuiltInRoles(), others) {
		if len(r.Rights) > 0 && !slices.ContainsFunc(r.Rights, func(right directory.Right) bool { return !member.User.May(right) }) {
			member.Roles = append(member.Roles, r.Name)
		}
	}
	return member, nil
}

// End implements ui.Members.
func (m *members) End(ctx context.Context, who ui.Member, token string) error {
	if err := m.scope.EndWebSession(ctx, m.digest(token)); err != nil {
		return err
	}
	return m.scope.Audit(ctx, who.User.Login, "sign-out", "pages", "")
}

// Sessions implements ui.Members: those that live.
func (m *members) Sessions(ctx context.Context, user string) ([]directory.WebSession, error) {
	set, err := m.scope.Settings(ctx)
	if err != nil {
		return nil, err
	}
	list, err := m.scope.WebSessionsOf(ctx, user)
	return slices.DeleteFunc(list, func(x directory.WebSession) bool { return !x.Lives(m.now(), set.WebIdle) }), err
}

// EndOne implements ui.Members.
func (m *members) EndOne(ctx context.Context, who ui.Member, id string) error {
	if err := m.scope.EndWebSessionOf(ctx, who.User.ID, id); err != nil {
		return err
	}
	return m.scope.Audit(ctx, who.User.Login, "sign-out", "pages", "another browser")
}

// Holders of a code for an administrator: what was the case when it was made.
const (
	codeForFirst   = ""      // there was none, and one that comes by another way makes it worthless
	codeForAnother = "again" // there was one already, and somebody on this machine wanted another
)

// firstFor is how long an address for the first administrator works.
const firstFor = time.Hour

// leastPassword is the shortest password of an administrator who chooses it here:
// NIST SP 800-63B, section 5.1.1.1, asks for 8; nothing else keeps this one.
const leastPassword = 12

// NewFirst makes a token that makes an administrator. The one before is worthless
// from then on.
func (m *members) NewFirst(ctx context.Context) (string, error) {
	holder := codeForFirst
	there, err := m.administered(ctx)
	if err != nil {
		return "", err
	}
	if there {
		holder = codeForAnother
	}
	token := newToken()
	return token, m.scope.PutCode(ctx, m.firstDigest(token), holder, directory.CodeFirst, m.now().Add(firstFor))
}

func (m *members) firstDigest(token string) []byte { return m.digests.TokenDigest("first " + token) }

// FirstToken implements ui.Members.
func (m *members) FirstToken(ctx context.Context, token string) error {
	const op = "members.first"
	if token == "" {
		return &fault.Error{Op: op, Kind: fault.NotFound, Text: ui.SaysNoPage}
	}
	spent := &fault.Error{Op: op, Kind: fault.NotFound, Text: ui.SaysSpent}
	holder, err := m.scope.CodeHolder(ctx, m.firstDigest(token), directory.CodeFirst, m.now())
	if fault.Is(err, fault.NotFound) {
		return spent
	}
	if err != nil || holder == codeForAnother {
		return err
	}
	there, err := m.administered(ctx)
	if err == nil && there {
		return spent
	}
	return err
}

// First implements ui.Members.
func (m *members) First(ctx context.Context, token, login, password string) (directory.User, error) {
	const op = "members.first"
	if err := m.FirstToken(ctx, token); err != nil {
		return directory.User{}, err
	}
	u := directory.User{
		ID: job.NewUUID(), Login: directory.Fold(login), Enabled: true, Source: "local", From: "local",
		Rights: []directory.Right{directory.Release, directory.Administer}, Created: m.now().UTC(),
	}
	switch {
	case u.Login == "" || utf8.RuneCountInString(u.Login) > 64 || strings.ContainsFunc(u.Login, unicode.IsSpace):
		return u, &fault.Error{Op: op, Kind: fault.Invalid, Text: ui.SaysUserName}
	case utf8.RuneCountInString(password) < leastPassword:
		return u, &fault.Error{Op: op, Kind: fault.Invalid, Text: ui.SaysShort, Args: []any{leastPassword}}
	case directory.Fold(password) == u.Login:
		return u, &fault.Error{Op: op, Kind: fault.Invalid, Text: ui.SaysSame}
	}
	if _, err := m.scope.UserByLogin(ctx, u.Login); !fault.Is(err, fault.NotFound) {
		if err == nil {
			err = &fault.Error{Op: op, Kind: fault.Conflict, Text: ui.SaysTaken, Args: []any{u.Login}}
		}
		return u, err
	}
	hash, err := directory.HashSecret(password)
	if err != nil {
		return u, err
	}
	if err := m.scope.SpendCode(ctx, m.firstDigest(token)); err != nil { // whoever comes second makes nobody
		return u, err
	}
	if err := m.scope.PutUser(ctx, u); err != nil {
		return u, err
	}
	if err := m.scope.SetSecrets(ctx, u.ID, directory.Secrets{Password: hash}); err != nil {
		return u, err
	}
	return u, m.scope.Audit(ctx, u.Login, "admin.first", u.Login, "made with a token of this machine")
}

// administered reports whether somebody may change everything and can sign in.
func (m *members) administered(ctx context.Context) (bool, error) {
	grants, err := m.scope.AllRights(ctx)
	if err != nil {
		return false, err
	}
	others, err := m.scope.Roles(ctx)
	if err != nil {
		return false, err
	}
	given := slices.ContainsFunc(grants, func(g directory.Grant) bool {
		name, isRole := strings.CutPrefix(string(g.Right), directory.RolePrefix)
		r, _ := directory.RoleNamed(others, name)
		return g.Right == directory.Administer || isRole && slices.Contains(r.Rights, directory.Administer)
	})
	users, err := m.scope.Users(ctx)
	if err != nil {
		return false, err
	}
	for _, u := range users {
		if given && u.Enabled {
			if u.Grants, err = m.scope.Grants(ctx, u); err != nil {
				return false, err
			}
		}
		if !u.May(directory.Administer) {
			continue
		}
		if can, err := m.canSignIn(ctx, u); can || err != nil {
			return can, err
		}
	}
	return false, nil
}

// canSignIn reports whether there is any way for a person: a password here, the one
// of a directory, or a name at the provider.
func (m *members) canSignIn(ctx context.Context, u directory.User) (bool, error) {
	if u.HasPass {
		return true, nil
	}
	subject, err := m.scope.Subject(ctx, u.ID)
	if err != nil || subject != "" {
		return err == nil, err
	}
	_, _, err = m.scope.EntryOf(ctx, u.ID)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// keepSessions forgets the sessions that are over.
func (n *node) keepSessions(ctx context.Context) error {
	for {
		if err := n.scope.EndWebSessions(ctx, time.Now()); err != nil && ctx.Err() == nil {
			n.log.Warn("sessions that are over were not forgotten", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(10 * time.Minute):
		}
	}
}

// hintFirst says in the log how somebody becomes the first administrator. The token
// is made by the command and is in no log.
func (n *node) hintFirst(ctx context.Context) error {
	if there, err := n.members.administered(ctx); err != nil && ctx.Err() == nil {
		n.log.Warn("nobody knows whether there is an administrator", "error", err)
	} else if !there {
		n.log.Info("nobody administers this node over its pages yet; platen admin token prints the address with which somebody becomes the first administrator")
	}
	return nil
}

var _ ui.Members = (*members)(nil)
