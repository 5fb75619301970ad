package pki

import "crypto/tls"

// Profiles of TLS that a listener can have.
const (
	ProfileModern = "modern" // TLS 1.2 with AEAD, and 1.3
	ProfileOld    = "old"    // for one device that cannot do better: from TLS 1.0 on, also with RSA alone and CBC
)

// ServerConfig returns what a server of this node offers: TLS 1.2 and 1.3, and
// of TLS 1.2 only forward-secret AEAD suites, because Go's own list still has
// one with CBC and SHA-1.
func (k *Keeper) ServerConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		CipherSuites:   aead,
		GetCertificate: k.Certificate,
	}
}

// OldConfig returns what a listener offers that was opened for one old device.
func (k *Keeper) OldConfig() *tls.Config {
	return &tls.Config{ //nolint:gosec // weak is what it is for; see docs/certificates-old-devices.md
		MinVersion:     tls.VersionTLS10,
		MaxVersion:     tls.VersionTLS12,
		CipherSuites:   append(append([]uint16{}, aead...), old...),
		GetCertificate: k.certificateRSA,
	}
}

// aead are the suites of TLS 1.2 (RFC 9325, section 4.2). Those of TLS 1.3 are
// not configurable and all AEAD.
var aead = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
}

// old are the suites that devices of around 2010 know. RC4 and single DES are not
// among them: Go has the one no more, and never had the other.
var old = []uint16{
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	tls.TLS_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
	tls.TLS_RSA_WITH_AES_256_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
}
