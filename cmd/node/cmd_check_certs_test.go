package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/pki"
)

// What is said of one certificate: how bad it is, and what to do.
func TestWhatIsSaidOfCertificates(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	good := func(change func(e *pki.Examined)) pki.Examined {
		e := pki.Examined{Term: pki.Term{Name: "web", Use: pki.UseServer, From: pki.FromFile, Ends: now.Add(90 * day)}, InUse: true, Begins: now.Add(-day), Shown: []string{"print.example.com"},
			Names: []string{"print.example.com"}, Trust: pki.TrustPublic, Anchor: "Public Root", Complete: true}
		change(&e)
		return e
	}
	tests := map[string]struct {
		e     pki.Examined
		state string
		says  string
	}{
		"good":              {good(func(*pki.Examined) {}), "ok", "Shown for print.example.com. Trusted by every system that trusts what this one does: it leads to Public Root."},
		"ends in two weeks": {good(func(e *pki.Examined) { e.Ends = now.Add(14 * day) }), "warn", "It ends in 14 days, on 2026-12-12"},
		"ends in a day":     {good(func(e *pki.Examined) { e.Ends = now.Add(30 * time.Hour) }), "warn", "It ends in 1 day, on "},
		"ended":             {good(func(e *pki.Examined) { e.Ends = now.Add(-time.Minute) }), "fail", "It ended on 2026-11-28"},
		"not yet":           {good(func(e *pki.Examined) { e.Begins = now.Add(time.Hour) }), "fail", "look at the clock"},
		"another name":      {good(func(e *pki.Examined) { e.Unfit = []string{"other.example.com"} }), "fail", "It is not one for other.example.com. It is for: print.example.com."},
		"a name to come": {good(func(e *pki.Examined) {
			e.From, e.Trust, e.Unfit = pki.FromBuiltIn, pki.TrustBuiltIn, []string{"node2"}
		}), "warn", "a running node adds them within an hour. Trusted by clients that have the certificate of the built-in authority"},
		"of a company":   {good(func(e *pki.Examined) { e.Trust, e.Anchor = pki.TrustCompany, "Corp Root" }), "ok", "Trusted by clients that have the certificate of Corp Root."},
		"not complete":   {good(func(e *pki.Examined) { e.Trust, e.Anchor, e.Complete = pki.TrustCompany, "Corp Sub", false }), "warn", "The certificate of its issuer Corp Sub is missing."},
		"by itself":      {good(func(e *pki.Examined) { e.Trust = pki.TrustItself }), "ok", "this very certificate"},
		"not renewed":    {good(func(e *pki.Examined) { e.From, e.Trouble = pki.FromACME, "The name does not lead here." }), "warn", "It could not be renewed: The name does not lead here."},
		"nobody listens": {good(func(e *pki.Examined) { e.From, e.Config = pki.FromACME, `{"challenge":"http-01"}` }), "warn", "does not listen at port 80"},
		"by DNS":         {good(func(e *pki.Examined) { e.From, e.Config = pki.FromACME, `{"challenge":"dns-01"}` }), "ok", "Good until "},
		"idle":           {good(func(e *pki.Examined) { e.InUse, e.Ends = false, now.Add(-day) }), "ok", "It is shown to nobody."},
		"idle, refused":  {good(func(e *pki.Examined) { e.InUse, e.Trouble = false, "No." }), "warn", "nobody. It could not be renewed: No."},
		"ended as well":  {good(func(e *pki.Examined) { e.Ends, e.Trouble = now.Add(-day), "No." }), "fail", "It could not be renewed: No."},
		"no key":         {good(func(e *pki.Examined) { e.Damaged = true }), "fail", "Its key cannot be opened. Import or order it again."},
		"no key of the root": {good(func(e *pki.Examined) { e.Damaged, e.Use, e.From = true, pki.UseRoot, pki.FromBuiltIn }), "fail",
			"Restore it from a backup, or make a new authority: platen cert ca generate"},
		"no key of its own": {good(func(e *pki.Examined) { e.Damaged, e.From = true, pki.FromBuiltIn }), "fail", "A new one is made at the next start."},
		"signs":             {good(func(e *pki.Examined) { e.Use, e.Shown = pki.UseSigning, nil }), "ok", "Good until "},
		"escapes":           {good(func(e *pki.Examined) { e.Anchor = "a\x1b[2Jb" }), "ok", "a?[2Jb"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var f findings
			tellChainHealth(&tt.e, false, now, &f)
			if len(f.list) != 1 || f.list[0].What != "certificate web" || f.list[0].State != tt.state || !strings.Contains(f.list[0].Text, tt.says) {
				t.Errorf("%+v", f.list)
			}
		})
	}

	all := map[string]struct {
		x     pki.Inspection
		state string
		says  string
	}{
		"no token can be made": {pki.Inspection{Root: true, Refused: true}, "warn", "No chain is chosen"},
		"no token works":       {pki.Inspection{Root: true}, "fail", "cannot sign"},
		"the clock is behind":  {pki.Inspection{Root: true, Signs: true, Issued: now.Add(time.Hour)}, "fail", "a certificate was made here on"},
		"no authority":         {pki.Inspection{Signs: true}, "warn", "It is made at the next start."},
	}
	for name, tt := range all {
		t.Run(name, func(t *testing.T) {
			var f findings
			tt.x.Trusted = []pki.Examined{{Term: pki.Term{Name: "corp", Ends: now.Add(-day)}}}
			tellCertificates(&tt.x, true, now, &f)
			if len(f.list) != 2 || f.list[1].State != tt.state || !strings.Contains(f.list[1].Text, tt.says) {
				t.Errorf("%+v", f.list)
			}
			if f.list[0].State != "warn" || f.list[0].What != "trusted authority corp" || !strings.Contains(f.list[0].Text, "nothing is trusted because of it") {
				t.Errorf("%+v", f.list)
			}
		})
	}
}

// check and doctor at a node, while it runs and while it does not; neither makes or
// changes anything.
func TestCheckAndDoctorOfCertificates(t *testing.T) {
	h := startDemo(t, "")
	h.must("cert", "domain", "add", "print.example.com")
	h.must("cert", "chain", "generate", "own", "--domain", "print.example.com")
	h.must("cert", "chain", "choose", "own", "print.example.com")
	look := func(command string) map[string]finding {
		t.Helper()
		a := platen("", command, "--json", "--dir", h.dir)
		var list []finding
		if err := json.Unmarshal([]byte(a.out), &list); err != nil {
			t.Fatalf("%v: %s%s", err, a.out, a.err)
		}
		by := map[string]finding{}
		for _, f := range list {
			if _, twice := by[f.What]; twice && strings.HasPrefix(f.What, "cert") {
				t.Errorf("%s: %s is told twice", command, f.What)
			}
			by[f.What] = f
		}
		return by
	}
	for range 2 {
		by := look("doctor")
		for _, name := range []string{"root", "issuing", "node", "signing", "own"} {
			if f := by["certificate "+name]; f.State != "ok" || !strings.Contains(f.Text, "Good until 20") {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if f := by["certificate own"]; !strings.Contains(f.Text, "Shown for print.example.com. Trusted by clients that have the certificate of the built-in authority") {
			t.Errorf("%+v", f)
		}
		if f := look("check")["certificates"]; f.State != "ok" || !strings.Contains(f.Text, "5 are in use; the first to end is ") {
			t.Errorf("%+v", f)
		}
		h.stop()
	}
	h.end()

	// A key of another node, as after files were mixed up.
	opening(t, h.dir, func(ctx context.Context, a *admin) {
		chains, err := a.scope.Chains(ctx)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(chains, func(x pki.Kept) bool { return x.Name == "own" })
		chains[i].Key = nil
		if err := a.scope.PutChain(ctx, chains[i]); err != nil {
			t.Fatal(err)
		}
	})
	before, err := os.ReadFile(filepath.Join(h.dir, "platen.db"))
	if err != nil {
		t.Fatal(err)
	}
	if f := look("doctor")["certificate own"]; f.State != "fail" || !strings.Contains(f.Text, "key cannot be opened") {
		t.Errorf("%+v", f)
	}
	if f := look("check")["certificate own"]; f.State != "warn" { // the node starts
		t.Errorf("%+v", f)
	}
	wants(t, h.dir, exitFailed, "key cannot be opened", "doctor")
	wants(t, h.dir, exitDone, "key cannot be opened", "check")
	if after, err := os.ReadFile(filepath.Join(h.dir, "platen.db")); err != nil || string(after) != string(before) {
		t.Errorf("looking has changed the database, %v", err)
	}
}
