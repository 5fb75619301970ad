package pki

import (
	"bytes"
	"errors"
	"time"

	"platen/fault"
)

// Limits of a file that is imported (docs/certificates-rules.md).
const (
	maxFile        = 1 << 20   // octets
	maxRounds      = 1_000_000 // of one derivation of a key; OpenSSL makes 2,048, Windows 2,000, Java 10,000
	maxRoundsSum   = 3_000_000 // of all of them in one file
	maxSalt        = 1 << 10   // octets
	maxScrypt      = 64 << 20  // octets of memory; OpenSSL takes 16 MiB
	maxScryptTimes = 4         // parallelization, one after the other here
	minMACKey      = 20        // octets of the key of PBMAC1 (RFC 9579, section 5)
	maxMACKey      = 64
	maxKeys        = 50
	maxCerts       = 100      // of a file with a key
	maxAuthorities = 1000     // of a file of authorities; Mozilla has some 150
	maxKeyDER      = 10 << 10 // octets; RSA with 8,192 bits takes 4.7 KiB
	maxRSA         = 8192     // bits, as in crypto/tls: to check a signature by more can take minutes
	importTime     = 30 * time.Second
	importWait     = 10 * time.Second // for the file before
)

// A Rule is the short name of a rule in docs/certificates-rules.md. It is the cause
// of an error that refuses a file.
type Rule string

func (r Rule) Error() string { return "rule " + string(r) }

// RuleOf returns the rule by which err refuses a file; "" when none does.
func RuleOf(err error) string {
	var r Rule
	_ = errors.As(err, &r)
	return string(r)
}

func refuse(rule Rule, text string, args ...any) error {
	return &fault.Error{Op: "pki.Import", Kind: fault.Invalid, Text: text, Args: args, Err: rule}
}

// work is one import: what its file may still cost.
type work struct {
	rounds int // counted so far
	until  time.Time
	now    func() time.Time
}

// count adds the rounds of one derivation, before it is made. No file is worth
// minutes of a processor, whoever knows its password.
func (w *work) count(rounds int) error {
	switch {
	case rounds < 1:
		return errDamaged
	case rounds > maxRounds:
		return refuse("rounds", "The file asks for more than %d rounds to make a key from its password. Please export it again with fewer.", maxRounds)
	}
	if w.rounds += rounds; w.rounds > maxRoundsSum {
		return refuse("rounds-sum", "The file asks for more than %d rounds to make all its keys from its password. Please export it again with fewer.", maxRoundsSum)
	}
	return nil
}

// inTime ends an import that has taken too long; it is asked before each
// derivation, the longest of which takes a few seconds.
func (w *work) inTime() error {
	if w.now().Before(w.until) {
		return nil
	}
	return refuse("time", "Reading the file took more than %d seconds and was given up. Please export it again with fewer rounds.", int(importTime/time.Second))
}

// What a file is, by its first octets.
type kind int

const (
	kindUnknown kind = iota
	kindPEM
	kindP12
	kindCerts // DER certificates, or PKCS #7
	kindJava
)

// recognise tells what a file is. Its end may still be missing.
func recognise(data []byte) kind {
	switch {
	case bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}), bytes.HasPrefix(data, []byte{0xce, 0xce, 0xce, 0xce}):
		return kindJava
	case len(data) > 2 && data[0] == 0x30:
		if k := recogniseBER(data); k != kindUnknown {
			return k
		}
	}
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return kindPEM
	}
	return kindUnknown
}

// recogniseBER looks at what is first in a SEQUENCE.
func recogniseBER(data []byte) kind {
	inside := data[2:]
	if n := int(data[1] & 0x7f); data[1] > 0x80 && n <= len(inside) {
		inside = inside[n:]
	}
	switch {
	case bytes.HasPrefix(inside, []byte{0x02, 0x01, 0x03}): // PFX, version 3
		return kindP12
	case bytes.HasPrefix(inside, []byte{0x06, 0x09}), bytes.HasPrefix(inside, []byte{0x30, 0x82}), bytes.HasPrefix(inside, []byte{0x30, 0x81}): // ContentInfo; TBSCertificate
		return kindCerts
	case len(inside) > 2 && inside[0] == 0x30 && inside[1] < 0x80 && inside[2] == 0xa0: // a TBSCertificate of less than 128 octets
		return kindCerts
	}
	return kindUnknown
}

// screen looks at a file before anything is parsed, and returns what there is to
// parse.
func screen(data []byte) (kind, []byte, error) {
	if len(data) > maxFile {
		return kindUnknown, nil, refuse("size", "The file is larger than %d KiB. A key and its certificates take a few.", maxFile>>10)
	}
	data = plain(data)
	k := recognise(data)
	switch {
	case k == kindJava:
		return k, nil, refuse("java", "This is a keystore of Java. Please convert it: keytool -importkeystore -srckeystore FILE -destkeystore NEW.pfx -deststoretype pkcs12.")
	case k != kindUnknown:
		return k, data, nil
	case len(bytes.TrimSpace(data)) == 0:
		return k, nil, refuse("empty", "The file is empty.")
	}
	return k, nil, refuse("kind", "The file is neither PFX (PKCS #12) nor PEM.")
}
