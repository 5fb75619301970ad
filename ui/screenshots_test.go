package ui

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// The sizes of the panels that the pages are made for.
var panels = []struct {
	name          string
	width, height int64
}{{"800x480", 800, 480}, {"1024x600", 1024, 600}}

// chromium starts a headless browser for the test, with its JavaScript
// switched off: pages of a panel must work without.
func chromium(t *testing.T) context.Context {
	t.Helper()
	ctx := chromiumWithScripts(t)
	if err := chromedp.Run(ctx, emulation.SetScriptExecutionDisabled(true)); err != nil {
		t.Fatal(err)
	}
	return ctx
}

func chromiumWithScripts(t *testing.T) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("hide-scrollbars", false), chromedp.Flag("ignore-certificate-errors", true))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	ctx, timeout := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(timeout)
	return ctx
}

// panel makes the browser as large as a panel.
func panel(t *testing.T, ctx context.Context, width, height int64) {
	t.Helper()
	if err := chromedp.Run(ctx, chromedp.EmulateViewport(width, height)); err != nil {
		t.Fatal(err)
	}
}

// cookies gives the browser what the test's own client has.
func cookies(t *testing.T, ctx context.Context, h *house, more ...*http.Cookie) {
	t.Helper()
	u := h.request("GET", "/t/lobby/", nil, nil).URL
	for _, c := range append(h.jar.Cookies(u), more...) {
		set := network.SetCookie(c.Name, c.Value).WithURL(h.http.URL).WithPath("/t/lobby/").WithSecure(true).WithHTTPOnly(true)
		if err := chromedp.Run(ctx, set); err != nil {
			t.Fatal(err)
		}
	}
}

// TestScreenshots makes a picture of every page when PLATEN_SCREENSHOTS names
// a folder for them: `make screenshots`. Without it the pages are only loaded.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("PLATEN_SCREENSHOTS")
	ctx := chromium(t)
	for _, l := range []string{"en", "de", "he"} {
		for _, p := range panels {
			t.Run(l+" "+p.name, func(t *testing.T) {
				panel(t, ctx, p.width, p.height)
				for _, s := range scenes {
					h := newHouse(t, hebrew).enrolled()
					path := s.prepare(h)
					cookies(t, ctx, h, &http.Cookie{Name: languageCookie, Value: l})
					shoot(t, ctx, h, l, path, dir, filepath.Join(dir, s.name+"-"+l+"-"+p.name+".png"))
				}
			})
		}
	}
}

func shoot(t *testing.T, ctx context.Context, h *house, language, path, dir, file string) {
	t.Helper()
	var png []byte
	url := h.http.URL + path
	if path == "/" || path == "/nowhere" {
		url += "?lang=" + language
	}
	err := chromedp.Run(ctx, chromedp.Navigate(url), chromedp.CaptureScreenshot(&png))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, png, 0o644); err != nil {
		t.Fatal(err)
	}
}
