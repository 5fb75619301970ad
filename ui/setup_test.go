package ui

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"platen/site"
)

// Each visitor's own system comes first, and all others are there.
func TestSetUpKnowsTheVisitor(t *testing.T) {
	h := newHouse(t)
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36":                "Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15":        "macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15": "iPhone, iPad",
		"Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36":                 "Android",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36":                 "ChromeOS",
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":      "Linux",
	} {
		p := h.do(h.request("GET", "/print", nil, map[string]string{"User-Agent": agent}))
		p.wants(t, 200, "/print", `<div class="card here"><h2>`+want+"</h2>")
		for _, x := range systems {
			if x.name != want && !strings.Contains(p.body, "<summary>"+x.name+"</summary>") {
				t.Errorf("%s is not there for %s", x.name, want)
			}
		}
	}
	p := h.do(h.request("GET", "/print", nil, map[string]string{"User-Agent": "curl/8.14.1"})) // on a Linux, or anything
	p.wants(t, 200, "", "<h2>Your system</h2>", "<summary>Windows</summary>", "<summary>Linux</summary>")
	p.lacks(t, `class="card here"`, "Other systems", "aria-current", "for=&")
	h.get("/print?for=ios").wants(t, 200, "", `<div class="card here"><h2>iPhone, iPad</h2>`)
}

// Hidden queues and those that take nothing are not told of; what the
// administrator calls the node stands in the addresses.
func TestSetUpShowsWhatThereIs(t *testing.T) {
	h := newHouse(t)
	h.get("/print").wants(t, 200, "", "https://127.0.0.1:5631/ipp/print/secure", "lpd://127.0.0.1:5515/direct", `href="/print/secure.mobileconfig"`, "Make one")
	h.change(func() {
		h.desk.queues[1].IPP.Hidden = true
		h.desk.queues[0].IPP.RequireIdentity = true
		h.server.ClientNames = ClientNames([]string{"192.0.2.7", "*.example.com", "print.example.com"})
		h.server.LPD, h.server.IPP = "", ":631"
	})
	p := h.get("/print")
	p.wants(t, 200, "", "https://print.example.com:631/ipp/print/secure", "ipps://print.example.com/ipp/print/secure", "those of your account here")
	p.lacks(t, "direct", "closed", "LPR", "lpd:")
	h.get("/print/direct.mobileconfig").wants(t, 404, "", "There is no such queue.")
	h.get("/print/closed.mobileconfig").wants(t, 404, "")
	h.change(func() { h.desk.queues = nil })
	h.get("/print").wants(t, 200, "", "There is no queue yet.")
	h.change(func() { h.server.IPP, h.desk.queues = "", []site.Queue{{ID: "q", Name: "q", AcceptJobs: true}} })
	h.get("/print").lacks(t, "ipps:", "/print/mine")
	h.get("/print/q.mobileconfig").wants(t, 400, "", "does not listen for IPP")
}

// Python's plistlib reads the profile, and a second download is the same one.
func TestSetUpProfile(t *testing.T) {
	h := newHouse(t)
	h.change(func() { h.desk.queues[0].IPP.UUID = "6b1f0b3e-2f0e-5d4b-9a55-3f6f0c1e2d3c" })
	p := h.get("/print/SECURE.mobileconfig")
	p.wants(t, 200, "")
	if kind := p.header.Get("Content-Type"); kind != "application/x-apple-aspen-config" {
		t.Errorf("it is %s", kind)
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-c", "import json, plistlib, sys; json.dump(plistlib.loads(sys.stdin.buffer.read()), sys.stdout)")
	cmd.Stdin = strings.NewReader(p.body)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, p.body)
	}
	var got struct {
		PayloadUUID    string
		PayloadContent []struct {
			PayloadType string
			AirPrint    []map[string]any
		}
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	want := `[{"ForceTLS":true,"IPAddress":"127.0.0.1","Port":5631,"ResourcePath":"/ipp/print/secure"}]`
	if air, _ := json.Marshal(got.PayloadContent[0].AirPrint); string(air) != want || got.PayloadContent[0].PayloadType != "com.apple.airprint" {
		t.Errorf("%s, want %s", air, want)
	}
	if again := h.get("/print/secure.mobileconfig"); again.body != p.body {
		t.Error("the second is another profile")
	}
}
