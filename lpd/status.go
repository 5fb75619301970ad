package lpd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"platen/fault"
	"platen/job"
)

// answerIn bounds the status and remove commands: Windows asks while a person
// looks at a window.
const answerIn = 5 * time.Second

// status answers the status commands with text, RFC 1179, sections 5.3 and
// 5.4. It shows what Queues gives and never a title.
func (d *door) status(ctx context.Context, c *conn, cmd command) error {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	st, err := d.Queues.Status(ctx, cmd.queue, c.ip, cmd.users, cmd.ids)
	if fault.Is(err, fault.NotFound) && cmd.rest != cmd.queue { // the name may hold spaces
		st, err = d.Queues.Status(ctx, cmd.rest, c.ip, nil, nil)
	}
	var text string
	switch {
	case fault.Is(err, fault.NotFound):
		text = "unknown printer\n"
	case err != nil:
		d.Log.Warn("lpd: status failed", "client", c.ip, "queue", cmd.queue, "error", err)
		text = fault.Text(err) + "\n"
	case cmd.code == cmdShortStatus:
		text = head(st) + shortList(st.Jobs)
	default:
		text = head(st) + longList(st.Jobs)
	}
	if _, err := c.Write([]byte(text)); err != nil {
		return while("status", err)
	}
	return nil
}

func head(st job.QueueStatus) string {
	state := "ready"
	if !st.Accepting {
		state = "not accepting jobs"
	}
	s := fmt.Sprintf("%s is %s, %d waiting\n", st.Queue, state, st.Waiting)
	if len(st.Jobs) == 0 {
		s += "no entries\n"
	}
	return s
}

// shortList has the columns of 4.3BSD's lpq, which programs read.
func shortList(jobs []job.Line) string {
	if len(jobs) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s %-15s %-7s %-37s %s\n", "Rank", "Owner", "Job", "Files", "Total Size")
	for _, j := range jobs {
		fmt.Fprintf(&b, "%-10s %-15s %-7d %-37s %d bytes\n", rank(j.State), j.Claimed, j.ID, "(not shown)", j.Octets)
	}
	return b.String()
}

func longList(jobs []job.Line) string {
	var b strings.Builder
	for _, j := range jobs {
		fmt.Fprintf(&b, "\n%-40s [job %d]\n", j.Claimed+": "+rank(j.State), j.ID)
		fmt.Fprintf(&b, "        %-32s%d bytes\n", "(not shown)", j.Octets)
		if !j.Created.IsZero() {
			fmt.Fprintf(&b, "        %s\n", j.Created.UTC().Format("2006-01-02 15:04 UTC"))
		}
	}
	return b.String()
}

// rank says in one word how far a job is.
func rank(s job.State) string {
	switch s {
	case job.Processing:
		return "active"
	case job.Pending:
		return "waiting"
	case job.Held:
		return "held"
	case job.Stopped:
		return "stopped"
	}
	return "done"
}

// remove answers the remove command, section 5.5. The agent's name is proven by
// nobody, so that Queues refuses unless the queue allows it.
func (d *door) remove(ctx context.Context, c *conn, cmd command) error {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	n, err := d.Queues.Remove(ctx, cmd.queue, cmd.agent, c.ip, cmd.users, cmd.ids)
	answer := fmt.Sprintf("\x00%d removed\n", n)
	if err != nil {
		d.Log.Info("lpd: remove refused", "client", c.ip, "queue", cmd.queue, "agent", cmd.agent, "error", err)
		answer = string(rune(octet(fault.KindOf(err)))) + fault.Text(err) + "\n"
	}
	if _, err := c.Write([]byte(answer)); err != nil {
		return while("remove", err)
	}
	return nil
}
