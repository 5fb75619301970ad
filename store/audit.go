package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"platen/fault"
	"platen/site"
)

// Audit appends one line to the audit trail. Each line carries a hash over
// itself and the hash of the line before, so that no line can be changed, taken
// out or put in without every later one showing it.
func (s Scope) Audit(ctx context.Context, actor, action, object, detail string) error {
	err := s.write(ctx, func(t tx) error { return t.audit(s.st.now(), actor, action, object, detail) })
	return explain("store.Audit", err)
}

// audit is Audit within the transaction that does what it tells.
func (t tx) audit(now time.Time, actor, action, object, detail string) error {
	l := site.AuditLine{At: now.UTC().Truncate(time.Millisecond),
		Actor: clean(actor), Action: clean(action), Object: clean(object), Detail: clean(detail)}
	if err := t.one(nextAudit, []any{&l.N}); err != nil {
		return err
	}
	var before []byte
	if err := t.one(selectAuditHash, []any{&before}, l.N-1); err != nil && !errors.Is(err, errNoRow) {
		return err
	}
	hash, err := auditHash(before, t.tenant, l)
	if err != nil {
		return err
	}
	_, err = t.exec(insertAudit, l.N, l.At, l.Actor, l.Action, l.Object, l.Detail, hash)
	return err
}

func auditHash(before []byte, tenant string, l site.AuditLine) ([]byte, error) {
	b, err := json.Marshal([]any{tenant, l.N, l.At.UnixMilli(), l.Actor, l.Action, l.Object, l.Detail})
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write(before)
	h.Write(b)
	return h.Sum(nil), nil
}

// AuditTrail returns at most limit lines before a number, newest first; a
// before of 0 begins with the last.
func (s Scope) AuditTrail(ctx context.Context, before int64, limit int) ([]site.AuditLine, error) {
	if before <= 0 {
		before = 1 << 62
	}
	return all(ctx, s, "store.AuditTrail", func(row scanner, l *site.AuditLine) error {
		var hash []byte
		return scanAudit(row, l, &hash)
	}, selectAuditBefore, before, limit)
}

func scanAudit(row scanner, l *site.AuditLine, hash *[]byte) error {
	return row.Scan(&l.N, when{&l.At}, &l.Actor, &l.Action, &l.Object, &l.Detail, hash)
}

// VerifyAudit reads the whole trail and returns how many lines it has and the
// last hash, in hexadecimal, to be compared with one that was noted elsewhere: a
// hash chain by itself does not show who has written all of it anew. A line that
// was touched or is missing is a Conflict that names it.
func (s Scope) VerifyAudit(ctx context.Context) (lines int64, head string, err error) {
	err = s.read(ctx, func(v view) (err error) {
		lines, head, err = v.verifyAudit()
		return err
	})
	return lines, head, explain("store.VerifyAudit", err)
}

func (v view) verifyAudit() (lines int64, head string, err error) {
	var hash []byte
	err = v.each(selectAudit, func(row scanner) error {
		var l site.AuditLine
		var got []byte
		if err := scanAudit(row, &l, &got); err != nil {
			return err
		}
		lines++
		want, err := auditHash(hash, v.tenant, l)
		if err != nil {
			return err
		}
		if l.N != lines || !bytes.Equal(got, want) {
			return touched(lines)
		}
		hash = got
		return nil
	})
	if err != nil {
		return lines, "", err
	}
	var counted int64
	if err := v.one(selectAuditCount, []any{&counted}); err != nil {
		return lines, "", err
	}
	if counted != lines {
		return lines, "", touched(lines + 1)
	}
	return lines, hex.EncodeToString(hash), nil
}

func touched(line int64) error {
	return &fault.Error{Op: "store.VerifyAudit", Kind: fault.Conflict, Text: "The audit trail was changed at line %d.", Args: []any{line},
		Err: fmt.Errorf("line %d does not follow from the one before", line)}
}

const (
	nextAudit       query = `UPDATE tenants SET audit = audit + 1 WHERE id = $1 RETURNING audit`
	selectAuditHash query = `SELECT hash FROM audit WHERE tenant = $1 AND n = $2`
	insertAudit     query = `
		INSERT INTO audit (tenant, n, at, actor, action, object, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	selectAudit       query = `SELECT n, at, actor, action, object, detail, hash FROM audit WHERE tenant = $1 ORDER BY n`
	selectAuditBefore query = `
		SELECT n, at, actor, action, object, detail, hash FROM audit WHERE tenant = $1 AND n < $2 ORDER BY n DESC LIMIT $3`
	selectAuditCount query = `SELECT audit FROM tenants WHERE id = $1`
)
