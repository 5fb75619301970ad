package ui

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"platen/job"
)

// look returns what the browser shows: its path and text.
func look(t *testing.T, ctx context.Context, h *house) (path, text string) {
	t.Helper()
	var at string
	if err := chromedp.Run(ctx, chromedp.WaitReady("main"), chromedp.Location(&at), chromedp.Text("body", &text)); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(at, h.http.URL), text
}

// run does one step in the browser.
func run(t *testing.T, ctx context.Context, what string, steps ...chromedp.Action) {
	t.Helper()
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	if err := chromedp.Run(ctx, steps...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// until waits until the browser shows the text.
func until(t *testing.T, ctx context.Context, text string) {
	t.Helper()
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	xpath := `//body[contains(normalize-space(.), "` + text + `")]`
	if err := chromedp.Run(ctx, chromedp.WaitReady(xpath, chromedp.BySearch)); err != nil {
		var body string
		_ = chromedp.Run(ctx, chromedp.Text("body", &body))
		t.Fatalf("%q never came: %v\n%s", text, err, body)
	}
}

// type types like a card reader: into whatever has the focus.
func wedge(text string) chromedp.Action { return chromedp.KeyEvent(text + kb.Enter) }

// A person with a card signs in, looks, prints and leaves, at both sizes of
// panel, in a browser whose JavaScript is switched off.
func TestChromiumSignInAndRelease(t *testing.T) {
	ctx := chromium(t)
	for _, p := range panels {
		t.Run(p.name, func(t *testing.T) {
			panel(t, ctx, p.width, p.height)
			h := newHouse(t)
			run(t, ctx, "enrol", chromedp.Navigate(h.http.URL+"/t/lobby/enrol?secret=first-secret"))
			until(t, ctx, "Hold your card to the reader")
			if path, _ := look(t, ctx, h); path != "/t/lobby/" {
				t.Errorf("the secret is still in the address: %s", path)
			}
			run(t, ctx, "swipe", wedge("04A1B2C3D4"))
			until(t, ctx, "Your documents")
			run(t, ctx, "choose", chromedp.Click("#j102", chromedp.ByQuery))
			// A double reading while the box has the focus must print nothing.
			run(t, ctx, "second reading", wedge("04A1B2C3D4"))
			run(t, ctx, "the list anew", chromedp.WaitReady("#j102:not(:checked)", chromedp.ByQuery))
			until(t, ctx, "Your documents")
			if took := h.desk.took(); slices.ContainsFunc(took, func(c string) bool { return strings.HasPrefix(c, "release") }) {
				t.Errorf("a second reading made it %q", took)
			}
			run(t, ctx, "print selected", chromedp.Click("#j102", chromedp.ByQuery), chromedp.Click(`button[value=release]`, chromedp.ByQuery))
			until(t, ctx, "Your documents are on their way")
			if took := h.desk.took(); len(took) != 1 || took[0] != "release [102] copies=0 sides=" {
				t.Errorf("asked the desk for %q", took)
			}
			h.desk.becomes(job.StatusPrinted, "")
			until(t, ctx, "Please take your paper") // the page looks again by itself
			run(t, ctx, "sign out", chromedp.Click(`header button`, chromedp.ByQuery))
			until(t, ctx, "You are signed out.")
		})
	}
}

// Someone else's card at a page that is still open changes the person.
func TestA42NextPersonsCardInChromium(t *testing.T) {
	ctx := chromium(t)
	h := newHouse(t)
	run(t, ctx, "enrol", chromedp.Navigate(h.http.URL+"/t/lobby/enrol?secret=first-secret"))
	until(t, ctx, "Hold your card")
	run(t, ctx, "anna", wedge("04A1B2C3D4"))
	until(t, ctx, "Anna Bell")
	run(t, ctx, "ben", wedge("04E5F60718"))
	until(t, ctx, "Es wartet nichts auf Sie.") // in his language
	if _, text := look(t, ctx, h); strings.Contains(text, "Anna") {
		t.Errorf("anna is still there:\n%s", text)
	}
}

// Tapping beside everything keeps the field for the card in focus.
func TestTappingTheIdleScreenKeepsTheFocus(t *testing.T) {
	ctx := chromium(t)
	for _, p := range panels {
		panel(t, ctx, p.width, p.height)
		h := newHouse(t)
		run(t, ctx, "enrol", chromedp.Navigate(h.http.URL+"/t/lobby/enrol?secret=first-secret"))
		until(t, ctx, "Hold your card")
		run(t, ctx, "tap", chromedp.MouseClickXY(float64(p.width)/4, float64(p.height)*0.9), chromedp.MouseClickXY(float64(p.width)*0.8, float64(p.height)*0.3))
		run(t, ctx, "swipe", wedge("04A1B2C3D4"))
		until(t, ctx, "Anna Bell")
	}
}

// Pages that only a form leads to.
func TestScreenshotsBehindForms(t *testing.T) {
	ctx := chromium(t)
	for _, l := range []string{"en", "de"} {
		for _, p := range panels {
			t.Run(l+" "+p.name, func(t *testing.T) {
				panel(t, ctx, p.width, p.height)
				say := func(en, de string) string { return map[string]string{"en": en, "de": de}[l] }
				h := newHouse(t)
				h.change(func() { h.desk.terminal.Language = l })
				run(t, ctx, "enrol", chromedp.Navigate(h.http.URL+"/t/lobby/enrol?secret=first-secret"))
				until(t, ctx, say("Hold your card", "Karte an den Leser"))
				run(t, ctx, "unknown card", wedge("CAFE0001"))
				until(t, ctx, say("This card is new here", "Diese Karte ist hier neu"))
				keep(t, ctx, "card-"+l+"-"+p.name)
				run(t, ctx, "register", chromedp.SendKeys("#user", "anna", chromedp.ByQuery), chromedp.SendKeys("#secret", "wrong"+kb.Enter, chromedp.ByQuery))
				run(t, ctx, "refused", chromedp.WaitReady(".notice.bad"))
				keep(t, ctx, "card-wrong-"+l+"-"+p.name)
				run(t, ctx, "register", chromedp.SendKeys("#user", "anna", chromedp.ByQuery), chromedp.SendKeys("#secret", "anna"+kb.Enter, chromedp.ByQuery))
				until(t, ctx, "Anna Bell")
				run(t, ctx, "nothing chosen", chromedp.Click(`button[value=delete]`, chromedp.ByQuery))
				run(t, ctx, "refused", chromedp.WaitReady(".notice.bad"))
				keep(t, ctx, "jobs-nothing-chosen-"+l+"-"+p.name)
				run(t, ctx, "delete", chromedp.Click("#j101", chromedp.ByQuery), chromedp.Click("#j103", chromedp.ByQuery), chromedp.Click(`button[value=delete]`, chromedp.ByQuery))
				until(t, ctx, say("Delete 2 documents?", "2 Dokumente löschen?"))
				keep(t, ctx, "confirm-"+l+"-"+p.name)
				h.unclaimed()
				run(t, ctx, "unclaimed", chromedp.Navigate(h.http.URL+"/t/lobby/unclaimed"), chromedp.Click(`.more button`, chromedp.ByQuery))
				until(t, ctx, say("Is this document yours?", "Gehört dieses Dokument Ihnen?"))
				keep(t, ctx, "claim-"+l+"-"+p.name)
				run(t, ctx, "claim", chromedp.Click(`button[value=claim]`, chromedp.ByQuery))
				until(t, ctx, say("It is yours now.", "Es gehört jetzt Ihnen."))
				h.pinned(102, 103)
				run(t, ctx, "with PINs", chromedp.Navigate(h.http.URL+"/t/lobby/jobs"), chromedp.Click("#j101", chromedp.ByQuery),
					chromedp.Click("#j102", chromedp.ByQuery), chromedp.Click("#j103", chromedp.ByQuery), chromedp.Click(`button[value=release]`, chromedp.ByQuery))
				until(t, ctx, say("printed only with its PIN", "nur mit seiner PIN gedruckt"))
				keep(t, ctx, "pins-"+l+"-"+p.name)
				run(t, ctx, "a wrong one", chromedp.SendKeys("#pin-102", "1234", chromedp.ByQuery), chromedp.SendKeys("#pin-103", "4321"+kb.Enter, chromedp.ByQuery))
				until(t, ctx, say("That is not the PIN", "Das ist nicht die PIN"))
				keep(t, ctx, "pins-wrong-"+l+"-"+p.name)
				run(t, ctx, "the right ones", chromedp.SendKeys("#pin-102", "1234", chromedp.ByQuery), chromedp.SendKeys("#pin-103", "1234"+kb.Enter, chromedp.ByQuery))
				until(t, ctx, say("on their way", "unterwegs"))
				run(t, ctx, "sign out", chromedp.Click(`header button`, chromedp.ByQuery))
				until(t, ctx, say("You are signed out", "Sie sind abgemeldet"))
				run(t, ctx, "by password", chromedp.Click(`a[href$="with=password"]`, chromedp.ByQuery), chromedp.WaitReady("#secret"),
					chromedp.SendKeys("#user", "hilda", chromedp.ByQuery), chromedp.SendKeys("#secret", "hilda"+kb.Enter, chromedp.ByQuery))
				until(t, ctx, "Hilda Desk")
				run(t, ctx, "glass", chromedp.Click(`a[href$="glass"]`, chromedp.ByQuery), chromedp.WaitReady("#user"), chromedp.SendKeys("#user", "anna"+kb.Enter, chromedp.ByQuery))
				until(t, ctx, say("Reason", "Grund"))
				keep(t, ctx, "glass-found-"+l+"-"+p.name)
			})
		}
	}
}
