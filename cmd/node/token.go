package main

import (
	"crypto/rand"
	"encoding/base64"
)

// newToken makes a secret of 256 bits that fits into a header or an address.
func newToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}
