package pki

import "crypto/tls"

// Accounts are the keepers of several accounts behind one address, the node's own
// first. A domain belongs to one of them.
type Accounts []*Keeper

// Of returns the keeper of the account to which a name belongs: the first when it is
// nobody's.
func (a Accounts) Of(name string) *Keeper {
	n := ascii(name)
	for _, k := range a {
		if k.state.Load().has(n) {
			return k
		}
	}
	for _, k := range a { // below a domain
		if k.state.Load().of(n) != nil {
			return k
		}
	}
	return a[0]
}

// Certificate is a tls.Config.GetCertificate: that of the account of the name which the
// client asks for. Whoever asks for none, or for a name of nobody, sees the node's.
func (a Accounts) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return a.Of(hello.ServerName).Certificate(hello)
}

// ServerConfig is that of a Keeper, for all of them.
func (a Accounts) ServerConfig() *tls.Config {
	c := a[0].ServerConfig()
	c.GetCertificate = a.Certificate
	return c
}
