package directory

import (
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"
)

func berlin(t *testing.T) *time.Location {
	t.Helper()
	l, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestFullDue: everybody is compared in the night, and late when it was missed.
func TestFullDue(t *testing.T) {
	zone := berlin(t)
	at := func(text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		x, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	const minute = "21" // of this source
	if got := LastNight("corp", at("2026-03-02 12:00")); got.Format("15:04") != "02:"+minute {
		t.Fatalf("the minute of corp is that of %s", got)
	}
	for name, tt := range map[string]struct {
		then, now string
		want      bool
	}{
		"never":                                 {"", "2026-03-02 12:00", true},
		"before the night":                      {"2026-03-01 02:23", "2026-03-02 02:20", false},
		"the night":                             {"2026-03-01 02:23", "2026-03-02 02:21", true},
		"done":                                  {"2026-03-02 02:22", "2026-03-02 02:27", false},
		"all day":                               {"2026-03-02 02:22", "2026-03-02 23:59", false},
		"somebody has done it before midnight":  {"2026-03-01 23:50", "2026-03-02 02:21", true},
		"and after the night":                   {"2026-03-01 14:00", "2026-03-02 08:00", false},
		"which then is enough for a day":        {"2026-03-01 14:00", "2026-03-02 14:59", false},
		"and an hour":                           {"2026-03-01 14:00", "2026-03-02 15:00", true},
		"off in the night":                      {"2026-03-01 02:23", "2026-03-02 08:00", true},
		"off for an hour":                       {"2026-03-01 02:23", "2026-03-02 03:22", false},
		"off for a bit longer":                  {"2026-03-01 02:23", "2026-03-02 03:23", true},
		"the directory did not answer at night": {"2026-03-01 02:23", "2026-03-02 02:59", true},
		"the clock was set back":                {"2026-03-03 02:23", "2026-03-02 12:00", true},
		"clocks are set back today":             {"2026-10-24 02:23", "2026-10-25 01:59", false},
		"no such hour today":                    {"2026-03-28 02:23", "2026-03-29 03:30", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := FullDue("corp", at(tt.then), at(tt.now)); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

// TestFullEveryNight lets a year go by, with the two days on which clocks are set.
func TestFullEveryNight(t *testing.T) {
	zone := berlin(t)
	for _, source := range []string{"corp", "school", "a"} {
		synctest.Test(t, func(t *testing.T) {
			var then time.Time
			nights := 0
			for range 366 * 24 * 60 / 5 {
				time.Sleep(5 * time.Minute)
				now := time.Now().In(zone)
				if !FullDue(source, then, now) {
					continue
				}
				if clock := now.Format("15:04"); nights > 1 && (clock < "01:00" || clock > "03:35" || now.Day() == then.Day()) {
					t.Errorf("%s after %s", now, then)
				}
				nights++
				then = now.Add(40 * time.Second)
			}
			if nights < 366 || nights > 367 { // and the first of all
				t.Errorf("%s: %d nights", source, nights)
			}
		})
	}
}

// TestSilent: how long a source may say nothing.
func TestSilent(t *testing.T) {
	now := made
	for name, tt := range map[string]struct {
		good, every time.Duration
		want        time.Duration
	}{
		"within a day":       {23 * time.Hour, 5 * time.Minute, 0},
		"more than a day":    {25 * time.Hour, 5 * time.Minute, 25 * time.Hour},
		"once a week":        {13 * 24 * time.Hour, 7 * 24 * time.Hour, 0},
		"two weeks":          {15 * 24 * time.Hour, 7 * 24 * time.Hour, 15 * 24 * time.Hour},
		"clock was set back": {-25 * time.Hour, 0, 0},
	} {
		x := SourceSetup{Good: now.Add(-tt.good), Every: tt.every}
		if got := x.Silent(now); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	if (&SourceSetup{}).Silent(now) != 0 {
		t.Error("never heard of")
	}
}
