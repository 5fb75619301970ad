package ui

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

// pins returns what was typed into the fields for the PINs of these documents.
func (v *visit) pins(ids []int64) job.PINs {
	pins := job.PINs{}
	for _, id := range ids {
		if pin := v.field("pin-" + strconv.FormatInt(id, 10)); pin != "" {
			pins[id] = pin
		}
	}
	return pins
}

// aboutPIN reports whether a release failed because of a PIN, and what to say.
func (v *visit) aboutPIN(err error) (*notice, bool) {
	refused, throttled := (*directory.Refused)(nil), (*directory.Throttled)(nil)
	key, args := fault.Sentence(err)
	n := &notice{"bad", v.say.Text(key, args...)}
	switch {
	case errors.As(err, &throttled):
		v.w.Header().Set("Retry-After", retrySeconds(throttled.RetryAfter))
		return n, true
	case errors.As(err, &refused) && refused.Reason == directory.ReasonNeedPIN:
		return &notice{"note", n.Text}, true
	case errors.As(err, &refused):
		return n, true
	}
	return nil, false
}

// askPINs asks for the PINs of the documents that have one, and sends all that
// was chosen again. Without any of them it is the list that says what is missing.
func (s *Server) askPINs(v *visit, what string, ids []int64, n *notice, a answer) error {
	status := a.status
	if n.Kind == "note" {
		status = http.StatusOK // nothing went wrong: it is the next question
	}
	if len(ids) == 0 {
		return s.jobsPage(v, status, n)
	}
	all, err := s.Desk.Jobs(v.ctx(), v.session)
	if err != nil {
		return err
	}
	p := struct {
		sheet
		Jobs          []job.View // those that need their PIN
		IDs           []int64    // all that were chosen
		Do            string
		Copies, Sides string
	}{sheet: v.sheet("PIN of the document"), IDs: ids, Do: what, Copies: v.field("copies"), Sides: v.field("sides")}
	for _, j := range all {
		if j.NeedsPIN && slices.Contains(ids, j.ID) {
			p.Jobs = append(p.Jobs, j)
		}
	}
	p.Notice, p.Languages = n, nil
	v.watch(&p.sheet)
	return v.render(status, "pins.html", p)
}
