package store

import (
	"context"

	"platen/directory"
)

// PutBalances keeps what people had to their credit in the system that was here
// before, in place of what was kept of them.
func (s Scope) PutBalances(ctx context.Context, list []directory.Balance) error {
	err := s.write(ctx, func(t tx) error {
		for _, b := range list {
			if _, err := t.exec(putBalance, b.User, b.Account, b.Amount, b.Currency, b.Origin, s.st.now()); err != nil {
				return err
			}
		}
		return nil
	})
	return explain("store.PutBalances", err)
}

// Balances returns what a user had to the credit there.
func (s Scope) Balances(ctx context.Context, user string) ([]directory.Balance, error) {
	return all(ctx, s, "store.Balances", func(row scanner, b *directory.Balance) error {
		return row.Scan(&b.User, &b.Account, &b.Amount, &b.Currency, &b.Origin)
	}, selectBalances, user)
}

const (
	putBalance query = `
		INSERT INTO balances (tenant, user_id, account, amount, currency, origin, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (tenant, user_id, account) DO UPDATE SET amount = excluded.amount, currency = excluded.currency,
		       origin = excluded.origin, at = excluded.at`
	selectBalances   query = `SELECT user_id, account, amount, currency, origin FROM balances WHERE tenant = $1 AND user_id = $2 ORDER BY account`
	deleteBalancesOf query = `DELETE FROM balances WHERE tenant = $1 AND user_id = $2`
)
