package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"platen/directory"
	"platen/job"
)

// ApplyPeople stores what a source says of people, in one transaction, and
// returns a sentence for each that had to be passed over. moving are the keys of
// all people that this run changes: a login that one of them has now may be taken.
func (s Scope) ApplyPeople(ctx context.Context, source string, people []directory.Arrived, moving map[string]bool) (problems []string, err error) {
	err = s.write(ctx, func(t tx) error {
		problems = nil
		a := applier{t: t, source: source, moving: moving, now: s.st.now()}
		for i := range people {
			if err := a.person(&people[i]); err != nil {
				return err
			}
		}
		problems = a.problems
		return nil
	})
	return problems, explain("store.ApplyPeople", err)
}

// applier stores people of one source within one transaction.
type applier struct {
	t        tx
	source   string
	moving   map[string]bool
	now      time.Time
	problems []string
}

func (a *applier) problem(format string, args ...any) {
	a.problems = append(a.problems, fmt.Sprintf(format, args...))
}

// person stores one person. A refused one leaves nothing.
func (a *applier) person(p *directory.Arrived) error {
	id, isNew := p.Target, false
	if id == "" {
		var err error
		if id, isNew, err = a.settle(p); err != nil || id == "" {
			return err
		}
	} else if ok, err := a.clear(p.User.Login, id); err != nil || !ok {
		return err
	}
	u := &p.User
	var err error
	if !isNew {
		_, err = a.t.exec(updateSourced, id, u.Login, u.FullName, u.Email, u.UPN, u.Department, u.Language, u.Enabled, a.source, a.now)
	}
	if err == nil && !isNew && !u.Enabled {
		err = a.t.endSessions(id)
	}
	if err == nil && p.PINDigest != nil {
		_, err = a.t.exec(setSourcedPIN, id, p.PINDigest)
	}
	if err == nil {
		err = a.aliases(id, u.Aliases, isNew)
	}
	if err == nil {
		err = a.cards(id, p, isNew)
	}
	if err == nil {
		_, err = a.t.exec(putEntry, a.source, p.Key, directory.KindUser, id, p.Base, p.Digest[:])
	}
	a.t.changed(aUser, id, false)
	return err
}

// settle says who a person is who was not known by its key: somebody new, who is
// stored, or somebody who was entered here with the same login. "" is a person who
// cannot be stored.
func (a *applier) settle(p *directory.Arrived) (id string, isNew bool, err error) {
	id = job.NewUUID()
	if isNew, err = a.insert(id, &p.User); err != nil || isNew {
		return id, isNew, err
	}
	var holder, source string
	if err := a.t.one(selectLoginHolder, []any{&holder, &source}, p.User.Login); err != nil {
		return "", false, err
	}
	var entries int
	if err := a.t.one(countEntriesOf, []any{&entries}, holder); err != nil {
		return "", false, err
	}
	if entries == 0 {
		return a.adopt(p.User.Login, holder)
	}
	if ok, err := a.clear(p.User.Login, ""); err != nil || !ok {
		return "", false, err
	}
	isNew, err = a.insert(id, &p.User)
	return id, isNew, err
}

// insert stores a new person, unless somebody has the login.
func (a *applier) insert(id string, u *directory.User) (bool, error) {
	n, err := a.t.exec(insertSourced, id, u.Login, u.FullName, u.Email, u.UPN, u.Department, u.Language, u.Enabled, a.source, a.now)
	return n > 0, err
}

// adopt takes somebody over who was entered here, unless that would give what was
// given to one person to whoever is called so elsewhere: rights beyond printing, or
// the account of a guest.
func (a *applier) adopt(login, id string) (string, bool, error) {
	var rights []directory.Right
	var sponsor, source string
	var grants int
	if err := a.t.one(selectAdoptee, []any{words[directory.Right]{&rights}, &sponsor, &source, &grants}, id); err != nil {
		return "", false, err
	}
	powerful := grants > 0 || slices.ContainsFunc(rights, func(r directory.Right) bool { return r != directory.Release && !r.Restricts() })
	switch {
	case sponsor != "":
		a.problem("%s was passed over: a guest has this login.", login)
	case source == directory.SourceOIDC:
		a.problem("%s was passed over: somebody who signs in with OpenID Connect has this login.", login)
	case powerful:
		a.problem("%s was passed over: the account here with this login has rights of its own. Take them away until it is the directory's, or rename it.", login)
	default:
		return id, false, nil
	}
	return "", false, nil
}

// clear makes a login free for id: somebody who has left lets it go, and so does
// somebody whom this run is about to give another one. ok is false when nobody
// lets go, which is told.
func (a *applier) clear(login, id string) (ok bool, err error) {
	var holder, source string
	err = a.t.one(selectLoginHolder, []any{&holder, &source}, login)
	if errors.Is(err, errNoRow) || err == nil && holder == id {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	var key string
	var gone, removed int64
	err = a.t.one(selectHolderEntry, []any{&key, &gone, &removed}, holder, a.source)
	if err != nil && !errors.Is(err, errNoRow) {
		return false, err
	}
	if err == nil && (gone != 0 || removed != 0 || a.moving[key]) {
		_, err = a.t.exec(renameUser, holder, "~"+holder)
		a.t.changed(aUser, holder, false)
		return err == nil, err
	}
	a.problem("%s was passed over: somebody from elsewhere has this login.", login)
	return false, nil
}

// aliases replaces the other names that this source gives.
func (a *applier) aliases(id string, names []string, isNew bool) error {
	if !isNew {
		if _, err := a.t.exec(deleteAliasesFrom, id, a.source); err != nil {
			return err
		}
	}
	for _, n := range names {
		if _, err := a.t.exec(insertAlias, n, id, a.source); err != nil {
			return err
		}
	}
	return nil
}

// cards replaces the cards that this source gives. One that somebody else has is
// passed over and told; one that the person has otherwise stays as it is.
func (a *applier) cards(id string, p *directory.Arrived, isNew bool) error {
	if !isNew {
		if err := a.dropCards(id, p.Cards); err != nil {
			return err
		}
	}
	for i := range p.Cards {
		c := directory.Card{ID: p.Cards[i].ID, User: id, Digest: p.Cards[i].Digest, Raw: p.Cards[i].Raw, Last: p.Cards[i].Last, Created: a.now, Source: a.source}
		holder, err := a.t.addCard(&c)
		if err != nil {
			return err
		}
		if holder != id {
			a.problem("a card …%s of %s was passed over: somebody else has it.", c.Last, p.User.Login)
		}
	}
	return nil
}

// dropCards takes away the cards that this source gave before and does not give
// now. A blocked one stays, so that it stays blocked.
func (a *applier) dropCards(id string, keep []directory.Card) error {
	var list []directory.Card
	err := a.t.each(selectCardsFrom, to(&list, func(row scanner, c *directory.Card) error {
		return row.Scan(&c.ID, &c.Digest)
	}), id, a.source)
	if err != nil {
		return err
	}
	for i := range list {
		same := func(k directory.Card) bool { return string(k.Digest) == string(list[i].Digest) }
		if slices.ContainsFunc(keep, same) {
			continue
		}
		if _, err := a.t.exec(deleteCard, list[i].ID); err != nil {
			return err
		}
		a.t.changed(aCard, list[i].ID, true)
	}
	return nil
}

// ApplyGroups stores what a source says of groups. target says which user or group
// an entry is here; who is not known is passed over.
func (s Scope) ApplyGroups(ctx context.Context, source string, groups []directory.ArrivedGroup) error {
	err := s.write(ctx, func(t tx) error {
		for i := range groups {
			g := &groups[i]
			if err := t.putGroup(directory.Group{ID: g.Target, Name: g.Name, Source: source}); err != nil {
				return err
			}
			if err := t.setMembers(g); err != nil {
				return err
			}
			if _, err := t.exec(putEntry, source, g.Key, directory.KindGroup, g.Target, g.Base, g.Digest[:]); err != nil {
				return err
			}
		}
		return nil
	})
	return explain("store.ApplyGroups", err)
}

// setMembers brings the members of a group to what they are now, and writes only
// what is different: of a group of thousands mostly one.
func (t tx) setMembers(g *directory.ArrivedGroup) error {
	want := make(map[string]bool, len(g.People)+len(g.Members)) // id: nested
	for _, id := range g.People {
		want[id] = false
	}
	for _, id := range g.Members {
		want[id] = true
	}
	var gone []string
	err := t.each(selectMemberIDs, func(row scanner) error {
		var id string
		var nested bool
		if err := row.Scan(&id, &nested); err != nil {
			return err
		}
		if is, ok := want[id]; ok && is == nested {
			delete(want, id)
		} else if !ok {
			gone = append(gone, id)
		}
		return nil
	}, g.Target)
	if err != nil {
		return err
	}
	for _, id := range gone {
		if _, err := t.exec(deleteMember, g.Target, id); err != nil {
			return err
		}
	}
	for id, nested := range want {
		if _, err := t.exec(insertMember, g.Target, id, nested); err != nil {
			return err
		}
	}
	return nil
}

// ApplyGone ends the accounts of people who have left a source, and removes its
// groups. The people stay for a while, disabled and with their cards, in case that
// they come back.
func (s Scope) ApplyGone(ctx context.Context, source string, entries []directory.Entry) error {
	err := s.write(ctx, func(t tx) error {
		now := s.st.now()
		for _, e := range entries {
			if e.Kind == directory.KindGroup {
				if err := t.removeGroup(e.Target); err != nil {
					return err
				}
				continue
			}
			if _, err := t.exec(markGone, source, e.Key, now); err != nil {
				return err
			}
			if _, err := t.exec(markRemoved, e.Target, now); err != nil {
				return err
			}
			if err := t.endSessions(e.Target); err != nil {
				return err
			}
			t.changed(aUser, e.Target, false)
		}
		return nil
	})
	return explain("store.ApplyGone", err)
}

// ApplyMissing notes who seems to have left, and about whom somebody is asked.
func (s Scope) ApplyMissing(ctx context.Context, source string, keys []string) error {
	err := s.write(ctx, func(t tx) error {
		for _, k := range keys {
			if _, err := t.exec(markMissing, source, k, s.st.now()); err != nil {
				return err
			}
		}
		return nil
	})
	return explain("store.ApplyMissing", err)
}

const (
	selectLoginHolder query = `SELECT id, source FROM users WHERE tenant = $1 AND login = $2`
	countEntriesOf    query = `SELECT COUNT(*) FROM source_entries WHERE tenant = $1 AND target = $2`
	selectAdoptee     query = `
		SELECT u.rights, u.sponsor, u.source, (SELECT COUNT(*) FROM rights r WHERE r.tenant = $1 AND r.holder = u.id)
		  FROM users u WHERE u.tenant = $1 AND u.id = $2`
	selectHolderEntry query = `
		SELECT e.entry, e.gone_at, u.removed_at FROM source_entries e JOIN users u ON u.tenant = $1 AND u.id = e.target
		 WHERE e.tenant = $1 AND e.target = $2 AND e.source = $3 LIMIT 1`
	renameUser    query = `UPDATE users SET login = $3 WHERE tenant = $1 AND id = $2`
	insertSourced query = `
		INSERT INTO users (tenant, id, login, full_name, email, upn, department, language, enabled, source, rights, created_at,
		       blocked, until_at, removed_at, sponsor, password, password_until, pin, pin_digest)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', $11, 0, 0, 0, '', '', 0, '', NULL)
		ON CONFLICT (tenant, login) DO NOTHING`
	updateSourced query = `
		UPDATE users SET login = $3, full_name = $4, email = $5, upn = $6, department = $7, language = $8,
		       enabled = CASE WHEN blocked = 1 OR until_at > 0 AND until_at <= $11 THEN 0 ELSE CAST($9 AS BIGINT) END, source = $10, removed_at = 0
		 WHERE tenant = $1 AND id = $2`
	setSourcedPIN query = `
		UPDATE users SET pin = '', pin_digest = $3 WHERE tenant = $1 AND id = $2 AND (pin_digest IS NULL OR pin_digest <> $3)`
	selectCardsFrom query = `SELECT id, digest FROM cards WHERE tenant = $1 AND user_id = $2 AND source = $3 AND blocked = 0`
	putEntry        query = `
		INSERT INTO source_entries (tenant, source, entry, kind, target, base, digest, missing_at, gone_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0)
		ON CONFLICT (tenant, source, entry) DO UPDATE SET target = excluded.target, base = excluded.base, digest = excluded.digest,
		       missing_at = 0, gone_at = 0`
	selectMemberIDs query = `SELECT member, nested FROM memberships WHERE tenant = $1 AND group_id = $2`
	markGone        query = `UPDATE source_entries SET gone_at = $4, missing_at = 0 WHERE tenant = $1 AND source = $2 AND entry = $3`
	markRemoved     query = `UPDATE users SET enabled = 0, removed_at = $3 WHERE tenant = $1 AND id = $2`
	markMissing     query = `
		UPDATE source_entries SET missing_at = $4 WHERE tenant = $1 AND source = $2 AND entry = $3 AND missing_at = 0`
)
