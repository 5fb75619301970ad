package ui

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
)

// signInForm is the page for signing in at a browser of one's own.
type signInForm struct {
	sheet
	Query string // of the form's address
	Next  string // where the person wanted to go
	Login string
	OIDC  string // what the provider is called, "" there is none
	Ways  string // query of the links to other ways
	Kerb  bool
}

// signIn shows the page for signing in, unless somebody is signed in.
func (s *Server) signIn(v *visit) error {
	next := v.r.URL.Query().Get("next")
	switch err := s.recognise(v); {
	case err == nil:
		return v.goTo(within(next))
	case !errors.Is(err, errNotMember):
		return err
	}
	var n *notice
	if v.r.URL.Query().Has("out") {
		n = &notice{"good", v.say.Text("You are signed out.")}
	}
	return s.memberSignIn(v, http.StatusOK, n, next, "")
}

func (s *Server) memberSignIn(v *visit, status int, n *notice, next, login string) error {
	ways, err := s.Members.Ways(v.ctx())
	if err != nil {
		return err
	}
	seed := v.cookie(formCookie)
	if seed == "" {
		seed = newSeed()
	}
	v.setHostCookie(formCookie, seed, 0)
	query := url.Values{}
	if lang := v.r.URL.Query().Get("lang"); v.s.Catalog.Find(lang) != nil {
		query.Set("lang", lang)
	}
	if next = within(next); next != "/me" {
		query.Set("next", next)
	} else {
		next = ""
	}
	p := signInForm{sheet: v.sheet("Sign in"), Query: v.langQuery(), Next: next, Login: plain(login, 200), OIDC: ways.OIDC, Kerb: ways.Kerberos}
	if len(query) > 0 {
		p.Ways = "?" + query.Encode()
	}
	p.Key, p.Notice = keyOf([]byte(seed), signInForms), n
	for i := range p.Languages {
		p.Languages[i].URL = signInPath + "?" + url.Values{"lang": {p.Languages[i].Code}, "next": {within(next)}}.Encode()
	}
	return v.render(status, "sign-in.html", p)
}

// signInForms is what the key of the form for signing in is made for.
const signInForms = "platen sign-in form"

// checkSeed wants the form that this very browser was given.
func (s *Server) checkSeed(v *visit) error {
	seed := v.cookie(formCookie)
	if seed == "" {
		return s.checkKey(v, "")
	}
	return s.checkKey(v, keyOf([]byte(seed), signInForms))
}

// signInPost signs a person in with user name and password.
func (s *Server) signInPost(v *visit) error {
	if err := s.checkSeed(v); err != nil {
		return err
	}
	u, err := s.Members.Prove(v.ctx(), v.field("user"), v.field("secret"), v.client)
	if err == nil {
		return s.admitted(v, u, directory.MethodPassword, nil, v.field("next"))
	}
	status, n, err := v.refusedMember(err)
	if err != nil {
		return err
	}
	return s.memberSignIn(v, status, n, v.field("next"), v.field("user"))
}

// refusedMember is what somebody reads who was not let in.
func (v *visit) refusedMember(err error) (int, *notice, error) {
	throttled := (*directory.Throttled)(nil)
	if !isRefused(err) && !errors.As(err, &throttled) && !fault.Is(err, fault.Internal) {
		key, args := fault.Sentence(err)
		return status(fault.KindOf(err)), &notice{"bad", v.say.Text(key, args...)}, nil
	}
	return v.refused(err)
}

// turnedAway shows the page for signing in with what another way said, and has it
// in the log.
func (s *Server) turnedAway(v *visit, way, next string, err error) error {
	code, n, err2 := v.refusedMember(err)
	if err2 != nil {
		return err2
	}
	s.Log.Info("ui: somebody was not signed in", "way", way, "client", v.client.String(), "error", err)
	return s.memberSignIn(v, code, n, next, "")
}

// negotiate signs in whoever has a ticket (RFC 4559). The answer to all others is
// the page for signing in another way, with the question for a ticket on top: a
// browser that has none shows the page.
func (s *Server) negotiate(v *visit) error {
	next := v.r.URL.Query().Get("next")
	ways, err := s.Members.Ways(v.ctx())
	if err != nil {
		return err
	}
	if !ways.Kerberos {
		return s.notFound(v)
	}
	u, ok, err := s.Members.Negotiate(v.w, v.r)
	switch {
	case err != nil:
		v.setHostCookie(wayCookie, "", -time.Second)
		return s.turnedAway(v, directory.MethodKerberos, next, err)
	case ok:
		v.setHostCookie(wayCookie, "kerberos", wayFor)
		return s.admitted(v, u, directory.MethodKerberos, nil, next)
	}
	v.w.Header().Add("WWW-Authenticate", "Negotiate")
	n := &notice{"note", v.say.Text("This browser has shown no ticket of the domain. Please sign in another way.")}
	return s.memberSignIn(v, http.StatusUnauthorized, n, next, "")
}

// leave is what is remembered while the provider signs in.
type leave struct{ next, redirect, pending string }

func (l leave) text() string { return l.next + "\n" + l.redirect + "\n" + l.pending }

func leaveOf(text string) (leave, bool) {
	parts := strings.SplitN(text, "\n", 3)
	if len(parts) != 3 {
		return leave{}, false
	}
	return leave{parts[0], parts[1], parts[2]}, true
}

// toProvider sends the browser to the provider.
func (s *Server) toProvider(v *visit) error {
	next := within(v.r.URL.Query().Get("next"))
	l := leave{next: next, redirect: "https://" + v.r.Host + callbackAt} // the host is one of this node's: the guard has looked
	to, pending, err := s.Members.Begin(v.ctx(), l.redirect)
	if err != nil {
		return s.turnedAway(v, directory.MethodOIDC, next, err)
	}
	l.pending = pending
	v.setHostCookie(leaveCookie, s.sealed(leaveSeal, l.text()), leaveFor)
	http.Redirect(v.w, v.r, to, http.StatusSeeOther) // where the administrator's provider says
	return nil
}

// fromProvider takes whoever comes back from the provider.
func (s *Server) fromProvider(v *visit) error {
	text, ok := s.open(leaveSeal, v.cookie(leaveCookie), leaveFor)
	l, whole := leaveOf(text)
	v.setHostCookie(leaveCookie, "", -time.Second)
	if !ok || !whole {
		return s.turnedAway(v, directory.MethodOIDC, "", &fault.Error{
			Op: "ui.oidc", Kind: fault.Denied, Text: "This sign-in has expired or was used already. Please sign in again."})
	}
	u, roles, err := s.Members.Finish(v.ctx(), l.redirect, l.pending, v.r.URL.Query())
	if err != nil {
		return s.turnedAway(v, directory.MethodOIDC, l.next, err)
	}
	return s.admitted(v, u, directory.MethodOIDC, roles, l.next)
}

// signOut ends the session of this browser.
func (s *Server) signOut(v *visit) error {
	if err := s.Members.End(v.ctx(), v.member, v.memberToken); err != nil {
		return err
	}
	v.setHostCookie(memberCookie, "", -time.Second)
	query := url.Values{"out": {"1"}}
	if lang := v.r.URL.Query().Get("lang"); v.s.Catalog.Find(lang) != nil {
		query.Set("lang", lang)
	}
	return v.goTo(signInPath + "?" + query.Encode())
}

// first is the page with which whoever has the token from this machine becomes the
// first administrator. Without a good one there is no such page.
func (s *Server) first(v *visit) error {
	token := v.r.URL.Query().Get("token")
	if err := s.Members.FirstToken(v.ctx(), token); err != nil {
		return err
	}
	return s.firstPage(v, http.StatusOK, nil, token, "")
}

func (s *Server) firstPage(v *visit, status int, n *notice, token, login string) error {
	seed := v.cookie(formCookie)
	if seed == "" {
		seed = newSeed()
	}
	v.setHostCookie(formCookie, seed, 0)
	p := struct {
		sheet
		Query, Token, Login string
	}{v.sheet("The first administrator"), v.langQuery(), token, plain(login, 200)}
	p.Key, p.Notice, p.Languages = keyOf([]byte(seed), signInForms), n, nil // links would repeat the token
	return v.render(status, "first.html", p)
}

// firstPost makes the first administrator.
func (s *Server) firstPost(v *visit) error {
	if err := s.checkSeed(v); err != nil {
		return err
	}
	token, login, password := v.field("token"), strings.TrimSpace(v.field("user")), v.field("secret")
	err := s.Members.FirstToken(v.ctx(), token)
	if err != nil {
		return err
	}
	var u directory.User
	if password != v.field("again") {
		err = &fault.Error{Op: "ui.first", Kind: fault.Invalid, Text: "The two passwords are not the same."}
	} else {
		u, err = s.Members.First(v.ctx(), token, login, password)
	}
	switch {
	case err == nil:
		return s.admitted(v, u, directory.MethodSetup, nil, "")
	case fault.Is(err, fault.Invalid), fault.Is(err, fault.Conflict):
		key, args := fault.Sentence(err)
		return s.firstPage(v, status(fault.KindOf(err)), &notice{"bad", v.say.Text(key, args...)}, token, login)
	}
	return err
}
