package ui

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"platen/job"
	"platen/site"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates are the pages, ready to be filled.
type templates struct{ *template.Template }

func parseTemplates() (*templates, error) {
	t, err := template.New("").Option("missingkey=error").ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	return &templates{t}, nil
}

// sheet is what every page has: who reads it, and what the template needs to
// say it. Its methods are the template's words.
type sheet struct {
	v *visit

	Lang, Dir string
	Style     string // path of the style sheet
	Icon      string
	Base      string // where the terminal's pages begin
	Out       string // what signs out
	Me        string // page of the person, "" at a terminal
	Key       string // of every form
	Once      string // idempotency key of the page's forms
	Title     string
	Terminal  string // name, "" on pages that are no terminal's
	Device    string
	Person    string // name, "" while nobody is signed in
	Refresh   *refresh
	Notice    *notice
	Languages []languageLink
}

// refresh lets a page load another, without a script.
type refresh struct {
	Seconds int
	URL     string
}

// notice is one sentence at the top of a page.
type notice struct {
	Kind string // "good", "bad", "note"
	Text string
}

type languageLink struct{ Code, Name, URL string }

// sheet starts a page with this title, an English sentence.
func (v *visit) sheet(title string) sheet {
	p := sheet{
		v: v, Lang: v.say.Language.Code(), Dir: v.say.Language.Dir, Style: stylePath, Icon: iconPath,
		Base: v.base(), Out: v.base() + "logout", Key: v.formKey(), Once: once(), Title: v.say.Text(title),
		Terminal: v.terminal.Name, Device: cmp.Or(v.terminal.DeviceName, v.terminal.Name),
	}
	p.Device = p.Plain(p.Device)
	if v.session.ID != "" {
		p.Person = p.Plain(v.session.User.Name())
	}
	if v.r.Method == http.MethodGet {
		p.Languages = v.languageLinks()
	}
	return p
}

// languageLinks are links to this very page in the other languages.
func (v *visit) languageLinks() []languageLink {
	var links []languageLink
	for _, l := range v.s.Catalog.Languages() {
		if l == v.say.Language {
			continue
		}
		u := url.URL{Path: v.r.URL.Path, RawQuery: url.Values{"lang": {l.Code()}}.Encode()}
		links = append(links, languageLink{l.Code(), l.Name, u.String()})
	}
	return links
}

// render fills a template and sends it. What fails half way is never sent.
func (v *visit) render(status int, name string, p any) error {
	var b bytes.Buffer
	if err := v.s.tmpl.ExecuteTemplate(&b, name, p); err != nil {
		return fmt.Errorf("ui: page %s: %w", name, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Language", v.say.Language.Code())
	v.w.WriteHeader(status)
	_, err := v.w.Write(b.Bytes())
	return gone(err)
}

// json sends an answer for programs.
func (v *visit) json(status int, answer any) error {
	b, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("ui: %w", err)
	}
	v.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	v.w.WriteHeader(status)
	_, err = v.w.Write(append(b, '\n'))
	return gone(err)
}

// gone drops the error of a client that left before its answer: there is
// nobody to tell.
func gone(error) error { return nil }

// errorPage is the last resort, so it asks nobody for anything.
func (v *visit) errorPage(status int, sentence string) {
	p := struct {
		sheet
		Sentence  string
		Reference string
		Back      string
	}{sheet: v.sheet("That did not work"), Sentence: sentence, Reference: v.failed, Back: "/"}
	if status == http.StatusNotFound {
		p.Title = p.T("Not found")
	}
	if v.path("terminal") != "" {
		p.Back = v.base()
		p.Refresh = &refresh{20, p.Back} // a panel must not stay here
	}
	p.Languages = nil
	if err := v.render(status, "error.html", p); err != nil {
		http.Error(v.w, sentence+" ("+v.failed+")", status)
	}
}

// The words of templates.

// T says a sentence in the reader's language.
func (p sheet) T(key string, args ...any) string { return plain(p.v.say.Text(key, args...), 2000) }

// Plain makes a name that somebody else gave fit to be shown.
func (sheet) Plain(s string) string { return plain(s, 200) }

// plain takes out of a text what controls a screen or turns the direction of
// what follows, and what is longer than longest.
func plain(s string, longest int) string {
	runes := 0
	var b strings.Builder
	for _, r := range s {
		if runes++; runes > longest {
			b.WriteRune('…')
			break
		}
		switch {
		case r == '\t', r == '\n', r == '\r':
			r = ' '
		case unicode.IsControl(r), r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			r = '\uFFFD'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Clock says when something was: the time of today, else day and time.
func (p sheet) Clock(t time.Time) string {
	now := p.v.s.Now().Local()
	t = t.Local()
	if y, m, d := t.Date(); d == now.Day() && m == now.Month() && y == now.Year() {
		return t.Format("15:04")
	}
	return t.Format(p.T("2 Jan, 15:04"))
}

// Machine says a time as machines read it.
func (p sheet) Machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Size says a number of octets.
func (p sheet) Size(octets int64) string {
	switch mb := float64(octets) / 1e6; {
	case mb >= 1000:
		return p.v.say.Decimal(mb/1000, 1) + " GB"
	case mb >= 0.95:
		return p.v.say.Decimal(mb, 1) + " MB"
	default:
		return p.v.say.Decimal(math.Ceil(float64(octets)/1000), 0) + " kB"
	}
}

// Name says what to call a document: its title, or what is left of one.
func (p sheet) Name(j job.View) string {
	if j.Title != "" {
		return p.Plain(j.Title)
	}
	return p.T("Document %s", strconv.FormatInt(j.ID, 10))
}

// Facts says in a line what is known of a document.
func (p sheet) Facts(j job.View) []string {
	var facts []string
	if j.Pages != nil {
		if j.Estimated {
			facts = append(facts, p.T("about %d pages", *j.Pages))
		} else {
			facts = append(facts, p.T("%d pages", *j.Pages))
		}
	}
	if j.Copies != nil && *j.Copies > 1 {
		facts = append(facts, p.T("%d copies", *j.Copies))
	}
	if j.Colour != nil {
		facts = append(facts, p.either(*j.Colour, p.T("colour"), p.T("black and white")))
	}
	if j.Duplex != nil {
		facts = append(facts, p.either(*j.Duplex, p.T("both sides"), p.T("one side")))
	}
	return append(facts, p.Size(j.Size))
}

// TerminalURL is where the pages of a terminal begin.
func (p sheet) TerminalURL(name string) string { return terminalURL(name) }

// Hold is the mode of a queue whose jobs wait.
func (p sheet) Hold() site.ReleaseMode { return site.Hold }

func (sheet) either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// State says how a document stands.
func (p sheet) State(status string) string { return p.T(stateWords[status]) }

var stateWords = map[string]string{
	job.StatusHeld:         "Waits for you",
	job.StatusQueued:       "Waits for the device",
	job.StatusSending:      "Is being printed",
	job.StatusPrinted:      "Printed",
	job.StatusNotConfirmed: "Sent to the device",
	job.StatusUncertain:    "May have printed",
	job.StatusFailed:       "Not printed",
	job.StatusCanceled:     "Deleted",
}
