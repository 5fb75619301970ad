package store

import (
	"context"
	"errors"
	"time"

	"platen/directory"
)

const noDelegation = "There is no such delegation."

// Delegations returns all delegations, by owner and delegate.
func (s Scope) Delegations(ctx context.Context) ([]directory.Delegation, error) {
	return all(ctx, s, "store.Delegations", scanDelegation, selectDelegations)
}

// DelegationsOf returns those that are about a user's documents, whether the user
// has consented or not.
func (s Scope) DelegationsOf(ctx context.Context, owner string) ([]directory.Delegation, error) {
	return all(ctx, s, "store.DelegationsOf", scanDelegation, selectDelegationsOf, owner)
}

// DelegationsTo returns those that let this user release documents of others, as a
// person or as a member of a group, whether they hold or not.
func (s Scope) DelegationsTo(ctx context.Context, user string) ([]directory.Delegation, error) {
	return all(ctx, s, "store.DelegationsTo", scanDelegation, selectDelegationsTo, user)
}

func scanDelegation(row scanner, d *directory.Delegation) error {
	return row.Scan(&d.ID, &d.Owner, &d.Delegate, &d.MadeBy, when{&d.Created}, when{&d.Consented}, &d.Consent, when{&d.Until},
		&d.Titles, &d.Deletes, &d.OwnerLogin, &d.OwnerName, &d.DelegateName, &d.ToGroup)
}

// AddDelegation adds a delegation, and a line of the audit trail with it. The same
// pair again, or more than one person may give, is a Conflict.
func (s Scope) AddDelegation(ctx context.Context, d directory.Delegation, actor string) error {
	const op = "store.AddDelegation"
	err := s.write(ctx, func(t tx) error {
		if err := t.mayDelegate(op, &d); err != nil {
			return err
		}
		n, err := t.exec(insertDelegation, d.ID, d.Owner, d.Delegate, d.MadeBy, d.Created, d.Consented, d.Consent, d.Until, d.Titles, d.Deletes)
		if err == nil && n == 0 {
			err = conflict(op, "That was given already. Please end it first, to change it.")
		}
		if err != nil {
			return err
		}
		return t.tellDelegation(op, d.ID, s.st.now(), actor, "delegation.add", false)
	})
	return explain(op, err)
}

func (t tx) mayDelegate(op string, d *directory.Delegation) error {
	if d.ID == "" || d.Owner == d.Delegate {
		return invalid(op, "Nobody needs that for documents of their own.")
	}
	var owners, people, groups, given int
	for _, look := range []struct {
		q  query
		of string
		n  *int
	}{{existsUser, d.Owner, &owners}, {existsUser, d.Delegate, &people}, {existsGroup, d.Delegate, &groups}, {countDelegationsOf, d.Owner, &given}} {
		if err := t.one(look.q, []any{look.n}, look.of); err != nil {
			return err
		}
	}
	switch {
	case owners == 0 || people+groups == 0:
		return notFound(op, noUser)
	case given >= directory.MostDelegations:
		return conflict(op, "Nobody may let more than %d others release documents. A group may have any number of members.", directory.MostDelegations)
	}
	return nil
}

// tellDelegation writes the line of the audit trail about a delegation that is
// still there, and its change into the feed.
func (t tx) tellDelegation(op, id string, now time.Time, actor, action string, gone bool) error {
	var d directory.Delegation
	err := t.each(selectDelegation, func(row scanner) error { return scanDelegation(row, &d) }, id)
	if err == nil && d.ID == "" {
		err = notFound(op, noDelegation)
	}
	if err != nil {
		return err
	}
	detail := "to " + d.DelegateName
	if d.ToGroup {
		detail = "to group " + d.DelegateName
	}
	if d.Consent != "" {
		detail += ", consented " + d.Consent
	}
	if err := t.audit(now, actor, action, d.OwnerLogin, detail); err != nil {
		return err
	}
	t.changed(aDelegation, id, gone)
	return nil
}

// Consent notes that the owner agrees to a delegation, and how that was given, with
// a line of the audit trail. One that is not the owner's, or has consent already,
// is NotFound.
func (s Scope) Consent(ctx context.Context, id, owner string, at time.Time, how, actor string) error {
	const op = "store.Consent"
	err := s.write(ctx, func(t tx) error {
		n, err := t.exec(consentDelegation, id, owner, at, how)
		if err == nil && n == 0 {
			err = notFound(op, noDelegation)
		}
		if err != nil {
			return err
		}
		return t.tellDelegation(op, id, s.st.now(), actor, "delegation.consent", false)
	})
	return explain(op, err)
}

// EndDelegation removes a delegation of the owner ("" does not ask whose), with a
// line of the audit trail: "delegation.remove", or "delegation.refuse" when the
// owner had been asked and says no.
func (s Scope) EndDelegation(ctx context.Context, id, owner, actor string) error {
	const op = "store.EndDelegation"
	err := s.write(ctx, func(t tx) error {
		var whose string
		var consented time.Time
		err := t.one(selectDelegationOwner, []any{&whose, when{&consented}}, id)
		if err == nil && owner != "" && whose != owner {
			err = errNoRow
		}
		if errors.Is(err, errNoRow) {
			return notFound(op, noDelegation)
		}
		if err != nil {
			return err
		}
		action := "delegation.remove"
		if owner != "" && consented.IsZero() {
			action = "delegation.refuse"
		}
		if err := t.tellDelegation(op, id, s.st.now(), actor, action, true); err != nil {
			return err
		}
		_, err = t.exec(deleteDelegation, id)
		return err
	})
	return explain(op, err)
}

// EndDelegations removes the delegations whose time is over.
func (s Scope) EndDelegations(ctx context.Context, now time.Time, actor string) (ended int, err error) {
	const op = "store.EndDelegations"
	err = s.write(ctx, func(t tx) error {
		var over []string
		if err := t.each(selectDelegationsOver, to(&over, scanText), now); err != nil {
			return err
		}
		for _, id := range over {
			if err := t.tellDelegation(op, id, now, actor, "delegation.end", true); err != nil {
				return err
			}
			if _, err := t.exec(deleteDelegation, id); err != nil {
				return err
			}
		}
		ended = len(over)
		return nil
	})
	return ended, explain(op, err)
}

const (
	delegationColumns = `
		SELECT x.id, x.owner, x.delegate, x.made_by, x.created_at, x.consent_at, x.consent, x.until_at, x.titles, x.deletes,
		       COALESCE(o.login, ''), COALESCE(NULLIF(o.full_name, ''), o.login, ''),
		       COALESCE(g.name, NULLIF(p.full_name, ''), p.login, ''), CASE WHEN g.id IS NULL THEN 0 ELSE 1 END
		  FROM delegations x
		  LEFT JOIN users o ON o.tenant = $1 AND o.id = x.owner
		  LEFT JOIN users p ON p.tenant = $1 AND p.id = x.delegate
		  LEFT JOIN groups g ON g.tenant = $1 AND g.id = x.delegate
		 WHERE x.tenant = $1`
	selectDelegations   query = delegationColumns + ` ORDER BY 11, 13, x.id`
	selectDelegation    query = delegationColumns + ` AND x.id = $2`
	selectDelegationsOf query = delegationColumns + ` AND x.owner = $2 ORDER BY 13, x.id`
	// up stands first, so that the memberships of each group are looked up.
	selectDelegationsTo query = `
		WITH RECURSIVE up (id) AS (
			SELECT m.group_id FROM memberships m WHERE m.tenant = $1 AND m.member = $2
			UNION SELECT n.group_id FROM up CROSS JOIN memberships n WHERE n.tenant = $1 AND n.member = up.id)` + delegationColumns + `
		   AND x.delegate IN (SELECT CAST($2 AS TEXT) UNION ALL SELECT up.id FROM up) ORDER BY 12, x.owner, x.id`
	countDelegationsOf    query = `SELECT COUNT(*) FROM delegations WHERE tenant = $1 AND owner = $2`
	selectDelegationOwner query = `SELECT owner, consent_at FROM delegations WHERE tenant = $1 AND id = $2`
	selectDelegationsOver query = `SELECT id FROM delegations WHERE tenant = $1 AND until_at > 0 AND until_at <= $2 ORDER BY id`
	insertDelegation      query = `
		INSERT INTO delegations (tenant, id, owner, delegate, made_by, created_at, consent_at, consent, until_at, titles, deletes)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (tenant, owner, delegate) DO NOTHING`
	consentDelegation query = `UPDATE delegations SET consent_at = $4, consent = $5 WHERE tenant = $1 AND id = $2 AND owner = $3 AND consent_at = 0`
	deleteDelegation  query = `DELETE FROM delegations WHERE tenant = $1 AND id = $2`
)
