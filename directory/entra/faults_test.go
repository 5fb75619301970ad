package entra

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
)

// nothing checks that an error came with no answer: half of one must never look
// as if people had left.
func nothing(t *testing.T, a directory.Answer, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("err = %v, want %v", err, kind)
	}
	if !reflect.DeepEqual(a, directory.Answer{}) {
		t.Errorf("an answer came along: %+v", a)
	}
}

func TestRefusals(t *testing.T) {
	ended, endedPEM, endedKey := newCertificate(t, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	tests := map[string]struct {
		change func(f *tenant, s *Source)
		kind   fault.Kind
		text   string
	}{
		"wrong secret":        {func(f *tenant, _ *Source) { f.secret = "another" }, fault.Denied, "does not accept the client secret"},
		"secret has expired":  {tokenRefusal(http.StatusUnauthorized, "invalid_client", 7000222), fault.Denied, "The client secret has expired"},
		"no secret":           {func(_ *tenant, s *Source) { s.Secret = "" }, fault.Invalid, "The secret is missing"},
		"unknown tenant":      {func(_ *tenant, s *Source) { s.Config.Tenant = "fabrikam.example" }, fault.Denied, "does not know the tenant fabrikam.example"},
		"unknown application": {func(_ *tenant, s *Source) { s.Config.Client = "1234" }, fault.Denied, "does not know the application 1234"},
		"another refusal":     {tokenRefusal(http.StatusBadRequest, "invalid_resource", 500011), fault.Denied, "refuses the application (invalid_resource)"},
		"a number nobody has": {tokenRefusal(http.StatusUnauthorized, "invalid_client", 1), fault.Denied, "does not accept the client secret"},
		"sign-in has trouble": {tokenRefusal(http.StatusInternalServerError, "server_error", 0), fault.Unavailable, "trouble of its own (500)"},
		"sign-in is a page": {func(f *tenant, _ *Source) {
			f.before = func(w http.ResponseWriter, _ *http.Request) bool { io.WriteString(w, "<html>"); return true }
		}, fault.Invalid, "an answer that cannot be used"},
		"no permission":      {graphRefusal(http.StatusForbidden, "Authorization_RequestDenied"), fault.Denied, "User.Read.All and Group.Read.All, or Directory.Read.All"},
		"not for groups":     {also(refuse("/v1.0/groups/delta", "", http.StatusForbidden, "Authorization_RequestDenied")), fault.Denied, "User.Read.All and Group.Read.All"},
		"token not accepted": {graphRefusal(http.StatusUnauthorized, "InvalidAuthenticationToken"), fault.Denied, "does not accept the token"},
		"bad question":       {graphRefusal(http.StatusBadRequest, "Request_BadRequest"), fault.Invalid, "does not understand the question (Request_BadRequest)"},
		"trouble":            {graphRefusal(http.StatusInternalServerError, "generalException"), fault.Unavailable, "trouble of its own (500)"},
		"not there":          {graphRefusal(http.StatusNotFound, "BadRequest"), fault.Invalid, "an answer that cannot be used"},
		"teapot":             {graphRefusal(http.StatusTeapot, "<script>"), fault.Invalid, "an answer that cannot be used"},
		"a broken config":    {func(_ *tenant, s *Source) { s.Config.Tenant = "../common" }, fault.Invalid, "The tenant is its id"},
		"certificate has ended": {func(f *tenant, s *Source) {
			f.cert, s.Config.Certificate, s.Secret = ended, endedPEM, endedKey
		}, fault.Denied, "was good until 2026-02-01"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := contoso(t)
			s, _ := f.source()
			tt.change(f, s)
			a, err := s.Read(t.Context(), nil, nil)
			nothing(t, a, err, tt.kind)
			if !strings.Contains(fault.Text(err), tt.text) {
				t.Errorf("%q does not say %q", fault.Text(err), tt.text)
			}
		})
	}
}

func also(with func(*tenant)) func(*tenant, *Source) {
	return func(f *tenant, _ *Source) { with(f) }
}

func tokenRefusal(status int, code string, number int) func(*tenant, *Source) {
	return also(func(f *tenant) {
		f.before = func(w http.ResponseWriter, _ *http.Request) bool {
			tokenFault(w, status, code, number, "No.")
			return true
		}
	})
}

func graphRefusal(status int, code string) func(*tenant, *Source) {
	return also(refuse("/v1.0/users/delta", "", status, code))
}

func TestCertificate(t *testing.T) {
	until := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	cert, certPEM, keyPEM := newCertificate(t, until)
	_, otherPEM, otherKey := newCertificate(t, until)
	tests := map[string]struct {
		cert, key string
		clock     time.Duration
		kind      fault.Kind
		text      string
	}{
		"right":                  {cert: certPEM, key: keyPEM},
		"another certificate":    {cert: otherPEM, key: otherKey, kind: fault.Denied, text: "does not accept the certificate"},
		"clock ahead":            {cert: certPEM, key: keyPEM, clock: time.Hour, kind: fault.Denied, text: "check the clock"},
		"clock behind":           {cert: certPEM, key: keyPEM, clock: -time.Hour, kind: fault.Denied, text: "check the clock"},
		"key of another":         {cert: certPEM, key: otherKey, kind: fault.Invalid, text: "does not belong to the certificate"},
		"no key":                 {cert: certPEM, key: "secret", kind: fault.Invalid, text: "does not belong to the certificate"},
		"certificate as the key": {cert: certPEM, key: certPEM, kind: fault.Invalid, text: "does not belong to the certificate"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := contoso(t)
			f.cert = cert
			s, _ := f.source(func(c *Config) { c.Certificate = tt.cert })
			s.Secret, s.Now = tt.key, func() time.Time { return f.clock.Add(tt.clock) }
			a, err := s.Read(t.Context(), nil, nil)
			if tt.text == "" {
				if err != nil || len(a.People) != 4 {
					t.Errorf("%d people, %v", len(a.People), err)
				}
				return
			}
			nothing(t, a, err, tt.kind)
			if !strings.Contains(fault.Text(err), tt.text) {
				t.Errorf("%q does not say %q", fault.Text(err), tt.text)
			}
		})
	}
}

func TestOneTokenLastsAnHour(t *testing.T) {
	f := contoso(t)
	s, _ := f.source()
	a := read(t, s, nil)
	a = read(t, s, a.Cursor)
	if n := f.requests("POST /" + testTenant); n != 1 {
		t.Errorf("%d tokens for two reads", n)
	}
	f.clock = f.clock.Add(58 * time.Minute) // it ends in less than two
	a = read(t, s, a.Cursor)
	if n := f.requests("POST /" + testTenant); n != 2 {
		t.Errorf("%d tokens shortly before the end of the first", n)
	}
	f.mu.Lock()
	clear(f.tokens) // revoked
	f.mu.Unlock()
	read(t, s, a.Cursor)
	if n := f.requests("POST /" + testTenant); n != 3 {
		t.Errorf("%d tokens after one was revoked", n)
	}
}

// busyTimes lets requests to path fail some times.
func busyTimes(f *tenant, path string, times, status int, retryAfter string) {
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if times == 0 || !strings.HasSuffix(r.URL.Path, path) {
			return false
		}
		times--
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		graphFault(w, status, "TooManyRequests", "Please retry again later.")
		return true
	}
}

func TestThrottled(t *testing.T) {
	s := time.Second
	tests := map[string]struct {
		path       string
		times      int
		status     int
		retryAfter string
		want       []time.Duration
		fails      bool
	}{
		"seconds":            {"/users/delta", 2, 429, "7", []time.Duration{7 * s, 7 * s}, false},
		"with a fraction":    {"/users/delta", 1, 429, "2.128", []time.Duration{3 * s}, false},
		"a date":             {"/groups/delta", 1, 503, "Sun, 01 Mar 2026 12:00:42 GMT", []time.Duration{42 * s}, false},
		"a date gone by":     {"/groups/delta", 1, 503, "Sun, 01 Mar 2020 12:00:42 GMT", []time.Duration{s}, false},
		"no time":            {"/users/delta", 5, 504, "", []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s}, false},
		"nonsense":           {"/users/delta", 2, 509, "soon", []time.Duration{s, 2 * s}, false},
		"nothing":            {"/users/delta", 1, 429, "0", []time.Duration{s}, false},
		"negative":           {"/users/delta", 1, 429, "-5", []time.Duration{s}, false},
		"the token endpoint": {"/token", 1, 429, "3", []time.Duration{3 * s}, false},
		"for ever":           {"/users/delta", -1, 429, "100", []time.Duration{100 * s, 100 * s, 100 * s}, true},
		"for too long":       {"/users/delta", 1, 503, "301", nil, true},
		"for years":          {"/users/delta", 1, 503, "1e300", nil, true},
		"for ever, no time":  {"/users/delta", -1, 503, "", []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, 60 * s}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := contoso(t)
			busyTimes(f, tt.path, tt.times, tt.status, tt.retryAfter)
			s, w := f.source()
			a, err := s.Read(t.Context(), nil, nil)
			if tt.fails {
				nothing(t, a, err, fault.Unavailable)
			} else if err != nil || len(a.People) != 4 {
				t.Errorf("%d people, %v", len(a.People), err)
			}
			if !slices.Equal(w.all, tt.want) {
				t.Errorf("waited %v, want %v", w.all, tt.want)
			}
		})
	}
}

// Requests in a batch are throttled one by one.
func TestThrottledInABatch(t *testing.T) {
	f := contoso(t)
	s, w := f.source()
	cursor := read(t, s, nil).Cursor
	for _, id := range []string{"u1", "u2", "u3"} {
		f.user(id, map[string]any{"department": "Moved"})
	}
	left := map[string]string{"/v1.0/users/u1": "4", "/v1.0/users/u3": "9"}
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		d, ok := left[r.URL.Path]
		if ok {
			delete(left, r.URL.Path)
			w.Header().Set("Retry-After", d)
			graphFault(w, http.StatusTooManyRequests, "TooManyRequests", "Please retry again later.")
		}
		return ok
	}
	a := read(t, s, cursor)
	if keys(a.People) != "u2 u1 u3" || a.People[2].Department != "Moved" {
		t.Errorf("people are %s", keys(a.People))
	}
	if n := f.requests("POST /v1.0/$batch"); n != 2 || !slices.Equal(w.all, []time.Duration{9 * time.Second}) {
		t.Errorf("%d batches, waits %v", n, w.all)
	}
}

func TestWaitEndsWithTheContext(t *testing.T) {
	f := contoso(t)
	busyTimes(f, "/users/delta", -1, 429, "100")
	s, _ := f.source()
	ctx, cancel := context.WithCancel(t.Context())
	s.sleep = func(ctx context.Context, d time.Duration) error {
		cancel()
		return sleepFor(ctx, d)
	}
	a, err := s.Read(ctx, nil, nil)
	nothing(t, a, err, fault.Unavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

// TestF48HalfAnAnswer: an answer that breaks off, wherever it does, is an error
// and never a short answer.
func TestF48HalfAnAnswer(t *testing.T) {
	whole := `{"value":[{"id":"u1","userPrincipalName":"anna@contoso.example","userType":"Member"}],"@odata.deltaLink":"%"}`
	page := func(body string) func(f *tenant) {
		return func(f *tenant) {
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/delta") {
					return false
				}
				io.WriteString(w, strings.ReplaceAll(body, "%", f.url+"/v1.0/users/delta?$deltatoken=x"))
				return true
			}
		}
	}
	tests := map[string]struct {
		with func(f *tenant)
		kind fault.Kind
	}{
		"no links":           {page(`{"value":[{"id":"u1","userPrincipalName":"anna@contoso.example"}]}`), fault.Invalid},
		"both links":         {page(`{"value":[],"@odata.deltaLink":"%","@odata.nextLink":"%"}`), fault.Invalid},
		"cut JSON":           {page(whole[:60]), fault.Invalid},
		"no value":           {page(`{"@odata.deltaLink":"%"}`), fault.Invalid},
		"value is null":      {page(`{"value":null,"@odata.deltaLink":"%"}`), fault.Invalid},
		"an object is null":  {page(`{"value":[null],"@odata.deltaLink":"%"}`), fault.Invalid},
		"no id":              {page(`{"value":[{"mail":"x"}],"@odata.deltaLink":"%"}`), fault.Invalid},
		"an id that leads":   {page(`{"value":[{"id":"../me"}],"@odata.deltaLink":"%"}`), fault.Invalid},
		"nobody at all":      {page(`{"value":[],"@odata.deltaLink":"%"}`), fault.Invalid},
		"nothing":            {page(``), fault.Invalid},
		"members are not":    {page(`{"value":[{"id":"g1","members@delta":[{"x":1}]}],"@odata.deltaLink":"%"}`), fault.Invalid},
		"cut connection":     {cutConnection, fault.Unavailable},
		"later page refused": {refuse("/v1.0/users/delta", "$skiptoken", http.StatusInternalServerError, "generalException"), fault.Unavailable},
		"groups refused":     {refuse("/v1.0/groups/delta", "$skiptoken", http.StatusInternalServerError, "generalException"), fault.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := contoso(t)
			tt.with(f)
			s, _ := f.source()
			a, err := s.Read(t.Context(), nil, nil)
			nothing(t, a, err, tt.kind)
		})
	}
}

func cutConnection(f *tenant) {
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("$skiptoken") == "" {
			return false
		}
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, `{"value":[]`)
		return true
	}
}

// TestF48HalfABatch: who has changed and does not come back whole makes an
// error.
func TestF48HalfABatch(t *testing.T) {
	tests := map[string]struct {
		answer string
		kind   fault.Kind
	}{
		"none":            {`{"responses":[]}`, fault.Invalid},
		"nothing":         {`{}`, fault.Invalid},
		"not JSON":        {`{"responses":[`, fault.Invalid},
		"one of two":      {`{"responses":[{"id":"0","status":200,"body":{"id":"u1"}}]}`, fault.Invalid},
		"one twice":       {`{"responses":[{"id":"0","status":200,"body":{"id":"u1"}},{"id":"0","status":200,"body":{"id":"u1"}}]}`, fault.Invalid},
		"somebody else":   {`{"responses":[{"id":"0","status":200,"body":{"id":"u3"}},{"id":"1","status":200,"body":{"id":"u2"}}]}`, fault.Invalid},
		"no body":         {`{"responses":[{"id":"0","status":200},{"id":"1","status":200,"body":{"id":"u2"}}]}`, fault.Invalid},
		"one not allowed": {`{"responses":[{"id":"0","status":200,"body":{"id":"u1"}},{"id":"1","status":403,"body":{}}]}`, fault.Denied},
		"one in trouble":  {`{"responses":[{"id":"0","status":200,"body":{"id":"u1"}},{"id":"1","status":500}]}`, fault.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := contoso(t)
			s, _ := f.source()
			cursor := read(t, s, nil).Cursor
			f.user("u1", map[string]any{"department": "Moved"})
			f.user("u2", map[string]any{"department": "Moved"})
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "$batch") {
					io.WriteString(w, tt.answer)
				}
				return strings.HasSuffix(r.URL.Path, "$batch")
			}
			a, err := s.Read(t.Context(), cursor, nil)
			nothing(t, a, err, tt.kind)
		})
	}
}

// TestLinkToAnotherHost: a token goes only to where the administrator has sent
// it.
func TestLinkToAnotherHost(t *testing.T) {
	canary := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the canary was asked for %s", r.URL)
	}))
	t.Cleanup(canary.Close)
	tests := map[string]func(f *tenant) string{
		"another port":   func(*tenant) string { return canary.URL + "/v1.0/users/delta" },
		"another scheme": func(f *tenant) string { return strings.Replace(f.url, "http:", "https:", 1) + "/v1.0/users/delta" },
		"with a name":    func(f *tenant) string { return strings.Replace(f.url, "//", "//anna@", 1) + "/v1.0/users/delta" },
		"in the name":    func(f *tenant) string { return f.url + "@" + canary.Listener.Addr().String() + "/v1.0/users/delta" },
		"another path":   func(f *tenant) string { return f.url + "/beta/users/delta" },
		"only a path":    func(*tenant) string { return "/v1.0/users/delta" },
		"no scheme":      func(*tenant) string { return "//" + canary.Listener.Addr().String() + "/v1.0/users/delta" },
		"a file":         func(*tenant) string { return "file:///etc/passwd" },
		"no address":     func(*tenant) string { return "http://[::1" },
		"too long":       func(f *tenant) string { return f.url + "/v1.0/users/delta?x=" + strings.Repeat("x", maxLink) },
		"a control":      func(f *tenant) string { return f.url + "/v1.0/\\u0000" },
		"another hostname": func(f *tenant) string {
			return strings.Replace(f.url, "127.0.0.1", "localhost", 1) + "/v1.0/users/delta"
		},
	}
	for name, link := range tests {
		for _, kind := range []string{"@odata.nextLink", "@odata.deltaLink"} {
			t.Run(name+kind, func(t *testing.T) {
				f := contoso(t)
				f.before = func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, "/delta") {
						return false
					}
					io.WriteString(w, `{"value":[{"id":"u1"}],"`+kind+`":"`+link(f)+`"}`)
					return true
				}
				s, _ := f.source()
				a, err := s.Read(t.Context(), nil, nil)
				nothing(t, a, err, fault.Invalid)
				if n := f.requests("GET"); n != 1 {
					t.Errorf("%d requests to Graph, want the first only", n)
				}
			})
		}
	}
}

// TestRedirect: neither the secret nor a token follows a redirect.
func TestRedirect(t *testing.T) {
	canary := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the canary was asked for %s", r.URL)
	}))
	t.Cleanup(canary.Close)
	for _, path := range []string{"/token", "/users/delta", "/$batch"} {
		f := contoso(t)
		s, _ := f.source()
		var cursor []byte
		if path == "/$batch" {
			cursor = read(t, s, nil).Cursor
			f.user("u1", map[string]any{"department": "Moved"})
		}
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, path) {
				http.Redirect(w, r, canary.URL, http.StatusTemporaryRedirect)
			}
			return strings.HasSuffix(r.URL.Path, path)
		}
		a, err := s.Read(t.Context(), cursor, nil)
		nothing(t, a, err, fault.Invalid)
	}
}

func TestLinksInACircle(t *testing.T) {
	f := contoso(t)
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/delta") {
			return false
		}
		next := "a"
		if r.URL.Query().Get("$skiptoken") == "a" {
			next = "b"
		}
		io.WriteString(w, `{"value":[{"id":"u1"}],"@odata.nextLink":"`+f.url+`/v1.0/users/delta?$skiptoken=`+next+`"}`)
		return true
	}
	s, _ := f.source()
	a, err := s.Read(t.Context(), nil, nil)
	nothing(t, a, err, fault.Invalid)
	if n := f.requests("GET"); n > 3 {
		t.Errorf("%d requests", n)
	}
}

// Links that never end and never repeat end at a number of pages, and objects
// at a number of them. The test begins shortly before.
func TestLimits(t *testing.T) {
	f := contoso(t)
	n := 0
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/token") {
			return false
		}
		n++
		io.WriteString(w, `{"value":[{"id":"u`+strconv.Itoa(n)+`"}],"@odata.nextLink":"`+f.url+`/v1.0/users/delta?$skiptoken=`+strconv.Itoa(n)+`"}`)
		return true
	}
	tests := map[string]func(t *talk){
		"pages":   func(t *talk) { t.pages = maxPages - 5 },
		"entries": func(t *talk) { t.entries = maxEntries - 5 },
		"members": func(t *talk) { t.members = maxMembers - 5 },
	}
	for name, begin := range tests {
		t.Run(name, func(t *testing.T) {
			s, _ := f.source()
			talk := s.talk(nil)
			begin(talk)
			n = 0
			_, err := talk.walk(t.Context(), talk.url("/users/delta"), true, func(item) error {
				return errors.Join(talk.count(), talk.countMember())
			})
			if !fault.Is(err, fault.Invalid) && !strings.Contains(err.Error(), "sends more than a node takes") || n > 6 {
				t.Errorf("%d pages, %v", n, err)
			}
		})
	}
}

func TestHugePage(t *testing.T) {
	f := contoso(t)
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/delta") {
			return false
		}
		io.WriteString(w, `{"value":[`)
		for spaces := bytes.Repeat([]byte(" "), 1<<20); ; {
			if _, err := w.Write(spaces); err != nil {
				return true // it has hung up
			}
		}
	}
	s, _ := f.source()
	a, err := s.Read(t.Context(), nil, nil)
	nothing(t, a, err, fault.Invalid)
	if !strings.Contains(fault.Text(err), "more than a node takes") {
		t.Errorf("it says %q", fault.Text(err))
	}
}

func TestHangingServer(t *testing.T) {
	f := contoso(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/delta") {
			return false
		}
		cancel() // as a deadline would, once the request is there
		<-r.Context().Done()
		return true
	}
	s, _ := f.source()
	a, err := s.Read(ctx, nil, nil)
	nothing(t, a, err, fault.Unavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	f := contoso(t)
	s, _ := f.source()
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	s.Config.Authority = down.URL
	a, err := s.Read(t.Context(), nil, nil)
	nothing(t, a, err, fault.Unavailable)
	if !strings.Contains(fault.Text(err), down.Listener.Addr().String()) {
		t.Errorf("it says %q", fault.Text(err))
	}
}

// TestSecretsStayInside: neither an error nor the log shows a secret, a token or
// a link, whatever goes wrong.
func TestSecretsStayInside(t *testing.T) {
	f := contoso(t)
	var log bytes.Buffer
	s, _ := f.source()
	s.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cursor := read(t, s, nil).Cursor
	for _, status := range []int{0, 400, 401, 403, 404, 410, 429, 500} {
		f.mu.Lock() // the server may not have done with the last one
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			switch {
			case !strings.HasSuffix(r.URL.Path, "/delta"):
				return false
			case status == 0:
				panic(http.ErrAbortHandler) // the way to hang up
			}
			graphFault(w, status, "x", "x")
			return true
		}
		f.mu.Unlock()
		for _, from := range [][]byte{nil, cursor} {
			if _, err := s.Read(t.Context(), from, nil); err != nil {
				log.WriteString(err.Error() + "\n")
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	secrets := []string{testSecret}
	for token := range f.tokens {
		secrets = append(secrets, token)
	}
	for token := range f.states {
		secrets = append(secrets, token)
	}
	for _, secret := range secrets {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%s was seen in\n%s", secret, log.String())
		}
	}
	if !strings.Contains(log.String(), "status 500") {
		t.Error("nothing was seen at all")
	}
}
