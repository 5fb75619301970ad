package ui

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
)

// Members is who signs in at a browser of their own, how, and what is kept of it.
type Members interface {
	Ways(ctx context.Context) (Ways, error)
	// Prove checks a password. Its error may be a directory.Refused or a
	// directory.Throttled, or fault.Denied.
	Prove(ctx context.Context, login, password string, client netip.Addr) (directory.User, error)
	// Negotiate looks for a Kerberos ticket in the request and says whose it is,
	// with the reply for the client in the header of w. It reports false and no
	// error when there is none.
	Negotiate(w http.ResponseWriter, r *http.Request) (directory.User, bool, error)
	// Begin returns where the browser signs in, and what to remember of that until
	// it comes back to redirect; Finish who has come back, and the roles that the
	// provider's claims give.
	Begin(ctx context.Context, redirect string) (to, pending string, err error)
	Finish(ctx context.Context, redirect, pending string, query url.Values) (directory.User, []string, error)
	// FirstToken says whether a token may make an administrator; First does it, once.
	// Both say fault.NotFound when it may not.
	FirstToken(ctx context.Context, token string) error
	First(ctx context.Context, token, login, password string) (directory.User, error)

	// Start begins a session and ends the one of the token before, if there is one.
	Start(ctx context.Context, s directory.WebSession, before string) (token string, err error)
	// Member returns whose session has this token, and counts as a sign of life;
	// fault.Denied when there is none any longer.
	Member(ctx context.Context, token string) (Member, error)
	End(ctx context.Context, m Member, token string) error
	Sessions(ctx context.Context, user string) ([]directory.WebSession, error)
	EndOne(ctx context.Context, m Member, id string) error
}

// Ways are the ways to sign in beside a password.
type Ways struct {
	OIDC     string         // what the provider is called, "" there is none
	Kerberos bool           // there is a keytab
	Try      []netip.Prefix // clients that are asked for a ticket before they ask for anything
}

// Member is a person at a browser of their own. User has the rights of the roles
// that the session brings as well.
type Member struct {
	User    directory.User
	Session directory.WebSession
	Roles   []string // names of all roles whose rights the person has
}

// The cookies of people at browsers of their own. The prefix makes browsers refuse
// them from anybody but this very host.
const (
	memberCookie = "__Host-platen-member" // the token of the session
	formCookie   = "__Host-platen-form"   // what the key of the form for signing in is made from
	leaveCookie  = "__Host-platen-leave"  // sealed: what is remembered while the provider signs in
	wayCookie    = "__Host-platen-signin" // this browser has signed in with Kerberos before
	wayFor       = 400 * 24 * time.Hour   // the longest that browsers keep one
	leaveFor     = 10 * time.Minute       // as long as the provider's answer is waited for
	leaveSeal    = "oidc"                 //
	keyHeader    = "X-Platen-Key"         // the key of forms, for what the API changes by cookie
	mostNext     = 512                    // octets of the address to go to afterwards
	signInPath   = "/sign-in"             //
	negotiateAt  = signInPath + "/negotiate"
	oidcAt       = signInPath + "/oidc"
	callbackAt   = oidcAt + "/callback"
)

// errNotMember sends a person to the page for signing in; it is no failure.
var errNotMember = &fault.Error{Op: "ui.member", Kind: fault.Denied, Text: "Please sign in first."}

// errNoRight is for somebody who is signed in and may not do this.
var errNoRight = &fault.Error{Op: "ui.member", Kind: fault.Denied, Text: "You do not have the right to do that. Please ask the help desk."}

// needs are the rights of which a role wants one; none: whoever is signed in.
var needs = map[role][]directory.Right{
	member:        nil,
	helper:        {directory.Support, directory.Administer},
	reader:        {directory.Report, directory.Support, directory.Administer},
	administrator: {directory.Administer},
}

// admitMember wants the session of a person with one of the role's rights, and with
// what changes something the key of its forms; from a program, where the API is
// asked, a token with such a right instead.
func (s *Server) admitMember(v *visit, r role) error {
	if _, ok := bearer(v.r); ok && v.face == data && s.Admins != nil {
		return s.admitAdminToken(v, r)
	}
	if err := s.recognise(v); err != nil {
		if v.face == data && fault.Is(err, fault.Denied) {
			return &refusal{status: http.StatusUnauthorized, reason: "session", err: err}
		}
		return err
	}
	if may := needs[r]; len(may) > 0 && !slices.ContainsFunc(may, v.member.User.May) {
		return errNoRight
	}
	if !safeMethod(v.r.Method) { // after the right: files are read from administrators only
		return s.checkKey(v, v.memberKey)
	}
	return nil
}

// recognise finds the session of the browser.
func (s *Server) recognise(v *visit) error {
	token := v.cookie(memberCookie)
	if token == "" {
		return errNotMember
	}
	m, err := s.Members.Member(v.ctx(), token)
	if fault.Is(err, fault.Denied) {
		return errNotMember
	}
	if err != nil {
		return err
	}
	v.member, v.memberToken, v.memberKey = m, token, keyOf([]byte(token), "platen member form")
	v.session.User.Language = m.User.Language
	v.speak()
	return nil
}

// checkKey wants the key that is in every form of ours: from a program of the page
// in a header, else in the form.
func (s *Server) checkKey(v *visit, key string) error {
	const op = "ui.key"
	given := v.r.Header.Get(keyHeader)
	if v.face != data {
		if err := v.readForm(s.Limits.Form); err != nil {
			return err
		}
		given = v.r.PostForm.Get("key")
	}
	if key == "" || !hmac.Equal([]byte(given), []byte(key)) {
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "This form is not one of ours. Please start again."}
	}
	return nil
}

// readForm reads the form of a request, with its files where there may be some.
func (v *visit) readForm(limit int64) error {
	if takesFiles(v.r) {
		return v.readUpload(limit)
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, limit)
	if err := v.r.ParseForm(); err != nil {
		return badBody("ui.form", err)
	}
	return nil
}

func safeMethod(m string) bool { return m == http.MethodGet || m == http.MethodHead }

// keyOf makes the key of forms from what only one browser has.
func keyOf(secret []byte, what string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(what))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// admitAdminToken takes a token of the administration API. It is nobody, so that
// what needs a person is not for it.
func (s *Server) admitAdminToken(v *visit, r role) error {
	if err := v.admitProgram(s.Admins); err != nil {
		return err
	}
	if may := needs[r]; len(may) > 0 && !slices.ContainsFunc(may, func(x directory.Right) bool { return slices.Contains(v.program.Rights, string(x)) }) {
		return errNoRight
	}
	return nil
}

// setHostCookie sets a cookie of this host; a life below zero removes it, zero ends
// with the browser.
func (v *visit) setHostCookie(name, value string, life time.Duration) {
	http.SetCookie(v.w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, // Lax: a person comes back from the provider with it
	})
}

// admitted begins a session for a person who has proved to be it, and goes on to
// where the person wanted to go.
func (s *Server) admitted(v *visit, u directory.User, method string, roles []string, next string) error {
	token, err := s.Members.Start(v.ctx(), directory.WebSession{
		User: u.ID, Method: method, Roles: roles, Client: v.client.String(), Hint: browserOf(v.r.UserAgent()),
	}, v.cookie(memberCookie))
	if err != nil {
		return err
	}
	v.setHostCookie(memberCookie, token, 0)
	v.setHostCookie(formCookie, "", -time.Second)
	return v.goTo(within(next))
}

// goTo sends the browser to an address of this node, which is written here or came
// through within.
func (v *visit) goTo(to string) error {
	http.Redirect(v.w, v.r, to, http.StatusSeeOther) //nolint:gosec // it begins with one slash
	return nil
}

// harmless is an address below this host that every browser reads as one: no
// second slash or backslash, nothing that a browser leaves out.
var harmless = regexp.MustCompile(`^/([A-Za-z0-9._~!$&'()*+,;=:@%-][A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?$`)

// within returns the address that a stranger's link names when it is one of this
// host, else the person's own page.
func within(next string) string {
	if len(next) > mostNext || !harmless.MatchString(next) || strings.HasPrefix(next, signInPath) {
		return "/me"
	}
	if _, err := url.ParseRequestURI(next); err != nil { // half an escape
		return "/me"
	}
	return next
}

// toSignIn sends the browser to the page for signing in, and from there back. A
// browser of the domain goes by way of its ticket.
func (s *Server) toSignIn(v *visit) error {
	query := url.Values{}
	if next := within(v.r.URL.RequestURI()); next != "/me" {
		query.Set("next", next)
	}
	if lang := v.r.URL.Query().Get("lang"); v.s.Catalog.Find(lang) != nil {
		query.Set("lang", lang)
	}
	to := url.URL{Path: signInPath, RawQuery: query.Encode()}
	ways, err := s.Members.Ways(v.ctx())
	if err != nil {
		s.Log.Warn("ui: nobody knows how people sign in", "error", err)
	}
	if ways.Kerberos && (v.cookie(wayCookie) != "" || slices.ContainsFunc(ways.Try, func(p netip.Prefix) bool { return p.Contains(v.client) })) {
		to.Path = negotiateAt
	}
	return v.goTo(to.String())
}

// browserOf says in a few words what a browser says that it is.
func browserOf(agent string) string {
	name := ""
	for _, x := range [][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"w3m/", "w3m"}, {"curl/", "curl"}} {
		if strings.Contains(agent, x[0]) {
			name = x[1]
			break
		}
	}
	code := systemOf(agent)
	i := slices.IndexFunc(systems, func(x system) bool { return x.code == code })
	if name == "" || i < 0 {
		return name
	}
	return name + ", " + systems[i].name
}

// newSeed is what the key of a form for signing in is made from.
func newSeed() string { return rand.Text() }
