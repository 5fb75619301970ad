package ui

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"platen/directory"
	"platen/fault"
)

// Learner finds the rules that make the numbers of cards of what readers send. Its
// errors never have a number of a card in them. The actor of what is written down
// stands in the audit trail.
type Learner interface {
	// Places returns the readers, and the terminals whose reader types, by name.
	Places(ctx context.Context) ([]CardPlace, error)
	// Pairs reads a line for each card: what the reader sends, a blank, its number.
	Pairs(lines string) ([]CardPair, error)
	// Learn returns the rules that fit, the simplest first.
	Learn(ctx context.Context, q CardQuestion, actor string) (Learned, error)
	// Await returns what the next card that is shown there sends, or one that was shown
	// since the actor began to wait there and has not been told yet; "" when ctx ends.
	// The card does there what it always does.
	Await(ctx context.Context, at CardPlace, actor string) (raw string, err error)
	// SetRule sets the rule of a place, and returns the place.
	SetRule(ctx context.Context, at CardPlace, rule, actor string) (CardPlace, error)
}

// CardPlace is where numbers of cards come from, with the rule that brings them to
// the numbers that the cards have here.
type CardPlace struct {
	Kind     string `json:"kind"` // one of those below
	Name     string `json:"name"`
	Terminal string `json:"terminal"` // name of the terminal beside which a reader stands
	Rule     string `json:"rule"`
	Live     bool   `json:"live"` // a card can be waited for
}

// Kinds of places.
const (
	PlaceReader   = "reader"
	PlaceTerminal = "terminal"
)

// value names a place in a form.
func (p CardPlace) value() string { return p.Kind + ":" + p.Name }

// CardQuestion is from what a rule is to be learned: pairs, or one card of a person.
type CardQuestion struct {
	Pairs []CardPair `json:"pairs"`
	Raw   string     `json:"raw"`
	Login string     `json:"login"`
}

// CardPair is what a reader sends for a card, and the number that the card has here.
type CardPair struct {
	Raw    string `json:"raw"`
	Wanted string `json:"wanted"`
}

// Learned are the rules that fit.
type Learned struct {
	Sure  string        `json:"sure"` // one of those below
	Rules []LearnedRule `json:"rules"`
}

// How sure the rules are.
const (
	SureNone   = "none"   // none fits
	SureOpen   = "open"   // several fit, and one more card decides
	SureLikely = "likely" // one fits, but few cards say so
	SureSure   = "sure"   // one fits, and enough cards say so
)

// LearnedRule is a rule that fits, and what it makes of the cards.
type LearnedRule struct {
	Rule  string        `json:"rule"`
	Cards []LearnedCard `json:"cards"`
}

// LearnedCard is one card on its way through a rule.
type LearnedCard struct {
	Raw   string        `json:"raw"`
	Steps []LearnedStep `json:"steps"`
}

// LearnedStep is a function of a rule, and what it has made of a number.
type LearnedStep struct {
	Function string `json:"function"`
	Value    string `json:"value"`
}

// Where the page is, and what it looks at.
const (
	cardsPath    = "/cards/"
	learnPath    = cardsPath + "learn"
	mostPairs    = 100 // in one question
	mostCardText = 128 // octets of a number
	leastRows    = 3   // of the form: as many cards as are enough for most readers
)

// check refuses a question that nobody can answer.
func (q *CardQuestion) check() error {
	const op = "ui.learn"
	long := func(s string) bool { return len(s) > mostCardText }
	switch {
	case len(q.Pairs) > mostPairs:
		return &fault.Error{Op: op, Kind: fault.TooLarge, Text: "At most %d cards at a time. More do not make a rule surer.", Args: []any{mostPairs}}
	case long(q.Raw), slices.ContainsFunc(q.Pairs, func(p CardPair) bool { return long(p.Raw) || long(p.Wanted) }):
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "This card number is too long."}
	case len(q.Pairs) > 0:
		if slices.ContainsFunc(q.Pairs, func(p CardPair) bool { return p.Raw == "" || p.Wanted == "" }) {
			return &fault.Error{Op: op, Kind: fault.Invalid, Text: "Each card needs both: what the reader sends, and its number."}
		}
	case q.Raw == "" || q.Login == "":
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "Please type what the reader sends and the number of the card, for at least one card."}
	}
	return nil
}

// learnForm is what somebody typed into the page.
type learnForm struct {
	at    string
	rows  []CardPair // without empty ones; a half may be missing
	lines string
	login string
}

// learnForm reads the form. Lines of many cards become rows like the others.
func (s *Server) learnForm(v *visit) (learnForm, error) {
	f := learnForm{at: v.field("at"), lines: v.field("lines"), login: strings.TrimSpace(v.field("login"))}
	raws, wanted := v.r.PostForm["raw"], v.r.PostForm["wanted"]
	for i := range min(len(raws), len(wanted)) {
		p := CardPair{clean(raws[i]), strings.TrimSpace(clean(wanted[i]))}
		if strings.TrimSpace(p.Raw) != "" || p.Wanted != "" {
			f.rows = append(f.rows, p)
		}
	}
	more, err := s.Cards.Pairs(f.lines)
	if err != nil {
		return f, err
	}
	f.rows, f.lines = append(f.rows, more...), ""
	return f, nil
}

// question is what the form asks: of the cards with both numbers, else of one whose
// person was named. Without either there is nothing to be asked yet.
func (f *learnForm) question() (q CardQuestion, ok bool) {
	for _, p := range f.rows {
		switch {
		case p.Raw != "" && p.Wanted != "":
			q.Pairs = append(q.Pairs, p)
		case p.Raw != "" && q.Raw == "":
			q.Raw = p.Raw
		}
	}
	if len(q.Pairs) > 0 {
		return CardQuestion{Pairs: q.Pairs}, true
	}
	q.Login = f.login
	return q, q.Raw != "" && q.Login != ""
}

// learnRow is a row of the form.
type learnRow struct {
	CardPair
	N                     int  // from 1
	FocusRaw, FocusWanted bool // where one goes on typing
}

// rowsOf are the rows of the form, with empty ones to go on with.
func rowsOf(pairs []CardPair) []learnRow {
	rows := make([]learnRow, max(leastRows, len(pairs)+1))
	focused := false
	for i := range rows {
		r := &rows[i]
		r.N = i + 1
		if i < len(pairs) {
			r.CardPair = pairs[i]
		}
		if !focused && (r.Raw == "" || r.Wanted == "") {
			focused, r.FocusRaw, r.FocusWanted = true, r.Raw == "", r.Raw != ""
		}
	}
	return rows
}

// placeOption is a place as the form offers it.
type placeOption struct {
	CardPlace
	Value  string
	Chosen bool
}

// learnPage is the page of the learner.
type learnPage struct {
	sheet
	Query   string
	May     bool // the person may set rules
	Places  []placeOption
	At      *placeOption // that was chosen, nil none
	Live    bool         // a card can be waited for somewhere
	Rows    []learnRow
	Lines   string
	Login   string
	Verdict *notice
	Sure    bool // nothing needs to be typed any more
	Rules   []ruleShown
	More    int // rules that are not shown
}

// learn is the page that finds rules.
func (s *Server) learn(v *visit) error {
	f := learnForm{at: v.r.URL.Query().Get("at")}
	p, err := s.learnPage(v, f)
	if err != nil {
		return err
	}
	if v.r.URL.Query().Get("did") == "set" && p.At != nil {
		p.Notice = &notice{"good", v.say.Text("The rule of %s is set, and holds from the next card on.", p.Plain(p.At.Name))}
	}
	return v.render(http.StatusOK, "learn.html", p)
}

// learnPage is the page with what was typed.
func (s *Server) learnPage(v *visit, f learnForm) (learnPage, error) {
	p := learnPage{sheet: v.memberSheet("Rules for card readers"), Query: v.langQuery(), May: v.member.User.May(directory.Administer),
		Rows: rowsOf(f.rows), Lines: f.lines, Login: f.login}
	places, err := s.Cards.Places(v.ctx())
	if err != nil {
		return p, err
	}
	for _, x := range places {
		p.Places = append(p.Places, placeOption{x, x.value(), x.value() == f.at})
		p.Live = p.Live || x.Live
	}
	if i := slices.IndexFunc(p.Places, func(x placeOption) bool { return x.Chosen }); i >= 0 {
		p.At = &p.Places[i]
	}
	return p, nil
}

// What a page shows of what was found: a long list decides nothing, one more card
// does.
const (
	mostRules   = 4
	mostColumns = 3 // cards on their way through a rule
)

// ruleShown is a rule with some cards on their way through it.
type ruleShown struct {
	Rule  string
	Raws  []string
	Steps []stepShown
}

// stepShown is a function of a rule and what it makes of each card.
type stepShown struct {
	Function, Words string
	Values          []string
	Last            bool
}

// show puts what was found on the page.
func (p *learnPage) show(found Learned, q *CardQuestion) {
	switch {
	case found.Sure == SureNone && q.Login != "":
		p.Verdict = &notice{"bad", p.T("No rule makes a number of it that this person's cards have. Is it this person's card?")}
	case found.Sure == SureNone:
		p.Verdict = &notice{"bad", p.T("No rule fits. Does each line belong to one card?")}
	case found.Sure == SureOpen:
		p.Verdict = &notice{"note", p.T("%d rules fit. One more card decides, best one whose number begins with zeros or has another length.", len(found.Rules))}
	case found.Sure == SureLikely:
		p.Verdict = &notice{"note", p.T("One rule fits. Three different cards make it sure.")}
	case found.Sure == SureSure:
		p.Verdict = &notice{"good", p.T("One rule fits, for all %d cards.", len(q.Pairs))}
	}
	if p.Sure = found.Sure == SureSure; p.Sure { // one looks at the rule first
		for i := range p.Rows {
			p.Rows[i].FocusRaw = false
		}
	}
	shown := found.Rules[:min(len(found.Rules), mostRules)]
	p.More = len(found.Rules) - len(shown)
	for i := range shown {
		p.Rules = append(p.Rules, p.ruleShown(&shown[i]))
	}
}

// ruleShown lays a rule out: a line for each function, a column for each card.
func (p *learnPage) ruleShown(r *LearnedRule) ruleShown {
	x := ruleShown{Rule: r.Rule}
	for _, c := range r.Cards[:min(len(r.Cards), mostColumns)] {
		x.Raws = append(x.Raws, plain(c.Raw, mostCardText))
		for i, step := range c.Steps {
			if i == len(x.Steps) {
				name, _, _ := strings.Cut(step.Function, "(")
				x.Steps = append(x.Steps, stepShown{Function: step.Function, Last: i == len(c.Steps)-1})
				if words, ok := functionWords[name]; ok {
					x.Steps[i].Words = p.T(words)
				}
			}
			x.Steps[i].Values = append(x.Steps[i].Values, plain(step.Value, 2*mostCardText))
		}
	}
	return x
}

// functionWords say what the functions of rules do that the learner finds.
var functionWords = map[string]string{
	"trim":            "takes blanks away",
	"trim_left":       "takes away what stands on the left",
	"remove":          "takes characters away",
	"strip_prefix":    "takes a text away at the start",
	"strip_suffix":    "takes a text away at the end",
	"prepend":         "adds a text at the start",
	"append":          "adds a text at the end",
	"pad_left":        "fills up on the left",
	"pad_right":       "fills up on the right",
	"left":            "keeps the first characters",
	"right":           "keeps the last characters",
	"slice":           "keeps a part",
	"regex":           "keeps what a pattern finds",
	"upper":           "in capital letters",
	"lower":           "in small letters",
	"hex2dec":         "from hexadecimal to decimal",
	"dec2hex":         "from decimal to hexadecimal",
	"hex2bin":         "from hexadecimal to binary",
	"bin2hex":         "from binary to hexadecimal",
	"bin2dec":         "from binary to decimal",
	"dec2bin":         "from decimal to binary",
	"ascii_decode":    "reads characters from their codes",
	"ascii_encode":    "writes characters as their codes",
	"reverse_bytes":   "octets in the other order",
	"reverse_bits":    "bits of each octet in the other order",
	"reverse_nibbles": "halves of each octet swapped",
	"reverse":         "characters in the other order",
	"wiegand":         "takes facility and number out",
	"concat":          "joins several parts",
	"keep":            "as it comes",
}

// learnPost finds rules, or waits for a card first.
func (s *Server) learnPost(v *visit) error {
	f, err := s.learnForm(v)
	var found Learned
	var note *notice
	q, ask := f.question()
	switch {
	case err != nil:
	case v.field("do") == "wait":
		note, err = s.takeCard(v, &f)
	case ask:
		if err = q.check(); err == nil {
			found, err = s.Cards.Learn(v.ctx(), q, v.actor())
		}
	case len(f.rows) == 0:
		err = q.check()
	}
	if err != nil && !showable(err) {
		return err
	}
	p, perr := s.learnPage(v, f)
	if perr != nil {
		return perr
	}
	status := http.StatusOK
	if p.Notice = note; err != nil {
		key, args := fault.Sentence(err)
		status, p.Notice = answerTo(err).status, &notice{"bad", v.say.Text(key, args...)}
	}
	p.show(found, &q)
	return v.render(status, "learn.html", p)
}

// takeCard waits for a card and puts what it sends where a row has nothing yet.
func (s *Server) takeCard(v *visit, f *learnForm) (*notice, error) {
	at, err := s.cardPlace(v.ctx(), f.at)
	if err != nil {
		return nil, err
	}
	raw, err := s.awaitCard(v, at)
	if err != nil {
		return nil, err
	}
	if raw == "" {
		return &notice{"note", v.say.Text("No card was shown there yet. Please hold one to the reader and press the button once more: what is shown within two minutes is kept for that.")}, nil
	}
	if i := slices.IndexFunc(f.rows, func(p CardPair) bool { return p.Raw == "" }); i >= 0 {
		f.rows[i].Raw = raw
	} else {
		f.rows = append(f.rows, CardPair{Raw: raw})
	}
	return &notice{"good", v.say.Text("A card was shown. Please type its number.")}, nil
}

// awaitCard waits for a card as long as a request may take.
func (s *Server) awaitCard(v *visit, at CardPlace) (string, error) {
	if !at.Live {
		return "", &fault.Error{Op: "ui.awaitCard", Kind: fault.Conflict, Text: "There nobody can wait for a card: the reader is switched off, or people may type PINs into the same field. Please type here what the reader sends."}
	}
	ctx, cancel := s.awaiting(v)
	defer cancel()
	return s.Cards.Await(ctx, at, v.actor())
}

// cardPlace finds the place that a form names.
func (s *Server) cardPlace(ctx context.Context, value string) (CardPlace, error) {
	places, err := s.Cards.Places(ctx)
	if err != nil {
		return CardPlace{}, err
	}
	if i := slices.IndexFunc(places, func(p CardPlace) bool { return p.value() == value }); i >= 0 {
		return places[i], nil
	}
	return CardPlace{}, &fault.Error{Op: "ui.cardPlace", Kind: fault.NotFound, Text: "Please choose a reader or a terminal that is there."}
}

// learnUse sets a rule.
func (s *Server) learnUse(v *visit) error {
	at, err := s.cardPlace(v.ctx(), v.field("at"))
	if err == nil {
		at, err = s.Cards.SetRule(v.ctx(), at, v.field("rule"), v.actor())
	}
	if err != nil && showable(err) {
		p, perr := s.learnPage(v, learnForm{at: v.field("at")})
		if perr != nil {
			return perr
		}
		key, args := fault.Sentence(err)
		p.Notice = &notice{"bad", v.say.Text(key, args...)}
		return v.render(answerTo(err).status, "learn.html", p)
	}
	if err != nil {
		return err
	}
	query := url.Values{"did": {"set"}, "at": {at.value()}}
	if lang := v.r.URL.Query().Get("lang"); s.Catalog.Find(lang) != nil {
		query.Set("lang", lang)
	}
	return v.goTo(learnPath + "?" + query.Encode())
}

// actor is who acts, for the audit trail: a person or a program.
func (v *visit) actor() string {
	if v.program.ID != "" {
		return v.programName()
	}
	return "user " + v.member.User.Login
}
