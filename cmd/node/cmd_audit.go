package main

import (
	"context"
	"flag"
	"fmt"
	"strconv"

	"platen/site"
)

func auditCommands() []*command {
	var limit, before *opt[int]
	return []*command{
		{
			name: "audit list", summary: "list who has done what, the newest first", examples: []string{"audit list", "audit list --limit 500 --json"},
			flags: func(fs *flag.FlagSet) {
				limit = optNumber(fs, "limit", "at most this `NUMBER` of lines (100)", 1, 1<<30)
				before = optNumber(fs, "before", "only lines before this `NUMBER`", 1, 1<<62)
			},
			admin: func(ctx context.Context, a *admin, c *call) error {
				if !limit.given {
					limit.value = 100
				}
				lines, err := a.scope.AuditTrail(ctx, int64(before.value), limit.value)
				if err != nil {
					return err
				}
				return writeList(c, lines, []column[site.AuditLine]{
					{"line", func(l site.AuditLine) string { return strconv.FormatInt(l.N, 10) }},
					{"at", func(l site.AuditLine) string { return stamp(l.At) }},
					{"who", func(l site.AuditLine) string { return l.Actor }},
					{"did", func(l site.AuditLine) string { return l.Action }},
					{"to", func(l site.AuditLine) string { return l.Object }},
					{"with", func(l site.AuditLine) string { return l.Detail }},
				})
			},
		},
		{
			name: "audit verify", summary: "check that no line of the audit trail was changed or taken out",
			more:     "Note the last hash somewhere else: a chain by itself does not show who has written all of it anew.",
			examples: []string{"audit verify"},
			admin: func(ctx context.Context, a *admin, c *call) error {
				lines, head, err := a.scope.VerifyAudit(ctx)
				if err != nil {
					return err
				}
				if c.json {
					return writeJSON(c.out, map[string]any{"lines": lines, "head": head})
				}
				_, err = fmt.Fprintf(c.out, "%s The last hash is %s\n", chained(lines), head)
				return err
			},
		},
	}
}

// chained says that a trail is whole.
func chained(lines int64) string {
	if lines == 1 {
		return "There is 1 line, which begins the chain."
	}
	return fmt.Sprintf("All %d lines follow from one another.", lines)
}

func clockCommands() []*command {
	return []*command{{
		name: "clock accept", summary: "say that the clock of this machine is right, after it has jumped",
		more: "When the clock jumps, nothing is deleted for its age until two clocks agree again, because a wrong year would\n" +
			"delete everything. This says that the new time is the right one.",
		examples: []string{"clock accept"},
		admin: func(ctx context.Context, a *admin, c *call) error {
			k := a.keeper()
			trouble := k.ClockTrouble()
			if err := k.AcceptClock(); err != nil {
				return err
			}
			if !c.json {
				fmt.Fprintf(c.out, "The clock says %s, and that counts.\n", stamp(a.now()))
			}
			return a.audit(ctx, "clock.accept", "", trouble)
		},
	}}
}
