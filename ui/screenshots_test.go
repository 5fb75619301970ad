package ui

import (
	"context"
	"encoding/json"
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
		path := "/t/lobby/"
		if c.Name == memberCookie {
			path = "/"
		}
		set := network.SetCookie(c.Name, c.Value).WithURL(h.http.URL).WithPath(path).WithSecure(true).WithHTTPOnly(true)
		if err := chromedp.Run(ctx, set); err != nil {
			t.Fatal(err)
		}
	}
}

// keep writes a picture of what the browser shows into the folder that
// PLATEN_SCREENSHOTS names, as `make screenshots` does; without it, it does
// nothing.
func keep(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("PLATEN_SCREENSHOTS")
	if dir == "" {
		return
	}
	var png []byte
	run(t, ctx, name, chromedp.CaptureScreenshot(&png))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// looks keeps a picture of what the browser shows, and wants it to be as every page is
// to be.
func looks(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	var found string
	run(t, ctx, name, chromedp.WaitReady("main"), chromedp.Evaluate(inspect, &found))
	keep(t, ctx, name)
	var bad []string
	if err := json.Unmarshal([]byte(found), &bad); err != nil || len(bad) > 0 {
		t.Errorf("%s: %q, %v", name, bad, err)
	}
}
