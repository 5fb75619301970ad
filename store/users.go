package store

import (
	"context"
	"errors"
	"slices"
	"unicode/utf8"

	"platen/directory"
	"platen/job"
)

const (
	noUser  = "There is no such user."
	noLogin = "A user needs a login."
)

// Users returns all users by login.
func (s Scope) Users(ctx context.Context) ([]directory.User, error) {
	return s.users(ctx, "store.Users", selectUsers)
}

// User returns a user.
func (s Scope) User(ctx context.Context, id string) (directory.User, error) {
	return s.user(ctx, "store.User", selectUser, id)
}

// UserByLogin finds a user by the folded login.
func (s Scope) UserByLogin(ctx context.Context, folded string) (directory.User, error) {
	return s.user(ctx, "store.UserByLogin", selectUserByLogin, folded)
}

// UsersByName returns the users whose login, alias, UPN or e-mail address is
// this folded name. When it is only one, their grants are filled in.
func (s Scope) UsersByName(ctx context.Context, folded string) ([]directory.User, error) {
	if folded == "" {
		return nil, nil
	}
	list, err := kept(s, tablesOf("users", "aliases"), "users", folded, func() ([]directory.User, error) {
		return s.users(ctx, "store.UsersByName", selectUsersByName, folded)
	})
	list = slices.Clone(list)
	if err == nil && len(list) == 1 {
		list[0].Grants, err = s.Grants(ctx, list[0])
	}
	return list, err
}

// UsersByPrefix returns at most limit users whose login, alias, UPN or e-mail
// address begins with this.
func (s Scope) UsersByPrefix(ctx context.Context, folded string, limit int) ([]directory.User, error) {
	if folded == "" {
		return nil, nil
	}
	return s.users(ctx, "store.UsersByPrefix", selectUsersByPrefix, folded, utf8.RuneCountInString(clean(folded)), limit)
}

// UsersByPIN returns the enabled users whose PIN has this keyed digest, at most
// limit of them.
func (s Scope) UsersByPIN(ctx context.Context, digest []byte, limit int) ([]directory.User, error) {
	return s.users(ctx, "store.UsersByPIN", selectUsersByPIN, digest, limit)
}

// CountPINs counts the enabled users that have a PIN.
func (s Scope) CountPINs(ctx context.Context) (int, error) {
	return s.count(ctx, "store.CountPINs", countPINs)
}

// CountUsers counts all users.
func (s Scope) CountUsers(ctx context.Context) (int, error) {
	return s.count(ctx, "store.CountUsers", countUsers)
}

func (s Scope) count(ctx context.Context, op string, q query, args ...any) (int, error) {
	var n int
	err := s.read(ctx, func(v view) error { return v.one(q, []any{&n}, args...) })
	return n, explain(op, err)
}

func (s Scope) users(ctx context.Context, op string, q query, args ...any) ([]directory.User, error) {
	var list []directory.User
	err := s.read(ctx, func(v view) (err error) {
		list, err = v.users(q, args...)
		return err
	})
	return list, explain(op, err)
}

func (s Scope) user(ctx context.Context, op string, q query, args ...any) (directory.User, error) {
	list, err := s.users(ctx, op, q, args...)
	if err == nil && len(list) == 0 {
		err = notFound(op, noUser)
	}
	if err != nil {
		return directory.User{}, err
	}
	list[0].Grants, err = s.Grants(ctx, list[0])
	return list[0], err
}

// users reads the users of a statement that begins with userSelect, with their
// aliases.
func (v view) users(q query, args ...any) ([]directory.User, error) {
	var list []directory.User
	if err := v.each(q, to(&list, scanUser), args...); err != nil {
		return nil, err
	}
	if len(list) > 20 { // one look at all aliases instead of one per user
		return list, v.aliasesOfAll(list)
	}
	for i := range list {
		err := v.each(selectAliases, to(&list[i].Aliases, scanText), list[i].ID)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (v view) aliasesOfAll(list []directory.User) error {
	of := map[string][]string{}
	err := v.each(selectAllAliases, func(row scanner) error {
		var user, alias string
		err := row.Scan(&user, &alias)
		of[user] = append(of[user], alias)
		return err
	})
	for i := range list {
		list[i].Aliases = of[list[i].ID]
	}
	return err
}

func scanText(row scanner, s *string) error { return row.Scan(s) }

func scanUser(row scanner, u *directory.User) error {
	return row.Scan(&u.ID, &u.Login, &u.FullName, &u.Email, &u.UPN, &u.Department, &u.Language, &u.Enabled, &u.Source,
		words[directory.Right]{&u.Rights}, &u.HasPass, &u.HasPIN, when{&u.Created}, &u.Cards, &u.Blocked, when{&u.Until}, when{&u.Removed}, &u.Sponsor, &u.From)
}

// PutUser adds a user, or changes the one with the same ID. Its secrets and
// cards are not touched. Another user with the same login is a Conflict.
func (s Scope) PutUser(ctx context.Context, u directory.User) error {
	const op = "store.PutUser"
	err := s.write(ctx, func(t tx) error { return t.putUser(op, u) })
	return explain(op, err)
}

func (t tx) putUser(op string, u directory.User) error {
	if u.ID == "" || u.Login == "" {
		return invalid(op, noLogin)
	}
	var taken string
	err := t.one(selectUserID, []any{&taken}, u.Login)
	switch {
	case err == nil && taken != u.ID:
		return conflict(op, "There is a user %s already.", u.Login)
	case err != nil && !errors.Is(err, errNoRow):
		return err
	}
	return t.storeUser(u, false)
}

// storeUser is putUser of somebody whose login is known to be free, or theirs.
func (t tx) storeUser(u directory.User, isNew bool) error {
	_, err := t.exec(putUser, u.ID, u.Login, u.FullName, u.Email, u.UPN, u.Department, u.Language, u.Enabled, u.Source,
		join(u.Rights), u.Created, u.Blocked, u.Until, u.Removed, u.Sponsor)
	if err != nil {
		return err
	}
	if err := t.putAliases(u, isNew); err != nil {
		return err
	}
	if !u.Enabled && !isNew {
		if err := t.endSessions(u.ID); err != nil {
			return err
		}
	}
	t.changed(aUser, u.ID, false)
	return nil
}

// putAliases replaces the other names that were given here. Those that a source
// gives are its own.
func (t tx) putAliases(u directory.User, isNew bool) error {
	if !isNew {
		if _, err := t.exec(deleteAliasesFrom, u.ID, ""); err != nil {
			return err
		}
	}
	for _, a := range u.Aliases {
		if a == "" {
			continue
		}
		if _, err := t.exec(insertAlias, a, u.ID, ""); err != nil {
			return err
		}
	}
	return nil
}

// RemoveUser removes a user, its cards, secrets and sessions. Its jobs that are
// not done become unclaimed; actor stands in their history.
func (s Scope) RemoveUser(ctx context.Context, id, actor string) error {
	const op = "store.RemoveUser"
	err := s.write(ctx, func(t tx) error {
		if err := s.disown(t, op, id, actor); err != nil {
			return err
		}
		var cards []string
		if err := t.each(selectCardsOf, to(&cards, scanText), id); err != nil {
			return err
		}
		for _, q := range []query{deleteSessionsOf, deleteWebSessionsOf, deleteAliases, deleteCardsOf, deleteMembershipsOf, deleteRightsOf, deleteCodesOf, deleteDelegationsOf, deleteDelegationsTo, deleteEntriesOf, deleteBalancesOf} {
			if _, err := t.exec(q, id); err != nil {
				return err
			}
		}
		n, err := t.exec(deleteUser, id)
		if err == nil && n == 0 {
			err = notFound(op, noUser)
		}
		if err != nil {
			return err
		}
		for _, c := range cards {
			t.changed(aCard, c, true)
		}
		t.changed(aUser, id, true)
		return nil
	})
	return explain(op, err)
}

func (s Scope) disown(t tx, op, user, actor string) error {
	var ids []int64
	if err := t.each(selectOwnIDs, to(&ids, func(row scanner, id *int64) error { return row.Scan(id) }), user); err != nil {
		return err
	}
	for _, id := range ids {
		was, err := t.jobRow(op, id)
		if err != nil {
			return err
		}
		h := job.Entry{At: s.st.now(), Actor: actor, Text: "Its owner was removed, so nobody owns it."}
		if err := t.give(op, was, "", "Its owner was removed.", h); err != nil {
			return err
		}
	}
	return nil
}

// Secrets returns the verifiers of a user.
func (s Scope) Secrets(ctx context.Context, user string) (directory.Secrets, error) {
	return find(ctx, s, "store.Secrets", noUser, func(row scanner, x *directory.Secrets) error {
		return row.Scan(&x.Password, &x.PIN, &x.PINDigest, when{&x.PasswordUntil})
	}, selectSecrets, user)
}

// SetSecrets replaces the verifiers of a user, and ends the sessions that were
// opened with the old ones.
func (s Scope) SetSecrets(ctx context.Context, user string, x directory.Secrets) error {
	const op = "store.SetSecrets"
	err := s.write(ctx, func(t tx) error {
		if err := t.setSecrets(op, user, x); err != nil {
			return err
		}
		t.changed(aUser, user, false)
		return nil
	})
	return explain(op, err)
}

func (t tx) setSecrets(op, user string, x directory.Secrets) error {
	n, err := t.exec(setSecrets, user, x.Password, x.PIN, x.PINDigest, x.PasswordUntil)
	if err == nil && n == 0 {
		err = notFound(op, noUser)
	}
	if err != nil {
		return err
	}
	return t.endSessions(user)
}

const (
	userSelect = `
		SELECT u.id, u.login, u.full_name, u.email, u.upn, u.department, u.language, u.enabled, u.source, u.rights,
		       CASE WHEN u.password <> '' THEN 1 ELSE 0 END, CASE WHEN u.pin <> '' OR u.pin_digest IS NOT NULL THEN 1 ELSE 0 END, u.created_at,
		       (SELECT COUNT(*) FROM cards c WHERE c.tenant = $1 AND c.user_id = u.id), u.blocked, u.until_at, u.removed_at, u.sponsor,
		       COALESCE((SELECT 'source ' || s.name FROM sources s WHERE s.tenant = $1 AND s.id = u.source), u.source)
		  FROM users u WHERE u.tenant = $1`
	selectUsers       query = userSelect + ` ORDER BY u.login`
	selectUser        query = userSelect + ` AND u.id = $2`
	selectUserByLogin query = userSelect + ` AND u.login = $2`
	selectUsersByName query = userSelect + ` AND u.id IN (
		SELECT l.id FROM users l WHERE l.tenant = $1 AND l.login = $2
		UNION ALL SELECT m.id FROM users m WHERE m.tenant = $1 AND m.email = $2 AND m.email <> ''
		UNION ALL SELECT n.id FROM users n WHERE n.tenant = $1 AND n.upn = $2 AND n.upn <> ''
		UNION ALL SELECT a.user_id FROM aliases a WHERE a.tenant = $1 AND a.alias = $2)`
	selectUsersByPrefix query = userSelect + ` AND u.id IN (
		SELECT l.id FROM users l WHERE l.tenant = $1
		   AND (substr(l.login, 1, $3) = $2 OR substr(l.email, 1, $3) = $2 OR substr(l.upn, 1, $3) = $2)
		UNION SELECT a.user_id FROM aliases a WHERE a.tenant = $1 AND substr(a.alias, 1, $3) = $2)
		ORDER BY u.login LIMIT $4`
	selectUsersByPIN query = userSelect + ` AND u.pin_digest IS NOT NULL AND u.pin_digest = $2 AND u.enabled = 1 LIMIT $3`
	countPINs        query = `SELECT COUNT(*) FROM users WHERE tenant = $1 AND pin_digest IS NOT NULL AND enabled = 1`
	countUsers       query = `SELECT COUNT(*) FROM users WHERE tenant = $1`
	selectUserID     query = `SELECT id FROM users WHERE tenant = $1 AND login = $2`
	putUser          query = `
		INSERT INTO users (tenant, id, login, full_name, email, upn, department, language, enabled, source, rights, created_at,
		       blocked, until_at, removed_at, sponsor, password, pin, pin_digest)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, '', '', NULL)
		ON CONFLICT (tenant, id) DO UPDATE SET login = excluded.login, full_name = excluded.full_name, email = excluded.email,
		       upn = excluded.upn, department = excluded.department, language = excluded.language, enabled = excluded.enabled,
		       source = excluded.source, rights = excluded.rights, blocked = excluded.blocked, until_at = excluded.until_at,
		       removed_at = excluded.removed_at, sponsor = excluded.sponsor`
	deleteUser       query = `DELETE FROM users WHERE tenant = $1 AND id = $2`
	selectSecrets    query = `SELECT password, pin, pin_digest, password_until FROM users WHERE tenant = $1 AND id = $2`
	setSecrets       query = `UPDATE users SET password = $3, pin = $4, pin_digest = $5, password_until = $6 WHERE tenant = $1 AND id = $2`
	deleteSessionsOf query = `DELETE FROM sessions WHERE tenant = $1 AND user_id = $2`
	selectOwnIDs     query = `SELECT id FROM jobs WHERE tenant = $1 AND owner = $2 AND state < 7`

	selectAliases    query = `SELECT alias FROM aliases WHERE tenant = $1 AND user_id = $2 ORDER BY source, alias`
	selectAllAliases query = `SELECT user_id, alias FROM aliases WHERE tenant = $1 ORDER BY user_id, alias`
	deleteAliases    query = `DELETE FROM aliases WHERE tenant = $1 AND user_id = $2`
	insertAlias      query = `INSERT INTO aliases (tenant, alias, user_id, source) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, alias, user_id) DO NOTHING`

	deleteAliasesFrom query = `DELETE FROM aliases WHERE tenant = $1 AND user_id = $2 AND source = $3`
)
