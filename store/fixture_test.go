package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// epoch is when the tests begin.
var epoch = time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)

// fakeSealer hides what it is given, and notices when a text is moved.
type fakeSealer struct{}

func (fakeSealer) SealTitle(plain string, aad []byte) ([]byte, error) {
	sum := sha256.Sum256(aad)
	return append(sum[:8], flip([]byte(plain))...), nil
}

func (fakeSealer) OpenTitle(sealed, aad []byte) (string, error) {
	sum := sha256.Sum256(aad)
	if len(sealed) < 8 || !bytes.Equal(sealed[:8], sum[:8]) {
		return "", errors.New("sealed for another place")
	}
	return string(flip(bytes.Clone(sealed[8:]))), nil
}

func flip(b []byte) []byte {
	for i := range b {
		b[i] ^= 0x5A
	}
	return b
}

// world is a store with two tenants that look alike: the same ids, names,
// logins, digests and UUIDs, and jobs in the same states. A test works in a;
// when it ends, b must be as it was.
type world struct {
	*Store
	a, b Scope
	dir  string
	now  time.Time
}

const (
	anna   = "0198f000-0000-7000-8000-0000000000a1"
	ben    = "0198f000-0000-7000-8000-0000000000a2"
	secure = "0198f000-0000-7000-8000-0000000000b1"
	direct = "0198f000-0000-7000-8000-0000000000b2"
	hall   = "0198f000-0000-7000-8000-0000000000c1"
	attic  = "0198f000-0000-7000-8000-0000000000c2"
	panel  = "0198f000-0000-7000-8000-0000000000d1"
)

func options(path string, now func() time.Time) Options {
	return Options{Path: path, Titles: fakeSealer{}, Key: "key-1", Now: now, Log: slog.New(slog.DiscardHandler)}
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), now: epoch}
	w.Store = open(t, options(filepath.Join(w.dir, "platen.db"), func() time.Time { return w.now }))
	ctx := t.Context()
	var err error
	w.a, err = w.Default(ctx)
	must(t, err)
	w.b, err = w.AddTenant(ctx, job.NewUUID(), "the other one")
	must(t, err)
	for _, s := range []Scope{w.a, w.b} {
		furnish(t, s)
	}
	before := dump(t, w.b)
	t.Cleanup(func() {
		if after := dump(t, w.b); !reflect.DeepEqual(before, after) {
			t.Errorf("the other tenant was touched:\nbefore %v\nafter  %v", before, after)
		}
	})
	return w
}

func furnish(t testing.TB, s Scope) {
	t.Helper()
	ctx := t.Context()
	must(t, s.PutUser(ctx, directory.User{ID: anna, Login: "anna", FullName: "Anna Berg", Email: "anna@example.test", UPN: "anna@corp.test",
		Department: "sales", Enabled: true, Source: "local", Rights: []directory.Right{directory.Release},
		Aliases: []string{"aberg", "berg.a"}, Created: epoch}))
	must(t, s.PutUser(ctx, directory.User{ID: ben, Login: "ben", Enabled: true, Source: "local", Created: epoch}))
	must(t, s.SetSecrets(ctx, anna, directory.Secrets{Password: "phc-p", PIN: "phc-n", PINDigest: []byte("pin")}))
	must(t, s.PutCard(ctx, directory.Card{ID: anna, User: anna, Digest: []byte("card"), Raw: []byte("raw"), Last: "3D4", Created: epoch}))
	must(t, s.PutDevice(ctx, site.Device{ID: hall, Name: "Hall", Serial: "S-1", URI: "folder:///tmp/hall", Enabled: true}))
	must(t, s.PutDevice(ctx, site.Device{ID: attic, Name: "Attic", URI: "lpr://attic/q", Quirks: []string{"slow-close", "no-pjl"}, Enabled: true}))
	must(t, s.PutQueue(ctx, queue(secure, "Secure", site.Hold, "")))
	must(t, s.PutQueue(ctx, queue(direct, "Direct", site.Passthrough, hall)))
	must(t, s.PutTerminal(ctx, site.Terminal{ID: panel, Name: "Panel", Device: hall, RecallAfter: 5 * time.Minute}))
	must(t, s.SetEnrolment(ctx, panel, []byte("secret"), epoch.Add(time.Hour)))
	must(t, s.AddToken(ctx, site.Token{ID: anna, Label: "erp", Created: epoch}, []byte("token")))
	must(t, s.PutThrottles(ctx, []directory.Throttle{{Key: "anna", Failures: []time.Time{epoch}}}))
	must(t, s.Audit(ctx, "anna", "sign-in", "panel", "card"))
	must(t, s.AddJob(ctx, newJob("fixture", anna), entries("Arrived.")))
}

func queue(id, name string, mode site.ReleaseMode, device string) site.Queue {
	return site.Queue{ID: id, Name: name, Info: "a queue", Mode: mode, Device: device, Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Priority: 50, Encoding: site.DefaultEncoding, HoldFor: 96 * time.Hour, KeepFor: 2 * time.Hour, AcceptJobs: true}
}

// newJob returns a held job with two documents, whose UUID is made from name.
func newJob(name, owner string) *job.Job {
	uuid := uuidOf(name)
	doc := func(n int, octets int64) job.Document {
		digest := sha256.Sum256(fmt.Append(nil, name, n))
		return job.Document{Number: n, Name: fmt.Sprintf("canary name %s", name), Octets: octets, Digest: digest[:], Language: "pdf",
			Copies: 1, File: fmt.Sprintf("%s-%d.doc", uuid, n), Count: job.NoCount("")}
	}
	return &job.Job{
		UUID: uuid, State: job.Held, Reasons: []job.Reason{job.HeldForRelease}, Queue: secure, Owner: owner, OwnerRule: "The login.",
		Ticket: job.Ticket{Title: "canary title " + name, Claimed: "ANNA", Host: "pc17", Class: "canary class", Banner: "canary banner",
			Copies: 2, Sides: "two-sided-long-edge", Cut: true, Extra: map[string]string{"Z": "canary extra"}},
		Origin:   job.Origin{Door: "lpd", Queue: "SECURE", Client: netip.MustParseAddr("10.1.2.3"), User: ""},
		Priority: 50, Documents: []job.Document{doc(1, 700), doc(2, 300)}, Octets: 1000,
		Created: epoch, ExpiresAt: epoch.Add(96 * time.Hour),
	}
}

// uuidOf makes a UUID from a name, the same one every time.
func uuidOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%x-%x-7%x-8%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])[:36]
}

func entries(texts ...string) []job.Entry {
	var h []job.Entry
	for _, text := range texts {
		h = append(h, job.Entry{At: epoch, Actor: "the node", Text: text})
	}
	return h
}

// add puts a held job of an owner into a.
func (w *world) add(t testing.TB, name, owner string) *job.Job {
	t.Helper()
	j := newJob(name, owner)
	must(t, w.a.AddJob(t.Context(), j, entries("Arrived.")))
	return j
}

func (w *world) job(t testing.TB, id int64) job.Job {
	t.Helper()
	j, err := w.a.Job(t.Context(), id)
	must(t, err)
	return j
}

// release takes jobs to the hall.
func (w *world) release(t testing.TB, at time.Time, ids ...int64) job.Release {
	t.Helper()
	o := job.Order{Release: job.Release{ID: job.NewUUID(), Device: hall, User: anna, At: at}}
	for _, id := range ids {
		o.Items = append(o.Items, job.OrderItem{Job: id, From: job.Held})
	}
	r, _, err := w.a.ReleaseJobs(t.Context(), o)
	must(t, err)
	for _, it := range r.Items {
		if it.Status != job.StatusQueued {
			t.Fatalf("job %d was not released: %+v", it.Job, it)
		}
	}
	return r
}

// tables lists the tables that have a tenant.
func tables(t testing.TB, s *Store) []string {
	t.Helper()
	var names []string
	must(t, s.read(context.Background(), "", func(v view) error {
		return v.each(`SELECT m.name FROM sqlite_master m WHERE m.type = 'table'
			AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) c WHERE c.name = 'tenant') ORDER BY m.name`, to(&names, scanText))
	}))
	return names
}

// dump returns every row of a tenant, table by table.
func dump(t testing.TB, s Scope) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	for _, table := range append(tables(t, s.st), "tenants") {
		key := "tenant"
		if table == "tenants" {
			key = "id"
		}
		must(t, s.st.read(context.Background(), s.tenant, func(v view) error {
			r, err := v.conn.QueryContext(v.ctx, "SELECT * FROM "+table+" WHERE "+key+" = ?", s.tenant)
			if err != nil {
				return err
			}
			defer r.Close()
			cols, err := r.Columns()
			if err != nil {
				return err
			}
			for r.Next() {
				vals := make([]any, len(cols))
				ptrs := make([]any, len(cols))
				for i := range vals {
					ptrs[i] = &vals[i]
				}
				if err := r.Scan(ptrs...); err != nil {
					return err
				}
				rows[table] = append(rows[table], strings.TrimSpace(fmt.Sprintln(vals...)))
			}
			return r.Err()
		}))
	}
	return rows
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, what string, err error, k fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != k {
		t.Errorf("%s: %v, want %v", what, err, k)
	}
}

func conditionOf(state string) site.Condition {
	return site.Condition{State: state, Since: epoch, Seen: epoch}
}
