package ui

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"platen/directory"
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

// seal hides a card's number, and which reader sent it, in a page of this terminal,
// with the time. The name of a reader has no NUL.
func (s *Server) seal(v *visit, card directory.Reading) string {
	return s.sealed(v.terminal.ID, card.Reader+"\x00"+card.Raw)
}

// sealed hides a text for one purpose, with the time.
func (s *Server) sealed(purpose, text string) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(s.Now().UnixMilli()))
	plain = append(plain, text...)
	//nolint:gosec // the sealer takes no nonce from us, it makes a random one itself
	return base64.RawURLEncoding.EncodeToString(s.sealer.Seal(nil, nil, plain, []byte(purpose)))
}

// unseal returns the card that was sealed for this terminal a moment ago.
func (s *Server) unseal(v *visit, sealed string) (directory.Reading, bool) {
	text, ok := s.open(v.terminal.ID, sealed, sealFor)
	reader, raw, _ := strings.Cut(text, "\x00")
	return directory.Reading{Reader: reader, Raw: raw}, ok
}

// open returns the text that was sealed for the purpose, while it is not too old.
func (s *Server) open(purpose, sealed string, life time.Duration) (string, bool) {
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return "", false
	}
	plain, err := s.sealer.Open(nil, nil, b, []byte(purpose))
	if err != nil || len(plain) < 8 {
		return "", false
	}
	age := s.Now().Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(plain))))
	return string(plain[8:]), age >= -time.Minute && age < life
}

func retrySeconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
