package intake

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// Status tells a client how its jobs of a queue stand. It sees those that came
// from its own address; users and ids, where there are any, choose among them.
func (in *Intake) Status(ctx context.Context, queue string, client netip.Addr, users []string, ids []int64) (job.QueueStatus, error) {
	q, lines, waiting, err := in.lines(ctx, queue, client)
	if err != nil {
		return job.QueueStatus{}, fmt.Errorf("intake.Status: %w", err)
	}
	if len(users) > 0 || len(ids) > 0 {
		lines = slices.DeleteFunc(lines, func(l job.Line) bool { return !slices.Contains(ids, l.ID) && !named(users, l.Claimed) })
	}
	return job.QueueStatus{Queue: q.Name, Accepting: q.AcceptJobs, Jobs: lines, Waiting: waiting}, nil
}

func (in *Intake) lines(ctx context.Context, queue string, client netip.Addr) (site.Queue, []job.Line, int, error) {
	q, err := in.Store.QueueByName(ctx, queue)
	if err != nil {
		return q, nil, 0, err
	}
	if !q.Admits(client) {
		return q, nil, 0, &fault.Error{Op: "intake.lines", Kind: fault.Denied, Text: "The queue %s does not answer this computer.", Args: []any{q.Name}}
	}
	lines, waiting, err := in.Store.QueueLines(ctx, q.ID, client.Unmap())
	return q, lines, waiting, err
}

// named reports whether a name is one of a list, however it is written.
func named(list []string, name string) bool {
	name = directory.Fold(name)
	return slices.ContainsFunc(list, func(x string) bool { return directory.Fold(x) == name })
}

// Remove cancels jobs at a client's word, where the queue allows it. agent is a
// name that nobody has proved, so it reaches only jobs that were sent from the
// same address under the same name. Without users and ids it is the oldest of
// them (RFC 1179, section 5.5).
func (in *Intake) Remove(ctx context.Context, queue, agent string, client netip.Addr, users []string, ids []int64) (removed int, err error) {
	const op = "intake.Remove"
	q, lines, _, err := in.lines(ctx, queue, client)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	if !q.AllowRemove {
		return 0, &fault.Error{Op: op, Kind: fault.Denied, Text: "Jobs of the queue %s are deleted at a device, not from a computer.", Args: []any{q.Name}}
	}
	lines = slices.DeleteFunc(lines, func(l job.Line) bool {
		return l.State != job.Held && l.State != job.Pending || !named([]string{agent}, l.Claimed)
	})
	if len(users) == 0 && len(ids) == 0 {
		lines = lines[:min(1, len(lines))]
	} else {
		lines = slices.DeleteFunc(lines, func(l job.Line) bool { return !slices.Contains(ids, l.ID) && !named(users, l.Claimed) })
	}
	for _, l := range lines {
		h := job.Entry{At: in.Now(), Actor: theNode, Text: "Canceled by the computer that sent it, %s.", Args: []any{client.Unmap().String()}}
		err := in.Store.CancelJobByClient(ctx, l.ID, q.ID, client.Unmap(), h.At, h)
		switch {
		case err == nil:
			removed++
		case !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound): // somebody was faster
			return removed, fmt.Errorf("%s: job %d: %w", op, l.ID, err)
		}
	}
	return removed, nil
}
