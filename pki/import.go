package pki

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"platen/fault"
)

// Import reads a private key and its certificates out of a file: PFX (PKCS #12,
// DER or BER) or PEM, which is told by what is in it. The file is a stranger's: it is
// screened first, one is read at a time, and within half a minute. The password
// opens both file and key.
//
// The findings say what of the file was left out. An error is a fault.Error with a
// sentence, and the cause of one that refuses the file is a Rule. Whether the
// certificate may serve is Judge's to say.
func Import(data []byte, password string) (*Chain, []Finding, error) {
	return imports.read(data, password)
}

// importer reads one file at a time.
type importer struct {
	gate chan struct{} // holds one
	now  func() time.Time
}

var imports = &importer{make(chan struct{}, 1), time.Now}

func (i *importer) read(data []byte, password string) (*Chain, []Finding, error) {
	k, data, err := screen(data)
	if err != nil {
		return nil, nil, err
	}
	if err := i.enter(); err != nil {
		return nil, nil, err
	}
	defer func() { <-i.gate }()
	w := &work{until: i.now().Add(importTime), now: i.now}
	f, err := w.read(k, data, password)
	if err != nil {
		return nil, nil, said(err)
	}
	return f.chain()
}

// enter waits for the file before, for a while.
func (i *importer) enter() error {
	wait := time.NewTimer(importWait)
	defer wait.Stop()
	select {
	case i.gate <- struct{}{}:
		return nil
	case <-wait.C:
		return &fault.Error{Op: "pki.Import", Kind: fault.Unavailable, Text: "Another file is being read at the moment. Please try again in half a minute.", Err: Rule("busy")}
	}
}

func (w *work) read(k kind, data []byte, password string) (*found, error) {
	switch k {
	case kindP12:
		return w.readP12(data, password)
	case kindPEM:
		return w.readPEM(data, password)
	}
	return nil, refuse("key-none", "The file holds certificates only. Please import it together with its private key, as PFX (PKCS #12) or PEM.")
}

// ImportCerts reads certificates without a key: PEM, DER (one after the other), and
// P7B (PKCS #7) as PEM or DER. Keys in a PEM file are passed over.
func ImportCerts(data []byte) ([]*x509.Certificate, error) {
	k, data, err := screen(data)
	if err != nil {
		return nil, err
	}
	o := &found{}
	switch k {
	case kindPEM:
		err = o.certsOfPEM(data)
	case kindCerts:
		err = o.certsOfDER(data)
	default:
		err = refuse("kind", "The file holds no certificate as PEM, DER or P7B.")
	}
	switch {
	case err != nil:
		return nil, said(err)
	case len(o.certs) == 0 && slices.ContainsFunc(o.findings, func(f Finding) bool { return f.Rule == "cert-unreadable" }):
		return nil, refuse("cert-unreadable", "The certificates of the file cannot be read.")
	case len(o.certs) == 0:
		return nil, refuse("kind", "The file holds no certificate as PEM, DER or P7B.")
	}
	return o.certs, nil
}

func (o *found) certsOfPEM(data []byte) error {
	list, whole := blocks(data)
	if !whole {
		return errDamaged
	}
	for _, b := range list {
		if strings.HasSuffix(b.Type, "PRIVATE KEY") {
			continue
		}
		if err := o.addCertBlock(b, maxAuthorities); err != nil {
			return err
		}
	}
	return nil
}

func (o *found) certsOfDER(data []byte) error {
	for len(data) != 0 {
		e, rest, err := parseBER(data)
		if err != nil {
			return err
		}
		if len(e.kids) != 0 && e.kids[0].is(6) { // an OBJECT IDENTIFIER: ContentInfo
			err = o.addPKCS7(e.raw, maxAuthorities)
		} else {
			err = o.addCert(e.raw, maxAuthorities)
		}
		if err != nil {
			return err
		}
		data = rest
	}
	return nil
}

// said makes a sentence of an error of the parsers; those that are one already
// stay as they are. Damage that is found behind the password is told like damage
// before it.
func said(err error) error {
	var e *fault.Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, errPassword):
		// Which of the two the password does not fit is nobody's business.
		return refuse("password", "The password does not open this file, or the file was changed. File and key must have the same password.")
	}
	return refuse("damaged", "The file is damaged or was cut short. It cannot be read to its end.")
}

// pair is a key and its certificate.
type pair struct {
	key  crypto.Signer
	leaf *x509.Certificate
}

// chain picks the key that is meant, and puts its chain in order.
func (o *found) chain() (*Chain, []Finding, error) {
	p, err := o.pick()
	if err != nil {
		return nil, nil, err
	}
	c := &Chain{Key: p.key, Certs: Order(p.leaf, o.certs)}
	o.tellLeftOut(c)
	return c, o.findings, nil
}

// pick returns the one key with a certificate; of several, the one whose
// certificate serves.
func (o *found) pick() (pair, error) {
	switch {
	case len(o.keys) == 0:
		return pair{}, refuse("key-none", "The file holds no private key that can be used.")
	case len(o.certs) == 0:
		return pair{}, refuse("cert-none", "The file holds a private key, but no certificate that can be read.")
	}
	pairs := o.pairs()
	if len(pairs) > 1 {
		if serve := slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool { return !serves(p.leaf) }); len(serve) != 0 {
			pairs = serve
		}
	}
	switch len(pairs) {
	case 0:
		return pair{}, refuse("key-fits", "No certificate of the file belongs to its private key. The file has certificates of: %s.", titles(o.certs))
	case 1:
		return pairs[0], nil
	}
	leaves := make([]*x509.Certificate, len(pairs))
	for i := range pairs {
		leaves[i] = pairs[i].leaf
	}
	return pair{}, refuse("key-several", "The file holds several keys, and each could be meant: %s. Please export one of them alone.", titles(leaves))
}

// pairs returns each key that has a certificate, with its newest one that serves.
func (o *found) pairs() []pair {
	var list []pair
	for _, key := range o.keys {
		var best *x509.Certificate
		for _, c := range o.certs {
			if sameKey(c.PublicKey, key.Public()) && (best == nil || better(c, best)) {
				best = c
			}
		}
		if best != nil {
			list = append(list, pair{key, best})
		}
	}
	return list
}

func better(a, b *x509.Certificate) bool {
	if serves(a) != serves(b) {
		return serves(a)
	}
	return a.NotAfter.After(b.NotAfter)
}

// serves reports whether a certificate is meant for a server.
func serves(c *x509.Certificate) bool { return !c.IsCA && forServers(c) }

// tellLeftOut tells of the keys and certificates that are not in the chain.
func (o *found) tellLeftOut(c *Chain) {
	var left []*x509.Certificate
	for _, x := range o.certs {
		if !slices.ContainsFunc(c.Certs, x.Equal) {
			left = append(left, x)
		}
	}
	if len(left) != 0 {
		o.skip("left-out", "Certificates that do not belong to the chain were left out: %s.", titles(left))
	}
	if n := len(o.keys) - 1; n > 0 {
		o.skip("left-out-keys", "Other keys of the file were left out: %d.", n)
	}
}

// sameKey compares two public keys.
func sameKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(x crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

func rsaBits(key crypto.PublicKey) int {
	if k, ok := key.(*rsa.PublicKey); ok {
		return k.N.BitLen()
	}
	return 0
}
