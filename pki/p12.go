package pki

import (
	"crypto"
	"crypto/x509"
)

// Object identifiers of RFC 7292 and RFC 2315.
const (
	oidData          = "1.2.840.113549.1.7.1"
	oidSignedData    = "1.2.840.113549.1.7.2"
	oidEncryptedData = "1.2.840.113549.1.7.6"
	oidKeyBag        = "1.2.840.113549.1.12.10.1.1"
	oidLockedKeyBag  = "1.2.840.113549.1.12.10.1.2"
	oidCertBag       = "1.2.840.113549.1.12.10.1.3"
	oidNestedBag     = "1.2.840.113549.1.12.10.1.6"
	oidX509Cert      = "1.2.840.113549.1.9.22.1"
)

// found is what a file holds, in the order of the file.
type found struct {
	keys     []crypto.Signer
	certs    []*x509.Certificate
	findings []Finding
}

// pfx is a PKCS #12 file as it is before its password is used.
type pfx struct {
	content []byte // what the seal covers
	seal    *seal  // nil: it has none
	safes   []safe
	bags    []bag // of the safes that are not encrypted, and then of all
}

// A safe is an encrypted part.
type safe struct {
	lock *lock
	data []byte
}

// A bag is a key or a certificate.
type bag struct {
	kind  string
	value element
	lock  *lock // of an encrypted key
}

// readP12 reads a PKCS #12 file: everything that can be read without the
// password, with its counts, before anything is made of the password.
func (w *work) readP12(data []byte, pass string) (*found, error) {
	f, err := w.readPFX(data)
	if err != nil {
		return nil, err
	}
	p, err := newPassword(pass)
	if err != nil {
		return nil, err
	}
	if p, err = f.check(w, p); err != nil {
		return nil, err
	}
	for i := range f.safes {
		if err := f.open(w, p, &f.safes[i]); err != nil {
			return nil, err
		}
	}
	return f.take(w, p)
}

// readPFX reads PFX: RFC 7292, section 4.
func (w *work) readPFX(data []byte) (*pfx, error) {
	e, err := wholeBER(data)
	if err != nil {
		return nil, err
	}
	parts, err := e.sequence(2)
	if err != nil {
		return nil, err
	}
	id, content, err := contentInfo(&parts[1])
	switch {
	case err != nil:
		return nil, err
	case id != oidData:
		return nil, unknownAlgorithm(id) // sealed by a signature instead of a password
	}
	f := &pfx{}
	if f.content, err = content.octets(); err != nil {
		return nil, err
	}
	if len(parts) > 2 {
		if f.seal, err = w.readSeal(&parts[2]); err != nil {
			return nil, err
		}
	}
	return f, f.readSafes(w)
}

// contentInfo reads ContentInfo: RFC 2315, section 7. Content that is not there is
// damage here, and was a crash in OpenSSL (CVE-2024-0727).
func contentInfo(e *element) (id string, content *element, err error) {
	parts, err := e.sequence(2)
	if err != nil {
		return "", nil, err
	}
	if content, err = parts[1].explicit(0); err != nil {
		return "", nil, err
	}
	id, err = parts[0].oid()
	return id, content, err
}

// readSafes reads AuthenticatedSafe: RFC 7292, section 4.1.
func (f *pfx) readSafes(w *work) error {
	e, err := wholeBER(f.content)
	if err != nil {
		return err
	}
	infos, err := e.sequence(0)
	if err != nil {
		return err
	}
	for i := range infos {
		id, content, err := contentInfo(&infos[i])
		switch {
		case err != nil:
			return err
		case id == oidData:
			data, err := content.octets()
			if err != nil {
				return err
			}
			if err := f.readBags(w, data); err != nil {
				return err
			}
		case id == oidEncryptedData:
			if err := f.readEncrypted(w, content); err != nil {
				return err
			}
		default:
			return unknownAlgorithm(id) // encrypted for a public key
		}
	}
	return nil
}

// readEncrypted reads EncryptedData: RFC 2315, section 13.
func (f *pfx) readEncrypted(w *work, e *element) error {
	parts, err := e.sequence(2)
	if err != nil {
		return err
	}
	info, err := parts[1].sequence(3)
	if err != nil {
		return err
	}
	s := safe{}
	if s.lock, err = w.readLock(&info[1]); err != nil {
		return err
	}
	if !info[2].context(0) {
		return errDamaged
	}
	if s.data, err = info[2].pieces(); err != nil {
		return err
	}
	f.safes = append(f.safes, s)
	return nil
}

// readBags reads SafeContents: RFC 7292, section 4.2.
func (f *pfx) readBags(w *work, data []byte) error {
	e, err := wholeBER(data)
	if err != nil {
		return err
	}
	return f.addBags(w, &e)
}

func (f *pfx) addBags(w *work, contents *element) error {
	bags, err := contents.sequence(0)
	if err != nil {
		return err
	}
	for i := range bags {
		parts, err := bags[i].sequence(2)
		if err != nil {
			return err
		}
		id, err := parts[0].oid()
		if err != nil {
			return err
		}
		value, err := parts[1].explicit(0)
		if err != nil {
			return err
		}
		if err := f.addBag(w, bag{kind: id, value: *value}); err != nil {
			return err
		}
	}
	return nil
}

func (f *pfx) addBag(w *work, b bag) error {
	switch b.kind {
	case oidNestedBag:
		return f.addBags(w, &b.value)
	case oidLockedKeyBag:
		parts, err := b.value.sequence(2)
		if err != nil {
			return err
		}
		if b.lock, err = w.readLock(&parts[0]); err != nil {
			return err
		}
	}
	if f.bags = append(f.bags, b); len(f.bags) > maxKeys+maxCerts {
		return refuseMany()
	}
	return nil
}

func refuseMany() error {
	return refuse("many", "The file holds more than %d keys or %d certificates.", maxKeys, maxCerts)
}

// check holds the password to the seal. A file without one is believed as a PEM
// file is, when nothing in it is encrypted; when something is, its owner thinks it
// is protected, and it is not.
func (f *pfx) check(w *work, p password) (password, error) {
	if f.seal == nil {
		locked := len(f.safes) != 0
		for i := range f.bags {
			locked = locked || f.bags[i].lock != nil
		}
		if locked {
			return p, refuse("mac-missing", "The file is encrypted, but it has no seal (MAC), so that anybody could have changed it. Please export it again with one.")
		}
		return p, nil
	}
	ok, err := f.seal.fits(w, p, f.content)
	if err != nil || ok {
		return p, err
	}
	// No password is two zero octets to some and nothing at all to others.
	if len(p.text) == 0 {
		p.bmp = nil
		if ok, err = f.seal.fits(w, p, f.content); err != nil || ok {
			return p, err
		}
	}
	return p, errPassword
}

// open decrypts a part of the file; what it holds is screened like the file itself.
func (f *pfx) open(w *work, p password, s *safe) error {
	data, err := s.lock.open(w, p, s.data)
	if err != nil {
		return err
	}
	return f.readBags(w, data)
}

// take makes keys and certificates of the bags.
func (f *pfx) take(w *work, p password) (*found, error) {
	out := &found{}
	for i := range f.bags {
		b := &f.bags[i]
		var err error
		switch b.kind {
		case oidKeyBag:
			err = out.addKey(b.value.der())
		case oidLockedKeyBag:
			err = out.addLocked(w, p, b)
		case oidCertBag:
			err = out.addCertBag(&b.value)
		default:
			out.skip("other", "An entry of the file that is neither a key nor a certificate was left out.")
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (o *found) skip(rule, text string, args ...any) {
	o.findings = append(o.findings, Finding{Rule: rule, Text: text, Args: args})
}

// addLocked opens EncryptedPrivateKeyInfo: RFC 5958, section 3.
func (o *found) addLocked(w *work, p password, b *bag) error {
	data, err := b.value.kids[1].octets()
	if err != nil {
		return err
	}
	der, err := b.lock.open(w, p, data)
	if err != nil {
		return err
	}
	if !isPKCS8(der) {
		return errPassword
	}
	return o.addKey(der)
}

// isPKCS8 tells a key of any kind from the noise that a wrong password makes.
func isPKCS8(der []byte) bool {
	e, err := wholeBER(der)
	if err != nil {
		return false
	}
	parts, err := e.sequence(3)
	if err != nil {
		return false
	}
	_, _, err = algorithmOf(&parts[1])
	return err == nil
}

// addKey reads PKCS #8. A key of a kind that cannot sign a handshake is told and
// left out.
func (o *found) addKey(der []byte) error {
	if len(der) > maxKeyDER {
		o.skip("key-unusable", "A key of the file was left out, because it is of a kind that no handshake uses.")
		return nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	return o.putKey(key, err)
}

// usable returns a key that was read, if it is one that signs.
func usable(key any, err error) (crypto.Signer, bool) {
	signer, ok := key.(crypto.Signer)
	return signer, ok && err == nil && rsaBits(signer.Public()) <= maxRSA
}

func (o *found) putKey(key any, err error) error {
	signer, ok := usable(key, err)
	if !ok {
		o.skip("key-unusable", "A key of the file was left out, because it is of a kind that no handshake uses.")
		return nil
	}
	for _, k := range o.keys {
		if sameKey(k.Public(), signer.Public()) {
			return nil
		}
	}
	if o.keys = append(o.keys, signer); len(o.keys) > maxKeys {
		return refuseMany()
	}
	return nil
}

// addCertBag reads CertBag: RFC 7292, section 4.2.3.
func (o *found) addCertBag(e *element) error {
	parts, err := e.sequence(2)
	if err != nil {
		return err
	}
	id, err := parts[0].oid()
	if err != nil {
		return err
	}
	if id != oidX509Cert {
		o.skip("other", "An entry of the file that is neither a key nor a certificate was left out.")
		return nil
	}
	value, err := parts[1].explicit(0)
	if err != nil {
		return err
	}
	der, err := value.octets()
	if err != nil {
		return err
	}
	return o.addCert(der, maxCerts)
}

// addCert reads a certificate. One that cannot be read is told and left out: it may
// be one that nobody needs.
func (o *found) addCert(der []byte, most int) error {
	c, ok := parseCert(der)
	if !ok {
		o.skip("cert-unreadable", "A certificate of the file was left out, because it cannot be read.")
		return nil
	}
	for _, have := range o.certs {
		if have.Equal(c) {
			return nil
		}
	}
	if o.certs = append(o.certs, c); len(o.certs) > most {
		return refuseMany()
	}
	return nil
}

// parseCert reads a certificate whose key is small enough to be used.
func parseCert(der []byte) (*x509.Certificate, bool) {
	c, err := x509.ParseCertificate(der)
	return c, err == nil && rsaBits(c.PublicKey) <= maxRSA
}
