package ui

import (
	"errors"
	"net/http"
	"time"

	"platen/directory"
	"platen/fault"
)

// toTerminal gives the path of a terminal its slash and its one spelling.
func (s *Server) toTerminal(v *visit) error {
	return v.see("")
}

// enrol is the first address of a terminal. It changes something although it
// is a GET, since a panel's first address is all that can be set on it; the
// secret in it is what no foreign page can know. A panel that opens its first
// address at every start finds that it is connected already.
func (s *Server) enrol(v *visit) error {
	if token := v.cookie(terminalCookie); token != "" {
		if t, err := s.Desk.Terminal(v.ctx(), token, v.client); err == nil && terminalPath(t) == v.path("terminal") {
			return v.see("")
		}
	}
	t, token, err := s.Desk.EnrolTerminal(v.ctx(), v.r.URL.Query().Get("secret"), v.client)
	if err != nil {
		return err
	}
	v.terminal = t
	v.setCookie(terminalCookie, token, terminalCookieLife, http.SameSiteLaxMode)
	s.Log.Info("ui: a browser is now a terminal", "terminal", t.Name, "client", v.client)
	return v.see("?first")
}

// idle is what a panel shows while nobody is there.
func (s *Server) idle(v *visit) error {
	if v.r.URL.Query().Has("first") {
		return v.see("") // the cookie has arrived
	}
	if choose := v.r.URL.Query().Get("lang"); s.Catalog.Find(choose) != nil {
		return v.chooseLanguage(choose, "")
	}
	if token := v.cookie(sessionCookie); token != "" {
		if _, err := s.Desk.Peek(v.ctx(), token, v.terminal.ID); err == nil {
			return v.see("jobs")
		}
		v.setCookie(sessionCookie, "", -time.Second, http.SameSiteStrictMode)
	}
	if v.r.Method == http.MethodGet {
		if done, err := s.pickUp(v); done || err != nil {
			return err
		}
	}
	v.setCookie(terminalCookie, v.terminalToken, terminalCookieLife, http.SameSiteLaxMode)
	var n *notice
	if v.r.URL.Query().Has("out") {
		n = &notice{"note", v.say.Text("You are signed out.")}
	}
	return s.idlePage(v, http.StatusOK, n)
}

// chooseLanguage keeps the choice for the one who stands there, and shows the
// same page again.
func (v *visit) chooseLanguage(code, again string) error {
	v.setCookie(languageCookie, code, languageCookieLife, http.SameSiteStrictMode)
	return v.see(again)
}

// pickUp goes on with whoever has shown a card to a reader beside this terminal, and
// reports whether it did.
func (s *Server) pickUp(v *visit) (done bool, err error) {
	if !s.Desk.HasReader(v.terminal) {
		return false, nil
	}
	x, ok, err := s.Desk.PickUp(v.ctx(), v.terminal)
	if err != nil || !ok || x.Gone {
		return false, err
	}
	if x.Err == nil {
		return true, v.welcome(x.Session, x.Token)
	}
	if x.Raw != "" && !shortNumber(x.Raw) {
		return true, s.unknownCard(v, x.Reading, x.Err)
	}
	status, n, err := v.refused(x.Err)
	if err != nil {
		return false, err
	}
	return true, s.idlePage(v, status, n)
}

// How often an idle panel looks again: how its device is, seldom, because it must not
// take away what somebody types; and who has shown a card to the reader beside it,
// often, which is why it has no field to type into then. What it has to say stays a
// little.
const (
	idleRefresh   = 15 * time.Minute
	refusedStays  = time.Minute // a refusal is for the one who was refused
	readerRefresh = 2 * time.Second
	noticeStays   = 5 * time.Second
)

func (s *Server) idlePage(v *visit, status int, n *notice) error {
	reader := s.Desk.HasReader(v.terminal)
	wait := idleRefresh
	switch {
	case reader && n != nil:
		wait = noticeStays
	case reader:
		wait = readerRefresh
	case status != http.StatusOK:
		wait = refusedStays
	}
	return s.cardOrPINPage(v, status, reader, wait, n)
}

// cardOrPINPage is the idle screen: with the one field that a reader types into, or
// for a reader that stands beside the terminal.
func (s *Server) cardOrPINPage(v *visit, status int, reader bool, wait time.Duration, n *notice) error {
	pin, err := s.pinOnly(v)
	if err != nil {
		return err
	}
	p := struct {
		sheet
		PIN     bool   // a PIN alone may sign in
		Reader  bool   // shows itself what it reads
		With    string // how the other way to sign in begins
		Trouble string // of the device
	}{sheet: v.sheet("Sign in"), PIN: pin, Reader: reader, With: directory.MethodPassword}
	if pin {
		p.With = directory.MethodCode
	}
	p.Notice = n
	p.Refresh = &refresh{int(wait / time.Second), p.Base}
	p.Languages = v.homeLanguages()
	if p.Trouble, err = s.trouble(v); err != nil {
		return err
	}
	return v.render(status, "idle.html", p)
}

// homeLanguages are links to the idle screen, also from the answer to a form.
func (v *visit) homeLanguages() []languageLink {
	var links []languageLink
	for _, l := range v.s.Catalog.Languages() {
		if l != v.say.Language {
			links = append(links, languageLink{l.Code(), l.Name, v.base() + "?lang=" + l.Code()})
		}
	}
	return links
}

// pinUsual is how many digits a number has that people take for a card's; a
// shorter one is more likely a PIN.
const pinUsual = 8

// pinOnly reports whether the page shall offer to sign in with a PIN alone.
func (s *Server) pinOnly(v *visit) (bool, error) {
	return s.Desk.PINOnly(v.ctx(), v.terminal, pinUsual)
}

// trouble says what is wrong with the terminal's device, "" nothing.
func (s *Server) trouble(v *visit) (string, error) {
	d, err := s.Site.Device(v.ctx(), v.terminal.Device)
	switch {
	case fault.Is(err, fault.NotFound):
		return v.say.Text("This screen has no device. Please tell the administrator."), nil
	case err != nil:
		return "", err
	case !d.Enabled:
		return v.say.Text("This device is out of service. Please use another one."), nil
	case (d.Status.State == "stopped" || d.Status.State == "processing") && d.Status.Text != "": // no paper, in the middle of a job
		return sheet{}.Plain(v.say.Text(d.Status.Text)), nil
	case d.Status.State == "stopped":
		return v.say.Text("The device does not answer at the moment."), nil
	}
	return "", nil
}

// signInPage is the form for a user name and a secret.
func (s *Server) signInPage(v *visit) error {
	method := directory.MethodPassword
	if with := v.r.URL.Query().Get("with"); with == directory.MethodPIN || with == directory.MethodOnce || with == directory.MethodCode {
		method = with
	}
	if choose := v.r.URL.Query().Get("lang"); s.Catalog.Find(choose) != nil {
		return v.chooseLanguage(choose, "sign-in?with="+method)
	}
	if method == directory.MethodCode { // where a reader beside the terminal leaves the idle screen no field
		return s.cardOrPINPage(v, http.StatusOK, false, refusedStays, nil)
	}
	return s.secretPage(v, http.StatusOK, method, nil)
}

func (s *Server) secretPage(v *visit, status int, method string, n *notice) error {
	p := struct {
		sheet
		Method string
	}{v.sheet("Sign in"), method}
	p.Notice = n
	p.Refresh = &refresh{120, p.Base}
	for i := range p.Languages {
		p.Languages[i].URL += "&with=" + method
	}
	return v.render(status, "secret.html", p)
}

// login signs a person in by whatever the form holds: what a reader typed into
// the one field, a user name with a secret, or a code that works once.
func (s *Server) login(v *visit) error {
	method := v.field("method")
	if method != directory.MethodPassword && method != directory.MethodPIN && method != directory.MethodOnce {
		return s.loginByCode(v)
	}
	c := directory.Credentials{Method: method, User: v.field("user"), Value: v.field("secret")}
	sess, token, err := s.Desk.SignIn(v.ctx(), v.terminal, c, v.client)
	if err != nil {
		status, n, err := v.refused(err)
		if err != nil {
			return err
		}
		return s.secretPage(v, status, method, n)
	}
	return v.welcome(sess, token)
}

func (v *visit) welcome(sess directory.Session, token string) error {
	v.session = sess
	v.setCookie(sessionCookie, token, 0, http.SameSiteStrictMode)
	return v.see("jobs")
}

// refused turns a failed sign-in into a notice on the page that was tried. An
// error of the node stays an error.
func (v *visit) refused(err error) (int, *notice, error) {
	refused, throttled := (*directory.Refused)(nil), (*directory.Throttled)(nil)
	a := answerTo(err)
	switch {
	case errors.As(err, &throttled):
		v.w.Header().Set("Retry-After", retrySeconds(a.retry))
	case errors.As(err, &refused), fault.Is(err, fault.Invalid):
	default:
		return 0, nil, err
	}
	key, args := fault.Sentence(err)
	return a.status, &notice{"bad", v.say.Text(key, args...)}, nil
}

// loginByCode takes what stands in the one field: usually a card's number that
// the reader typed, at some terminals perhaps a PIN.
func (s *Server) loginByCode(v *visit) error {
	code := v.field("code")
	if code == "" {
		return s.idlePage(v, http.StatusOK, nil)
	}
	c := directory.Credentials{Method: directory.MethodCode, Value: code}
	sess, token, err := s.Desk.SignIn(v.ctx(), v.terminal, c, v.client)
	if err == nil {
		return v.welcome(sess, token)
	}
	refused := (*directory.Refused)(nil)
	unknown := errors.As(err, &refused) && refused.Reason == directory.ReasonUnknownCard
	if unknown && !shortNumber(code) {
		return s.unknownCard(v, directory.Reading{Raw: code}, err)
	}
	status, n, err := v.refused(err)
	if err != nil {
		return err
	}
	if unknown {
		n.Text = v.say.Text("Please type your user name together with your PIN.")
	}
	return s.idlePage(v, status, n)
}

// shortNumber reports whether a code is rather a PIN that was mistyped, or
// typed where none is asked for: it must not be offered to become a card.
func shortNumber(code string) bool { return isDigits(code) && len(code) < pinUsual }

func isDigits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}

// unknownCard offers to register the card, where the house allows it. The
// number goes through the page sealed: nobody can read it there afterwards.
func (s *Server) unknownCard(v *visit, card directory.Reading, cause error) error {
	status, n, err := v.refused(cause)
	if err != nil {
		return err
	}
	set, err := s.Site.Settings(v.ctx())
	if err != nil {
		return err
	}
	if !set.RegisterCards {
		n.Text = v.say.Text("This card is not known. Please ask the help desk.")
		return s.idlePage(v, status, n)
	}
	return s.cardPage(v, status, s.seal(v, card), nil)
}

func (s *Server) cardPage(v *visit, status int, sealed string, n *notice) error {
	p := struct {
		sheet
		Card string
	}{v.sheet("Register this card"), sealed}
	p.Notice = n
	p.Refresh = &refresh{120, p.Base}
	p.Languages = nil
	return v.render(status, "card.html", p)
}

// register gives an unknown card to the person who knows a password, a PIN or a code.
func (s *Server) register(v *visit) error {
	card, ok := s.unseal(v, v.r.PostForm.Get("card"))
	if !ok {
		return s.idlePage(v, http.StatusOK, &notice{"note", v.say.Text("That took too long. Please hold your card to the reader again.")})
	}
	sess, token, err := s.Desk.RegisterCard(v.ctx(), v.terminal, card, v.field("user"), v.field("secret"), v.client)
	if err == nil {
		return v.welcome(sess, token)
	}
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid) && !isRefused(err) && v.field("user") != "" && v.field("secret") != "" {
		key, args := fault.Sentence(err)
		return s.idlePage(v, answerTo(err).status, &notice{"bad", v.say.Text(key, args...)})
	}
	status, n, err := v.refused(err)
	if err != nil {
		return err
	}
	return s.cardPage(v, status, v.r.PostForm.Get("card"), n)
}

func isRefused(err error) bool {
	r := (*directory.Refused)(nil)
	return errors.As(err, &r)
}

// still asks a person who rests whether to go on, and is where the session's
// end is noticed. Nothing here is a sign of life.
func (s *Server) still(v *visit) error {
	var err error
	v.session, err = s.Desk.Peek(v.ctx(), v.cookie(sessionCookie), v.terminal.ID)
	if fault.Is(err, fault.Denied) {
		return errSignedOut
	}
	if err != nil {
		return err
	}
	v.speak()
	left := v.left()
	p := struct {
		sheet
		Seconds int
	}{v.sheet("Are you still there?"), left}
	p.Languages = nil
	p.Refresh = &refresh{left, p.Base + "still"}
	return v.render(http.StatusOK, "still.html", p)
}

// left is how many seconds the session has, rounded up so that a page which
// comes back then finds it ended.
func (v *visit) left() int {
	return max(1, int((v.session.Expires().Sub(v.s.Now())+time.Second-1)/time.Second))
}

// watch lets a signed-in page go to the warning in time.
func (v *visit) watch(p *sheet) {
	wait := v.s.Desk.WarnAt(v.session).Sub(v.s.Now())
	p.Refresh = &refresh{max(1, int(wait/time.Second)), p.Base + "still"}
}

func (s *Server) stay(v *visit) error {
	if _, err := s.Desk.Stay(v.ctx(), v.session); err != nil {
		if fault.Is(err, fault.Denied) {
			return errSignedOut
		}
		return err
	}
	return v.see("jobs")
}

func (s *Server) logout(v *visit) error {
	if err := s.Desk.SignOut(v.ctx(), v.session); err != nil {
		return err
	}
	v.forget()
	return v.see("?out=1")
}
