package main

import (
	"context"
	"crypto/x509"
	"slices"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/intake"
	"platen/ippsrv"
	"platen/site"
	"platen/store"
)

// certificateSetupName is what the names in people's certificates are kept as.
const certificateSetupName = "certificates"

// certificateSetup is what an administrator has set up of certificates of people. The
// authorities are among those that are trusted, for people.
type certificateSetup struct {
	Names []string `json:"names"` // which name in one counts, the first that it has; empty: directory.CertNames
}

// names are those that count.
func (x *certificateSetup) names() []string {
	if len(x.Names) == 0 {
		return directory.CertNames
	}
	return x.Names
}

// certificateDoor says who somebody is by the certificate that a client has shown.
type certificateDoor struct {
	scope  store.Scope
	now    func() time.Time
	people func() *x509.CertPool // authorities; nil, or nil from it: there are none
}

var _ ippsrv.Certificates = (*certificateDoor)(nil)

// setup returns what is set up.
func (d *certificateDoor) setup(ctx context.Context) (x certificateSetup, err error) {
	text, err := d.scope.Setup(ctx, certificateSetupName)
	if err != nil || text == "" {
		return x, err
	}
	return x, parseSetup(text, &x)
}

// current returns the authorities and what they say, nil when there are none. It is
// asked for each request, so that an authority that was removed says nothing any
// longer on connections that are open.
func (d *certificateDoor) current(ctx context.Context) (*directory.Certificates, error) {
	roots := d.Authorities(ctx)
	if roots == nil {
		return nil, nil //nolint:nilnil // nobody is asked
	}
	x, err := d.setup(ctx)
	if err != nil {
		return nil, err
	}
	return &directory.Certificates{Roots: roots, Names: x.names()}, nil
}

// Authorities implements ippsrv.Certificates.
func (d *certificateDoor) Authorities(context.Context) *x509.CertPool {
	if d.people == nil {
		return nil
	}
	return d.people()
}

// Certificate implements ippsrv.Certificates. The name goes the way of every other
// name of a job, by the rules of the queue; a queue whose rules do not look at
// certificates takes them for no proof. Nobody is an administrator by one: what an
// authority writes into it was mostly not meant to give that away.
func (d *certificateDoor) Certificate(ctx context.Context, chain []*x509.Certificate, q site.Queue) (string, ippsrv.Person, error) {
	c, err := d.current(ctx)
	if err == nil && c == nil {
		err = &fault.Error{Op: "certificates", Kind: fault.Denied}
	}
	if err != nil {
		return "", ippsrv.Person{}, err
	}
	name, err := c.Holder(chain, d.now())
	if err != nil {
		return "", ippsrv.Person{}, err
	}
	set, err := d.scope.Settings(ctx)
	if err != nil {
		return "", ippsrv.Person{}, err
	}
	rules, _ := intake.OwnerRules(&q, &set) // whoever takes the job says what cannot be read
	rules.Steps = slices.DeleteFunc(rules.Steps, func(s directory.Step) bool { return s.From != "certificate" })
	m, err := directory.Owner(ctx, d.scope, directory.Facts{Certificate: name, IPP: true}, rules)
	if err != nil || !m.Owned() {
		return name, ippsrv.Person{}, err
	}
	return name, ippsrv.Person{ID: m.User.ID, Login: m.User.Login}, nil
}
