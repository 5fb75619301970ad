package directory

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Rules are what an administrator may change about naming the owner, ready to be
// followed: package intake makes them of a queue's site.OwnerRules. The zero
// value looks nowhere but where the client claims its user.
type Rules struct {
	Steps   []Step // in their order; nil: what the client claims
	Hosts   []Host
	Replace []Replacement
	Strip   func(domain string) bool // whether a domain is taken off a name; nil: every one
	KeepUPN bool                     // what stands behind an @ is never taken off
	Match   []string                 // kinds of names that count, the strongest first; nil: alias, login, upn, email
	Aliases bool                     // people's other names count
	Prefix  bool                     // a cut name may be completed when only one person fits
}

// Step is one place where a name is looked for.
type Step struct {
	From    string         // "pjl-username"
	What    string         // in a sentence, "PJL USERNAME"
	Pattern *regexp.Regexp // one group, which is the name; nil takes all of it
	With    string         // what is made of a match instead, $1 is the group; "" the group
}

// Host says whose computer sends.
type Host struct {
	Client string       // as it is written in the rules
	Prefix netip.Prefix // what is meant, unless it is a name
	User   string       // folded login
}

// Replacement changes every match in a folded name.
type Replacement struct {
	Pattern *regexp.Regexp
	With    string
}

// longestName bounds, in octets, what a rule can make of a stranger's text.
const longestName = 255

// steps are those that these facts go through. The word of a trusted host stands
// above what documents say; only proof stands above it.
func (r *Rules) steps(f *Facts) []Step {
	switch {
	case f.Believed && f.Proven == "":
		said := Step{From: "claimed", What: "the word of a trusted host"}
		i := slices.IndexFunc(r.Steps, func(s Step) bool { return s.From == "certificate" })
		if i < 0 || f.Certificate == "" {
			return []Step{said}
		}
		return []Step{r.Steps[i], said}
	case r.Steps == nil:
		return []Step{{From: "proof", What: "proof"}, {From: "claimed", What: "claimed user"}}
	}
	return r.Steps
}

// find returns the name that a step finds among the facts, "" none, and whether
// its end may be cut off.
func (s *Step) find(f *Facts) (name string, cut bool) {
	cut = f.Cut && s.Pattern == nil && slices.Contains([]string{"claimed", "requesting-user-name", "control-file"}, s.From)
	for _, text := range s.texts(f) {
		if name := bounded(s.extract(text)); clean(name) != "" {
			return name, cut
		}
	}
	return "", false
}

// extract is what the step makes of a text.
func (s *Step) extract(text string) string {
	if s.Pattern == nil {
		return text
	}
	at := s.Pattern.FindStringSubmatchIndex(text)
	switch {
	case len(at) < 4:
		return ""
	case s.With != "":
		return legible(string(s.Pattern.ExpandString(nil, s.With, text, at)))
	case at[2] < 0: // the group took no part in the match
		return ""
	}
	return legible(text[at[2]:at[3]])
}

// texts are what stands where the step looks.
func (s *Step) texts(f *Facts) []string {
	if rest, ok := strings.CutPrefix(s.From, "control-line:"); ok {
		return strings.Split(f.Lines[rest], "\n")
	}
	switch s.From {
	case "certificate":
		return []string{f.Certificate}
	case "job-accounting-user-id":
		return []string{f.Account}
	case "pjl-username":
		return []string{f.PJLUser}
	case "pjl-jobacct1":
		return []string{f.PJLAcct}
	case "postscript-for":
		return []string{f.PSFor}
	case "banner":
		return []string{f.Banner}
	case "claimed":
		return []string{f.Claimed}
	case "requesting-user-name":
		return unless(!f.IPP, f.Claimed)
	case "control-file":
		return unless(f.IPP, f.Claimed)
	case "pjl-comment":
		if s.Pattern == nil {
			return []string{f.PJLComment}
		}
	}
	if f.Look == nil {
		return nil
	}
	return f.Look(s.From)
}

func unless(not bool, text string) []string {
	if not {
		return nil
	}
	return []string{text}
}

// legible makes text of octets that a pattern found in a document: what is not
// UTF-8 is read as code page 1252, as package pdl does.
func legible(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	decoded, err := charmap.Windows1252.NewDecoder().String(s)
	if err != nil {
		return ""
	}
	return decoded
}

func bounded(s string) string {
	for len(s) > longestName {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// hostOf finds the computer in the table: the longest prefix of its address, else
// the name that it gives itself, whole or without its domain.
func (r *Rules) hostOf(f *Facts) (best Host, ok bool) {
	client := f.Client.Unmap().WithZone("")
	for _, h := range r.Hosts {
		if h.Prefix.IsValid() && client.IsValid() && h.Prefix.Contains(client) && (!ok || h.Prefix.Bits() > best.Prefix.Bits()) {
			best, ok = h, true
		}
	}
	if ok || f.Host == "" {
		return best, ok
	}
	whole := Fold(f.Host)
	short, _, _ := strings.Cut(whole, ".")
	for _, h := range r.Hosts {
		if name := Fold(h.Client); !h.Prefix.IsValid() && (name == whole || name == short) {
			return h, true
		}
	}
	return Host{}, false
}

// whole is a name as the directory is asked for it first.
func (r *Rules) whole(name string) string {
	name = Fold(name)
	for _, x := range r.Replace {
		name = Fold(bounded(x.Pattern.ReplaceAllString(name, x.With)))
	}
	return name
}

// forms returns the folded spellings under which a name is looked up: whole,
// then without its domain. DOMAIN\user keeps the domain in the first, and
// user@example.org is a UPN or e-mail address in the first.
func (r *Rules) forms(name string) []string {
	short := r.whole(name)
	var list []string
	add := func(form string) {
		if form != "" {
			list = append(list, form)
		}
	}
	add(short)
	if i := strings.LastIndexByte(short, '\\'); i >= 0 && r.strips(strings.Trim(short[:i], `\`)) {
		short = short[i+1:]
		add(short)
	}
	if i := strings.IndexByte(short, '@'); i > 0 && (!r.KeepUPN || i == len(short)-1) && r.strips(short[i+1:]) {
		add(short[:i])
	}
	return list
}

// formsOf are the spellings under which a name is looked up that came from src. The
// domain in a certificate is taken off only when the rules list it: an authority
// that signs for several of them would else make anybody's namesake of everybody.
func (r *Rules) formsOf(src *source) []string {
	if src.step != "certificate" || r.Strip != nil {
		return r.forms(src.name)
	}
	if whole := r.whole(src.name); whole != "" {
		return []string{whole}
	}
	return nil
}

// Forms are the folded spellings of a name that any rules may ask for: whole, and
// without its domain.
func Forms(name string) []string { return (&Rules{}).forms(clean(name)) }

// beginning is what is left of a name whose end was cut off.
func (r *Rules) beginning(name string) string {
	form := r.whole(name)
	if i := strings.LastIndexByte(form, '\\'); i >= 0 && r.strips(strings.Trim(form[:i], `\`)) {
		form = form[i+1:]
	}
	return form
}

func (r *Rules) strips(domain string) bool {
	return domain == "" || r.Strip == nil || r.Strip(domain)
}

// kinds are the kinds of names that count, the strongest first.
func (r *Rules) kinds() []string {
	if r.Match == nil {
		return []string{"alias", "login", "upn", "email"}
	}
	return r.Match
}

// names are those of a person's names that are of a kind, if it counts.
func (r *Rules) names(u *User, kind string) []string {
	switch kind {
	case "alias":
		if r.Aliases {
			return u.Aliases
		}
	case "login":
		return []string{u.Login}
	case "upn":
		return []string{u.UPN}
	case "email":
		return []string{u.Email}
	}
	return nil
}

// kindWords is what a kind of name is called in a sentence.
var kindWords = map[string]string{"alias": "alias", "login": "login", "upn": "user principal name", "email": "e-mail address"}

// begins reports whether one of a person's names, of those that count, begins
// with form.
func (r *Rules) begins(u *User, form string) bool {
	return slices.ContainsFunc(r.kinds(), func(kind string) bool {
		return slices.ContainsFunc(r.names(u, kind), func(n string) bool { return strings.HasPrefix(n, form) })
	})
}

// pickOne finds the one person whom a form names, by the strongest kind of name
// first. kind is "" when nobody fits, several when more than one does.
func (r *Rules) pickOne(people []User, form string) (u User, kind string, several bool) {
	for _, kind := range r.kinds() {
		n := 0
		for _, p := range people {
			if slices.Contains(r.names(&p, kind), form) {
				u, n = p, n+1
			}
		}
		if n > 0 {
			return u, kindWords[kind], n > 1
		}
	}
	return User{}, "", false
}
