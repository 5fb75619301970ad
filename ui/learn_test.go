package ui

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"platen/directory"
	"platen/directory/cardrule"
	"platen/fault"
)

// fakeLearner has two readers and two terminals, and knows one card of ben's.
type fakeLearner struct {
	mu     sync.Mutex
	places []CardPlace
	calls  []string
	shows  string // what the next card sends, "" nobody shows one
}

func newLearner() *fakeLearner {
	return &fakeLearner{places: []CardPlace{
		{PlaceReader, "door", "Lobby", "trim", true}, {PlaceReader, "off", "Lobby", "", false},
		{PlaceTerminal, "Lobby", "Lobby", "", true}, {PlaceTerminal, "with PINs", "with PINs", "", false},
	}}
}

func (f *fakeLearner) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.calls
	f.calls = nil
	return c
}

func (f *fakeLearner) Places(context.Context) ([]CardPlace, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.places), nil
}

func (f *fakeLearner) Pairs(lines string) (list []CardPair, err error) {
	pairs, err := cardrule.ReadPairs(strings.NewReader(lines))
	for _, p := range pairs {
		list = append(list, CardPair(p))
	}
	return list, err
}

func (f *fakeLearner) Learn(_ context.Context, q CardQuestion, actor string) (Learned, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var pairs []cardrule.Pair
	for _, p := range q.Pairs {
		pairs = append(pairs, cardrule.Pair(p))
	}
	rules := cardrule.Learn(pairs)
	if len(pairs) == 0 {
		if q.Login != "ben" {
			return Learned{}, &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "There is nobody with this user name here."}
		}
		pairs = []cardrule.Pair{{Raw: q.Raw}}
		rules = cardrule.LearnOne(q.Raw, func(n string) bool { return n == "04E5F60718" })
	}
	f.calls = append(f.calls, fmt.Sprintf("%s learns of %d pairs %s", actor, len(q.Pairs), q.Login))
	found := Learned{Sure: string(cardrule.Judge(pairs, rules))}
	for _, r := range rules {
		x := LearnedRule{Rule: r.String()}
		for _, p := range pairs {
			c := LearnedCard{Raw: p.Raw}
			stages, _ := r.Trace(p.Raw)
			for _, s := range stages {
				c.Steps = append(c.Steps, LearnedStep(s))
			}
			x.Cards = append(x.Cards, c)
		}
		found.Rules = append(found.Rules, x)
	}
	return found, nil
}

func (f *fakeLearner) Await(_ context.Context, at CardPlace, actor string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, actor+" waits at "+at.value())
	raw := f.shows
	f.shows = ""
	return raw, nil
}

func (f *fakeLearner) SetRule(_ context.Context, at CardPlace, rule, actor string) (CardPlace, error) {
	if _, err := cardrule.Parse(rule); err != nil {
		return at, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.places, func(p CardPlace) bool { return p.value() == at.value() })
	f.places[i].Rule = rule
	f.calls = append(f.calls, actor+" sets "+at.value()+" to "+rule)
	return f.places[i], nil
}

// UIDs in hexadecimal, and their octets in the other order, in decimal.
var threeCards = []CardPair{{"04A1B2C3", "3283263748"}, {"10FF0000", "0000065296"}, {"9A00BC01", "0029098138"}}

const threeCardsRule = `reverse_bytes | hex2dec | pad_left(10, "0")`

// cardForm is the page's form with these cards.
func cardForm(at string, pairs ...CardPair) url.Values {
	form := url.Values{"at": {at}, "lines": {""}, "login": {""}}
	for _, p := range append(slices.Clone(pairs), CardPair{}, CardPair{}) {
		form["raw"], form["wanted"] = append(form["raw"], p.Raw), append(form["wanted"], p.Wanted)
	}
	return form
}

// learning signs in somebody who may find rules, and those who may set them.
func (h *house) learning(login string) pageGot {
	h.t.Helper()
	h.staff()
	return h.member(login, login, learnPath)
}

func TestLearnAtThePage(t *testing.T) {
	h := newHouse(t)
	h.get(learnPath).wants(t, 200, "/sign-in?next=%2Fcards%2Flearn")
	p := h.learning("ada")
	p.wants(t, 200, learnPath, "Three cards are enough", "door, beside Lobby", "Lobby, which types", "Wait for a card there")
	p.lacks(t, "Its rule at the moment")

	found := h.postMine(p, learnPath, cardForm("reader:door", threeCards...))
	found.wants(t, 200, learnPath, "notice good", "One rule fits, for all 3 cards.", "hex2dec", "from hexadecimal to decimal", "<b>0000065296</b>", "0000FF10",
		"Use this rule for door", "Its rule at the moment: <code>trim</code>", `value="10FF0000"`)
	use := url.Values{"at": {"reader:door"}, "rule": {threeCardsRule}}
	h.postMine(p, learnPath+"/use", use).wants(t, 200, learnPath+"?at=reader%3Adoor&did=set", "The rule of door is set", "pad_left")
	h.postMine(p, learnPath+"/use", use).wants(t, 200, "") // pressed twice
	want := []string{"user ada learns of 3 pairs ", "user ada sets reader:door to " + threeCardsRule, "user ada sets reader:door to " + threeCardsRule}
	if took := h.cards.took(); !slices.Equal(took, want) {
		t.Errorf("%q", took)
	}

	several := h.postMine(p, learnPath, cardForm("", CardPair{"04A1B2C3", "10597059"}))
	several.wants(t, 200, "", "notice note", "One more card decides", "choose for which reader")
	several.lacks(t, "Use this rule")
	h.postMine(p, learnPath, cardForm("", CardPair{"04A1B2C3", "77"}, CardPair{"04A1B2C3", "78"})).wants(t, 200, "", "notice bad", "No rule fits.")
	if strings.Contains(h.log.String(), "04A1B2C3") || strings.Contains(h.log.String(), "3283263748") {
		t.Error("the number of a card is in the log")
	}
}

// Many cards come as lines, and stand in the rows then.
func TestLearnFromLines(t *testing.T) {
	h := newHouse(t)
	p := h.learning("sam")
	form := cardForm("", threeCards[0])
	form.Set("lines", "10FF0000\t0000065296\r\n9A00BC01 0029098138\r\n")
	found := h.postMine(p, learnPath, form)
	found.wants(t, 200, "", "One rule fits, for all 3 cards.", `value="0029098138"`, `name="lines" rows="6" spellcheck="false"></textarea>`, "An administrator can set a rule")
	found.lacks(t, "Use this rule")
	form.Set("lines", "10FF0000\n")
	h.postMine(p, learnPath, form).wants(t, 400, "", "Line 1 has one number", ">10FF0000\n</textarea>", `value="04A1B2C3"`)
}

// A reader that types into this page presses Enter behind each card: what it typed
// stays, and the page waits for the number.
func TestLearnWithAReaderThatTypes(t *testing.T) {
	h := newHouse(t)
	p := h.learning("ada")
	one := h.postMine(p, learnPath, cardForm("", CardPair{Raw: "04A1B2C3"}))
	one.wants(t, 200, "", `aria-label="Number of the card 1" autofocus>`)
	one.lacks(t, "notice")
	two := h.postMine(p, learnPath, cardForm("", CardPair{"04A1B2C3", "3283263748"}, CardPair{Raw: "10FF0000"}))
	two.wants(t, 200, "", `aria-label="Number of the card 2" autofocus>`, "fit")
	h.postMine(p, learnPath, cardForm("")).wants(t, 400, "", "for at least one card")
}

// A card at a reader, with nothing typed.
func TestLearnWaitsForACard(t *testing.T) {
	h := newHouse(t)
	p := h.learning("sam")
	form := cardForm("reader:door", threeCards[0], CardPair{"", "0000065296"})
	form.Set("do", "wait")
	h.postMine(p, learnPath, form).wants(t, 200, "", "notice note", "No card was shown there yet.")
	h.cards.shows = ";10FF0000?"
	h.postMine(p, learnPath, form).wants(t, 200, "", "A card was shown.", `value=";10FF0000?" aria-label="What the reader sends 2"`)
	h.cards.shows = "9A00BC01"
	form = cardForm("terminal:Lobby", threeCards[0])
	form.Set("do", "wait")
	h.postMine(p, learnPath, form).wants(t, 200, "", `value="9A00BC01" aria-label="What the reader sends 2"`, `aria-label="Number of the card 2" autofocus>`)
	if want, took := []string{"user sam waits at reader:door", "user sam waits at reader:door", "user sam waits at terminal:Lobby"}, h.cards.took(); !slices.Equal(took, want) {
		t.Errorf("%q", took)
	}
	for at, says := range map[string]string{"": "Please choose a reader", "reader:nowhere": "Please choose a reader", "terminal:with PINs": "people may type PINs", "reader:off": "is switched off"} {
		form.Set("at", at)
		if got := h.postMine(p, learnPath, form); got.status < 400 || !strings.Contains(got.body, says) || !strings.Contains(got.body, `value="04A1B2C3"`) {
			t.Errorf("%s: %d %s", at, got.status, got.body)
		}
	}
	if took := h.cards.took(); len(took) != 0 {
		t.Errorf("%q", took)
	}
}

func TestLearnFromOneCard(t *testing.T) {
	h := newHouse(t)
	p := h.learning("sam")
	form := cardForm("", CardPair{Raw: "18070F6E5040"})
	form.Set("login", "ben")
	h.postMine(p, learnPath, form).wants(t, 200, "", "notice bad", "Is it this person&#39;s card?")
	form = cardForm("", CardPair{Raw: "1807F6E504"})
	form.Set("login", "ben")
	h.postMine(p, learnPath, form).wants(t, 200, "", "reverse_bytes", "04E5F60718", "octets in the other order")
	form.Set("login", "nobody")
	h.postMine(p, learnPath, form).wants(t, 404, "", "There is nobody with this user name here.", `value="1807F6E504"`, "<details open>")
}

// A57: support finds rules, administrators set them, and nobody else sees the page.
func TestA57LearnWantsTheRight(t *testing.T) {
	h := newHouse(t)
	use := func() url.Values { return url.Values{"at": {"reader:door"}, "rule": {"const(04A1B2C3D4)"}} }
	for _, login := range []string{"anna", "rita"} {
		h.newBrowser()
		h.staff()
		mine := h.member(login, login, "/me")
		mine.wants(t, 200, "/me")
		mine.lacks(t, learnPath)
		for _, got := range []pageGot{h.get(learnPath), h.postMine(mine, learnPath, cardForm("", threeCards...)), h.postMine(mine, learnPath+"/use", use())} {
			got.wants(t, 403, "", "You do not have the right to do that.")
		}
	}
	h.newBrowser()
	p := h.learning("sam")
	h.get("/me").wants(t, 200, "", learnPath, "Rules for card readers")
	h.postMine(p, learnPath+"/use", use()).wants(t, 403, "", "You do not have the right to do that.")
	h.post(learnPath, url.Values{"key": {"guessed"}}).wants(t, 403, "", "not one of ours")
	h.newBrowser()
	p = h.learning("ada")
	h.post(learnPath+"/use", url.Values{"at": {"reader:door"}, "rule": {"keep"}, "key": {"guessed"}}).wants(t, 403, "", "not one of ours")
	h.postMine(p, learnPath+"/use", url.Values{"at": {"reader:gone"}, "rule": {"keep"}}).wants(t, 404, "", "Please choose a reader")
	h.postMine(p, learnPath+"/use", url.Values{"at": {"reader:door"}, "rule": {"nonsense"}}).wants(t, 400, "", "There is no card number function nonsense.")
	if took := h.cards.took(); len(took) != 0 {
		t.Errorf("%q", took)
	}
}

// What strangers name readers and send does not become part of the page.
func TestLearnShowsTextAsText(t *testing.T) {
	h := newHouse(t)
	h.cards.places[0].Name = `<b>door</b>` + "\u202e"
	p := h.learning("ada")
	p.wants(t, 200, "", "&lt;b&gt;door&lt;/b&gt;")
	got := h.postMine(p, learnPath, cardForm(h.cards.places[0].value(), CardPair{`"><i>` + "\x00\u202e", "1"}))
	got.wants(t, 200, "", `value="&#34;&gt;&lt;i&gt;`)
	got.lacks(t, "<i>\u202e", "<b>door")
}

func TestLearnByAPI(t *testing.T) {
	h := newHouse(t)
	question := `{"pairs":[{"raw":"04A1B2C3","wanted":"3283263748"},{"raw":"10FF0000","wanted":"0000065296"},{"raw":"9A00BC01","wanted":"0029098138"}]}`
	p, m := h.call("POST", "/api/v1/cards/learn", "desk", question)
	p.wants(t, 200, "", `"rule":"reverse_bytes | hex2dec | pad_left(10, \"0\")"`, `{"function":"hex2dec","value":"65296"}`)
	if m["sure"] != "sure" {
		t.Errorf("%v", m)
	}
	p, m = h.call("POST", "/api/v1/cards/learn", "desk", `{"raw":"zz","login":"ben"}`)
	if p.status != 200 || m["sure"] != "none" || !strings.Contains(p.body, `"rules":[]`) {
		t.Errorf("%s", p.body)
	}
	p, _ = h.call("GET", "/api/v1/cards/places", "desk", "")
	p.wants(t, 200, "", `{"kind":"reader","name":"door","terminal":"Lobby","rule":"trim","live":true}`)
	p, _ = h.call("POST", "/api/v1/cards/shown", "desk", `{"kind":"reader","name":"door"}`)
	p.wants(t, 204, "")
	h.cards.shows = "10FF0000"
	p, m = h.call("POST", "/api/v1/cards/shown", "desk", `{"kind":"reader","name":"door"}`)
	if p.status != 200 || m["raw"] != "10FF0000" {
		t.Errorf("%s", p.body)
	}
	p, m = h.call("PUT", "/api/v1/cards/rule", "root", `{"kind":"reader","name":"door","rule":"hex2dec"}`)
	if p.status != 200 || m["rule"] != "hex2dec" {
		t.Errorf("%s", p.body)
	}
	want := []string{"token help desk learns of 3 pairs ", "token help desk learns of 0 pairs ben", "token help desk waits at reader:door", "token help desk waits at reader:door", "token root sets reader:door to hex2dec"}
	if took := h.cards.took(); !slices.Equal(took, want) {
		t.Errorf("%q", took)
	}
	for name, tt := range map[string]struct {
		method, path, token, body string
		status                    int
	}{
		"nobody":           {"POST", "learn", "", question, 401},
		"reports":          {"POST", "learn", "reports", question, 403},
		"support sets":     {"PUT", "rule", "desk", `{"kind":"reader","name":"door","rule":"keep"}`, 403},
		"nothing":          {"POST", "learn", "desk", `{}`, 400},
		"half a pair":      {"POST", "learn", "desk", `{"pairs":[{"raw":"1"}]}`, 400},
		"too long":         {"POST", "learn", "desk", `{"pairs":[{"raw":"` + strings.Repeat("1", 129) + `","wanted":"1"}]}`, 400},
		"too many":         {"POST", "learn", "desk", `{"pairs":[` + strings.Repeat(`{"raw":"1","wanted":"1"},`, mostPairs) + `{"raw":"1","wanted":"1"}]}`, 413},
		"no such reader":   {"POST", "shown", "desk", `{"kind":"reader","name":"x"}`, 404},
		"where PINs are":   {"POST", "shown", "desk", `{"kind":"terminal","name":"with PINs"}`, 409},
		"no rule":          {"PUT", "rule", "root", `{"kind":"reader","name":"door"}`, 400},
		"no rule like it":  {"PUT", "rule", "root", `{"kind":"reader","name":"door","rule":"x("}`, 400},
		"of somebody else": {"POST", "learn", "desk", `{"raw":"1","login":"x"}`, 404},
	} {
		if p, _ := h.call(tt.method, "/api/v1/cards/"+tt.path, tt.token, tt.body); p.status != tt.status {
			t.Errorf("%s: %d, want %d: %s", name, p.status, tt.status, p.body)
		}
	}
	h.learning("ada")
	p = h.do(h.request("PUT", "/api/v1/cards/rule", strings.NewReader(`{"kind":"reader","name":"door","rule":"keep"}`), nil))
	p.wants(t, http.StatusForbidden, "", "not one of ours") // by cookie, and without the key
}

// Whatever is typed into the page, it answers with a page: with what was typed, and
// never with a failure of its own.
func FuzzLearn(f *testing.F) {
	for _, s := range []string{
		"raw=04A1B2C3&wanted=3283263748&raw=10FF0000&wanted=&at=reader:door", "lines=04A1+0815%0A4711&login=ben", "raw=&wanted=1&do=wait&at=terminal:Lobby",
		"raw=%00%ff%E2%80%AE&wanted=%00", "raw=1807F6E504&wanted=&login=ben", "raw=1&raw=2&wanted=3", "at=reader:&do=wait", "lines=" + strings.Repeat("1+2%0A", 101),
	} {
		f.Add(s)
	}
	var log syncBuffer
	desk := newDesk(time.Now)
	desk.users["ada"] = &fakeUser{directory.User{ID: "u-ada", Login: "ada", Enabled: true, Rights: []directory.Right{directory.Administer}}, "ada", ""}
	members := &fakeMembers{desk: desk, now: time.Now}
	server := &Server{Members: members, Cards: newLearner(), Hosts: func() []string { return []string{"localhost"} }, Log: slog.New(slog.NewTextHandler(&log, nil))}
	handler, err := server.Handler()
	if err != nil {
		f.Fatal(err)
	}
	token, err := members.Start(f.Context(), directory.WebSession{User: "u-ada"}, "")
	if err != nil {
		f.Fatal(err)
	}
	key := keyOf([]byte(token), "platen member form")
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://localhost"+learnPath, strings.NewReader("key="+key+"&"+body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: memberCookie, Value: token})
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 || strings.Contains(log.String(), "panicked") || strings.Count(w.Body.String(), "<html") != 1 {
			t.Errorf("%q: %d\n%s\n%s", body, w.Code, w.Body.String(), log.String())
		}
		log.reset()
	})
}

// The whole way in a browser without scripts: a card at the reader, two that are typed,
// the rule, and the reader has it.
func TestLearnInABrowser(t *testing.T) {
	ctx := chromium(t)
	for _, l := range []string{"en", "de"} {
		for _, p := range append(slices.Clone(panels), phone) {
			t.Run(l+" "+p.name, func(t *testing.T) {
				panel(t, ctx, p.width, p.height)
				h := newHouse(t)
				h.staff()
				h.change(func() { h.desk.users["ada"].Language = l })
				say := func(en, de string) string { return map[string]string{"en": en, "de": de}[l] }
				run(t, ctx, "sign in", chromedp.Navigate(h.http.URL+"/me"), chromedp.WaitReady("#user"),
					chromedp.SendKeys("#user", "ada", chromedp.ByQuery), chromedp.SendKeys("#secret", "ada\r", chromedp.ByQuery))
				run(t, ctx, "the page", chromedp.WaitReady(`a[href^="/cards/learn"]`), chromedp.Click(`a[href^="/cards/learn"]`, chromedp.ByQuery), chromedp.WaitReady("#at"))
				looks(t, ctx, "learn-"+l+"-"+p.name)
				h.cards.mu.Lock()
				h.cards.shows = "04A1B2C3"
				h.cards.mu.Unlock()
				run(t, ctx, "wait", chromedp.SetValue("#at", "reader:door", chromedp.ByQuery), chromedp.Click(`button[value=wait]`, chromedp.ByQuery))
				until(t, ctx, say("A card was shown.", "Eine Karte wurde gezeigt."))
				looks(t, ctx, "learn-shown-"+l+"-"+p.name)
				fields := func(name string, n int) string { return fmt.Sprintf(`tr:nth-child(%d) input[name=%s]`, n, name) }
				run(t, ctx, "type", chromedp.SendKeys(fields("wanted", 1), "3283263748", chromedp.ByQuery), chromedp.SendKeys(fields("raw", 2), "10FF0000\r", chromedp.ByQuery))
				until(t, ctx, say("rules fit", "Regeln passen"))
				looks(t, ctx, "learn-one-"+l+"-"+p.name)
				run(t, ctx, "type on", chromedp.SendKeys(fields("wanted", 2), "0000065296", chromedp.ByQuery), chromedp.SendKeys(fields("raw", 3), "9A00BC01", chromedp.ByQuery),
					chromedp.SendKeys(fields("wanted", 3), "0029098138\r", chromedp.ByQuery))
				until(t, ctx, say("for all 3 cards", "für alle 3 Karten"))
				looks(t, ctx, "learn-found-"+l+"-"+p.name)
				run(t, ctx, "use", chromedp.Click(`form[action^="/cards/learn/use"] button`, chromedp.ByQuery))
				until(t, ctx, say("The rule of door is set", "Die Regel von door ist gesetzt"))
				looks(t, ctx, "learn-set-"+l+"-"+p.name)
				if h.cards.places[0].Rule != threeCardsRule {
					t.Errorf("the rule is %s", h.cards.places[0].Rule)
				}
			})
		}
	}
}
