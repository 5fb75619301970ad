package ui

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"rsc.io/qr"

	"platen/directory"
	"platen/fault"
	"platen/setup"
	"platen/site"
)

// Personal keeps the addresses of their own that people print to.
type Personal interface {
	// Addresses returns those of a user, oldest first.
	Addresses(ctx context.Context, user string) ([]site.Token, error)
	// NewAddress returns the secret of a new one, which nobody can read again.
	NewAddress(ctx context.Context, u directory.User, label, queue string) (site.Token, string, error)
	RemoveAddress(ctx context.Context, u directory.User, id string) error
	// Valid says whether a secret is good for a queue; fault.NotFound when not.
	Valid(ctx context.Context, secret, queue string) error
}

const (
	minePath = "/print/mine"

	mostAddresses = 20 // of one person
	longestLabel  = 60
)

// toMine sends the browser to one of the person's own pages.
func (v *visit) toMine(sub string, query url.Values) error {
	if lang := v.r.URL.Query().Get("lang"); v.s.Catalog.Find(lang) != nil {
		query.Set("lang", lang)
	}
	u := url.URL{Path: minePath + sub, RawQuery: query.Encode()}
	return v.goTo(u.String())
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
	list, err := s.Personal.Addresses(v.ctx(), v.member.User.ID)
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
	}{sheet: v.memberSheet("Your own addresses"), Trusts: s.Trusts != nil, Query: v.langQuery(), Queues: queues, Preferred: preferred, Full: len(list) >= mostAddresses, Newest: newest(list)}
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

// mineAdd makes an address and shows it, this once. A form that is sent twice
// makes one: it says which address it has seen last.
func (s *Server) mineAdd(v *visit) error {
	if err := s.allowPersonal(v.ctx()); err != nil {
		return err
	}
	list, err := s.Personal.Addresses(v.ctx(), v.member.User.ID)
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
	_, secret, err := s.Personal.NewAddress(v.ctx(), v.member.User, label, q.ID)
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
	}{v.memberSheet("Your new address"), v.langQuery(), at, link, setUpPath(q.Name, secret), code}
	return v.render(http.StatusOK, "mine-new.html", p)
}

// setUpPath is the page that says how to print with a personal address.
func setUpPath(queue, secret string) string {
	return "/print/" + url.PathEscape(queue) + "/u/" + url.PathEscape(secret)
}

func (s *Server) mineRemove(v *visit) error {
	err := s.Personal.RemoveAddress(v.ctx(), v.member.User, v.field("id"))
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
