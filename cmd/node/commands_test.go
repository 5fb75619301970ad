package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// words splits an example as a shell would, for the quotes that they use.
func words(t *testing.T, line string) []string {
	t.Helper()
	var out []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		var w string
		for line != "" && line[0] != ' ' {
			if q := line[0]; q == '"' || q == '\'' {
				end := strings.IndexByte(line[1:], q)
				if end < 0 {
					t.Fatalf("open quote in %q", line)
				}
				w, line = w+line[1:1+end], line[end+2:]
				continue
			}
			w, line = w+line[:1], line[1:]
		}
		out = append(out, w)
	}
	return out
}

// Every command says what it is for and has an example that it understands.
func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	seen := map[string]bool{}
	for _, cmd := range commands() {
		t.Run(cmd.name, func(t *testing.T) {
			if seen[cmd.name] {
				t.Error("it is in the table twice")
			}
			seen[cmd.name] = true
			if cmd.summary == "" || len(cmd.examples) == 0 {
				t.Fatal("it has no summary or no example")
			}
			if (cmd.local == nil) == (cmd.admin == nil) {
				t.Error("it runs here and in the node, or nowhere")
			}
			for _, x := range cmd.examples {
				found, rest, err := find(commands(), words(t, x))
				if err != nil || found == nil || found.name != cmd.name {
					t.Fatalf("%q is not an example of it: %v", x, err)
				}
				if _, err := parse(found, rest); err != nil {
					t.Errorf("%q: %v", x, err)
				}
			}
			for _, argv := range [][]string{append(strings.Fields(cmd.name), "--help"), append([]string{"help"}, strings.Fields(cmd.name)...)} {
				a := platen("", argv...)
				if a.code != exitDone || !strings.Contains(a.out, "platen "+cmd.examples[0]) || !strings.Contains(a.out, cmd.summary) {
					t.Errorf("platen %v: exit %d\n%s%s", argv, a.code, a.out, a.err)
				}
			}
			if strings.HasSuffix(cmd.name, " list") && cmd.name != "job list" && !slices.ContainsFunc(cmd.examples, func(x string) bool { return strings.Contains(x, "--json") }) {
				t.Error("no example shows --json")
			}
		})
	}
}

func TestUsage(t *testing.T) {
	tests := map[string]struct {
		argv []string
		code int
		says string
	}{
		"nothing":           {nil, exitUsage, "platen user add LOGIN"},
		"help":              {[]string{"help"}, exitDone, "platen user add LOGIN"},
		"--help":            {[]string{"--help"}, exitDone, "platen user add LOGIN"},
		"a noun":            {[]string{"user"}, exitUsage, "platen user remove LOGIN"},
		"help of a noun":    {[]string{"help", "user"}, exitDone, "platen user remove LOGIN"},
		"unknown noun":      {[]string{"printer", "list"}, exitUsage, `there is no command "printer"`},
		"unknown verb":      {[]string{"user", "delete", "x"}, exitUsage, `user has no "delete"; there are add, list, show, set, remove`},
		"no argument":       {[]string{"user", "add"}, exitUsage, "user add needs LOGIN"},
		"too many":          {[]string{"user", "add", "a", "b"}, exitUsage, `user add does not take "b"`},
		"unknown flag":      {[]string{"user", "list", "--colour"}, exitUsage, "flag provided but not defined: -colour"},
		"bad yes":           {[]string{"user", "set", "x", "--enabled", "perhaps"}, exitUsage, "yes or no"},
		"no such node":      {[]string{"user", "list", "--dir", "/nonexistent/platen"}, exitNotFound, "There is no node in /nonexistent/platen."},
		"no such file":      {[]string{"run", "--config", "/nonexistent/node.toml"}, exitNotFound, "There is no configuration file /nonexistent/node.toml."},
		"send without --to": {[]string{"send", "x"}, exitUsage, "send needs --to"},
		"send to http":      {[]string{"send", "--to", "http://x/y", "x"}, exitUsage, "--to is lpd://HOST[:PORT]/QUEUE"},
		"send no file":      {[]string{"send", "--to", "lpd://127.0.0.1:1/q", "/nonexistent"}, exitNotFound, "There is no file /nonexistent."},
		"send to nobody":    {[]string{"send", "--to", "lpd://127.0.0.1:1/q", "/etc/hostname"}, exitFailed, "127.0.0.1:1 does not answer."},
		"version":           {[]string{"version"}, exitDone, "platen unknown (go1."},
		"hidden":            {[]string{"help"}, exitDone, "platen version"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := platen("", tt.argv...)
			if a.code != tt.code || !strings.Contains(a.out+a.err, tt.says) {
				t.Errorf("exit %d, want %d with %q:\n%s%s", a.code, tt.code, tt.says, a.out, a.err)
			}
		})
	}
	if a := platen("", "help"); strings.Contains(a.out, countPagesName) {
		t.Error("the list of commands shows a hidden one")
	}
}

// Flags may stand anywhere; -- ends them.
func TestParseTakesFlagsAnywhere(t *testing.T) {
	for _, line := range []string{"job assign 17 anna --json", "job assign --json 17 anna", "job assign 17 --json anna", "job assign --json -- 17 anna"} {
		cmd, rest, err := find(commands(), strings.Fields(line))
		if err != nil {
			t.Fatal(err)
		}
		c, err := parse(cmd, rest)
		if err != nil || !c.json || !slices.Equal(c.args, []string{"17", "anna"}) {
			t.Errorf("%s: %+v, %v", line, c, err)
		}
	}
}

// newNode makes a node that does not run: a demo that was stopped.
func newNode(t *testing.T) string {
	t.Helper()
	h := startDemo(t, "")
	h.end()
	return h.dir
}

// Everything that can be said of people, cards, PINs, queues, devices,
// terminals, tokens and settings can be added, seen, changed and removed: by
// the running node and on the store of one that does not run.
func TestCommandsRoundTrip(t *testing.T) {
	t.Run("while it runs", func(t *testing.T) {
		h := startDemo(t, "")
		roundTrip(t, h.dir)
		h.end()
	})
	t.Run("while it does not", func(t *testing.T) { roundTrip(t, newNode(t)) })
}

func roundTrip(t *testing.T, dir string) {
	t.Helper()
	do := func(args ...string) string { t.Helper(); return must(t, dir, "", args...) }
	read := func(v any, args ...string) {
		t.Helper()
		if text := do(append(args, "--json")...); json.Unmarshal([]byte(text), v) != nil {
			t.Fatalf("%v: %s", args, text)
		}
	}
	id := func(args ...string) string { t.Helper(); var x struct{ ID string }; read(&x, args...); return x.ID }

	// People.
	do("user", "add", "Carla", "--full-name", "Carla C", "--email", "Carla@Example.org", "--alias", "CORP-carla", "--right", "release", "--right", "break-glass")
	wants(t, dir, exitConflict, "There is a user carla already.", "user", "add", "carla")
	wants(t, dir, exitUsage, `there is no right "root"`, "user", "set", "carla", "--right", "root")
	do("user", "set", "carla", "--department", "sales", "--language", "de")
	var u struct {
		Login, Email, Department, Language string
		Rights, Aliases                    []string
		Has_Password                       bool
		Has_PIN                            bool
	}
	must(t, dir, "a long password\n", "user", "set", "carla", "--ask-password")
	must(t, dir, "975318\n", "pin", "set", "carla")
	read(&u, "user", "show", "CARLA")
	if got := fmt.Sprint(u); got != "{carla carla@example.org sales de [release break-glass] [corp-carla] true true}" {
		t.Errorf("carla: %s", got)
	}
	wants(t, dir, exitFailed, "PIN", "pin", "set", "carla", "--password-file", write(t, "1111\n"))
	must(t, dir, "", "user", "add", "pinless")
	wants(t, dir, exitConflict, "This PIN is taken.", "pin", "set", "pinless", "--password-file", write(t, "975318\n"))
	must(t, dir, "975318\n", "pin", "set", "carla") // her own once more
	must(t, dir, "", "user", "remove", "pinless")
	wants(t, dir, exitUsage, "without a port", "device", "add", "ported", "--template", "raw", "--host", "192.0.2.7:9802")
	do("pin", "clear", "carla")
	var people []map[string]any
	read(&people, "user", "list")
	if len(people) != 3 {
		t.Errorf("%d people", len(people))
	}

	// Cards.
	var k struct{ ID, Last string }
	if err := json.Unmarshal([]byte(must(t, dir, "04:11:22:33:44:55:66\n", "card", "add", "carla", "--label", "badge", "--json")), &k); err != nil || k.Last == "" {
		t.Fatalf("card: %+v, %v", k, err)
	}
	if a := platen("0411223344 5566\n", "card", "add", "anna", "--dir", dir); a.code != exitConflict {
		t.Errorf("a card of somebody else: %d %s", a.code, a.err)
	}
	if a := platen("08123456\n", "card", "add", "anna", "--dir", dir); a.code != exitFailed || !strings.Contains(a.err, "makes up anew") {
		t.Errorf("a random card: %d %s", a.code, a.err)
	}
	do("card", "set", k.ID, "--blocked", "yes")
	wants(t, dir, exitDone, "blocked", "card", "show", k.ID)
	wants(t, dir, exitDone, "badge", "card", "list", "carla")
	do("card", "remove", k.ID)
	wants(t, dir, exitNotFound, "There is no card", "card", "show", k.ID)

	// Devices.
	do("device", "add", "mfp-2", "--template", "raw-pjl", "--host", "192.0.2.20", "--serial", "ABC123", "--model", "HP LaserJet M507")
	wants(t, dir, exitUsage, "", "device", "add", "evil", "--uri", "file:///etc/passwd")
	wants(t, dir, exitUsage, "cannot be a name", "device", "add", "a b", "--uri", "socket://192.0.2.21")
	wants(t, dir, exitConflict, "", "device", "add", "MFP-2", "--uri", "socket://192.0.2.21")
	do("device", "set", "mfp-2", "--location", "2nd floor", "--enabled", "no")
	do("device", "replace", "ABC123", "--uri", "socket://192.0.2.30", "--serial", "XYZ789")
	var d struct {
		URI, Serial, Location string
		Enabled               bool
		Quirks                []string
	}
	read(&d, "device", "show", "mfp-2")
	if got := fmt.Sprint(d); got != "{socket://192.0.2.30 XYZ789 2nd floor false [pjl]}" {
		t.Errorf("device: %s", got)
	}
	wants(t, dir, exitDone, "raw-pjl", "device", "template")

	// Queues.
	do("queue", "add", "labels", "--mode", "passthrough", "--device", "mfp-2", "--priority", "90", "--allow", "192.0.2.0/24", "--allow", "198.51.100.7")
	wants(t, dir, exitUsage, "needs --device", "queue", "add", "x", "--mode", "passthrough")
	wants(t, dir, exitUsage, "exactly one group", "queue", "set", "labels", "--owner-pattern", "x")
	do("queue", "set", "labels", "--hold-for", "4d", "--confidential", "yes", "--max-octets", "5MiB")
	var q struct {
		Mode, Device_Name, Hold_For string
		Priority                    int
		Allow                       []string
		Max_Octets                  int64
		Confidential                bool
	}
	read(&q, "queue", "show", "LABELS")
	if got := fmt.Sprint(q); got != "{passthrough mfp-2 96h 90 [192.0.2.0/24 198.51.100.7/32] 5242880 true}" {
		t.Errorf("queue: %s", got)
	}
	wants(t, dir, exitConflict, "queues print to this device", "device", "remove", "mfp-2")

	// Terminals.
	tid := id("terminal", "add", "t-2", "--device", "mfp-2")
	do("terminal", "set", "t-2", "--recall-after", "2m", "--language", "de", "--pin-only", "yes")
	wants(t, dir, exitDone, "2m", "terminal", "show", "t-2")
	wants(t, dir, exitDone, "/t/t-2/enrol?secret=", "terminal", "enrol", "t-2")
	wants(t, dir, exitDone, "The token of terminal t-2", "terminal", "enrol", "t-2", "--token")
	if tid == "" {
		t.Error("the terminal has no id")
	}

	// Tokens and settings.
	token := id("token", "add", "--label", "ERP", "--queue", "labels", "--owner", "carla")
	wants(t, dir, exitDone, "labels  carla", "token", "list")
	do("settings", "set", "--max-user", "5GiB", "--title-for", "3d")
	wants(t, dir, exitDone, `"title_for": "72h"`, "settings", "show", "--json")

	// And away with it.
	do("token", "remove", token)
	do("terminal", "remove", "t-2")
	do("queue", "remove", "labels")
	do("device", "remove", "mfp-2")
	do("user", "remove", "carla")
	for _, noun := range []string{"user carla", "device mfp-2", "queue labels", "terminal t-2"} {
		n, name, _ := strings.Cut(noun, " ")
		wants(t, dir, exitNotFound, "There is no "+n+" "+name+".", n, "show", name)
	}

	// Who did it.
	var trail []struct{ Actor, Action, Object, Detail string }
	read(&trail, "audit", "list", "--limit", "1000")
	actions := map[string]bool{}
	for _, l := range trail {
		actions[l.Action] = true
		if l.Actor != self() && l.Actor != "the demo" {
			t.Errorf("audit: %+v", l)
		}
		if strings.Contains(fmt.Sprint(l), "password\n") || strings.Contains(fmt.Sprint(l), "975318") {
			t.Errorf("audit tells a secret: %+v", l)
		}
	}
	for _, want := range []string{"user.add", "user.set", "user.remove", "card.add", "pin.set", "device.replace", "queue.set", "terminal.remove", "token.add", "settings.set"} {
		if !actions[want] {
			t.Errorf("audit does not know %s", want)
		}
	}
	wants(t, dir, exitDone, "lines follow from one another", "audit", "verify")
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestImportUsers(t *testing.T) {
	h := startDemo(t, "")
	good := write(t, "login;full_name;cards;pin;rights\ncarla;Carla C;0455667788;864201;release\nANNA;Anna Neu;;;\n")
	a := platen("", "import", "users", good, "--dry-run", "--dir", h.dir)
	if a.code != exitDone || !strings.Contains(a.out, "1 person would be added, 1 changed. Nothing was done.") {
		t.Errorf("dry run: %d %s%s", a.code, a.out, a.err)
	}
	wants(t, h.dir, exitNotFound, "", "user", "show", "carla")
	a = platen("", "import", "users", good, "--source", "personnel", "--dir", h.dir)
	if a.code != exitDone || !strings.Contains(a.out, "1 person added, 1 changed.") || !strings.Contains(a.err, "2 lines read.") {
		t.Errorf("import: %d %s%s", a.code, a.out, a.err)
	}
	wants(t, h.dir, exitDone, "csv:personnel", "user", "show", "carla")
	text := h.must("user", "show", "anna")
	if !strings.Contains(text, "Anna Neu") || !strings.Contains(text, "…3D4") || !strings.Contains(text, "PIN:       yes") {
		t.Errorf("anna lost something:\n%s", text)
	}
	var s struct{ Session string }
	if code := h.call("POST", "sessions", map[string]string{"method": "card", "value": "04:55:66:77:88"}, &s); code != 201 {
		t.Errorf("the imported card does not sign in: %d", code)
	}

	// All or nothing: the card of line 3 is anna's.
	bad := "login,cards\ndora,0499887766\nemil," + annasCard + "\n"
	for _, dry := range []string{"--dry-run", "--json"} {
		a = platen(bad, "import", "users", "-", dry, "--dir", h.dir)
		if a.code != exitFailed || !strings.Contains(a.err, "line 3: ") || !strings.Contains(a.err, "Nothing was changed: 1 line is wrong.") {
			t.Errorf("%s: %d %s%s", dry, a.code, a.out, a.err)
		}
	}
	wants(t, h.dir, exitNotFound, "", "user", "show", "dora")
	a = platen("login,email\nx,nomail\n,\"\n", "import", "users", "-", "--dir", h.dir)
	if a.code != exitFailed || !strings.Contains(a.err, "line 2: \"nomail\" is not an e-mail address\nline 3: the quotation marks do not match\n") {
		t.Errorf("mistakes: %d %s", a.code, a.err)
	}
	h.end()
}

func TestImportDevices(t *testing.T) {
	dir := newNode(t)
	good := write(t, "name,uri,serial,template,host,quirks\nmfp-1,socket://192.0.2.1,S1,,,pjl|one-connection\nmfp-2,,S2,lpr,192.0.2.2,\n")
	wants(t, dir, exitDone, "2 devices would be added", "device", "import", good, "--dry-run")
	wants(t, dir, exitDone, "2 devices added, 0 changed.", "device", "import", good)
	wants(t, dir, exitDone, "lpr://192.0.2.2/lp", "device", "show", "mfp-2")
	moved := write(t, "name,uri,serial\nmfp-one,socket://192.0.2.99,S1\n")
	wants(t, dir, exitDone, "0 devices added, 1 changed.", "device", "import", moved)
	wants(t, dir, exitDone, "socket://192.0.2.99", "device", "show", "mfp-one")
	bad := write(t, "name,uri,serial\nnew,socket://192.0.2.50,S9\nnew,gopher://x,S9\n")
	a := platen("", "device", "import", bad, "--dir", dir)
	for _, want := range []string{"line 3: the device new is on line 2 too", "line 3: the serial number S9 is on line 2 too", "Nothing was changed"} {
		if a.code != exitFailed || !strings.Contains(a.err, want) {
			t.Errorf("%d, want %q in %s", a.code, want, a.err)
		}
	}
	wants(t, dir, exitNotFound, "", "device", "show", "new")
}

// A56: a spreadsheet must not run what a client has chosen.
func TestA56ExportIsHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "letter.pdf": "letter.pdf", "=1+1": "'=1+1", "+49 30": "'+49 30", "-2": "-2", "-2+3": "'-2+3", "@SUM(A1)": "'@SUM(A1)",
		"\t=1": "'\t=1", "\r=1": "'\r=1", "|cmd": "'|cmd", "%0A": "'%0A", "3": "3",
	} {
		if got := harmless(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	h := startDemo(t, "")
	path, sum := document(t, 100)
	h.must("send", "--to", h.demo.Direct, "--user", "anna", "--title", `=cmd|'/c calc'!A1`, path)
	h.awaitPrinted(sum)
	h.awaitState(1, "completed")
	text := h.must("export", "accounting", "--format", "csv")
	if !strings.Contains(text, `,'=cmd|'/c calc'!A1,`) || strings.Contains(text, `,=cmd`) {
		t.Errorf("the export is not harmless:\n%s", text)
	}
	if head := strings.SplitN(text, "\n", 2)[0]; !strings.HasPrefix(head, "id,key,epoch,seq,at,job,") {
		t.Errorf("head: %s", head)
	}
	if text := h.must("export", "accounting", "--format", "csv", "--from", "2001-01-01", "--to", "2001-01-02"); strings.Count(text, "\n") != 1 {
		t.Errorf("rows of a day without any:\n%s", text)
	}
	h.end()
}

// A60 and A15: what a client chose cannot steer a terminal.
func TestA60ListsAreSafeForATerminal(t *testing.T) {
	h := startDemo(t, "")
	path, _ := document(t, 100)
	h.must("send", "--to", h.demo.Secure, "--user", "anna", "--title", "\x1b[2Jgone\u202e\x9b31m\ttab", path)
	control := regexp.MustCompile("[\x00-\x09\x0b-\x1f\x7f\u0080-\u009f\u202e]")
	for _, args := range [][]string{{"job", "list"}, {"job", "show", "1"}, {"job", "list", "--json"}} {
		if text := h.must(args...); control.MatchString(text) {
			t.Errorf("%v: %q", args, text)
		}
	}
	h.end()
}

// A77: nothing secret is taken from the command line or the environment, and
// what is asked for comes from standard input or a file.
func TestA77SecretsAreNotArguments(t *testing.T) {
	for _, cmd := range commands() {
		var names []string
		c := &call{}
		flagSet(cmd, c).VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
		for _, n := range names {
			if regexp.MustCompile("^(password|pin|passphrase|secret|card|number|key)$").MatchString(n) {
				t.Errorf("%s takes a secret as --%s", cmd.name, n)
			}
		}
	}
	dir := newNode(t)
	if a := platen("", "pin", "set", "anna", "--dir", dir); a.code != exitUsage {
		t.Errorf("no PIN at all: %d %s", a.code, a.err)
	}
	must(t, dir, "", "pin", "set", "anna", "--password-file", write(t, "864213\nthe rest is left alone\n"))
	must(t, dir, "864215", "pin", "set", "anna", "--password-file", "-")
	if a := platen(strings.Repeat("x", 5000), "user", "set", "anna", "--ask-password", "--dir", dir); a.code != exitUsage {
		t.Errorf("a password of 5000 characters: %d", a.code)
	}
}

// A78: two installations share no key.
func TestA78NoSharedKeys(t *testing.T) {
	one, two := newNode(t), newNode(t)
	for _, name := range []string{"platen.keys", "ca.pem", "token.header"} {
		a, err := os.ReadFile(filepath.Join(one, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(two, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(a) == string(b) {
			t.Errorf("%s is the same in both", name)
		}
	}
	seen := map[string]bool{}
	for _, dir := range []string{one, two} {
		opening(t, dir, func(ctx context.Context, a *admin) {
			chains, err := a.scope.Chains(ctx)
			if err != nil || len(chains) < 4 {
				t.Errorf("%d chains, %v", len(chains), err)
			}
			for _, c := range chains {
				if len(c.Key) == 0 || seen[string(c.Key)] {
					t.Errorf("the key of %s is in both", c.Name)
				}
				seen[string(c.Key)] = true
			}
		})
	}
}

// A74: everything in the data folder is for the node's own user alone, but the
// certificate that everybody may have.
func TestA74DataIsPrivate(t *testing.T) {
	h := startDemo(t, "")
	err := filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		var info os.FileInfo
		if err == nil {
			info, err = d.Info()
		}
		if errors.Is(err, os.ErrNotExist) { // gone meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 && filepath.Base(path) != "ca.pem" {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	h.end()
}

func TestCheckAndDoctor(t *testing.T) {
	fresh := t.TempDir()
	file := write(t, fmt.Sprintf("data = %q\n[listen]\nlpd = \"127.0.0.1:0\"\nipp = \"\"\nweb = \"127.0.0.1:0\"\n", fresh))
	if a := platen("", "check", "--config", file); a.code != exitDone || !strings.Contains(a.out, "They are made at the first start.") {
		t.Errorf("check of a node that was never started: %d\n%s%s", a.code, a.out, a.err)
	}
	if list, _ := os.ReadDir(fresh); len(list) != 0 {
		t.Errorf("check made %v", list)
	}
	bad := write(t, "[lpd]\nidel = \"5m\"\n")
	if a := platen("", "check", "--config", bad); a.code != exitFailed || !strings.Contains(a.err, bad+":2: lpd.idel: unknown key; did you mean lpd.idle?") {
		t.Errorf("check of a mistyped key: %d\n%s%s", a.code, a.out, a.err)
	}
	h := startDemo(t, "")
	taken := write(t, fmt.Sprintf("data = %q\n[listen]\nlpd = %q\nipp = \"\"\nweb = \"\"\n", t.TempDir(), h.demo.LPD))
	if a := platen("", "check", "--config", taken); a.code != exitFailed || !strings.Contains(a.out, "address already in use") {
		t.Errorf("check of a port in use: %d\n%s%s", a.code, a.out, a.err)
	}
	for _, cmd := range []string{"check", "doctor"} {
		wants(t, h.dir, exitDone, "It is running", cmd)
		var list []finding
		h.json(&list, cmd)
		if len(list) < 5 {
			t.Errorf("%s: %+v", cmd, list)
		}
	}
	path, _ := document(t, 100_000)
	h.must("send", "--to", h.demo.Secure, "--user", "anna", path)
	h.end()
	wants(t, h.dir, exitDone, "1 file, 1 document", "doctor")
	docs, err := filepath.Glob(filepath.Join(h.dir, "spool", "docs", "*"))
	if err != nil || len(docs) != 1 {
		t.Fatalf("documents: %v, %v", docs, err)
	}
	if err := os.Remove(docs[0]); err != nil {
		t.Fatal(err)
	}
	wants(t, h.dir, exitFailed, "1 document that the database speaks of is missing; its job is", "doctor")
	if err := os.Remove(filepath.Join(h.dir, "platen.keys")); err != nil {
		t.Fatal(err)
	}
	wants(t, h.dir, exitFailed, "The keys of this node are missing", "check")
	wants(t, h.dir, exitNotFound, "The keys of this node are missing", "demo", "--lpd", "127.0.0.1:0", "--ipp", "127.0.0.1:0", "--web", "127.0.0.1:0")
}

// F51: an older program refuses a newer database, loudly, and leaves it alone.
func TestF51NewerDatabaseIsRefused(t *testing.T) {
	dir := newNode(t)
	out, err := exec.Command("sqlite3", filepath.Join(dir, "platen.db"), "INSERT INTO migrations (n, name, at) VALUES (9999, 'later', 0)").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wants(t, dir, exitConflict, "written by a newer version of Platen", "user", "list")
	wants(t, dir, exitConflict, "written by a newer version of Platen", "demo", "--lpd", "127.0.0.1:0", "--ipp", "127.0.0.1:0", "--web", "127.0.0.1:0")
}

// A refusal octet says little; the command says what it can mean.
func TestSendSaysWhyItWasRefused(t *testing.T) {
	h := startDemo(t, "")
	path, _ := document(t, 1000)
	refused := func(says, to string) {
		t.Helper()
		if a := platen("", "send", "--to", to, path); a.code != exitFailed || !strings.Contains(a.err, says) {
			t.Errorf("send --to %s: exit %d, want %q:\n%s%s", to, a.code, says, a.out, a.err)
		}
	}
	refused("Is there a queue nowhere", "lpd://"+h.demo.LPD+"/nowhere")
	h.must("settings", "set", "--reserve", "4096TiB")
	refused("has no room for this job now", h.demo.Secure)
	h.end()
}
