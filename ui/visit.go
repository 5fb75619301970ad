package ui

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"platen/directory"
	"platen/fault"
	"platen/site"
	"platen/ui/catalog"
)

// The cookies. The prefix makes browsers refuse them from anywhere but HTTPS.
const (
	terminalCookie = "__Secure-platen-terminal" // which terminal this browser is
	sessionCookie  = "__Secure-platen-session"  // who stands before it
	languageCookie = "__Secure-platen-language" // what that person chose
)

const (
	terminalCookieLife = 400 * 24 * time.Hour // the longest that browsers take; set again at every idle screen
	languageCookieLife = 2 * time.Minute      // a choice is for the one who made it
)

// visit is one request, with what its role has proved about it.
type visit struct {
	s      *Server
	w      http.ResponseWriter
	r      *http.Request
	face   face
	client netip.Addr
	say    *catalog.Printer

	terminal      site.Terminal
	terminalToken string
	session       directory.Session // its ID is "" while nobody is signed in
	sessionToken  string
	program       site.Token
	member        Member // who is at a browser of their own
	memberToken   string
	memberKey     string            // of that person's forms
	sponsor       string            // login of who answers for the guests of a program, "" as it says
	queue         site.Queue        // of the personal address in the path
	files         map[string][]byte // of the form, by the names of its fields
	failed        string            // reference of the error that is being shown, "" none
}

func (s *Server) visit(w http.ResponseWriter, r *http.Request, f face) *visit {
	v := &visit{s: s, w: w, r: r, face: f, client: address(r.RemoteAddr)}
	v.speak()
	return v
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// path returns a variable of the route's path.
func (v *visit) path(name string) string { return mux.Vars(v.r)[name] }

// speak chooses the language, as far as is known by now who reads: what was
// chosen on the page, the person's own, the terminal's, the browser's.
func (v *visit) speak() {
	chosen := ""
	if v.face == page {
		chosen = v.cookie(languageCookie)
		if q := v.r.URL.Query().Get("lang"); v.s.Catalog.Find(q) != nil {
			chosen = q
		}
	}
	l := v.s.Catalog.Match(chosen, v.session.User.Language, v.terminal.Language, v.r.Header.Get("Accept-Language"))
	if v.say == nil || v.say.Language != l {
		v.say = v.s.Catalog.Printer(l)
	}
}

func (v *visit) cookie(name string) string {
	c, err := v.r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie for the pages of the visit's terminal. A life below
// zero removes it, zero ends with the browser.
func (v *visit) setCookie(name, value string, life time.Duration, mode http.SameSite) {
	http.SetCookie(v.w, &http.Cookie{ //nolint:gosec // SameSite is Lax or Strict, as the callers say
		Name: name, Value: value, Path: v.base(), MaxAge: int(life / time.Second),
		Secure: true, HttpOnly: true, SameSite: mode,
	})
}

// forget takes the session and the chosen language from the browser: the next
// person starts afresh.
func (v *visit) forget() {
	v.setCookie(sessionCookie, "", -time.Second, http.SameSiteStrictMode)
	v.setCookie(languageCookie, "", -time.Second, http.SameSiteStrictMode)
}

// terminalPath is a terminal's name as it stands in paths.
func terminalPath(t site.Terminal) string { return site.FoldName(t.Name) }

// base is where the pages of the visit's terminal begin.
func (v *visit) base() string {
	if v.terminal.ID != "" {
		return terminalURL(v.terminal.Name)
	}
	return terminalURL(v.path("terminal"))
}

// terminalURL is where the pages of a terminal with this name begin.
func terminalURL(name string) string { return "/t/" + url.PathEscape(site.FoldName(name)) + "/" }

// see sends the browser to another page by GET. to is below the terminal's base.
func (v *visit) see(to string) error {
	http.Redirect(v.w, v.r, v.base()+to, http.StatusSeeOther) //nolint:gosec // base begins with /t/ and escapes the rest
	return nil
}

// formKey is in every form of a terminal's pages, and nobody else can know it.
// It outlives a restart, so that an idle screen does not go stale.
func (v *visit) formKey() string {
	if v.terminalToken == "" {
		return ""
	}
	mac := hmac.New(sha256.New, []byte(v.terminalToken))
	mac.Write([]byte("platen form"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// checkForm reads the form and wants its key.
func (v *visit) checkForm(limit int64) error {
	const op = "ui.form"
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, limit)
	if err := v.r.ParseForm(); err != nil {
		return badBody(op, err)
	}
	if !hmac.Equal([]byte(v.r.PostForm.Get("key")), []byte(v.formKey())) {
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "This form is not one of ours. Please start again."}
	}
	return nil
}

// badBody says what was wrong with a body that could not be read.
func badBody(op string, err error) error {
	if big := (*http.MaxBytesError)(nil); errors.As(err, &big) {
		return &fault.Error{Op: op, Kind: fault.TooLarge, Text: "That was too much to read.", Err: err}
	}
	return &fault.Error{Op: op, Kind: fault.Invalid, Text: "That could not be read.", Err: err}
}

// field returns one value of the form, as text that is fit to be kept.
func (v *visit) field(name string) string { return clean(v.r.PostForm.Get(name)) }

// clean makes a stranger's text valid UTF-8 without NUL.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

// ids returns the numbers of the documents that the form names.
func (v *visit) ids() ([]int64, error) {
	var ids []int64
	for _, text := range v.r.PostForm["id"] {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id <= 0 {
			return nil, &fault.Error{Op: "ui.ids", Kind: fault.Invalid, Text: "That could not be read.", Err: err}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// once is a new idempotency key: a form that is sent twice acts once.
func once() string { return rand.Text() }

// reference is what a person can tell the help desk; the same stands in the
// log. Without the letters that look like digits, read out loud in two halves.
func reference() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails
	s := references.EncodeToString(b[:])
	return s[:4] + "-" + s[4:]
}

var references = base32.NewEncoding("23456789ABCDEFGHJKLMNPQRSTUVWXYZ").WithPadding(base32.NoPadding)
