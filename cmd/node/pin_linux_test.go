package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"platen/internal/testkit/peers"
	"platen/job"
)

// pinTest is print-job-password.test of CUPS with a PIN of the test.
const pinTest = `{
	NAME "Print file with job-password"
	OPERATION Print-Job
	GROUP operation-attributes-tag
	ATTR charset attributes-charset utf-8
	ATTR language attributes-natural-language en
	ATTR uri printer-uri $uri
	ATTR name requesting-user-name anna
	ATTR mimeMediaType document-format text/plain
%s	GROUP job-attributes-tag
	ATTR integer copies 1
	FILE $filename
	STATUS %s
}
`

// thePIN is long enough to be nowhere by chance.
const thePIN = "8520741963"

// TestPINPrinting: a job that ipptool prints with a PIN over TLS stays when
// everything is released, and comes out with its PIN; in clear text it is refused.
func TestPINPrinting(t *testing.T) {
	h := startDemo(t, "")
	t.Logf("peer: /usr/bin/ipptool of %s", peers.Version("cups-ipp-utils"))
	dir := t.TempDir()
	path, sum := document(t, 2000)
	sha := sha256.Sum256([]byte(thePIN))
	hashed := hex.EncodeToString(sha[:]) // ipptool crashes when it is given octets as <...>
	send := func(uri, path, pin, how, status string) {
		t.Helper()
		password := ""
		if pin != "" {
			password = "\tATTR octetString job-password " + pin + "\n\tATTR keyword job-password-encryption " + how + "\n"
		}
		name := filepath.Join(dir, "pin.test")
		if err := os.WriteFile(name, fmt.Appendf(nil, pinTest, password, status), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(inTime(t), "ipptool", "-tv", "-T", "30", "-f", path, uri, name)
		cmd.Env = append(os.Environ(), "HOME="+dir) // it remembers certificates there
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ipptool: %v\n%s", err, out)
		}
	}
	send(h.demo.IPP, path, hashed, "sha2-256", "client-error-not-possible")
	send(h.demo.IPP, path, thePIN, "none", "client-error-not-possible")
	if list := h.jobs(); len(list) != 0 {
		t.Fatalf("a PIN in clear text was listened to: %+v", list)
	}
	ipps := func(uri string) string { // CUPS is content with the certificate of localhost
		return strings.Replace(strings.Replace(uri, "ipp:", "ipps:", 1), "127.0.0.1", "localhost", 1)
	}
	send(ipps(h.demo.IPPS), path, hashed, "sha2-256", "successful-ok")
	pinned := h.jobs()[0]
	// A queue that holds nothing holds a PIN.
	send(ipps(h.demo.IPPNow), path, thePIN, "none", "successful-ok")
	direct := h.jobs()[0]
	for _, j := range []jobLine{pinned, direct} {
		if j.State != "pending-held" || j.Owner != "anna" || !slices.Equal(j.Reasons, []job.Reason{job.HeldForRelease, job.PasswordWait}) {
			t.Fatalf("held: %+v", j)
		}
	}

	release := func(session string, body map[string]any) (code, left int) {
		t.Helper()
		var said struct {
			NeedPINs int `json:"need_pins"`
		}
		code = h.call("POST", session+"/release", body, &said)
		return code, said.NeedPINs
	}
	session := h.session(annasCard)
	if code, _ := release(session, map[string]any{"jobs": "all"}); code != http.StatusForbidden {
		t.Errorf("release all, and all needs its PIN: %d", code)
	}
	plain, plainSum := document(t, 100)
	send(h.demo.IPP, plain, "", "", "successful-ok")
	if code, left := release(session, map[string]any{"jobs": "all"}); code != http.StatusAccepted || left != 2 {
		t.Errorf("release all: %d, %d were left", code, left)
	}
	h.awaitPrinted(plainSum)
	for i, pin := range []string{"", "0000", hashed, thePIN[1:], thePIN} {
		want := http.StatusForbidden
		if i == 4 { // after three wrong ones
			want = http.StatusTooManyRequests
		}
		if code, _ := release(session, map[string]any{"jobs": []int64{direct.ID}, "pin": pin}); code != want {
			t.Errorf("with the PIN %q: %d, want %d", pin, code, want)
		}
	}
	h.end()

	// Throttle and PIN outlive a restart.
	h = startDemo(t, h.dir)
	session = h.session(annasCard)
	if code, _ := release(session, map[string]any{"jobs": []int64{direct.ID}, "pin": thePIN}); code != http.StatusTooManyRequests {
		t.Errorf("after three wrong PINs and a restart: %d", code)
	}
	if slices.Contains(h.printed(), sum) || len(h.inState("pending-held")) != 2 {
		t.Fatalf("printed without its PIN: %+v", h.jobs())
	}
	id := strconv.FormatInt(pinned.ID, 10)
	if code, _ := release(session, map[string]any{"jobs": []int64{pinned.ID}, "pins": map[string]string{id: thePIN}}); code != http.StatusAccepted {
		t.Fatalf("with its PIN: %d", code)
	}
	h.awaitPrinted(sum)
	h.awaitState(pinned.ID, "completed")
	h.awaitState(direct.ID, "pending-held")

	// What people are shown has neither PIN nor verifier.
	glass := strconv.FormatInt(direct.ID, 10)
	shown := h.must("job", "show", glass, "--json")
	shown += h.must("job", "release", glass, "--device", "folder", "--reason", "she is ill")
	shown += h.must("job", "show", id, "--json") + h.must("job", "show", id) + h.must("job", "show", glass) + h.must("job", "list", "--all", "--json") + h.must("audit", "list")
	for _, want := range []string{"Its PIN was given.", "without its owner and without its PIN, for this reason: she is ill", "without its PIN: she is ill", "job-password yes"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in\n%s", want, shown)
		}
	}
	for _, secret := range []string{thePIN, "argon2", hashed} {
		if strings.Contains(shown+h.log.String()+h.out.String(), secret) {
			t.Errorf("%q is shown to people", secret)
		}
	}
	h.end()
}

// session signs a person in with a card and returns the path of the session.
func (h *house) session(card string) string {
	h.t.Helper()
	var s struct{ Session string }
	if code := h.call("POST", "sessions", map[string]string{"method": "card", "value": card}, &s); code != http.StatusCreated {
		h.t.Fatalf("sign-in: %d", code)
	}
	return "sessions/" + s.Session
}
