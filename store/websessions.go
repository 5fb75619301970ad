package store

import (
	"context"
	"time"

	"platen/directory"
)

const noWebSession = "You are signed out. Please sign in again."

// StartWebSession adds the session of a person at a browser of their own, under
// the keyed digest of its token. The one that the browser had before, if any (nil:
// none), ends in the same transaction.
func (s Scope) StartWebSession(ctx context.Context, x directory.WebSession, digest, before []byte) error {
	const op = "store.StartWebSession"
	if x.ID == "" || len(digest) == 0 {
		return invalid(op, "A session needs a digest.")
	}
	err := s.write(ctx, func(t tx) error {
		if _, err := t.exec(deleteWebSession, before); err != nil {
			return err
		}
		var users int
		if err := t.one(existsUser, []any{&users}, x.User); err != nil {
			return err
		}
		if users == 0 { // removed at this very moment
			return notFound(op, noUser)
		}
		_, err := t.exec(insertWebSession, digest, x.ID, x.User, x.Method, join(x.Roles), x.Created, x.Seen, x.Expires, x.Client, x.Hint)
		return err
	})
	return explain(op, err)
}

// WebSession finds a session by the digest of its token, whether or not it is over.
func (s Scope) WebSession(ctx context.Context, digest []byte) (directory.WebSession, error) {
	return find(ctx, s, "store.WebSession", noWebSession, scanWebSession, selectWebSession, digest)
}

// WebSessionsOf returns a user's sessions, the newest first.
func (s Scope) WebSessionsOf(ctx context.Context, user string) ([]directory.WebSession, error) {
	return all(ctx, s, "store.WebSessionsOf", scanWebSession, selectWebSessionsOf, user)
}

func scanWebSession(row scanner, x *directory.WebSession) error {
	return row.Scan(&x.ID, &x.User, &x.Method, words[string]{&x.Roles}, when{&x.Created}, when{&x.Seen}, when{&x.Expires}, &x.Client, &x.Hint)
}

// TouchWebSession stores when the person last did something.
func (s Scope) TouchWebSession(ctx context.Context, digest []byte, seen time.Time) error {
	// Lazy, as with the sessions of terminals.
	err := s.call(ctx, &call{lazy: true, fn: func(t tx) error {
		_, err := t.exec(touchWebSession, digest, seen)
		return err
	}})
	return explain("store.TouchWebSession", err)
}

// EndWebSession removes a session by the digest of its token; one that is not
// there is ended already.
func (s Scope) EndWebSession(ctx context.Context, digest []byte) error {
	err := s.write(ctx, func(t tx) error {
		_, err := t.exec(deleteWebSession, digest)
		return err
	})
	return explain("store.EndWebSession", err)
}

// EndWebSessionOf removes one session of a user.
func (s Scope) EndWebSessionOf(ctx context.Context, user, id string) error {
	return s.alter(ctx, "store.EndWebSessionOf", "There is no such session.", deleteWebSessionOf, user, id)
}

// EndWebSessions removes the sessions that are over at now.
func (s Scope) EndWebSessions(ctx context.Context, now time.Time) error {
	err := s.write(ctx, func(t tx) error {
		_, err := t.exec(deleteOldWebSessions, now)
		return err
	})
	return explain("store.EndWebSessions", err)
}

// endSessions ends what a user has begun, at terminals and at browsers.
func (t tx) endSessions(user string) error {
	if _, err := t.exec(deleteSessionsOf, user); err != nil {
		return err
	}
	_, err := t.exec(deleteWebSessionsOf, user)
	return err
}

// UserBySubject finds the user whom the provider of sign-ins knows by this name;
// see SetSubject.
func (s Scope) UserBySubject(ctx context.Context, subject string) (directory.User, error) {
	return s.user(ctx, "store.UserBySubject", selectUserBySubject, subject)
}

// Subject returns the name that the provider of sign-ins has for a user, "" none.
func (s Scope) Subject(ctx context.Context, user string) (string, error) {
	return find(ctx, s, "store.Subject", noUser, scanText, selectSubject, user)
}

// SetSubject remembers how the provider of sign-ins names a user: its issuer and
// its subject together. Somebody who has another name already keeps it, and the
// call is a Conflict; so it is when another user has this one. "" forgets it, and
// ends what it has begun.
func (s Scope) SetSubject(ctx context.Context, user, subject string) error {
	const op = "store.SetSubject"
	err := s.write(ctx, func(t tx) error {
		if subject == "" {
			if _, err := t.exec(forgetSubject, user); err != nil {
				return err
			}
			return t.endSessions(user)
		}
		n, err := t.exec(setSubject, user, subject)
		if err == nil && n == 0 {
			err = conflict(op, "This account belongs to somebody else at the sign-in service. Please tell the administrator.")
		}
		return err
	})
	return explain(op, err)
}

const (
	webSessionSelect          = `SELECT id, user_id, method, roles, created_at, seen_at, expires_at, client, hint FROM web_sessions WHERE tenant = $1`
	selectWebSession    query = webSessionSelect + ` AND digest = $2`
	selectWebSessionsOf query = webSessionSelect + ` AND user_id = $2 ORDER BY created_at DESC, id`
	insertWebSession    query = `
		INSERT INTO web_sessions (tenant, digest, id, user_id, method, roles, created_at, seen_at, expires_at, client, hint)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
	touchWebSession      query = `UPDATE web_sessions SET seen_at = $3 WHERE tenant = $1 AND digest = $2`
	deleteWebSession     query = `DELETE FROM web_sessions WHERE tenant = $1 AND digest = $2`
	deleteWebSessionOf   query = `DELETE FROM web_sessions WHERE tenant = $1 AND user_id = $2 AND id = $3`
	deleteWebSessionsOf  query = `DELETE FROM web_sessions WHERE tenant = $1 AND user_id = $2`
	deleteOldWebSessions query = `DELETE FROM web_sessions WHERE tenant = $1 AND expires_at <= $2`

	selectUserBySubject query = userSelect + ` AND u.subject = $2 AND u.subject <> ''`
	selectSubject       query = `SELECT subject FROM users WHERE tenant = $1 AND id = $2`
	forgetSubject       query = `UPDATE users SET subject = '' WHERE tenant = $1 AND id = $2`
	setSubject          query = `
		UPDATE users SET subject = $3 WHERE tenant = $1 AND id = $2 AND (subject = '' OR subject = $3)
		   AND NOT EXISTS (SELECT 1 FROM users o WHERE o.tenant = $1 AND o.subject = $3 AND o.subject <> '' AND o.id <> $2)`
)
