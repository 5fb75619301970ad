package store

import (
	"context"
	"errors"
	"net/netip"

	"platen/fault"
	"platen/job"
)

// ClaimJob gives an unclaimed held job to the person who says that it is theirs,
// with its history and a line of the audit trail, in one transaction. Of several
// who claim it one gets it: a job that is not held any longer, has an owner, or
// is still arriving is a Conflict. The name of the claim becomes an alias of that
// person, which remembered reports, unless somebody else has it.
func (s Scope) ClaimJob(ctx context.Context, c job.Claim) (remembered bool, err error) {
	const op = "store.ClaimJob"
	err = s.write(ctx, func(t tx) error {
		remembered = false
		was, err := t.jobRow(op, c.Job)
		if fault.Is(err, fault.NotFound) || err == nil && (was.state != job.Held || was.owner != "" || was.incoming()) {
			return movedOn(op)
		}
		if err != nil {
			return err
		}
		if err := t.hasUser(op, c.User); err != nil {
			return err
		}
		if err := t.give(op, was, c.User, c.Rule, c.History); err != nil {
			return err
		}
		detail := c.Detail
		switch err := t.addAlias(op, c.User, c.Alias); {
		case err == nil && c.Alias != "":
			remembered, detail = true, detail+", and from now on everything that claims this name"
		case err != nil && !fault.Is(err, fault.Conflict):
			return err
		}
		return t.audit(s.st.now(), c.History.Actor, "claim", "job "+was.uuid, detail)
	})
	return remembered, explain(op, err)
}

// AddAlias gives a person another name, folded. One that somebody else has as a
// login, alias, UPN or e-mail address is a Conflict.
func (s Scope) AddAlias(ctx context.Context, user, alias string) error {
	const op = "store.AddAlias"
	err := s.write(ctx, func(t tx) error {
		if err := t.hasUser(op, user); err != nil {
			return err
		}
		return t.addAlias(op, user, alias)
	})
	return explain(op, err)
}

func (t tx) hasUser(op, id string) error {
	var login string
	return missing(t.one(selectLogin, []any{&login}, id), op, noUser)
}

func (t tx) addAlias(op, user, alias string) error {
	if alias == "" {
		return nil
	}
	var other string
	switch err := t.one(selectOtherNamed, []any{&other}, alias, user); {
	case err == nil:
		return conflict(op, "Somebody else is called %s.", alias)
	case !errors.Is(err, errNoRow):
		return err
	}
	if _, err := t.exec(insertAlias, alias, user, ""); err != nil {
		return err
	}
	t.changed(aUser, user, false)
	return nil
}

// RecentSenders returns whose jobs came from which address, among the newest so
// many jobs of the tenant.
func (s Scope) RecentSenders(ctx context.Context, among int) ([]job.Sender, error) {
	return all(ctx, s, "store.RecentSenders", func(row scanner, x *job.Sender) error {
		var client string
		err := row.Scan(&client, &x.Owner)
		if err == nil {
			x.Client, err = netip.ParseAddr(client)
		}
		return err
	}, selectSenders, among)
}

const (
	selectOtherNamed query = `
		SELECT l.id FROM users l WHERE l.tenant = $1 AND l.login = $2 AND l.id <> $3
		UNION ALL SELECT m.id FROM users m WHERE m.tenant = $1 AND m.email = $2 AND m.email <> '' AND m.id <> $3
		UNION ALL SELECT n.id FROM users n WHERE n.tenant = $1 AND n.upn = $2 AND n.upn <> '' AND n.id <> $3
		UNION ALL SELECT a.user_id FROM aliases a WHERE a.tenant = $1 AND a.alias = $2 AND a.user_id <> $3
		LIMIT 1`
	selectSenders query = `
		SELECT DISTINCT r.client, r.owner
		  FROM (SELECT client, owner FROM jobs WHERE tenant = $1 ORDER BY id DESC LIMIT $2) r
		 WHERE r.client <> '' AND r.owner <> ''`
)
