package ui

import (
	"encoding/pem"
	"net/http"
	"strings"

	"platen/fault"
	"platen/pki"
)

const apiCerts = "/api/v1" + certsPath

// mostCertJSON bounds what has a file in it: in base64 it is a third longer.
const mostCertJSON = (mostUpload+2)/3*4 + 64<<10

// judged is a chain that rules refused, with all that they say.
type judged struct {
	err      error
	findings []pki.Finding
}

func (j *judged) Error() string { return j.err.Error() }
func (j *judged) Unwrap() error { return j.err }

// judgedProblem is a refusal as programs read it. Its reason is the rule that refused.
type judgedProblem struct {
	problem
	Findings []pki.Finding `json:"findings"`
}

// refusedBy returns the error with what the rules say, when it was they who refused.
func refusedBy(findings []pki.Finding, err error) error {
	if rule := pki.RuleOf(err); rule != "" {
		return &refusal{answerTo(err).status, rule, &judged{err, findings}}
	}
	return err
}

// apiRemoved answers that something is gone.
func (v *visit) apiRemoved(err error) error {
	if err == nil {
		v.w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// apiCerts lists everything.
func (s *Server) apiCerts(v *visit) error { return v.json(http.StatusOK, s.Certs.Rows()) }

// apiChains lists the chains.
func (s *Server) apiChains(v *visit) error {
	return s.tellChains(v, func(pki.Shown) bool { return true })
}

func (s *Server) tellChains(v *visit, want func(pki.Shown) bool) error {
	list := []pki.View{}
	for _, c := range s.Certs.Chains() {
		if want(c) {
			list = append(list, c.View(nil, s.Now()))
		}
	}
	return v.json(http.StatusOK, list)
}

// apiChain tells one chain.
func (s *Server) apiChain(v *visit) error {
	c, err := s.Certs.Find(v.path("chain"))
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, c.View(nil, s.Now()))
}

// apiMade tells a chain that was made.
func (s *Server) apiMade(v *visit, x pki.Imported, err error) error {
	if err != nil {
		return refusedBy(x.Findings, err)
	}
	return v.json(http.StatusCreated, x.View(x.Findings, s.Now()))
}

// apiNewChain is a file with a chain and its key.
type apiNewChain struct {
	Name     string   `json:"name"`
	Use      string   `json:"use"`      // server or signing; "" is server
	Data     []byte   `json:"data"`     // PKCS #12 or PEM
	Password string   `json:"password"` // of the file and its key
	Domains  []string `json:"domains"`  // that show it at once
}

func (s *Server) apiCertImport(v *visit) error {
	var a apiNewChain
	v.takesLonger(certWait)
	if err := v.readUpTo(&a, mostCertJSON); err != nil {
		return err
	}
	switch a.Use {
	case "":
		a.Use = pki.UseServer
	case pki.UseServer, pki.UseSigning:
	default:
		return &fault.Error{Op: "ui.apiCertImport", Kind: fault.Invalid, Text: "A chain is imported for: server, signing."}
	}
	x, err := v.work().Import(v.ctx(), clean(a.Name), a.Use, a.Data, a.Password, a.Domains)
	return s.apiMade(v, x, err)
}

// apiGenerate is what a chain of the built-in authority shall be.
type apiGenerate struct {
	Name    string   `json:"name"`
	Domains []string `json:"domains"`
	RSA     bool     `json:"rsa"`
}

func (s *Server) apiCertGenerate(v *visit) error {
	var a apiGenerate
	if err := v.read(&a); err != nil {
		return err
	}
	if len(a.Domains) == 0 {
		return errNoNames
	}
	x, err := v.work().Generate(v.ctx(), clean(a.Name), a.Domains, a.RSA)
	return s.apiMade(v, x, err)
}

// apiRequest is what a request for an authority shall say.
type apiRequest struct {
	Name         string   `json:"name"`
	Domains      []string `json:"domains"`
	RSA          bool     `json:"rsa"`
	CommonName   string   `json:"common_name"`
	Organization string   `json:"organization"`
	Unit         string   `json:"unit"`
	Locality     string   `json:"locality"`
	Province     string   `json:"province"`
	Country      string   `json:"country"`
}

// apiRequested is a chain that waits, and the request for an authority.
type apiRequested struct {
	Chain   pki.View `json:"chain"`
	Request string   `json:"request"` // PEM; "" when an ACME server has answered already
}

func (s *Server) tellRequest(v *visit, status int, c pki.Shown) error {
	a := apiRequested{Chain: c.View(nil, s.Now())}
	if c.Request != nil {
		a.Request = string(requestPEM(c))
	}
	return v.json(status, a)
}

func (s *Server) apiCertRequest(v *visit) error {
	var a apiRequest
	if err := v.read(&a); err != nil {
		return err
	}
	if len(a.Domains) == 0 {
		return errNoNames
	}
	c, err := v.work().Request(v.ctx(), clean(a.Name), pki.Subject{
		CommonName: a.CommonName, Organization: a.Organization, OrganizationalUnit: a.Unit, Locality: a.Locality, Province: a.Province, Country: a.Country,
	}, a.Domains, a.RSA)
	if err != nil {
		return err
	}
	return s.tellRequest(v, http.StatusCreated, c)
}

func (s *Server) apiChainRequest(v *visit) error {
	c, err := s.Certs.Find(v.path("chain"))
	if err == nil && c.Request == nil {
		err = &fault.Error{Op: "ui.apiChainRequest", Kind: fault.NotFound, Text: "This chain did not come from a request."}
	}
	if err != nil {
		return err
	}
	return s.tellRequest(v, http.StatusOK, c)
}

func (s *Server) apiChainRenew(v *visit) error {
	v.takesLonger(orderWait)
	c, err := v.work().Renew(v.ctx(), v.path("chain"))
	if err != nil {
		return err
	}
	return s.tellRequest(v, http.StatusCreated, c)
}

// apiFile is a file.
type apiFile struct {
	Data []byte `json:"data"`
}

func (s *Server) apiChainAnswer(v *visit) error {
	var a apiFile
	v.takesLonger(certWait)
	if err := v.readUpTo(&a, mostCertJSON); err != nil {
		return err
	}
	x, err := v.work().Answer(v.ctx(), v.path("chain"), a.Data)
	return s.apiMade(v, x, err)
}

// apiChoice is which chain is shown for which domains.
type apiChoice struct {
	Chain   string   `json:"chain"` // name or id; "node" is the node's own
	Domains []string `json:"domains"`
}

func (s *Server) apiCertChoose(v *visit) error {
	var a apiChoice
	if err := v.read(&a); err != nil {
		return err
	}
	if a.Chain == "" || len(a.Domains) == 0 {
		return &fault.Error{Op: "ui.apiCertChoose", Kind: fault.Invalid, Text: "Name a chain, and the domains for which it is shown."}
	}
	if err := v.work().Choose(v.ctx(), a.Chain, a.Domains); err != nil {
		return err
	}
	return s.apiDomains(v)
}

func (s *Server) apiChainRemove(v *visit) error {
	return v.apiRemoved(v.work().Remove(v.ctx(), v.path("chain"), v.r.URL.Query().Get("insist") == "true"))
}

func (s *Server) apiDomains(v *visit) error { return v.json(http.StatusOK, s.Certs.DomainViews()) }

// apiDomain is a new domain.
type apiDomain struct {
	Domain string `json:"domain"`
}

func (s *Server) apiDomainAdd(v *visit) error {
	var a apiDomain
	if err := v.read(&a); err != nil {
		return err
	}
	d, err := v.work().AddDomain(v.ctx(), a.Domain)
	if err != nil {
		return err
	}
	for _, x := range s.Certs.DomainViews() {
		if x.Domain == d.Name {
			return v.json(http.StatusCreated, x)
		}
	}
	return v.json(http.StatusCreated, pki.DomainView{Domain: d.Name, Chain: ChainNode})
}

func (s *Server) apiDomainRemove(v *visit) error {
	return v.apiRemoved(v.work().RemoveDomain(v.ctx(), v.path("domain")))
}

func (s *Server) apiTrusted(v *visit) error {
	return v.json(http.StatusOK, pki.TrustedViews(s.Certs.Trusted(), s.Now()))
}

// apiNewTrusted is a file with authorities.
type apiNewTrusted struct {
	Name     string   `json:"name"` // "" as they call themselves
	Data     []byte   `json:"data"` // PEM, DER or P7B
	Purposes []string `json:"purposes"`
}

func (s *Server) apiTrust(v *visit) error {
	var a apiNewTrusted
	if err := v.readUpTo(&a, mostCertJSON); err != nil {
		return err
	}
	list, err := v.work().Trust(v.ctx(), clean(a.Name), a.Data, a.Purposes)
	if err != nil {
		return refusedBy(nil, err)
	}
	return v.json(http.StatusCreated, pki.TrustedViews(list, s.Now()))
}

func (s *Server) apiTrustedOne(v *visit) error {
	t, err := s.Certs.FindTrusted(v.path("authority"))
	if err != nil {
		return err
	}
	d, err := t.Describe(s.Now())
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, pki.TrustedView{ID: t.ID, Name: t.Name, Purposes: t.Purposes, Cert: d})
}

func (s *Server) apiDistrust(v *visit) error {
	return v.apiRemoved(v.work().Distrust(v.ctx(), v.path("authority")))
}

// apiTest is a server that shall be tried.
type apiTest struct {
	Address string `json:"address"`
	Purpose string `json:"purpose"` // "" what the address suggests
}

func (s *Server) apiCertTest(v *visit) error {
	var a apiTest
	if err := v.read(&a); err != nil {
		return err
	}
	v.takesLonger(certWait)
	r, err := v.work().Test(v.ctx(), a.Address, a.Purpose)
	if err != nil {
		return err
	}
	r.Chain, r.Findings = nonNil(r.Chain), nonNil(r.Findings)
	return v.json(http.StatusOK, r)
}

func (s *Server) apiSigning(v *visit) error {
	return s.tellChains(v, func(c pki.Shown) bool { return c.Use == pki.UseSigning || c.Chosen })
}

func (s *Server) apiSigningGenerate(v *visit) error {
	if err := v.work().GenerateSigning(v.ctx()); err != nil {
		return err
	}
	return s.apiSigning(v)
}

// apiSigner is the chain that shall sign.
type apiSigner struct {
	Chain string `json:"chain"` // name or id; "none": nothing signs
}

func (s *Server) apiSigningChoose(v *visit) error {
	var a apiSigner
	if err := v.read(&a); err != nil {
		return err
	}
	if strings.TrimSpace(a.Chain) == "" {
		return &fault.Error{Op: "ui.apiSigningChoose", Kind: fault.Invalid, Text: "Name a chain, or none."}
	}
	if err := v.work().ChooseSigning(v.ctx(), a.Chain); err != nil {
		return err
	}
	return s.apiSigning(v)
}

func (s *Server) apiAuthority(v *visit) error {
	c, err := s.Certs.Find("root")
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, c.View(nil, s.Now()))
}

// apiSure says that somebody knows what it means.
type apiSure struct {
	Sure bool `json:"sure"`
}

func (s *Server) apiAuthorityGenerate(v *visit) error {
	var a apiSure
	if err := v.read(&a); err != nil {
		return err
	}
	if !a.Sure {
		return &fault.Error{Op: "ui.apiAuthorityGenerate", Kind: fault.Invalid, Text: "Every client that trusts the present authority must be given the new one. Say that you are sure."}
	}
	if err := v.work().NewAuthority(v.ctx()); err != nil {
		return err
	}
	return s.apiAuthority(v)
}

// apiSigned is what the built-in authority has answered.
type apiSigned struct {
	Certificates string `json:"certificates"` // PEM, the leaf first
}

func (s *Server) apiAuthoritySign(v *visit) error {
	var a apiFile
	if err := v.read(&a); err != nil {
		return err
	}
	certs, err := v.work().Sign(v.ctx(), a.Data)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, c := range certs {
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			return err
		}
	}
	return v.json(http.StatusCreated, apiSigned{b.String()})
}
