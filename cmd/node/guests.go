package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/notify"
	"platen/site"
	"platen/ui"
)

// reception is the pages and the API that make accounts of guests.
type reception struct{ admin func(actor string) *admin }

var _ ui.Reception = reception{}

// Welcome implements ui.Reception.
func (r reception) Welcome(ctx context.Context, g directory.Guest, actor string) (directory.Slip, error) {
	return r.admin(actor).welcome(ctx, g)
}

// Guests implements ui.Reception.
func (r reception) Guests(ctx context.Context) ([]directory.User, error) {
	return r.admin("").scope.Guests(ctx)
}

// Extend implements ui.Reception.
func (r reception) Extend(ctx context.Context, login string, until time.Time, actor string) error {
	_, err := r.admin(actor).extendGuest(ctx, login, until)
	return err
}

// End implements ui.Reception.
func (r reception) End(ctx context.Context, login, actor string) error {
	return r.admin(actor).endGuest(ctx, login)
}

// Token implements ui.Reception.
func (r reception) Token(ctx context.Context, text string) (site.Token, string, error) {
	a := r.admin("")
	t, err := tokens{a.scope, a.keys.Tenant(a.scope.Tenant()), a.signings, a.now}.kind(ctx, text, site.ReceptionToken)
	if err != nil || t.Owner == "" {
		return t, "", err
	}
	u, err := a.scope.User(ctx, t.Owner)
	if fault.Is(err, fault.NotFound) {
		err = nil // the request may say who answers
	}
	return t, u.Login, err
}

// welcome makes the account of a guest, and the slip for it. What is to be sent by
// mail and cannot be, stands on the slip after all.
func (a *admin) welcome(ctx context.Context, g directory.Guest) (directory.Slip, error) {
	slip, _, err := a.greet(ctx, g)
	return slip, err
}

// greet is welcome, and says why the mail was not sent. With an error, there is no
// account.
func (a *admin) greet(ctx context.Context, g directory.Guest) (slip directory.Slip, unsent, err error) {
	now := a.now()
	if err := g.Check(now); err != nil {
		return slip, nil, err
	}
	sponsor, err := a.scope.UserByLogin(ctx, g.Sponsor)
	if err != nil {
		return slip, nil, err
	}
	if err := sponsor.MayAnswer(); err != nil {
		return slip, nil, err
	}
	u := directory.User{ID: job.NewUUID(), Login: g.Login, FullName: g.Name, Department: g.Company, Email: g.Email, Language: g.Language,
		Enabled: true, Source: "local", Created: now.UTC(), Until: g.Until.UTC(), Sponsor: sponsor.Login}
	if u.Login == "" {
		if u.Login, err = a.freeLogin(ctx); err != nil {
			return slip, nil, err
		}
	}
	slip = directory.Slip{Login: u.Login, Name: u.FullName, Company: u.Department, Sponsor: u.Sponsor, Until: g.Until}
	secrets, err := a.guestSecrets(ctx, &g, &slip)
	if err != nil {
		return slip, nil, err
	}
	if err := a.scope.AddGuest(ctx, u, secrets, now, a.actor); err != nil {
		return slip, nil, err
	}
	if err := a.guestAddress(ctx, &u, &slip); err != nil { // the account is there, and its slip must not be lost
		a.log.Warn("people: a guest got no address of their own to print to", "user", u.Login, "error", err)
	}
	if g.Mail {
		unsent = a.mailSlip(ctx, &u, &slip)
	}
	return slip, unsent, nil
}

// freeLogin makes a login that nobody has.
func (a *admin) freeLogin(ctx context.Context) (string, error) {
	for {
		login, err := directory.NewGuestLogin()
		if err != nil {
			return "", err
		}
		switch _, err := a.scope.UserByLogin(ctx, login); {
		case fault.Is(err, fault.NotFound):
			return login, nil
		case err != nil:
			return "", err
		}
	}
}

// guestSecrets makes what a guest signs in with, and writes it on the slip.
func (a *admin) guestSecrets(ctx context.Context, g *directory.Guest, slip *directory.Slip) (s directory.Secrets, err error) {
	if g.Password {
		if slip.Password, err = directory.GeneratePassword(); err != nil {
			return s, err
		}
		if s.Password, err = directory.HashSecret(slip.Password); err != nil {
			return s, err
		}
	}
	if g.NoPIN {
		return s, nil
	}
	n, err := a.scope.CountUsers(ctx)
	if err != nil {
		return s, err
	}
	for {
		if slip.PIN, err = directory.GeneratePIN(n + 1); err != nil {
			return s, err
		}
		if err := a.putPIN(&s, slip.PIN); err != nil {
			return s, err
		}
		if err := a.pinIsFree(ctx, "", s.PINDigest); !fault.Is(err, fault.Conflict) {
			return s, err
		}
	}
}

// guestAddress gives a guest an address of their own to print to, where people have
// such: their computers call them by other names than we do.
func (a *admin) guestAddress(ctx context.Context, u *directory.User, slip *directory.Slip) error {
	set, err := a.scope.Settings(ctx)
	if err != nil || !set.PersonalURLs || a.place.cfg.Listen.IPP == "" {
		return err
	}
	queues, err := a.scope.Queues(ctx)
	if err != nil {
		return err
	}
	q, ok := site.DefaultQueue(slices.DeleteFunc(queues, func(q site.Queue) bool { return !q.AcceptJobs || q.IPP.Hidden }), set)
	if !ok {
		return nil
	}
	_, slip.Secret, err = a.personal().add(ctx, a.actor, *u, directory.GuestGroup, q.ID)
	slip.Queue = q.Name
	return err
}

func (a *admin) mailSlip(ctx context.Context, u *directory.User, slip *directory.Slip) error {
	err := a.mailTo(ctx, u.Email, notify.GuestSlip(say(), u.Language, u.FullName, u.Login, slip.PIN, slip.Until.Local()))
	if err != nil {
		a.log.Warn("mail: the slip of a guest was not sent", "user", u.Login, "error", err)
		return err
	}
	slip.Email, slip.PIN = u.Email, ""
	return nil
}

// guest finds a guest by login.
func (a *admin) guest(ctx context.Context, login string) (directory.User, error) {
	u, err := a.scope.UserByLogin(ctx, directory.Fold(login))
	if err == nil && u.Sponsor == "" {
		err = directory.NoGuest()
	}
	return u, err
}

func (a *admin) extendGuest(ctx context.Context, login string, until time.Time) (directory.User, error) {
	u, err := a.guest(ctx, login)
	if err == nil {
		err = directory.CheckUntil(until, a.now())
	}
	if err == nil {
		err = a.scope.SetGuestUntil(ctx, u.ID, until.UTC(), a.actor)
	}
	if err != nil {
		return u, err
	}
	return a.guest(ctx, login)
}

func (a *admin) endGuest(ctx context.Context, login string) error {
	u, err := a.guest(ctx, login)
	if err != nil {
		return err
	}
	return a.scope.EndGuest(ctx, u.ID, a.now(), a.actor)
}

// keepGuests removes guests whose account ended long ago, and delegations whose time
// is over.
func (n *node) keepGuests(ctx context.Context, now time.Time) error {
	set, err := n.scope.Settings(ctx)
	if err != nil {
		return err
	}
	gone, err := n.scope.ForgetGuests(ctx, now.Add(-set.GuestsFor), "the node")
	if len(gone) > 0 {
		n.log.Info("people: guests were removed", "guests", len(gone))
		err = errors.Join(err, n.scope.Audit(ctx, "the node", "guest.forget", "", fmt.Sprintf("%d removed", len(gone))))
	}
	_, ended := n.scope.EndDelegations(ctx, now, "the node")
	return errors.Join(err, ended)
}
