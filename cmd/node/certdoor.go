package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"sync"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/intake"
	"platen/ippsrv"
	"platen/site"
	"platen/store"
)

// certificateSetupName is what the authorities for people's certificates are kept as.
const certificateSetupName = "certificates"

// certificateSetup is what an administrator has set up of certificates of people.
type certificateSetup struct {
	CA    string   `json:"ca_pem"` // authorities whose certificates name people
	Names []string `json:"names"`  // which name in one counts, the first that it has; empty: directory.CertNames
}

// names are those that count.
func (x *certificateSetup) names() []string {
	if len(x.Names) == 0 {
		return directory.CertNames
	}
	return x.Names
}

// mostAuthorities bounds what every client is told in its handshake.
const mostAuthorities = 50

// authorities reads the certificates in CA. All are of authorities: one of a person
// among them would prove itself.
func (x *certificateSetup) authorities() (list []*x509.Certificate, err error) {
	const op = "certificates"
	for block, rest := pem.Decode([]byte(x.CA)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The CA certificate cannot be read.", Err: err}
		}
		if !c.BasicConstraintsValid || !c.IsCA || c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 {
			return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The certificate %s is not that of an authority.", Args: []any{c.Subject.String()}}
		}
		list = append(list, c)
	}
	if len(list) == 0 || len(list) > mostAuthorities {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "There must be certificates of authorities in the file, at most %d.", Args: []any{mostAuthorities}}
	}
	return list, nil
}

// certificateDoor says who somebody is by the certificate that a client has shown.
type certificateDoor struct {
	scope store.Scope
	now   func() time.Time

	mu   sync.Mutex
	text string // what open was made from
	open *directory.Certificates
}

var _ ippsrv.Certificates = (*certificateDoor)(nil)

// setup returns what is set up; ok is false while there is no authority.
func (d *certificateDoor) setup(ctx context.Context) (x certificateSetup, ok bool, err error) {
	text, err := d.scope.Setup(ctx, certificateSetupName)
	if err != nil || text == "" {
		return x, false, err
	}
	err = parseSetup(text, &x)
	return x, x.CA != "", err
}

// current returns the authorities and what they say, nil when there are none. It is
// asked for each request, so that an authority that was removed says nothing any
// longer on connections that are open.
func (d *certificateDoor) current(ctx context.Context) (*directory.Certificates, error) {
	text, err := d.scope.Setup(ctx, certificateSetupName)
	if err != nil || text == "" {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.text == text {
		return d.open, nil
	}
	var x certificateSetup
	if err := parseSetup(text, &x); err != nil || x.CA == "" {
		return nil, err
	}
	list, err := x.authorities()
	if err != nil {
		return nil, err
	}
	d.text, d.open = text, &directory.Certificates{Roots: x509.NewCertPool(), Names: x.names()}
	for _, c := range list {
		d.open.Roots.AddCert(c)
	}
	return d.open, nil
}

// Authorities implements ippsrv.Certificates.
func (d *certificateDoor) Authorities(ctx context.Context) *x509.CertPool {
	c, err := d.current(ctx)
	if err != nil || c == nil {
		return nil
	}
	return c.Roots
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

// certificatesChanged lets the IPP door of the running node ask for certificates of
// the authorities of now.
func (a *admin) certificatesChanged() {
	if n := a.running; n != nil {
		n.replaceIPP(n.settings())
	}
}
