package acme

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"platen/fault"
	"platen/pki"
)

// maxCerts is how many certificates a chain has at most; real ones have two to four.
const maxCerts = 10

// chain makes a chain of what the server has sent, if it is what was asked for.
func (s *session) chain(sent []byte, names []string, key crypto.Signer) (*pki.Chain, error) {
	certs, err := parseChain(sent)
	if err == nil {
		err = fits(certs[0], names, key)
	}
	if err != nil {
		return nil, &fault.Error{Op: "acme.chain", Kind: fault.Unavailable, Err: err,
			Text: "The ACME server %s has sent something else than the certificate that was asked for.", Args: []any{s.server()}}
	}
	return &pki.Chain{Certs: certs, Key: key}, nil
}

// parseChain reads application/pem-certificate-chain, RFC 8555, section 9.1: the leaf
// first, each followed by who has signed it.
func parseChain(b []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for len(bytes.TrimSpace(b)) > 0 {
		block, rest := pem.Decode(b)
		if block == nil || block.Type != "CERTIFICATE" || len(certs) == maxCerts {
			return nil, errors.New("acme: not a chain of certificates")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("acme: %w", err)
		}
		if n := len(certs); n > 0 && !bytes.Equal(certs[n-1].RawIssuer, c.RawSubject) {
			return nil, errors.New("acme: the certificates do not follow each other")
		}
		certs, b = append(certs, c), rest
	}
	if len(certs) == 0 {
		return nil, errors.New("acme: no certificate")
	}
	return certs, nil
}

func fits(leaf *x509.Certificate, names []string, key crypto.Signer) error {
	if public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(leaf.PublicKey) {
		return errors.New("acme: the certificate is for another key")
	}
	for _, n := range names {
		if err := leaf.VerifyHostname(n); err != nil {
			return fmt.Errorf("acme: %w", err)
		}
	}
	return nil
}
