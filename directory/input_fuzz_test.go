package directory

import (
	"strings"
	"testing"
	"unicode"

	"platen/fault"
)

// A card has one normal form, and what is none is Invalid.
func FuzzNormalCard(f *testing.F) {
	for _, s := range []string{"04A1B2C3D4", " 04:a1-b2\r\n", "", ";0123?", "०४", "08ABCDEF"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		n, err := NormalCard(raw)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		if again, err := NormalCard(n); err != nil || again != n || n == "" || len(n) > maxCard {
			t.Errorf("%q became %q, and that %q, %v", raw, n, again, err)
		}
		if last := LastDigits(n); len(last) > 3 || last == n {
			t.Errorf("%q shows %q", n, last)
		}
		_ = RandomUID(n)
	})
}

// A verifier from a file or a database may not ask for more than the machine
// has.
func FuzzVerifier(f *testing.F) {
	for _, s := range []string{
		"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$c3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3U",
		"$argon2id$v=19$m=4294967295,t=4294967295,p=255$c2FsdHNhbHQ$c3Vtc3Vtc3Vtc3Vt", "$argon2i$v=19$m=8,t=1,p=1$$", "", "$$$$$",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, phc string) {
		v, ok := parsePHC(phc)
		if !ok {
			return
		}
		if v.memory > maxMemory || v.memory < 8 || v.passes < 1 || v.passes > maxPasses || v.lanes < 1 || v.lanes > maxLanes {
			t.Errorf("%q asks for %+v", phc, v)
		}
		if len(v.salt) < 8 || len(v.salt) > 64 || len(v.sum) < 16 || len(v.sum) > 64 {
			t.Errorf("%q has lengths %d and %d", phc, len(v.salt), len(v.sum))
		}
	})
}

// Whatever a client claims: there is an owner who is enabled or none, and one
// line that says why.
func FuzzOwner(f *testing.F) {
	f.Add("CORP\\anna", "anna@corp.example", "%s\n", true)
	f.Add("maximiliane.von-und-zu-guttenb", "\\", "@", true)
	f.Fuzz(func(t *testing.T, pjl, claimed, banner string, cut bool) {
		m, err := Owner(t.Context(), house, Facts{PJLUser: pjl, Claimed: claimed, Banner: banner, Cut: cut}, Rules{Steps: order(), Aliases: true, Prefix: true})
		if err != nil {
			t.Fatal(err)
		}
		if m.Owned() && !m.User.Enabled {
			t.Errorf("%+v is disabled", m.User)
		}
		if m.Rule == "" || strings.ContainsFunc(m.Rule, unicode.IsControl) {
			t.Errorf("rule %q", m.Rule)
		}
	})
}

// What CheckPIN lets through is digits that nobody tries first.
func FuzzCheckPIN(f *testing.F) {
	for _, s := range []string{"246810", "1234", "9876", "1111", "121212", "٣٤٥٦", "12345678901234567"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pin string) {
		err := CheckPIN(pin)
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", pin, err)
		}
		if err == nil && (len(pin) < minPIN || len(pin) > maxPIN || weakPIN(pin)) {
			t.Errorf("%q was let through", pin)
		}
	})
}
