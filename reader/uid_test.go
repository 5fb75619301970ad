package reader

import (
	"encoding/hex"
	"errors"
	"testing"
)

func TestParseUID(t *testing.T) {
	tests := map[string]struct{ answer, want string }{
		"single":             {"04a1b2c39000", "04A1B2C3"},
		"double":             {"04a1b2c3d4e5f69000", "04A1B2C3D4E5F6"},
		"triple":             {"0102030405060708090a9000", "0102030405060708090A"},
		"ISO 15693":          {"e00401500a1b2c3d9000", "E00401500A1B2C3D"},
		"random, as it came": {"08a1b2c39000", "08A1B2C3"},
		"not supported":      {"6a81", ""},
		"a warning":          {"04a1b2c36282", ""},
		"five octets":        {"04a1b2c3d49000", ""},
		"none":               {"9000", ""},
		"half a status":      {"90", ""},
		"nothing":            {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			answer, err := hex.DecodeString(tt.answer)
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseUID(answer)
			if got != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func FuzzUID(f *testing.F) {
	f.Add([]byte{4, 3, 2, 1, 0x90, 0})
	f.Add([]byte{0x6A, 0x81})
	f.Fuzz(func(t *testing.T, answer []byte) {
		raw, err := parseUID(answer)
		if err != nil {
			if refusal := (*answerError)(nil); raw != "" || !errors.As(err, &refusal) {
				t.Errorf("%q, %v", raw, err)
			}
			return
		}
		if b, err := hex.DecodeString(raw); err != nil || string(b) != string(answer[:len(answer)-2]) {
			t.Errorf("%q of %x", raw, answer)
		}
	})
}
