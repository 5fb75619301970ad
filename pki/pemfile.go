package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"unicode/utf16"
)

// plain returns a text file as UTF-8 without a mark at its beginning: PowerShell
// writes UTF-16, Notepad writes a mark.
func plain(data []byte) []byte {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return data[3:]
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		return fromUTF16(data[2:], 0)
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return fromUTF16(data[2:], 1)
	}
	return data
}

func fromUTF16(data []byte, low int) []byte {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = uint16(data[2*i+low]) | uint16(data[2*i+1-low])<<8
	}
	return []byte(string(utf16.Decode(units)))
}

// blocks returns the blocks of a PEM file (RFC 7468), and whether each that begins
// is whole: a block that was cut would else be passed over in silence.
func blocks(data []byte) (list []*pem.Block, whole bool) {
	begun := bytes.Count(data, []byte("-----BEGIN "))
	for {
		b, rest := pem.Decode(data)
		if b == nil {
			return list, len(list) == begun
		}
		list, data = append(list, b), rest
		if len(list) > maxAuthorities {
			return list, true // the caller refuses so many
		}
	}
}

// readPEM reads keys and certificates in any order, with whatever text between them.
func (w *work) readPEM(data []byte, pass string) (*found, error) {
	list, whole := blocks(data)
	switch {
	case !whole:
		return nil, errDamaged
	case len(list) > maxKeys+maxCerts:
		return nil, refuseMany()
	}
	out := &found{}
	for _, b := range list {
		if err := out.addBlock(w, b, pass); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (o *found) addBlock(w *work, b *pem.Block, pass string) error {
	switch {
	case strings.HasPrefix(b.Type, "PKCS12"):
		return o.join(w.readP12(b.Bytes, pass))
	case b.Type == "ENCRYPTED PRIVATE KEY":
		return o.addEncryptedKey(w, b.Bytes, pass)
	case strings.HasSuffix(b.Type, "PRIVATE KEY"):
		return o.addPlainKey(b, pass)
	case b.Type == "EC PARAMETERS": // OpenSSL writes them before each such key
		return nil
	}
	return o.addCertBlock(b, maxCerts)
}

func (o *found) join(other *found, err error) error {
	if err != nil {
		return err
	}
	o.keys = append(o.keys, other.keys...)
	o.certs = append(o.certs, other.certs...)
	o.findings = append(o.findings, other.findings...)
	return nil
}

// addCertBlock reads a block that has certificates in it.
func (o *found) addCertBlock(b *pem.Block, most int) error {
	switch b.Type {
	case "CERTIFICATE", "X509 CERTIFICATE":
		return o.addCert(b.Bytes, most)
	case "TRUSTED CERTIFICATE": // OpenSSL puts what it is trusted for behind it
		e, _, err := parseBER(b.Bytes)
		if err != nil {
			return err
		}
		return o.addCert(e.raw, most)
	case "PKCS7", "CMS":
		return o.addPKCS7(b.Bytes, most)
	}
	o.skip("other", "An entry of the file that is neither a key nor a certificate was left out.")
	return nil
}

// addEncryptedKey opens EncryptedPrivateKeyInfo.
func (o *found) addEncryptedKey(w *work, der []byte, pass string) error {
	e, err := wholeBER(der)
	if err != nil {
		return err
	}
	parts, err := e.sequence(2)
	if err != nil {
		return err
	}
	p, err := newPassword(pass)
	if err != nil {
		return err
	}
	b := bag{value: e}
	if b.lock, err = w.readLock(&parts[0]); err != nil {
		return err
	}
	return o.addLocked(w, p, &b)
}

// addPlainKey reads PKCS #8, PKCS #1 and SEC 1, the latter two also encrypted in
// OpenSSL's first way (RFC 1421's headers).
func (o *found) addPlainKey(b *pem.Block, pass string) error {
	der, locked := b.Bytes, x509.IsEncryptedPEMBlock(b) //nolint:staticcheck // it protects little, but what it protects is to be read
	if locked {
		var err error
		der, err = x509.DecryptPEMBlock(b, []byte(pass)) //nolint:staticcheck // the same
		if err != nil {
			return errPassword
		}
	}
	if len(der) > maxKeyDER {
		return o.addKey(der)
	}
	key, err := parsePlainKey(b.Type, der)
	if err != nil && locked {
		return errPassword // one wrong password in 256 decrypts to something
	}
	return o.putKey(key, err)
}

func parsePlainKey(kind string, der []byte) (any, error) {
	switch kind {
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(der)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(der)
	}
	return x509.ParsePKCS8PrivateKey(der)
}

// addPKCS7 reads the certificates of a SignedData, which need not sign anything
// (RFC 2315, section 9; P7B).
func (o *found) addPKCS7(data []byte, most int) error {
	e, err := wholeBER(data)
	if err != nil {
		return err
	}
	id, content, err := contentInfo(&e)
	if err != nil || id != oidSignedData {
		return errDamaged
	}
	parts, err := content.sequence(3)
	if err != nil {
		return err
	}
	for i := range parts {
		if !parts[i].context(0) {
			continue
		}
		for _, c := range parts[i].kids {
			if err := o.addCert(c.raw, most); err != nil {
				return err
			}
		}
	}
	return nil
}
