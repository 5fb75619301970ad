package ui

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/setup"
	"platen/site"
)

// Reception makes accounts of guests. The actor of all it does stands in the audit
// trail.
type Reception interface {
	// Welcome makes one. What it says in the slip nobody can read again.
	Welcome(ctx context.Context, g directory.Guest, actor string) (directory.Slip, error)
	// Guests returns those there are and those that ended lately, the last end first.
	Guests(ctx context.Context) ([]directory.User, error)
	Extend(ctx context.Context, login string, until time.Time, actor string) error
	End(ctx context.Context, login, actor string) error
	// Token finds a token of the API for guests by its text, and the login of whoever
	// answers for them, "" for whom the request names; fault.Denied when nobody has it.
	Token(ctx context.Context, text string) (t site.Token, sponsor string, err error)
}

// receptionPath is where the reception's pages are.
const receptionPath = "/reception"

// guestLine is a guest in a list.
type guestLine struct {
	directory.User
	Own bool // the receptionist answers for this one
}

// reception is the form for a guest, and the guests there are.
func (s *Server) reception(v *visit) error {
	var n *notice
	switch v.r.URL.Query().Get("did") {
	case "extended":
		n = &notice{"good", v.say.Text("The guest has more time now.")}
	case "ended":
		n = &notice{"good", v.say.Text("The account has ended.")}
	case "changed":
		n = &notice{"note", v.say.Text("Nothing was made, because the list had changed meanwhile. Please look again.")}
	}
	return s.receptionPage(v, http.StatusOK, directory.Guest{}, n)
}

// mostLines is how many guests a page lists: those that end last.
const mostLines = 100

func (s *Server) receptionPage(v *visit, status int, typed directory.Guest, n *notice) error {
	list, err := s.Reception.Guests(v.ctx())
	if err != nil {
		return err
	}
	p := struct {
		sheet
		Query    string
		Guest    directory.Guest // as it was typed
		UntilDay string          // as the field wants it
		Newest   string
		Guests   []guestLine
		Spoken   []languageLink // the languages there are
	}{sheet: v.memberSheet("A new guest"), Query: v.langQuery(), Guest: typed, Newest: newestGuest(list, v.member.User.Login)}
	p.Notice = n
	until := typed.Until
	if until.IsZero() {
		until = directory.UsualUntil(s.Now().Local())
	}
	p.UntilDay = until.Local().Format("2006-01-02T15:04")
	for _, l := range s.Catalog.Languages() {
		p.Spoken = append(p.Spoken, languageLink{Code: l.Code(), Name: l.Name})
	}
	for _, u := range list[:min(len(list), mostLines)] {
		if u.Enabled || s.Now().Sub(u.Until) < 24*time.Hour {
			p.Guests = append(p.Guests, guestLine{u, u.Sponsor == v.member.User.Login})
		}
	}
	slices.SortStableFunc(p.Guests, func(a, b guestLine) int { // the own ones first
		switch {
		case a.Own == b.Own:
			return 0
		case a.Own:
			return -1
		}
		return 1
	})
	return v.render(status, "reception.html", p)
}

// newestGuest is the guest that somebody made last.
func newestGuest(list []directory.User, sponsor string) string {
	newest := directory.User{}
	for _, u := range list {
		if u.Sponsor == sponsor && u.Created.After(newest.Created) {
			newest = u
		}
	}
	return newest.Login
}

// End says when something ends: a day, where it is the end of one.
func (p sheet) End(t time.Time) string {
	t = t.Local()
	if t.Hour() == 0 && t.Minute() == 0 {
		return t.Add(-time.Second).Format(p.T("2 Jan 2006"))
	}
	return t.Format(p.T("2 Jan 2006, 15:04"))
}

// receive makes the account of a guest and shows its slip, this once. A form that
// is sent twice makes one: it says which guest it has seen last.
func (s *Server) receive(v *visit) error {
	list, err := s.Reception.Guests(v.ctx())
	if err != nil {
		return err
	}
	if newestGuest(list, v.member.User.Login) != v.field("after") {
		return v.toReception("changed")
	}
	g := directory.Guest{Name: v.field("name"), Company: v.field("company"), Email: v.field("email"), Language: v.field("language"),
		Sponsor: v.member.User.Login, Mail: v.field("mail") != ""}
	if s.Catalog.Find(g.Language) == nil {
		g.Language = ""
	}
	g.Until, err = directory.ParseUntil(v.field("until"), time.Local)
	slip := directory.Slip{}
	if err == nil {
		slip, err = s.Reception.Welcome(v.ctx(), g, "user "+v.member.User.Login)
	}
	if err != nil && (showable(err) || fault.Is(err, fault.Denied)) {
		key, args := fault.Sentence(err)
		return s.receptionPage(v, answerTo(err).status, g, &notice{"bad", v.say.Text(key, args...)})
	}
	if err != nil {
		return err
	}
	return s.slipPage(v, g, slip)
}

// slipPage is what the guest takes along, in the guest's language.
func (s *Server) slipPage(v *visit, g directory.Guest, slip directory.Slip) error {
	mailFailed := g.Mail && slip.Email == ""
	sorry := v.say.Text("The mail could not be sent. Please give the guest this slip.")
	if g.Language != "" {
		v.say = s.Catalog.Printer(s.Catalog.Match(g.Language))
	}
	p := struct {
		sheet
		Query   string
		Slip    directory.Slip
		Sponsor string
		Pages   string // that say how to print
		Link    string // page of the guest's own printer, "" none
		QR      drawnQR
		Dots    int // how wide that is on the screen: a whole number for each of its dots
	}{sheet: v.memberSheet("Printing as a guest"), Query: v.langQuery(), Slip: slip, Sponsor: v.member.User.Name()}
	p.Languages = nil
	if mailFailed {
		p.Notice = &notice{"bad", sorry}
	}
	at := setup.Of(s.clientNode(v), site.Queue{Name: slip.Queue})
	p.Pages = at.Node.Pages() + "print"
	if slip.Secret != "" {
		p.Link = at.Node.Pages() + strings.TrimPrefix(setUpPath(slip.Queue, slip.Secret), "/")
		var err error
		if p.QR, err = drawQR(p.Link); err != nil {
			return err
		}
		p.Dots = 6 * p.QR.Size
	}
	return v.render(http.StatusOK, "slip.html", p)
}

// longer is how much more time a press of the button gives.
const longer = 24 * time.Hour

// changeGuest gives a guest more time, or none any longer.
func (s *Server) changeGuest(v *visit) error {
	login, actor := v.field("login"), "user "+v.member.User.Login
	if v.path("act") == "end" {
		err := s.Reception.End(v.ctx(), login, actor)
		if err != nil && !fault.Is(err, fault.NotFound) { // it has ended, as wished
			return err
		}
		return v.toReception("ended")
	}
	list, err := s.Reception.Guests(v.ctx())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(u directory.User) bool { return u.Login == login })
	if i < 0 || list[i].Until.UTC().Format(time.RFC3339) != v.field("until") { // pressed twice
		return v.toReception("changed")
	}
	until := list[i].Until
	if now := s.Now(); until.Before(now) {
		until = now
	}
	err = s.Reception.Extend(v.ctx(), login, until.Add(longer), actor)
	if err != nil && showable(err) {
		key, args := fault.Sentence(err)
		return s.receptionPage(v, answerTo(err).status, directory.Guest{}, &notice{"bad", v.say.Text(key, args...)})
	}
	if err != nil {
		return err
	}
	return v.toReception("extended")
}

func (v *visit) toReception(did string) error {
	query := url.Values{"did": {did}}
	if lang := v.r.URL.Query().Get("lang"); v.s.Catalog.Find(lang) != nil {
		query.Set("lang", lang)
	}
	http.Redirect(v.w, v.r, receptionPath+"?"+query.Encode(), http.StatusSeeOther)
	return nil
}
