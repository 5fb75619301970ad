package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"platen/directory"
	"platen/directory/oidc"
	"platen/fault"
	"platen/job"
	"platen/pki"
	"platen/store"
	"platen/ui"
)

// Names of what is set up for signing in: parts of the settings, and secrets.
const (
	oidcSetupName   = "oidc"
	oidcSecretName  = "oidc client"
	ticketSetupName = "kerberos"
	keytabName      = "keytab"
)

// oidcSetup is what an administrator has set up of the provider.
type oidcSetup struct {
	oidc.Config
	Name string `json:"name"` // what people know it by
}

// oidcDoor signs people in with the provider that is set up.
type oidcDoor struct {
	scope store.Scope
	roots rooted
	now   func() time.Time

	mu   sync.Mutex
	sum  [sha256.Size]byte // of what current was made from
	open *oidc.Provider
}

// setup returns what is set up; ok is false when nothing is.
func (d *oidcDoor) setup(ctx context.Context) (x oidcSetup, ok bool, err error) {
	text, err := d.scope.Setup(ctx, oidcSetupName)
	if err != nil || text == "" {
		return x, false, err
	}
	return x, true, parseSetup(text, &x)
}

func parseSetup(text string, into any) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return &fault.Error{Op: "setup", Kind: fault.Internal, Err: err}
	}
	return nil
}

// current returns the provider, a new one when it was set up anew.
func (d *oidcDoor) current(ctx context.Context) (*oidc.Provider, error) {
	x, ok, err := d.setup(ctx)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &fault.Error{Op: "oidc", Kind: fault.NotFound, Text: ui.SaysNoPage}
	}
	secret, err := d.scope.Secret(ctx, oidcSecretName)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(x.Config)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	sum := sha256.Sum256(slices.Concat(text, []byte{0}, []byte(secret)))
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil || d.sum != sum {
		d.open, d.sum = &oidc.Provider{Config: x.Config, Secret: secret, Now: d.now, Roots: d.roots.of(pki.ForSignIn)}, sum
	}
	return d.open, nil
}

func (d *oidcDoor) begin(ctx context.Context, redirect string) (to, pending string, err error) {
	p, err := d.current(ctx)
	if err != nil {
		return "", "", err
	}
	to, st, err := p.Begin(ctx, redirect)
	if err != nil {
		return "", "", err
	}
	b, err := json.Marshal(st)
	return to, string(b), err
}

func (d *oidcDoor) finish(ctx context.Context, redirect, pending string, query url.Values) (directory.User, []string, error) {
	p, err := d.current(ctx)
	if err != nil {
		return directory.User{}, nil, err
	}
	var st oidc.Pending
	if err := json.Unmarshal([]byte(pending), &st); err != nil {
		return directory.User{}, nil, &fault.Error{Op: "oidc", Kind: fault.Internal, Err: err}
	}
	who, err := p.Finish(ctx, redirect, st, query)
	if err != nil {
		return directory.User{}, nil, err
	}
	u, err := d.user(ctx, &p.Config, who)
	return u, who.Roles, err
}

// subjectOf is how a provider's name for somebody is kept: an issuer has no blanks.
func subjectOf(issuer, subject string) string { return issuer + " " + subject }

// user finds the person who is meant: the one whom the provider has called by this
// subject before, else exactly one by name.
func (d *oidcDoor) user(ctx context.Context, conf *oidc.Config, who oidc.Person) (directory.User, error) {
	subject := subjectOf(who.Issuer, who.Subject)
	u, err := d.scope.UserBySubject(ctx, subject)
	if fault.Is(err, fault.NotFound) {
		u, err = d.acquainted(ctx, conf, who, subject)
	}
	if err != nil {
		return directory.User{}, err
	}
	if !u.Enabled {
		return directory.User{}, &fault.Error{Op: "oidc.user", Kind: fault.Denied, Text: ui.SaysOff, Err: errors.New(u.Login)}
	}
	return u, nil
}

// powerful reports whether a person may do what ordinary people may not: then a name
// that somebody else gave is no proof.
func powerful(u *directory.User) bool {
	for _, r := range []directory.Right{directory.Administer, directory.Support, directory.Report, directory.BreakGlass} {
		if u.MaySomewhere(r) {
			return true
		}
	}
	return false
}

// acquainted remembers the subject of somebody who comes for the first time.
func (d *oidcDoor) acquainted(ctx context.Context, conf *oidc.Config, who oidc.Person, subject string) (directory.User, error) {
	const op = "oidc.user"
	cause := fmt.Errorf("login %.100q, subject %.255q", who.Login, who.Subject)
	refuse := func(text string) (directory.User, error) {
		return directory.User{}, &fault.Error{Op: op, Kind: fault.Denied, Text: text, Err: cause}
	}
	byName, byEmail, err := d.called(ctx, conf, who)
	if err != nil {
		return directory.User{}, err
	}
	found := byEmail
	for _, u := range byName {
		if !slices.ContainsFunc(found, func(x directory.User) bool { return x.ID == u.ID }) {
			found = append(found, u)
		}
	}
	switch {
	case len(found) > 1:
		return refuse(ui.SaysSeveralThere)
	case len(found) == 0 && conf.RefuseUnknown:
		return refuse(ui.SaysNobodyThere)
	case len(found) == 0:
		return d.create(ctx, conf, who, subject)
	case len(byEmail) == 0 && powerful(&found[0]):
		// At some providers people choose what they are called.
		return refuse(ui.SaysNameAlone)
	}
	return found[0], d.scope.SetSubject(ctx, found[0].ID, subject)
}

// called returns the people whom the provider's answer may mean: by login or user
// principal name, and by an address that it has confirmed.
func (d *oidcDoor) called(ctx context.Context, conf *oidc.Config, who oidc.Person) (byName, byEmail []directory.User, err error) {
	login, email := directory.Fold(who.Login), ""
	if who.EmailVerified || conf.TrustEmail {
		email = directory.Fold(who.Email)
	}
	for _, name := range slices.Compact([]string{login, email}) {
		list, err := d.scope.UsersByName(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		for _, u := range list {
			if u, err = d.scope.User(ctx, u.ID); err != nil { // with its rights
				return nil, nil, err
			}
			switch {
			case name == email && u.Email == email:
				byEmail = append(byEmail, u)
			case name == login && (u.Login == login || u.UPN == login):
				byName = append(byName, u)
			}
		}
	}
	return byName, byEmail, nil
}

// create adds somebody whom nobody here knows, without any right of its own.
func (d *oidcDoor) create(ctx context.Context, conf *oidc.Config, who oidc.Person, subject string) (directory.User, error) {
	u := directory.User{
		ID: job.NewUUID(), Login: directory.Fold(who.Login), FullName: who.Name, Enabled: true, Source: directory.SourceOIDC, Created: d.now().UTC(),
	}
	if who.EmailVerified || conf.TrustEmail {
		u.Email = directory.Fold(who.Email)
	}
	if err := d.scope.PutUser(ctx, u); err != nil {
		return u, err
	}
	if err := d.scope.SetSubject(ctx, u.ID, subject); err != nil {
		return u, err
	}
	if err := d.scope.Audit(ctx, u.Login, "user.add", u.Login, "by signing in at "+strings.TrimSuffix(conf.Issuer, "/")); err != nil {
		return u, err
	}
	return d.scope.User(ctx, u.ID)
}
