package store

import (
	"context"
	"time"

	"platen/fault"
	"platen/site"
)

// Tokens returns all API tokens, oldest first.
func (s Scope) Tokens(ctx context.Context) ([]site.Token, error) {
	return all(ctx, s, "store.Tokens", scanToken, selectCallers)
}

// TokenByDigest finds the token with this keyed digest, and remembers that it
// was used.
func (s Scope) TokenByDigest(ctx context.Context, digest []byte) (site.Token, error) {
	const op = "store.TokenByDigest"
	x, err := find(ctx, s, op, noToken, scanToken, selectCallerByDigest, digest)
	if err != nil {
		return x, err
	}
	now := s.st.now()
	if now.Sub(x.Used) < time.Minute { // not a commit for every request
		return x, nil
	}
	err = s.alter(ctx, op, noToken, touchCaller, x.ID, now)
	if fault.Is(err, fault.Full) { // a full disk is no reason to refuse a token
		err = nil
	}
	return x, err
}

func scanToken(row scanner, x *site.Token) error {
	return row.Scan(&x.ID, &x.Kind, &x.Label, &x.Queue, &x.Owner, when{&x.Created}, when{&x.Used}, &x.Source, words[string]{&x.Rights}, when{&x.Expires})
}

// AddToken adds an API token under the keyed digest of its text.
func (s Scope) AddToken(ctx context.Context, x site.Token, digest []byte) error {
	const op = "store.AddToken"
	if x.ID == "" || len(digest) == 0 {
		return invalid(op, "A token needs a digest.")
	}
	err := s.write(ctx, func(t tx) error {
		_, err := t.exec(insertCaller, x.ID, x.Label, digest, x.Queue, x.Owner, x.Created, x.Kind, x.Source, join(x.Rights), x.Expires)
		return err
	})
	return explain(op, err)
}

// RemoveToken removes an API token.
func (s Scope) RemoveToken(ctx context.Context, id string) error {
	return s.alter(ctx, "store.RemoveToken", noToken, deleteCaller, id)
}

const (
	noToken = "There is no such token."

	callerSelect               = `SELECT id, kind, label, queue, owner, created_at, used_at, source, rights, expires_at FROM tokens WHERE tenant = $1`
	selectCallers        query = callerSelect + ` ORDER BY created_at, id`
	selectCallerByDigest query = callerSelect + ` AND digest = $2`
	insertCaller         query = `
		INSERT INTO tokens (tenant, id, label, digest, queue, owner, created_at, used_at, kind, source, rights, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11)`
	touchCaller  query = `UPDATE tokens SET used_at = $3 WHERE tenant = $1 AND id = $2`
	deleteCaller query = `DELETE FROM tokens WHERE tenant = $1 AND id = $2`
)
