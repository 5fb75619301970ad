package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"platen/directory"
	"platen/directory/cardrule"
	"platen/site"
	"platen/ui"
)

// learner is the page and the API that find rules for card readers. It outlives the
// servers of the doors, because a card may be shown while one is replaced.
type learner struct {
	admin func(actor string) *admin
	now   func() time.Time
	turn  chan struct{} // has room for one search at a time: each takes a processor

	mu    sync.Mutex
	waits map[waitKey]*cardWait
}

// waitKey is where somebody waits for a card.
type waitKey struct {
	reader   string // name, "" for what is typed at a terminal
	terminal string // id
	actor    string
}

// cardWait is a card that somebody waits for, or that was shown since. Its number is
// in memory only, and not for long.
type cardWait struct {
	until time.Time
	raw   string        // "" while none was shown
	news  chan struct{} // closed when one is
}

// waitFor is how long a card may be shown after somebody has begun to wait for it. The
// page says so.
const waitFor = 2 * time.Minute

// usualCard is how many digits a number has that people take for a card's; what is
// shorter, and typed, is more likely a PIN at the wrong place.
const usualCard = 8

// newLearner also sees to it that the desk tells of the cards that are shown.
func newLearner(n *node) *learner {
	l := &learner{admin: n.admin, now: time.Now, turn: make(chan struct{}, 1), waits: map[waitKey]*cardWait{}}
	number := n.desk.Number
	n.desk.Number = func(t site.Terminal, reader, raw string) (string, error) {
		l.shown(t, reader, raw)
		return number(t, reader, raw)
	}
	return l
}

var _ ui.Learner = (*learner)(nil)

// Places implements ui.Learner.
func (l *learner) Places(ctx context.Context) ([]ui.CardPlace, error) {
	scope := l.admin("").scope
	readers, err := scope.Readers(ctx)
	if err != nil {
		return nil, err
	}
	terminals, err := scope.Terminals(ctx)
	if err != nil {
		return nil, err
	}
	var list []ui.CardPlace
	for i := range readers {
		list = append(list, readerPlace(&readers[i]))
	}
	for i := range terminals {
		list = append(list, terminalPlace(&terminals[i]))
	}
	return list, nil
}

func readerPlace(r *site.Reader) ui.CardPlace {
	return ui.CardPlace{Kind: ui.PlaceReader, Name: r.Name, Terminal: r.TerminalName, Rule: r.Rule, Live: r.Enabled}
}

// terminalPlace: where a PIN may stand in the field for cards, nobody waits for what
// is typed there.
func terminalPlace(t *site.Terminal) ui.CardPlace {
	return ui.CardPlace{Kind: ui.PlaceTerminal, Name: t.Name, Terminal: t.Name, Rule: t.Rule, Live: !t.PINOnly}
}

// Pairs implements ui.Learner.
func (l *learner) Pairs(lines string) ([]ui.CardPair, error) {
	pairs, err := cardrule.ReadPairs(strings.NewReader(lines))
	list := make([]ui.CardPair, len(pairs))
	for i, p := range pairs {
		list[i] = ui.CardPair(p)
	}
	return list, err
}

// Learn implements ui.Learner. Asking for somebody's card leaves a line in the audit
// trail, because the answer says whether a number is one of that person's.
func (l *learner) Learn(ctx context.Context, q ui.CardQuestion, actor string) (ui.Learned, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ui.Learned{}, ctx.Err()
	}
	if len(q.Pairs) == 0 {
		pairs := []cardrule.Pair{{Raw: q.Raw}}
		known, err := l.admin(actor).cardsOf(ctx, q.Login)
		if err != nil {
			return ui.Learned{}, err
		}
		return learned(pairs, cardrule.LearnOne(q.Raw, known)), nil
	}
	pairs := make([]cardrule.Pair, len(q.Pairs))
	for i, p := range q.Pairs {
		pairs[i] = cardrule.Pair(p)
	}
	return learned(pairs, cardrule.Learn(pairs)), nil
}

// cardsOf is knownCards for a person with this login, and leaves a trace.
func (a *admin) cardsOf(ctx context.Context, login string) (func(string) bool, error) {
	u, err := a.scope.UserByLogin(ctx, directory.Fold(login))
	if err != nil {
		return nil, err
	}
	if err := a.audit(ctx, "card.learn", u.Login, "a card shown once"); err != nil {
		return nil, err
	}
	return a.knownCards(ctx, u.ID)
}

// learned is what was found, with the way of each card.
func learned(pairs []cardrule.Pair, rules []cardrule.Rule) ui.Learned {
	found := ui.Learned{Sure: string(cardrule.Judge(pairs, rules))}
	for _, r := range rules {
		x := ui.LearnedRule{Rule: r.String()}
		for _, p := range pairs {
			x.Cards = append(x.Cards, learnedCard(r, p.Raw))
		}
		found.Rules = append(found.Rules, x)
	}
	return found
}

func learnedCard(r cardrule.Rule, raw string) ui.LearnedCard {
	card := ui.LearnedCard{Raw: raw}
	stages, _ := r.Trace(raw) // it fits
	for _, s := range stages {
		card.Steps = append(card.Steps, ui.LearnedStep(s))
	}
	if r.Keeps() {
		card.Steps = []ui.LearnedStep{{Function: r.String(), Value: raw}}
	}
	return card
}

// Await implements ui.Learner. Who begins to wait stands in the audit trail, because
// the card may be anybody's.
func (l *learner) Await(ctx context.Context, at ui.CardPlace, actor string) (string, error) {
	a := l.admin(actor)
	key := waitKey{actor: actor}
	if at.Kind == ui.PlaceReader {
		key.reader = at.Name
	} else {
		t, err := a.scope.TerminalByName(ctx, at.Name)
		if err != nil {
			return "", err
		}
		key.terminal = t.ID
	}
	w, again := l.begin(key)
	if !again {
		if err := a.audit(ctx, "card.await", at.Name, at.Kind); err != nil {
			return "", err
		}
	}
	select {
	case <-w.news:
		return l.take(key, w), nil
	case <-ctx.Done():
		return "", nil
	}
}

// begin goes on waiting, or begins to.
func (l *learner) begin(key waitKey) (w *cardWait, again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgetLocked()
	w, again = l.waits[key]
	if !again {
		w = &cardWait{news: make(chan struct{})}
		l.waits[key] = w
	}
	w.until = l.now().Add(waitFor)
	return w, again
}

// take returns what was shown, once.
func (l *learner) take(key waitKey, w *cardWait) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waits[key] == w {
		delete(l.waits, key)
	}
	raw := w.raw
	w.raw = ""
	return raw
}

// shown notes a card for those who wait for one there. What may be a PIN that somebody
// typed is for nobody.
func (l *learner) shown(t site.Terminal, reader, raw string) {
	if reader == "" && (t.PINOnly || len(raw) < usualCard && strings.Trim(raw, "0123456789") == "") {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgetLocked()
	for key, w := range l.waits {
		there := key.reader == reader && (reader != "" || key.terminal == t.ID)
		if there && w.raw == "" && raw != "" {
			w.raw = raw
			close(w.news)
		}
	}
}

// forgetLocked drops what nobody came for.
func (l *learner) forgetLocked() {
	for key, w := range l.waits {
		if !l.now().Before(w.until) {
			delete(l.waits, key)
		}
	}
}

// SetRule implements ui.Learner.
func (l *learner) SetRule(ctx context.Context, at ui.CardPlace, rule, actor string) (ui.CardPlace, error) {
	parsed, err := cardrule.Parse(rule)
	if err != nil {
		return at, err
	}
	a := l.admin(actor)
	if at.Kind == ui.PlaceReader {
		r, err := a.scope.ReaderByName(ctx, at.Name)
		if err == nil {
			err = a.setCardRule(ctx, &site.Terminal{}, &r, parsed)
		}
		return readerPlace(&r), err
	}
	t, err := a.scope.TerminalByName(ctx, at.Name)
	if err == nil {
		err = a.setCardRule(ctx, &t, &site.Reader{}, parsed)
	}
	return terminalPlace(&t), err
}
