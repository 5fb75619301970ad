package release

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestRuleWait(t *testing.T) {
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	ago := func(minutes ...float64) (f []time.Time) {
		for _, m := range minutes {
			f = append(f, now.Add(-time.Duration(m*float64(time.Minute))))
		}
		return f
	}
	times := func(n int, minutes float64) (f []time.Time) {
		for range n {
			f = append(f, ago(minutes)...)
		}
		return f
	}
	tests := map[string]struct {
		rule     rule
		failures []time.Time
		want     time.Duration
	}{
		"nothing":                    {hereRule, nil, 0},
		"four":                       {hereRule, times(4, 0), 0},
		"the fifth":                  {hereRule, times(5, 0), 30 * time.Second},
		"the fifth, a little ago":    {hereRule, times(5, 0.25), 15 * time.Second},
		"the fifth, over":            {hereRule, times(5, 0.5), 0},
		"the sixth":                  {hereRule, times(6, 0), time.Minute},
		"the ninth":                  {hereRule, times(9, 0), 8 * time.Minute},
		"the tenth closes the hour":  {hereRule, times(10, 20), 40 * time.Minute},
		"old ones do not count":      {hereRule, append(times(9, 61), ago(1)...), 0},
		"outside the quarter":        {hereRule, times(9, 16), 0},
		"twenty everywhere":          {accountRule, times(20, 59), time.Minute},
		"nineteen everywhere":        {accountRule, times(19, 0), 0},
		"the window slides":          {accountRule, append(ago(59), times(19, 1)...), time.Minute},
		"a terminal's fifth":         {terminalRule, times(5, 0), 2 * time.Second},
		"a terminal never closes":    {terminalRule, times(100, 0), 30 * time.Second},
		"clock set back by a minute": {hereRule, times(5, -1), 90 * time.Second},
		"clock set back by years":    {hereRule, times(10, -1e6), 0},
	}
	for name, tt := range tests {
		if got := tt.rule.wait(now, tt.failures); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestThrottledSentences(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		1:                          "release.x: unavailable: Too many attempts. Please wait 2 seconds and try again.: retry after 1s",
		90 * time.Second:           "release.x: unavailable: Too many attempts. Please wait 90 seconds and try again.: retry after 1m30s",
		40*time.Minute + time.Hour: "release.x: unavailable: Too many attempts. Please wait 100 minutes, or sign in with your card.: retry after 1h40m0s",
	} {
		if got := throttled("release.x", wait).Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// FuzzClip: what a stranger typed is shortened to valid text without control
// characters before it is written anywhere.
func FuzzClip(f *testing.F) {
	f.Add("anna", 64)
	f.Add("a\x00b\x1b[2Jc\n", 5)
	f.Add("ä\xffö€😀", 4)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n &= 0xff
		got := clip(s, n)
		if len(got) > n || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("clip(%q, %d) = %q", s, n, got)
		}
	})
}
