package store

import (
	"context"
	"errors"
	"time"

	"platen/directory"
	"platen/job"
	"platen/site"
)

const noGuest = "There is no such guest."

// AddGuest adds the account of a guest with its secrets, and puts it into the group
// of all guests, which is made when it is not there, with the right to release.
// What takes the login, the e-mail address or the PIN of somebody else, and more
// guests than there may be, is a Conflict.
func (s Scope) AddGuest(ctx context.Context, u directory.User, x directory.Secrets, now time.Time, actor string) error {
	const op = "store.AddGuest"
	err := s.write(ctx, func(t tx) error {
		if err := t.roomForGuest(op, &u, x.PINDigest, now); err != nil {
			return err
		}
		if err := t.putUser(op, u); err != nil {
			return err
		}
		if err := t.setSecrets(op, u.ID, x); err != nil {
			return err
		}
		group, err := t.guestGroup()
		if err != nil {
			return err
		}
		if _, err := t.exec(insertMember, group, u.ID, false); err != nil {
			return err
		}
		t.changed(aGroup, group, false)
		return t.audit(s.st.now(), actor, "guest.add", u.Login, "guest of "+u.Sponsor+" until "+u.Until.UTC().Format(time.RFC3339))
	})
	return explain(op, err)
}

func (t tx) roomForGuest(op string, u *directory.User, pin []byte, now time.Time) error {
	var open int
	if err := t.one(countOpenGuests, []any{&open}, now); err != nil {
		return err
	}
	if open >= directory.MostGuests {
		return conflict(op, "There are %d guests already, and more are not possible at a time.", open)
	}
	for _, name := range []string{u.Login, u.Email} {
		if name == "" {
			continue
		}
		list, err := t.users(selectUsersByName, name)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			return conflict(op, "Somebody here is called %s already: %s. A guest who comes again is extended.", name, list[0].Login)
		}
	}
	return t.pinFree(op, u.ID, pin)
}

// pinFree refuses a PIN that somebody else has: alone, it would name neither of them
// any more.
func (t tx) pinFree(op, user string, pin []byte) error {
	if pin == nil {
		return nil
	}
	list, err := t.users(selectUsersByPIN, pin, 2)
	if err != nil {
		return err
	}
	for i := range list {
		if list[i].ID != user {
			return conflict(op, "This PIN is taken. Please choose another one.")
		}
	}
	return nil
}

// guestGroup returns the id of the group of all guests.
func (t tx) guestGroup() (string, error) {
	g := directory.Group{ID: job.NewUUID(), Name: directory.GuestGroup}
	var id string
	err := t.one(selectLocalGroupID, []any{&id}, site.FoldName(g.Name))
	if !errors.Is(err, errNoRow) {
		return id, err
	}
	if err := t.putGroup(g); err != nil {
		return "", err
	}
	if _, err := t.exec(putRight, g.ID, string(directory.Release), "", "", 0); err != nil {
		return "", err
	}
	t.changed(aRight, g.ID, false)
	return g.ID, nil
}

// Guests returns the guests, those whose account ends or has ended last first.
func (s Scope) Guests(ctx context.Context) ([]directory.User, error) {
	return s.users(ctx, "store.Guests", selectGuests)
}

// SetGuestUntil lets the account of a guest end at another time, and opens one that
// has ended already. Its PIN may be somebody else's by now, which is a Conflict.
func (s Scope) SetGuestUntil(ctx context.Context, user string, until time.Time, actor string) error {
	const op = "store.SetGuestUntil"
	err := s.write(ctx, func(t tx) error {
		list, err := t.users(selectUser, user)
		if err == nil && (len(list) == 0 || list[0].Sponsor == "") {
			err = notFound(op, noGuest)
		}
		if err != nil {
			return err
		}
		u := list[0]
		var x directory.Secrets
		if err := t.each(selectSecrets, func(row scanner) error {
			return row.Scan(&x.Password, &x.PIN, &x.PINDigest, when{&x.PasswordUntil})
		}, user); err != nil {
			return err
		}
		if err := t.pinFree(op, user, x.PINDigest); err != nil {
			return conflict(op, "The PIN of this guest belongs to somebody else by now. Please add the guest once more.")
		}
		u.Until, u.Enabled = until, !u.Blocked && u.Removed.IsZero()
		if err := t.putUser(op, u); err != nil {
			return err
		}
		return t.audit(s.st.now(), actor, "guest.extend", u.Login, "until "+until.UTC().Format(time.RFC3339))
	})
	return explain(op, err)
}

// EndGuest ends the account of a guest now, with its sessions.
func (s Scope) EndGuest(ctx context.Context, user string, now time.Time, actor string) error {
	const op = "store.EndGuest"
	err := s.write(ctx, func(t tx) error {
		n, err := t.exec(endGuest, user, now)
		if err == nil && n == 0 {
			err = notFound(op, noGuest)
		}
		if err != nil {
			return err
		}
		var login string
		if err := t.one(selectGuestLogin, []any{&login}, user); err != nil {
			return err
		}
		return t.audit(s.st.now(), actor, "guest.end", login, "")
	})
	if err == nil { // and what follows from an end that has come
		_, err = s.EndPeople(ctx, now, actor)
	}
	return explain(op, err)
}

// ForgetGuests removes the guests whose account has ended at or before that time,
// together with their addresses to print to, and returns their logins.
func (s Scope) ForgetGuests(ctx context.Context, before time.Time, actor string) ([]string, error) {
	const op = "store.ForgetGuests"
	var gone []directory.User
	err := s.write(ctx, func(t tx) error {
		gone = nil
		scan := func(row scanner, u *directory.User) error { return row.Scan(&u.ID, &u.Login) }
		if err := t.each(selectForgottenGuests, to(&gone, scan), before); err != nil {
			return err
		}
		for _, u := range gone {
			if _, err := t.exec(deleteAddressesOf, u.ID); err != nil {
				return err
			}
		}
		return nil
	})
	var logins []string
	for i := 0; err == nil && i < len(gone); i++ {
		if err = s.RemoveUser(ctx, gone[i].ID, actor); err == nil {
			logins = append(logins, gone[i].Login)
		}
	}
	return logins, explain(op, err)
}

const (
	countOpenGuests       query = `SELECT COUNT(*) FROM users WHERE tenant = $1 AND until_at > 0 AND until_at > $2 AND sponsor <> ''`
	selectGuests          query = userSelect + ` AND u.until_at > 0 AND u.sponsor <> '' ORDER BY u.until_at DESC, u.login`
	selectGuestLogin      query = `SELECT login FROM users WHERE tenant = $1 AND id = $2`
	endGuest              query = `UPDATE users SET until_at = $3 WHERE tenant = $1 AND id = $2 AND sponsor <> '' AND until_at > $3`
	selectForgottenGuests query = `SELECT id, login FROM users WHERE tenant = $1 AND until_at > 0 AND until_at <= $2 AND sponsor <> '' AND enabled = 0`
	deleteAddressesOf     query = `DELETE FROM tokens WHERE tenant = $1 AND owner = $2 AND kind = 'personal-url'`
)
