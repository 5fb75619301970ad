package ui

import (
	"net/http"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/setup"
	"platen/site"
)

// admitVisitors wants a token of the API for guests.
func (s *Server) admitVisitors(v *visit) error {
	const op = "ui.visitors"
	text, ok := bearer(v.r)
	if !ok {
		return &refusal{status: http.StatusUnauthorized, reason: "token", err: &fault.Error{
			Op: op, Kind: fault.Denied, Text: "Please send an API token."}}
	}
	var err error
	v.program, v.sponsor, err = s.Reception.Token(v.ctx(), text)
	if fault.Is(err, fault.Denied) || fault.Is(err, fault.NotFound) {
		return &refusal{status: http.StatusUnauthorized, reason: "token", err: &fault.Error{
			Op: op, Kind: fault.Denied, Text: "This API token is not known.", Err: err}}
	}
	return err
}

// apiNewGuest is what a program says of a guest.
type apiNewGuest struct {
	Name     string `json:"name"`
	Company  string `json:"company"`
	Email    string `json:"email"`
	Login    string `json:"login"`    // "" one is made
	Language string `json:"language"` // "de", "en", ""
	Until    string `json:"until"`    // a day, which counts to its end, or a moment; "" this evening
	Sponsor  string `json:"sponsor"`  // login; "" as the token says
	Mail     bool   `json:"mail"`
	PIN      *bool  `json:"pin"` // absent: yes
	Password bool   `json:"password"`
}

func (a *apiNewGuest) guest(now time.Time) (directory.Guest, error) {
	g := directory.Guest{Name: clean(a.Name), Company: clean(a.Company), Email: clean(a.Email), Login: clean(a.Login), Language: a.Language,
		Sponsor: clean(a.Sponsor), Mail: a.Mail, NoPIN: a.PIN != nil && !*a.PIN, Password: a.Password}
	if g.Language != "" && g.Language != "de" && g.Language != "en" {
		return g, &fault.Error{Op: "ui.apiGuest", Kind: fault.Invalid, Text: "The language is de or en."}
	}
	if a.Until == "" {
		g.Until = directory.UsualUntil(now.Local())
		return g, nil
	}
	var err error
	g.Until, err = directory.ParseUntil(a.Until, time.Local)
	return g, err
}

func (s *Server) apiWelcome(v *visit) error {
	var a apiNewGuest
	if err := v.read(&a); err != nil {
		return err
	}
	g, err := a.guest(s.Now())
	if err != nil {
		return err
	}
	if g.Sponsor == "" {
		g.Sponsor = v.sponsor
	}
	slip, err := s.Reception.Welcome(v.ctx(), g, v.programName())
	if err != nil {
		return err
	}
	answer := slip.Told() // its secrets are told this once
	at := setup.Of(s.clientNode(v), site.Queue{Name: slip.Queue})
	answer.Pages = at.Node.Pages() + "print"
	if slip.Secret != "" {
		answer.Address = at.Node.Pages() + strings.TrimPrefix(setUpPath(slip.Queue, slip.Secret), "/")
	}
	return v.json(http.StatusCreated, answer)
}

// programName is what a program is called in the audit trail.
func (v *visit) programName() string {
	if v.program.Label != "" {
		return "token " + v.program.Label
	}
	return "token " + v.program.ID
}

// apiGuest is a guest as programs may see it.
type apiGuest struct {
	Login   string    `json:"login"`
	Name    string    `json:"name"`
	Company string    `json:"company"`
	Email   string    `json:"email"`
	Until   time.Time `json:"until"`
	Open    bool      `json:"open"` // it may be used
	Sponsor string    `json:"sponsor"`
}

func (s *Server) apiGuests(v *visit) error {
	list, err := s.Reception.Guests(v.ctx())
	if err != nil {
		return err
	}
	guests := make([]apiGuest, len(list))
	for i := range list {
		u := &list[i]
		guests[i] = apiGuest{u.Login, u.FullName, u.Department, u.Email, u.Until.UTC(), u.Enabled && s.Now().Before(u.Until), u.Sponsor}
	}
	return v.json(http.StatusOK, guests)
}
