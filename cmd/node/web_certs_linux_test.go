package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"platen/internal/testkit/peers"
)

// chromium is a browser whose scripts are switched off by nobody: the pages have none.
func chromium(t *testing.T) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("/usr/bin/chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("ignore-certificate-errors", true))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	ctx, timeout := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(timeout)
	if err := chromedp.Run(ctx); err != nil { // the browser ends with the context in which it was started
		t.Fatal(err)
	}
	return ctx
}

// curlSerial asks with curl for a domain at the node's address, and returns how the
// server's certificate is called there, as curl sees it.
func (h *house) curlSerial(domain, ca string) (string, error) {
	h.t.Helper()
	u, err := url.Parse(h.demo.Web)
	if err != nil {
		h.t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(u.Host)
	if host == "localhost" {
		host = "127.0.0.1"
	}
	out, err := exec.CommandContext(inTime(h.t), "curl", "-sS", "-o", os.DevNull, "-w", "%{certs}", "--cacert", ca, "--resolve", domain+":"+port+":"+host, "https://"+domain+":"+port+"/").CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if s, ok := strings.CutPrefix(line, "Serial Number:"); ok {
			return strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(s), ":", "")), err
		}
	}
	return string(out), err
}

// An administrator at a browser that nobody here wrote imports what OpenSSL made and
// shows it for a domain; curl sees it from the next connection on.
func TestCertificatesAtThePageOfTheNode(t *testing.T) {
	t.Log(peers.Version("openssl"), peers.Version("curl"), peers.Version("chromium"))
	dir := t.TempDir()
	s := newSigner(t, dir, "corp")
	const domain = "print.example.com"
	serving := "extendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\nsubjectAltName=DNS:" + domain + "\n"
	s.sign("web", "/CN="+domain, serving, 60)
	s.run("pkcs12", "-export", "-in", s.file("web.crt"), "-inkey", s.file("web.key"), "-certfile", s.file("corp.pem"), "-out", s.file("web.pfx"), "-passout", "pass:Ünïcode-canary")
	_, serial, _ := strings.Cut(strings.TrimSpace(s.run("x509", "-in", s.file("web.crt"), "-noout", "-serial")), "=")

	h := startDemo(t, "")
	h.must("right", "add", "administer", "--user", "ben")
	h.must("cert", "domain", "add", domain)
	if got, err := h.curlSerial(domain, h.demo.CA); err != nil || got == serial {
		t.Fatalf("before: %s %v", got, err)
	}

	ctx := chromium(t)
	run := func(what string, steps ...chromedp.Action) {
		t.Helper()
		ctx, stop := context.WithTimeout(ctx, 30*time.Second)
		defer stop()
		if err := chromedp.Run(ctx, steps...); err != nil {
			var text string
			_ = chromedp.Run(ctx, chromedp.Text("body", &text))
			t.Fatalf("%s: %v\n%s", what, err, text)
		}
	}
	says := func(text string) chromedp.Action {
		return chromedp.WaitReady(`//body[contains(normalize-space(.), "`+text+`")]`, chromedp.BySearch)
	}
	base := strings.TrimSuffix(h.demo.Web, "/")
	form := `form[action^="/certificates/import"] `
	run("sign in", chromedp.Navigate(base+"/me?lang=en"), chromedp.WaitReady("#user"), chromedp.SendKeys("#user", "ben", chromedp.ByQuery), chromedp.SendKeys("#secret", "ben\r", chromedp.ByQuery))
	run("the page", chromedp.WaitReady(`a[href^="/certificates"]`), chromedp.Navigate(base+"/certificates?lang=en"), says(domain))
	imports := func(password string) {
		run("import", chromedp.Evaluate(`document.querySelectorAll('details').forEach(d => d.open = true)`, nil), chromedp.SetValue("#import-name", "web", chromedp.ByQuery),
			chromedp.SetUploadFiles("#import-file", []string{s.file("web.pfx")}, chromedp.ByQuery), chromedp.SendKeys("#import-password", password, chromedp.ByQuery), chromedp.Click(form+"button", chromedp.ByQuery))
	}
	imports("wrong")
	run("refused", says("The password does not open this file"))
	imports("Ünïcode-canary")
	run("taken", says("The chain is imported."), chromedp.Click("#d0", chromedp.ByQuery), chromedp.Click(`form[action^="/certificates/choose"] button`, chromedp.ByQuery), says("is shown from the next connection on"))

	if got, err := h.curlSerial(domain, s.file("corp.pem")); err != nil || got != serial {
		t.Errorf("curl sees %s (%v), want %s", got, err, serial)
	}
	if got, err := h.curlSerial(domain, h.demo.CA); err == nil {
		t.Errorf("who trusts the node's authority alone believes %s", got)
	}
	if _, err := h.curlSerial("localhost", h.demo.CA); err != nil {
		t.Errorf("the node's own: %v", err)
	}
	run("nothing to install", chromedp.Navigate(base+"/trust?lang=en"), says("It is for tests, or for devices that you manage."))

	trail := h.must("audit", "list")
	for _, line := range []string{"cert.server.import", "cert.chain.choose", "user ben"} {
		if !strings.Contains(trail, line) {
			t.Errorf("%s is not in the trail:\n%s", line, trail)
		}
	}
	for _, text := range []string{trail, h.log.String(), h.must("cert", "chain", "show", "web", "--json")} {
		if strings.Contains(text, "canary") || strings.Contains(text, "PRIVATE KEY") {
			t.Error("a secret was told")
		}
	}
	h.end()
}

// The API says what the command says, and does what it does.
func TestCertificatesByAPIOfTheNode(t *testing.T) {
	h := startDemo(t, "")
	dir := t.TempDir()
	s := newSigner(t, dir, "corp")
	const domain = "print.example.com"
	serving := "extendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\nsubjectAltName=DNS:" + domain + "\n"
	both, err := os.ReadFile(s.sign("web", "/CN="+domain, serving, 60))
	if err != nil {
		t.Fatal(err)
	}
	h.must("right", "add", "administer", "--user", "ben")
	h.browser().signIn("ben", "ben").get("/api/v1/certificates").wants(200, "/api/v1/certificates", `"name":"node"`)
	h.browser().signIn("anna", "anna").get("/api/v1/certificates").wants(403, "/api/v1/certificates", "You do not have the right")

	b := h.browser().signIn("ben", "ben")
	key := struct{ Key string }{}
	if err := json.Unmarshal([]byte(b.get("/api/v1/me").body), &key); err != nil {
		t.Fatal(err)
	}
	send := func(method, path, body string) *browser {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, b.base+"/api/v1/certificates"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Platen-Key", key.Key)
		return b.do(r)
	}
	send("POST", "/domains", `{"domain":"`+domain+`"}`).wants(201, "/api/v1/certificates/domains", `"chain":"node"`)
	send("POST", "/import", `{"name":"web","data":"`+base64.StdEncoding.EncodeToString(both)+`","domains":["`+domain+`"]}`).wants(201, "/api/v1/certificates/import", `"from":"imported"`)
	var api, command map[string]any
	for body, to := range map[string]*map[string]any{b.get("/api/v1/certificates/chains/web").body: &api, h.must("cert", "chain", "show", "web", "--json"): &command} {
		if err := json.Unmarshal([]byte(body), to); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
	}
	for name, v := range command {
		x, _ := json.Marshal(v)
		y, _ := json.Marshal(api[name])
		if string(x) != string(y) {
			t.Errorf("%s: the command says %s, the API %s", name, x, y)
		}
	}
	var list, same []map[string]any
	if json.Unmarshal([]byte(b.get("/api/v1/certificates").body), &list) != nil || json.Unmarshal([]byte(h.must("cert", "list", "--json")), &same) != nil || len(list) != len(same) || len(list) < 4 {
		t.Errorf("%v\n%v", list, same)
	}
	send("DELETE", "/chains/web", "").wants(409, "/api/v1/certificates/chains/web", "is shown for "+domain)
	send("DELETE", "/chains/web?insist=true", "").wants(204, "/api/v1/certificates/chains/web")
	if trail := h.must("audit", "list"); !strings.Contains(trail, "cert.chain.remove") || !strings.Contains(trail, "user ben") {
		t.Errorf("%s", trail)
	}
	h.end()
}
