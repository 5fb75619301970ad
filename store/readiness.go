package store

import (
	"context"
	"time"

	"platen/directory"
)

// Readiness looks at every enabled person for what could be used to sign in at now
// with this node alone.
func (s Scope) Readiness(ctx context.Context, now time.Time) (directory.Readiness, error) {
	r := directory.Readiness{At: now.UTC()}
	err := s.read(ctx, func(v view) error {
		err := v.each(selectStandings, func(row scanner) error {
			var p directory.Standing
			if err := row.Scan(&p.ID, &p.Login, &p.FullName, &p.Cards, &p.Blocked, &p.PIN, &p.Password, &p.Directory); err != nil {
				return err
			}
			r.Add(&p)
			return nil
		}, now)
		if err != nil {
			return err
		}
		return v.each(selectSources, func(row scanner) error {
			var x directory.SourceSetup
			if err := scanSource(row, &x); err != nil || !x.Enabled {
				return err
			}
			age := directory.SourceAge{Name: x.Name, Kind: x.Kind, Good: x.Good, Full: x.Full, Silent: x.Silent(now) > 0, New: x.New(),
				Failed: x.Report.Failed, Waiting: x.Report.Waiting, Why: x.Report.Why}
			if !x.Good.IsZero() {
				age.Age = now.Sub(x.Good)
				age.Hours = age.Age.Hours()
			}
			r.Sources = append(r.Sources, age)
			return nil
		})
	})
	return r, explain("store.Readiness", err)
}

const (
	selectStandings query = `
		SELECT u.id, u.login, u.full_name,
		       (SELECT COUNT(*) FROM cards c WHERE c.tenant = $1 AND c.user_id = u.id AND c.blocked = 0),
		       (SELECT COUNT(*) FROM cards b WHERE b.tenant = $1 AND b.user_id = u.id AND b.blocked = 1),
		       CASE WHEN u.pin <> '' OR u.pin_digest IS NOT NULL THEN 1 ELSE 0 END,
		       CASE WHEN u.password <> '' AND (u.password_until = 0 OR u.password_until > $2) THEN 1 ELSE 0 END,
		       CASE WHEN EXISTS (SELECT 1 FROM source_entries e JOIN sources s ON s.tenant = $1 AND s.id = e.source
		                          WHERE e.tenant = $1 AND e.target = u.id AND s.kind = 'ldap') THEN 1 ELSE 0 END
		  FROM users u WHERE u.tenant = $1 AND u.enabled = 1 ORDER BY u.login`
)
