package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"platen/directory"
	"platen/directory/cardrule"
	"platen/internal/testkit/peers"
)

// panel is the browser at a terminal.
type panel struct {
	h    *house
	c    *http.Client
	base string
	body string // of the page that it shows
	path string
}

// panel enrols a browser as the terminal.
func (h *house) panel(name string) *panel {
	h.t.Helper()
	text := h.must("terminal", "enrol", name)
	p := &panel{h: h, c: h.client()}
	p.c.Jar, _ = cookiejar.New(nil)
	at := regexp.MustCompile(`(https://\S+/)enrol\S+`).FindStringSubmatch(text)
	p.show(p.c.Get(at[0]))
	p.base = at[1]
	return p
}

func (p *panel) show(res *http.Response, err error) {
	p.h.t.Helper()
	if err != nil {
		p.h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.h.t.Fatal(err)
	}
	p.body, p.path = string(b), res.Request.URL.Path
}

// look loads the idle screen, as it does by itself.
func (p *panel) look() {
	p.h.t.Helper()
	p.show(p.c.Get(p.base))
}

// becomes waits until the screen says something.
func (p *panel) becomes(text string) {
	p.h.t.Helper()
	await(p.h.t, "the panel says "+text, func() bool {
		p.look()
		return strings.Contains(p.body, text)
	})
}

var hidden = regexp.MustCompile(`<input type="hidden" name="(key|card)" value="([^"]*)">`)

// fill sends the form of the page, with what is hidden in it.
func (p *panel) fill(to string, values url.Values) {
	p.h.t.Helper()
	for _, m := range hidden.FindAllStringSubmatch(p.body, -1) {
		values.Set(m[1], m[2])
	}
	p.show(p.c.PostForm(p.base+to, values))
}

// awaitReader waits until a reader is as it should be, and returns it.
func (h *house) awaitReader(name, state string) (v readerView) {
	h.t.Helper()
	await(h.t, name+" says "+state, func() bool {
		h.json(&v, "reader", "show", name)
		return v.State.Text == state
	})
	return v
}

// hears sends a number as a network reader does.
func hears(t *testing.T, from, to, number string) {
	t.Helper()
	cmd := exec.CommandContext(inTime(t), "socat", "-u", "-", "TCP:"+to+",bind="+from)
	cmd.Stdin = strings.NewReader(number + "\r")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("socat: %v: %s", err, out)
	}
}

const (
	waitingForReader = "Waiting for a reader to connect."
	readerConnected  = "A reader is connected."
)

// A reader with a network plug, and the page of its terminal without a script.
func TestNetworkReader(t *testing.T) {
	t.Log(peers.Version("socat"))
	h := startDemo(t, "")
	p := h.panel("panel")
	if !strings.Contains(p.body, `name="code"`) {
		t.Fatalf("no field for a reader that types:\n%s", p.body)
	}
	p.fill("login", url.Values{"code": {h.code("ben")}}) // a code is typed where a reader types
	if !strings.Contains(p.body, "Ben Example") {
		t.Errorf("with a code:\n%s", p.body)
	}
	p.fill("logout", url.Values{})
	h.must("reader", "add", "door", "--kind", "line", "--terminal", "panel", "--address", "127.0.0.1:0", "--prefix", "UID:")
	at := h.awaitReader("door", waitingForReader).State.Listening
	p.becomes("PIN, password or code")

	hears(t, "127.0.0.1", at, "UID:"+annasCard)
	p.becomes("Anna Example")
	if p.path != "/t/panel/jobs" {
		t.Errorf("the panel shows %s", p.path)
	}
	hears(t, "127.0.0.1", at, "UID:"+bensCard)
	p.becomes("Ben Example")
	p.fill("logout", url.Values{})
	p.look()
	if !strings.Contains(p.body, "Hold your card") {
		t.Errorf("after signing out:\n%s", p.body)
	}

	// Changed, switched off, removed: at once.
	h.must("reader", "set", "door", "--prefix", "", "--card-rule", "reverse_bytes")
	at = h.awaitReader("door", waitingForReader).State.Listening
	hears(t, "127.0.0.1", at, "d4c3b2a104")
	p.becomes("Anna Example")
	h.must("reader", "set", "door", "--enabled", "no")
	await(t, "the address is closed", func() bool {
		conn, err := net.Dial("tcp", at)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	h.awaitReader("door", "It is not enabled.")
	p.fill("logout", url.Values{})
	p.becomes(`name="code"`)
	h.must("reader", "remove", "door")
	wants(t, h.dir, exitNotFound, "There is no reader door.", "reader", "show", "door")
	if log := h.log.String(); strings.Contains(log, annasCard) || strings.Contains(log, "d4c3b2a104") {
		t.Error("a card's number is in the log")
	}
	h.end()
}

// reading waits at the API for what a reader has heard.
func (h *house) reading() (r struct {
	Event, Reader string
	Session       struct {
		Session string
		User    struct{ Login string }
	}
}) {
	h.t.Helper()
	await(h.t, "a card", func() bool { return h.call("GET", "reader", nil, &r) == http.StatusOK })
	return r
}

// Two readers call one address; where they call from says beside which terminal they
// stand.
func TestTwoReadersAtTwoTerminals(t *testing.T) {
	t.Log(peers.Version("socat"))
	h := startDemo(t, "")
	port, err := peers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("127.0.0.1:%d", port)
	p := h.panel("panel")
	h.must("reader", "add", "one", "--kind", "line", "--terminal", "panel", "--address", at, "--allow", "127.0.0.2")
	h.must("reader", "add", "two", "--kind", "line", "--terminal", "demo", "--address", at, "--allow", "127.0.0.3")
	wants(t, h.dir, exitConflict, "The reader one has the same address with other settings.", "reader", "add", "three", "--kind", "line", "--terminal", "demo", "--address", at, "--allow", "127.0.0.4", "--terminator", "lf")
	wants(t, h.dir, exitConflict, "Say of both with --allow", "reader", "add", "three", "--kind", "line", "--terminal", "demo", "--address", at)
	await(t, "both are heard together", func() bool {
		return h.awaitReader("one", waitingForReader).State == h.awaitReader("two", waitingForReader).State
	})
	hears(t, "127.0.0.2", at, annasCard)
	hears(t, "127.0.0.3", at, bensCard)
	if r := h.reading(); r.Event != "session" || r.Reader != "two" || r.Session.User.Login != "ben" {
		t.Errorf("terminal demo hears %+v", r)
	}
	p.becomes("Anna Example")
	cmd := exec.CommandContext(inTime(t), "socat", "-u", "-", "TCP:"+at) // from another address
	cmd.Stdin = strings.NewReader(annasCard + "\r")
	_ = cmd.Run()
	h.awaitLog(`reason="address not allowed"`)
	h.end()
}

// A box hears of a card while it waits.
func TestBoxWaitsForACard(t *testing.T) {
	t.Log(peers.Version("socat"))
	h := startDemo(t, "")
	h.must("reader", "add", "door", "--kind", "line", "--terminal", "demo", "--address", "127.0.0.1:0")
	at := h.awaitReader("door", waitingForReader).State.Listening
	heard := make(chan string)
	go func() {
		r := h.reading()
		heard <- r.Event + " " + r.Session.User.Login
	}()
	hears(t, "127.0.0.1", at, bensCard)
	if got := <-heard; got != "session ben" {
		t.Errorf("heard %q", got)
	}
	hears(t, "127.0.0.1", at, "0499887766")
	if r := h.reading(); r.Event != "unknown-card" || r.Session.Session != "" {
		t.Errorf("heard %+v", r)
	}
	if text := h.get("metrics"); !strings.Contains(text, `platen_reader_up{reader="door"} 1`) {
		t.Errorf("/metrics: %s", text)
	}
	h.end()
}

func (h *house) get(path string) string {
	h.t.Helper()
	res, err := h.client().Get(h.demo.Web + path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

// uid is a card that says its number to FF CA 00 00 00.
func uid(t *testing.T, number string) func([]byte) []byte {
	t.Helper()
	b, err := hex.DecodeString(number + "9000")
	if err != nil {
		t.Fatal(err)
	}
	return func(command []byte) []byte {
		if hex.EncodeToString(command) == "ffca000000" {
			return b
		}
		return []byte{0x6D, 0x00}
	}
}

// A card in a reader of this machine opens a session, and taking it out ends it.
func TestA42CardInAPCSCReader(t *testing.T) {
	pcscd, err := peers.StartPCSCD(context.WithoutCancel(t.Context()), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pcscd.Kill)
	t.Logf("with %s, %s", peers.Version("pcscd"), peers.Version("vsmartcard-vpcd"))
	h := startDemo(t, "")
	p := h.panel("panel")
	h.must("reader", "add", "left", "--kind", "pcsc", "--terminal", "panel", "--socket", pcscd.Socket(), "--match", "virtual pcd 00 00")
	h.must("reader", "add", "right", "--kind", "pcsc", "--terminal", "demo", "--socket", pcscd.Socket(), "--match", "virtual pcd 00 01")
	h.awaitReader("left", readerConnected)
	h.awaitReader("right", readerConnected)

	const longCard = "04A1B2C3D4E5F6"
	a := platen(longCard, "card", "add", "anna", "--reader", "left", "--dir", h.dir)
	if a.code != exitDone {
		t.Fatal(a)
	}
	const bens = "DEADBEEF"
	if a := platen(bens, "card", "add", "ben", "--dir", h.dir); a.code != exitDone {
		t.Fatal(a)
	}
	insert := func(slot int, number string) *peers.VirtualCard {
		card, err := pcscd.Insert(context.WithoutCancel(t.Context()), slot, uid(t, number))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(card.Remove)
		return card
	}
	card := insert(0, longCard)
	p.becomes("Anna Example")
	insert(1, bens)
	if r := h.reading(); r.Event != "session" || r.Session.User.Login != "ben" {
		t.Errorf("the other terminal hears %+v", r)
	}
	card.Remove()
	p.becomes("Hold your card to the reader")
	if strings.Contains(p.body, "Anna") {
		t.Errorf("anna is still there:\n%s", p.body)
	}
	h.end()
}

// code makes a code that works once, as the help desk would.
func (h *house) code(login string) string {
	h.t.Helper()
	return regexp.MustCompile(`\b\d{8}\b`).FindString(h.must("code", "add", login))
}

// An unknown card at a reader is registered with a code that works once; after that it
// opens the terminal. One that shows a new number each time is not.
func TestA40UnknownCardIsRegisteredWithACode(t *testing.T) {
	t.Log(peers.Version("socat"))
	h := startDemo(t, "")
	code := h.code("ben")
	p := h.panel("panel")
	h.must("reader", "add", "door", "--kind", "line", "--terminal", "panel", "--address", "127.0.0.1:0", "--card-rule", "hex2dec")
	at := h.awaitReader("door", waitingForReader).State.Listening

	hears(t, "127.0.0.1", at, "0455AA7788")
	p.becomes("This card is new here")
	if strings.Contains(p.body, "55AA") {
		t.Error("the number stands in the page")
	}
	form := p.body
	p.fill("register", url.Values{"user": {"ben"}, "secret": {"27182818"}})
	if strings.Contains(p.body, "Ben") || !strings.Contains(p.body, "did not match") {
		t.Errorf("with a wrong code:\n%s", p.body)
	}
	p.body = form
	p.fill("register", url.Values{"user": {""}, "secret": {code}})
	if p.path != "/t/panel/jobs" || !strings.Contains(p.body, "Ben") {
		t.Errorf("with the code: %s\n%s", p.path, p.body)
	}
	hears(t, "127.0.0.1", at, "0433333333") // the same card at once would be one that still lies there
	hears(t, "127.0.0.1", at, "0455AA7788")
	p.becomes("Ben Example")
	p.fill("logout", url.Values{})
	var cards []directory.Card
	h.json(&cards, "card", "list", "ben")
	if len(cards) != 2 || cards[1].Last != directory.LastDigits("18617104264") {
		t.Errorf("cards: %+v", cards) // the number is the one of the reader's rule
	}

	h.must("reader", "set", "door", "--card-rule", "")
	at = h.awaitReader("door", waitingForReader).State.Listening
	hears(t, "127.0.0.1", at, "08AABBCC")
	p.becomes("shows a new number each time")
	h.end()
}

// From three pairs comes the rule by which a reader that types finds its people.
func TestLearnedRuleAtATerminal(t *testing.T) {
	h := startDemo(t, "")
	// The reader sends UIDs in hexadecimal; the directory has the octets in the other
	// order, in decimal.
	pairs := filepath.Join(t.TempDir(), "pairs.txt")
	if err := os.WriteFile(pairs, []byte("# raw, number\n04A1B2C3 3283263748\n10FF0000 0000065296\n9A00BC01 0029098138\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var rules []found
	h.json(&rules, "card", "learn", pairs)
	if len(rules) == 0 || rules[0].Rule.String() != `reverse_bytes | hex2dec | pad_left(10, "0")` {
		t.Fatalf("rules: %v", rules)
	}
	if a := platen("0012255437", "card", "add", "ben", "--dir", h.dir); a.code != exitDone {
		t.Fatal(a)
	}
	typed := map[string]string{"method": "card", "value": "cd00bb00"} // as the reader types it
	if code := h.call("POST", "sessions", typed, nil); code != http.StatusUnauthorized {
		t.Errorf("before: %d", code)
	}
	wants(t, h.dir, exitDone, "reverse_bytes", "card", "learn", pairs, "--terminal", "demo", "--apply", "1")
	if code := h.call("POST", "sessions", typed, nil); code != http.StatusCreated {
		t.Errorf("after: %d", code)
	}

	// A card that is known, shown once at a reader that sends it the other way round.
	a := platen("D4C3B2A104", "card", "learn", "--login", "anna", "--dir", h.dir)
	if a.code != exitDone || !strings.Contains(a.out, "reverse_bytes") {
		t.Errorf("%+v", a)
	}
	a = platen("D4C3B2A104", "card", "learn", "--login", "ben", "--dir", h.dir)
	if a.code != exitDone || !strings.Contains(a.err, "No rule fits.") {
		t.Errorf("%+v", a)
	}
	wants(t, h.dir, exitUsage, "there is no rule 20", "card", "learn", pairs, "--terminal", "demo", "--apply", "20")
	wants(t, h.dir, exitUsage, "needs one of", "card", "learn")
	wants(t, h.dir, exitUsage, "--apply needs", "card", "learn", pairs, "--apply", "1")
	h.end()
}

// A card that is blocked opens nothing from then on, and who is in with it is out.
func TestBlockedCardIsRefusedAtOnce(t *testing.T) {
	h := startDemo(t, "")
	card := map[string]string{"method": "card", "value": annasCard}
	var s struct{ Session string }
	if code := h.call("POST", "sessions", card, &s); code != http.StatusCreated {
		t.Fatalf("sign-in: %d", code)
	}
	wants(t, h.dir, exitNotFound, "anna has no such card.", "card", "block", "--login", "anna", "--last", "999")
	wants(t, h.dir, exitUsage, "say which card", "card", "block", "--last", "3D4")
	h.must("card", "block", "--login", "anna", "--last", "3d4")
	if code := h.call("GET", "sessions/"+s.Session+"/jobs", nil, nil); code != http.StatusNotFound {
		t.Errorf("her session: %d", code)
	}
	if code := h.call("POST", "sessions", card, nil); code != http.StatusUnauthorized {
		t.Errorf("sign-in with it: %d", code)
	}
	h.must("card", "unblock", "--login", "anna")
	await(t, "it opens again", func() bool { return h.call("POST", "sessions", card, nil) == http.StatusCreated })
	h.end()
}

// A reader that calls over TLS sees the node's certificate; one that is called has the
// key, or the authority, that was named.
func TestReadersOverTLS(t *testing.T) {
	t.Log(peers.Version("socat"))
	h := startDemo(t, "")
	p := h.panel("panel")
	h.must("reader", "add", "door", "--kind", "line", "--terminal", "panel", "--address", "127.0.0.1:0", "--tls", "yes")
	at := h.awaitReader("door", waitingForReader).State.Listening
	send := exec.CommandContext(inTime(t), "socat", "-u", "-", "OPENSSL:"+at+",cafile="+h.demo.CA)
	send.Stdin = strings.NewReader(annasCard + "\r")
	if out, err := send.CombinedOutput(); err != nil {
		t.Fatalf("socat: %v: %s", err, out)
	}
	p.becomes("Anna Example")

	cert, err := peers.NewCertificate(time.Now().AddDate(0, 0, 7), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ca, both := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "reader.pem")
	if err := os.WriteFile(ca, cert.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(both, append(cert.Cert, cert.Key...), 0o600); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(cert.Cert)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	port, err := peers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	box := exec.CommandContext(inTime(t), "socat", "-U", fmt.Sprintf("OPENSSL-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork,verify=0,cert=%s", port, both), "SYSTEM:printf "+bensCard+"'\\r'; sleep 60")
	if err := box.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Process.Kill(); _ = box.Wait() })
	h.must("reader", "add", "hall", "--kind", "line", "--terminal", "demo", "--role", "client", "--address", fmt.Sprintf("127.0.0.1:%d", port), "--tls", "yes")
	h.awaitReader("hall", "The secure connection to the reader failed.") // nobody knows its authority
	if ready := h.get("readyz"); !strings.Contains(ready, `"1 of 2 card readers cannot be used at the moment."`) || !strings.Contains(ready, `"status":"ready"`) {
		t.Errorf("/readyz: %s", ready)
	}
	h.must("reader", "set", "hall", "--fingerprint", strings.Repeat("ab", 32))
	h.awaitLog(fmt.Sprintf("the key of the other side is %x", key))
	h.must("reader", "set", "hall", "--fingerprint", fmt.Sprintf("%X", key))
	h.awaitReader("hall", readerConnected)
	if r := h.reading(); r.Session.User.Login != "ben" || r.Reader != "hall" {
		t.Errorf("heard %+v", r)
	}
	h.must("reader", "set", "hall", "--fingerprint", "")
	h.awaitReader("hall", "The secure connection to the reader failed.")
	h.must("reader", "trust", "hall", ca)
	h.awaitReader("hall", readerConnected)
	h.end()
}

func TestReaderUsage(t *testing.T) {
	h := startDemo(t, "")
	tests := map[string]struct {
		code int
		says string
		argv []string
	}{
		"no kind":          {exitUsage, "needs --kind and --terminal", []string{"--terminal", "demo"}},
		"no terminal":      {exitUsage, "needs --kind and --terminal", []string{"--kind", "pcsc"}},
		"unknown kind":     {exitUsage, "--kind is line or pcsc", []string{"--kind", "usb", "--terminal", "demo"}},
		"unknown terminal": {exitNotFound, "There is no terminal roof.", []string{"--kind", "pcsc", "--terminal", "roof"}},
		"no address":       {exitUsage, "A reader needs an address and a port", []string{"--kind", "line", "--terminal", "demo"}},
		"bad end":          {exitUsage, "The end of a reader's line is", []string{"--kind", "line", "--terminal", "demo", "--address", ":1", "--terminator", "dot"}},
		"bad rule":         {exitUsage, "There is no card number function hex2oct.", []string{"--kind", "pcsc", "--terminal", "demo", "--card-rule", "hex2oct"}},
		"line's flag":      {exitUsage, "a reader of the kind pcsc has", []string{"--kind", "pcsc", "--terminal", "demo", "--address", ":1"}},
		"pcsc's flag":      {exitUsage, "are for readers of the kind pcsc", []string{"--kind", "line", "--terminal", "demo", "--address", ":1", "--match", "x"}},
		"bad removal":      {exitUsage, "--removal is sign-out or nothing", []string{"--kind", "pcsc", "--terminal", "demo", "--removal", "print"}},
		"bad key":          {exitUsage, "64 hexadecimal digits", []string{"--kind", "line", "--terminal", "demo", "--address", ":1", "--tls", "yes", "--fingerprint", "12"}},
		"key without TLS":  {exitUsage, "are for readers with --tls yes", []string{"--kind", "line", "--terminal", "demo", "--address", ":1", "--fingerprint", strings.Repeat("ab", 32)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wants(t, h.dir, tt.code, tt.says, append([]string{"reader", "add", "x"}, tt.argv...)...)
		})
	}
	wants(t, h.dir, exitDone, "Only this machine may call it.", "reader", "add", "x", "--kind", "line", "--terminal", "demo", "--address", "127.0.0.1:0")
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	wants(t, h.dir, exitDone, "cannot be opened: another program listens there.", "reader", "add", "taken", "--kind", "line", "--terminal", "demo", "--address", ln.Addr().String())
	wants(t, h.dir, exitDone, "The reader refuses the connection.", "reader", "add", "away", "--kind", "line", "--terminal", "demo", "--role", "client", "--address", "127.0.0.1:1")
	if out := h.must("reader", "add", "soon", "--kind", "line", "--terminal", "demo", "--address", "127.0.0.1:0"); !regexp.MustCompile(`good: +yes`).MatchString(out) || !strings.Contains(out, waitingForReader) {
		t.Errorf("just added:\n%s", out)
	}
	wants(t, h.dir, exitConflict, "There is a reader X already.", "reader", "add", "X", "--kind", "pcsc", "--terminal", "demo")
	wants(t, h.dir, exitUsage, "the kind of a reader stays", "reader", "set", "x", "--kind", "pcsc")
	h.end()
	wants(t, h.dir, exitDone, "The node is not running.", "reader", "list")
}

// Rules are looked at without a node.
func TestCardRules(t *testing.T) {
	a := platen(";0946EBD28\n", "card", "rule", "test", "strip_prefix(;0) | hex2dec")
	if a.code != exitDone || !strings.Contains(a.out, "946EBD28") || !strings.Contains(a.out, "2490285352") {
		t.Errorf("%+v", a)
	}
	a = platen("xyz\n", "card", "rule", "test", "upper | hex2dec")
	if a.code != exitFailed || !strings.Contains(a.out, "XYZ") || !strings.Contains(a.err, "hex2dec takes only hexadecimal digits") {
		t.Errorf("%+v", a)
	}
	for _, tt := range [][]string{
		{"papercut", `^(?:;0)?([0-9A-F]{8})`, "hex2dec", "hex2dec"}, {"myq", "ltrim(0);hex2dec", "hex2dec"}, {"safeq", "Hex2Dec", "hex2dec"},
	} {
		a := platen("", append([]string{"card", "rule", "from"}, tt[:len(tt)-1]...)...)
		if a.code != exitDone || !strings.Contains(a.out, tt[len(tt)-1]) {
			t.Errorf("%v: %+v", tt, a)
		}
	}
	for _, wrong := range [][]string{
		{"from", "uniflow", "x"}, {"test", "hex2decc"}, {"test", "left(x)"}, {"from", "myq", "foo(1)"}, {"from", "papercut", "x", "javascript:foo.js"}, {"from", "papercut", "("}, {"from", "safeq", "Foo"},
	} {
		if a := platen("1\n", append([]string{"card", "rule"}, wrong...)...); a.code != exitUsage || a.err == "" {
			t.Errorf("%v: %+v", wrong, a)
		}
	}
	var told []cardFunction
	if err := json.Unmarshal([]byte(platen("", "card", "rule", "functions", "--json").out), &told); err != nil || len(told) < 20 {
		t.Errorf("%v: %+v", err, told)
	}
	list := platen("", "card", "rule", "functions").out
	for _, name := range strings.Split(cardrule.Functions(), ", ") {
		if !regexp.MustCompile(`(^|[\s(])` + name + `\b`).MatchString(list) {
			t.Errorf("nobody says what %s does", name)
		}
	}
}

// A card that is added by hand goes through the rule of where it will be shown.
func TestCardAddedByTheRuleOfATerminal(t *testing.T) {
	h := startDemo(t, "")
	h.must("terminal", "set", "demo", "--card-rule", "reverse_bytes")
	if a := platen("AABBCC08", "card", "add", "ben", "--terminal", "demo", "--dir", h.dir); a.code != exitFailed || !strings.Contains(a.err, "makes up anew") {
		t.Errorf("%+v", a)
	}
	if a := platen("11223344", "card", "add", "ben", "--terminal", "demo", "--dir", h.dir); a.code != exitDone || !strings.Contains(a.out, "…211") {
		t.Errorf("%+v", a)
	}
	if code := h.call("POST", "sessions", map[string]string{"method": "card", "value": "11223344"}, nil); code != http.StatusCreated {
		t.Errorf("sign-in: %d", code)
	}
	h.end()
}
