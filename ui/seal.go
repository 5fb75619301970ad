package ui

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// sealFor is how long a card that was shown may be registered.
const sealFor = 3 * time.Minute

// newSealer makes a key that lives as long as the process: what was sealed is
// only good for minutes anyway.
func newSealer() (cipher.AEAD, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(b)
}

// seal hides a card's number in a page of this terminal, with the time.
func (s *Server) seal(v *visit, number string) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(s.Now().UnixMilli()))
	plain = append(plain, number...)
	//nolint:gosec // the sealer takes no nonce from us, it makes a random one itself
	return base64.RawURLEncoding.EncodeToString(s.sealer.Seal(nil, nil, plain, []byte(v.terminal.ID)))
}

// unseal returns the number that was sealed for this terminal a moment ago.
func (s *Server) unseal(v *visit, sealed string) (string, bool) {
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return "", false
	}
	plain, err := s.sealer.Open(nil, nil, b, []byte(v.terminal.ID))
	if err != nil || len(plain) < 8 {
		return "", false
	}
	age := s.Now().Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(plain))))
	return string(plain[8:]), age >= -time.Minute && age < sealFor
}

func retrySeconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
