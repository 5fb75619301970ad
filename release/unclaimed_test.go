package release_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/release"
	"platen/release/releasetest"
	"platen/site"
)

// Computers of the tests.
var (
	macbook = netip.MustParseAddr("192.0.2.31")
	bensPC  = netip.MustParseAddr("192.0.2.32")
	lab     = netip.MustParseAddr("192.0.2.33") // everybody prints there
)

// tray is a desk whose queue asks people, with jobs that say whose computer is
// which.
func tray(t *testing.T, o site.OwnerRules) *desk {
	t.Helper()
	d := newDesk(t)
	q := releasetest.Hold
	q.Owner = o
	d.PutQueue(t, q)
	for _, x := range []struct {
		owner  string
		client netip.Addr
	}{{anna.ID, macbook}, {ben.ID, bensPC}, {anna.ID, lab}, {ben.ID, lab}, {eve.ID, lab}, {"0198f000-0000-7000-8000-0000000000a9", lab}} {
		j := releasetest.NewJob(x.owner, time.Now())
		j.Origin.Client = x.client
		d.AddJob(t, j)
	}
	return d
}

// unclaimed adds a job that nobody could be named for.
func (d *desk) unclaimed(t testing.TB, from netip.Addr, claimed string, change ...func(*job.Job)) int64 {
	t.Helper()
	j := releasetest.NewJob("", time.Now())
	j.Origin.Client, j.Ticket.Claimed, j.Ticket.Host = from, claimed, "macbook-7.example.org"
	for _, c := range change {
		c(j)
	}
	d.AddJob(t, j)
	return j.ID
}

// asks is a queue that asks for all that can be asked for.
var asks = site.OwnerRules{Unclaimed: site.UnclaimedAsk, Similar: true, Remember: true}

func TestUnclaimedFits(t *testing.T) {
	computer := asks
	computer.Similar = false
	forget := asks
	forget.Remember = false
	tests := map[string]struct {
		o       site.OwnerRules
		from    netip.Addr
		claimed string
		change  func(*job.Job)
		fits    string // "" it is not offered
		warned  bool
		kept    bool // its name can be remembered
	}{
		"her computer":               {o: asks, from: macbook, claimed: "macuser", fits: "computer", kept: true},
		"a like name":                {o: asks, from: bensPC, claimed: "annaberg", fits: "like yours", kept: true},
		"A18 looks like it":          {o: asks, from: bensPC, claimed: "аnnа", fits: "like yours", warned: true, kept: true},
		"nothing speaks for it":      {o: asks, from: bensPC, claimed: "macuser"},
		"a computer of many":         {o: asks, from: lab, claimed: "macuser"},
		"a computer nobody knows":    {o: asks, from: netip.MustParseAddr("192.0.2.99"), claimed: "macuser"},
		"no address":                 {o: asks, claimed: "macuser"},
		"hold is the default":        {o: site.OwnerRules{}, from: macbook, claimed: "macuser"},
		"names do not count":         {o: computer, from: bensPC, claimed: "annaberg"},
		"nothing is remembered":      {o: forget, from: macbook, claimed: "macuser", fits: "computer"},
		"a generic name":             {o: asks, from: macbook, claimed: "root", fits: "computer"},
		"a generic name, numbered":   {o: asks, from: macbook, claimed: `PC\User1`, fits: "computer"},
		"the name of the computer":   {o: asks, from: macbook, claimed: "macbook-7", fits: "computer"},
		"account of the computer":    {o: asks, from: macbook, claimed: "MACBOOK-7$", fits: "computer"},
		"no name":                    {o: asks, from: macbook, claimed: "", fits: "computer"},
		"somebody else's name":       {o: asks, from: macbook, claimed: "ben"},
		"with a domain":              {o: asks, from: macbook, claimed: `X\ben`},
		"of somebody disabled":       {o: asks, from: macbook, claimed: "eve"},
		"her own, not by its domain": {o: asks, from: bensPC, claimed: `LAPTOP\anna`, fits: "one of yours.", kept: true},
		"still arriving":             {o: asks, from: macbook, claimed: "macuser", change: func(j *job.Job) { j.Reasons = []job.Reason{job.Incoming} }},
		"document gone":              {o: asks, from: macbook, claimed: "macuser", change: func(j *job.Job) { j.Documents[0].File = "" }},
		"another queue":              {o: asks, from: macbook, claimed: "macuser", change: func(j *job.Job) { j.Queue = releasetest.Secret.ID }},
		"released meanwhile":         {o: asks, from: macbook, claimed: "macuser", change: func(j *job.Job) { j.State, j.Device = job.Pending, hall.Device }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := tray(t, tt.o)
			id := d.unclaimed(t, tt.from, tt.claimed, func(j *job.Job) {
				if tt.change != nil {
					tt.change(j)
				}
			})
			sess := d.anna(t)
			found, err := d.Unclaimed(t.Context(), sess)
			must(t, err)
			if tt.fits == "" {
				if len(found) > 0 {
					t.Errorf("offered: %+v", found)
				}
				_, err := d.Service.Claim(t.Context(), sess, id, true, nil)
				wantKind(t, "what is not offered", err, fault.NotFound)
				if d.job(t, id).Owner != "" {
					t.Error("it was claimed")
				}
				return
			}
			if len(found) != 1 || found[0].ID != id || !strings.Contains(found[0].Fits, tt.fits) || found[0].Warning != "" != tt.warned || found[0].Remember != tt.kept {
				t.Fatalf("offered: %+v", found)
			}
			if f := found[0]; f.Title != "" || f.Claimed != tt.claimed || f.Pages == nil || f.Computer != "macbook-7.example.org" || f.Address != tt.from.String() {
				t.Errorf("it looks like %+v", f)
			}
			remembered, err := d.Service.Claim(t.Context(), sess, id, true, nil)
			if err != nil || remembered != tt.kept {
				t.Fatalf("claimed: %v, %v", remembered, err)
			}
			u, err := d.store.User(t.Context(), anna.ID)
			if err != nil || slices.Contains(u.Aliases, directory.Fold(tt.claimed)) != tt.kept {
				t.Errorf("aliases: %q, %v", u.Aliases, err)
			}
			if j := d.job(t, id); j.Owner != anna.ID || j.OwnerRule == "" || !slices.Equal(j.Reasons, []job.Reason{job.HeldForRelease}) {
				t.Errorf("the job: %+v", j)
			}
			d.wantHistory(t, id, "anna", "Said that it is theirs. It had come from %s and claimed %s.", tt.from.String(), tt.claimed)
			if lines := d.store.AuditTrail("claim"); len(lines) != 1 || lines[0].Actor != "anna" {
				t.Errorf("audit: %+v", lines)
			}
			d.release(t, sess, id)
		})
	}
}

// What Anna says is hers is not remembered when she does not want it to be.
func TestClaimWithoutRemembering(t *testing.T) {
	d := tray(t, asks)
	id := d.unclaimed(t, macbook, "macuser")
	if remembered, err := d.Service.Claim(t.Context(), d.anna(t), id, false, nil); err != nil || remembered {
		t.Errorf("%v, %v", remembered, err)
	}
}

// Of two who claim the same document one gets it, and the other reads so.
func TestF42ClaimRace(t *testing.T) {
	d := tray(t, asks)
	id := d.unclaimed(t, macbook, "annaben-macbook", func(j *job.Job) { j.Ticket.Host = "x" })
	a, _ := d.signIn(t, hall, card(annasCard))
	b, _ := d.signIn(t, attic, pin("ben", "13579135"))
	bens := releasetest.NewJob(ben.ID, time.Now())
	bens.Origin.Client = macbook
	d.AddJob(t, bens)
	var won, lost atomic.Int64
	var wg sync.WaitGroup
	for _, sess := range []release.Session{a, b} {
		wg.Go(func() {
			switch _, err := d.Service.Claim(context.Background(), sess, id, false, nil); {
			case err == nil:
				won.Add(1)
			case fault.Is(err, fault.Conflict), fault.Is(err, fault.NotFound): // found it gone when it looked, or when it took it
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 1 || d.job(t, id).Owner == "" {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}

// A document with a PIN is claimed with its PIN, and wrong ones are counted.
func TestClaimNeedsItsPIN(t *testing.T) {
	d := tray(t, asks)
	id := d.unclaimed(t, macbook, "macuser", func(j *job.Job) { j.Ticket.PIN = &job.PIN{Encryption: "none", Verifier: "phc:4711"} })
	sess := d.anna(t)
	for i := range 6 { // one that did not come is no claim
		_, err := d.Service.Claim(t.Context(), sess, id, true, nil)
		if wantRefused(t, err, directory.ReasonNeedPIN); t.Failed() {
			t.Fatal(i)
		}
	}
	_, err := d.Service.Claim(t.Context(), sess, id, true, job.PINs{id: "1234"})
	wantRefused(t, err, directory.ReasonWrongPIN)
	if d.job(t, id).Owner != "" {
		t.Fatal("claimed with a wrong PIN")
	}
	_, err = d.Service.Claim(t.Context(), sess, id, true, job.PINs{id: "4711"})
	must(t, err)
	_, err = d.Release(t.Context(), sess, []int64{id}, job.Options{}, nil, "")
	wantRefused(t, err, directory.ReasonNeedPIN)
}

// Nobody goes through what others have printed: five in an hour, and numbers that
// were not offered count as well.
func TestClaimsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := tray(t, asks)
		sess := d.anna(t)
		var ids []int64
		for range 6 {
			ids = append(ids, d.unclaimed(t, macbook, "macuser"))
		}
		for _, id := range ids[:4] {
			_, err := d.Service.Claim(t.Context(), sess, id, false, nil)
			must(t, err)
		}
		_, err := d.Service.Claim(t.Context(), sess, 1<<40, false, nil)
		wantKind(t, "fishing", err, fault.NotFound)
		_, err = d.Service.Claim(t.Context(), sess, ids[4], false, nil)
		if wait := wantThrottled(t, err); wait < 59*time.Minute || !strings.Contains(fault.Text(err), "claim in an hour") {
			t.Errorf("%v: %s", wait, fault.Text(err))
		}
		if lines := d.store.AuditTrail("throttle"); len(lines) != 1 {
			t.Errorf("audit: %+v", lines)
		}
		time.Sleep(time.Hour)
		_, err = d.Service.Claim(t.Context(), d.anna(t), ids[4], false, nil)
		must(t, err)
	})
}
