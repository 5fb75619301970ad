package main

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"platen/directory"
	"platen/store"
)

// TestSourcesAtNight: everybody is compared once in every night, also by a source
// that is asked seldom and on the days on which clocks are set, and by day when the
// node is off at night.
func TestSourcesAtNight(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		every    time.Duration
		from, to string // the node is off, on each day
		hours    string // of the day in which everybody is compared
	}{
		"every five minutes": {5 * time.Minute, "", "", "01 02 03"},
		"every six hours":    {6 * time.Hour, "", "", "01 02 03"},
		"once a week":        {7 * 24 * time.Hour, "", "", "01 02 03"},
		"off at night":       {5 * time.Minute, "19:00", "07:00", "12 13 14 15 16 17 18"}, // a day and an hour after the last time,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := func() time.Time { return time.Now().In(zone) }
				s := newSources(store.Scope{}, nil, now, slog.New(slog.DiscardHandler))
				x := directory.SourceSetup{ID: "1", Name: "corp", Kind: directory.SourceLDAP, Enabled: true, Every: tt.every}
				x.Report.Began = now()
				days := map[string]int{}
				for _, change := range []string{"2000-03-23", "2000-10-26"} { // three days before clocks are set
					begin, _ := time.ParseInLocation(time.DateOnly, change, zone)
					time.Sleep(begin.Add(12 * time.Hour).Sub(now()))
					x.Full = now().Add(-time.Hour)
					for now().Before(begin.AddDate(0, 0, 7)) {
						time.Sleep(time.Minute)
						if clock := now().Format("15:04"); tt.from != "" && (clock >= tt.from || clock < tt.to) {
							s = newSources(store.Scope{}, nil, now, s.log) // it has forgotten what it tried
							continue
						}
						if !s.due(&x, false) {
							continue
						}
						s.tried[x.ID], x.Report.Began = now(), now()
						if directory.FullDue(x.Name, x.Full, now()) {
							days[now().Format(time.DateOnly)]++
							x.Full = now().Add(30 * time.Second)
							if hour := now().Format("15"); !strings.Contains(tt.hours, hour) {
								t.Errorf("everybody is compared at %s", now())
							}
						}
					}
				}
				for day, n := range days {
					if n != 1 {
						t.Errorf("%d times on %s", n, day)
					}
				}
				if want := 2 * 6; len(days) != want {
					t.Errorf("on %d days, want %d: %v", len(days), want, days)
				}
			})
		})
	}
}

// TestSilentSource: a machine that brings people no longer is told of in the log, once
// a day, and in what check and doctor say.
func TestSilentSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log buffer
		s := newSources(store.Scope{}, nil, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
		x := directory.SourceSetup{ID: "1", Name: "corp", Kind: directory.SourcePush, Enabled: true, Every: 5 * time.Minute, Good: time.Now()}
		watch := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(look) {
				s.listen(&x)
			}
		}
		said := func(silent, back int) {
			t.Helper()
			if a, b := strings.Count(log.String(), "nobody brings people"), strings.Count(log.String(), "brought again"); a != silent || b != back {
				t.Errorf("%d and %d lines, want %d and %d: %s", a, b, silent, back, log.String())
			}
		}
		watch(24 * time.Hour)
		said(0, 0)
		watch(time.Hour)
		said(1, 0)
		watch(48 * time.Hour)
		said(3, 0)
		x.Good = time.Now()
		watch(time.Hour)
		said(3, 1)
		x.Enabled = false
		watch(72 * time.Hour)
		said(3, 1)
	})
}

// TestCheckSources: what check and doctor say of directories.
func TestCheckSources(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		s    directory.SourceAge
		want string
	}{
		"new":                 {directory.SourceAge{Kind: "ldap", New: true}, "It is not read yet: platen source sync corp --dry-run shows what it would bring, platen source sync corp begins."},
		"good":                {directory.SourceAge{Kind: "ldap", Good: now, Full: now, Age: 5 * time.Minute}, "It answered 5m ago, everybody was compared 2026-03-02"},
		"changed lately":      {directory.SourceAge{Kind: "ldap", Good: now, Age: 5 * time.Minute}, "It answered 5m ago, everybody is compared with the next look."},
		"in question":         {directory.SourceAge{Kind: "ldap", Good: now, Full: now, Age: time.Hour, Waiting: 30, Why: "30 of 40."}, "platen source approve corp. It answered 1h ago"},
		"nobody yet":          {directory.SourceAge{Kind: "push"}, "Nobody has brought its people yet"},
		"silent":              {directory.SourceAge{Kind: "push", Good: now, Silent: true, Age: 25 * time.Hour}, "Nobody has brought its people for 25h0m0s."},
		"silent since a slip": {directory.SourceAge{Kind: "push", Good: now, Silent: true, Age: 25 * time.Hour, Failed: "No."}, "Nobody has brought its people for 25h0m0s."},
		"failed":              {directory.SourceAge{Kind: "push", Good: now, Full: now, Age: 3 * time.Hour, Failed: "No."}, "It was not read the last time: No. It answered 3h ago"},
		"a directory":         {directory.SourceAge{Kind: "ldap", Good: now, Silent: true, Age: 25 * time.Hour}, "It has not answered for 25h0m0s."},
		"and it failed":       {directory.SourceAge{Kind: "ldap", Good: now, Silent: true, Failed: "No."}, "It was not read the last time: No."},
	} {
		var f findings
		tt.s.Name = "corp"
		checkSources(&directory.Readiness{Sources: []directory.SourceAge{tt.s}}, &f)
		got := ""
		for _, x := range f.list {
			got += x.Text
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
