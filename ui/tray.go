package ui

import (
	"errors"
	"net/http"
	"slices"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

// tray shows the documents that nobody owns and that may be this person's.
func (s *Server) tray(v *visit) error {
	return s.trayPage(v, http.StatusOK, nil)
}

func (s *Server) trayPage(v *visit, status int, n *notice) error {
	found, err := s.Desk.Unclaimed(v.ctx(), v.session)
	if err != nil {
		return err
	}
	p := struct {
		sheet
		Found []job.Found
	}{v.sheet("Is one of these yours?"), found[:min(perPage, len(found))]}
	p.Notice, p.Languages = n, nil
	v.watch(&p.sheet)
	return v.render(status, "unclaimed.html", p)
}

// Called is the name that a document claims, for people.
func (p sheet) Called(f job.Found) string {
	if f.Claimed == "" {
		return p.T("somebody without a name")
	}
	return p.Plain(f.Claimed)
}

// From says which computer a document came from.
func (p sheet) From(f job.Found) string {
	switch {
	case f.Computer == "":
		return p.Plain(f.Address)
	case f.Address == "":
		return p.Plain(f.Computer)
	}
	return p.Plain(f.Computer) + " (" + f.Address + ")"
}

// claim asks whether a document really is the person's, and then takes their word.
func (s *Server) claim(v *visit) error {
	ids, err := v.ids()
	if err != nil {
		return err
	}
	if len(ids) != 1 || v.field("do") == "look" {
		return v.see("unclaimed")
	}
	if v.field("do") != "claim" {
		return s.claimPage(v, http.StatusOK, ids[0], nil)
	}
	remembered, err := s.Desk.Claim(v.ctx(), v.session, ids[0], v.field("remember") != "", v.pins(ids))
	if err == nil && remembered {
		return v.see("jobs?did=known")
	}
	if n, ok := v.aboutPIN(err); ok {
		status := answerTo(err).status
		if n.Kind == "note" {
			status = http.StatusOK // nothing went wrong: it is the next question
		}
		return s.claimPage(v, status, ids[0], n)
	}
	if showable(err) {
		key, args := fault.Sentence(err)
		return s.trayPage(v, answerTo(err).status, &notice{"bad", v.say.Text(key, args...)})
	}
	return v.back("claimed", err)
}

func (s *Server) claimPage(v *visit, status int, id int64, n *notice) error {
	found, err := s.Desk.Unclaimed(v.ctx(), v.session)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(found, func(f job.Found) bool { return f.ID == id })
	if i < 0 {
		return s.trayPage(v, http.StatusNotFound, &notice{"bad", v.say.Text("Somebody was faster: this document has an owner now, or it is gone.")})
	}
	p := struct {
		sheet
		Job      job.Found
		Remember bool
	}{v.sheet("Is this document yours?"), found[i], v.field("remember") != "" || v.field("do") != "claim"}
	p.Notice, p.Languages = n, nil
	v.watch(&p.sheet)
	return v.render(status, "claim.html", p)
}

func (s *Server) apiUnclaimed(v *visit) error {
	found, err := s.Desk.Unclaimed(v.ctx(), v.session)
	if err != nil {
		return err
	}
	found = slices.Clone(found)
	for i := range found {
		found[i].Fits, found[i].Warning = v.sentence(found[i].Fits), v.sentence(found[i].Warning)
	}
	return v.json(http.StatusOK, nonNil(found))
}

// apiClaimed is the body of a claim, and its answer.
type (
	apiClaim struct {
		Job      int64  `json:"job"`
		Remember bool   `json:"remember"`
		PIN      string `json:"pin"`
	}
	apiClaimed struct {
		Job        int64 `json:"job"`
		Remembered bool  `json:"remembered"`
	}
)

func (s *Server) apiClaim(v *visit) error {
	var c apiClaim
	if err := v.read(&c); err != nil {
		return err
	}
	pins := job.PINs{}
	if c.PIN != "" {
		pins[c.Job] = clean(c.PIN)
	}
	remembered, err := s.Desk.Claim(v.ctx(), v.session, c.Job, c.Remember, pins)
	if refused := (*directory.Refused)(nil); errors.As(err, &refused) {
		return &refusal{http.StatusForbidden, refused.Reason, err}
	}
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, apiClaimed{c.Job, remembered})
}
