package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

// Person is one line of an import.
type Person struct {
	User    directory.User     // without an ID it is the user with that login, or a new one
	Secrets *directory.Secrets // nil leaves those that are there
	Cards   []directory.Card   // added; one that the user has already is passed over
}

// ImportError says which lines of an import were refused, and why.
type ImportError struct{ Lines []ImportLine }

// ImportLine is one refused line.
type ImportLine struct {
	Index int // of the person in the list, from 0
	Err   error
}

func (e *ImportError) Error() string {
	texts := make([]string, len(e.Lines))
	for i, l := range e.Lines {
		texts[i] = fmt.Sprintf("%d: %v", l.Index, l.Err)
	}
	return "store.ImportUsers: " + strings.Join(texts, "; ")
}

// Unwrap gives the kind and the sentence of the first refused line.
func (e *ImportError) Unwrap() error { return e.Lines[0].Err }

// ImportUsers adds or changes all of them or none. When lines are refused the
// error is an *ImportError with every one of them. progress, which may be nil,
// is called after each line; it must not wait.
func (s Scope) ImportUsers(ctx context.Context, people []Person, progress func(done int)) (added, changed int, err error) {
	const op = "store.ImportUsers"
	err = s.write(ctx, func(t tx) error {
		added, changed = 0, 0
		var refused []ImportLine
		for i, p := range people {
			if err := ctx.Err(); err != nil {
				return err
			}
			isNew, err := t.importPerson(op, p)
			var sorted *fault.Error
			switch {
			case errors.As(err, &sorted):
				refused = append(refused, ImportLine{i, err})
			case err != nil:
				return err
			case isNew:
				added++
			default:
				changed++
			}
			if progress != nil {
				progress(i + 1)
			}
		}
		if len(refused) > 0 {
			return &ImportError{refused}
		}
		return nil
	})
	if err != nil {
		added, changed = 0, 0
	}
	return added, changed, explain(op, err)
}

// importPerson stores one line. A line that is refused with a fault has perhaps
// stored half of itself: the import as a whole is rolled back.
func (t tx) importPerson(op string, p Person) (isNew bool, err error) {
	u := p.User
	if u.ID != "" {
		err = t.putUser(op, u)
	} else {
		u.ID, isNew, err = t.importUser(op, u)
	}
	if err != nil {
		return isNew, err
	}
	if p.Secrets != nil {
		if err := t.setSecrets(op, u.ID, *p.Secrets); err != nil {
			return isNew, err
		}
	}
	for _, c := range p.Cards {
		if c.ID == "" || len(c.Digest) == 0 {
			return isNew, invalid(op, noNumber)
		}
		c.User = u.ID
		if holder, err := t.addCard(&c); err != nil {
			return isNew, err
		} else if holder != u.ID {
			return isNew, conflict(op, takenCard)
		}
	}
	return isNew, nil
}

// importUser stores somebody by the login: a new user, or the one who has it.
func (t tx) importUser(op string, u directory.User) (id string, isNew bool, err error) {
	if u.Login == "" {
		return "", false, invalid(op, noLogin)
	}
	err = t.one(selectUserID, []any{&u.ID}, u.Login)
	if isNew = errors.Is(err, errNoRow); isNew {
		u.ID = job.NewUUID()
	} else if err != nil {
		return "", false, err
	}
	return u.ID, isNew, t.storeUser(u, isNew)
}
