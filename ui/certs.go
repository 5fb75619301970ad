package ui

import (
	"context"
	"crypto/x509"
	"time"

	"platen/pki"
)

// Certs are the certificates of the account. *pki.Keeper is one.
type Certs interface {
	Rows() []pki.Row
	Chains() []pki.Shown
	Find(name string) (pki.Shown, error)
	ShownFor(host string) (pki.Shown, error)
	Domains() []pki.Domain
	DomainViews() []pki.DomainView
	Trusted() []pki.Trusted
	FindTrusted(name string) (pki.Trusted, error)
	Endings() []pki.Ending
	Signer() (pki.Shown, bool)
	Root() *x509.Certificate
	Mobileconfig(name string) []byte
}

// CertWork is what an administrator does with them. Who does it stands in the audit
// trail. A chain, a domain or an authority is named by its name or its id. What is
// refused because of rules comes with what the rules say.
type CertWork interface {
	Import(ctx context.Context, name, use string, data []byte, password string, domains []string) (pki.Imported, error)
	Generate(ctx context.Context, name string, domains []string, rsa bool) (pki.Imported, error)
	Request(ctx context.Context, name string, s pki.Subject, domains []string, rsa bool) (pki.Shown, error)
	// Renew asks for the same again: an ACME server at once, others by a request.
	Renew(ctx context.Context, chain string) (pki.Shown, error)
	Answer(ctx context.Context, chain string, data []byte) (pki.Imported, error)
	// Choose shows a chain for domains; ChainNode is the node's own.
	Choose(ctx context.Context, chain string, domains []string) error
	// Remove removes a chain and its key; one in use only when somebody insists.
	Remove(ctx context.Context, chain string, insist bool) error

	AddDomain(ctx context.Context, name string) (pki.Domain, error)
	RemoveDomain(ctx context.Context, name string) error

	Trust(ctx context.Context, name string, data []byte, purposes []string) ([]pki.Trusted, error)
	Distrust(ctx context.Context, name string) error
	// Test connects somewhere and says what was seen; purpose "" is what the address
	// suggests.
	Test(ctx context.Context, address, purpose string) (pki.Report, error)

	GenerateSigning(ctx context.Context) error
	// ChooseSigning lets a chain sign API tokens; ChainNone: nothing does.
	ChooseSigning(ctx context.Context, chain string) error

	NewAuthority(ctx context.Context) error
	// Sign lets the built-in authority answer a request (PKCS #10).
	Sign(ctx context.Context, data []byte) ([]*x509.Certificate, error)
}

// Names that are no chain's.
const (
	ChainNode = "node"
	ChainNone = "none"
)

// Where the pages are.
const (
	trustPath = "/trust"
	certsPath = "/certificates"
)

// vouchedWords say of a chain for whom it is good.
var vouchedWords = map[string]string{
	pki.VouchedHere:    "For tests or managed devices",
	pki.VouchedSelf:    "For tests or managed devices",
	pki.VouchedPublic:  "From a public authority",
	pki.VouchedCompany: "From a company's authority",
}

// fromWords say where a chain comes from.
var fromWords = map[string]string{
	pki.FromBuiltIn: "made by this node",
	pki.FromFile:    "imported",
	pki.FromRequest: "requested from an authority",
	pki.FromACME:    "from an ACME server, renewed by itself",
	pki.FromWatched: "from a file that is watched",
}

// useWords say what a chain is for.
var useWords = map[string]string{
	pki.UseServer:  "shown to clients",
	pki.UseSigning: "signs API tokens",
	pki.UseRoot:    "the built-in authority",
	pki.UseIssuing: "between the built-in authority and what it issues",
}

// shownCert is a chain as the pages show it.
type shownCert struct {
	pki.View
	Label, Origin, For string // in words
	Recommended        bool   // nobody needs to install anything for it
	Needed             bool   // the node makes it and cannot do without
	Ends               string // when it ends soon, in words
	Bad                bool   // sooner than soon
}

// shownCert describes a chain.
func (p sheet) shownCert(v pki.Shown, endings []pki.Ending) shownCert {
	x := shownCert{View: v.View(nil, p.v.s.Now()), Needed: v.Needed(), Origin: p.T(fromWords[v.From]), For: p.T(useWords[v.Use])}
	if v.Use == pki.UseServer && v.Vouched != "" {
		x.Label, x.Recommended = p.T(vouchedWords[v.Vouched]), v.Vouched == pki.VouchedPublic || v.Vouched == pki.VouchedCompany
	}
	for _, e := range endings {
		if e.ID == v.ID {
			x.Ends, x.Bad = p.endsIn(e), e.Days < badDays
		}
	}
	return x
}

// badDays are so few that what ends is shown as trouble.
const badDays = 8

// endsIn says when something ends.
func (p sheet) endsIn(e pki.Ending) string {
	if !p.v.s.Now().Before(e.Ends) {
		return p.T("It has ended.")
	}
	if e.Days == 0 {
		return p.T("It ends today.")
	}
	return p.T("It ends in %d days.", e.Days)
}

// Day says a date.
func (p sheet) Day(t time.Time) string {
	return t.Local().Format(p.T("2 Jan 2006"))
}

// Rule says in the reader's language what a rule has found.
func (p sheet) Rule(f pki.Finding) string { return p.T(f.Text, f.Args...) }

// Nth counts from 1.
func (sheet) Nth(i int) int { return i + 1 }

// part is a piece of a page for one thing.
type part[T any] struct {
	sheet
	At T
}

// With lets a template speak of one thing; setUp has one of its own.
func (p sheet) With(x any) part[any] { return part[any]{p, x} }
