package store

import "context"

// SetSecret keeps a secret that the node needs in clear to sign in somewhere,
// sealed; "" forgets it. There is no list of them, and no command reads one back.
func (s Scope) SetSecret(ctx context.Context, name, secret string) error {
	const op = "store.SetSecret"
	if secret == "" {
		err := s.write(ctx, func(t tx) error {
			_, err := t.exec(deleteSecret, name)
			return err
		})
		return explain(op, err)
	}
	sealed, err := s.st.titles.SealTitle(secret, s.aad("vault", name))
	if err != nil {
		return explain(op, err)
	}
	err = s.write(ctx, func(t tx) error {
		_, err := t.exec(putSecret, name, sealed)
		return err
	})
	return explain(op, err)
}

// Secret returns a secret, "" when there is none. One that cannot be opened, with
// the keys of another node perhaps, counts as none.
func (s Scope) Secret(ctx context.Context, name string) (string, error) {
	var sealed []byte
	err := s.read(ctx, func(v view) error {
		return v.each(selectSecret, func(row scanner) error { return row.Scan(&sealed) }, name)
	})
	if err != nil {
		return "", explain("store.Secret", err)
	}
	return s.unseal(sealed, "vault", name), nil
}

const (
	selectSecret query = `SELECT value FROM vault WHERE tenant = $1 AND name = $2`
	putSecret    query = `
		INSERT INTO vault (tenant, name, value) VALUES ($1, $2, $3) ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value`
	deleteSecret query = `DELETE FROM vault WHERE tenant = $1 AND name = $2`
)
