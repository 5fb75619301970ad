package directory

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"

	"platen/fault"
)

// Costs of argon2id (RFC 9106): one lane, 19 MiB, two passes. They stand in
// every verifier, so that raising them leaves the old ones valid.
const (
	hashMemory = 19 << 10 // KiB
	hashPasses = 2
	hashLanes  = 1
	hashOctets = 32
	saltOctets = 16

	// What a verifier may ask for. One that was restored from somewhere may not
	// take the machine down.
	maxMemory = 256 << 10
	maxPasses = 16
	maxLanes  = 8
	maxSecret = 1024 // octets of a password
)

// hashing bounds how many hashes are computed at once: each takes memory and a
// core, and a terminal must not be able to take them all.
var hashing = make(chan struct{}, max(1, runtime.NumCPU()))

func derive(secret string, salt []byte, passes, memory uint32, lanes uint8, octets uint32) []byte {
	hashing <- struct{}{}
	defer func() { <-hashing }()
	return argon2.IDKey([]byte(secret), salt, passes, memory, lanes, octets)
}

// HashSecret returns the verifier of a password or PIN: argon2id in PHC form.
func HashSecret(secret string) (string, error) {
	const op = "directory.HashSecret"
	switch {
	case strings.TrimSpace(secret) == "":
		return "", &fault.Error{Op: op, Kind: fault.Invalid, Text: "The secret is empty."}
	case len(secret) > maxSecret:
		return "", &fault.Error{Op: op, Kind: fault.Invalid, Text: "The secret is longer than %d characters.", Args: []any{maxSecret}}
	}
	salt := make([]byte, saltOctets)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	sum := derive(secret, salt, hashPasses, hashMemory, hashLanes, hashOctets)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashPasses, hashLanes,
		enc.EncodeToString(salt), enc.EncodeToString(sum)), nil
}

// VerifySecret reports whether secret belongs to the verifier. With an empty or
// unreadable verifier it does the same work and says no, so that nobody learns
// from the time it takes which names exist.
func VerifySecret(phc, secret string) bool {
	v, ok := parsePHC(phc)
	if !ok {
		v, _ = parsePHC(dummy())
	}
	if secret == "" || len(secret) > maxSecret {
		secret, ok = "-", false
	}
	sum := derive(secret, v.salt, v.passes, v.memory, v.lanes, uint32(len(v.sum)))
	return subtle.ConstantTimeCompare(sum, v.sum) == 1 && ok
}

// dummy is the verifier of a secret that nobody has.
var dummy = sync.OnceValue(func() string {
	b := make([]byte, hashOctets)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	phc, _ := HashSecret(base64.RawStdEncoding.EncodeToString(b))
	return phc
})

type verifier struct {
	memory, passes uint32
	lanes          uint8
	salt, sum      []byte
}

// parsePHC reads a verifier as HashSecret writes it.
func parsePHC(s string) (v verifier, ok bool) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return v, false
	}
	var lanes uint32
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &v.memory, &v.passes, &lanes); err != nil || n != 3 {
		return v, false
	}
	if v.memory < 8*lanes || v.memory > maxMemory || v.passes < 1 || v.passes > maxPasses || lanes < 1 || lanes > maxLanes {
		return v, false
	}
	v.lanes = uint8(lanes)
	var err1, err2 error
	v.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	v.sum, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	return v, err1 == nil && err2 == nil && len(v.salt) >= 8 && len(v.salt) <= 64 && len(v.sum) >= 16 && len(v.sum) <= 64
}

// Lengths of a PIN.
const (
	minPIN = 4
	maxPIN = 16
)

// CheckPIN says whether a PIN may be given to a person.
func CheckPIN(pin string) error {
	const op = "directory.CheckPIN"
	if len(pin) < minPIN || len(pin) > maxPIN || strings.Trim(pin, "0123456789") != "" {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "A PIN has %d to %d digits.", Args: []any{minPIN, maxPIN}}
	}
	if weakPIN(pin) {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "This PIN is too easy to guess. Do not repeat or count digits."}
	}
	return nil
}

// weakPIN finds one digit repeated, a short part repeated, and counting up or
// down: what people choose and others try first.
func weakPIN(pin string) bool {
	if len(pin) > 1 {
		step, same := int(pin[1])-int(pin[0]), true
		for i := 1; i < len(pin); i++ {
			same = same && int(pin[i])-int(pin[i-1]) == step
		}
		if same && step >= -1 && step <= 1 {
			return true
		}
	}
	for n := 1; n <= len(pin)/2; n++ {
		if len(pin)%n == 0 && strings.Repeat(pin[:n], len(pin)/n) == pin {
			return true
		}
	}
	return false
}

// PINOnlyAllowed reports whether a PIN alone may sign in: a random guess may
// hit somebody among so many people at most once in 100,000 tries
// (users / 10^digits ≤ 10^-5).
func PINOnlyAllowed(users, digits int) bool {
	if users < 0 || digits < 0 {
		return false
	}
	space := 1.0
	for range digits {
		space *= 10
	}
	return float64(users)/space <= 1e-5
}
