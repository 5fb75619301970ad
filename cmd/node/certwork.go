package main

import (
	"context"
	"crypto/x509"
	"strings"

	"platen/pki"
)

// certWork is what commands, pages and programs do with certificates. Each thing that
// changes something leaves a line in the audit trail.
type certWork struct{ a *admin }

// Import imports a chain with its key, and shows it for domains at once.
func (w certWork) Import(ctx context.Context, name, use string, data []byte, password string, domains []string) (pki.Imported, error) {
	k, err := w.a.certs(ctx)
	if err != nil {
		return pki.Imported{}, err
	}
	x, err := k.ImportChain(ctx, name, use, data, password)
	if err == nil {
		err = w.a.audit(ctx, "cert."+use+".import", x.ID, x.Name+" "+fingerprint(x.Certs[0]))
	}
	if err == nil && len(domains) > 0 {
		err = w.Choose(ctx, x.ID, domains)
	}
	return w.again(k, x, err)
}

// again is a chain as it is after what was done to it last.
func (w certWork) again(k *pki.Keeper, x pki.Imported, err error) (pki.Imported, error) {
	if err == nil {
		x.Shown, err = k.Find(x.ID)
	}
	return x, err
}

// Generate makes a chain of the built-in authority.
func (w certWork) Generate(ctx context.Context, name string, domains []string, rsa bool) (pki.Imported, error) {
	k, err := w.a.certs(ctx)
	if err != nil {
		return pki.Imported{}, err
	}
	x, err := k.Generate(ctx, name, domains, rsa)
	if err == nil {
		err = w.a.audit(ctx, "cert.chain.generate", x.ID, x.Name+" "+fingerprint(x.Certs[0]))
	}
	return x, err
}

// Request makes a key, and a request for an authority of the customer.
func (w certWork) Request(ctx context.Context, name string, s pki.Subject, domains []string, rsa bool) (pki.Shown, error) {
	return w.request(ctx, func(k *pki.Keeper) (pki.Shown, error) { return k.Request(ctx, name, s, domains, rsa) })
}

// Renew asks for what a chain has now, with another key: an ACME server at once, any
// other authority by a request, which is returned.
func (w certWork) Renew(ctx context.Context, chain string) (pki.Shown, error) {
	k, err := w.a.certs(ctx)
	if err != nil {
		return pki.Shown{}, err
	}
	v, err := k.Find(chain)
	if err != nil {
		return pki.Shown{}, err
	}
	if v.From != pki.FromACME {
		return w.request(ctx, func(k *pki.Keeper) (pki.Shown, error) { return k.Renewal(ctx, v.ID) })
	}
	if err := k.RenewNow(ctx, v.ID); err != nil {
		return pki.Shown{}, err
	}
	if v, err = k.Find(v.ID); err == nil {
		err = w.a.audit(ctx, "cert.chain.renew", v.ID, v.Name+" "+fingerprint(v.Certs[0]))
	}
	return v, err
}

func (w certWork) request(ctx context.Context, ask func(*pki.Keeper) (pki.Shown, error)) (pki.Shown, error) {
	k, err := w.a.certs(ctx)
	if err != nil {
		return pki.Shown{}, err
	}
	v, err := ask(k)
	if err == nil {
		err = w.a.audit(ctx, "cert.chain.request", v.ID, v.Name)
	}
	return v, err
}

// Answer takes what an authority answered to a request.
func (w certWork) Answer(ctx context.Context, chain string, data []byte) (pki.Imported, error) {
	k, err := w.a.certs(ctx)
	if err != nil {
		return pki.Imported{}, err
	}
	x, err := k.Answer(ctx, chain, data)
	if err == nil {
		err = w.a.audit(ctx, "cert.chain.answer", x.ID, x.Name+" "+fingerprint(x.Certs[0]))
	}
	return x, err
}

// Choose shows a chain for domains; "node" is the node's own.
func (w certWork) Choose(ctx context.Context, chain string, domains []string) error {
	k, err := w.a.certs(ctx)
	if err != nil {
		return err
	}
	name := "node"
	if chain == name {
		chain = ""
	} else {
		v, err := k.Find(chain)
		if err != nil {
			return err
		}
		name = v.Name
	}
	if err := k.Choose(ctx, chain, domains); err != nil {
		return err
	}
	return w.a.audit(ctx, "cert.chain.choose", name, strings.Join(domains, " "))
}

// Remove removes a chain and its key; one in use only when somebody insists.
func (w certWork) Remove(ctx context.Context, chain string, insist bool) error {
	k, err := w.a.certs(ctx)
	if err != nil {
		return err
	}
	v, err := k.Find(chain)
	if err != nil {
		return err
	}
	if err := k.Remove(ctx, v.ID, insist); err != nil {
		return err
	}
	return w.a.audit(ctx, "cert.chain.remove", v.ID, v.Name)
}

// AddDomain adds a DNS name of the account.
func (w certWork) AddDomain(ctx context.Context, name string) (pki.Domain, error) {
	k, err := w.a.certs(ctx)
	if err != nil {
		return pki.Domain{}, err
	}
	d, err := k.AddDomain(ctx, name)
	if err == nil {
		err = w.a.audit(ctx, "cert.domain.add", d.Name, "")
	}
	return d, err
}

// RemoveDomain removes one.
func (w certWork) RemoveDomain(ctx context.Context, name string) error {
	k, err := w.a.certs(ctx)
	if err != nil {
		return err
	}
	if err := named(k.RemoveDomain(ctx, name), "domain", name); err != nil {
		return err
	}
	return w.a.audit(ctx, "cert.domain.remove", name, "")
}

// Trust trusts the authorities in a file for some purposes.
func (w certWork) Trust(ctx context.Context, name string, data []byte, purposes []string) ([]pki.Trusted, error) {
	k, err := w.a.certs(ctx)
	if err != nil {
		return nil, err
	}
	list, err := k.Trust(ctx, name, data, purposes)
	if err != nil {
		return nil, err
	}
	for _, v := range pki.TrustedViews(list, w.a.now()) {
		if err := w.a.audit(ctx, "cert.trust.import", v.ID, v.Name+" for "+strings.Join(v.Purposes, ", ")+" "+v.Cert.SHA256); err != nil {
			return list, err
		}
	}
	return list, nil
}

// Distrust trusts an authority no longer.
func (w certWork) Distrust(ctx context.Context, name string) error {
	k, err := w.a.certs(ctx)
	if err != nil {
		return err
	}
	t, err := k.FindTrusted(name)
	if err != nil {
		return err
	}
	if err := k.Distrust(ctx, t.ID); err != nil {
		return err
	}
	return w.a.audit(ctx, "cert.trust.remove", t.ID, t.Name)
}

// Test connects somewhere, and says what was seen.
func (w certWork) Test(ctx context.Context, address, purpose string) (pki.Report, error) {
	k, err := w.a.certs(ctx)
	if err != nil {
		return pki.Report{}, err
	}
	return pki.Probe(ctx, address, pki.ProbeOptions{Purpose: purpose, Trusted: k.Trusted(), System: true, Now: w.a.now})
}

// GenerateSigning makes a chain that signs API tokens from now on.
func (w certWork) GenerateSigning(ctx context.Context) error {
	k, err := w.a.certs(ctx)
	if err != nil {
		return err
	}
	if err := k.GenerateSigning(ctx); err != nil {
		return err
	}
	return w.auditSigning(ctx, k, "cert.signing.generate")
}

// ChooseSigning lets a chain sign API tokens; "none": nothing does.
func (w certWork) ChooseSigning(ctx context.Context, chain string) error {
	k, err := w.a.certs(ctx)
	if err != nil {
		return err
	}
	if chain == "none" {
		chain = ""
	}
	if err := k.ChooseSigning(ctx, chain); err != nil {
		return err
	}
	return w.auditSigning(ctx, k, "cert.signing.choose")
}

func (w certWork) auditSigning(ctx context.Context, k *pki.Keeper, action string) error {
	if v, ok := k.Signer(); ok {
		return w.a.audit(ctx, action, v.ID, v.Name+" "+fingerprint(v.Certs[0]))
	}
	return w.a.audit(ctx, action, "", "none")
}

// NewAuthority makes a new built-in authority.
func (w certWork) NewAuthority(ctx context.Context) error {
	k, err := w.a.certs(ctx)
	if err != nil && k == nil {
		return err
	}
	if err := k.Replace(ctx); err != nil {
		return err
	}
	return w.a.audit(ctx, "cert.ca.generate", "", fingerprint(k.Root()))
}

// Sign lets the built-in authority answer a request for domains of the account.
func (w certWork) Sign(ctx context.Context, data []byte) ([]*x509.Certificate, error) {
	k, err := w.a.certs(ctx)
	if err != nil {
		return nil, err
	}
	certs, err := k.SignRequest(ctx, data)
	if err == nil {
		err = w.a.audit(ctx, "cert.ca.sign", strings.Join(certs[0].DNSNames, " "), fingerprint(certs[0]))
	}
	return certs, err
}
