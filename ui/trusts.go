package ui

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
)

// Trusts is what people settle at a browser of their own: who may release their
// documents.
type Trusts interface {
	// Given returns the delegations of the person's documents, those too that wait for
	// consent; Received those of others to the person.
	Given(ctx context.Context, u directory.User) ([]directory.Delegation, error)
	Received(ctx context.Context, u directory.User) ([]directory.Delegation, error)
	// Give lets a colleague release the person's documents, until then or for good.
	Give(ctx context.Context, u directory.User, login string, titles bool, until time.Time) error
	// Allow is the person's consent to one that waits for it, End the end of any.
	Allow(ctx context.Context, u directory.User, id string) error
	End(ctx context.Context, u directory.User, id string) error
}

// trustsPath is the page that is about that.
const trustsPath = minePath + "/delegations"

func (s *Server) allowTrusts() error {
	if s.Trusts == nil {
		return &fault.Error{Op: "ui.trusts", Kind: fault.NotFound, Text: "There is no such page here."}
	}
	return nil
}

var trustNotices = map[string]string{
	"give": "From now on this person may print your documents.", "allow": "From now on this person may print your documents.",
	"end": "That is over, from now on.",
}

// trusts shows who may release the person's documents, and whose this person may.
func (s *Server) trusts(v *visit) error {
	var n *notice
	if key, ok := trustNotices[v.r.URL.Query().Get("did")]; ok {
		n = &notice{"good", v.say.Text(key)}
	}
	return s.trustsPage(v, http.StatusOK, n)
}

func (s *Server) trustsPage(v *visit, status int, n *notice) error {
	if err := s.allowTrusts(); err != nil {
		return err
	}
	given, err := s.Trusts.Given(v.ctx(), v.member.User)
	if err != nil {
		return err
	}
	received, err := s.Trusts.Received(v.ctx(), v.member.User)
	if err != nil {
		return err
	}
	p := struct {
		sheet
		Query            string
		Asked, Given, To []directory.Delegation
		Login            string
		Mine             bool
	}{sheet: v.memberSheet("Who may print your documents"), Query: v.langQuery(), Login: v.field("login"), Mine: s.allowPersonal(v.ctx()) == nil}
	p.Notice = n
	now := s.Now()
	for _, d := range given {
		switch {
		case d.Over(now):
		case d.Consented.IsZero():
			p.Asked = append(p.Asked, d)
		default:
			p.Given = append(p.Given, d)
		}
	}
	for _, d := range received {
		if d.Holds(now) && d.Owner != v.member.User.ID {
			p.To = append(p.To, d)
		}
	}
	return v.render(status, "delegations.html", p)
}

// Delegate says who may release documents: a person, or a group.
func (p sheet) Delegate(d directory.Delegation) string {
	if d.ToGroup {
		return p.T("Everybody in %s", p.Plain(d.DelegateName))
	}
	return p.Plain(d.DelegateName)
}

// changeTrusts gives, allows or ends one.
func (s *Server) changeTrusts(v *visit) error {
	if err := s.allowTrusts(); err != nil {
		return err
	}
	var err error
	did := v.path("act")
	switch id := v.field("id"); did {
	case "give":
		err = s.giveTrust(v)
	case "allow":
		err = s.Trusts.Allow(v.ctx(), v.member.User, id)
	default:
		if err = s.Trusts.End(v.ctx(), v.member.User, id); fault.Is(err, fault.NotFound) { // it is over, as wished
			err = nil
		}
	}
	if err != nil && showable(err) {
		key, args := fault.Sentence(err)
		return s.trustsPage(v, answerTo(err).status, &notice{"bad", v.say.Text(key, args...)})
	}
	if err != nil {
		return err
	}
	return v.toMine("/delegations", url.Values{"did": {did}})
}

func (s *Server) giveTrust(v *visit) error {
	login, until := strings.TrimSpace(v.field("login")), time.Time{}
	if login == "" {
		return &fault.Error{Op: "ui.trusts", Kind: fault.Invalid, Text: "Please type the user name of a colleague."}
	}
	if text := v.field("until"); text != "" {
		var err error
		if until, err = directory.ParseUntil(text, time.Local); err != nil {
			return err
		}
	}
	return s.Trusts.Give(v.ctx(), v.member.User, login, v.field("titles") != "", until)
}

// consent takes the person's answer to somebody who asks to release their documents.
func (s *Server) consent(v *visit) error {
	do := v.field("do")
	if do != "allow" && do != "refuse" {
		return v.see("jobs")
	}
	err := s.Desk.Answer(v.ctx(), v.session, v.field("id"), do == "allow")
	if err != nil && showable(err) {
		key, args := fault.Sentence(err)
		return s.jobsPage(v, answerTo(err).status, &notice{"note", v.say.Text(key, args...)})
	}
	return v.back(do, err)
}
