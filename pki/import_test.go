package pki

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"platen/fault"
)

// What follows writes PKCS #12 files as no program would.

func seq(parts ...[]byte) []byte  { return tlv(0x30, bytes.Join(parts, nil)) }
func octetString(b []byte) []byte { return tlv(4, b) }
func explicit0(b []byte) []byte   { return tlv(0xa0, b) }

func marshal(v any) []byte {
	b, err := asn1.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

func oidDER(dotted string) []byte {
	var id asn1.ObjectIdentifier
	for part := range strings.SplitSeq(dotted, ".") {
		n, _ := new(big.Int).SetString(part, 10)
		id = append(id, int(n.Int64()))
	}
	return marshal(id)
}

var someSalt = []byte("salt and pepper.")

func pbkdf2DER(rounds, size int) []byte {
	params := [][]byte{octetString(someSalt), marshal(rounds)}
	if size != 0 {
		params = append(params, marshal(size))
	}
	return seq(oidDER(oidPBKDF2), seq(append(params, seq(oidDER("1.2.840.113549.2.9")))...))
}

func pbes2DER(rounds int) []byte {
	return seq(oidDER(oidPBES2), seq(pbkdf2DER(rounds, 0), seq(oidDER("2.16.840.1.101.3.4.1.42"), octetString(make([]byte, 16)))))
}

func pbe12DER(rounds int) []byte {
	return seq(oidDER("1.2.840.113549.1.12.1.3"), seq(octetString(someSalt), marshal(rounds)))
}

func bagDER(kind string, value []byte) []byte { return seq(oidDER(kind), explicit0(value)) }
func lockedKey(der []byte) []byte             { return bagDER(oidLockedKeyBag, der) }
func plainKey(der []byte) []byte              { return bagDER(oidKeyBag, der) }

func certBagDER(der []byte) []byte {
	return bagDER(oidCertBag, seq(oidDER(oidX509Cert), explicit0(octetString(der))))
}

// certOf is the bag of a certificate in PEM.
func certOf(text []byte) []byte {
	b, _ := pem.Decode(text)
	return certBagDER(b.Bytes)
}

func dataDER(content []byte) []byte { return seq(oidDER(oidData), explicit0(octetString(content))) }

// encrypted is a safe under a password, with one round.
func encrypted(t *testing.T, pass string, bags ...[]byte) []byte {
	t.Helper()
	data := encrypt(t, pass, seq(bags...))
	return seq(oidDER(oidEncryptedData), explicit0(seq(marshal(0), seq(oidDER(oidData), pbes2DER(1), tlv(0x80, data)))))
}

// encrypt is what pbes2DER(1) opens.
func encrypt(t *testing.T, pass string, data []byte) []byte {
	t.Helper()
	l := &lock{iv: make([]byte, 16)}
	l.salt, l.rounds, l.hash = someSalt, 1, sha256.New
	key, err := l.derive(testWork(), password{text: []byte(pass)}, 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	pad := 16 - len(data)%16
	data = append(bytes.Clone(data), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, l.iv).CryptBlocks(data, data)
	return data
}

// pfxDER puts safes together and seals them with one round.
func pfxDER(t *testing.T, pass string, safes ...[]byte) []byte {
	t.Helper()
	content := seq(safes...)
	p, err := newPassword(pass)
	if err != nil {
		t.Fatal(err)
	}
	d := derivation{salt: someSalt, rounds: 1, hash: sha256.New}
	key, err := d.derive12(testWork(), p, 3, 32)
	if err != nil {
		t.Fatal(err)
	}
	m := hmac.New(sha256.New, key)
	m.Write(content)
	info := seq(seq(oidDER("2.16.840.1.101.3.4.2.1")), octetString(m.Sum(nil)))
	return seq(marshal(3), dataDER(content), seq(info, octetString(someSalt)))
}

// sealedPFX has its bags in the clear.
func sealedPFX(t *testing.T, pass string, bags ...[]byte) []byte {
	t.Helper()
	return pfxDER(t, pass, dataDER(seq(bags...)))
}

// withMAC is a file with nothing in it and this MacData.
func withMAC(mac []byte) []byte { return seq(marshal(3), dataDER(seq()), mac) }

func macDER(rounds int) []byte {
	return seq(seq(seq(oidDER("1.3.14.3.2.26")), octetString(make([]byte, 20))), octetString(someSalt), marshal(rounds))
}

func pbmac1DER(rounds, size int) []byte {
	params := seq(pbkdf2DER(rounds, size), seq(oidDER("1.2.840.113549.2.9")))
	return seq(seq(seq(oidDER(oidPBMAC1), params), octetString(make([]byte, 32))), octetString(nil), marshal(1))
}

func testWork() *work {
	return &work{until: time.Now().Add(time.Hour), now: time.Now}
}

// loose writes an element with indefinite lengths, and octet strings in pieces.
func (e *element) loose() []byte {
	first := byte(e.class<<6 | e.tag)
	var body []byte
	switch {
	case e.is(4) && !e.constructed && len(e.body) > 100:
		for b := e.body; len(b) != 0; b = b[min(100, len(b)):] {
			body = append(body, tlv(4, b[:min(100, len(b))])...)
		}
	case !e.constructed:
		return tlv(first, e.body)
	}
	for i := range e.kids {
		body = append(body, e.kids[i].loose()...)
	}
	return append(append([]byte{first | 0x20, 0x80}, body...), 0, 0)
}

// aServer is a key with a certificate that it signed itself.
func aServer(t testing.TB, name string) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return key, c
}

func pkcs8Of(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestA62Bombs: files of a few octets that ask for hours of work, at every place
// where a file can ask. The last ones are found behind the password only. A test
// that obeyed would not end.
func TestA62Bombs(t *testing.T) {
	const all = 1<<31 - 1
	key, cert := aServer(t, "test.com")
	locked := func(alg []byte) []byte { return lockedKey(seq(alg, octetString(make([]byte, 32)))) }
	tests := map[string]struct {
		file []byte
		rule string
	}{
		"seal":                           {withMAC(macDER(all)), "rounds"},
		"seal, just over":                {withMAC(macDER(maxRounds + 1)), "rounds"},
		"seal, more than an integer":     {withMAC(seq(seq(seq(oidDER("1.3.14.3.2.26")), octetString(make([]byte, 20))), octetString(someSalt), marshal(new(big.Int).Lsh(big.NewInt(1), 64)))), "rounds"},
		"PBMAC1":                         {withMAC(pbmac1DER(all, 32)), "rounds"},
		"key, PBES2":                     {sealedPFX(t, "p", locked(pbes2DER(all))), "rounds"},
		"key, PKCS #12":                  {sealedPFX(t, "p", locked(pbe12DER(all))), "rounds"},
		"safe":                           {pfxDER(t, "p", seq(oidDER(oidEncryptedData), explicit0(seq(marshal(0), seq(oidDER(oidData), pbe12DER(all), tlv(0x80, make([]byte, 8))))))), "rounds"},
		"nested":                         {sealedPFX(t, "p", bagDER(oidNestedBag, seq(locked(pbes2DER(all))))), "rounds"},
		"within what is encrypted":       {pfxDER(t, "p", encrypted(t, "p", locked(pbes2DER(all)))), "rounds"},
		"many, each allowed":             {sealedPFX(t, "p", locked(pbes2DER(maxRounds)), locked(pbes2DER(maxRounds)), locked(pbe12DER(maxRounds)), locked(pbe12DER(2))), "rounds-sum"},
		"many, within what is encrypted": {pfxDER(t, "p", encrypted(t, "p", locked(pbes2DER(maxRounds)), locked(pbes2DER(maxRounds)), locked(pbes2DER(maxRounds)))), "rounds-sum"},
		"no rounds":                      {withMAC(macDER(0)), "damaged"},
		"rounds below none":              {withMAC(macDER(-1)), "damaged"},
		"too many keys":                  {sealedPFX(t, "p", bytes.Repeat(locked(pbes2DER(1)), maxKeys+maxCerts+1)), "many"},
		"PEM":                            {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: seq(pbes2DER(all), octetString(make([]byte, 32)))}), "rounds"},
		"scrypt": {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: seq(seq(oidDER(oidPBES2), seq(
			seq(oidDER(oidScrypt), seq(octetString(someSalt), marshal(1<<30), marshal(1<<30), marshal(1))), seq(oidDER("2.16.840.1.101.3.4.1.42"), octetString(make([]byte, 16))))), octetString(make([]byte, 32)))}), "scrypt"},
		"depth":             {bytes.Repeat([]byte{0x30, 0x80, 0x02, 0x01, 0x03}, 100_000), "damaged"},
		"elements":          {seq(marshal(3), seq(bytes.Repeat([]byte{5, 0}, 400_000))), "damaged"},
		"within the limits": {sealedPFX(t, "p", plainKey(pkcs8Of(t, key)), certBagDER(cert.Raw)), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := Import(tt.file, "p")
			if got := RuleOf(err); got != tt.rule {
				t.Errorf("%d octets: rule %q (%v), want %q", len(tt.file), got, err, tt.rule)
			}
		})
	}
}

// TestA63NullFields: what may be missing in a PFX, is, as in CVE-2024-0727 of
// OpenSSL.
func TestA63NullFields(t *testing.T) {
	key, cert := aServer(t, "test.com")
	good := sealedPFX(t, "p", plainKey(pkcs8Of(t, key)), certBagDER(cert.Raw))
	if _, _, err := Import(good, "p"); err != nil {
		t.Fatal(err)
	}
	null := []byte{5, 0}
	tests := map[string][]byte{
		"no content":                  seq(marshal(3), seq(oidDER(oidData))),
		"null content":                seq(marshal(3), seq(oidDER(oidData), explicit0(null))),
		"empty content":               seq(marshal(3), seq(oidDER(oidData), explicit0(nil))),
		"no type":                     seq(marshal(3), seq()),
		"null safe":                   seq(marshal(3), dataDER(null)),
		"safe without content":        pfxDER(t, "p", seq(oidDER(oidData))),
		"safe with null":              pfxDER(t, "p", seq(oidDER(oidData), explicit0(null))),
		"encrypted with null":         pfxDER(t, "p", seq(oidDER(oidEncryptedData), explicit0(null))),
		"encrypted without data":      pfxDER(t, "p", seq(oidDER(oidEncryptedData), explicit0(seq(marshal(0), seq(oidDER(oidData), pbes2DER(1)))))),
		"encrypted, no parameters":    pfxDER(t, "p", seq(oidDER(oidEncryptedData), explicit0(seq(marshal(0), seq(oidDER(oidData), seq(oidDER(oidPBES2)), tlv(0x80, make([]byte, 16))))))),
		"encrypted, null parameters":  pfxDER(t, "p", seq(oidDER(oidEncryptedData), explicit0(seq(marshal(0), seq(oidDER(oidData), seq(oidDER(oidPBES2), null), tlv(0x80, make([]byte, 16))))))),
		"encrypted, nothing":          pfxDER(t, "p", seq(oidDER(oidEncryptedData), explicit0(seq(marshal(0), seq(oidDER(oidData), pbes2DER(1), tlv(0x80, nil)))))),
		"bag without value":           sealedPFX(t, "p", seq(oidDER(oidKeyBag))),
		"key bag with null":           sealedPFX(t, "p", lockedKey(null)),
		"locked key without data":     sealedPFX(t, "p", lockedKey(seq(pbes2DER(1)))),
		"locked key with null":        sealedPFX(t, "p", lockedKey(seq(pbes2DER(1), null))),
		"certificate bag, null":       sealedPFX(t, "p", bagDER(oidCertBag, null)),
		"certificate bag, no value":   sealedPFX(t, "p", bagDER(oidCertBag, seq(oidDER(oidX509Cert)))),
		"certificate bag, null value": sealedPFX(t, "p", bagDER(oidCertBag, seq(oidDER(oidX509Cert), explicit0(null)))),
		"null mac":                    withMAC(null),
		"empty mac":                   withMAC(seq()),
		"mac without digest":          withMAC(seq(seq(seq(oidDER("1.3.14.3.2.26"))), octetString(someSalt))),
		"mac, null salt":              withMAC(seq(seq(seq(oidDER("1.3.14.3.2.26")), octetString(make([]byte, 20))), null, marshal(1))),
		"mac, salt of 2 KiB":          withMAC(seq(seq(seq(oidDER("1.3.14.3.2.26")), octetString(make([]byte, 20))), octetString(make([]byte, 2048)), marshal(1))),
		"PBMAC1 without parameters":   withMAC(seq(seq(seq(oidDER(oidPBMAC1)), octetString(make([]byte, 32))), octetString(nil))),
		"something behind it":         append(bytes.Clone(good), 0),
	}
	for name, file := range tests {
		t.Run(name, func(t *testing.T) {
			if _, _, err := Import(file, "p"); RuleOf(err) != "damaged" {
				t.Errorf("%x: %v", file, err)
			}
		})
	}
}

// TestA64NoiseIsNoKey: a wrong password can end in the right padding, once in 256.
// What comes out is then a matter of the password too, while a key of an unknown
// kind is left out.
func TestA64NoiseIsNoKey(t *testing.T) {
	_, cert := aServer(t, "test.com")
	for rule, inside := range map[string][]byte{"password": []byte("noise"), "key-none": seq(marshal(0), seq(oidDER("1.2.3")), octetString(nil))} {
		key := lockedKey(seq(pbes2DER(1), octetString(encrypt(t, "p", inside))))
		if _, _, err := Import(sealedPFX(t, "p", key, certBagDER(cert.Raw)), "p"); RuleOf(err) != rule {
			t.Errorf("%v, want %s", err, rule)
		}
	}
}

// TestA63ShortPBMAC1Keys: a seal whose key can be guessed is none (RFC 9579,
// section 5).
func TestA63ShortPBMAC1Keys(t *testing.T) {
	for size, rule := range map[int]string{0: "mac-key", 1: "mac-key", 19: "mac-key", 20: "password", 64: "password", 65: "mac-key", 1 << 40: "mac-key"} {
		if _, _, err := Import(withMAC(pbmac1DER(1, size)), "p"); RuleOf(err) != rule {
			t.Errorf("%d octets: %v, want %s", size, err, rule)
		}
	}
}

// TestA63RFC9579: the files of its appendix.
func TestA63RFC9579(t *testing.T) {
	for name, rule := range map[string]string{"a1": "", "a2": "", "a3": "", "a4": "password", "a5": "password", "a6": "mac-key"} {
		data, err := os.ReadFile(filepath.Join("..", "testdata", "pki", "rfc9579-"+name+".p12"))
		if err != nil {
			t.Fatal(err)
		}
		c, _, err := Import(data, "1234")
		if got := RuleOf(err); got != rule {
			t.Errorf("%s: %v, want %q", name, err, rule)
		}
		if rule == "" && (c == nil || len(c.Certs) != 1) {
			t.Errorf("%s: %v", name, c)
		}
	}
}

// TestA63Damage: a file that is cut anywhere, or has one wrong bit in any octet, is
// refused; what cannot be noticed is harmless.
func TestA63Damage(t *testing.T) {
	key, cert := aServer(t, "test.com")
	sealed, err := pkcs12.LegacyRC2.WithIterations(1).Encode(key, cert, nil, "p")
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8Of(t, key)}), certsPEM([]*x509.Certificate{cert})...)
	for name, file := range map[string][]byte{"PFX": sealed, "BER": ber(t, sealed), "PEM": bytes.TrimSpace(text)} {
		for n := range len(file) {
			if _, _, err := Import(file[:n], "p"); RuleOf(err) == "" {
				t.Errorf("%s, cut to %d of %d octets: %v", name, n, len(file), err)
			}
		}
		for i := range file {
			b := bytes.Clone(file)
			b[i] ^= 1 << (i % 8)
			c, _, err := Import(b, "p")
			switch {
			case err != nil && RuleOf(err) == "":
				t.Errorf("%s, octet %d: %v", name, i, err)
			case err == nil && !key.Equal(c.Key):
				t.Errorf("%s, octet %d: another key", name, i)
			case err == nil && name != "PEM" && !cert.Equal(c.Leaf()):
				t.Errorf("%s, octet %d: another certificate behind a seal", name, i)
			}
		}
	}
}

func ber(t *testing.T, der []byte) []byte {
	t.Helper()
	e, err := wholeBER(der)
	if err != nil {
		t.Fatal(err)
	}
	return e.loose()
}

// TestGoPKCS12Agrees: another reader and writer of the format, on files that both
// understand.
func TestGoPKCS12Agrees(t *testing.T) {
	key, cert := aServer(t, "test.com")
	_, other := aServer(t, "other")
	for name, enc := range map[string]*pkcs12.Encoder{"RC2": pkcs12.LegacyRC2, "DES": pkcs12.LegacyDES, "2023": pkcs12.Modern2023, "2026 (PBMAC1)": pkcs12.Modern2026, "none": pkcs12.Passwordless} {
		pass := "Schlüssel"
		if name == "none" {
			pass = ""
		}
		data, err := enc.Encode(key, cert, []*x509.Certificate{other}, pass)
		if err != nil {
			t.Fatal(err)
		}
		c, findings, err := Import(data, pass)
		if err != nil || !key.Equal(c.Key) || !cert.Equal(c.Leaf()) || len(findings) != 1 || findings[0].Rule != "left-out" {
			t.Errorf("%s: %v, %v, %v", name, c, findings, err)
		}
	}
	// The other way round: what the tests here write is what others read.
	data := pfxDER(t, "p", encrypted(t, "p", certBagDER(cert.Raw)), dataDER(seq(plainKey(pkcs8Of(t, key)))))
	if k, c, _, err := pkcs12.DecodeChain(data, "p"); err != nil || !key.Equal(k.(*ecdsa.PrivateKey)) || !cert.Equal(c) {
		t.Errorf("go-pkcs12 reads %v, %v, %v", k, c, err)
	}
}

// TestRC2 holds the vectors of RFC 2268, section 5, that have all their bits.
func TestRC2(t *testing.T) {
	for _, v := range [][3]string{
		{"ffffffffffffffff", "ffffffffffffffff", "278b27e42e2f0d49"},
		{"3000000000000000", "1000000000000001", "30649edf9be7d2c2"},
		{"88bca90e90875a7f0f79c384627bafb2", "0000000000000000", "2269552ab0f85ca6"},
	} {
		key, _ := hex.DecodeString(v[0])
		src, _ := hex.DecodeString(v[2])
		dst := make([]byte, 8)
		newRC2(key).Decrypt(dst, src)
		if hex.EncodeToString(dst) != v[1] {
			t.Errorf("%s decrypts to %x, want %s", v[2], dst, v[1])
		}
	}
}

// TestA62OneAtATime: the second file waits for the first, and not for ever.
func TestA62OneAtATime(t *testing.T) {
	key, cert := aServer(t, "test.com")
	file := sealedPFX(t, "p", plainKey(pkcs8Of(t, key)), certBagDER(cert.Raw))
	synctest.Test(t, func(t *testing.T) {
		i := &importer{make(chan struct{}, 1), time.Now}
		i.gate <- struct{}{} // another one is being read
		if _, _, err := i.read(file, "p"); !fault.Is(err, fault.Unavailable) || RuleOf(err) != "busy" {
			t.Errorf("beside another one: %v", err)
		}
		time.AfterFunc(importWait/2, func() { <-i.gate })
		if _, _, err := i.read(file, "p"); err != nil {
			t.Errorf("after another one: %v", err)
		}
		if len(i.gate) != 0 {
			t.Error("the gate stays closed")
		}
	})
}

// TestA62TimeIsUp: what takes too long is given up between two derivations, and
// within the long ones of PKCS #12.
func TestA62TimeIsUp(t *testing.T) {
	now := time.Now()
	slow := func() time.Time { now = now.Add(importTime / 4); return now }
	i := &importer{make(chan struct{}, 1), slow}
	if _, _, err := i.read(withMAC(macDER(maxRounds)), "p"); RuleOf(err) != "time" {
		t.Errorf("%v", err)
	}
	if len(i.gate) != 0 {
		t.Error("the gate stays closed")
	}
}

// TestImportCerts: authorities in all their wrappings.
func TestImportCerts(t *testing.T) {
	key, a := aServer(t, "a")
	_, b := aServer(t, "b")
	p7b := seq(oidDER(oidSignedData), explicit0(seq(marshal(1), tlv(0x31, nil), seq(oidDER(oidData)), tlv(0xa0, append(bytes.Clone(a.Raw), b.Raw...)), tlv(0x31, nil))))
	both := certsPEM([]*x509.Certificate{a, b})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8Of(t, key)})
	tests := map[string]struct {
		file []byte
		want int
		rule string
	}{
		"PEM":                  {both, 2, ""},
		"PEM with a key":       {append(bytes.Clone(keyPEM), both...), 2, ""},
		"PEM as UTF-16":        {append([]byte{0xff, 0xfe}, bytes.Join(bytes.Split(both, nil), []byte{0})...), 2, ""},
		"DER":                  {a.Raw, 1, ""},
		"DER, two":             {append(bytes.Clone(a.Raw), b.Raw...), 2, ""},
		"DER, twice":           {append(bytes.Clone(a.Raw), a.Raw...), 1, ""},
		"P7B":                  {p7b, 2, ""},
		"P7B as BER":           {berAround(p7b), 2, ""},
		"P7B as PEM":           {pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: p7b}), 2, ""},
		"a curve that is none": {bytes.Replace(a.Raw, []byte{0xce, 0x3d, 3, 1, 7}, []byte{0xce, 0x3d, 3, 1, 0x7f}, 1), 0, "cert-unreadable"},
		"cut DER":              {a.Raw[:len(a.Raw)-1], 0, "damaged"},
		"cut PEM":              {both[:len(both)-40], 0, "damaged"},
		"key":                  {keyPEM, 0, "kind"},
		"PFX":                  {sealedPFX(t, "p"), 0, "kind"},
		"nothing":              {nil, 0, "empty"},
		"text":                 {[]byte("hello"), 0, "kind"},
		"PKCS #7, no certs":    {seq(oidDER(oidSignedData), explicit0(seq(marshal(1), tlv(0x31, nil), seq(oidDER(oidData)), tlv(0x31, nil)))), 0, "kind"},
		"PKCS #7, null":        {seq(oidDER(oidSignedData), explicit0([]byte{5, 0})), 0, "damaged"},
		"large":                {make([]byte, maxFile+1), 0, "size"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ImportCerts(tt.file)
			if len(got) != tt.want || RuleOf(err) != tt.rule {
				t.Errorf("%d certificates, %v; want %d, rule %q", len(got), err, tt.want, tt.rule)
			}
		})
	}
}

// berAround gives a SEQUENCE and its [0] indefinite lengths, as some authorities do.
func berAround(der []byte) []byte {
	e, err := wholeBER(der)
	if err != nil {
		return nil
	}
	inner := append([]byte{0xa0, 0x80}, e.kids[1].kids[0].raw...)
	return append(append(append([]byte{0x30, 0x80}, e.kids[0].raw...), append(inner, 0, 0)...), 0, 0)
}

// TestRulesAreDocumented: each rule that the sources name stands in the page.
func TestRulesAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "certificates-rules.md"))
	if err != nil {
		t.Fatal(err)
	}
	rule := regexp.MustCompile(`\b(?:refuse|warn|skip|Rule)\("([a-z0-9-]+)"|rule, text := "([a-z-]+)"`)
	rules := 0
	for _, file := range []string{"import.go", "screen.go", "p12.go", "pbe.go", "pemfile.go", "rules.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range rule.FindAllSubmatch(text, -1) {
			rules++
			if name := string(m[1]) + string(m[2]); !bytes.Contains(page, []byte("`"+name+"`")) {
				t.Errorf("%s: the page does not know %s", file, name)
			}
		}
	}
	if rules < 40 {
		t.Errorf("only %d rules found", rules)
	}
}

// TestRefusal makes an error of what refuses, and of nothing else.
func TestRefusal(t *testing.T) {
	list := []Finding{{Rule: "life", Text: "Old."}, {Rule: "ca", Refuse: true, Text: "No %s.", Args: []any{"way"}}}
	if err := Refusal(list); fault.Text(err) != "No way." || RuleOf(err) != "ca" || !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
	if err := Refusal(list[:1]); err != nil {
		t.Error(err)
	}
}

// FuzzImport: whatever the file, it is read or refused by a rule, and what is read
// can serve a handshake.
func FuzzImport(f *testing.F) {
	key, cert := fixedServer(f)
	for _, enc := range []*pkcs12.Encoder{pkcs12.LegacyRC2, pkcs12.Modern2026} {
		data, err := enc.WithIterations(1).WithRand(zeroes{}).Encode(key, cert, nil, "p")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "p")
	}
	plain := seq(marshal(3), dataDER(seq(dataDER(seq(plainKey(pkcs8Of(f, key)), certBagDER(cert.Raw))))))
	f.Add(plain, "")
	if e, err := wholeBER(plain); err == nil {
		f.Add(e.loose(), "")
	}
	f.Add(append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8Of(f, key)}), certsPEM([]*x509.Certificate{cert})...), "")
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: seq(pbes2DER(1), octetString(make([]byte, 32)))}), "p")
	f.Add(withMAC(pbmac1DER(1, 32)), "p")
	f.Add(cert.Raw, "")
	f.Fuzz(func(t *testing.T, data []byte, pass string) {
		if costly(data) {
			t.Skip() // allowed, but slow
		}
		if _, err := ImportCerts(data); err != nil && RuleOf(err) == "" {
			t.Errorf("certificates: no rule for %v", err)
		}
		c, _, err := Import(data, pass)
		switch {
		case err != nil:
			if RuleOf(err) == "" {
				t.Errorf("no rule for %v", err)
			}
			return
		case !sameKey(c.Leaf().PublicKey, c.Key.Public()):
			t.Error("the key does not fit")
		}
		for _, finding := range Judge(c, []string{"test.com"}, time.Now()) {
			if finding.Rule == "key-fits" {
				t.Error(finding)
			}
		}
	})
}

// zeroes are as random as a fuzzer wants it: the same each time.
type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// fixedServer is the same key and certificate each time.
func fixedServer(t testing.TB) (ed25519.PrivateKey, *x509.Certificate) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"test.com"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(4e9, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return key, c
}

// costly reports whether a file asks for more rounds than a fuzzer has patience.
func costly(data []byte) bool {
	w := testWork()
	_, _ = w.readPFX(data)
	if b, _ := pem.Decode(data); b != nil {
		if e, err := wholeBER(b.Bytes); err == nil && len(e.kids) != 0 {
			_, _ = w.readLock(&e.kids[0])
		}
	}
	return w.rounds > 10_000
}
