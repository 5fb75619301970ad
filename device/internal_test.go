package device

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"platen/job"
	"platen/site"
)

// Every quirk has somebody who knows it and changes what it says it changes.
func TestEveryQuirkIsUsed(t *testing.T) {
	all, err := Quirks()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, q := range all {
		t.Run(q.Name, func(t *testing.T) {
			got, err := traitsOf(site.Device{Quirks: []string{q.Name}})
			if err != nil || got != q.traits {
				t.Errorf("traits %+v, %v; want %+v", got, err, q.traits)
			}
			for _, m := range q.Models {
				model := strings.ReplaceAll(m, "*", " 4250 dtn")
				if got, err := traitsOf(site.Device{Model: strings.ToUpper(model)}); err != nil || !covers(got, q.traits) {
					t.Errorf("model %q has %+v, %v", model, got, err)
				}
			}
		})
		v := reflect.ValueOf(q.traits)
		for i := range v.NumField() {
			if v.Field(i).Bool() {
				used[v.Type().Field(i).Name] = true
			}
		}
	}
	for i, tt := 0, reflect.TypeFor[traits](); i < tt.NumField(); i++ {
		if name := tt.Field(i).Name; !used[name] {
			t.Errorf("no quirk sets %s", name)
		}
	}
	// What each trait changes is tested where it is obeyed; this finds one that
	// nobody obeys any more.
	for i, tt := 0, reflect.TypeFor[traits](); i < tt.NumField(); i++ {
		if name := tt.Field(i).Name; !mentioned(t, "."+name, "quirks.go") {
			t.Errorf("nothing obeys %s", name)
		}
	}
}

func covers(got, want traits) bool {
	sum := got
	sum.add(want)
	return sum == got
}

func mentioned(t *testing.T, what, besides string) bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(f string) bool {
		if f == besides || strings.HasSuffix(f, "_test.go") {
			return false
		}
		b, err := os.ReadFile(f)
		return err == nil && bytes.Contains(b, []byte(what))
	})
}

// Those that RFC 1179 asks for come first, and no other than a reserved one.
func TestReservedPorts(t *testing.T) {
	all := reservedPorts()
	for i, p := range all {
		if i < 11 && p != 721+i || p < 512 || p > 1023 || slices.Contains(all[:i], p) {
			t.Errorf("port %d is %d", i, p)
		}
	}
}

func TestParseQuirks(t *testing.T) {
	const good = "[[quirk]]\nname='a'\nmodels=['X*']\nreason='r'\nsource='s'\npjl=true\n"
	if got, err := parseQuirks([]byte(good)); err != nil || len(got) != 1 || !got[0].PJL || got[0].Models[0] != "X*" {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, bad := range map[string]string{
		"not TOML":        "[[quirk",
		"unknown key":     good + "bogus=true\n",
		"twice":           good + good,
		"no name":         strings.Replace(good, "'a'", "''", 1),
		"no reason":       strings.Replace(good, "'r'", "''", 1),
		"no source":       strings.Replace(good, "'s'", "''", 1),
		"changes nothing": strings.Replace(good, "pjl=true", "", 1),
		"bad pattern":     strings.Replace(good, "X*", "[", 1),
	} {
		if _, err := parseQuirks([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestA28Harmless(t *testing.T) {
	tests := map[string]struct {
		in   string
		most int
		want string
	}{
		"plain":             {"Invoice 4711 (final)", 79, "Invoice 4711 (final)"},
		"accents":           {"Jürgen Müller", 79, "Jurgen Muller"},
		"break-out":         {"a\"\r\n\x1b%-12345X@PJL FSDELETE NAME=\"0:\\x\"", 79, "a_____-12345X@PJL FSDELETE NAME__0__x_"},
		"other scripts":     {"東京", 79, "__"},
		"NUL and controls":  {"a\x00b\x7fc\tb", 79, "a_b_c_b"},
		"percent and quote": {`%s'"`, 79, "_s__"},
		"too long":          {strings.Repeat("a", 100), 10, "aaaaaaaaaa"},
		"not UTF-8":         {"a\xffb", 79, "a_b"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := harmless(tt.in, tt.most); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// What a client wrote never brings an octet of another meaning along.
func FuzzA28Harmless(f *testing.F) {
	f.Add("a\"\r\n\x1b%-12345X@PJL DEFAULT", 79)
	f.Add("Jürgen", 5)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most %= 200
		got := harmless(s, most)
		if len(got) > max(most, 0) || !utf8.ValidString(got) {
			t.Errorf("%q", got)
		}
		for _, c := range []byte(got) {
			if c < ' ' || c > '~' || strings.IndexByte("\"%\\=;<>&$`'", c) >= 0 {
				t.Errorf("octet %#x in %q", c, got)
			}
		}
	})
}

// captures are answers of devices, as documented; see testdata/device.
func captures(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../testdata/device/*.pjl")
	if err != nil || len(files) == 0 {
		t.Fatal("no captures", err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".pjl")] = b
	}
	return all
}

func TestReports(t *testing.T) {
	const none = job.Unknown
	want := map[string][]report{
		"hp-job": {
			{kind: "other", pages: none},
			{kind: "device", pages: none, code: 10023},
			{kind: "start", name: "018f3c1e-0000-7000-8000-000000000001", pages: none},
			{kind: "page", pages: 1},
			{kind: "page", pages: 2},
			{kind: "timed", pages: none, code: 10001},
			{kind: "end", name: "018f3c1e-0000-7000-8000-000000000001", pages: 2},
		},
		"paper-out": {
			{kind: "device", pages: none, code: 41213},
			{kind: "device", pages: none, code: 42202},
			{kind: "device", pages: none, code: 10001},
		},
		"canceled": {
			{kind: "start", name: "x", pages: none},
			{kind: "canceled", name: "x", pages: none},
		},
		"hostile": {
			{kind: "page", pages: none},
			{kind: "end", name: strings.Repeat("A", 400), pages: none},
			{kind: "device", pages: none},
			{kind: "other", pages: none},
			{kind: "page", pages: 3},
		},
	}
	for name, b := range captures(t) {
		t.Run(name, func(t *testing.T) {
			var rs reports
			got := rs.feed(b)
			for i := range got {
				if got[i].kind == "other" {
					got[i].name = ""
				}
			}
			if !reflect.DeepEqual(got, want[name]) {
				t.Errorf("got  %+v\nwant %+v", got, want[name])
			}
		})
	}
}

func TestCodeText(t *testing.T) {
	for code, want := range map[int]string{
		0: "", 10001: "", 10023: "", 35078: "", 40021: "A door of the device is open.", 41213: "The device needs paper.",
		42202: "Paper is jammed in the device.", 40079: "The device needs attention.", 50001: "The device has a fault and needs service.", 99_999_999: "",
	} {
		if got := codeText(code); got != want {
			t.Errorf("%d: %q, want %q", code, got, want)
		}
	}
}

// However a device cuts its answers, they mean the same, take little memory,
// and hold nothing but what could be true.
func FuzzA34Reports(f *testing.F) {
	for _, b := range captures(f) {
		f.Add(b, uint8(7))
	}
	f.Add(bytes.Repeat([]byte("@PJL USTATUS PAGE\r\n"), 500), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		var whole, parts reports
		want := whole.feed(b)
		var got []report
		for rest := b; len(rest) > 0; {
			n := min(int(step)%64+1, len(rest))
			got = append(got, parts.feed(rest[:n])...)
			if len(parts.buf) > maxReport {
				t.Fatalf("%d octets kept", len(parts.buf))
			}
			rest = rest[n:]
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pieces %+v\nat once   %+v", got, want)
		}
		for _, r := range want {
			if r.pages < job.Unknown || r.pages > maxPages || r.code < 0 || len(r.name) > maxReport {
				t.Errorf("%+v", r)
			}
		}
	})
}
