package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"platen/internal/testkit/peers"
	"platen/job"
	"platen/site"
)

// cupsPrints prints as a user with CUPS' own backend.
func (h *house) cupsPrints(user, path string) {
	h.t.Helper()
	n := len(h.jobs())
	cmd := exec.CommandContext(inTime(h.t), "/usr/lib/cups/backend/lpd", "1", user, "Secret plans", "1", "")
	cmd.Stdin = open(h.t, path)
	cmd.ExtraFiles = channels(h.t)
	cmd.Env = append(os.Environ(), "DEVICE_URI="+h.demo.Secure, "PRINTER=test", "CONTENT_TYPE=application/octet-stream")
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("%v\n%s", err, out)
	}
	await(h.t, "the job is there", func() bool { return len(h.jobs()) == n+1 })
}

// tray is what a person with this card is asked about.
func (h *house) tray(card string) (session string, found []job.Found) {
	h.t.Helper()
	session = h.session(card)
	if code := h.call("GET", session+"/unclaimed", nil, &found); code != http.StatusOK {
		h.t.Fatalf("unclaimed: %d", code)
	}
	return session, found
}

// A Mac prints under its local account, which nobody here has. Anna, who has
// printed from there before, says at the terminal that it is hers; the next one is
// hers by itself.
func TestFlowUnclaimedIsClaimed(t *testing.T) {
	h := startDemo(t, "")
	t.Logf("peers: /usr/lib/cups/backend/lpd of %s, rlpr %s", peers.Version("cups"), peers.Version("rlpr"))
	first, sumFirst := document(t, 3000)
	h.must("send", "--to", h.demo.Secure, "--user", "anna", first)
	mac, sumMac := document(t, 4000)
	h.cupsPrints("macuser", mac)
	if _, found := h.tray(annasCard); len(found) != 0 {
		t.Fatalf("nobody is asked before an administrator says so: %+v", found)
	}
	h.must("owner", "unclaimed", "ask", "--queue", "secure", "--remember", "yes")
	if _, found := h.tray(bensCard); len(found) != 0 {
		t.Fatalf("Ben has never printed from there: %+v", found)
	}
	session, found := h.tray(annasCard)
	if len(found) != 1 || found[0].Claimed != "macuser" || found[0].Title != "" || found[0].Address != "127.0.0.1" || !found[0].Remember {
		t.Fatalf("Anna is asked about %+v", found)
	}
	id := found[0].ID
	text := h.must("job", "show", fmt.Sprint(id))
	if !strings.Contains(text, "Whoever is asked at a terminal and says that it is theirs.") || !strings.Contains(text, fmt.Sprintf("owner explain --job %d", id)) {
		t.Errorf("job show:\n%s", text)
	}
	var got struct{ Remembered bool }
	if code := h.call("POST", session+"/claim", map[string]any{"job": id, "remember": true}, &got); code != http.StatusOK || !got.Remembered {
		t.Fatalf("claim: %d, %+v", code, got)
	}
	if code := h.call("POST", session+"/claim", map[string]any{"job": id}, nil); code != http.StatusNotFound {
		t.Errorf("a second claim: %d", code)
	}
	// By the alias, from another program, and by what CUPS writes for a domain.
	again, sumAgain := document(t, 5000)
	h.cupsPrints(`CORP\MacUser`, again)
	if j := h.jobs()[0]; j.Owner != "anna" {
		t.Errorf("the next one: %+v\n%s", j, h.must("job", "show", fmt.Sprint(j.ID)))
	}
	wants(t, h.dir, exitDone, `is the alias of anna`, "job", "show", fmt.Sprint(h.jobs()[0].ID))
	h.release(annasCard)
	for _, sum := range []string{sumFirst, sumMac, sumAgain} {
		h.awaitPrinted(sum)
	}
	trail := h.must("audit", "list")
	for _, want := range []string{"claim", "macuser", "from now on everything that claims this name", "owner.set"} {
		if !strings.Contains(trail, want) {
			t.Errorf("%q is not in the audit trail:\n%s", want, trail)
		}
	}
	wants(t, h.dir, exitDone, "Said that it is theirs. It had come from 127.0.0.1 and claimed macuser.", "job", "show", fmt.Sprint(id))
	h.end()
}

// rlpr, run by root, says root: that may be Anna's this time, but not for ever.
func TestFlowGenericNameIsNotRemembered(t *testing.T) {
	h := startDemo(t, "")
	t.Log(peers.Version("rlpr"))
	path, _ := document(t, 900)
	h.must("send", "--to", h.demo.Secure, "--user", "anna", path)
	h.must("owner", "unclaimed", "ask", "--queue", "secure", "--remember", "yes")
	host, port, err := net.SplitHostPort(h.demo.LPD)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(inTime(t), "rlpr", "--no-bind", "-H"+host, "--port="+port, "-Psecure", path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if j := h.jobs()[0]; j.Claimed != "root" || j.Owner != "" {
		t.Fatalf("%+v", j)
	}
	session, found := h.tray(annasCard)
	if len(found) != 1 || found[0].Remember {
		t.Fatalf("Anna is asked about %+v", found)
	}
	wants(t, h.dir, exitConflict, "is not one to remember", "job", "assign", fmt.Sprint(found[0].ID), "ben", "--remember")
	var got struct{ Remembered bool }
	if code := h.call("POST", session+"/claim", map[string]any{"job": found[0].ID, "remember": true}, &got); code != http.StatusOK || got.Remembered {
		t.Errorf("claim: %d, %+v", code, got)
	}
	h.end()
}

// What an administrator writes holds for the next job, and says so.
func TestOwnerRules(t *testing.T) {
	h := startDemo(t, "")
	text := h.must("owner", "show", "--queue", "secure")
	for _, want := range []string{"   1. proof of the door (counts as proof)", "PJL USERNAME", "control file", "host table (0 computers)", "alias, login, upn, email", "until an administrator says whose it is"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}

	// SAP's line, a host, and the old pattern in one queue.
	h.must("owner", "pattern", "add", "--queue", "secure", "--preset", "sap")
	h.must("owner", "host", "add", "127.0.0.0/8", "ben", "--queue", "secure")
	h.must("queue", "set", "secure", "--owner-pattern", "^CORP-(.*)$")
	sap := filepath.Join(t.TempDir(), "sap.prn")
	if err := os.WriteFile(sap, []byte("\x1b%-12345X@PJL COMMENT SAP_USER=\"ANNA\"\r\n@PJL ENTER LANGUAGE=PCL\r\n\x1bEhello\x1bE"), 0o600); err != nil {
		t.Fatal(err)
	}
	explain := func(want, owner string, args ...string) {
		t.Helper()
		var x explained
		h.json(&x, append([]string{"owner", "explain"}, args...)...)
		if x.Owner != owner || !strings.Contains(x.Rule, want) || len(x.Tried) == 0 {
			t.Errorf("explain %q: %+v", args, x)
		}
	}
	explain("PJL COMMENT Username, by pattern", "anna", "--queue", "secure", "--claimed", "sapadm", "--document", sap)
	explain("the queue's pattern", "ben", "--queue", "secure", "--claimed", "CORP-ben")
	explain("host table", "ben", "--queue", "secure", "--claimed", "sapadm", "--host", "127.3.2.1")
	explain("control file", "anna", "--queue", "secure", "--claimed", `CORP\anna`)
	explain("requesting-user-name", "anna", "--queue", "secure", "--claimed", "anna", "--door", "ipp")
	explain("job-accounting-user-id", "ben", "--queue", "secure", "--claimed", "anna", "--account", "ben", "--door", "ipp")
	explain("has proof", "anna", "--queue", "secure", "--claimed", "ben", "--proven", "anna")
	explain("PJL USERNAME", "anna", "--queue", "secure", "--claimed", "ben", "--pjl-user", "Anna")
	explain("Nobody here", "", "--queue", "direct", "--claimed", "sapadm")

	// The same on a job, with its document and without.
	h.must("send", "--to", h.demo.Secure, "--user", "sapadm", sap)
	id := fmt.Sprint(h.jobs()[0].ID)
	explain("PJL COMMENT Username, by pattern", "anna", "--job", id)
	text = h.must("owner", "explain", "--job", id)
	if !strings.Contains(text, "At job "+id+" stands anna:") || !strings.Contains(text, "“ANNA”, that is “anna”, is the login of anna") {
		t.Errorf("explain:\n%s", text)
	}
	h.must("job", "cancel", id)
	await(t, "the document is erased", func() bool {
		return strings.Contains(h.must("owner", "explain", "--job", id), "1 document of it cannot be read any longer")
	})
	explain("host table", "ben", "--job", id)

	// Out and in again is the same; what is wrong is refused with the reason.
	var rules site.OwnerRules
	h.json(&rules, "owner", "show", "--queue", "secure")
	out := h.must("owner", "show", "--queue", "secure", "--json")
	must(t, h.dir, out, "owner", "set", "-", "--queue", "direct")
	if again := h.must("owner", "show", "--queue", "direct", "--json"); again != out {
		t.Errorf("set and shown:\n%s\nwas\n%s", again, out)
	}
	for bad, want := range map[string]string{
		`{"steps":[{"from":"pjl-comment","pattern":"("}]}`:                           "The pattern ( is no regular expression: missing closing ).",
		`{"steps":[{"from":"pjl-comment","pattern":"(a)(b)"}]}`:                      "has 2 groups and needs exactly one",
		`{"steps":[{"from":"pjl-set:"}]}`:                                            `no step "pjl-set:"`,
		`{"steps":[{"from":"guess"}]}`:                                               `no step "guess"`,
		`{"steps":[{"from":"banner"},{"from":"proof"}]}`:                             "goes before what is only claimed",
		`{"steps":[{"from":"proof","pattern":"(x)"}]}`:                               "takes no pattern",
		`{"steps":[{"from":"pattern"}]}`:                                             "needs a pattern",
		`{"hosts":[{"client":"10.0.0.300","user":"ben"}]}`:                           "is no address",
		`{"hosts":[{"client":"10.0.0.3"}]}`:                                          "The login is missing",
		`{"strip":"some"}`:                                                           "only like all, none or listed",
		`{"strip":"listed"}`:                                                         "The list is empty",
		`{"match":["login","login"]}`:                                                "stands there twice",
		`{"unclaimed":"give"}`:                                                       "only like hold or ask",
		`{"remember":true}`:                                                          "need unclaimed jobs that people are asked for",
		`{"replace":[{"pattern":"[","with":""}]}`:                                    "is no regular expression: missing closing ] [.",
		`{"steps":[{"from":"banner","pattern":"` + strings.Repeat("a", 501) + `"}]}`: "1 to 500 characters",
	} {
		a := platen(bad, "owner", "set", "-", "--queue", "direct", "--dir", h.dir)
		if a.code != exitFailed || !strings.Contains(a.err, want) {
			t.Errorf("%s: exit %d: %s", bad, a.code, a.err)
		}
	}
	for bad, code := range map[string]int{`{"hosts":[{"client":"10.0.0.3","user":"nobody"}]}`: exitNotFound, `{"stepz":[]}`: exitUsage, `{} {}`: exitUsage, ``: exitUsage} {
		if a := platen(bad, "owner", "set", "-", "--queue", "direct", "--dir", h.dir); a.code != code {
			t.Errorf("%s: exit %d: %s", bad, a.code, a.err)
		}
	}
	wants(t, h.dir, exitUsage, "has no pattern", "owner", "pattern", "remove", "1", "--queue", "secure")
	wants(t, h.dir, exitConflict, "is that of ben already", "owner", "host", "add", "127.0.0.0/8", "anna", "--queue", "secure")
	wants(t, h.dir, exitNotFound, "There is no user nobody.", "owner", "host", "add", "127.0.0.9", "nobody", "--queue", "secure")
	wants(t, h.dir, exitNotFound, "do not speak of a computer", "owner", "host", "remove", "127.0.0.9", "--queue", "secure")
	wants(t, h.dir, exitUsage, "which queue?", "owner", "show")
	h.must("owner", "pattern", "remove", "3", "--queue", "secure") // the queue's old one
	h.must("owner", "host", "remove", "127.0.0.0/8", "--queue", "secure")
	h.must("owner", "reset", "--queue", "secure")
	if h.must("queue", "show", "secure", "--json"); !strings.Contains(h.must("owner", "show", "--queue", "secure"), "   3. job-accounting-user-id") {
		t.Error("reset left something")
	}
	h.end()
}

// A job that is given away by hand can be remembered too.
func TestOwnerAssignRemembers(t *testing.T) {
	h := startDemo(t, "")
	path, _ := document(t, 800)
	send := func() string {
		h.must("send", "--to", h.demo.Secure, "--user", `LAB\macuser`, path)
		return fmt.Sprint(h.jobs()[0].ID)
	}
	h.must("job", "assign", send(), "ben", "--remember")
	if wants(t, h.dir, exitDone, "Its owner is ben", "job", "show", send()); t.Failed() {
		t.Log(h.must("user", "show", "ben"))
	}
	h.end()
}

// accountTest prints for somebody else than the user of the computer (PWG 5100.3).
const accountTest = `{
	NAME "Print for another"
	OPERATION Print-Job
	GROUP operation-attributes-tag
	ATTR charset attributes-charset utf-8
	ATTR language attributes-natural-language en
	ATTR uri printer-uri $uri
	ATTR name requesting-user-name anna
	ATTR mimeMediaType document-format text/plain
	GROUP job-attributes-tag
	ATTR name job-accounting-user-id ben
	FILE $filename
	STATUS successful-ok
}
`

// job-accounting-user-id is asked before requesting-user-name, unless a queue says
// otherwise.
func TestOwnerByAccountingUser(t *testing.T) {
	h := startDemo(t, "")
	t.Logf("peer: /usr/bin/ipptool of %s", peers.Version("cups-ipp-utils"))
	path, _ := document(t, 300)
	file := filepath.Join(t.TempDir(), "account.test")
	if err := os.WriteFile(file, []byte(accountTest), 0o600); err != nil {
		t.Fatal(err)
	}
	send := func() jobLine {
		t.Helper()
		if out, err := exec.CommandContext(inTime(t), "ipptool", "-tv", "-T", "30", "-f", path, h.demo.IPP, file).CombinedOutput(); err != nil {
			t.Fatalf("ipptool: %v\n%s", err, out)
		}
		return h.jobs()[0]
	}
	if j := send(); j.Owner != "ben" || j.Claimed != "anna" {
		t.Errorf("%+v\n%s", j, h.must("owner", "explain", "--job", fmt.Sprint(j.ID)))
	}
	must(t, h.dir, `{"steps":[{"from":"requesting-user-name"}]}`, "owner", "set", "-", "--queue", "secure")
	if j := send(); j.Owner != "anna" {
		t.Errorf("%+v\n%s", j, h.must("owner", "explain", "--job", fmt.Sprint(j.ID)))
	}
	h.end()
}
