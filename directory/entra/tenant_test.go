package entra

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

const label = "against a local server that follows the published contract; no real Entra ID has been asked"

// tenant is a local server that follows the published contract: the pages that
// the package comment names.
type tenant struct {
	t      testing.TB
	url    string
	secret string
	cert   *x509.Certificate
	clock  time.Time
	life   int // seconds that a token is good for

	perPage int  // objects, or members, on one page
	minimal bool // later answers have only the properties that have changed: "at least the properties that have been updated"
	replay  bool // things come again, in part, or come and go: see again
	before  func(w http.ResponseWriter, r *http.Request) bool

	mu      sync.Mutex
	users   map[string]map[string]any
	groups  map[string]*fakeGroup
	changes []change
	forgot  int // changes before this one are no longer known
	tokens  map[string]time.Time
	states  map[string]state // by opaque token
	asked   []string         // method and path of every request
	seen    map[string]bool  // jti of assertions
}

type fakeGroup struct {
	name    string
	members []fakeMember
}

type fakeMember struct{ id, kind string } // kind: user, group, device

type change struct {
	collection, id string
	props          []string
	removed        string // reason
	member         fakeMember
	left           bool
}

type state struct {
	collection, selected string
	items                []map[string]any // what is left of this round; nil for a deltaLink
	since                int
}

const (
	testTenant = "11111111-2222-3333-4444-555555555555"
	testClient = "66666666-7777-8888-9999-000000000000"
	testSecret = "Xy8Q~the-secret-nobody-sees"
)

func newTenant(t testing.TB) *tenant {
	t.Helper()
	t.Log(label)
	f := &tenant{
		t: t, secret: testSecret, clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), life: 3599, perPage: 3,
		users: map[string]map[string]any{}, groups: map[string]*fakeGroup{},
		tokens: map[string]time.Time{}, states: map[string]state{}, seen: map[string]bool{},
	}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	f.url = srv.URL
	return f
}

// source returns a source that asks f, with waits that only count.
func (f *tenant) source(change ...func(*Config)) (*Source, *waits) {
	s := &Source{
		Config: Config{Tenant: testTenant, Client: testClient, Authority: f.url, Graph: f.url, Loopback: true},
		Secret: testSecret, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return f.clock },
	}
	for _, c := range change {
		c(&s.Config)
	}
	w := &waits{}
	s.sleep = w.sleep
	return s, w
}

// user adds somebody, or changes what is given; nil clears a property.
func (f *tenant) user(id string, props map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users[id] == nil {
		f.users[id] = map[string]any{"id": id}
	}
	maps.Copy(f.users[id], props)
	f.changes = append(f.changes, change{collection: "users", id: id, props: slices.Sorted(maps.Keys(props))})
}

// person adds somebody with the usual properties.
func (f *tenant) person(id, name string, more map[string]any) {
	props := map[string]any{
		"userPrincipalName": name + "@contoso.example", "mail": name + "@contoso.example", "displayName": "The " + name,
		"accountEnabled": true, "userType": "Member", "skills": "of no interest",
	}
	maps.Copy(props, more)
	f.user(id, props)
}

func (f *tenant) remove(collection, id, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.users, id)
	delete(f.groups, id)
	f.changes = append(f.changes, change{collection: collection, id: id, removed: reason})
}

func (f *tenant) group(id, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.groups[id] == nil {
		f.groups[id] = &fakeGroup{}
	}
	f.groups[id].name = name
	f.changes = append(f.changes, change{collection: "groups", id: id, props: []string{"displayName"}})
}

func (f *tenant) join(group, kind string, ids ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		m := fakeMember{id, kind}
		f.groups[group].members = append(f.groups[group].members, m)
		f.changes = append(f.changes, change{collection: "groups", id: group, member: m})
	}
}

func (f *tenant) leave(group, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.groups[group]
	i := slices.IndexFunc(g.members, func(m fakeMember) bool { return m.id == id })
	f.changes = append(f.changes, change{collection: "groups", id: group, member: g.members[i], left: true})
	g.members = slices.Delete(g.members, i, i+1)
}

// requests returns how many requests began like this.
func (f *tenant) requests(prefix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.asked {
		if strings.HasPrefix(a, prefix) {
			n++
		}
	}
	return n
}

func (f *tenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r.Method+" "+r.URL.Path)
	before := f.before
	f.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serve(w, r)
}

func (f *tenant) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/token") {
		f.grant(w, r)
		return
	}
	until, ok := f.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok || !f.clock.Before(until) {
		graphFault(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v1.0/")
	if !ok {
		graphFault(w, http.StatusNotFound, "BadRequest", "Resource not found.")
		return
	}
	f.graph(w, r, strings.Split(path, "/"))
}

func (f *tenant) graph(w http.ResponseWriter, r *http.Request, path []string) {
	selected := r.URL.Query().Get("$select")
	switch {
	case path[0] == "$batch":
		f.batch(w, r)
	case len(path) == 2 && path[1] == "delta":
		f.delta(w, r, path[0])
	case len(path) == 2 && path[1] == "$count":
		if r.Header.Get("ConsistencyLevel") != "eventual" {
			graphFault(w, http.StatusBadRequest, "Request_UnsupportedQuery", "ConsistencyLevel")
			return
		}
		fmt.Fprint(w, len(f.users))
	case len(path) == 1:
		all := f.everything(path[0], selected)
		n, _ := strconv.Atoi(r.URL.Query().Get("$top"))
		p := map[string]any{"value": all[:min(n, len(all))]}
		if n < len(all) {
			p["@odata.nextLink"] = f.url + "/v1.0/" + path[0] + "?$skiptoken=unused"
		}
		reply(w, http.StatusOK, p)
	case len(path) == 2:
		if o := f.object(path[0], path[1], strings.Split(selected, ",")); o != nil {
			reply(w, http.StatusOK, o)
			return
		}
		graphFault(w, http.StatusNotFound, "Request_ResourceNotFound", "Resource '"+path[1]+"' does not exist.")
	default:
		f.members(w, r, path[1], path[2])
	}
}

// object returns what is selected of one; a property that was never set is not
// there.
func (f *tenant) object(collection, id string, selected []string) map[string]any {
	from := f.users[id]
	if g := f.groups[id]; collection == "groups" && g != nil {
		from = map[string]any{"displayName": g.name}
	}
	if from == nil {
		return nil
	}
	o := map[string]any{"id": id}
	for _, p := range selected {
		if v, ok := from[p]; ok {
			o[p] = v
		}
	}
	return o
}

func (f *tenant) everything(collection, selected string) (all []map[string]any) {
	ids := slices.Sorted(maps.Keys(f.users))
	if collection == "groups" {
		ids = slices.Sorted(maps.Keys(f.groups))
	}
	for _, id := range ids {
		all = append(all, f.object(collection, id, strings.Split(selected, ",")))
	}
	return all
}

func (f *tenant) delta(w http.ResponseWriter, r *http.Request, collection string) {
	q := r.URL.Query()
	opaque := cmp.Or(q.Get("$skiptoken"), q.Get("$deltatoken"))
	st := state{collection: collection, selected: q.Get("$select")}
	if opaque != "" {
		var ok bool
		if st, ok = f.states[opaque]; !ok || st.since < f.forgot {
			graphFault(w, http.StatusBadRequest, "syncStateNotFound", "The sync state generation is not found.")
			return
		}
	} else if st.selected == "" {
		f.t.Error("a delta query without $select")
	}
	if st.items == nil {
		st.items, st.since = f.round(collection, st.selected, st.since, opaque == ""), len(f.changes)
	}
	n := min(f.perPage, len(st.items))
	value := st.items[:n]
	st.items = st.items[n:]
	next, name := "@odata.nextLink", "$skiptoken"
	if len(st.items) == 0 {
		st.items, next, name = nil, "@odata.deltaLink", "$deltatoken"
	}
	token := rand.Text()
	f.states[token] = st
	reply(w, http.StatusOK, map[string]any{
		"@odata.context": f.url + "/v1.0/$metadata#" + collection, "value": append([]map[string]any{}, value...),
		next: f.url + "/v1.0/" + collection + "/delta?" + name + "=" + token,
	})
}

// round returns the objects of a delta query: all, or who has changed.
func (f *tenant) round(collection, selected string, since int, all bool) []map[string]any {
	var items []map[string]any
	if all {
		items = f.everything(collection, selected)
		for _, i := range items {
			if g := f.groups[i["id"].(string)]; g != nil && collection == "groups" {
				items = append(items, f.spread(i, g.members)...)
			}
		}
	} else {
		items = f.changed(collection, strings.Split(selected, ","), since)
	}
	if f.replay && len(items) > 0 {
		items = append(items, again(collection, items[0], all)...)
	}
	return items
}

// again is what else an answer may hold: an object once more, and only in part,
// and in one with everybody what came and has gone meanwhile.
func again(collection string, first map[string]any, all bool) []map[string]any {
	if !all {
		return []map[string]any{first}
	}
	part := map[string]any{"id": first["id"], "displayName": first["displayName"]}
	came, went := map[string]any{"id": "x1", "userPrincipalName": "x1@contoso.example"}, map[string]any{"id": "x1", "@removed": map[string]any{"reason": "changed"}}
	if collection == "users" {
		return []map[string]any{part, came, went}
	}
	more, less := maps.Clone(part), maps.Clone(part)
	more["members@delta"] = []any{map[string]any{"@odata.type": "#microsoft.graph.user", "id": "x1"}}
	less["members@delta"] = []any{map[string]any{"@odata.type": "#microsoft.graph.user", "id": "x1", "@removed": map[string]any{"reason": "deleted"}}}
	return []map[string]any{part, more, came, less, went}
}

// spread puts the first members into the group, and more of them on further
// objects with the same id, as large groups come.
func (f *tenant) spread(i map[string]any, members []fakeMember) (more []map[string]any) {
	for n, part := range slices.Collect(slices.Chunk(members, f.perPage)) {
		var list []map[string]any
		for _, m := range part {
			list = append(list, map[string]any{"@odata.type": "#microsoft.graph." + m.kind, "id": m.id})
		}
		if n == 0 {
			i["members@delta"] = list
			continue
		}
		more = append(more, map[string]any{"id": i["id"], "displayName": i["displayName"], "members@delta": list})
	}
	return more
}

func (f *tenant) changed(collection string, selected []string, since int) (items []map[string]any) {
	for _, c := range f.changes[since:] {
		if c.collection != collection {
			continue
		}
		if c.removed != "" {
			items = append(items, map[string]any{"id": c.id, "@removed": map[string]any{"reason": c.removed}})
			continue
		}
		props := selected
		if f.minimal {
			props = slices.DeleteFunc(slices.Clone(c.props), func(p string) bool { return !slices.Contains(selected, p) })
		}
		o := f.object(collection, c.id, props)
		if o == nil {
			continue // removed since, which follows
		}
		if c.member.id != "" {
			m := map[string]any{"@odata.type": "#microsoft.graph." + c.member.kind, "id": c.member.id}
			if c.left {
				m["@removed"] = map[string]any{"reason": "deleted"}
			}
			o["members@delta"] = []any{m}
		}
		items = append(items, o)
	}
	return items
}

// members lists members or transitiveMembers.
func (f *tenant) members(w http.ResponseWriter, r *http.Request, id, what string) {
	if f.groups[id] == nil {
		graphFault(w, http.StatusNotFound, "Request_ResourceNotFound", "Resource does not exist.")
		return
	}
	all := f.groups[id].members
	if what == "transitiveMembers" {
		all = nil
		f.transitive(id, map[string]bool{id: true}, &all)
	}
	at, _ := strconv.Atoi(r.URL.Query().Get("$skiptoken"))
	to := min(at+f.perPage, len(all))
	value := []map[string]any{}
	for _, m := range all[at:to] {
		value = append(value, map[string]any{"@odata.type": "#microsoft.graph." + m.kind, "id": m.id})
	}
	p := map[string]any{"value": value}
	if to < len(all) {
		p["@odata.nextLink"] = f.url + r.URL.Path + "?$skiptoken=" + strconv.Itoa(to)
	}
	reply(w, http.StatusOK, p)
}

func (f *tenant) transitive(id string, seen map[string]bool, all *[]fakeMember) {
	for _, m := range f.groups[id].members {
		if seen[m.id] {
			continue
		}
		seen[m.id] = true
		*all = append(*all, m)
		if m.kind == "group" && f.groups[m.id] != nil {
			f.transitive(m.id, seen, all)
		}
	}
}

// batch answers in the reverse order.
func (f *tenant) batch(w http.ResponseWriter, r *http.Request) {
	var b struct{ Requests []batchRequest }
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil || len(b.Requests) == 0 || len(b.Requests) > 20 {
		graphFault(w, http.StatusBadRequest, "BadRequest", "Number of requests exceeds the limit.")
		return
	}
	var responses []any
	for _, one := range slices.Backward(b.Requests) {
		inner := httptest.NewRequest(one.Method, "/v1.0"+one.URL, nil)
		inner.Header = r.Header
		rec := httptest.NewRecorder()
		if f.before == nil || !f.before(rec, inner) {
			f.serve(rec, inner)
		}
		headers := map[string]string{"Content-Type": "application/json"}
		if v := rec.Header().Get("Retry-After"); v != "" {
			headers["Retry-After"] = v
		}
		responses = append(responses, map[string]any{"id": one.ID, "status": rec.Code, "headers": headers, "body": json.RawMessage(rec.Body.Bytes())})
	}
	reply(w, http.StatusOK, map[string]any{"responses": responses})
}

// grant is the token endpoint.
func (f *tenant) grant(w http.ResponseWriter, r *http.Request) {
	if got := strings.Split(r.URL.Path, "/")[1]; got != testTenant {
		tokenFault(w, http.StatusBadRequest, "invalid_request", 90002, "Tenant '"+got+"' not found.")
		return
	}
	if r.Method != http.MethodPost || r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("scope") != f.url+"/.default" {
		tokenFault(w, http.StatusBadRequest, "invalid_scope", 70011, "The provided value for the input parameter 'scope' isn't valid.")
		return
	}
	if r.PostFormValue("client_id") != testClient {
		tokenFault(w, http.StatusBadRequest, "unauthorized_client", 700016, "Application was not found in the directory.")
		return
	}
	if f.cert != nil {
		if err := f.verify(r); err != nil {
			f.t.Logf("the assertion is refused: %v", err)
			tokenFault(w, http.StatusUnauthorized, "invalid_client", 700027, "Client assertion failed signature validation.")
			return
		}
	} else if r.PostFormValue("client_secret") != f.secret {
		tokenFault(w, http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided.")
		return
	}
	token := rand.Text()
	f.tokens[token] = f.clock.Add(time.Duration(f.life) * time.Second)
	reply(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": f.life, "access_token": token})
}

// verify checks an assertion as the page on certificate credentials describes
// it.
func (f *tenant) verify(r *http.Request) error {
	if got := r.PostFormValue("client_assertion_type"); got != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return fmt.Errorf("client_assertion_type %q", got)
	}
	parts := strings.Split(r.PostFormValue("client_assertion"), ".")
	if len(parts) != 3 {
		return fmt.Errorf("%d parts", len(parts))
	}
	var raw [3][]byte
	for i := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(parts[i]); err != nil {
			return err
		}
	}
	var head struct {
		Alg, Typ string
		Thumb    string `json:"x5t#S256"`
	}
	var claims struct {
		Aud, Iss, Sub, Jti string
		Nbf, Iat, Exp      int64
	}
	if err := json.Unmarshal(raw[0], &head); err != nil {
		return err
	}
	if err := json.Unmarshal(raw[1], &claims); err != nil {
		return err
	}
	thumb := sha256.Sum256(f.cert.Raw)
	if head.Alg != "PS256" || head.Typ != "JWT" || head.Thumb != base64.RawURLEncoding.EncodeToString(thumb[:]) {
		return fmt.Errorf("header %+v", head)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	err := rsa.VerifyPSS(f.cert.PublicKey.(*rsa.PublicKey), crypto.SHA256, digest[:], raw[2], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	if err != nil {
		return err
	}
	if claims.Aud != f.url+"/"+testTenant+"/oauth2/v2.0/token" || claims.Iss != testClient || claims.Sub != testClient {
		return fmt.Errorf("claims %+v", claims)
	}
	now := f.clock.Unix()
	if claims.Nbf > now || claims.Exp <= now || claims.Exp-claims.Nbf > 600 || claims.Iat != claims.Nbf {
		return fmt.Errorf("at %d: times %+v", now, claims)
	}
	if _, err := uuid.Parse(claims.Jti); err != nil || f.seen[claims.Jti] {
		return fmt.Errorf("jti %q", claims.Jti)
	}
	f.seen[claims.Jti] = true
	return nil
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // a client that hangs up is the test's business
}

func graphFault(w http.ResponseWriter, status int, code, message string) {
	reply(w, status, map[string]any{"error": map[string]any{"code": code, "message": message, "innerError": map[string]any{"request-id": uuid.NewString(), "date": "2026-03-01T12:00:00"}}})
}

func tokenFault(w http.ResponseWriter, status int, code string, number int, text string) {
	reply(w, status, map[string]any{
		"error": code, "error_description": fmt.Sprintf("AADSTS%d: %s\r\nTrace ID: %s", number, text, uuid.NewString()), "error_codes": []int{number},
	})
}

// newCertificate returns a certificate and its key, both PEM.
func newCertificate(t testing.TB, until time.Time) (cert *x509.Certificate, certPEM, keyPEM string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "platen"}, NotBefore: until.AddDate(-1, 0, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}
