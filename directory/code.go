package directory

import (
	"crypto/rand"
	"fmt"
	"math/big"
)

// Purposes of codes that work once.
const (
	CodeSignIn = "sign-in" // at a terminal, and to register a card there
	CodeFirst  = "first"   // makes its holder the first administrator
)

// CodeDigits is how long such a code is. It ends soon and is one of few, so that a
// guess hits one in ten million at most.
const CodeDigits = 8

// NewCode makes a code that works once.
func NewCode() (string, error) { return randomDigits(CodeDigits) }

// GeneratePIN makes a PIN that nobody tries first, so long that it may sign in
// alone among so many people.
func GeneratePIN(users int) (string, error) {
	n := LeastPIN(users)
	for {
		pin, err := randomDigits(n)
		if err != nil || CheckPIN(pin) == nil {
			return pin, err
		}
	}
}

// LeastPIN is how many digits a PIN needs to sign in alone among so many people,
// and at least six.
func LeastPIN(users int) int {
	n := 6
	for n < maxPIN && !PINOnlyAllowed(users, n) {
		n++
	}
	return n
}

func randomDigits(n int) (string, error) {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	x, err := rand.Int(rand.Reader, most)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%0*d", n, x), nil
}
