package ui

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"platen/fault"
	"platen/internal/crowd"
)

// guard is what every request passes first, known route or not.
func (s *Server) guard(next http.Handler) http.Handler {
	// Browsers say with Sec-Fetch-Site and Origin where a request comes from. One
	// that says neither is either no browser or too old to; the key in every
	// form keeps those honest.
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, answered := crowd.Answering(r)
		defer answered()
		secure(w.Header())
		if !crowd.IsHere(r, s.Hosts()) {
			s.Log.Info("ui: request for another host", "host", clip(r.Host), "client", r.RemoteAddr)
			s.refuse(w, r, http.StatusMisdirectedRequest, "This server is not the host that you asked for.")
			return
		}
		if err := cross.Check(r); err != nil {
			s.Log.Warn("ui: request from a foreign page", "error", err, "client", r.RemoteAddr)
			s.refuse(w, r, http.StatusForbidden, "This request came from a page of another site and was not followed.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers what does not get as far as a route, in one plain line: a page
// would ask for its style sheet at the same wrong place.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, sentence string) {
	say := s.Catalog.Printer(s.Catalog.Match(r.Header.Get("Accept-Language")))
	http.Error(w, say.Text(sentence), status)
}

// secure sets what holds for every answer. Handlers may loosen Cache-Control.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")        // for browsers that do not know frame-ancestors
	h.Set("Referrer-Policy", "same-origin") // with no-referrer, old browsers would send "Origin: null" for own forms
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
}

// admit proves the role that the route asks for, and keeps in v what it
// learned.
func (s *Server) admit(v *visit, r role) error {
	switch r {
	case screen, person:
		if err := s.admitScreen(v); err != nil {
			return err
		}
		if r == person {
			return s.admitPerson(v)
		}
	case box, boxed:
		if err := s.admitBox(v); err != nil {
			return err
		}
		if r == boxed {
			return s.admitBoxed(v)
		}
	case program:
		return v.admitProgram(s.Tokens)
	case bringer:
		return v.admitProgram(s.Bringers)
	case member, helper, reader, administrator:
		return s.admitMember(v, r)
	case holder:
		return s.admitHolder(v)
	case visitors:
		return s.admitVisitors(v)
	case monitors:
		return s.admitMonitor(v)
	}
	return nil
}

// admitScreen wants the terminal's cookie, and with a form its key. A program
// that holds the terminal's token may show that instead.
func (s *Server) admitScreen(v *visit) error {
	const op = "ui.screen"
	token := v.cookie(terminalCookie)
	if token == "" {
		token, _ = bearer(v.r)
	}
	if token == "" && v.r.URL.Query().Has("first") {
		return &fault.Error{Op: op, Kind: fault.Denied,
			Text: "This browser keeps no cookies, so it cannot be a terminal. Please allow them, and ask the administrator for a new address."}
	}
	if token == "" {
		return notEnrolled(op, nil)
	}
	t, err := s.Desk.Terminal(v.ctx(), token, v.client)
	if err != nil {
		return err
	}
	if v.path("terminal") != terminalPath(t) {
		return notEnrolled(op, nil)
	}
	v.terminal, v.terminalToken = t, token
	v.speak()
	if v.r.Method == http.MethodPost {
		return v.checkForm(s.Limits.Form)
	}
	return nil
}

func notEnrolled(op string, err error) error {
	return &fault.Error{Op: op, Kind: fault.Denied, Err: err,
		Text: "This screen is not connected to a device. Please ask the administrator for its first address."}
}

// admitPerson wants a session that lives. A form is a sign of life, a page
// that loads itself again is not.
func (s *Server) admitPerson(v *visit) error {
	token := v.cookie(sessionCookie)
	if token == "" {
		return errSignedOut
	}
	var err error
	if v.r.URL.Query().Has("quiet") {
		v.session, err = s.Desk.Peek(v.ctx(), token, v.terminal.ID)
	} else {
		v.session, err = s.Desk.Session(v.ctx(), token, v.terminal.ID)
	}
	if fault.Is(err, fault.Denied) {
		return errSignedOut
	}
	v.sessionToken = token
	v.speak()
	if chosen := v.cookie(languageCookie); err == nil && s.Catalog.Find(chosen) != nil {
		v.setCookie(languageCookie, chosen, languageCookieLife, http.SameSiteStrictMode) // for as long as the person is here
	}
	return err
}

func (s *Server) admitBox(v *visit) error {
	token, ok := bearer(v.r)
	if !ok {
		return &refusal{status: http.StatusUnauthorized, reason: "token", err: &fault.Error{
			Op: "ui.box", Kind: fault.Denied, Text: "Please send the token of the terminal."}}
	}
	t, err := s.Desk.Terminal(v.ctx(), token, v.client)
	if fault.Is(err, fault.Denied) {
		return &refusal{status: http.StatusUnauthorized, reason: "token", err: err}
	}
	v.terminal = t
	v.speak()
	return err
}

func (s *Server) admitBoxed(v *visit) error {
	var err error
	v.sessionToken = v.path("session")
	v.session, err = s.Desk.Session(v.ctx(), v.sessionToken, v.terminal.ID)
	if fault.Is(err, fault.Denied) {
		return &refusal{status: http.StatusNotFound, reason: "session", err: err}
	}
	v.speak()
	return err
}

// admitProgram wants a token of those of one kind; the others are not known there.
func (v *visit) admitProgram(tokens Tokens) error {
	const op = "ui.program"
	text, ok := bearer(v.r)
	if !ok {
		return &refusal{status: http.StatusUnauthorized, reason: "token", err: &fault.Error{
			Op: op, Kind: fault.Denied, Text: "Please send an API token."}}
	}
	var err error
	v.program, err = tokens.Token(v.ctx(), text)
	if fault.Is(err, fault.Denied) || fault.Is(err, fault.NotFound) {
		return &refusal{status: http.StatusUnauthorized, reason: "token", err: err} // it says that the token has ended, perhaps
	}
	return err
}

func (s *Server) admitMonitor(v *visit) error {
	ok := v.client.IsLoopback()
	if len(s.Monitors) > 0 {
		ok = slices.ContainsFunc(s.Monitors, func(p netip.Prefix) bool { return p.Contains(v.client) })
	}
	if !ok {
		return &fault.Error{Op: "ui.monitor", Kind: fault.Denied, Text: "This address may not read that."}
	}
	return nil
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}

// clip shortens a stranger's text for the log.
func clip(s string) string {
	if len(s) > 100 {
		s = s[:100]
	}
	return strings.ToValidUTF8(s, "?")
}

func parsePath(path string) *url.URL { return &url.URL{Path: path} }
