package entra

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
)

// waits counts instead of waiting.
type waits struct {
	mu  sync.Mutex
	all []time.Duration
}

func (w *waits) sleep(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, d)
	return ctx.Err()
}

func read(t *testing.T, s *Source, from []byte) directory.Answer {
	t.Helper()
	a, err := s.Read(t.Context(), from, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Cursor) == 0 {
		t.Fatal("no cursor")
	}
	return a
}

// same compares what an answer says, apart from its cursor.
func same(t *testing.T, got, want directory.Answer) {
	t.Helper()
	got.Cursor = nil
	if len(got.Groups) == 0 {
		got.Groups = nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// contoso has people on several pages, a guest, somebody without a login, and
// groups in groups, one of which is too large for a page.
func contoso(t testing.TB) *tenant {
	f := newTenant(t)
	f.person("u1", "anna", map[string]any{
		"department": "Sales", "preferredLanguage": "de-DE", "employeeId": "4711", "mailNickname": "anna.berg",
		"onPremisesSamAccountName":                       "aberg",
		"onPremisesExtensionAttributes":                  map[string]any{"extensionAttribute1": "04A1B2C3D4", "extensionAttribute2": nil},
		"extension_0123456789abcdef0123456789abcdef_pin": 246810,
	})
	f.person("u2", "ben", map[string]any{"accountEnabled": false})
	f.person("u3", "carl", nil)
	f.person("u4", "dora", nil)
	f.person("u5", "eve_fabrikam.example#EXT#", map[string]any{"userType": "Guest"})
	f.user("u6", map[string]any{"displayName": "Nobody", "accountEnabled": true, "userPrincipalName": "@contoso.example"})
	f.group("g1", "Everybody")
	f.join("g1", "user", "u1", "u2", "u3", "u4")
	f.group("g2", "Sales")
	f.join("g2", "group", "g1")
	f.join("g2", "device", "d1")
	f.join("g2", "user", "u4")
	f.group("g3", "Empty")
	return f
}

func mapped(c *Config) {
	c.Aliases = []string{"onPremisesSamAccountName", "mailNickname"}
	c.Cards = []string{"employeeId", "onPremisesExtensionAttributes.extensionAttribute1", "onPremisesExtensionAttributes.extensionAttribute2"}
	c.PIN = "extension_0123456789abcdef0123456789abcdef_pin"
}

func person(id, name string) directory.Record {
	mail := name + "@contoso.example"
	return directory.Record{Key: id, Login: name, UPN: mail, Email: mail, FullName: "The " + name, Enabled: true}
}

var noLogin = "@contoso.example was passed over: there is nothing in userPrincipalName to take the login from."

var contosoGroups = []directory.GroupRecord{
	{Key: "g1", Name: "Everybody", People: []string{"u1", "u2", "u3", "u4"}},
	{Key: "g2", Name: "Sales", People: []string{"u4"}, Members: []string{"g1"}},
	{Key: "g3", Name: "Empty"},
}

func contosoPeople() []directory.Record {
	anna, ben := person("u1", "anna"), person("u2", "ben")
	anna.Department, anna.Language, anna.PIN = "Sales", "de-DE", "246810"
	anna.Aliases, anna.Cards = []string{"aberg", "anna.berg"}, []string{"4711", "04A1B2C3D4"}
	ben.Enabled = false
	return []directory.Record{anna, ben, person("u3", "carl"), person("u4", "dora")}
}

func TestEverybody(t *testing.T) {
	for _, perPage := range []int{1, 2, 3, 100} {
		f := contoso(t)
		f.perPage, f.replay = perPage, true
		s, _ := f.source(mapped)
		var told []int
		a, err := s.Read(t.Context(), nil, func(n int) { told = append(told, n) })
		if err != nil {
			t.Fatal(err)
		}
		same(t, a, directory.Answer{Full: true, People: contosoPeople(), Groups: contosoGroups, Problems: []string{noLogin}})
		if len(told) != 11 || told[10] != 11 { // with the two that came and went
			t.Errorf("told %v of 6 people and 3 groups", told)
		}
		if len(a.Cursor) > 1000 {
			t.Errorf("the cursor has %d octets", len(a.Cursor))
		}
	}
}

func TestLogin(t *testing.T) {
	tests := map[string]string{"": "anna", LoginPrefix: "anna", LoginUPN: "anna@contoso.example", LoginSAM: "aberg", LoginNickname: "anna.berg"}
	for from, want := range tests {
		t.Run(from, func(t *testing.T) {
			f := contoso(t)
			s, _ := f.source(func(c *Config) { c.Login = from })
			if a := read(t, s, nil); a.People[0].Login != want {
				t.Errorf("the login is %q, want %q", a.People[0].Login, want)
			}
		})
	}
}

func TestGuests(t *testing.T) {
	s, _ := contoso(t).source(func(c *Config) { c.Guests = true })
	if a := read(t, s, nil); len(a.People) != 5 || a.People[4].Key != "u5" {
		t.Errorf("people are %+v", a.People)
	}
}

func TestNothingHasChanged(t *testing.T) {
	f := contoso(t)
	s, _ := f.source(mapped)
	first := read(t, s, nil)
	before := f.requests("")
	second := read(t, s, first.Cursor)
	same(t, second, directory.Answer{})
	if n := f.requests("") - before; n != 2 {
		t.Errorf("%d requests, want one for people and one for groups", n)
	}
}

// Whoever has changed comes whole, whether the service says all of him or only
// what has changed.
func TestChanges(t *testing.T) {
	for _, minimal := range []bool{false, true} {
		t.Run(fmt.Sprint("minimal ", minimal), func(t *testing.T) {
			f := contoso(t)
			s, _ := f.source(mapped)
			cursor := read(t, s, nil).Cursor
			f.minimal, f.replay = minimal, true

			f.user("u1", map[string]any{"department": "Support", "preferredLanguage": nil})
			f.person("u7", "frank", nil)
			f.remove("users", "u3", "changed")
			f.remove("users", "u4", "deleted")
			f.leave("g1", "u3")
			f.join("g1", "user", "u7")
			f.group("g3", "Still empty")
			f.remove("groups", "g2", "deleted")
			anna := contosoPeople()[0]
			anna.Department, anna.Language = "Support", ""
			second := read(t, s, cursor)
			same(t, second, directory.Answer{
				People: []directory.Record{anna, person("u7", "frank")},
				Groups: []directory.GroupRecord{{Key: "g1", Name: "Everybody", People: []string{"u1", "u2", "u4", "u7"}}, {Key: "g3", Name: "Still empty"}},
				Gone:   []string{"u3", "u4", "g2"},
			})

			f.person("u3", "carl", nil) // restored
			f.user("u7", map[string]any{"userType": "Guest"})
			f.user("u1", map[string]any{"userPrincipalName": nil})
			third := read(t, s, second.Cursor)
			same(t, third, directory.Answer{
				People: []directory.Record{person("u3", "carl")}, Gone: []string{"u1", "u7"},
				Problems: []string{"u1 was passed over: there is nothing in userPrincipalName to take the login from."},
			})
			same(t, read(t, s, third.Cursor), directory.Answer{})
		})
	}
}

func TestManyChangesComeInBatches(t *testing.T) {
	f := contoso(t)
	s, _ := f.source()
	cursor := read(t, s, nil).Cursor
	for i := range 45 {
		f.person(fmt.Sprintf("v%02d", i), fmt.Sprintf("v%02d", i), nil)
	}
	if a := read(t, s, cursor); len(a.People) != 45 || a.People[44].Login != "v44" {
		t.Errorf("%d people", len(a.People))
	}
	if n := f.requests("POST /v1.0/$batch"); n != 3 {
		t.Errorf("%d batches for 45 people", n)
	}
}

// Whatever makes a cursor useless, everybody is read again, and what has
// happened is not missed.
func TestEverybodyAgain(t *testing.T) {
	gone := func(path string) func(f *tenant) {
		return func(f *tenant) {
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != path || r.URL.Query().Get("$deltatoken") == "" {
					return false
				}
				w.Header().Set("Location", f.url+path+"?$deltatoken=")
				graphFault(w, http.StatusGone, "resyncRequired", "Resync required.")
				return true
			}
		}
	}
	tests := map[string]struct {
		meanwhile func(f *tenant)
		config    func(c *Config)
		cursor    func(b []byte) []byte
	}{
		"410 for people":     {meanwhile: gone("/v1.0/users/delta")},
		"410 for groups":     {meanwhile: gone("/v1.0/groups/delta")},
		"syncStateNotFound":  {meanwhile: func(f *tenant) { f.forgot = len(f.changes) }},
		"another 400":        {meanwhile: refuse("/v1.0/users/delta", "$deltatoken", http.StatusBadRequest, "Directory_ExpiredPageToken")},
		"404":                {meanwhile: refuse("/v1.0/groups/delta", "$deltatoken", http.StatusNotFound, "itemNotFound")},
		"inner code":         {meanwhile: innerResync},
		"a person not there": {meanwhile: refuse("/v1.0/users/u1", "", http.StatusNotFound, "Request_ResourceNotFound")},
		"members not there":  {meanwhile: refuse("/v1.0/groups/g3/members", "", http.StatusNotFound, "Request_ResourceNotFound")},
		"other attributes":   {config: func(c *Config) { c.Cards = nil }},
		"other groups":       {config: func(c *Config) { c.Groups = []string{"g1"} }},
		"other version":      {cursor: func(b []byte) []byte { return []byte(strings.Replace(string(b), `"v":1`, `"v":2`, 1)) }},
		"no cursor at all":   {cursor: func([]byte) []byte { return []byte("{") }},
		"link to elsewhere":  {cursor: func(b []byte) []byte { return []byte(strings.Replace(string(b), "127.0.0.1", "127.0.0.2", 1)) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := contoso(t)
			s, _ := f.source(mapped)
			cursor := read(t, s, nil).Cursor
			f.person("u1", "annette", nil)
			f.group("g3", "Renamed")
			if tt.meanwhile != nil {
				tt.meanwhile(f)
			}
			if tt.config != nil {
				tt.config(&s.Config)
			}
			if tt.cursor != nil {
				cursor = tt.cursor(cursor)
			}
			a := read(t, s, cursor)
			if !a.Full || len(a.People) != 4 || a.People[0].FullName != "The annette" || a.Groups[2].Name != "Renamed" {
				t.Errorf("got %+v", a)
			}
			f.before, f.forgot = nil, 0
			same(t, read(t, s, a.Cursor), directory.Answer{})
		})
	}
}

// refuse answers a path with an error, if the query has this parameter.
func refuse(path, param string, status int, code string) func(f *tenant) {
	return func(f *tenant) {
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != path || param != "" && r.URL.Query().Get(param) == "" {
				return false
			}
			graphFault(w, status, code, "No.")
			return true
		}
	}
}

func innerResync(f *tenant) {
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("$deltatoken") == "" {
			return false
		}
		reply(w, http.StatusConflict, map[string]any{"error": map[string]any{"code": "generalException", "innererror": map[string]any{"code": "resyncRequired"}}})
		return true
	}
}

// A walk from scratch may be told to begin anew as well; once it does.
func TestBeginAnew(t *testing.T) {
	for times, ok := range map[int]bool{1: true, 2: false} {
		f := contoso(t)
		left := times
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("$skiptoken") == "" || left == 0 {
				return false
			}
			left--
			graphFault(w, http.StatusGone, "resyncRequired", "Resync required.")
			return true
		}
		s, _ := f.source()
		a, err := s.Read(t.Context(), nil, nil)
		if ok && (err != nil || len(a.People) != 4) || !ok && !fault.Is(err, fault.Unavailable) {
			t.Errorf("told %d times: %+v, %v", times, a, err)
		}
	}
}

func TestOnlyMembersOfGroups(t *testing.T) {
	f := contoso(t)
	f.group("g4", "Printing")
	f.join("g4", "user", "u3")
	f.join("g4", "group", "g5")
	f.group("g5", "Nested")
	f.join("g5", "user", "u1", "u5")
	f.join("g5", "group", "g4") // a circle
	s, _ := f.source(func(c *Config) { c.Groups = []string{"g4"} })
	a := read(t, s, nil)
	if !a.Full || keys(a.People) != "u1 u3" || len(a.Groups) != 5 || len(a.Problems) != 0 {
		t.Fatalf("got %+v", a)
	}
	step := func(want string, gone ...string) {
		t.Helper()
		a = read(t, s, a.Cursor)
		if a.Full || keys(a.People) != want || strings.Join(a.Gone, " ") != strings.Join(gone, " ") {
			t.Errorf("people %s, gone %v, full %v; want %s, %v", keys(a.People), a.Gone, a.Full, want, gone)
		}
	}
	f.join("g5", "user", "u4") // into a nested group, and nothing else of him has changed
	step("u4")
	f.leave("g4", "u3")
	step("", "u3")
	f.user("u2", map[string]any{"department": "Sales"}) // somebody who is in none
	step("", "u2")
	f.leave("g1", "u1") // another group
	step("u1")
	f.remove("groups", "g3", "deleted") // a group of no interest
	step("", "g3")

	f.group("g6", "More")
	f.join("g6", "user", "u2")
	a = read(t, s, a.Cursor)
	f.join("g5", "group", "g6") // people who are not named came with it
	a = read(t, s, a.Cursor)
	if !a.Full || keys(a.People) != "u1 u2 u4" {
		t.Errorf("after a group came into another: %+v", a)
	}
	f.remove("groups", "g4", "deleted")
	if _, err := s.Read(t.Context(), a.Cursor, nil); !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Text(err), "no group g4") {
		t.Errorf("without the group: %v", err)
	}
}

func keys(people []directory.Record) string {
	var all []string
	for i := range people {
		all = append(all, people[i].Key)
	}
	return strings.Join(all, " ")
}

func TestProblemsAreBounded(t *testing.T) {
	f := contoso(t)
	f.perPage = 1000
	for i := range 300 {
		f.user(fmt.Sprintf("w%03d", i), map[string]any{"displayName": "No login"})
	}
	s, _ := f.source()
	if a := read(t, s, nil); len(a.Problems) != directory.MaxProblems {
		t.Errorf("%d problems", len(a.Problems))
	}
}

func TestProbe(t *testing.T) {
	all := Report{Tenant: testTenant, People: 6, Names: []string{"The anna (anna)", "The ben (ben)", "The carl (carl)", "The dora (dora)", "The eve_fabrikam.example#EXT# (eve_fabrikam.example#EXT#)"}}
	noCount, noPeople, noGroups := all, Report{Tenant: testTenant, People: -1, Missing: []string{"User.Read.All"}}, all
	noCount.People, noGroups.Missing = -1, []string{"Group.Read.All"}
	denied := func(path string) func(*tenant) {
		return refuse(path, "", http.StatusForbidden, "Authorization_RequestDenied")
	}
	tests := map[string]struct {
		with   func(f *tenant)
		groups []string
		want   Report
		kind   fault.Kind
	}{
		"all is well":      {with: func(*tenant) {}, groups: []string{"g1"}, want: all},
		"no count":         {with: refuse("/v1.0/users/$count", "", http.StatusBadRequest, "Request_UnsupportedQuery"), want: noCount},
		"no people":        {with: denied("/v1.0/users"), want: noPeople},
		"no groups":        {with: denied("/v1.0/groups"), want: noGroups},
		"an unknown group": {with: func(*tenant) {}, groups: []string{"g9"}, want: all, kind: fault.Invalid},
		"wrong secret":     {with: func(f *tenant) { f.secret = "another" }, want: Report{Tenant: testTenant, People: -1}, kind: fault.Denied},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := contoso(t)
			tt.with(f)
			s, _ := f.source(func(c *Config) { c.Groups = tt.groups })
			got, err := s.Probe(t.Context())
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if (err != nil) != (tt.kind != 0) || err != nil && !fault.Is(err, tt.kind) {
				t.Errorf("err = %v, want %v", err, tt.kind)
			}
		})
	}
}
