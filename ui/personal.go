package ui

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"rsc.io/qr"

	"platen/directory"
	"platen/fault"
	"platen/setup"
	"platen/site"
)

// Personal keeps the addresses of their own that people print to.
type Personal interface {
	// Prove checks a password. Its error may be a directory.Refused or a
	// directory.Throttled, or fault.Denied.
	Prove(ctx context.Context, login, password string, client netip.Addr) (directory.User, error)
	Person(ctx context.Context, id string) (directory.User, error)
	// Addresses returns those of a user, oldest first.
	Addresses(ctx context.Context, user string) ([]site.Token, error)
	// NewAddress returns the secret of a new one, which nobody can read again.
	NewAddress(ctx context.Context, u directory.User, label, queue string) (site.Token, string, error)
	RemoveAddress(ctx context.Context, u directory.User, id string) error
	// Valid says whether a secret is good for a queue; fault.NotFound when not.
	Valid(ctx context.Context, secret, queue string) error
}

// A person at a browser of their own has no terminal, and all that can be done
// there is to make and remove addresses. So there is no session in the store: the
// cookie itself says sealed who it is and since when.
const (
	mineCookie = "__Secure-platen-mine"
	minePath   = "/print/mine"
	mineFor    = 15 * time.Minute // since the last page
	mineSeal   = "mine"

	mostAddresses = 20 // of one person
	longestLabel  = 60
)

// errNotMine sends a person to the sign-in; it is no failure.
var errNotMine = &fault.Error{Op: "ui.mine", Kind: fault.Denied, Text: "Please sign in first."}

// admitOwner wants the cookie of the person's own page, and with a form its key.
func (s *Server) admitOwner(v *visit) error {
	id, ok := s.open(mineSeal, v.cookie(mineCookie), mineFor)
	if !ok {
		return errNotMine
	}
	u, err := s.Personal.Person(v.ctx(), id)
	if fault.Is(err, fault.NotFound) || err == nil && !u.Enabled {
		return errNotMine
	}
	if err != nil {
		return err
	}
	v.owner, v.ownerKey = u, s.mineKey(u.ID)
	v.session.User.Language = u.Language
	v.speak()
	if v.r.Method != http.MethodPost {
		v.isMine(u) // every page goes on for a while from now
		return nil
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, s.Limits.Form)
	if err := v.r.ParseForm(); err != nil {
		return badBody("ui.mine", err)
	}
	if !hmac.Equal([]byte(v.r.PostForm.Get("key")), []byte(v.ownerKey)) {
		return &fault.Error{Op: "ui.mine", Kind: fault.Denied, Text: "This form is not one of ours. Please start again."}
	}
	return nil
}

// mineKey is in every form of a person's own page, and nobody else can know it. It
// stays the same while the cookie is renewed, so that a second tab does no harm.
func (s *Server) mineKey(user string) string {
	mac := hmac.New(sha256.New, s.formSecret)
	mac.Write([]byte("mine " + user))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// isMine lets the browser be this person's for a while.
func (v *visit) isMine(u directory.User) {
	v.owner, v.ownerKey = u, v.s.mineKey(u.ID)
	v.setMine(v.s.sealed(mineSeal, u.ID), mineFor)
}

func (v *visit) setMine(value string, life time.Duration) {
	http.SetCookie(v.w, &http.Cookie{
		Name: mineCookie, Value: value, MaxAge: int(life / time.Second),
		Path:   "/", // the reception's pages too
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// toMine sends the browser to one of the person's own pages.
func (v *visit) toMine(to string, query url.Values) error {
	if lang := v.r.URL.Query().Get("lang"); v.s.Catalog.Find(lang) != nil {
		if query == nil {
			query = url.Values{}
		}
		query.Set("lang", lang)
	}
	u := url.URL{Path: minePath + to, RawQuery: query.Encode()}
	http.Redirect(v.w, v.r, u.String(), http.StatusSeeOther)
	return nil
}

// allowPersonal says whether this house has personal addresses at all.
func (s *Server) allowPersonal(ctx context.Context) error {
	off := &fault.Error{Op: "ui.mine", Kind: fault.NotFound, Text: "There are no personal addresses here."}
	if s.Personal == nil || s.Site == nil || portNumber(s.IPP) == 0 {
		return off
	}
	set, err := s.Site.Settings(ctx)
	if err == nil && !set.PersonalURLs {
		return off
	}
	return err
}

// nextPage returns the page to go to after signing in, "" for the person's own
// addresses. What is not one of these is none: an address that a stranger wrote
// leads nowhere else.
func nextPage(path string) string {
	if path == receptionPath || path == trustsPath {
		return path
	}
	return ""
}

// allowSignIn says whether there is anything to sign in for.
func (s *Server) allowSignIn(v *visit, next string) error {
	if next == receptionPath && s.Reception != nil || next == trustsPath && s.Trusts != nil {
		return nil
	}
	return s.allowPersonal(v.ctx())
}

// mineSignIn is the form for a user name and a password.
func (s *Server) mineSignIn(v *visit) error {
	if err := s.allowSignIn(v, v.r.URL.Query().Get("next")); err != nil {
		return err
	}
	return s.mineSignInPage(v, http.StatusOK, nil)
}

func (s *Server) mineSignInPage(v *visit, status int, n *notice) error {
	p := struct {
		sheet
		Query, Next string
	}{v.sheet("Sign in"), v.langQuery(), nextPage(v.r.FormValue("next"))}
	p.Notice = n
	p.Device = ""
	for i := range p.Languages {
		if p.Next != "" {
			p.Languages[i].URL += "&" + url.Values{"next": {p.Next}}.Encode()
		}
	}
	return v.render(status, "mine-sign-in.html", p)
}

// mineLogin signs a person in who is at a browser of their own.
func (s *Server) mineLogin(v *visit) error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, s.Limits.Form)
	if err := v.r.ParseForm(); err != nil {
		return badBody("ui.mine", err)
	}
	next := nextPage(v.field("next"))
	if err := s.allowSignIn(v, next); err != nil {
		return err
	}
	u, err := s.Personal.Prove(v.ctx(), v.field("user"), v.field("secret"), v.client)
	if err == nil {
		v.isMine(u)
		if next != "" {
			http.Redirect(v.w, v.r, next+v.langQuery(), http.StatusSeeOther) //nolint:gosec // nextPage knows two pages of ours
			return nil
		}
		return v.toMine("", nil)
	}
	status, n, err := v.refusedMine(err)
	if err != nil {
		return err
	}
	return s.mineSignInPage(v, status, n)
}

func (v *visit) refusedMine(err error) (int, *notice, error) {
	throttled := (*directory.Throttled)(nil)
	if fault.Is(err, fault.Denied) && !isRefused(err) && !errors.As(err, &throttled) {
		key, args := fault.Sentence(err)
		return http.StatusForbidden, &notice{"bad", v.say.Text(key, args...)}, nil
	}
	return v.refused(err)
}

func (s *Server) mineSignOut(v *visit) error {
	v.setMine("", -time.Second)
	return v.toMine("/sign-in", nil)
}

// ownAddress is an address as its owner sees it.
type ownAddress struct {
	site.Token
	QueueName string // "" every queue
}

// mine is what a person has.
func (s *Server) mine(v *visit) error {
	var n *notice
	switch v.r.URL.Query().Get("did") {
	case "removed":
		n = &notice{"good", v.say.Text("The address is worthless now.")}
	case "changed":
		n = &notice{"note", v.say.Text("Nothing was made, because the list had changed meanwhile. Please look again.")}
	}
	return s.minePage(v, http.StatusOK, n)
}

func (s *Server) minePage(v *visit, status int, n *notice) error {
	if err := s.allowPersonal(v.ctx()); err != nil {
		return err
	}
	queues, preferred, err := s.shownQueues(v.ctx())
	if err != nil {
		return err
	}
	list, err := s.Personal.Addresses(v.ctx(), v.owner.ID)
	if err != nil {
		return err
	}
	p := struct {
		sheet
		Query     string
		Addresses []ownAddress
		Newest    string
		Full      bool
		Queues    []site.Queue
		Preferred string
		Trusts    bool
	}{sheet: v.mineSheet("Your own addresses"), Trusts: s.Trusts != nil, Query: v.langQuery(), Queues: queues, Preferred: preferred, Full: len(list) >= mostAddresses, Newest: newest(list)}
	p.Notice = n
	all, err := s.Site.Queues(v.ctx())
	if err != nil {
		return err
	}
	for _, t := range list {
		a := ownAddress{Token: t}
		for _, q := range all {
			if q.ID == t.Queue {
				a.QueueName = q.Name
			}
		}
		p.Addresses = append(p.Addresses, a)
	}
	return v.render(status, "mine.html", p)
}

func newest(list []site.Token) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1].ID
}

// mineSheet starts a page of a person who is signed in at a browser of their own.
func (v *visit) mineSheet(title string) sheet {
	p := v.sheet(title)
	p.Person, p.Key, p.Base, p.Device = p.Plain(v.owner.Name()), v.ownerKey, minePath+"/", ""
	return p
}

// mineAdd makes an address and shows it, this once. A form that is sent twice
// makes one: it says which address it has seen last.
func (s *Server) mineAdd(v *visit) error {
	if err := s.allowPersonal(v.ctx()); err != nil {
		return err
	}
	list, err := s.Personal.Addresses(v.ctx(), v.owner.ID)
	if err != nil {
		return err
	}
	if newest(list) != v.field("after") {
		return v.toMine("", url.Values{"did": {"changed"}})
	}
	if len(list) >= mostAddresses {
		return s.minePage(v, http.StatusConflict, &notice{"bad", v.say.Text("You have as many addresses as one person may have. Please remove one first.")})
	}
	q, err := s.shownQueue(v.ctx(), v.field("queue"))
	if err != nil {
		return err
	}
	label := plain(strings.TrimSpace(v.field("label")), longestLabel)
	_, secret, err := s.Personal.NewAddress(v.ctx(), v.owner, label, q.ID)
	if err != nil {
		return err
	}
	at := setup.Of(s.clientNode(v), q)
	at.Secret = secret
	link := at.Node.Pages() + strings.TrimPrefix(setUpPath(q.Name, secret), "/")
	code, err := drawQR(link)
	if err != nil {
		return err
	}
	p := struct {
		sheet
		Query      string
		At         setup.Queue
		Link, Here string
		QR         drawnQR
	}{v.mineSheet("Your new address"), v.langQuery(), at, link, setUpPath(q.Name, secret), code}
	return v.render(http.StatusOK, "mine-new.html", p)
}

// setUpPath is the page that says how to print with a personal address.
func setUpPath(queue, secret string) string {
	return "/print/" + url.PathEscape(queue) + "/u/" + url.PathEscape(secret)
}

func (s *Server) mineRemove(v *visit) error {
	err := s.Personal.RemoveAddress(v.ctx(), v.owner, v.field("id"))
	if err != nil && !fault.Is(err, fault.NotFound) { // it is gone, as wished
		return err
	}
	return v.toMine("", url.Values{"did": {"removed"}})
}

// drawnQR is a QR code as one path in a square of Size, with the margin that
// readers need. No picture is fetched and no script draws it.
type drawnQR struct {
	Size int
	Path string
}

// quiet is the margin of a QR code in its dots (ISO/IEC 18004, section 6.3.8).
const quiet = 4

func drawQR(content string) (drawnQR, error) {
	code, err := qr.Encode(content, qr.M)
	if err != nil {
		return drawnQR{}, &fault.Error{Op: "ui.qr", Kind: fault.Internal, Err: err}
	}
	var b strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for code.Black(x, y) {
				x++
			}
			if n := x - from; n > 0 {
				writePath(&b, from+quiet, y+quiet, n)
			}
		}
	}
	return drawnQR{code.Size + 2*quiet, b.String()}, nil
}
