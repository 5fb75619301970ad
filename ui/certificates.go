package ui

import (
	"cmp"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"platen/fault"
	"platen/pki"
)

// did are the sentences that say what was done.
var certNotices = map[string]string{
	"import":           "The chain is imported.",
	"generate":         "The chain is made.",
	"request":          "The request is made. Give it to the authority, and upload what it answers here.",
	"renew":            "The chain is renewed.",
	"answer":           "The answer is taken.",
	"choose":           "The chain is shown from the next connection on.",
	"remove":           "The chain and its key are removed.",
	"domain":           "The domain is added.",
	"domain-remove":    "The domain is removed.",
	"trust":            "The authorities in the file are trusted from the next connection on.",
	"distrust":         "The authority is trusted no longer.",
	"signing":          "The chain signs API tokens from now on. What the one before has signed stays good until it ends.",
	"signing-none":     "Nothing signs API tokens any more.",
	"authority":        "There is a new authority. Give its certificate to every client that trusted the old one.",
	"signing-generate": "A new chain signs API tokens from now on. What the one before has signed stays good until it ends.",
}

// certEnding is something that ends soon.
type certEnding struct {
	pki.Ending
	Text string
	Bad  bool
	URL  string
}

// certDomain is a domain, and what is shown for it.
type certDomain struct {
	Name  string
	Chain shownCert
}

// certPurpose is something that an authority can be trusted for.
type certPurpose struct {
	Word, Text string
	Chosen     bool
}

// certsPage is the page of all certificates.
type certsPage struct {
	sheet
	Query    string
	Act      string // the form that was sent and did not do, "" none
	Findings []pki.Finding
	Endings  []certEnding
	Domains  []certDomain
	Chains   []shownCert // that clients are shown
	Signing  []shownCert
	Signs    bool // something signs
	Trusted  []pki.TrustedView
	Purposes []certPurpose
	Root     *pki.Description
	AllNames string // of the domains
}

// Was is what was typed into a form that did not do.
func (p certsPage) Was(act, field string) string {
	if p.Act != act {
		return ""
	}
	return p.v.field(field)
}

// Names is what was typed as names, at first those of all domains.
func (p certsPage) Names(act string) string { return cmp.Or(p.Was(act, "names"), p.AllNames) }

// certs is the page of all certificates.
func (s *Server) certs(v *visit) error {
	return s.certsPage(v, http.StatusOK, v.certNotice(), "", nil)
}

// certNotice says what was done, as the address says.
func (v *visit) certNotice() *notice {
	if key, ok := certNotices[v.r.URL.Query().Get("did")]; ok {
		return &notice{"good", v.say.Text(key)}
	}
	return nil
}

func (s *Server) certsPage(v *visit, status int, n *notice, act string, findings []pki.Finding) error {
	p := certsPage{sheet: v.memberSheet("Certificates"), Query: v.langQuery(), Act: act, Findings: findings}
	p.Notice = n
	now, endings := s.Now(), s.Certs.Endings()
	byID := map[string]shownCert{}
	for _, c := range s.Certs.Chains() {
		x := p.shownCert(c, endings)
		byID[c.ID] = x
		switch {
		case c.Use == pki.UseServer:
			p.Chains = append(p.Chains, x)
		case c.Use == pki.UseSigning:
			p.Signing = append(p.Signing, x)
		}
		p.Signs = p.Signs || c.Chosen
	}
	for _, e := range endings {
		x := certEnding{e, p.endsIn(e), e.Days < badDays, certURL("chain", e.ID)}
		if byID[e.ID].ID == "" {
			x.URL = certURL("trusted", e.ID)
		}
		p.Endings = append(p.Endings, x)
	}
	var names []string
	for _, d := range s.Certs.Domains() {
		x := certDomain{Name: d.Name}
		if c, err := s.Certs.ShownFor(d.Name); err == nil {
			x.Chain = p.shownCert(c, endings)
		}
		p.Domains, names = append(p.Domains, x), append(names, d.Name)
	}
	p.AllNames = strings.Join(names, " ")
	p.Trusted = pki.TrustedViews(s.Certs.Trusted(), now)
	for _, word := range pki.Purposes() {
		p.Purposes = append(p.Purposes, certPurpose{word, p.T(pki.PurposeText(word)), act != "" && slices.Contains(v.r.PostForm["purpose"], word)})
	}
	if root := s.Certs.Root(); root != nil {
		d := pki.DescribeCert(root, now)
		p.Root = &d
	}
	return v.render(status, "certificates.html", p)
}

// certURL is the page of a chain or of a trusted authority.
func certURL(kind, id string) string { return certsPath + "/" + kind + "/" + url.PathEscape(id) }

// URL is the page of a chain or of a trusted authority, in the language that was
// chosen.
func (p sheet) URL(kind, id string) string { return certURL(kind, id) + p.v.langQuery() }

// toCerts sends the browser to a page about certificates, which says what was done.
func (v *visit) toCerts(path, did string) error {
	query := url.Values{"did": {did}}
	if lang := v.r.URL.Query().Get("lang"); v.s.Catalog.Find(lang) != nil {
		query.Set("lang", lang)
	}
	return v.goTo(path + "?" + query.Encode())
}

// work is what the person can do.
func (v *visit) work() CertWork { return v.s.CertWork(v.actor()) }

// failedForm shows the page again with what was wrong.
func (s *Server) failedForm(v *visit, act string, findings []pki.Finding, err error) error {
	if !showable(err) && !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Denied) { // the authority may not vouch for that name
		return err
	}
	key, args := fault.Sentence(err)
	return s.certsPage(v, answerTo(err).status, &notice{"bad", v.say.Text(key, args...)}, act, findings)
}

// chainPage is the page of one chain.
type chainPage struct {
	sheet
	Query    string
	Chain    shownCert
	Findings []pki.Finding
	Shown    string   // the domains that show it
	Fits     []string // domains that could show it and do not
	CSR      string   // PEM, while it is wanted
	Renews   bool     // it came from an authority that can be asked again
	May      bool     // it may sign API tokens, and does not
}

// certChain is the page of one chain.
func (s *Server) certChain(v *visit) error {
	c, err := s.Certs.Find(v.path("chain"))
	if err != nil {
		return err
	}
	return s.chainPage(v, http.StatusOK, v.certNotice(), c, nil)
}

func (s *Server) chainPage(v *visit, status int, n *notice, c pki.Shown, findings []pki.Finding) error {
	p := chainPage{sheet: v.memberSheet("Certificate chain"), Query: v.langQuery(), Findings: findings, Shown: strings.Join(c.Domains, ", ")}
	p.Notice, p.Chain = n, p.shownCert(c, s.Certs.Endings())
	p.Renews = (c.From == pki.FromRequest || c.From == pki.FromACME) && !c.Awaited
	p.May = c.Use == pki.UseSigning && !c.Chosen && !c.Damaged && !c.Awaited
	if c.Awaited {
		p.CSR = string(requestPEM(c))
	}
	for _, d := range s.Certs.Domains() {
		node := c.Needed() && c.Name == ChainNode
		if node && d.Chain != "" || !node && d.Chain != c.ID && c.Fits(d.Name) {
			p.Fits = append(p.Fits, d.Name)
		}
	}
	return v.render(status, "certificate.html", p)
}

func requestPEM(c pki.Shown) []byte {
	return pki.RequestPEM(c.Request)
}

// certRequestFile is the request of a chain as a file.
func (s *Server) certRequestFile(v *visit) error {
	c, err := s.Certs.Find(v.path("chain"))
	if err == nil && c.Request == nil {
		err = &fault.Error{Op: "ui.certRequestFile", Kind: fault.NotFound, Text: "There is no such page here."}
	}
	if err != nil {
		return err
	}
	return v.download("application/pkcs10", fileName(c.Name)+".csr", requestPEM(c)) // RFC 5967, section 6
}

// fileName is a name as every system takes it.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", r) {
			return r
		}
		return '_'
	}, name)
}

// download sends a file.
func (v *visit) download(kind, name string, b []byte) error {
	v.w.Header().Set("Content-Type", kind)
	v.w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	_, err := v.w.Write(b) //nolint:gosec // no page: its type says so, and browsers may not guess another
	return gone(err)
}

// made goes on to the page of a chain; when its rules have something to say, that
// page is shown with it at once.
func (s *Server) made(v *visit, act string, x pki.Imported, err error) error {
	if err != nil {
		return s.failedForm(v, act, x.Findings, err)
	}
	if len(x.Findings) == 0 {
		return v.toCerts(certURL("chain", x.ID), act)
	}
	return s.chainPage(v, http.StatusOK, &notice{"good", v.say.Text(certNotices[act])}, x.Shown, x.Findings)
}

// certImport imports a chain with its key.
func (s *Server) certImport(v *visit) error {
	data, err := v.file("file")
	if err != nil {
		return s.failedForm(v, "import", nil, err)
	}
	use := pki.UseServer
	if v.field("use") == pki.UseSigning {
		use = pki.UseSigning
	}
	v.takesLonger(certWait)
	x, err := v.work().Import(v.ctx(), v.name(), use, data, v.r.PostForm.Get("password"), v.r.PostForm["domain"])
	return s.made(v, "import", x, err)
}

// name is what something is to be called.
func (v *visit) name() string { return strings.TrimSpace(plain(v.field("name"), 100)) }

// names are those that were typed, with blanks or commas between.
func (v *visit) names() []string {
	return strings.FieldsFunc(v.field("names"), func(r rune) bool { return r == ',' || r == ';' || r <= ' ' })
}

// certGenerate makes a chain of the built-in authority.
func (s *Server) certGenerate(v *visit) error {
	names := v.names()
	if len(names) == 0 {
		return s.failedForm(v, "generate", nil, errNoNames)
	}
	x, err := v.work().Generate(v.ctx(), v.name(), names, v.field("rsa") != "")
	return s.made(v, "generate", x, err)
}

var errNoNames = &fault.Error{Op: "ui.names", Kind: fault.Invalid, Text: "A certificate needs at least one name."}

// certRequest makes a key and a request.
func (s *Server) certRequest(v *visit) error {
	names := v.names()
	if len(names) == 0 {
		return s.failedForm(v, "request", nil, errNoNames)
	}
	c, err := v.work().Request(v.ctx(), v.name(), pki.Subject{
		CommonName: v.field("common-name"), Organization: v.field("organization"), OrganizationalUnit: v.field("unit"),
		Locality: v.field("locality"), Province: v.field("province"), Country: v.field("country"),
	}, names, v.field("rsa") != "")
	return s.made(v, "request", pki.Imported{Shown: c}, err)
}

// certRenew asks for the same again: an ACME server at once, others by a request.
func (s *Server) certRenew(v *visit) error {
	v.takesLonger(orderWait)
	c, err := v.work().Renew(v.ctx(), v.field("chain"))
	switch {
	case err != nil:
		return s.failedChain(v, v.field("chain"), nil, err)
	case !c.Awaited:
		return v.toCerts(certURL("chain", c.ID), "renew")
	}
	return v.toCerts(certURL("chain", c.ID), "request")
}

// certAnswer takes what an authority answered.
func (s *Server) certAnswer(v *visit) error {
	chain := v.field("chain")
	data, err := v.file("file")
	var x pki.Imported
	if err == nil {
		v.takesLonger(certWait)
		x, err = v.work().Answer(v.ctx(), chain, data)
	}
	if err != nil {
		return s.failedChain(v, chain, x.Findings, err)
	}
	return s.made(v, "answer", x, nil)
}

// failedChain shows the page of a chain again with what was wrong.
func (s *Server) failedChain(v *visit, chain string, findings []pki.Finding, err error) error {
	c, ferr := s.Certs.Find(chain)
	if ferr != nil || !showable(err) {
		return s.failedForm(v, "", findings, err)
	}
	key, args := fault.Sentence(err)
	return s.chainPage(v, answerTo(err).status, &notice{"bad", v.say.Text(key, args...)}, c, findings)
}

// certChoose shows a chain for domains.
func (s *Server) certChoose(v *visit) error {
	chain, domains := v.field("chain"), v.r.PostForm["domain"]
	c, err := s.Certs.Find(chain)
	if err == nil && len(domains) == 0 {
		err = &fault.Error{Op: "ui.certChoose", Kind: fault.Invalid, Text: "Please choose a domain."}
	}
	if err == nil {
		if c.Needed() {
			chain = ChainNode
		}
		err = v.work().Choose(v.ctx(), chain, domains)
	}
	if err != nil {
		return s.failedChain(v, c.ID, nil, err)
	}
	return v.toCerts(certURL("chain", c.ID), "choose")
}

// sure is the page that asks once more.
type sure struct {
	sheet
	Query  string
	Act    string
	Field  string // that names what is meant
	Value  string
	Name   string
	Says   []string
	Button string
	Back   string
}

// ask shows it.
func (v *visit) ask(title, act, field, value, name, button string, says ...string) error {
	p := sure{sheet: v.memberSheet(title), Query: v.langQuery(), Act: act, Field: field, Value: value, Name: name, Says: says, Button: button, Back: certsPath + v.langQuery()}
	return v.render(http.StatusOK, "certificate-sure.html", p)
}

// certRemove removes a chain, after it was asked once more.
func (s *Server) certRemove(v *visit) error {
	c, err := s.Certs.Find(v.field("chain"))
	if err != nil {
		return s.failedForm(v, "", nil, err)
	}
	if v.field("sure") == "" {
		says := []string{v.say.Text("Its key is gone for good. There is a copy in the backups at most.")}
		if len(c.Domains) > 0 {
			says = append(says, v.say.Text("These domains show the node's own chain again: %s.", strings.Join(c.Domains, ", ")))
		}
		if c.Chosen {
			says = append(says, v.say.Text("It signs API tokens. All of them end now, and none can be made until another chain is chosen."))
		}
		return v.ask("Remove this chain?", "remove", "chain", c.ID, c.Name, v.say.Text("Remove"), says...)
	}
	if err := v.work().Remove(v.ctx(), c.ID, true); err != nil {
		return s.failedChain(v, c.ID, nil, err)
	}
	return v.toCerts(certsPath, "remove")
}

// certDomain adds a domain.
func (s *Server) certDomain(v *visit) error {
	if _, err := v.work().AddDomain(v.ctx(), strings.TrimSpace(v.field("domain"))); err != nil {
		return s.failedForm(v, "domain", nil, err)
	}
	return v.toCerts(certsPath, "domain")
}

// certDomainRemove removes one.
func (s *Server) certDomainRemove(v *visit) error {
	name := v.field("domain")
	if v.field("sure") == "" {
		return v.ask("Remove this domain?", "domain-remove", "domain", name, name, v.say.Text("Remove"), v.say.Text("From then on the node's own certificate does not have it, and a chain that was chosen for it is not shown."))
	}
	err := v.work().RemoveDomain(v.ctx(), name)
	if err != nil && !fault.Is(err, fault.NotFound) { // it is gone, as wished
		return s.failedForm(v, "", nil, err)
	}
	return v.toCerts(certsPath, "domain-remove")
}

// trustedPage is the page of a trusted authority.
type trustedPage struct {
	sheet
	Query string
	At    pki.TrustedView
	For   []string
}

// certTrusted is the page of a trusted authority.
func (s *Server) certTrusted(v *visit) error {
	t, err := s.Certs.FindTrusted(v.path("authority"))
	if err != nil {
		return err
	}
	p := trustedPage{sheet: v.memberSheet("Trusted authority"), Query: v.langQuery()}
	d, err := t.Describe(s.Now())
	if err != nil {
		return err
	}
	p.At = pki.TrustedView{ID: t.ID, Name: t.Name, Purposes: t.Purposes, Cert: d}
	for _, w := range t.Purposes {
		p.For = append(p.For, p.T(pki.PurposeText(w)))
	}
	return v.render(http.StatusOK, "certificate-trusted.html", p)
}

// certTrust trusts the authorities in a file.
func (s *Server) certTrust(v *visit) error {
	data, err := v.file("file")
	if err == nil {
		_, err = v.work().Trust(v.ctx(), v.name(), data, v.r.PostForm["purpose"])
	}
	if err != nil {
		return s.failedForm(v, "trust", nil, err)
	}
	return v.toCerts(certsPath, "trust")
}

// certDistrust trusts one no longer.
func (s *Server) certDistrust(v *visit) error {
	t, err := s.Certs.FindTrusted(v.field("authority"))
	if err == nil && v.field("sure") == "" {
		return v.ask("Trust this authority no longer?", "distrust", "authority", t.ID, t.Name, v.say.Text("Trust it no longer"), v.say.Text("Servers that show certificates of it are refused from then on."))
	}
	if err == nil {
		err = v.work().Distrust(v.ctx(), t.ID)
	}
	if err != nil && !fault.Is(err, fault.NotFound) { // it is gone, as wished
		return s.failedForm(v, "", nil, err)
	}
	return v.toCerts(certsPath, "distrust")
}

// certTest connects somewhere and shows what was seen.
func (s *Server) certTest(v *visit) error {
	v.takesLonger(certWait)
	r, err := v.work().Test(v.ctx(), strings.TrimSpace(v.field("address")), v.field("purpose"))
	if err != nil {
		return s.failedForm(v, "test", nil, err)
	}
	p := struct {
		sheet
		Query  string
		Report pki.Report
		For    string
		Anchor string
	}{sheet: v.memberSheet("Connection test"), Query: v.langQuery(), Report: r}
	p.For = p.T(pki.PurposeText(r.Purpose))
	switch a := r.Anchor; {
	case a == nil:
		p.Anchor = p.T("nothing that this node trusts")
	case a.System:
		p.Anchor = p.T("%s, which the system trusts", a.Certificate.Subject)
	default:
		p.Anchor = a.Name
	}
	p.Notice = &notice{"good", p.T("It is trusted. The first certificate of the chain ends in %d days.", r.Days)}
	if !r.Good {
		p.Notice = &notice{"bad", p.T("The node would not trust this server.")}
	}
	return v.render(http.StatusOK, "certificate-test.html", p)
}

// certSigningGenerate makes a chain that signs API tokens.
func (s *Server) certSigningGenerate(v *visit) error {
	if err := v.work().GenerateSigning(v.ctx()); err != nil {
		return s.failedForm(v, "", nil, err)
	}
	return v.toCerts(certsPath, "signing-generate")
}

// certSigning chooses the chain that signs API tokens, or none.
func (s *Server) certSigning(v *visit) error {
	chain := v.field("chain")
	if chain == ChainNone && v.field("sure") == "" {
		return v.ask("Let nothing sign API tokens?", "signing", "chain", ChainNone, "", v.say.Text("Let nothing sign"), v.say.Text("No API tokens can be made until a chain is chosen. Those there are stay good until they end."))
	}
	if err := v.work().ChooseSigning(v.ctx(), chain); err != nil {
		return s.failedChain(v, chain, nil, err)
	}
	if chain == ChainNone {
		return v.toCerts(certsPath, "signing-none")
	}
	return v.toCerts(certsPath, "signing")
}

// certAuthority makes a new built-in authority.
func (s *Server) certAuthority(v *visit) error {
	if v.field("sure") == "" {
		return v.ask("Make a new authority?", "authority", "", "", "", v.say.Text("Make a new authority"),
			v.say.Text("Every client that trusts the present one must be given the new one: until then it warns, or does not print."),
			v.say.Text("Chains that the present one has made stay as they are, and are renewed by the new one."))
	}
	if err := v.work().NewAuthority(v.ctx()); err != nil {
		return s.failedForm(v, "", nil, err)
	}
	return v.toCerts(certsPath, "authority")
}
