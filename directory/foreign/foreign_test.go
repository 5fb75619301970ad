package foreign_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"platen/directory"
	"platen/directory/foreign"
)

const testdata = "../../testdata/foreign"

func open(t *testing.T, arg string) foreign.Named {
	t.Helper()
	kind, name, ok := strings.Cut(arg, "=")
	if !ok {
		kind, name = "", arg
	}
	b, err := os.ReadFile(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	return foreign.Named{Name: name, Kind: kind, R: strings.NewReader(string(b))}
}

// tell writes a person in one line.
func tell(u foreign.User) string {
	var cards []string
	for _, c := range u.Cards {
		cards = append(cards, c.Number)
	}
	s := fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s", u.Login, u.FullName, u.Email, u.Department, strings.Join(cards, " "), u.PIN, strings.Join(u.Aliases, " "))
	if u.Balance != nil {
		s += fmt.Sprintf("|%d/%d", u.Balance.Digits, u.Balance.Scale)
	}
	if u.Locked {
		s += "|locked"
	}
	if !u.Whole {
		s += "|part"
	}
	return s
}

func texts(notes []foreign.Note) (list []string) {
	for _, n := range notes {
		list = append(list, n.String())
	}
	return list
}

func TestReadFiles(t *testing.T) {
	tests := map[string]struct {
		product  string
		files    string
		users    []string
		queues   []string
		rule     string
		notTaken []string
		problems []string
	}{
		"users of PaperCut": {
			product: "papercut", files: "papercut-users.tsv",
			users: []string{
				"carla|Carla C|carla@example.org|Sales|0455667788 04A0B0C0D0|864201|corp-carla|125/1",
				"dora|Dora D|dora@example.org|HR||1111||-3/0",
				"emil|Emil E|||08112233||",
			},
			notTaken: []string{
				"papercut-users.tsv, line 3: the balance of emil is not taken: its mark may be of thousands or of decimals",
				"papercut-users.tsv, line 1: the field restricted is not taken (2 lines): nobody is held back here for want of credit",
				"papercut-users.tsv, line 1: the field office is not taken (1 line): people have no office here",
				"papercut-users.tsv, line 1: the field notes is not taken (1 line): people have no notes here",
				"papercut-users.tsv, line 1: the field other e-mail addresses is not taken (1 line): people have one e-mail address here",
				"papercut-users.tsv, line 1: the field home folder is not taken (1 line): people have no folder here",
			},
		},
		"internal users of PaperCut": {
			product: "papercut", files: "papercut-internal.tsv",
			users: []string{"guest1|Guest One|guest1@example.org|Library|0411112222|975310||5/0"},
			notTaken: []string{
				"papercut-internal.tsv, line 1: the field password is not taken (1 line): passwords are never taken",
				"papercut-internal.tsv, line 1: the field restricted is not taken (1 line): nobody is held back here for want of credit",
			},
		},
		"a table with a head, cards and a rule": {
			product: "papercut", files: "papercut-list.csv cards=papercut-cards.txt papercut-rule.txt",
			users: []string{
				"carla|Carla C|carla@example.org||0455667788 04A0B0C0D0|||125/1",
				"dora||||0499990000|||part",
			},
			rule: `regex("^(?:;0)?(\\d{8})") | dec2hex`,
			notTaken: []string{
				`papercut-list.csv, line 2: the column "Total Pages" is not taken: nothing published says what it is`,
				"papercut-cards.txt, line 2: what is behind the last known column is not taken (1 line): nothing published says what it is",
				"papercut-rule.txt, line 3: this setting is not taken; there are ext-device.card-no-regex and ext-device.card-no-converter",
			},
		},
		"cards are not told from balances": {
			product: "papercut", files: "papercut-cards.txt",
			problems: []string{"papercut-cards.txt: it could be several things of PaperCut; say which: users=FILE or internal=FILE or cards=FILE or queues=FILE or rule=FILE"},
		},
		"SafeQ": {
			product: "safeq", files: "safeq-users.csv rule=safeq-rule.txt",
			users: []string{
				"jana|Jana Nováková|jana@example.org|Communication|0433445566 04778899AA||jana.n j.nova",
				"petr|Petr Svoboda|petr@example.org|7||864202|",
			},
			rule: `when("^([34][0-9])+([fF]{2})*$", ascii_decode) | hex2dec`,
			notTaken: []string{
				"safeq-users.csv, line 5: a card or PIN of petr is not taken: it is encrypted",
				`safeq-users.csv, line 6: "clear" is not done here`,
				"safeq-users.csv, line 7: petr has another e-mail address before",
				`safeq-users.csv, line 8: lines that begin with "400" are not taken: nothing published says what they are`,
				"safeq-users.csv, line 2: the home directory is not taken (1 line): people have no folder here",
				"safeq-users.csv, line 2: the password is not taken (1 line): passwords are never taken",
			},
		},
		"Equitrac": {
			product: "equitrac", files: "equitrac-batch.csv",
			users: []string{
				"johnd|John Doe|john@example.org|Accounting|0412121212 0434343434|864203||355/1|locked",
				`maryk|K, Mary|||0456565656||corp.example\maryk|locked`,
			},
			notTaken: []string{
				`equitrac-batch.csv, line 3: only users (ur) are taken, not "dp"`,
				"equitrac-batch.csv, line 4: the parameters of add are not known here; write addormodify",
				"equitrac-batch.csv, line 6: delete is not done here",
				"equitrac-batch.csv, line 1: the minimum balance is not taken (1 line): people have none here",
				"equitrac-batch.csv, line 1: the quota of colour pages is not taken (1 line): it is set here by an administrator",
				"equitrac-batch.csv, line 1: the home server is not taken (1 line): people have none here",
				"equitrac-batch.csv, line 1: the default billing code is not taken (1 line): people have none here",
				"equitrac-batch.csv, line 1: the additional information is not taken (1 line): people have none here",
				"equitrac-batch.csv, line 1: the home folder is not taken (1 line): people have none here",
			},
		},
		"queues": {
			product: "safeq", files: "queues.csv",
			queues:   []string{"HP_3rd_floor|3rd floor|colour", "Lab||"},
			notTaken: []string{"queues.csv, line 3: there is a queue hp_3rd_floor before, perhaps of another server"},
		},
		"Equitrac has no card rule": {
			product: "equitrac", files: "rule=safeq-rule.txt",
			problems: []string{"safeq-rule.txt: Equitrac has no rule; there are users, queues"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var files []foreign.Named
			for _, arg := range strings.Fields(tt.files) {
				files = append(files, open(t, arg))
			}
			b, problems, err := foreign.Read(tt.product, files)
			if err != nil {
				t.Fatal(err)
			}
			var users, queues []string
			for _, u := range b.Users {
				users = append(users, tell(u))
			}
			for _, q := range b.Queues {
				queues = append(queues, q.Name+"|"+q.Location+"|"+q.Comment)
			}
			same(t, "users", users, tt.users)
			same(t, "queues", queues, tt.queues)
			same(t, "not taken", texts(b.NotTaken), tt.notTaken)
			same(t, "problems", texts(problems), tt.problems)
			if b.CardRule != tt.rule {
				t.Errorf("rule %s, want %s", b.CardRule, tt.rule)
			}
		})
	}
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What lines may say beside what the fixtures have.
func TestReadLines(t *testing.T) {
	tests := map[string]struct {
		product, kind, text string
		users               []string
		says                []string // in notes or problems
	}{
		"twice in a file":    {"papercut", "users", "Anna\t1\nANNA\t2\n", []string{"anna|||||||1/0"}, []string{"f, line 2: anna is on line 1 too"}},
		"no login":           {"papercut", "users", "\t1\n", nil, []string{"f, line 1: the login is missing or too long"}},
		"bad e-mail":         {"papercut", "users", "a\t\t\t\tnobody\n", []string{"a||||||"}, []string{`f, line 1: "nobody" is not an e-mail address`}},
		"empty":              {"papercut", "", " \n\n", nil, []string{"f: it is empty"}},
		"zeros":              {"papercut", "", "a\x00b", nil, []string{"f: it is not text"}},
		"open quotes":        {"papercut", "users", "a\t\"b\n", nil, []string{"f: line 1: the quotation marks do not match"}},
		"code page 1252":     {"papercut", "users", "j\xFCrgen\t1", []string{"jürgen|||||||1/0"}, []string{"f: it is not UTF-8 and was read as code page 1252; if names look wrong, export it as UTF-8"}},
		"UTF-16":             {"papercut", "users", "\xFF\xFEa\x00\t\x001\x00", []string{"a|||||||1/0"}, nil},
		"script":             {"papercut", "rule", "ext-device.card-no-converter=javascript:custom/card.js", nil, []string{"f: the card rule is not taken: A rule of PaperCut that runs JavaScript cannot be taken over, because Platen runs no scripts in rules. Please give some pairs of card numbers, so that a rule can be found."}},
		"no rule":            {"safeq", "rule", "\n", nil, []string{"f: there is no card rule in it"}},
		"SafeQ without head": {"safeq", "", "login;name\nanna;Anna\n", nil, []string{"f: it could be several things of SafeQ; say which: users=FILE or queues=FILE or rule=FILE"}},
		"a card alone":       {"safeq", "", "200;add;anna;0411\n202;anna;9\n", []string{"anna|||9|0411|||part"}, nil},
		"everybody":          {"equitrac", "", "lock,ur,All\n", nil, []string{"f, line 1: all users at once are not taken"}},
		"locked":             {"equitrac", "", "addormodify,ur,a,!,!,!,!,!,!,!,!,!,!,perhaps\n", []string{"a||||||"}, []string{`f, line 1: locked is 0 or 1, not "perhaps"`}},
		"password as amount": {"papercut", "", "a\t7890\t\t\tName\t\t\t\t\t\t\t\t\n", []string{"a|Name|||||"}, []string{"f, line 1: the field password is not taken (1 line): passwords are never taken"}},
		"nobody can tell":    {"papercut", "", "a\t7890\t\t\t\t\t\t\t\t\t\t\t\n", nil, []string{"f: it could be several things of PaperCut; say which: users=FILE or internal=FILE or cards=FILE or queues=FILE or rule=FILE"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b, problems, err := foreign.Read(tt.product, []foreign.Named{{Name: "f", Kind: tt.kind, R: strings.NewReader(tt.text)}})
			if err != nil {
				t.Fatal(err)
			}
			var users []string
			for _, u := range b.Users {
				users = append(users, tell(u))
			}
			same(t, "users", users, tt.users)
			same(t, "said", texts(append(problems, b.NotTaken...)), tt.says)
		})
	}
	if _, _, err := foreign.Read("myq", nil); err == nil {
		t.Error("a product that nobody knows was read")
	}
}

func TestParseDecimal(t *testing.T) {
	tests := map[string]struct {
		digits int64
		scale  int
		bad    bool
	}{
		"12.50": {125, 1, false}, "12,50": {125, 1, false}, "-3": {-3, 0, false}, "+0.05": {5, 2, false}, "1.234,56": {123456, 2, false},
		"1,234.56": {123456, 2, false}, "1.234.567": {1234567, 0, false}, "0,125": {125, 3, false}, "12.3456": {123456, 4, false}, "007": {7, 0, false},
		"-0.00": {0, 0, false}, "1234.567": {1234567, 3, false},
		"1,234": {bad: true}, "999.999": {bad: true}, "": {bad: true}, ".5": {bad: true}, "5.": {bad: true}, "$5": {bad: true}, "1e3": {bad: true},
		"1.23.456": {bad: true}, "1,23.4": {bad: true}, "12345678901234567890": {bad: true}, "99999999999999999.999999": {bad: true}, "NaN": {bad: true},
	}
	for text, tt := range tests {
		got, err := foreign.ParseDecimal(text)
		if (err != nil) != tt.bad || got != (foreign.Decimal{Digits: tt.digits, Scale: tt.scale}) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, tt := range []struct {
		d      foreign.Decimal
		digits int
		want   int64
		ok     bool
	}{
		{foreign.Decimal{Digits: 125, Scale: 1}, 2, 1250, true}, {foreign.Decimal{Digits: 125, Scale: 3}, 2, 0, false},
		{foreign.Decimal{Digits: -3}, 0, -3, true}, {foreign.Decimal{Digits: 1 << 61}, 2, 0, false},
	} {
		if n, ok := tt.d.Minor(tt.digits); n != tt.want || ok != tt.ok {
			t.Errorf("%+v in %d: %d, %v", tt.d, tt.digits, n, ok)
		}
	}
}

// Whatever is in a file: logins are folded and there once, and no note repeats
// what is secret.
func FuzzRead(f *testing.F) {
	names, err := filepath.Glob(testdata + "/*.*")
	if err != nil || len(names) < 9 {
		f.Fatalf("seeds: %v %v", names, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		product, _, _ := strings.Cut(filepath.Base(name), "-")
		f.Add(product, "", b)
		f.Add("papercut", "queues", b)
	}
	f.Fuzz(func(t *testing.T, product, kind string, data []byte) {
		if foreign.Kinds(product) == nil {
			product = "papercut"
		}
		b, problems, err := foreign.Read(product, []foreign.Named{{Name: "f", Kind: kind, R: strings.NewReader(string(data))}})
		if err != nil {
			t.Fatalf("a mistake in a file became %v", err)
		}
		seen := map[string]bool{}
		for _, u := range b.Users {
			if seen[u.Login] || u.Login == "" || directory.Fold(u.Login) != u.Login || u.Line < 1 {
				t.Errorf("login %q, line %d", u.Login, u.Line)
			}
			seen[u.Login] = true
		}
		for _, n := range append(problems, b.NotTaken...) {
			if n.Text == "" || n.File != "f" || n.Line < 0 {
				t.Errorf("note %+v", n)
			}
		}
	})
}
