package store

import (
	"context"
	"encoding/json"
	"time"

	"platen/directory"
	"platen/site"
)

// SetEnrolment gives a terminal a new enrolment secret. In the same transaction
// the secret and the token it had before stop working and its sessions end. A
// nil digest only does the latter.
func (s Scope) SetEnrolment(ctx context.Context, terminal string, digest []byte, expires time.Time) error {
	const op = "store.SetEnrolment"
	err := s.write(ctx, func(t tx) error {
		n, err := t.exec(setEnrolment, terminal, digest, expires)
		if err == nil && n == 0 {
			err = notFound(op, noTerminal)
		}
		if err != nil {
			return err
		}
		_, err = t.exec(deleteSessionsAt, terminal)
		return err
	})
	return explain(op, err)
}

// Enrol exchanges the enrolment secret for the token, once. A secret that
// nobody has, that was used, or that expired at or before now is NotFound.
func (s Scope) Enrol(ctx context.Context, secret, token []byte, now time.Time) (site.Terminal, error) {
	const op = "store.Enrol"
	var m site.Terminal
	err := s.write(ctx, func(t tx) error {
		var id string
		if err := t.one(enrolTerminal, []any{&id}, secret, token, now); err != nil {
			return missing(err, op, "This link was used before, or is too old. Please ask for a new one.")
		}
		return t.each(selectTerminal, func(row scanner) error { return scanTerminal(row, &m) }, id)
	})
	return m, explain(op, err)
}

// TerminalByToken finds the terminal that holds the token.
func (s Scope) TerminalByToken(ctx context.Context, token []byte) (site.Terminal, error) {
	return find(ctx, s, "store.TerminalByToken", noTerminal, scanTerminal, selectTerminalByToken, token)
}

// StartSession adds a session under the digest of its token. In the same
// transaction it ends every other session of the same terminal and returns
// those.
func (s Scope) StartSession(ctx context.Context, x directory.Session, token []byte) (ended []directory.Session, err error) {
	err = s.write(ctx, func(t tx) error {
		ended = nil
		if err := t.each(selectSessionsAt, to(&ended, scanSession), x.Terminal); err != nil {
			return err
		}
		if _, err := t.exec(deleteSessionsAt, x.Terminal); err != nil {
			return err
		}
		_, err := t.exec(insertSession, x.ID, token, x.Terminal, x.Device, x.User.ID, x.Method, x.Started, x.Seen, x.Idle)
		return err
	})
	return ended, explain("store.StartSession", err)
}

// SessionByToken finds a session. Of its User only the ID is kept.
func (s Scope) SessionByToken(ctx context.Context, token []byte) (directory.Session, error) {
	return find(ctx, s, "store.SessionByToken", noSession, scanSession, selectSessionByToken, token)
}

// TouchSession stores when the person last did something and how long the
// session may rest from then on.
func (s Scope) TouchSession(ctx context.Context, id string, seen time.Time, idle time.Duration) error {
	const op = "store.TouchSession"
	// Lazy: the person waits, and a power cut ends a session a little earlier.
	err := s.call(ctx, &call{lazy: true, fn: func(t tx) error {
		n, err := t.exec(touchSession, id, seen, idle)
		if err == nil && n == 0 {
			err = notFound(op, noSession)
		}
		return err
	}})
	return explain(op, err)
}

// EndSession removes a session. One that had ended already is NotFound, so
// that exactly one caller does what follows a sign-out.
func (s Scope) EndSession(ctx context.Context, id string) error {
	return s.alter(ctx, "store.EndSession", noSession, deleteSession, id)
}

// Sessions returns all sessions.
func (s Scope) Sessions(ctx context.Context) ([]directory.Session, error) {
	return all(ctx, s, "store.Sessions", scanSession, selectSessions)
}

func scanSession(row scanner, x *directory.Session) error {
	return row.Scan(&x.ID, &x.Terminal, &x.Device, &x.User.ID, &x.Method, when{&x.Started}, when{&x.Seen}, span{&x.Idle})
}

// Throttles returns one throttle per key, in the order of the keys. One that is
// not there yet has Version 0 and no failures.
func (s Scope) Throttles(ctx context.Context, keys []string) ([]directory.Throttle, error) {
	list := make([]directory.Throttle, len(keys))
	err := s.read(ctx, func(v view) error {
		for i, key := range keys {
			list[i].Key = key
			var failures []int64
			err := v.each(selectThrottle, func(row scanner) error {
				return row.Scan(&list[i].Version, asJSON{&failures})
			}, key)
			if err != nil {
				return err
			}
			for _, f := range failures {
				list[i].Failures = append(list[i].Failures, time.UnixMilli(f).UTC())
			}
		}
		return nil
	})
	return list, explain("store.Throttles", err)
}

// PutThrottles writes all of them with Version+1, if every one still has the
// Version given, else it writes none and returns Conflict.
func (s Scope) PutThrottles(ctx context.Context, list []directory.Throttle) error {
	const op = "store.PutThrottles"
	err := s.write(ctx, func(t tx) error {
		for _, x := range list {
			failures := make([]int64, len(x.Failures))
			for i, f := range x.Failures {
				failures[i] = f.UnixMilli()
			}
			text, err := json.Marshal(failures)
			if err != nil {
				return err
			}
			n, err := t.exec(putThrottle, x.Key, x.Version, string(text), s.st.now())
			if err != nil {
				return err
			}
			if n == 0 {
				return conflict(op, "Somebody else has tried at the same moment.")
			}
		}
		return nil
	})
	return explain(op, err)
}

// ForgetThrottles removes those that were last written before, and of what is
// known of accounts and addresses what is thirty days older than that.
func (s Scope) ForgetThrottles(ctx context.Context, before time.Time) error {
	err := s.write(ctx, func(t tx) error {
		_, err := t.exec(deleteThrottles, before, before.Add(-directory.KnownFor))
		return err
	})
	return explain("store.ForgetThrottles", err)
}

const (
	noTerminal = "There is no such terminal."
	noSession  = "This session has ended."

	setEnrolment query = `
		UPDATE terminals SET secret = $3, secret_expires = $4, token = NULL WHERE tenant = $1 AND id = $2`
	enrolTerminal query = `
		UPDATE terminals SET secret = NULL, secret_expires = 0, token = $3
		 WHERE tenant = $1 AND secret IS NOT NULL AND secret = $2 AND secret_expires > $4 RETURNING id`

	sessionSelect        = `SELECT id, terminal, device, user_id, method, started, seen, idle FROM sessions WHERE tenant = $1`
	selectSessions query = sessionSelect + ` ORDER BY started, id`

	selectSessionsAt     query = sessionSelect + ` AND terminal = $2 ORDER BY started, id`
	selectSessionByToken query = sessionSelect + ` AND token = $2`
	insertSession        query = `
		INSERT INTO sessions (tenant, id, token, terminal, device, user_id, method, started, seen, idle)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	touchSession     query = `UPDATE sessions SET seen = $3, idle = $4 WHERE tenant = $1 AND id = $2`
	deleteSession    query = `DELETE FROM sessions WHERE tenant = $1 AND id = $2`
	deleteSessionsAt query = `DELETE FROM sessions WHERE tenant = $1 AND terminal = $2`

	selectThrottle query = `SELECT version, failures FROM throttles WHERE tenant = $1 AND name = $2`
	putThrottle    query = `
		INSERT INTO throttles (tenant, name, version, failures, at)
		SELECT $1, $2, CAST($3 AS BIGINT) + 1, $4, CAST($5 AS BIGINT)
		 WHERE $3 = 0 OR EXISTS (SELECT 1 FROM throttles o WHERE o.tenant = $1 AND o.name = $2)
		ON CONFLICT (tenant, name) DO UPDATE SET version = excluded.version, failures = excluded.failures, at = excluded.at
		 WHERE throttles.version = $3`
	deleteThrottles query = `DELETE FROM throttles WHERE tenant = $1 AND at < $2 AND (at < $3 OR name NOT LIKE 'known/%')` // directory.ThrottleKnown
)
