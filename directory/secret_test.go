package directory

import (
	"strings"
	"testing"

	"platen/fault"
)

func TestSecrets(t *testing.T) {
	phc, err := HashSecret("anna's own")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(phc, "anna") {
		t.Errorf("verifier %q", phc)
	}
	again, err := HashSecret("anna's own")
	if err != nil || again == phc {
		t.Error("two verifiers of one secret are equal: the salt is missing")
	}
	for secret, want := range map[string]bool{"anna's own": true, "anna's Own": false, "": false, strings.Repeat("x", 2000): false} {
		if got := VerifySecret(phc, secret); got != want {
			t.Errorf("VerifySecret(%.20q) = %v", secret, got)
		}
	}
	for _, bad := range []string{"", "x", "$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=99999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", phc[:len(phc)-30]} {
		if VerifySecret(bad, "anna's own") {
			t.Errorf("a verifier %q let somebody in", bad)
		}
	}
	if _, err := HashSecret("  "); !fault.Is(err, fault.Invalid) {
		t.Errorf("an empty secret: %v", err)
	}
}

func TestCheckPIN(t *testing.T) {
	for pin, good := range map[string]bool{
		"246810": true, "135790": true, "8264": true, "0000": false, "1234": false, "987654": false, "1212": false,
		"123123": false, "12": false, "12345678901234567": false, "12a4": false, "": false, "１２４８": false,
	} {
		if err := CheckPIN(pin); (err == nil) != good {
			t.Errorf("CheckPIN(%q) = %v", pin, err)
		}
	}
}

func TestA38PINOnly(t *testing.T) {
	for _, tt := range []struct {
		users, digits int
		want          bool
	}{{2, 6, true}, {10, 6, true}, {11, 6, false}, {2000, 4, false}, {2000, 6, false}, {1000, 8, true}, {0, 4, true}, {-1, 9, false}} {
		if got := PINOnlyAllowed(tt.users, tt.digits); got != tt.want {
			t.Errorf("PINOnlyAllowed(%d, %d) = %v", tt.users, tt.digits, got)
		}
	}
}

func TestNormalCard(t *testing.T) {
	for raw, want := range map[string]string{
		"04A1B2C3D4": "04A1B2C3D4", "04:a1:b2:c3:d4": "04A1B2C3D4", "04-a1 b2 c3 d4\r\n": "04A1B2C3D4", "0012345": "0012345",
	} {
		if got, err := NormalCard(raw); err != nil || got != want {
			t.Errorf("NormalCard(%q) = %q, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"", "  ", "\x00", "04A1;DROP", "ａ1", strings.Repeat("1", 65)} {
		if got, err := NormalCard(raw); !fault.Is(err, fault.Invalid) {
			t.Errorf("NormalCard(%q) = %q, %v", raw, got, err)
		}
	}
	for number, want := range map[string]bool{"08A1B2C3": true, "04A1B2C3": false, "08A1B2C3D4": false, "08A1B2CX": false} {
		if got := RandomUID(number); got != want {
			t.Errorf("RandomUID(%q) = %v", number, got)
		}
	}
	if LastDigits("04A1B2C3D4") != "3D4" || LastDigits("1234") != "" {
		t.Error("LastDigits shows the wrong part")
	}
}
