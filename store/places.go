package store

import (
	"context"
	"errors"
)

// free is nil when nobody but the thing itself has what the statement looks
// for.
func (t tx) free(op, sentence string, q query, id, shown string, what any) error {
	var taken string
	err := t.one(q, []any{&taken}, what)
	switch {
	case errors.Is(err, errNoRow) || err == nil && taken == id:
		return nil
	case err != nil:
		return err
	}
	return conflict(op, sentence, shown)
}

// hasDevice is nil when the device is there, or none was named.
func (t tx) hasDevice(op, id string) error {
	if id == "" {
		return nil
	}
	var n int
	if err := t.one(existsDevice, []any{&n}, id); err != nil {
		return err
	}
	if n == 0 {
		return notFound(op, noDevice)
	}
	return nil
}

// unused is nil when the statement counts nothing.
func (t tx) unused(op, sentence string, q query, id string) error {
	var n int
	if err := t.one(q, []any{&n}, id); err != nil {
		return err
	}
	if n > 0 {
		return conflict(op, sentence, n)
	}
	return nil
}

type inUse struct {
	sentence string
	q        query
}

// removeUnused deletes a thing that nothing else needs any more.
func (t tx) removeUnused(op, sentence string, k kind, id string, q query, uses ...inUse) error {
	for _, u := range uses {
		if err := t.unused(op, u.sentence, u.q, id); err != nil {
			return err
		}
	}
	n, err := t.exec(q, id)
	if err == nil && n == 0 {
		err = notFound(op, sentence)
	}
	if err != nil {
		return err
	}
	t.changed(k, id, true)
	return nil
}

// remove deletes one thing and leaves a tombstone.
func (s Scope) remove(ctx context.Context, op, sentence string, k kind, id string, q query) error {
	err := s.write(ctx, func(t tx) error {
		n, err := t.exec(q, id)
		if err == nil && n == 0 {
			err = notFound(op, sentence)
		}
		if err != nil {
			return err
		}
		t.changed(k, id, true)
		return nil
	})
	return explain(op, err)
}
