package csvfile_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"platen/directory"
	"platen/directory/csvfile"
	"platen/fault"
)

func TestRead(t *testing.T) {
	tests := map[string]struct {
		in       string
		want     []string
		problems []string
	}{
		"one": {
			in:   "login,full_name,email,cards,aliases,rights\nAnna ,Anna Muster,Anna@Example.org,04:a1:b2:c3:d4|1234567,CORP-anna|am,release|break-glass\n",
			want: []string{"anna|Anna Muster|anna@example.org|true|[release break-glass]|[corp-anna am]|2 cards"},
		},
		"disabled, no rights": {
			in:   "login;enabled;rights\nben;nein;none\n",
			want: []string{"ben|||false|[]|[]|0 cards"},
		},
		"an empty field of a column clears": {
			in:   "login,full_name,rights\nold,,\n",
			want: []string{"old||mail stays|true|[release]|[alias stays]|0 cards"},
		},
		"login twice": {in: "login\nanna\nbob\nANNA\n", problems: []string{"line 4: the login anna is on line 2 too"}},
		"no login":    {in: "login,email\n,x@y\n", problems: []string{"line 2: the login is missing"}},
		"all at once": {
			in: "login,email,language,enabled,rights,pin\nanna,nomail,fr,perhaps,admin,12\n",
			problems: []string{
				`line 2: the language is de, en or empty, not "fr"`, `line 2: "nomail" is not an e-mail address`,
				`line 2: enabled is yes or no, not "perhaps"`, `line 2: there is no right "admin"; rights are release, break-glass, administer and none`,
				"line 2: the PIN is refused: ",
			},
		},
		"a card twice, and not shown whole": {
			in:       "login,cards\nanna,04A1B2C3D4\nben,04:a1:b2:c3:d4\n",
			problems: []string{"line 3: the card …3D4 is on line 2 too"},
		},
		"control characters": {in: "login\nan\x1bna\n", problems: []string{"line 2: the login holds control characters"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			entries, problems, err := csvfile.Read(strings.NewReader(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if len(problems) != len(tt.problems) {
				t.Fatalf("problems %v, want %v", problems, tt.problems)
			}
			for i, p := range problems {
				if !strings.HasPrefix(p.String(), tt.problems[i]) {
					t.Errorf("problem %q, want %q", p, tt.problems[i])
				}
			}
			if tt.problems != nil {
				return
			}
			var got []string
			for _, e := range entries {
				u := directory.User{FullName: "name stays", Email: "mail stays", Enabled: true, Aliases: []string{"alias stays"}}
				if e.Login != "old" {
					u = directory.User{Enabled: true}
				}
				e.Apply(&u)
				got = append(got, fmt.Sprintf("%s|%s|%s|%t|%v|%v|%d cards", u.Login, u.FullName, u.Email, u.Enabled, u.Rights, u.Aliases, len(e.Cards)))
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("login,full_name,cards,pin\nanna,Anna,04A1B2C3D4,246810\n"))
	f.Add([]byte("login;rights;aliases\nben;none;a|b|\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, problems, err := csvfile.Read(strings.NewReader(string(b)))
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("a mistake in the file became %v", err)
			}
			return
		}
		seen := map[string]bool{}
		for _, e := range entries {
			if len(problems) == 0 && (e.Login == "" || seen[e.Login]) {
				t.Errorf("login %q accepted", e.Login)
			}
			if len(e.Cards) != len(e.Raw) {
				t.Errorf("%d cards of %d numbers", len(e.Cards), len(e.Raw))
			}
			seen[e.Login] = true
		}
	})
}
