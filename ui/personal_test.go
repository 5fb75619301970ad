package ui

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"platen/directory"
	"platen/fault"
	"platen/site"
)

// fakePersonal keeps addresses in memory, with the people of the desk.
type fakePersonal struct {
	desk *fakeDesk
	now  func() time.Time

	mu      sync.Mutex
	list    []site.Token
	secrets map[string]string // secret to id
}

func (f *fakePersonal) Addresses(_ context.Context, user string) (list []site.Token, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.list {
		if t.Owner == user {
			list = append(list, t)
		}
	}
	return list, nil
}

func (f *fakePersonal) NewAddress(_ context.Context, u directory.User, label, queue string) (site.Token, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := site.Token{ID: fmt.Sprintf("a-%d", len(f.secrets)+1), Kind: site.PersonalURL, Label: label, Queue: queue, Owner: u.ID, Created: f.now()}
	if f.secrets == nil {
		f.secrets = map[string]string{}
	}
	secret := fmt.Sprintf("kT9wq2LJ6mXbR0sVfH4yZc8dGnPaE1uQoW3iB5jK7%02d", len(f.secrets))
	f.secrets[secret], f.list = t.ID, append(f.list, t)
	return t, secret, nil
}

func (f *fakePersonal) RemoveAddress(_ context.Context, u directory.User, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.list, func(t site.Token) bool { return t.ID == id && t.Owner == u.ID })
	if i < 0 {
		return &fault.Error{Op: "fake", Kind: fault.NotFound}
	}
	f.list = slices.Delete(f.list, i, i+1)
	return nil
}

func (f *fakePersonal) Valid(_ context.Context, secret, queue string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.list {
		if t.ID == f.secrets[secret] && t.Queue == queue {
			return nil
		}
	}
	return &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "no"}
}

// address makes one for a user, and returns the page that adds it.
func (f *fakePersonal) address(user, label string) string {
	_, secret, _ := f.NewAddress(context.Background(), directory.User{ID: user}, label, "q-1")
	return setUpPath("secure", secret)
}

var hiddenKey = regexp.MustCompile(`name="key" value="([^"]*)"`)

// postMine sends a form of the person's own page, with its key.
func (h *house) postMine(p pageGot, path string, form url.Values) pageGot {
	h.t.Helper()
	if m := hiddenKey.FindStringSubmatch(p.body); m != nil && !form.Has("key") {
		form.Set("key", m[1])
	}
	return h.post(path, form)
}

// signInMine signs in on the way to the person's own addresses.
func signInMine(h *house, login, password string) pageGot {
	h.t.Helper()
	return h.member(login, password, "/print/mine")
}

// A person makes an address, sees it once, finds it in the list, and removes it.
func TestOwnAddresses(t *testing.T) {
	h := newHouse(t)
	h.get("/print/mine").wants(t, 200, "/sign-in?next=%2Fprint%2Fmine", "User name")
	list := signInMine(h, "anna", "anna")
	list.wants(t, 200, "/print/mine", "Anna Bell", "You have none yet.", `<option value="secure" selected>`)
	list.lacks(t, "closed")
	form := url.Values{"label": {"my <phone>"}, "queue": {"secure"}, "after": {""}}
	made := h.postMine(list, "/print/mine/add", form)
	made.wants(t, 200, "/print/mine/add", "Your new address", "ipps://127.0.0.1:5631/ipp/print/secure/u/kT9w", "<path d=\"M", "shown this once")
	h.postMine(list, "/print/mine/add", form).wants(t, 200, "/print/mine?did=changed", "Nothing was made", "my &lt;phone&gt;", "never used")
	if n := len(h.people.list); n != 1 {
		t.Fatalf("%d addresses", n)
	}
	list = h.get("/print/mine")
	list.lacks(t, "kT9w")
	here := regexp.MustCompile(`href="(/print/secure/u/[^"]+)"`).FindStringSubmatch(made.body)[1]
	h.get(here).wants(t, 200, here, "Your own printer", "-IppURL &#39;https://127.0.0.1:5631/ipp/print/secure/u/")
	h.get(here+"/profile.mobileconfig").wants(t, 200, "", "/ipp/print/secure/u/kT9w")
	h.get(strings.Replace(here, "secure", "direct", 1)).wants(t, 404, "", "not good any longer")
	h.postMine(list, "/print/mine/remove", url.Values{"id": {"a-1"}}).wants(t, 200, "/print/mine?did=removed", "worthless now", "You have none yet.")
	h.get(here).wants(t, 404, "", "not good any longer")
	h.postMine(list, "/sign-out", url.Values{}).wants(t, 200, "/sign-in?out=1", "You are signed out.")
	h.get("/print/mine").wants(t, 200, "/sign-in?next=%2Fprint%2Fmine")
}

// Nobody acts for somebody else: not with another's form, not for an address of
// another person.
func TestOwnAddressesAreOnesOwn(t *testing.T) {
	h := newHouse(t)
	h.people.address("u-ben", "ben's")
	list := signInMine(h, "anna", "anna")
	list.lacks(t, "ben&#39;s")
	h.post("/print/mine/remove", url.Values{"id": {"a-1"}, "key": {"guessed"}}).wants(t, 403, "", "not one of ours")
	h.postMine(list, "/print/mine/remove", url.Values{"id": {"a-1"}})
	if len(h.people.list) != 1 {
		t.Error("anna removed an address of ben's")
	}
}

func TestOwnAddressesHaveLimits(t *testing.T) {
	h := newHouse(t)
	for range mostAddresses {
		h.people.address("u-anna", strings.Repeat("W", 100))
	}
	list := signInMine(h, "anna", "anna")
	list.wants(t, 200, "/print/mine", "as many addresses as one person may have")
	h.postMine(list, "/print/mine/add", url.Values{"queue": {"secure"}, "after": {fmt.Sprintf("a-%d", mostAddresses)}}).wants(t, 409, "", "notice bad")
	h.postMine(list, "/print/mine/add", url.Values{"queue": {"closed"}, "after": {"x"}}).wants(t, 200, "/print/mine?did=changed")
	h.change(func() { h.desk.settings.PersonalURLs = false })
	h.get("/print/mine").wants(t, 404, "", "There are no personal addresses here.")
	h.get("/print").lacks(t, "/print/mine")
}

// zbar, which nobody here wrote, reads the code from the picture that the path
// draws, and from the page in Chromium.
func TestQRCodeIsRead(t *testing.T) {
	const link = "https://print.example.com:5443/print/secure/u/kT9wq2LJ6mXbR0sVfH4yZc8dGnPaE1uQoW3iB5jK700"
	code, err := drawQR(link)
	if err != nil {
		t.Fatal(err)
	}
	const scale = 6
	img := image.NewGray(image.Rect(0, 0, code.Size*scale, code.Size*scale))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	for run := range strings.SplitSeq(strings.TrimSuffix(code.Path, "z"), "z") {
		var x, y, n, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &n, &back); err != nil || n != back {
			t.Fatalf("%q: %v", run, err)
		}
		for py := y * scale; py < (y+1)*scale; py++ {
			for px := x * scale; px < (x+n)*scale; px++ {
				img.SetGray(px, py, color.Gray{})
			}
		}
	}
	file := filepath.Join(t.TempDir(), "qr.png")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := zbar(t, file); got != link {
		t.Errorf("zbar reads %q, want %q", got, link)
	}
}

func zbar(t *testing.T, file string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file).Output()
	if err != nil {
		t.Fatalf("zbarimg: %v %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// phone is as wide as a telephone.
var phone = struct {
	name          string
	width, height int64
}{"390x844", 390, 844}

// Pages that only a sign-in leads to, and those that phones see, in a browser
// without scripts: nothing is wider than the screen, and a camera reads the code.
func TestScreenshotsOfOwnAddresses(t *testing.T) {
	ctx := chromium(t)
	for _, l := range []string{"en", "de"} {
		for _, p := range append(slices.Clone(panels), phone) {
			t.Run(l+" "+p.name, func(t *testing.T) {
				panel(t, ctx, p.width, p.height)
				h := newHouse(t)
				h.change(func() { h.desk.users["anna"].Language = l })
				look := func(name string) { t.Helper(); looks(t, ctx, name+"-"+l+"-"+p.name) }
				if p.name == phone.name {
					for _, system := range systems {
						run(t, ctx, "print", chromedp.Navigate(h.http.URL+"/print?lang="+l+"&for="+system.code))
						look("phone-print-" + system.code)
					}
					run(t, ctx, "landing", chromedp.Navigate(h.http.URL+"/?lang="+l))
					look("phone-landing")
				}
				run(t, ctx, "sign in", chromedp.Navigate(h.http.URL+"/print/mine?lang="+l), chromedp.WaitReady("#user"))
				look("phone-sign-in")
				run(t, ctx, "sign in", chromedp.SendKeys("#user", "anna", chromedp.ByQuery), chromedp.SendKeys("#secret", "anna\r", chromedp.ByQuery), chromedp.WaitReady("#label"))
				look("mine-empty")
				run(t, ctx, "make one", chromedp.SendKeys("#label", "my phone\r", chromedp.ByQuery), chromedp.WaitReady(".qr"))
				look("mine-new")
				var shot []byte
				run(t, ctx, "picture", chromedp.Screenshot(".qr", &shot, chromedp.ByQuery))
				file := filepath.Join(t.TempDir(), "shot.png")
				if err := os.WriteFile(file, shot, 0o600); err != nil {
					t.Fatal(err)
				}
				if got := zbar(t, file); !strings.HasPrefix(got, h.http.URL+"/print/secure/u/kT9w") {
					t.Errorf("a camera reads %q", got)
				}
				run(t, ctx, "add it", chromedp.Click(`.qrtext a.button`, chromedp.ByQuery), chromedp.WaitReady(".chips"))
				look("print-own-linked")
				run(t, ctx, "back", chromedp.Navigate(h.http.URL+"/print/mine?lang="+l), chromedp.WaitReady("#label"))
				look("mine")
				h.member("anna", "anna", "") // another browser of hers
				run(t, ctx, "who am I", chromedp.Click(`.who a`, chromedp.ByQuery), chromedp.WaitReady("form[action^='/me/end']"))
				look("me")
				h.change(func() {
					h.members.ways = Ways{OIDC: "login.microsoftonline.com", Kerberos: true}
					h.members.first = "first-token"
				})
				run(t, ctx, "out", chromedp.Click(`.out button`, chromedp.ByQuery), chromedp.WaitReady("#secret"))
				look("sign-in-out")
				run(t, ctx, "first", chromedp.Navigate(h.http.URL+"/setup?token=first-token&lang="+l), chromedp.WaitReady("#again"))
				look("first")
			})
		}
	}
}
