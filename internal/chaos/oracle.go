package main

import (
	"fmt"
	"strings"
)

// broken is a promise that was not kept.
type broken struct {
	invariant string // I1 to I8 of the contract
	what      string
}

func (b *broken) Error() string { return b.invariant + ": " + b.what }

// listed is a job as `platen job list --json` shows it.
type listed struct {
	ID      int64    `json:"id"`
	UUID    string   `json:"uuid"`
	State   string   `json:"state"`
	Message string   `json:"message"`
	Reasons []string `json:"reasons"`
	Owner   string   `json:"owner"`
	Queue   string   `json:"queue"`
	Octets  int64    `json:"octets"`
}

// row is a line of `platen export accounting --format json`.
type row struct {
	Job     string `json:"job"`
	JobID   int64  `json:"job_id"`
	Outcome string `json:"outcome"`
	Octets  int64  `json:"octets"`
}

// evidence is all that is known at the end of a round.
type evidence struct {
	submitted []*submission
	jobs      []listed
	rows      []row
	seen      []sighting
}

// judge checks I1 to I4. What is left to the caller: I5, I6 and I8, which are
// about files and time.
func judge(e evidence) error {
	byOctets := map[int64]*submission{}
	for _, s := range e.submitted {
		byOctets[s.octets] = s
	}
	jobs := map[int][]listed{}
	byNumber := map[int64]listed{}
	for _, j := range e.jobs {
		byNumber[j.ID] = j
		if j.Octets == 0 { // it was announced, and its document never came
			if j.State != "aborted" && j.State != "canceled" {
				return &broken{"I4", fmt.Sprintf("job %d has no document and is %s", j.ID, j.State)}
			}
			continue
		}
		s, ok := byOctets[j.Octets]
		if !ok {
			return &broken{"I1", fmt.Sprintf("job %d has %d octets, which nobody sent", j.ID, j.Octets)}
		}
		jobs[s.id] = append(jobs[s.id], j)
	}
	paper := map[int][]sighting{}
	scraps := 0 // beginnings too short to say of which document
	for _, s := range e.seen {
		if s.id < 0 && !s.mixed {
			scraps++
			continue
		}
		if s.mixed {
			return &broken{"I1", fmt.Sprintf("a printer got octets that belong to no document (%d)", s.octets)}
		}
		paper[s.id] = append(paper[s.id], s)
	}
	rows := map[int64][]row{}
	for _, r := range e.rows {
		rows[r.JobID] = append(rows[r.JobID], r)
	}
	if err := judgeNumbers(e.submitted, byNumber); err != nil {
		return err
	}
	for _, s := range e.submitted {
		if err := judgeOne(s, jobs[s.id], paper[s.id], rows); err != nil {
			return err
		}
		for _, j := range jobs[s.id] {
			if j.State == "processing-stopped" && len(paper[s.id]) == 0 {
				scraps--
			}
		}
	}
	if scraps > 0 {
		return &broken{"I2", fmt.Sprintf("%d sends were begun that no job owns up to", scraps)}
	}
	return nil
}

// judgeNumbers checks that a number that a client was told is that job's for ever: its
// document's, or none's.
func judgeNumbers(submitted []*submission, jobs map[int64]listed) error {
	told := map[int64]*submission{}
	for _, s := range submitted {
		if s.number == 0 {
			continue
		}
		if other := told[s.number]; other != nil {
			return &broken{"I1", fmt.Sprintf("the clients of documents %d and %d were both told job %d", other.id, s.id, s.number)}
		}
		told[s.number] = s
		j, ok := jobs[s.number]
		if !ok && s.lost && s.acked.IsZero() {
			continue
		}
		if !ok || j.Octets != s.octets && (j.Octets != 0 || !s.acked.IsZero()) {
			return &broken{"I1", fmt.Sprintf("the client of document %d (%d octets, %s) was told job %d, which is %+v", s.id, s.octets, s.order, s.number, j)}
		}
	}
	return nil
}

func judgeOne(s *submission, jobs []listed, paper []sighting, rows map[int64][]row) error {
	name := fmt.Sprintf("document %d (%d octets, %s, queue %s)", s.id, s.octets, s.order, s.queue)
	if len(jobs) > 1 {
		return &broken{"I2", fmt.Sprintf("%s became %d jobs", name, len(jobs))}
	}
	if len(jobs) == 0 {
		switch {
		case !s.acked.IsZero():
			return &broken{"I1", name + " was acknowledged and is gone"}
		case len(paper) > 0:
			return &broken{"I4", name + " was printed and is no job"}
		}
		return nil
	}
	j := jobs[0]
	if !s.sent {
		return &broken{"I4", fmt.Sprintf("%s became job %d although its client never sent all of it", name, j.ID)}
	}
	whole := 0
	for _, p := range paper {
		if p.whole {
			whole++
		}
	}
	if s.fate != "" && j.State == s.fate {
		if whole > 0 || s.fate == "aborted" && len(paper) > 0 {
			return &broken{"I3", fmt.Sprintf("%s: job %d is %s, the printer has %d whole and %d begun", name, j.ID, j.State, whole, len(paper))}
		}
		return nil
	}
	if len(paper) > s.copies {
		return &broken{"I2", fmt.Sprintf("%s came to a printer %d times (%d whole), %d asked for; job %d is %s", name, len(paper), whole, s.copies, j.ID, j.State)}
	}
	return judgeRows(name, s, j, whole, len(paper), rows[j.ID])
}

// judgeRows checks I3: what was printed has one row, and what has none was not.
func judgeRows(name string, s *submission, j listed, whole, came int, rows []row) error {
	printed, uncertain := 0, 0
	for _, r := range rows {
		switch r.Outcome {
		case "printed":
			printed++
		case "uncertain":
			uncertain++
		}
	}
	want := func(p, u int) error {
		if printed == p && uncertain == u {
			return nil
		}
		return &broken{"I3", fmt.Sprintf("%s: job %d is %s with %d printed and %d uncertain rows, %d whole and %d begun at the printer",
			name, j.ID, j.State, printed, uncertain, whole, came)}
	}
	switch j.State {
	case "completed":
		if whole != s.copies {
			return &broken{"I1", fmt.Sprintf("%s: job %d is completed, the printer has %d of %d whole", name, j.ID, whole, s.copies)}
		}
		return want(1, 0)
	case "processing-stopped":
		return want(0, 1)
	case "pending-held", "pending":
		if came > 0 {
			return &broken{"I2", fmt.Sprintf("%s: job %d is %s and the printer has begun %d", name, j.ID, j.State, came)}
		}
		return want(0, 0)
	default:
		return &broken{"I1", fmt.Sprintf("%s: job %d ended as %s (%s)", name, j.ID, j.State, strings.Join(j.Reasons, " "))}
	}
}

// tally counts what a round or a run has seen.
type tally struct {
	submitted, acked, printed, uncertain, held int
	killed                                     bool
	kills                                      int
}

func (t *tally) add(o tally) {
	t.submitted += o.submitted
	t.acked += o.acked
	t.printed += o.printed
	t.uncertain += o.uncertain
	t.held += o.held
	if o.killed {
		t.kills++
	}
}

func (t tally) String() string {
	s := fmt.Sprintf("%d sent, %d acknowledged, %d printed, %d uncertain, %d held", t.submitted, t.acked, t.printed, t.uncertain, t.held)
	if t.kills > 0 {
		s += fmt.Sprintf(", %d kills", t.kills)
	}
	if t.killed {
		s += ", killed"
	}
	return s
}

func acknowledged(jobs []*submission) (n int) {
	for _, s := range jobs {
		if !s.acked.IsZero() {
			n++
		}
	}
	return n
}

func count(e evidence) tally {
	t := tally{submitted: len(e.submitted), acked: acknowledged(e.submitted)}
	for _, j := range e.jobs {
		switch j.State {
		case "completed":
			t.printed++
		case "processing-stopped":
			t.uncertain++
		case "pending-held":
			t.held++
		}
	}
	return t
}
