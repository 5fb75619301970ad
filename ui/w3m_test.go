//go:build linux

package ui

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/job"
)

// w3m shows a page as text, with the cookies that the test's browser has. It
// checks the certificate like any client that was given the CA file.
func w3m(t *testing.T, h *house, path string) string {
	t.Helper()
	var cookies []string
	for _, c := range h.jar.Cookies(h.request("GET", "/t/lobby/", nil, nil).URL) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	ch, err := chain()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "w3m", "-dump", "-T", "text/html", "-cols", "100", "-I", "UTF-8", "-O", "UTF-8",
		"-o", "ssl_verify_server=1", "-o", "ssl_ca_file="+ch.CAFile, "-header", "Cookie: "+strings.Join(cookies, "; "), strings.Replace(h.http.URL, "127.0.0.1", "localhost", 1)+path) // w3m knows no addresses in certificates
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "LANG=C.UTF-8")
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("w3m %s: %v\n%s", path, err, out)
	}
	return string(out)
}

// Somebody without a graphical browser signs in, prints and leaves: by keys
// alone, in a browser that nobody here wrote and that knows no script.
func TestW3mSignInAndRelease(t *testing.T) {
	h := newHouse(t)
	ch, err := chain()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "w3m", "-T", "text/html", "-I", "UTF-8", "-O", "UTF-8", "-cookie", "-o", "meta_refresh=1",
		"-o", "ssl_verify_server=1", "-o", "ssl_ca_file="+ch.CAFile, strings.Replace(h.http.URL, "127.0.0.1", "localhost", 1)+"/t/lobby/enrol?secret=first-secret")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "LANG=C.UTF-8", "TERM=xterm")
	p := start(t, cmd)
	p.wait("Hold your card to the reader")
	h.desk.took()
	p.press("/Hold your\r")
	p.press("\t\r") // the field after it
	p.wait("Password:")
	p.press("04A1B2C3D4\r")
	p.wait("**********")
	p.press("\t\r") // the button after it
	p.waitDrawn("Your documents")
	p.press("/Print all\r")
	p.press("\r")
	p.waitDrawn("Your documents are on their way")
	if took := h.desk.took(); !slices.Equal(took, []string{"sign in card-or-pin ", "release all [101 102 103] copies=0 sides="}) {
		t.Errorf("asked the desk for %q", took)
	}
	h.desk.becomes(job.StatusPrinted, "")
	p.waitDrawn("Please take your paper") // it looks again by itself
	p.press("/Sign out\r")
	p.press("\r")
	p.waitDrawn("You are signed out.")
	if took := h.desk.took(); !slices.Equal(took, []string{"sign out anna"}) {
		t.Errorf("asked the desk for %q", took)
	}
}

// A card at a reader beside the terminal is noticed by a browser without scripts.
func TestW3mNoticesACardAtAReader(t *testing.T) {
	h := newHouse(t)
	ch, err := chain()
	if err != nil {
		t.Fatal(err)
	}
	h.change(func() { h.desk.reader = true })
	cmd := exec.CommandContext(t.Context(), "w3m", "-T", "text/html", "-I", "UTF-8", "-O", "UTF-8", "-cookie", "-o", "meta_refresh=1",
		"-o", "ssl_verify_server=1", "-o", "ssl_ca_file="+ch.CAFile, strings.Replace(h.http.URL, "127.0.0.1", "localhost", 1)+"/t/lobby/enrol?secret=first-secret")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "LANG=C.UTF-8", "TERM=xterm")
	p := start(t, cmd)
	p.wait("Hold your card to the reader")
	h.desk.show("04A1B2C3D4")
	p.waitDrawn("Your documents")
}

// Every page says in text what it says in pictures.
func TestW3mReadsEveryPage(t *testing.T) {
	want := map[string][]string{
		"idle":     {"Ricoh, 2nd floor", "Hold your card to the reader", "User name and password", "User name and PIN", "Deutsch"},
		"idle-pin": {"or type your PIN", "You are signed out."}, "idle-trouble": {"The device does not answer at the moment."},
		"idle-reader": {"Hold your card to the reader", "PIN, password or code"}, "card-or-pin": {"or type your PIN", "User name and password"},
		"card-reader": {"This card is new here", "User name", "Password, PIN or code"},
		"password":    {"User name", "Password", "Sign in", "Use a PIN instead"}, "pin": {"User name", "PIN", "Use a code instead"},
		"code":      {"A code that works once", "Code", "Sign in", "Use a PIN instead"},
		"jobs":      {"Anna Bell", "Sign out", "Print all 3", "Did it print?", "Contract, all appendices", "Train ticket Würzburg–Ulm", "black and white"},
		"jobs-kept": {"Kept longer."}, "jobs-empty": {"Nothing is waiting for you."},
		"job":           {"Quarterly figures", "Copies", "Sides", "24 pages · 2 copies · colour · both sides · 185 kB"},
		"job-uncertain": {"Did this document print?", "Yes, it is complete", "No, print it again"},
		"job-printed":   {"Print again", "Delivered; printing was not confirmed."}, "job-arriving": {"It is still arriving."},
		"jobs-pin":    {"Print all without a PIN", "Print selected", "Train ticket Würzburg–Ulm", "Needs its PIN."},
		"job-pin":     {"Train ticket", "PIN of the document", "Print"},
		"status-pin":  {"Please take your paper", "2 documents were left because they need their PIN."},
		"status-busy": {"on their way", "Is being printed"}, "status-paper": {"Is being printed · The device needs paper."},
		"status-done": {"Please take your paper", "signed out in 10 seconds"},
		"status-bad":  {"Not everything was printed", "Held again"}, "still": {"Are you still there?", "Stay signed in"},
		"jobs-unclaimed":      {"There is more that may be yours."},
		"unclaimed":           {"Is one of these yours?", "Printed by macuser", "MacBook-7 (192.0.2.31)", "It came from a computer that you have printed from.", "only look like those of yours", "This is mine", "Needs its PIN."},
		"jobs-for":            {"For Dr. Chief", "Print all 3", "Print all 2", "Board meeting, confidential", "For Ward 3: On the way", "Document 204", "Released by ben."},
		"job-for":             {"Board meeting, confidential", "Belongs to", "Dr. Chief"},
		"jobs-asked":          {"Ben Secretary asks to print your documents for you.", "Allow", "Refuse"},
		"reception":           {"A new guest", "Company", "Until", "Eve Example", "ACME", "guest-bcdf", "until 4 Mar 2026, 18:00", "guest of ben", "One more day", "End now", "ended"},
		"delegations":         {"Who may print your documents", "Ben Secretary", "reads the titles", "until you take it back", "Everybody in Ward 3 asks", "Let a colleague print for you", "Dr. Chief"},
		"learn":               {"Rules for card readers", "What the reader sends", "Number of the card", "door, beside Lobby", "Its rule at the moment: trim", "Find the rule", "Wait for a card there", "Many cards at once", "A card without its number"},
		"trust":               {"Trust this node", "for tests, or for devices that you manage", "Fingerprint", "platen-ca.crt", "platen-ca.mobileconfig", "Import-Certificate -FilePath .\\platen-ca.crt -CertStoreLocation Cert:\\LocalMachine\\Root", "update-ca-certificates", "update-ca-trust", "ImportEnterpriseRoots", "ValidateCerts Yes", "Your system"},
		"trust-windows":       {"Trusted Root Certification Authorities", "gpupdate /force", "certutil -addstore -f Root platen-ca.crt", "Other systems"},
		"trust-ios":           {"Settings › General › About › Certificate Trust Settings"},
		"trust-public":        {"Nothing needs to be installed for localhost on devices of the company", "CN=Example Corp CA"},
		"certificates":        {"Certificates", "It ends in 5 days.", "Domains", "print.example.com", "From a company's authority", "For tests or managed devices", "Import a chain", "Password of the file", "Request one from an authority", "waits for the answer of an authority", "Trusted authorities", "Example Corp CA", "directory, mail", "Connection test", "signs now", "How clients trust it"},
		"certificate":         {"web", "shown to clients", "imported", "nothing needs to be installed", "Shown for", "1. CN=print.example.com", "CN=Example Corp CA", "ECDSA P-256", "SHA-256", "Remove"},
		"certificate-request": {"next", "BEGIN CERTIFICATE REQUEST", "Answer of the authority", "Download"},
		"certificate-trusted": {"Example Corp CA", "Directory servers, over LDAPS or StartTLS.", "Trust it no longer"},
		"glass":               {"Whose documents?"}, "error": {"Not found", "Reference for the help desk"}, "not-enrolled": {"not connected"},
		"landing": {"lpd://localhost:5515/secure", "Waits for you at any device.", "Lobby"}, "nowhere": {"There is no such page here."},
		"print":         {"Add a printer", "Add-Printer -IppURL 'https://localhost:5631/ipp/print/secure'", "lpadmin -p secure -E -v ipps://localhost:5631/ipp/print/secure -m everywhere", "secure.mobileconfig", "lpd://localhost:5515/secure", "platen-ca.pem"},
		"print-windows": {"Windows PowerShell"}, "print-ios": {"Profile Downloaded"}, "print-chromeos": {"useDriverlessConfig"},
		"print-own": {"Your own printer", "ipps://localhost:5631/ipp/print/secure/u/"}, "sign-in": {"Sign in", "User name", "Password"},
		"sign-in-ways": {"Without a password", "Sign in with Example ID", "this computer's account"}, "sign-in-no-ticket": {"has shown no ticket of the domain", "User name"},
		"first": {"The first administrator", "The same again", "At least 12 characters."},
	}
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			h := newHouse(t).enrolled()
			text := strings.Join(strings.Fields(w3m(t, h, s.prepare(h))), " ")
			if len(want[s.name]) == 0 {
				t.Fatal("nobody says what this page should say")
			}
			for _, w := range want[s.name] {
				if !strings.Contains(text, w) {
					t.Errorf("%q is not in\n%s", w, text)
				}
			}
		})
	}
}

// Somebody without a graphical browser, by w3m's keys alone.
func TestW3mSignsInAtTheOwnPage(t *testing.T) {
	h := newHouse(t)
	ch, err := chain()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "w3m", "-T", "text/html", "-I", "UTF-8", "-O", "UTF-8", "-cookie", "-o", "ssl_verify_server=1", "-o", "ssl_ca_file="+ch.CAFile,
		strings.Replace(h.http.URL, "127.0.0.1", "localhost", 1)+"/me")
	cmd.Env = append(cmd.Environ(), "HOME="+t.TempDir(), "LANG=C.UTF-8", "TERM=xterm")
	p := start(t, cmd)
	p.wait("User name")
	p.press("\t\t\r") // over the languages' link to the field
	p.wait("TEXT:")
	p.press("anna\r")
	p.press("\t\r")
	p.wait("Password:")
	p.press("anna\r")
	p.press("\t\r")
	p.waitDrawn("Where you are signed in")
	p.press("/Sign out\r")
	p.press("\r")
	p.waitDrawn("You are signed out.")
	if len(h.members.sessions) != 0 {
		t.Error("a session is left")
	}
}
