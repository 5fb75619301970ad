package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"platen/directory"
	"platen/directory/kerberos"
	"platen/fault"
	"platen/ippsrv"
	"platen/store"
	"platen/ui"
)

// ticketSetup is what an administrator has set up of Kerberos. The keytab is a
// secret of its own.
type ticketSetup struct {
	Version  string         `json:"version"`  // another one for every keytab
	Services []string       `json:"services"` // empty: HTTP
	Realms   []string       `json:"realms"`   // whose names of people are logins here; empty: those of the keytab
	Trusted  []string       `json:"trusted"`  // whose people are known by their user principal name only
	Try      []netip.Prefix `json:"try"`      // browsers that are asked for a ticket before they ask for anything
}

// ticketDoor says whose Kerberos ticket it is that somebody shows, to the pages and
// to the IPP door alike: a ticket that one has taken is not good at the other.
type ticketDoor struct {
	scope store.Scope
	now   func() time.Time

	mu   sync.Mutex
	text string // what open was made from
	open *acceptor
}

type acceptor struct {
	*kerberos.Acceptor
	logins []string // realms whose names are logins
}

// setup returns what is set up; ok is false while there is no keytab.
func (d *ticketDoor) setup(ctx context.Context) (x ticketSetup, ok bool, err error) {
	text, err := d.scope.Setup(ctx, ticketSetupName)
	if err != nil || text == "" {
		return x, false, err
	}
	return x, true, parseSetup(text, &x)
}

// current returns who looks at tickets, another one when the setup has changed, and
// nil when there is no keytab.
func (d *ticketDoor) current(ctx context.Context) (*acceptor, error) {
	text, err := d.scope.Setup(ctx, ticketSetupName)
	if err != nil || text == "" {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open != nil && d.text == text {
		return d.open, nil
	}
	var x ticketSetup
	if err := parseSetup(text, &x); err != nil {
		return nil, err
	}
	secret, err := d.scope.Secret(ctx, keytabName)
	if err != nil {
		return nil, err
	}
	keytab, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		return nil, &fault.Error{Op: "kerberos", Kind: fault.Internal, Err: errors.New("the keytab that is kept is no base64")}
	}
	a, err := x.acceptor(keytab, d.now)
	if err != nil {
		return nil, err
	}
	d.open, d.text = a, text
	return a, nil
}

func (x *ticketSetup) acceptor(keytab []byte, now func() time.Time) (*acceptor, error) {
	logins := x.Realms
	if len(logins) == 0 {
		entries, err := kerberos.Inspect(keytab)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if _, realm, ok := cutLast(e.Principal, '@'); ok && !slices.Contains(logins, realm) {
				logins = append(logins, realm)
			}
		}
	}
	a, err := kerberos.NewAcceptor(keytab, "", kerberos.Options{Services: x.Services, Realms: slices.Concat(logins, x.Trusted), Now: now})
	return &acceptor{a, logins}, err
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// user says whose ticket the request has; see ui.Members.
func (d *ticketDoor) user(w http.ResponseWriter, r *http.Request) (directory.User, bool, error) {
	a, err := d.current(r.Context())
	if err != nil || a == nil {
		return directory.User{}, false, err
	}
	who, ok, err := a.Authenticate(w, r)
	if err != nil || !ok {
		return directory.User{}, false, err
	}
	u, err := d.person(r.Context(), a, who)
	return u, err == nil, err
}

// person finds the user of a principal: by the user principal name, and by the
// login where the realm is one whose names are logins. A principal whom the two
// would make different people is nobody.
func (d *ticketDoor) person(ctx context.Context, a *acceptor, who kerberos.Principal) (directory.User, error) {
	const op = "kerberos.person"
	var found []directory.User
	add := func(u directory.User) {
		if !slices.ContainsFunc(found, func(x directory.User) bool { return x.ID == u.ID }) {
			found = append(found, u)
		}
	}
	upn := directory.Fold(who.String())
	list, err := d.scope.UsersByName(ctx, upn)
	if err != nil {
		return directory.User{}, err
	}
	for _, u := range list {
		if u.UPN == upn {
			add(u)
		}
	}
	if slices.Contains(a.logins, who.Realm) {
		u, err := d.scope.UserByLogin(ctx, directory.Fold(who.Name))
		if err != nil && !fault.Is(err, fault.NotFound) {
			return directory.User{}, err
		}
		if err == nil {
			add(u)
		}
	}
	cause := fmt.Errorf("principal %.300q", who.String())
	byLogin := len(found) == 1 && found[0].UPN != upn
	if byLogin && powerful(&found[0]) {
		if _, _, err := d.scope.EntryOf(ctx, found[0].ID); fault.Is(err, fault.NotFound) { // an account of this node alone, and a name that somebody gave in the domain
			return directory.User{}, &fault.Error{Op: op, Kind: fault.Denied, Text: ui.SaysNameAlone, Err: cause}
		} else if err != nil {
			return directory.User{}, err
		}
	}
	switch {
	case len(found) == 0:
		return directory.User{}, &fault.Error{Op: op, Kind: fault.Denied, Text: ui.SaysNobodyHere, Err: cause}
	case len(found) > 1:
		return directory.User{}, &fault.Error{Op: op, Kind: fault.Denied, Text: ui.SaysSeveralHere, Err: cause}
	case !found[0].Enabled:
		return directory.User{}, &fault.Error{Op: op, Kind: fault.Denied, Text: ui.SaysOff, Err: cause}
	}
	return d.scope.User(ctx, found[0].ID)
}

// headerOctets is how long the header of a request may be: longer where tickets
// come in it, because somebody in a thousand groups has one of 48,000 octets.
func (n *node) headerOctets(usual int) int {
	if n.members.tickets.Offered(context.Background()) {
		return base64.StdEncoding.EncodedLen(kerberos.MaxToken) + usual
	}
	return usual
}

// ticketsChanged lets the doors of the running node take tickets from now on, or
// not any longer.
func (a *admin) ticketsChanged() {
	if n := a.running; n != nil {
		n.replaceWeb(n.settings())
		n.replaceIPP(n.settings())
	}
}

// Offered implements ippsrv.Tickets.
func (d *ticketDoor) Offered(ctx context.Context) bool {
	_, ok, err := d.setup(ctx)
	return ok && err == nil
}

// Ticket implements ippsrv.Tickets.
func (d *ticketDoor) Ticket(w http.ResponseWriter, r *http.Request) (ippsrv.Person, bool, error) {
	u, ok, err := d.user(w, r)
	if err != nil || !ok {
		return ippsrv.Person{}, false, err
	}
	return personOf(u), true, nil
}

var _ ippsrv.Tickets = (*ticketDoor)(nil)
