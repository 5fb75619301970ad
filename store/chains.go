package store

import (
	"context"

	"platen/pki"
	"platen/site"
)

const (
	noChain   = "There is no such certificate chain."
	noDomain  = "There is no such domain."
	noTrusted = "There is no such authority."
)

// Chains returns all chains by name, with their keys. One whose key cannot be
// opened, with the keys of another node perhaps, comes without it.
func (s Scope) Chains(ctx context.Context) ([]pki.Kept, error) {
	return all(ctx, s, "store.Chains", func(row scanner, x *pki.Kept) error {
		var sealed []byte
		err := row.Scan(&x.ID, &x.Name, &x.Use, &x.From, &x.Certs, &sealed, &x.Request, &x.Config, when{&x.Created}, when{&x.Tried}, &x.Trouble, when{&x.Next})
		x.Key = []byte(s.unseal(sealed, "chain", x.ID))
		return err
	}, selectChains)
}

// PutChain adds a chain, or changes the one with the same ID. Another one with the
// same name is a Conflict.
func (s Scope) PutChain(ctx context.Context, x pki.Kept) error {
	const op = "store.PutChain"
	if x.ID == "" || site.FoldName(x.Name) == "" {
		return invalid(op, "A certificate chain needs a name.")
	}
	sealed, err := s.st.titles.SealTitle(string(x.Key), s.aad("chain", x.ID))
	if err != nil {
		return explain(op, err)
	}
	err = s.write(ctx, func(t tx) error {
		if err := t.free(op, "There is a certificate chain %s already.", selectChainID, x.ID, x.Name, site.FoldName(x.Name)); err != nil {
			return err
		}
		_, err := t.exec(putChain, x.ID, x.Name, site.FoldName(x.Name), x.Use, x.From, x.Certs, sealed, x.Request, x.Config, x.Created, x.Tried, x.Trouble, x.Next)
		return err
	})
	return explain(op, err)
}

// RemoveChain removes a chain and its key for good. The domains that showed it are
// the node's own again.
func (s Scope) RemoveChain(ctx context.Context, id string) error {
	const op = "store.RemoveChain"
	err := s.write(ctx, func(t tx) error {
		n, err := t.exec(deleteChain, id)
		if err == nil && n == 0 {
			return notFound(op, noChain)
		}
		if err == nil {
			_, err = t.exec(freeDomains, id)
		}
		if err == nil {
			_, err = t.exec(deleteSecret, inChainVault+id)
		}
		return err
	})
	return explain(op, err)
}

// inChainVault begins the names of what opens the file of a chain, in the vault.
const inChainVault = "chain/"

// SetChainSecret keeps what opens the file of a watched chain, or proves the account
// at an ACME server; "" forgets it.
func (s Scope) SetChainSecret(ctx context.Context, id, secret string) error {
	return s.SetSecret(ctx, inChainVault+id, secret)
}

// ChainSecret returns it; "" when there is none.
func (s Scope) ChainSecret(ctx context.Context, id string) (string, error) {
	return s.Secret(ctx, inChainVault+id)
}

// Domains returns the domains by name.
func (s Scope) Domains(ctx context.Context) ([]pki.Domain, error) {
	return all(ctx, s, "store.Domains", func(row scanner, x *pki.Domain) error { return row.Scan(&x.Name, &x.Chain) }, selectDomains)
}

// PutDomain adds a domain, or changes which chain it shows. One of another tenant is
// a Conflict.
func (s Scope) PutDomain(ctx context.Context, x pki.Domain) error {
	const op = "store.PutDomain"
	err := s.write(ctx, func(t tx) error {
		if _, err := t.exec(addDomain, x.Name, x.Chain); err != nil {
			return err
		}
		n, err := t.exec(setDomain, x.Name, x.Chain)
		if err == nil && n == 0 { // the name is there, but not here
			err = conflict(op, "The domain %s belongs to another account.", x.Name)
		}
		return err
	})
	return explain(op, err)
}

// RemoveDomain removes a domain.
func (s Scope) RemoveDomain(ctx context.Context, name string) error {
	return s.alter(ctx, "store.RemoveDomain", noDomain, deleteDomain, name)
}

// Trusted returns the authorities that are trusted, by name.
func (s Scope) Trusted(ctx context.Context) ([]pki.Trusted, error) {
	return all(ctx, s, "store.Trusted", func(row scanner, x *pki.Trusted) error {
		return row.Scan(&x.ID, &x.Name, words[string]{&x.Purposes}, &x.DER, when{&x.Created})
	}, selectTrusted)
}

// PutTrusted adds an authority, or changes the one with the same ID.
func (s Scope) PutTrusted(ctx context.Context, x pki.Trusted) error {
	const op = "store.PutTrusted"
	err := s.write(ctx, func(t tx) error {
		if err := t.free(op, "There is an authority %s already.", selectTrustedID, x.ID, x.Name, site.FoldName(x.Name)); err != nil {
			return err
		}
		_, err := t.exec(putTrusted, x.ID, x.Name, site.FoldName(x.Name), join(x.Purposes), x.DER, x.Created)
		return err
	})
	return explain(op, err)
}

// RemoveTrusted removes an authority.
func (s Scope) RemoveTrusted(ctx context.Context, id string) error {
	return s.alter(ctx, "store.RemoveTrusted", noTrusted, deleteTrusted, id)
}

const (
	selectChains query = `
		SELECT id, name, purpose, origin, certs, private, request, config, created_at, tried_at, trouble, next_at FROM chains WHERE tenant = $1 ORDER BY fold`
	selectChainID query = `SELECT id FROM chains WHERE tenant = $1 AND fold = $2`
	putChain      query = `
		INSERT INTO chains (tenant, id, name, fold, purpose, origin, certs, private, request, config, created_at, tried_at, trouble, next_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, fold = excluded.fold, purpose = excluded.purpose, origin = excluded.origin,
		       certs = excluded.certs, private = excluded.private, request = excluded.request, config = excluded.config,
		       tried_at = excluded.tried_at, trouble = excluded.trouble, next_at = excluded.next_at`
	deleteChain query = `DELETE FROM chains WHERE tenant = $1 AND id = $2`

	selectDomains query = `SELECT name, chain FROM domains WHERE tenant = $1 ORDER BY name`
	addDomain     query = `INSERT INTO domains (tenant, name, chain) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	setDomain     query = `UPDATE domains SET chain = $3 WHERE tenant = $1 AND name = $2`
	deleteDomain  query = `DELETE FROM domains WHERE tenant = $1 AND name = $2`
	freeDomains   query = `UPDATE domains SET chain = '' WHERE tenant = $1 AND chain = $2`

	selectTrusted   query = `SELECT id, name, purposes, cert, created_at FROM trusted WHERE tenant = $1 ORDER BY fold`
	selectTrustedID query = `SELECT id FROM trusted WHERE tenant = $1 AND fold = $2`
	putTrusted      query = `
		INSERT INTO trusted (tenant, id, name, fold, purposes, cert, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, fold = excluded.fold, purposes = excluded.purposes`
	deleteTrusted query = `DELETE FROM trusted WHERE tenant = $1 AND id = $2`
)
