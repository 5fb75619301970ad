package store

import (
	"context"
	"time"

	"platen/directory"
)

// EndedPeople is what time has done to people.
type EndedPeople struct {
	Ended     []string // logins of people whose account has ended
	Forgotten []string // logins of people who left their source long ago
}

// EndPeople disables the accounts whose time is over, and removes people who left
// their source long enough ago, together with their cards. Codes and verifiers that
// are over go too.
func (s Scope) EndPeople(ctx context.Context, now time.Time, actor string) (EndedPeople, error) {
	const op = "store.EndPeople"
	var x EndedPeople
	var gone []directory.User
	err := s.write(ctx, func(t tx) error {
		x = EndedPeople{}
		var over []directory.User
		scan := func(row scanner, u *directory.User) error { return row.Scan(&u.ID, &u.Login) }
		if err := t.each(selectEnded, to(&over, scan), now); err != nil {
			return err
		}
		for _, u := range over {
			if _, err := t.exec(disableUser, u.ID); err != nil {
				return err
			}
			if err := t.endSessions(u.ID); err != nil {
				return err
			}
			t.changed(aUser, u.ID, false)
			x.Ended = append(x.Ended, u.Login)
		}
		if _, err := t.exec(deleteOldCodes, now); err != nil {
			return err
		}
		if _, err := t.exec(deleteOldVerifiers, now); err != nil {
			return err
		}
		return t.each(selectForgotten, to(&gone, scan), now.Add(-directory.ForgetAfter))
	})
	for i := 0; err == nil && i < len(gone); i++ {
		if err = s.RemoveUser(ctx, gone[i].ID, actor); err == nil {
			x.Forgotten = append(x.Forgotten, gone[i].Login)
		}
	}
	return x, explain(op, err)
}

const (
	selectEnded        query = `SELECT id, login FROM users WHERE tenant = $1 AND until_at > 0 AND until_at <= $2 AND enabled = 1`
	disableUser        query = `UPDATE users SET enabled = 0 WHERE tenant = $1 AND id = $2`
	selectForgotten    query = `SELECT id, login FROM users WHERE tenant = $1 AND removed_at > 0 AND removed_at <= $2`
	deleteOldCodes     query = `DELETE FROM codes WHERE tenant = $1 AND expires_at <= $2`
	deleteOldVerifiers query = `
		UPDATE users SET password = '', password_until = 0 WHERE tenant = $1 AND password_until > 0 AND password_until <= $2`
)
