package pki

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // PKCS #12 of before 2022 is encrypted with it; nothing is here
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/asn1"
	"errors"
	"hash"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/scrypt"
)

// Encryption with a password, as PKCS #12 (RFC 7292) and PKCS #5 (RFC 8018) have
// it. Platen has its own reader of both, because what is encrypted in a PKCS #12
// file can again ask for any number of rounds: each count is looked at before it is
// obeyed, at every level, which no library does that reads a file as a whole.

// errPassword is a password that does not fit, or a file that was changed.
var errPassword = errors.New("the password does not fit")

// Object identifiers of RFC 8018, appendix C, and RFC 7292, appendix C.
const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBMAC1 = "1.2.840.113549.1.5.14"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
	oidScrypt = "1.3.6.1.4.1.11591.4.11" // RFC 7914, section 7
)

// digests are those of a MAC of RFC 7292; hmacs those of RFC 8018.
var (
	digests = map[string]func() hash.Hash{
		"1.3.14.3.2.26":          sha1.New,
		"2.16.840.1.101.3.4.2.4": sha256.New224,
		"2.16.840.1.101.3.4.2.1": sha256.New,
		"2.16.840.1.101.3.4.2.2": sha512.New384,
		"2.16.840.1.101.3.4.2.3": sha512.New,
	}
	hmacs = map[string]func() hash.Hash{
		"1.2.840.113549.2.7":  sha1.New,
		"1.2.840.113549.2.8":  sha256.New224,
		"1.2.840.113549.2.9":  sha256.New,
		"1.2.840.113549.2.10": sha512.New384,
		"1.2.840.113549.2.11": sha512.New,
	}
)

// decrypter is the half of cipher.Block that reading takes.
type decrypter interface {
	BlockSize() int
	Decrypt(dst, src []byte)
}

// A suite is a block cipher and the size of its key.
type suite struct {
	key   int // octets
	block func(key []byte) (decrypter, error)
}

func aesBlock(key []byte) (decrypter, error) { return aes.NewCipher(key) }

func desBlock(key []byte) (decrypter, error) {
	if len(key) == 16 {
		key = append(append([]byte{}, key...), key[:8]...) // two keys, the first one twice
	}
	return des.NewTripleDESCipher(key) //nolint:gosec // see the import
}

func rc2Block(key []byte) (decrypter, error) { return newRC2(key), nil }

var (
	// suites2 are those of PBES2, suites12 those of RFC 7292, appendix C.
	suites2 = map[string]suite{
		"2.16.840.1.101.3.4.1.2":  {16, aesBlock},
		"2.16.840.1.101.3.4.1.22": {24, aesBlock},
		"2.16.840.1.101.3.4.1.42": {32, aesBlock},
		"1.2.840.113549.3.7":      {24, desBlock},
	}
	suites12 = map[string]suite{
		"1.2.840.113549.1.12.1.3": {24, desBlock},
		"1.2.840.113549.1.12.1.4": {16, desBlock},
		"1.2.840.113549.1.12.1.5": {16, rc2Block},
		"1.2.840.113549.1.12.1.6": {5, rc2Block},
	}
)

// password is one in the two forms that a file can ask for.
type password struct {
	text []byte // UTF-8, for PKCS #5
	bmp  []byte // UTF-16 with a zero at the end, for PKCS #12
}

func newPassword(s string) (password, error) {
	if !utf8.ValidString(s) || len(s) > 1024 {
		return password{}, errPassword
	}
	p := password{text: []byte(s)}
	for _, u := range utf16.Encode([]rune(s)) {
		p.bmp = append(p.bmp, byte(u>>8), byte(u))
	}
	p.bmp = append(p.bmp, 0, 0)
	return p, nil
}

// A derivation makes a key out of a password.
type derivation struct {
	salt   []byte
	rounds int
	hash   func() hash.Hash
	size   int // of the key, as the file names it; 0: it does not

	n, r, p int // of scrypt
}

// derive makes a key of so many octets by PKCS #5.
func (d *derivation) derive(w *work, p password, size int) ([]byte, error) {
	if err := w.inTime(); err != nil {
		return nil, err
	}
	if d.n != 0 {
		return scrypt.Key(p.text, d.salt, d.n, d.r, d.p, size)
	}
	return pbkdf2.Key(d.hash, string(p.text), d.salt, d.rounds, size)
}

// derive12 makes a key by RFC 7292, appendix B.2, for a purpose: 1 a key, 2 an
// initialization vector, 3 a MAC.
func (d *derivation) derive12(w *work, p password, purpose byte, size int) ([]byte, error) {
	h := d.hash()
	v := h.BlockSize()
	diversifier := repeat([]byte{purpose}, v)
	input := append(repeat(d.salt, v), repeat(p.bmp, v)...)
	var out []byte
	for len(out) < size {
		a := sum(h, diversifier, input)
		for i := 1; i < d.rounds; i++ {
			if i%(1<<16) == 0 {
				if err := w.inTime(); err != nil {
					return nil, err
				}
			}
			a = sum(h, a)
		}
		out = append(out, a...)
		addEach(input, repeat(a, v)[:v])
	}
	return out[:size], w.inTime()
}

func sum(h hash.Hash, parts ...[]byte) []byte {
	h.Reset()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// repeat returns b again and again until a multiple of v is full; nothing stays
// nothing.
func repeat(b []byte, v int) []byte {
	out := make([]byte, (len(b)+v-1)/v*v)
	for i := range out {
		out[i] = b[i%len(b)]
	}
	return out
}

// addEach adds b and one to each block of input, as big numbers.
func addEach(input, b []byte) {
	for ; len(input) != 0; input = input[len(b):] {
		carry := 1
		for i := len(b) - 1; i >= 0; i-- {
			carry += int(input[i]) + int(b[i])
			input[i] = byte(carry)
			carry >>= 8
		}
	}
}

// A lock is how something is encrypted; its rounds are counted.
type lock struct {
	derivation
	suite
	old bool   // PKCS #12's own way
	iv  []byte // of PBES2
}

// readLock reads an AlgorithmIdentifier, and counts what it asks for.
func (w *work) readLock(e *element) (*lock, error) {
	id, params, err := algorithmOf(e)
	if err != nil {
		return nil, err
	}
	if s, ok := suites12[id]; ok {
		l := &lock{suite: s, old: true}
		l.hash = sha1.New
		return l, w.readRounds(params, &l.derivation)
	}
	if id != oidPBES2 {
		return nil, unknownAlgorithm(id)
	}
	parts, err := params.sequence(2)
	if err != nil {
		return nil, err
	}
	return w.readPBES2(&parts[0], &parts[1])
}

// readPBES2 reads the two halves of PBES2-params: RFC 8018, appendix A.4.
func (w *work) readPBES2(kdf, scheme *element) (*lock, error) {
	id, iv, err := algorithmOf(scheme)
	if err != nil {
		return nil, err
	}
	l := &lock{}
	var ok bool
	if l.suite, ok = suites2[id]; !ok {
		return nil, unknownAlgorithm(id)
	}
	if l.iv, err = iv.octets(); err != nil {
		return nil, err
	}
	if err := w.readKDF(kdf, &l.derivation); err != nil {
		return nil, err
	}
	if l.size != 0 && l.size != l.key {
		return nil, errDamaged
	}
	return l, nil
}

// algorithmOf reads an AlgorithmIdentifier; parameters that are not there are an
// element that is nothing.
func algorithmOf(e *element) (id string, params *element, err error) {
	parts, err := e.sequence(1)
	if err != nil {
		return "", nil, err
	}
	params = &element{}
	if len(parts) > 1 {
		params = &parts[1]
	}
	id, err = parts[0].oid()
	return id, params, err
}

// readRounds reads pkcs-12PbeParams: RFC 7292, appendix C.
func (w *work) readRounds(params *element, d *derivation) error {
	parts, err := params.sequence(2)
	if err != nil {
		return err
	}
	return w.readSalt(&parts[0], &parts[1], d)
}

func (w *work) readSalt(salt, rounds *element, d *derivation) (err error) {
	if d.salt, err = salt.octets(); err != nil || len(d.salt) > maxSalt {
		return errDamaged
	}
	if d.rounds, err = rounds.count(); err != nil {
		return err
	}
	return w.count(d.rounds)
}

// readKDF reads PBKDF2-params (RFC 8018, appendix A.2) or those of scrypt.
func (w *work) readKDF(e *element, d *derivation) error {
	id, params, err := algorithmOf(e)
	switch {
	case err != nil:
		return err
	case id == oidScrypt:
		return readScrypt(params, d)
	case id != oidPBKDF2:
		return unknownAlgorithm(id)
	}
	parts, err := params.sequence(2)
	if err != nil {
		return err
	}
	if err := w.readSalt(&parts[0], &parts[1], d); err != nil {
		return err
	}
	d.hash = sha1.New
	for i := range parts[2:] {
		switch p := &parts[2+i]; {
		case p.is(asn1.TagInteger):
			if d.size, err = p.count(); err != nil || d.size == 0 {
				return errDamaged
			}
		default:
			if d.hash, err = hmacOf(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// readScrypt reads scrypt-params (RFC 7914, section 7.1): salt, cost, block size,
// parallelization, perhaps the length of the key.
func readScrypt(params *element, d *derivation) error {
	parts, err := params.sequence(4)
	if err != nil {
		return err
	}
	if d.salt, err = parts[0].octets(); err != nil || len(d.salt) > maxSalt {
		return errDamaged
	}
	for i, to := range []*int{&d.n, &d.r, &d.p} {
		if *to, err = parts[1+i].count(); err != nil || *to == 0 {
			return errDamaged
		}
	}
	if d.n > maxScrypt || d.r > maxScrypt || d.p > maxScryptTimes || 128*d.n > maxScrypt/d.r {
		return refuse("scrypt", "The key is encrypted by scrypt with more than %d MiB of memory. Please export it again with less.", maxScrypt>>20)
	}
	if d.n < 2 || d.n&(d.n-1) != 0 {
		return errDamaged
	}
	return nil
}

func hmacOf(e *element) (func() hash.Hash, error) {
	id, _, err := algorithmOf(e)
	if err != nil {
		return nil, err
	}
	h, ok := hmacs[id]
	if !ok {
		return nil, unknownAlgorithm(id)
	}
	return h, nil
}

func unknownAlgorithm(id string) error {
	return refuse("algorithm", "The file is protected by an algorithm that Platen does not read (%s). Please export it again with AES-256 and SHA-256.", id)
}

// open decrypts. That the padding is right says little: what comes out must be
// parsed before it is believed.
func (l *lock) open(w *work, p password, data []byte) ([]byte, error) {
	key, iv, err := l.keys(w, p)
	if err != nil {
		return nil, err
	}
	block, err := l.block(key)
	if err != nil {
		return nil, err
	}
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, errDamaged
	}
	out := make([]byte, len(data))
	for i := 0; i < len(data); i += size {
		block.Decrypt(out[i:], data[i:])
		subtle.XORBytes(out[i:i+size], out[i:i+size], iv)
		iv = data[i : i+size]
	}
	return unpad(out, size)
}

func (l *lock) keys(w *work, p password) (key, iv []byte, err error) {
	if !l.old {
		key, err = l.derive(w, p, l.key)
		return key, l.iv, err
	}
	if key, err = l.derive12(w, p, 1, l.key); err != nil {
		return nil, nil, err
	}
	iv, err = l.derive12(w, p, 2, 8)
	return key, iv, err
}

// unpad takes the padding of RFC 8018, section 6.1.1, off.
func unpad(b []byte, size int) ([]byte, error) {
	n := int(b[len(b)-1])
	if n == 0 || n > size {
		return nil, errPassword
	}
	for _, x := range b[len(b)-n:] {
		if int(x) != n {
			return nil, errPassword
		}
	}
	return b[:len(b)-n], nil
}

// A seal is the MAC of a file.
type seal struct {
	derivation
	modern bool // PBMAC1
	mac    func() hash.Hash
	digest []byte
}

// readSeal reads MacData: RFC 7292, section 4, and RFC 9579 for PBMAC1.
func (w *work) readSeal(e *element) (*seal, error) {
	parts, err := e.sequence(2)
	if err != nil {
		return nil, err
	}
	info, err := parts[0].sequence(2)
	if err != nil {
		return nil, err
	}
	id, params, err := algorithmOf(&info[0])
	if err != nil {
		return nil, err
	}
	s := &seal{}
	if s.digest, err = info[1].octets(); err != nil {
		return nil, err
	}
	if id == oidPBMAC1 {
		return s, w.readPBMAC1(params, s)
	}
	var ok bool
	if s.hash, ok = digests[id]; !ok {
		return nil, unknownAlgorithm(id)
	}
	s.mac = s.hash
	if len(parts) == 2 { // the rounds are one when they are not there
		parts = append(parts, element{tag: asn1.TagInteger, body: []byte{1}})
	}
	return s, w.readSalt(&parts[1], &parts[2], &s.derivation)
}

// readPBMAC1 reads PBMAC1-params: RFC 8018, appendix A.5. A short key would be
// found by trying (RFC 9579, section 5).
func (w *work) readPBMAC1(params *element, s *seal) error {
	parts, err := params.sequence(2)
	if err != nil {
		return err
	}
	if err := w.readKDF(&parts[0], &s.derivation); err != nil {
		return err
	}
	if s.n != 0 {
		return unknownAlgorithm(oidScrypt)
	}
	if s.size < minMACKey || s.size > maxMACKey {
		return refuse("mac-key", "The seal of the file (PBMAC1) has a key of %d octets. It takes %d to %d to protect the file.", s.size, minMACKey, maxMACKey)
	}
	s.modern = true
	s.mac, err = hmacOf(&parts[1])
	return err
}

// fits reports whether the content is as it was when the password sealed it.
func (s *seal) fits(w *work, p password, content []byte) (bool, error) {
	var key []byte
	var err error
	if s.modern {
		key, err = s.derive(w, p, s.size)
	} else {
		key, err = s.derive12(w, p, 3, s.hash().Size())
	}
	if err != nil {
		return false, err
	}
	m := hmac.New(s.mac, key)
	m.Write(content)
	return hmac.Equal(m.Sum(nil), s.digest), nil
}

var _ decrypter = cipher.Block(nil)
