package store

import (
	"context"
	"time"

	"platen/fault"
)

// PutCode keeps a code that works once. The codes that the user had for the same
// purpose stop working.
func (s Scope) PutCode(ctx context.Context, digest []byte, user, purpose string, until time.Time) error {
	const op = "store.PutCode"
	err := s.write(ctx, func(t tx) error {
		if _, err := t.exec(deleteCodesFor, user, purpose); err != nil {
			return err
		}
		_, err := t.exec(insertCode, digest, user, purpose, until)
		return err
	})
	return explain(op, err)
}

// CodeHolder returns whose code for this purpose has the digest, if it has not
// ended at now.
func (s Scope) CodeHolder(ctx context.Context, digest []byte, purpose string, now time.Time) (user string, err error) {
	return find(ctx, s, "store.CodeHolder", "There is no such code.", scanText, selectCode, digest, purpose, now)
}

// SpendCode takes a code away. Whoever comes second is told that it is gone.
func (s Scope) SpendCode(ctx context.Context, digest []byte) error {
	return s.alter(ctx, "store.SpendCode", "There is no such code.", deleteCode, digest)
}

// KeepVerifier keeps what stands in for the password that a directory has, until
// then; "" forgets it. Sessions go on.
func (s Scope) KeepVerifier(ctx context.Context, user, phc string, until time.Time) error {
	const op = "store.KeepVerifier"
	err := s.write(ctx, func(t tx) error {
		n, err := t.exec(keepVerifier, user, phc, until)
		if err == nil && n == 0 {
			err = notFound(op, noUser)
		}
		if err != nil {
			return err
		}
		t.changed(aUser, user, false)
		return nil
	})
	return explain(op, err)
}

// CountCards counts a user's cards.
func (s Scope) CountCards(ctx context.Context, user string) (int, error) {
	if user == "" {
		return 0, &fault.Error{Op: "store.CountCards", Kind: fault.NotFound, Text: noUser}
	}
	return s.count(ctx, "store.CountCards", countCardsOf, user)
}

const (
	insertCode     query = `INSERT INTO codes (tenant, digest, user_id, purpose, expires_at) VALUES ($1, $2, $3, $4, $5)`
	selectCode     query = `SELECT user_id FROM codes WHERE tenant = $1 AND digest = $2 AND purpose = $3 AND expires_at > $4`
	deleteCode     query = `DELETE FROM codes WHERE tenant = $1 AND digest = $2`
	deleteCodesFor query = `DELETE FROM codes WHERE tenant = $1 AND user_id = $2 AND purpose = $3`
	keepVerifier   query = `UPDATE users SET password = $3, password_until = $4 WHERE tenant = $1 AND id = $2`
	countCardsOf   query = `SELECT COUNT(*) FROM cards WHERE tenant = $1 AND user_id = $2`
)
