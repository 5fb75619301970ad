package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"platen/config"
	"platen/pki"
	"platen/pki/acme"
	"platen/store"
)

// certificateSoon is how long before its end a certificate is a warning.
const certificateSoon = 30 * 24 * time.Hour

// inspectCertificates looks at the certificates of a store, without making any.
func inspectCertificates(ctx context.Context, p place, scope store.Scope) (pki.Inspection, error) {
	system, err := x509.SystemCertPool()
	if err != nil {
		system = nil // a system without a list of authorities
	}
	k := newCerts(p, scope, time.Now, noLog(), func() config.Config { return p.cfg })
	return k.Inspect(ctx, system)
}

// checkCertificates says what is wrong with certificates, and else when the first of
// them ends. None of it keeps a node from starting.
func checkCertificates(ctx context.Context, p place, scope store.Scope, f *findings) {
	x, err := inspectCertificates(ctx, p, scope)
	if err != nil {
		f.fail("certificates", "%s", explain(err))
		return
	}
	var all findings
	tellCertificates(&x, p.cfg.Listen.ACME != "", time.Now(), &all)
	for _, each := range all.list {
		if each.State != "ok" {
			f.warn(each.What, "%s", each.Text)
		}
	}
	terms := slices.Concat(x.Chains, x.Trusted)
	terms = slices.DeleteFunc(terms, func(e pki.Examined) bool { return e.Damaged || !e.InUse })
	if len(terms) == 0 {
		f.ok("certificates", "They are made at the first start.")
		return
	}
	first := slices.MinFunc(terms, func(a, b pki.Examined) int { return a.Ends.Compare(b.Ends) })
	f.ok("certificates", "%s in use; the first to end is %s, on %s.", counted(len(terms), "is", "are"), plain(first.Name), stamp(first.Ends))
}

// doctorCertificates says of each certificate how it is.
func doctorCertificates(ctx context.Context, p place, scope store.Scope, f *findings) {
	x, err := inspectCertificates(ctx, p, scope)
	if err != nil {
		f.fail("certificates", "%s", explain(err))
		return
	}
	tellCertificates(&x, p.cfg.Listen.ACME != "", time.Now(), f)
}

// tellCertificates tells of each certificate at a time, and of what is not there. listens
// says whether the node listens for ACME servers.
func tellCertificates(x *pki.Inspection, listens bool, now time.Time, f *findings) {
	if len(x.Chains) == 0 && len(x.Trusted) == 0 {
		return // before the first start
	}
	for i := range x.Chains {
		tellChainHealth(&x.Chains[i], listens, now, f)
	}
	for i := range x.Trusted {
		tellTrustedHealth(&x.Trusted[i], now, f)
	}
	switch {
	case !x.Root: // told with the chain, when there is one
		if !slices.ContainsFunc(x.Chains, func(e pki.Examined) bool { return e.Use == pki.UseRoot }) {
			f.warn("built-in authority", "There is none yet. It is made at the next start.")
		}
	case !x.Signs && x.Refused:
		f.warn("token signing", "No chain is chosen, so that no API tokens can be made: platen cert signing generate")
	case !x.Signs:
		f.fail("token signing", "The chain that was chosen cannot sign, so that no API token works: platen cert signing generate")
	}
	if now.Before(x.Issued) {
		f.fail("clock", "It says %s, and a certificate was made here on %s. Set it: clients refuse what is not valid yet.", stamp(now), stamp(x.Issued))
	}
}

// report joins what is to be said of one certificate; the worst of it counts.
type report struct {
	state string
	texts []string
}

func (r *report) add(state, text string, args ...any) {
	if worse := map[string]int{"": 0, "ok": 0, "warn": 1, "fail": 2}; worse[state] > worse[r.state] {
		r.state = state
	}
	r.texts = append(r.texts, fmt.Sprintf(text, args...))
}

func (r *report) tell(what string, f *findings) {
	if r.state == "" {
		r.state = "ok"
	}
	f.add(what, r.state, "%s", plain(strings.Join(r.texts, " ")))
}

// span says whether something is valid now, and until when.
func (r *report) span(begins, ends, now time.Time) {
	switch {
	case now.Before(begins):
		r.add("fail", "It is not valid before %s; look at the clock, which says %s.", stamp(begins), stamp(now))
	case !now.Before(ends):
		r.add("fail", "It ended on %s.", stamp(ends))
	case ends.Sub(now) < certificateSoon:
		r.add("warn", "It ends in %s, on %s.", counted(int(ends.Sub(now).Hours()/24), "day", "days"), stamp(ends))
	default:
		r.add("ok", "Good until %s.", stamp(ends))
	}
}

func tellChainHealth(e *pki.Examined, listens bool, now time.Time, f *findings) {
	what := "certificate " + e.Name
	var r report
	if e.Damaged {
		r.add("fail", "Its key cannot be opened. %s", damagedRemedy(e))
		r.tell(what, f)
		return
	}
	if e.InUse {
		r.use(e, now)
	} else {
		r.add("ok", "It is shown to nobody.")
	}
	if e.Trouble != "" {
		r.add("warn", "It could not be renewed: %s", e.Trouble)
	}
	if _, challenge := (pki.Shown{From: e.From, Config: e.Config}).ACME(); challenge == acme.ByHTTP && !listens {
		r.add("warn", "It is renewed by http-01, and the node does not listen at port 80: set acme = \":80\" under [listen].")
	}
	r.tell(what, f)
}

// use says how a chain is that is in use.
func (r *report) use(e *pki.Examined, now time.Time) {
	r.span(e.Begins, e.Ends, now)
	if len(e.Shown) > 0 {
		r.add("ok", "Shown for %s.", strings.Join(e.Shown, ", "))
	}
	switch {
	case len(e.Unfit) == 0:
	case e.From == pki.FromBuiltIn: // a name that has come since the last look, or that the authority may not vouch for
		r.add("warn", "It does not have the names %s yet; a running node adds them within an hour.", strings.Join(e.Unfit, ", "))
	default:
		r.add("fail", "It is not one for %s. It is for: %s. The node's own is shown by: platen cert chain choose node %s", strings.Join(e.Unfit, ", "), short(e.Names), e.Unfit[0])
	}
	if e.Use == pki.UseServer || e.Use == pki.UseRoot {
		r.trust(e)
	}
}

func damagedRemedy(e *pki.Examined) string {
	switch {
	case e.Use == pki.UseRoot:
		return "Restore it from a backup, or make a new authority: platen cert ca generate"
	case e.From == pki.FromBuiltIn && e.Use == pki.UseSigning:
		return "Make a new one: platen cert signing generate"
	case e.From == pki.FromBuiltIn:
		return "A new one is made at the next start."
	}
	return "Import or order it again."
}

// trust says who believes a chain.
func (r *report) trust(e *pki.Examined) {
	switch e.Trust {
	case pki.TrustBuiltIn:
		r.add("ok", "Trusted by clients that have the certificate of the built-in authority: see the page /trust.")
	case pki.TrustPublic:
		r.add("ok", "Trusted by every system that trusts what this one does: it leads to %s.", e.Anchor)
	case pki.TrustItself:
		r.add("ok", "Trusted by clients that have this very certificate: it is signed by itself.")
	case pki.TrustCompany:
		switch {
		case e.Complete:
			r.add("ok", "Trusted by clients that have the certificate of %s.", e.Anchor)
		default:
			r.add("warn", "The certificate of its issuer %s is missing. If that is no root, clients refuse the connection: import the chain again, with all certificates between.", e.Anchor)
		}
	}
}

func tellTrustedHealth(e *pki.Examined, now time.Time, f *findings) {
	var r report
	switch {
	case e.Damaged:
		r.add("fail", "It cannot be read. Remove it and import it again.")
	case !now.Before(e.Ends): // a leftover, mostly
		r.add("warn", "It ended on %s: nothing is trusted because of it. Import the next one, or remove it.", stamp(e.Ends))
	default:
		r.span(e.Begins, e.Ends, now)
	}
	r.tell("trusted authority "+e.Name, f)
}
