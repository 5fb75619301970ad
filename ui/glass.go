package ui

import (
	"net/http"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

// glass is where a person with the right to break it finds the documents of
// somebody who cannot come, or that nobody owns.
func (s *Server) glass(v *visit) error {
	if err := v.mayBreakGlass(); err != nil {
		return err
	}
	return s.glassPage(v, http.StatusOK, "", nil, nil)
}

func (v *visit) mayBreakGlass() error {
	if v.session.User.May(directory.BreakGlass) {
		return nil
	}
	return &fault.Error{Op: "ui.glass", Kind: fault.Denied, Text: "You do not have the right to do that. Please ask the help desk."}
}

func (s *Server) glassPage(v *visit, status int, login string, found []job.View, n *notice) error {
	p := struct {
		sheet
		Login string
		Found []job.View
		Asked bool
	}{v.sheet("Print for somebody else"), login, found, found != nil}
	p.Notice = n
	p.Languages = nil
	if len(p.Found) > perPage {
		p.Found = p.Found[:perPage]
	}
	v.watch(&p.sheet)
	return v.render(status, "glass.html", p)
}

// breakGlass looks for the documents of a user, or releases one of them.
func (s *Server) breakGlass(v *visit) error {
	if err := v.mayBreakGlass(); err != nil {
		return err
	}
	login := v.field("user")
	var err error
	if v.field("do") == "release" {
		err = s.releaseOther(v)
		if err == nil || !showable(err) {
			return err
		}
	}
	found, ferr := s.Desk.Others(v.ctx(), v.session, login)
	if ferr != nil {
		return ferr
	}
	if found == nil {
		found = []job.View{}
	}
	if err == nil {
		return s.glassPage(v, http.StatusOK, login, found, nil)
	}
	key, args := fault.Sentence(err)
	return s.glassPage(v, answerTo(err).status, login, found, &notice{"bad", v.say.Text(key, args...)})
}

// showable reports whether an error belongs on the page that was used.
func showable(err error) bool {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict, fault.NotFound, fault.TooLarge:
		return true
	}
	return false
}

func (s *Server) releaseOther(v *visit) error {
	ids, err := v.ids()
	if err != nil {
		return err
	}
	if len(ids) != 1 {
		return &fault.Error{Op: "ui.glass", Kind: fault.Invalid, Text: "Please choose a document first."}
	}
	r, err := s.Desk.BreakGlass(v.ctx(), v.session, ids[0], v.field("reason"), v.field("once"))
	if err != nil {
		return err
	}
	v.s.Log.Info("ui: break glass", "job", ids[0], "user", v.session.User.Login, "release", r.ID)
	return v.follow(r, nil)
}
