package main

import (
	"context"
	"crypto/x509"
	"log/slog"

	"platen/pki"
	"platen/store"
)

// rooted says for a purpose whom to ask, at each connection, which authorities count
// for it. nil: those of the system.
type rooted func(purpose string) func() *x509.CertPool

// of is whom to ask; rooted may be nil.
func (r rooted) of(purpose string) func() *x509.CertPool {
	if r == nil {
		return nil
	}
	return r(purpose)
}

// roots are those of the running node. A change counts from the next connection on.
func (n *node) roots(purpose string) func() *x509.CertPool {
	return func() *x509.CertPool { return n.chain.Pool(purpose) }
}

// roots are those of the running node, or of the node that does not run.
func (a *admin) roots(purpose string) func() *x509.CertPool {
	if a.running != nil {
		return a.running.roots(purpose)
	}
	return storedRoots(a.scope, a.log)(purpose)
}

// storedRoots reads the store. Where it cannot be read, nobody is trusted.
func storedRoots(scope store.Scope, log *slog.Logger) rooted {
	return func(purpose string) func() *x509.CertPool {
		return func() *x509.CertPool {
			list, err := scope.Trusted(context.Background())
			if err != nil {
				log.Error("the trusted authorities could not be read, so nobody is trusted", "error", err)
				return x509.NewCertPool()
			}
			return pki.Roots(list, purpose)
		}
	}
}
