package ui

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
)

// ownSession is a session as its person sees it.
type ownSession struct {
	directory.WebSession
	Method string // in words
	Here   bool   // this very one
}

// me is the page that says to people who they are here.
func (s *Server) me(v *visit) error {
	list, err := s.Members.Sessions(v.ctx(), v.member.User.ID)
	if err != nil {
		return err
	}
	p := struct {
		sheet
		Query    string
		User     directory.User
		From     string
		Method   string
		Roles    string
		Rights   string
		Mine     bool
		Trusts   bool // others may be let to print the person's documents
		Guests   bool // the person may make accounts of guests
		Cards    bool // the person may find rules for card readers
		Certs    bool // the person may change certificates
		Sessions []ownSession
	}{sheet: v.memberSheet("Your account"), Query: v.langQuery(), User: v.member.User, Mine: s.allowPersonal(v.ctx()) == nil,
		Trusts: s.Trusts != nil}
	helps := slices.ContainsFunc(needs[helper], v.member.User.May)
	p.Guests, p.Cards = s.Reception != nil && helps, s.Cards != nil && helps
	p.Certs = s.Certs != nil && s.CertWork != nil && v.member.User.May(directory.Administer)
	p.From, p.Method = p.source(&v.member.User), p.T(methodWords[v.member.Session.Method])
	p.Roles, p.Rights = p.words(v.member.Roles, roleWords), p.words(rightsOf(&v.member.User), rightWords)
	for _, x := range list {
		p.Sessions = append(p.Sessions, ownSession{x, p.T(methodWords[x.Method]), x.ID == v.member.Session.ID})
	}
	if v.r.URL.Query().Get("did") == "ended" {
		p.Notice = &notice{"good", v.say.Text("That browser is signed out.")}
	}
	return v.render(http.StatusOK, "me.html", p)
}

// source says where a person comes from.
func (p sheet) source(u *directory.User) string {
	switch {
	case u.Source == "local":
		return p.T("entered here")
	case u.Source == directory.SourceOIDC:
		return p.T("the sign-in service")
	}
	return p.Plain(strings.TrimPrefix(u.From, "source "))
}

// words are names in the reader's language; what was named here stays as it is.
func (p sheet) words(names []string, known map[string]string) string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = n
		if w, ok := known[n]; ok {
			list[i] = p.T(w)
		}
	}
	return strings.Join(list, ", ")
}

func rightsOf(u *directory.User) []string {
	var list []string
	for _, r := range u.Everywhere() {
		if !r.Restricts() {
			list = append(list, string(r))
		}
	}
	return list
}

var methodWords = map[string]string{
	"password": "with a password",
	"kerberos": "with the computer's account",
	"oidc":     "at the sign-in service",
	"setup":    "when the administrator was made",
}

var roleWords = map[string]string{
	"user":          "user",
	"support":       "support",
	"reporting":     "reporting",
	"administrator": "administrator",
}

var rightWords = map[string]string{
	"release":     "print own documents",
	"copy":        "copy",
	"scan":        "scan",
	"fax":         "fax",
	"colour":      "print in colour",
	"break-glass": "print documents of others, with a reason",
	"administer":  "change everything",
	"support":     "help people",
	"report":      "read reports",
}

// memberSheet starts a page of a person who is signed in at a browser of their own.
func (v *visit) memberSheet(title string) sheet {
	p := v.sheet(title)
	p.Person, p.Key, p.Base, p.Device = p.Plain(v.member.User.Name()), v.memberKey, "/", ""
	p.Out, p.Me = "/sign-out"+v.langQuery(), "/me"+v.langQuery()
	return p
}

// endSession signs out one of the person's browsers.
func (s *Server) endSession(v *visit) error {
	id := v.field("id")
	if id == v.member.Session.ID {
		return s.signOut(v)
	}
	err := s.Members.EndOne(v.ctx(), v.member, id)
	if err != nil && !fault.Is(err, fault.NotFound) { // it has ended, as wished
		return err
	}
	to := "/me?did=ended"
	if q := v.langQuery(); q != "" {
		to += "&" + q[1:]
	}
	return v.goTo(to)
}

// apiMe says to a program who it is here.
type apiMeView struct {
	Kind    string     `json:"kind"` // "person", "token"
	Login   string     `json:"login"`
	Display string     `json:"display"`
	Email   string     `json:"email"`
	Source  string     `json:"source"`
	Roles   []string   `json:"roles"`
	Rights  []string   `json:"rights"`
	Method  string     `json:"method"`
	Expires *time.Time `json:"expires"` // null: it does not
	Key     string     `json:"key"`     // for the header X-Platen-Key
}

func (s *Server) apiMe(v *visit) error {
	if v.program.ID != "" {
		me := apiMeView{Kind: "token", Display: v.program.Label, Roles: []string{}, Rights: nonNil(v.program.Rights)}
		if end := v.program.Expires.UTC(); !end.IsZero() {
			me.Expires = &end
		}
		return v.json(http.StatusOK, me)
	}
	u, expires := &v.member.User, v.member.Session.Expires.UTC()
	return v.json(http.StatusOK, apiMeView{
		Kind: "person", Login: u.Login, Display: u.Name(), Email: u.Email, Source: u.From, Roles: nonNil(v.member.Roles), Rights: nonNil(rightsOf(u)),
		Method: v.member.Session.Method, Expires: &expires, Key: v.memberKey,
	})
}

// apiReadiness shows how ready the house is for its people.
func (s *Server) apiReadiness(v *visit) error {
	x, err := s.Readiness(v.ctx())
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, x)
}
