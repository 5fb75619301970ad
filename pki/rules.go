package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/idna"

	"platen/fault"
)

// A Finding is what one rule of docs/certificates-rules.md says of a chain or a file.
type Finding struct {
	Rule   string `json:"rule"`   // its short name, "san-domain"
	Refuse bool   `json:"refuse"` // the chain cannot serve; otherwise it is good to know
	Text   string `json:"text"`   // an English sentence with a %s for each of Args
	Args   []any  `json:"-"`      // the names that are meant
}

// String is the sentence in English.
func (f Finding) String() string { return fmt.Sprintf(f.Text, f.Args...) }

// MarshalJSON writes the whole sentence, in English.
func (f Finding) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Rule   string `json:"rule"`
		Refuse bool   `json:"refuse"`
		Text   string `json:"text"`
	}{f.Rule, f.Refuse, f.String()})
}

// Refusal returns the first finding that refuses, as an error; nil when there is none.
func Refusal(list []Finding) error {
	for _, f := range list {
		if f.Refuse {
			return &fault.Error{Op: "pki.Judge", Kind: fault.Invalid, Text: f.Text, Args: f.Args, Err: Rule(f.Rule)}
		}
	}
	return nil
}

// When a certificate is about to end, and how long browsers let one live (the
// baseline requirements of the CA/Browser Forum, section 6.3.2).
const (
	endsSoon    = 30 * 24 * time.Hour
	longestLife = 398 * 24 * time.Hour
)

// Judge holds a chain to the rules: whether it may serve the names of an account's
// domains at this time. What refuses comes first.
func Judge(c *Chain, domains []string, now time.Time) []Finding {
	j := &judge{chain: c, leaf: c.Leaf(), now: now}
	j.names(domains)
	j.time()
	j.key()
	j.usage()
	j.signatures()
	j.issuers()
	if !slices.ContainsFunc(j.list, func(f Finding) bool { return f.Refuse }) {
		j.verify()
	}
	slices.SortStableFunc(j.list, func(a, b Finding) int {
		switch {
		case a.Refuse == b.Refuse:
			return 0
		case a.Refuse:
			return -1
		}
		return 1
	})
	return j.list
}

// judge collects what the rules say.
type judge struct {
	chain *Chain
	leaf  *x509.Certificate
	now   time.Time
	list  []Finding
}

func (j *judge) refuse(rule, text string, args ...any) {
	j.list = append(j.list, Finding{Rule: rule, Refuse: true, Text: text, Args: args})
}

func (j *judge) warn(rule, text string, args ...any) {
	j.list = append(j.list, Finding{Rule: rule, Text: text, Args: args})
}

// names is the rule of the domains. The names are those of the SAN; addresses in it
// are left out, and without any name in it the CN counts.
func (j *judge) names(domains []string) {
	rule, text := "san-domain", "These names of the certificate (SAN) belong to no domain of the account: %s. The domains are: %s."
	names := j.leaf.DNSNames
	if len(names) == 0 {
		rule, text = "cn-domain", "This name of the certificate (CN) belongs to no domain of the account: %s. The domains are: %s."
		names = commonNames(j.leaf)
	}
	if len(names) == 0 {
		j.refuse("name-none", "The certificate names no host: neither SAN nor CN has a name.")
		return
	}
	own := map[string]bool{}
	for _, d := range domains {
		own[ascii(d)] = true
	}
	var foreign []string
	for _, n := range names {
		if a := ascii(n); a == "" || !own[strings.TrimPrefix(a, "*.")] {
			foreign = append(foreign, n)
		}
	}
	if len(foreign) != 0 {
		j.refuse(rule, text, spoken(foreign), spoken(domains))
	} else if rule == "cn-domain" {
		j.warn("san-none", "The certificate has its name (%s) only as CN, which browsers have not read since 2017. It serves old devices at most.", spoken(names))
	}
}

// commonNames returns the CNs of the subject that are not empty.
func commonNames(c *x509.Certificate) []string {
	var names []string
	for _, n := range c.Subject.Names {
		if s, ok := n.Value.(string); ok && n.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 3}) && strings.TrimSpace(s) != "" {
			names = append(names, strings.TrimSpace(s))
		}
	}
	return names
}

// ascii returns a name as the DNS has it: lower case, "xn--…", no dot at the end;
// "" when it is no host name. A star stays where it may stand, at the front.
func ascii(name string) string {
	star := ""
	if rest, ok := strings.CutPrefix(name, "*."); ok {
		star, name = "*.", rest
	}
	n, addr, ok := normal(name)
	if !ok {
		a, err := idna.Lookup.ToASCII(strings.TrimSuffix(name, "."))
		if err != nil {
			return ""
		}
		n, addr, ok = normal(a)
	}
	if !ok || addr.IsValid() {
		return ""
	}
	return star + n
}

// time is the rule of the dates.
func (j *judge) time() {
	c := j.leaf
	switch {
	case j.now.After(c.NotAfter):
		j.refuse("ended", "The certificate of %s ended on %s.", nameOf(c), onDay(c.NotAfter))
	case j.now.Before(c.NotBefore):
		j.refuse("not-yet", "The certificate of %s is valid only from %s on. If that is past, the clock of this computer is wrong.", nameOf(c), onDay(c.NotBefore))
	case c.NotAfter.Sub(j.now) < endsSoon:
		j.warn("ends-soon", "The certificate of %s ends on %s.", nameOf(c), onDay(c.NotAfter))
	}
	if c.NotAfter.Sub(c.NotBefore) > longestLife {
		j.warn("life", "The certificate of %s lives for more than %s days, which browsers do not accept of a public authority.", nameOf(c), "398")
	}
	for _, i := range j.chain.Certs[1:] {
		if j.now.After(i.NotAfter) || j.now.Before(i.NotBefore) {
			j.warn("issuer-ended", "The certificate of the issuer %s is valid from %s to %s only.", nameOf(i), onDay(i.NotBefore), onDay(i.NotAfter))
		}
	}
}

func onDay(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// key is the rule of the keys: that of the chain, and how strong they are.
func (j *judge) key() {
	if j.chain.Key == nil || !sameKey(j.leaf.PublicKey, j.chain.Key.Public()) {
		j.refuse("key-fits", "The private key does not belong to the certificate of %s.", nameOf(j.leaf))
	}
	for _, c := range j.signed() {
		if n := rsaBits(c.PublicKey); n != 0 && n < 2048 {
			j.refuse("rsa-size", "The key of %s has %s bits. RSA takes at least 2048.", nameOf(c), fmt.Sprint(n))
		}
	}
	switch k := j.leaf.PublicKey.(type) {
	case ed25519.PublicKey:
		j.warn("key-kind", "The key of %s is of a kind (%s) that browsers and many devices do not know. ECDSA with P-256 is known everywhere.", nameOf(j.leaf), "Ed25519")
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() {
			j.warn("key-kind", "The key of %s is of a kind (%s) that browsers and many devices do not know. ECDSA with P-256 is known everywhere.", nameOf(j.leaf), k.Params().Name)
		}
	default:
		if n := rsaBits(k); n > 4096 {
			j.warn("key-large", "The key of %s has %s bits, which makes each connection slow.", nameOf(j.leaf), fmt.Sprint(n))
		}
	}
}

// signed returns the certificates that somebody's signature counts on: all but a root.
func (j *judge) signed() []*x509.Certificate {
	certs := j.chain.Certs
	if last := certs[len(certs)-1]; len(certs) > 1 && selfSigned(last) {
		return certs[:len(certs)-1]
	}
	return certs
}

var (
	oidKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidEKU      = asn1.ObjectIdentifier{2, 5, 29, 37}
)

func hasExtension(c *x509.Certificate, id asn1.ObjectIdentifier) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(id) {
			return true
		}
	}
	return false
}

// forServers reports whether the extended key usage lets a certificate serve: RFC
// 5280, section 4.2.1.12.
func forServers(c *x509.Certificate) bool {
	return !hasExtension(c, oidEKU) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// usage is the rule of what a certificate is for.
func (j *judge) usage() {
	c := j.leaf
	if c.IsCA {
		j.refuse("ca", "The certificate of %s is that of an authority (CA:TRUE). A server needs one of its own.", nameOf(c))
	}
	if !forServers(c) {
		j.refuse("eku", "The certificate of %s is not meant for servers: its extended key usage lacks serverAuth.", nameOf(c))
	}
	if !hasExtension(c, oidKeyUsage) || c.KeyUsage&x509.KeyUsageDigitalSignature != 0 {
		return
	}
	if rsaBits(c.PublicKey) != 0 && c.KeyUsage&x509.KeyUsageKeyEncipherment != 0 {
		j.warn("key-usage-old", "The key usage of %s lacks digitalSignature. Browsers refuse that; old devices take it.", nameOf(c))
		return
	}
	j.refuse("key-usage", "The certificate of %s is not meant for servers: its key usage lacks digitalSignature.", nameOf(c))
}

// forgeable are the algorithms whose signatures can be forged.
var forgeable = []x509.SignatureAlgorithm{
	x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1,
}

// signatures is the rule of who signed with what. The signature of a root on itself
// protects nothing and is not looked at.
func (j *judge) signatures() {
	for _, c := range j.signed() {
		switch {
		case slices.Contains(forgeable, c.SignatureAlgorithm):
			j.refuse("signature", "The certificate of %s is signed with %s, which can be forged.", nameOf(c), c.SignatureAlgorithm.String())
		case c.SignatureAlgorithm == x509.UnknownSignatureAlgorithm || c.SignatureAlgorithm == x509.DSAWithSHA256:
			j.refuse("signature", "The certificate of %s is signed in a way that nobody checks nowadays.", nameOf(c))
		}
	}
}

// issuers is the rule of the chain. Nothing is fetched: what the file does not hold
// is missing. A root that is not in the file is missing to nobody, because clients
// have it or do not trust it.
func (j *judge) issuers() {
	certs := j.chain.Certs
	switch {
	case selfSigned(j.leaf):
		j.warn("self-signed", "The certificate of %s is signed by itself. That is for tests, and for managed devices that were told to trust it.", nameOf(j.leaf))
	case len(certs) == 1:
		j.warn("chain-missing", "The file does not hold the certificate of the issuer %s. If that is an intermediate one, clients will refuse the connection.", issuerOf(j.leaf))
	}
	for _, c := range certs[1:] {
		if c.Version == 3 && !c.IsCA {
			j.refuse("issuer-ca", "The certificate of %s signed another one of the chain, but it is not that of an authority.", nameOf(c))
		}
	}
}

// verify builds the chain as a client does that trusts its last certificate: names
// that an authority may not vouch for, and paths that are too long, come out here.
func (j *judge) verify() {
	certs := j.chain.Certs
	if len(certs) == 1 || slices.ContainsFunc(j.list, func(f Finding) bool { return f.Rule == "issuer-ended" }) {
		return
	}
	o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: j.now}
	for _, c := range certs[1 : len(certs)-1] {
		o.Intermediates.AddCert(c)
	}
	o.Roots.AddCert(certs[len(certs)-1])
	if _, err := j.leaf.Verify(o); err != nil {
		j.refuse("chain", "The chain of %s does not hold: one of its authorities may not vouch for it (%s).", nameOf(j.leaf), printable(err.Error()))
	}
}

// Order returns the chain from the leaf upwards, out of what a file holds in any
// order. It ends at a root, or where the next issuer is not in the file.
func Order(leaf *x509.Certificate, pool []*x509.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{leaf}
	for len(chain) < maxChain {
		last := chain[len(chain)-1]
		if selfSigned(last) {
			break
		}
		next := issuerIn(last, pool)
		if next == nil || slices.ContainsFunc(chain, next.Equal) {
			break
		}
		chain = append(chain, next)
	}
	return chain
}

// maxChain is how many certificates a chain has at most; public ones have four.
const maxChain = 10

// issuerIn finds who signed c. Of an authority that renewed its certificate with the
// same key, it is the one that lasts longestLife.
func issuerIn(c *x509.Certificate, pool []*x509.Certificate) *x509.Certificate {
	var best *x509.Certificate
	for _, p := range pool {
		if !bytes.Equal(p.RawSubject, c.RawIssuer) || !signedBy(c, p) {
			continue
		}
		if best == nil || p.NotAfter.After(best.NotAfter) {
			best = p
		}
	}
	return best
}

// signedBy checks a signature. Where Go checks none (MD5), the names must do: such
// a certificate is refused anyway, and shall be so for the right reason.
func signedBy(c, issuer *x509.Certificate) bool {
	err := issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	return err == nil || slices.Contains(forgeable, c.SignatureAlgorithm) && c.SignatureAlgorithm != x509.SHA1WithRSA && c.SignatureAlgorithm != x509.ECDSAWithSHA1
}

func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) && signedBy(c, c)
}

// nameOf is what a person knows a certificate by.
func nameOf(c *x509.Certificate) string {
	switch {
	case c.Subject.CommonName != "":
		return printable(c.Subject.CommonName)
	case len(c.DNSNames) != 0:
		return printable(c.DNSNames[0])
	case len(c.IPAddresses) != 0:
		a, _ := netip.AddrFromSlice(c.IPAddresses[0])
		return a.Unmap().String()
	case c.Subject.String() != "":
		return printable(c.Subject.String())
	}
	return fmt.Sprintf("%x", c.SerialNumber)
}

func issuerOf(c *x509.Certificate) string {
	if c.Issuer.CommonName != "" {
		return printable(c.Issuer.CommonName)
	}
	return printable(c.Issuer.String())
}

func titles(certs []*x509.Certificate) string {
	names := make([]string, len(certs))
	for i, c := range certs {
		names[i] = nameOf(c)
	}
	return spoken(names)
}

// spoken puts names into a sentence, the first ten of them.
func spoken(names []string) string {
	if len(names) == 0 {
		return "–"
	}
	var out []string
	for i, n := range names {
		if i == 10 {
			out = append(out, "…")
			break
		}
		out = append(out, printable(n))
	}
	return strings.Join(out, ", ")
}

// printable makes a name of a stranger's file fit for a sentence.
func printable(s string) string {
	r := []rune(strings.ToValidUTF8(s, "\ufffd"))
	for i := range r {
		if !unicode.IsGraphic(r[i]) {
			r[i] = '\ufffd'
		}
	}
	if len(r) > 100 {
		r = append(r[:100], '…')
	}
	return string(r)
}
