package store

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"platen/fault"
	"platen/job"
	"platen/site"
)

func TestQueues(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	q := queue(attic, "Labels", site.Passthrough, hall)
	q.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	q.Confidential, q.AllowRemove, q.OwnerPattern, q.MaxOctets, q.Priority = true, true, `^(.*)-pc$`, 1<<30, 90
	q.Owner = site.OwnerRules{Steps: []site.OwnerStep{{From: "pjl-comment", Pattern: "^(.*)$"}}, Unclaimed: site.UnclaimedAsk, Similar: true}
	q.Aliases, q.IPP = []string{"hp_color_2"}, site.IPP{UUID: ben, Location: "attic", Devices: []string{hall}}
	must(t, w.a.PutQueue(ctx, q))
	q.DeviceName = "Hall"
	for name, find := range map[string]func() (site.Queue, error){
		"id":           func() (site.Queue, error) { return w.a.Queue(ctx, attic) },
		"another name": func() (site.Queue, error) { return w.a.QueueByName(ctx, "HP_Color_2 ") },
		"name":         func() (site.Queue, error) { return w.a.QueueByName(ctx, " LABELS") },
	} {
		if got, err := find(); err != nil || !reflect.DeepEqual(got, q) {
			t.Errorf("by %s\ngot  %+v, %v\nwant %+v", name, got, err, q)
		}
	}
	taken := queue(ben, "other", site.Hold, "")
	taken.Aliases = []string{"labels"}
	wantKind(t, "another name that is a name", w.a.PutQueue(ctx, taken), fault.Conflict)
	taken.Name, taken.Aliases = "hp_color_2", nil
	wantKind(t, "a name that is another name", w.a.PutQueue(ctx, taken), fault.Conflict)
	same := queue(ben, "secURE", site.Hold, "")
	wantKind(t, "a name in another case", w.a.PutQueue(ctx, same), fault.Conflict)
	same.Name = "  "
	wantKind(t, "no name", w.a.PutQueue(ctx, same), fault.Invalid)
	same.Name, same.Mode = "x", site.Passthrough
	wantKind(t, "printing nowhere", w.a.PutQueue(ctx, same), fault.Invalid)
	bad := queue(ben, "bad", site.Hold, "")
	bad.Owner.Steps = []site.OwnerStep{{From: "pjl-comment", Pattern: "("}}
	wantKind(t, "owner rules that cannot be read", w.a.PutQueue(ctx, bad), fault.Invalid)
	same.Device = anna
	wantKind(t, "printing at what is no device", w.a.PutQueue(ctx, same), fault.NotFound)
	if all, err := w.a.Queues(ctx); err != nil || len(all) != 3 || all[0].Name != "Direct" {
		t.Errorf("Queues: %+v, %v", all, err)
	}
	wantKind(t, "removing a queue with jobs", w.a.RemoveQueue(ctx, secure), fault.Conflict)
	must(t, w.a.RemoveQueue(ctx, attic))
	wantKind(t, "again", w.a.RemoveQueue(ctx, attic), fault.NotFound)
	if _, err := w.b.QueueByName(ctx, "labels"); !fault.Is(err, fault.NotFound) {
		t.Errorf("another tenant's: %v", err)
	}
}

func TestDevices(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.a.SetCondition(ctx, attic, site.Condition{State: "stopped", Text: "No paper.", Since: epoch, Seen: epoch.Add(time.Second)}))
	want := site.Device{ID: attic, Name: "Attic", URI: "lpr://attic/q", Quirks: []string{"slow-close", "no-pjl"}, Enabled: true,
		Status: site.Condition{State: "stopped", Text: "No paper.", Since: epoch, Seen: epoch.Add(time.Second)}}
	got, err := w.a.Device(ctx, attic)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Device\ngot  %+v, %v\nwant %+v", got, err, want)
	}
	got.Location, got.Status = "3rd floor", site.Condition{}
	must(t, w.a.PutDevice(ctx, got))
	if got, err := w.a.DeviceByName(ctx, "ATTIC"); err != nil || got.Location != "3rd floor" || got.Status != want.Status {
		t.Errorf("changed: %+v, %v; what was last seen of it stays", got, err)
	}
	wantKind(t, "another's name", w.a.PutDevice(ctx, site.Device{ID: job.NewUUID(), Name: "hall"}), fault.Conflict)
	wantKind(t, "another's serial", w.a.PutDevice(ctx, site.Device{ID: job.NewUUID(), Name: "new", Serial: "S-1"}), fault.Conflict)
	must(t, w.a.PutDevice(ctx, site.Device{ID: job.NewUUID(), Name: "without a serial, as the attic"}))
	wantKind(t, "a condition of nothing", w.a.SetCondition(ctx, anna, conditionOf("idle")), fault.NotFound)

	wantKind(t, "removing one with a terminal", w.a.RemoveDevice(ctx, hall), fault.Conflict)
	must(t, w.a.RemoveTerminal(ctx, panel))
	wantKind(t, "removing one with a queue", w.a.RemoveDevice(ctx, hall), fault.Conflict)
	must(t, w.a.RemoveQueue(ctx, direct))
	j := w.put(t, "waits", job.Pending)
	wantKind(t, "removing one with jobs", w.a.RemoveDevice(ctx, hall), fault.Conflict)
	must(t, w.a.ChangeJob(ctx, j.ID, job.Guard{State: job.Pending}, job.Change{State: job.Canceled, Device: hall}, epoch))
	must(t, w.a.RemoveDevice(ctx, hall))
}

// TestReplaceDevice: another machine in the same place, or the same machine at
// another address; whatever names it goes on.
func TestReplaceDevice(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.a.SetCondition(ctx, hall, site.Condition{State: "stopped", Text: "Broken.", Since: epoch, Seen: epoch}))
	j := w.put(t, "waits", job.Pending)
	d, err := w.a.ReplaceDevice(ctx, hall, Replacement{Serial: "S-2", Model: "New 3000", URI: "lpr://new/q"})
	if err != nil || d.ID != hall || d.Name != "Hall" || d.Serial != "S-2" || d.Status.State != "unknown" || d.Status.Text != "" {
		t.Errorf("replaced: %+v, %v", d, err)
	}
	if _, err := w.a.DeviceBySerial(ctx, "S-1"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the old serial: %v", err)
	}
	moved, err := w.a.DeviceBySerial(ctx, "S-2")
	must(t, err)
	if moved, err = w.a.ReplaceDevice(ctx, moved.ID, Replacement{URI: "lpr://elsewhere/q"}); err != nil || moved.Serial != "S-2" || moved.URI != "lpr://elsewhere/q" {
		t.Errorf("moved: %+v, %v", moved, err)
	}
	if got := w.job(t, j.ID); got.Device != hall || got.DeviceName != "Hall" {
		t.Errorf("its job: %+v", got)
	}
	_, err = w.a.ReplaceDevice(ctx, attic, Replacement{Serial: "S-2"})
	wantKind(t, "a machine that stands elsewhere", err, fault.Conflict)
	_, err = w.a.ReplaceDevice(ctx, anna, Replacement{Serial: "S-9"})
	wantKind(t, "no device", err, fault.NotFound)
	if got, err := w.a.DeviceBySerial(ctx, ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("no serial finds %+v, %v", got, err)
	}
}

func TestTerminalsKeepTheirEnrolment(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	m, err := w.a.Enrol(ctx, []byte("secret"), []byte("token"), epoch)
	if err != nil || m.ID != panel || m.DeviceName != "Hall" {
		t.Fatalf("Enrol: %+v, %v", m, err)
	}
	m.Allow, m.Language, m.Asserted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "de", true
	must(t, w.a.PutTerminal(ctx, m))
	if got, err := w.a.TerminalByToken(ctx, []byte("token")); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, m)
	}
	if got, err := w.a.TerminalByName(ctx, "PANEL"); err != nil || got.ID != panel {
		t.Errorf("by name: %+v, %v", got, err)
	}
	if _, err := w.b.TerminalByToken(ctx, []byte("token")); !fault.Is(err, fault.NotFound) {
		t.Errorf("another tenant's token: %v", err)
	}
	wantKind(t, "a name that is taken", w.a.PutTerminal(ctx, site.Terminal{ID: anna, Name: "panel", Device: hall}), fault.Conflict)
	wantKind(t, "no device", w.a.PutTerminal(ctx, site.Terminal{ID: anna, Name: "x"}), fault.Invalid)
	must(t, w.a.RemoveTerminal(ctx, panel))
	wantKind(t, "again", w.a.RemoveTerminal(ctx, panel), fault.NotFound)
}

func TestSettings(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	x, err := w.a.Settings(ctx)
	if err != nil || x != site.DefaultSettings() {
		t.Errorf("untouched: %+v, %v", x, err)
	}
	x.MaxUserJobs, x.RegisterCards = 7, false
	must(t, w.a.PutSettings(ctx, x))
	if got, err := w.a.Settings(ctx); err != nil || got != x {
		t.Errorf("got %+v, %v", got, err)
	}
	// A setting that a later program adds has its default until somebody sets it.
	must(t, w.a.write(ctx, func(t tx) error {
		_, err := t.exec(putSetting, settingsName, `{"max_user_jobs": 9}`)
		return err
	}))
	want := site.DefaultSettings()
	want.MaxUserJobs = 9
	if got, err := w.a.Settings(ctx); err != nil || got != want {
		t.Errorf("half of them: %+v, %v", got, err)
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	x, err := w.a.TokenByDigest(ctx, []byte("token"))
	if err != nil || x.Label != "erp" || !x.Used.IsZero() {
		t.Errorf("TokenByDigest = %+v, %v", x, err)
	}
	_, commits := w.Commits()
	w.now = epoch.Add(30 * time.Second)
	if x, err = w.a.TokenByDigest(ctx, []byte("token")); err != nil || !x.Used.Equal(epoch) {
		t.Errorf("used before: %+v, %v", x, err)
	}
	if _, again := w.Commits(); again != commits {
		t.Error("every request with a token is a commit")
	}
	_, err = w.a.TokenByDigest(ctx, []byte("guess"))
	wantKind(t, "a guess", err, fault.NotFound)
	wantKind(t, "no digest", w.a.AddToken(ctx, site.Token{ID: ben}, nil), fault.Invalid)
	wantKind(t, "the same text", w.a.AddToken(ctx, site.Token{ID: ben}, []byte("token")), fault.Conflict)
	must(t, w.a.AddToken(ctx, site.Token{ID: ben, Label: "x", Queue: secure, Owner: ben, Created: epoch, Expires: epoch.Add(time.Hour)}, []byte("other")))
	if all, err := w.a.Tokens(ctx); err != nil || len(all) != 2 || !all[0].Expires.IsZero() || !all[1].Expires.Equal(epoch.Add(time.Hour)) {
		t.Errorf("Tokens: %+v, %v", all, err)
	}
	must(t, w.a.RemoveToken(ctx, anna))
	_, err = w.a.TokenByDigest(ctx, []byte("token"))
	wantKind(t, "a token that was removed", err, fault.NotFound)
}

func TestA80AuditChain(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, what := range []string{"one", "two", "three", "fo\x00ur"} {
		must(t, w.a.Audit(ctx, "root", "set", what, "detail"))
	}
	lines, head, err := w.a.VerifyAudit(ctx)
	if err != nil || lines != 5 || len(head) != 64 {
		t.Fatalf("VerifyAudit = %d, %s, %v", lines, head, err)
	}
	trail, err := w.a.AuditTrail(ctx, 0, 2)
	if err != nil || len(trail) != 2 || trail[0].N != 5 || trail[1].Object != "three" {
		t.Errorf("AuditTrail: %+v, %v", trail, err)
	}
	if trail, err = w.a.AuditTrail(ctx, 4, 100); err != nil || len(trail) != 3 || trail[2].Action != "sign-in" {
		t.Errorf("AuditTrail before 4: %+v, %v", trail, err)
	}
	for name, sql := range map[string]string{
		"a changed line":   "UPDATE audit SET detail = 'x' WHERE tenant = ? AND n = 3",
		"a changed time":   "UPDATE audit SET at = at + 1 WHERE tenant = ? AND n = 3",
		"a line taken out": "DELETE FROM audit WHERE tenant = ? AND n = 3",
		"a tail cut off":   "DELETE FROM audit WHERE tenant = ? AND n = 5",
		"a changed hash":   "UPDATE audit SET hash = x'00' WHERE tenant = ? AND n = 5",
		"everything gone":  "DELETE FROM audit WHERE tenant = ?",
	} {
		undo := fault.Error{Kind: fault.Conflict, Text: "undo"}
		err := w.a.write(ctx, func(t tx) error {
			if _, err := t.conn.ExecContext(t.ctx, sql, w.a.tenant); err != nil {
				return err
			}
			if _, _, err := t.verifyAudit(); err != nil {
				return err
			}
			return &undo
		})
		if errors.Is(err, &undo) || !fault.Is(err, fault.Conflict) {
			t.Errorf("%s is not noticed: %v", name, err)
		}
	}
	if again, same, err := w.a.VerifyAudit(ctx); err != nil || again != lines || same != head {
		t.Errorf("afterwards: %d, %s, %v", again, same, err)
	}
}
