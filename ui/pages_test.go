package ui

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"platen/job"
)

// lightest is the most that one page may weigh, with all it needs.
const lightest = 60_000

// tag is one element of a page.
type tag struct {
	name string
	attr map[string]string
	text string // all text within
}

// parse reads a page into its elements, in order.
func parse(t *testing.T, page string) []*tag {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var all, open []*tag
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			e := &tag{name: tok.Name.Local, attr: map[string]string{}}
			for _, a := range tok.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			all, open = append(all, e), append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, e := range open {
				e.text += string(tok)
			}
		}
	}
}

func (e *tag) is(names ...string) bool { return slices.Contains(names, e.name) }

// What every page owes to people who do not see it, or do not touch it.
func TestAccessibilityOfEveryPage(t *testing.T) {
	for _, language := range []string{"en", "de"} {
		for _, s := range scenes {
			t.Run(s.name+" "+language, func(t *testing.T) {
				h := newHouse(t).enrolled()
				h.change(func() { h.desk.terminal.Language = language })
				path := s.prepare(h)
				p := h.do(h.request("GET", path, nil, map[string]string{"Accept-Language": language}))
				checkPage(t, parse(t, p.body), language)
				if weight := len(p.body) + len(style) + len(icon); weight > lightest {
					t.Errorf("weighs %d octets, want at most %d", weight, lightest)
				}
			})
		}
	}
}

func checkPage(t *testing.T, tags []*tag, language string) {
	t.Helper()
	ids, labels := map[string]int{}, map[string]bool{}
	h1, title, focus := 0, "", 0
	for _, e := range tags {
		if id := e.attr["id"]; id != "" {
			ids[id]++
		}
		if e.is("label") && strings.TrimSpace(e.text) != "" {
			labels[e.attr["for"]] = true
		}
		if _, ok := e.attr["autofocus"]; ok {
			focus++
		}
		switch e.name {
		case "html":
			if e.attr["lang"] != language || e.attr["dir"] == "" {
				t.Errorf("html has %v, want language %s", e.attr, language)
			}
		case "h1":
			h1++
		case "title":
			title = e.text
		}
	}
	if h1 != 1 || strings.TrimSpace(title) == "" || focus > 1 {
		t.Errorf("%d h1, title %q, %d with autofocus", h1, title, focus)
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("id %q stands %d times", id, n)
		}
	}
	for _, e := range tags {
		switch {
		case e.is("input", "select") && e.attr["type"] != "hidden" && !labels[e.attr["id"]] && e.attr["aria-label"] == "":
			t.Errorf("%s %v has no label", e.name, e.attr)
		case e.is("button", "a") && strings.TrimSpace(e.text) == "":
			t.Errorf("%s %v has no text", e.name, e.attr)
		case e.is("img") && e.attr["alt"] == "", e.is("svg") && e.attr["aria-hidden"] == "" && e.attr["role"] == "":
			t.Errorf("%s %v says nothing to who does not see it, and does not say that it is nothing", e.name, e.attr)
		case e.is("script", "style", "font", "marquee"):
			t.Errorf("there is a %s", e.name)
		}
	}
}

func TestFullListIsLight(t *testing.T) {
	h := newHouse(t).enrolled()
	for i := range 200 {
		j := h.desk.jobs["anna"][0]
		j.ID, j.Title = int64(1000+i), strings.Repeat("A very long title ", 12)
		h.change(func() { h.desk.jobs["anna"] = append(h.desk.jobs["anna"], j) })
	}
	p := h.signIn("04A1B2C3D4")
	if weight := len(p.body) + len(style) + len(icon); weight > lightest {
		t.Errorf("weighs %d octets", weight)
	} else {
		t.Logf("a full list weighs %d octets with style and icon", weight)
	}
}

// inspect is run in the browser: every text with its contrast, everything that
// can be touched with its size, and whether the page is wider than the screen.
const inspect = `(() => {
  const rgb = s => (s.match(/[\d.]+/g) || []).map(Number);
  const lum = c => { const f = c.slice(0, 3).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : Math.pow((v + .055) / 1.055, 2.4) }); return .2126 * f[0] + .7152 * f[1] + .0722 * f[2] };
  const back = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0.99) return c } return [255, 255, 255] };
  const seen = e => { const r = e.getBoundingClientRect(); return r.width > 2 && r.height > 2 };
  const bad = []; let texts = 0;
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent.trim()).join('');
    if (own && seen(e) && !e.closest('.hide, .wedge, svg')) {
      texts++;
      const a = lum(rgb(getComputedStyle(e).color)), b = lum(back(e));
      const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
      if (ratio < 4.5) bad.push('contrast ' + ratio.toFixed(2) + ' of "' + own + '"');
    }
  }
  for (const e of document.querySelectorAll('a, button, input, select')) {
    const r = e.getBoundingClientRect();
    if (!seen(e) || e.closest('.hide, .wedge, .cardonly, .doc')) continue;
    const box = e.type === 'checkbox' || e.type === 'radio' ? e.closest('.row').getBoundingClientRect() : r;
    if (box.height < 48 || box.width < 48) bad.push('target ' + box.width + 'x' + box.height + ' of ' + e.outerHTML);
  }
  const d = document.documentElement;
  if (d.scrollWidth > d.clientWidth) bad.push('wider than the screen: ' + d.scrollWidth);
  if (texts < 3) bad.push('only ' + texts + ' texts were looked at');
  return JSON.stringify(bad);
})()`

// Contrast, size of what is touched, and width, as the browser computes them,
// for every page, size and language, right-to-left too. `make screenshots`
// keeps what it saw.
func TestScreenshotsOfEveryPage(t *testing.T) {
	ctx := chromium(t)
	// The inspector itself finds what it is there to find.
	var found string
	run(t, ctx, "inspector", chromedp.Navigate(`data:text/html,<body style="background:white"><p style="color:gray;width:3000px">pale</p><p>b</p><p>c</p><button>x</button>`), chromedp.Evaluate(inspect, &found))
	for _, want := range []string{"contrast 3.95", "target", "wider than the screen"} {
		if !strings.Contains(found, want) {
			t.Errorf("the inspector is blind for %q: %s", want, found)
		}
	}
	for _, p := range panels {
		for _, language := range []string{"en", "de", "he"} {
			t.Run(p.name+" "+language, func(t *testing.T) {
				panel(t, ctx, p.width, p.height)
				for _, s := range scenes {
					h := newHouse(t, hebrew).enrolled()
					path := s.prepare(h)
					cookies(t, ctx, h, &http.Cookie{Name: languageCookie, Value: language})
					url := h.http.URL + path
					if !strings.HasPrefix(path, "/t/") {
						url += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "lang=" + language
					}
					var found, dir string
					run(t, ctx, s.name, chromedp.Navigate(url), chromedp.WaitReady("main"), chromedp.Evaluate(inspect, &found), chromedp.Evaluate(`document.documentElement.dir`, &dir))
					keep(t, ctx, s.name+"-"+language+"-"+p.name)
					var bad []string
					if err := json.Unmarshal([]byte(found), &bad); err != nil {
						t.Fatal(err)
					}
					for _, b := range bad {
						t.Errorf("%s: %s", s.name, b)
					}
					if want := map[bool]string{true: "rtl", false: "ltr"}[language == "he"]; dir != want && s.name != "not-enrolled" {
						t.Errorf("%s runs %s, want %s", s.name, dir, want)
					}
				}
			})
		}
	}
}

// What people named their documents, themselves and their machines.
var naughty = []string{
	`<script>document.title='pwned'</script>`,
	`"><img src=x onerror="document.title='pwned'">`,
	`'><svg/onload=document.title='pwned'>`,
	`</title><script>document.title='pwned'</script>`,
	`</textarea></style></script><script>document.title='pwned'</script>`,
	`javascript:document.title='pwned'`,
	`" autofocus onfocus="document.title='pwned'" x="`,
	`{{.Key}} ${7*7} #{7*7} <%= 7*7 %> {{constructor.constructor('1')()}}`,
	`%s%d%n%!x(MISSING) 100%`,
	"line\r\nSet-Cookie: pwned=1\r\n\r\n<h1>x",
	"\x1b[2J\x1b]0;pwned\x07\x00\x08",
	"\u202Egpj.exe \u2066\u2067", // bidi overrides
	"<meta http-equiv=refresh content='0;url=//evil.example'>",
	"&lt;b&gt; &amp;amp; &#60;",
	strings.Repeat("W", 5000),
	"\xff\xfe invalid",
}

// A55: whatever a document, a person or a device is called, it is shown and
// never run. Scripts are allowed in this browser, so that one could.
func TestA55NaughtyNames(t *testing.T) {
	h := newHouse(t).enrolled()
	var jobs []job.View
	for i, n := range naughty {
		j := h.desk.jobs["anna"][0]
		j.ID, j.Title, j.Queue, j.Text, j.Device = int64(200+i), n, n, n, n
		jobs = append(jobs, j)
	}
	h.change(func() { h.desk.jobs["anna"] = jobs })
	h.change(func() {
		for i, n := range naughty {
			h.desk.tray = append(h.desk.tray, job.Found{View: job.View{ID: int64(300 + i), Queue: n}, Claimed: n, Computer: n, Address: "192.0.2.1", Fits: n, Warning: n, Remember: true})
		}
	})
	h.change(func() { h.desk.users["anna"].FullName = naughty[1] })
	h.change(func() { h.desk.terminal.DeviceName = naughty[3] })
	h.change(func() { h.desk.device.Status.State, h.desk.device.Status.Text = "stopped", naughty[0] })
	h.change(func() { h.desk.queues[0].Info, h.desk.queues[0].Name = naughty[0], naughty[4] })
	idle := h.get("/t/lobby/")
	home := h.get("/")
	list := h.signIn("04A1B2C3D4")
	paths := []string{"/t/lobby/", "/", "/print", "/t/lobby/jobs", "/t/lobby/unclaimed", "/nowhere?x=" + "%3Cscript%3E"}
	for _, j := range jobs {
		paths = append(paths, fmt.Sprintf("/t/lobby/jobs/%d", j.ID))
	}
	for _, p := range []pageGot{idle, home, list, h.get("/t/lobby/unclaimed"), h.post("/t/lobby/claim", url.Values{"do": {"ask"}, "id": {"304"}})} {
		for _, n := range naughty[:7] {
			p.lacks(t, n)
		}
		p.lacks(t, "<script", "<img", "onerror=\"", "evil.example'>")
		if p.header.Get("Set-Cookie") != "" && strings.Contains(p.header.Get("Set-Cookie"), "pwned") {
			t.Error("a title set a cookie")
		}
		parse(t, p.body)
	}
	ctx := chromiumWithScripts(t)
	panel(t, ctx, 800, 480)
	cookies(t, ctx, h)
	for _, path := range paths {
		var title string
		var scripts int
		run(t, ctx, path, chromedp.Navigate(h.http.URL+path), chromedp.WaitReady("main"), chromedp.Title(&title),
			chromedp.Evaluate(`document.querySelectorAll('script, iframe, object, [onload], [onerror], [onfocus], main img').length`, &scripts))
		if title == "pwned" || scripts != 0 {
			t.Errorf("%s: title %q, %d elements that run", path, title, scripts)
		}
	}
}

// A55: nor what somebody types into a form.
func TestA55NaughtyForms(t *testing.T) {
	h := newHouse(t).enrolled()
	h.post("/t/lobby/login", hilda())
	for _, n := range naughty {
		for _, p := range []pageGot{
			h.post("/t/lobby/glass", map[string][]string{"user": {n}, "do": {"find"}}),
			h.post("/t/lobby/jobs/act", map[string][]string{"do": {n}, "id": {n}, "once": {n}, "sides": {n}, "copies": {n}}),
		} {
			if p.status >= 500 {
				t.Errorf("%q got %d", n, p.status)
			}
			p.lacks(t, "<script>document", "<img src=x", "<svg/onload")
			parse(t, p.body)
		}
	}
	if strings.Contains(h.log.String(), "\x1b[2J") {
		t.Error("the log has a terminal escape in it")
	}
}
