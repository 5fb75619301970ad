package store

import (
	"context"
	"errors"

	"platen/directory"
)

// Cards returns the cards of a user, of "" everybody's, oldest first.
func (s Scope) Cards(ctx context.Context, user string) ([]directory.Card, error) {
	return all(ctx, s, "store.Cards", scanCard, selectCards, user)
}

// Card returns a card.
func (s Scope) Card(ctx context.Context, id string) (directory.Card, error) {
	return find(ctx, s, "store.Card", noCard, scanCard, selectCard, id)
}

// CardByDigest finds a card, a blocked one too, by the digest of the normal
// form of its number.
func (s Scope) CardByDigest(ctx context.Context, digest []byte) (directory.Card, error) {
	return find(ctx, s, "store.CardByDigest", noCard, scanCard, selectCardByDigest, digest)
}

const (
	noCard    = "There is no such card."
	noNumber  = "A card needs a number."
	takenCard = "This card belongs to somebody already."
)

func scanCard(row scanner, c *directory.Card) error {
	return row.Scan(&c.ID, &c.User, &c.Login, &c.Digest, &c.Raw, &c.Last, &c.Label, &c.Blocked, when{&c.Created}, &c.Source)
}

// CardByRaw finds a card by the digest of the number as a reader sent it, when it
// is only one: it was enrolled before the rule of the reader was changed.
func (s Scope) CardByRaw(ctx context.Context, digest []byte) (directory.Card, error) {
	const op = "store.CardByRaw"
	list, err := all(ctx, s, op, scanCard, selectCardsByRaw, digest)
	if err == nil && len(list) != 1 {
		err = notFound(op, noCard)
	}
	if err != nil {
		return directory.Card{}, err
	}
	return list[0], nil
}

// PutCard adds a card, or changes the one with the same ID. Another card with
// the same Digest is a Conflict.
func (s Scope) PutCard(ctx context.Context, c directory.Card) error {
	const op = "store.PutCard"
	err := s.write(ctx, func(t tx) error { return t.putCard(op, c) })
	return explain(op, err)
}

func (t tx) putCard(op string, c directory.Card) error {
	if c.ID == "" || len(c.Digest) == 0 {
		return invalid(op, noNumber)
	}
	var users int
	if err := t.one(existsUser, []any{&users}, c.User); err != nil {
		return err
	}
	if users == 0 {
		return notFound(op, noUser)
	}
	var taken string
	err := t.one(selectCardID, []any{&taken}, c.Digest)
	switch {
	case err == nil && taken != c.ID:
		return conflict(op, takenCard)
	case err != nil && !errors.Is(err, errNoRow):
		return err
	}
	if _, err := t.exec(putCard, c.ID, c.User, c.Digest, c.Raw, c.Last, c.Label, c.Blocked, c.Created, c.Source); err != nil {
		return err
	}
	t.changed(aCard, c.ID, false)
	return nil
}

// addCard adds a card of somebody who is there, and returns who has its number: that
// is somebody else when it was taken, and then nothing is added.
func (t tx) addCard(c *directory.Card) (holder string, err error) {
	added, err := t.exec(insertCard, c.ID, c.User, c.Digest, c.Raw, c.Last, c.Label, c.Blocked, c.Created, c.Source)
	if err != nil {
		return "", err
	}
	if added > 0 {
		t.changed(aCard, c.ID, false)
		return c.User, nil
	}
	err = t.one(selectCardOwner, []any{&holder}, c.Digest)
	return holder, err
}

// RemoveCard removes a card.
func (s Scope) RemoveCard(ctx context.Context, id string) error {
	const op = "store.RemoveCard"
	return s.remove(ctx, op, noCard, aCard, id, deleteCard)
}

const (
	cardSelect = `
		SELECT c.id, c.user_id, COALESCE(u.login, ''), c.digest, c.raw, c.last, c.label, c.blocked, c.created_at, c.source
		  FROM cards c LEFT JOIN users u ON u.tenant = $1 AND u.id = c.user_id WHERE c.tenant = $1`
	selectCards        query = cardSelect + ` AND ($2 = '' OR c.user_id = $2) ORDER BY c.created_at, c.id`
	selectCard         query = cardSelect + ` AND c.id = $2`
	selectCardByDigest query = cardSelect + ` AND c.digest = $2`
	selectCardsByRaw   query = cardSelect + ` AND c.raw = $2 LIMIT 2`
	selectCardsOf      query = `SELECT id FROM cards WHERE tenant = $1 AND user_id = $2`
	selectCardID       query = `SELECT id FROM cards WHERE tenant = $1 AND digest = $2`
	cardValues         query = `
		INSERT INTO cards (tenant, id, user_id, digest, raw, last, label, blocked, created_at, source)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	putCard = cardValues + `
		ON CONFLICT (tenant, id) DO UPDATE SET user_id = excluded.user_id, digest = excluded.digest, raw = excluded.raw,
		       last = excluded.last, label = excluded.label, blocked = excluded.blocked, source = excluded.source`
	insertCard            = cardValues + ` ON CONFLICT (tenant, digest) DO NOTHING`
	selectCardOwner query = `SELECT user_id FROM cards WHERE tenant = $1 AND digest = $2`
	deleteCard      query = `DELETE FROM cards WHERE tenant = $1 AND id = $2`
	deleteCardsOf   query = `DELETE FROM cards WHERE tenant = $1 AND user_id = $2`
)
