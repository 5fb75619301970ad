package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const foreignFiles = "../../testdata/foreign/"

// foreignAnswer runs an import and reads its report.
func foreignAnswer(t *testing.T, dir, stdin string, args ...string) foreignReport {
	t.Helper()
	var r foreignReport
	text := must(t, dir, stdin, append(append([]string{"import"}, args...), "--json")...)
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v: %v in %s", args, err, text)
	}
	return r
}

func said(r foreignReport) string {
	var b strings.Builder
	for _, n := range r.NotTaken {
		b.WriteString(n.String() + "\n")
	}
	return b.String()
}

// First what would be done, then it is done, then nothing is left to do: by the
// running node and on the store of one that does not run.
func TestImportForeign(t *testing.T) {
	t.Run("while it runs", func(t *testing.T) {
		h := startDemo(t, "")
		importForeignTwice(t, h.dir)
		var s struct{ Session string }
		if code := h.call("POST", "sessions", map[string]string{"method": "card", "value": "04:55:66:77:88"}, &s); code != 201 {
			t.Errorf("the imported card does not sign in: %d", code)
		}
		h.end()
	})
	t.Run("while it does not", func(t *testing.T) { importForeignTwice(t, newNode(t)) })
}

func importForeignTwice(t *testing.T, dir string) {
	t.Helper()
	cards, err := os.ReadFile(foreignFiles + "papercut-cards.txt")
	if err != nil {
		t.Fatal(err)
	}
	call := func(more ...string) foreignReport {
		t.Helper()
		args := []string{"papercut", foreignFiles + "papercut-users.tsv", "cards=-", "queues=" + foreignFiles + "queues.csv", "rule=" + foreignFiles + "papercut-rule.txt", "--currency", "EUR"}
		return foreignAnswer(t, dir, string(cards), append(args, more...)...)
	}
	dry := call()
	if dry.Applied || !dry.Changes || dry.People.New != 3 || dry.Cards.New != 3 || dry.PINs.New != 1 || dry.Aliases.New != 1 || dry.Balances.New != 2 || dry.Queues.New != 2 {
		t.Errorf("dry run: %+v", dry)
	}
	if dry.CardRule != `regex("^(?:;0)?(\\d{8})") | dec2hex` {
		t.Errorf("rule %s", dry.CardRule)
	}
	for _, want := range []string{
		"line 3: a card of emil is not taken: it makes up its number anew each time it is shown\n",
		"line 2: the PIN of dora is not taken: This PIN is too easy to guess. Do not repeat or count digits.\n",
		"line 3: the balance of emil is not taken: its mark may be of thousands or of decimals\n",
		"-, line 2: what is behind the last known column is not taken (1 line): nothing published says what it is\n",
	} {
		if !strings.Contains(said(dry), want) {
			t.Errorf("the report lacks %q:\n%s", want, said(dry))
		}
	}
	wants(t, dir, exitNotFound, "", "user", "show", "carla")
	wants(t, dir, exitNotFound, "", "queue", "show", "lab")

	done := call("--apply")
	if !done.Applied || done.People != dry.People || done.Cards != dry.Cards || done.Balances != dry.Balances || done.Queues != dry.Queues {
		t.Errorf("done %+v\nsaid %+v", done, dry)
	}
	wants(t, dir, exitDone, "csv:papercut", "user", "show", "carla")
	wants(t, dir, exitDone, "corp-carla", "user", "show", "carla")
	wants(t, dir, exitDone, "3rd floor", "queue", "show", "HP_3rd_floor")
	wants(t, dir, exitDone, "user.import", "audit", "list")

	again := call("--apply")
	if !again.Applied || again.Changes || again.People.Unchanged != 3 || again.Cards.Unchanged != 3 || again.PINs.Unchanged != 1 ||
		again.Aliases.Unchanged != 1 || again.Balances.Unchanged != 2 || again.Queues.Unchanged != 2 {
		t.Errorf("a second time: %+v", again)
	}
	users := foreignFiles + "papercut-users.tsv"
	wants(t, dir, exitDone, "Nothing to do: all that fits is here already.", "import", "papercut", users, "--apply")
	wants(t, dir, exitDone, "2 balances are not taken: say the currency with --currency", "import", "papercut", users)
	wants(t, dir, exitDone, "Nothing was done. Add --apply to do it.", "import", "papercut", users, "--card-rule", "reverse_bytes")
}

// People who are here already keep what they have.
func TestImportForeignKeepsWhatIsHere(t *testing.T) {
	dir := newNode(t)
	must(t, dir, "", "user", "add", "frida", "--alias", "taken")
	must(t, dir, "", "user", "add", "gerd", "--full-name", "Gerd G")
	file := write(t, strings.Join([]string{
		"100;add;anna,taken;Other;Name;" + annasCard + ";9;anna@example.org;;", // hers; she has a name
		"100;add;ben,benny;B;B;" + annasCard + ";;;;",                          // a card of somebody else
		"100;add;taken;T;T;;;;;",                                               // another name of frida
		"100;add;hans;H;H;PIN%246810%;;;;",                                     // anna's PIN
		"200;add;ben;PIN%864204%",                                              // he has one
		"200;add;nobody;0411223344",
		"100;add;gerd,gerd.g;G;G;0499112233;;gerd@example.org;;",
		"100;add;ines,gerd.g;I;I;0499112233;;;;",
	}, "\n"))
	r := foreignAnswer(t, dir, "", "safeq", file, "--apply")
	name := func(line string) string { return file + ", " + line }
	want := []string{
		name("line 1: the alias taken of anna is not taken: somebody else has that name"),
		name("line 2: the card …3D4 of ben is not taken: it belongs to anna"),
		name("line 3: taken is not taken: somebody else here has this for another name"),
		name("line 4: the PIN of hans is not taken: somebody else has it"),
		name("line 5: ben has another PIN here and keeps it"),
		name("line 6: there is no user nobody, and nothing here describes one"),
		name("line 8: the alias gerd.g of ines is not taken: somebody else has that name"),
		name("line 8: the card …233 of ines is not taken: it belongs to gerd"),
	}
	if got := strings.Split(strings.TrimSpace(said(r)), "\n"); !slices.Equal(got, want) {
		t.Errorf("said:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r.People.New != 2 || r.People.Changed != 2 || r.People.Unchanged != 1 || r.Cards.New != 1 || r.Cards.Unchanged != 1 || r.Aliases.New != 2 {
		t.Errorf("%+v", r)
	}
	for login, part := range map[string]string{"anna": "anna@example.org", "gerd": "Gerd G", "ben": "benny", "hans": "PIN:       no"} {
		wants(t, dir, exitDone, part, "user", "show", login)
	}
	wants(t, dir, exitDone, "local", "user", "show", "gerd")
	if text := must(t, dir, "", "user", "show", "anna"); strings.Contains(text, "Other Name") {
		t.Errorf("anna lost her name:\n%s", text)
	}
	if again := foreignAnswer(t, dir, "", "safeq", file, "--apply"); !again.Applied || again.Changes {
		t.Errorf("a second time: %+v", again)
	}
}

func TestImportForeignRefuses(t *testing.T) {
	dir := newNode(t)
	users := foreignFiles + "equitrac-batch.csv"
	wants(t, dir, exitFailed, dir+" is a folder, not a file.", "import", "papercut", dir)
	wants(t, dir, exitUsage, "people="+users+" is no file, and people is none of the kinds of files: users, internal, cards, queues, rule", "import", "papercut", "people="+users)
	wants(t, dir, exitUsage, "exclude each other", "import", "equitrac", users, "--apply", "--dry-run")
	wants(t, dir, exitUsage, "--currency is a code of ISO 4217", "import", "equitrac", users, "--currency", "Taler")
	wants(t, dir, exitUsage, "--card-rule: ", "import", "equitrac", users, "--card-rule", "hex2")
	wants(t, dir, exitNotFound, "There is no file ", "import", "equitrac", users, "queues="+filepath.Join(dir, "none"))
	wants(t, dir, exitFailed, "Nothing was changed: 1 file cannot be used.", "import", "equitrac", users, foreignFiles+"papercut-users.tsv", "--apply")
	wants(t, dir, exitNotFound, "", "user", "show", "johnd")
	// A locked person does not print here either, and yen have no minor units.
	r := foreignAnswer(t, dir, "", "equitrac", users, "--apply", "--currency", "JPY", "--source", "old", "--card-rule", `strip_prefix("04")`)
	if !strings.Contains(said(r), "the balance of johnd is not taken: JPY has 0 digits behind the mark") || r.People.New != 2 {
		t.Errorf("%+v", r)
	}
	wants(t, dir, exitDone, "enabled:     no", "user", "show", "johnd")
	wants(t, dir, exitDone, "csv:old", "user", "show", "maryk")
}
