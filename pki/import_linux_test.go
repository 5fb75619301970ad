package pki

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/fault"
)

// shop makes keys, certificates and files as openssl does, in a folder of its own.
type shop struct {
	t    *testing.T
	dir  string
	made map[string]bool
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t, t.TempDir(), map[string]bool{}}
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is missing: make peers")
	}
	t.Log(path, strings.TrimSpace(string(s.run("version"))))
	return s
}

func (s *shop) run(args ...string) []byte {
	s.t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = s.dir
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, said.Bytes())
	}
	return out.Bytes()
}

func (s *shop) file(name string) []byte {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *shop) write(name string, data []byte) string {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return name
}

// key returns the file of a key, "ec-leaf" or "rsa1024-leaf": what is before the
// dash is its kind.
func (s *shop) key(name string) string {
	file := name + ".key"
	if s.made[file] {
		return file
	}
	s.made[file] = true
	args := []string{"genpkey", "-out", file, "-algorithm"}
	kind, _, _ := strings.Cut(name, "-")
	switch {
	case strings.HasPrefix(kind, "rsa"):
		args = append(args, "RSA", "-pkeyopt", "rsa_keygen_bits:"+kind[3:])
	case kind == "ed25519":
		args = append(args, "ED25519")
	default:
		args = append(args, "EC", "-pkeyopt", "ec_paramgen_curve:"+map[string]string{"ec": "P-256", "p384": "P-384", "p521": "P-521", "koblitz": "secp256k1"}[kind])
	}
	s.run(args...)
	return file
}

// A wish is a certificate; what it does not say is as it should be.
type wish struct {
	key, cn, san, ext, by, md string
	days                      int
}

const caExt = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"

// cert returns the file of a certificate, signed by "root", "sub" or another one,
// or by itself.
func (s *shop) cert(w wish) string {
	if w.key == "" {
		w.key = "ec-leaf"
	}
	if w.md == "" {
		w.md = "sha256"
	}
	if w.days == 0 {
		w.days = 200
	}
	if w.ext == "" {
		w.ext = "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
	}
	if w.san != "" {
		w.ext += "subjectAltName=" + w.san + "\n"
	}
	name := fmt.Sprintf("c%d", len(s.made))
	s.made[name] = true
	conf := s.write(name+".conf", []byte("[req]\ndistinguished_name=dn\nutf8=yes\n[dn]\n[v3]\n"+w.ext))
	csr := []string{"req", "-new", "-utf8", "-config", conf, "-key", s.key(w.key), "-out", name + ".csr", "-subj", "/O=Shop"}
	if w.cn != "" {
		csr[len(csr)-1] = "/CN=" + w.cn
	}
	if w.cn == "-" {
		csr[len(csr)-1] = "/"
	}
	s.run(csr...)
	sign := []string{"x509", "-req", "-in", name + ".csr", "-out", name + ".pem", "-days", fmt.Sprint(w.days), "-" + w.md, "-extfile", conf, "-extensions", "v3"}
	if w.by == "" {
		sign = append(sign, "-signkey", s.key(w.key))
	} else {
		sign = append(sign, "-CA", s.authority(w.by), "-CAkey", s.key("ec-"+w.by), "-CAcreateserial")
	}
	s.run(sign...)
	return name + ".pem"
}

// authority returns the certificate of "root", or of "sub" that root signed, or
// "sub-md5" that is signed with MD5.
func (s *shop) authority(name string) string {
	file := name + ".pem"
	if s.made[file] {
		return file
	}
	s.made[file] = true
	w := wish{key: "ec-" + name, cn: "Shop " + name, ext: caExt, days: 3000}
	switch name {
	case "root":
	case "subsub":
		w.by = "sub"
	case "narrow":
		w.by, w.ext = "root", caExt+"nameConstraints=critical,permitted;DNS:other.org\n"
	case "server":
		w.by, w.ext = "root", "basicConstraints=critical,CA:FALSE\n"
	case "old":
		w.by, w.md = "root", "sha1"
	case "short":
		w.by, w.days = "root", 100
	default:
		w.by = "root"
	}
	made := s.cert(w)
	s.write(file, s.file(made))
	return file
}

const secret = "Winter-2026"

// p12 packs key and certificates as openssl does, with the password secret.
func (s *shop) p12(key, cert string, more ...string) []byte {
	args := append([]string{"pkcs12", "-export", "-out", "out.pfx", "-inkey", s.key(key), "-in", cert}, more...)
	if !slices.Contains(more, "-passout") {
		args = append(args, "-passout", "pass:"+secret)
	}
	s.run(args...)
	return s.file("out.pfx")
}

// bundle puts certificates into one file, for -certfile.
func (s *shop) bundle(names ...string) string {
	return s.write(fmt.Sprintf("bundle%d.pem", len(s.made)), s.files(names...))
}

func (s *shop) files(names ...string) []byte {
	var all []byte
	for _, n := range names {
		all = append(all, s.file(n)...)
	}
	return all
}

// good is a certificate as it should be, signed by sub.
func (s *shop) good() string {
	const name = "good.pem"
	if !s.made[name] {
		made := s.cert(wish{cn: "test.com", san: "DNS:test.com,DNS:*.test.com", by: "sub"})
		s.made[name] = true
		s.write(name, s.file(made))
	}
	return name
}

func (s *shop) goodP12(more ...string) []byte {
	s.authority("sub")
	return s.p12("ec-leaf", s.good(), append([]string{"-certfile", "sub.pem"}, more...)...)
}

// served packs a certificate of this wish together with its issuers.
func (s *shop) served(w wish) []byte {
	if w.by == "" {
		w.by = "sub"
	}
	s.authority("sub")
	if w.key == "" {
		w.key = "ec-leaf"
	}
	return s.p12(w.key, s.cert(w), "-certfile", s.bundle(s.authority(w.by), "root.pem"))
}

// A fileCase is a file and what the documented rules make of it. The rules of what
// is refused begin with "!".
type fileCase struct {
	make     func(s *shop) []byte
	password string        // "" the one of the shop
	none     bool          // no password at all
	domains  []string      // nil: test.com
	later    time.Duration // when it is judged
	refused  string        // rule of Import
	want     string        // rules of Import and Judge, with spaces
	says     string        // part of what it says
	length   int           // of the chain; 0: not looked at
}

const oneDay = 24 * time.Hour

// TestA64Files: more than sixty files, and the verdict for each.
func TestA64Files(t *testing.T) {
	s := newShop(t)
	files := 0
	for _, group := range []map[string]fileCase{namesOfFiles, datesOfFiles, strengthsOfFiles, usagesOfFiles, chainsOfFiles, encodingsOfFiles, pemsOfFiles, refusalsOfFiles} {
		files += len(group)
		for name, c := range group {
			t.Run(name, func(t *testing.T) {
				s.t = t
				c.run(t, c.make(s))
			})
		}
	}
	s.t = t
	if files < 60 {
		t.Errorf("only %d files", files)
	}
	t.Log(files, "files")
}

func (c fileCase) run(t *testing.T, data []byte) {
	t.Helper()
	pass := c.password
	if pass == "" && !c.none {
		pass = secret
	}
	chain, findings, err := Import(data, pass)
	if got := RuleOf(err); got != c.refused {
		t.Fatalf("Import: rule %q (%v), want %q", got, err, c.refused)
	}
	said := ""
	if err != nil {
		said = fault.Text(err)
		if !fault.Is(err, fault.Invalid) || strings.Contains(said, "%!") {
			t.Errorf("Import: %v", err)
		}
	} else {
		domains := c.domains
		if domains == nil {
			domains = []string{"test.com"}
		}
		findings = append(findings, Judge(chain, domains, time.Now().Add(c.later))...)
		if c.length != 0 && len(chain.Certs) != c.length {
			t.Errorf("a chain of %d: %s", len(chain.Certs), titles(chain.Certs))
		}
	}
	var rules []string
	for _, f := range findings {
		mark := ""
		if f.Refuse {
			mark = "!"
		}
		rules = append(rules, mark+f.Rule)
		sentence := fmt.Sprintf(f.Text, f.Args...)
		if strings.Contains(sentence, "%!") {
			t.Errorf("%s: %s", f.Rule, sentence)
		}
		said += " " + sentence
	}
	slices.Sort(rules)
	if got := strings.Join(rules, " "); got != c.want {
		t.Errorf("rules %q, want %q\n%s", got, c.want, said)
	}
	if !strings.Contains(said, c.says) {
		t.Errorf("it says %q, want %q in it", said, c.says)
	}
}

func named(w wish) func(s *shop) []byte { return func(s *shop) []byte { return s.served(w) } }

// namesOfFiles are the rules of the domains.
var namesOfFiles = map[string]fileCase{
	"san is the domain":             {make: named(wish{cn: "x", san: "DNS:test.com"})},
	"san in capitals with a dot":    {make: named(wish{cn: "x", san: "DNS:Test.COM"}), domains: []string{"TEST.com."}},
	"wildcard of the domain":        {make: named(wish{cn: "x", san: "DNS:*.test.com"})},
	"domain and wildcard":           {make: named(wish{cn: "x", san: "DNS:test.com,DNS:*.test.com"})},
	"below the domain":              {make: named(wish{cn: "x", san: "DNS:my.test.com"}), want: "!san-domain", says: "my.test.com. The domains are: test.com"},
	"below, and a domain itself":    {make: named(wish{cn: "x", san: "DNS:my.test.com"}), domains: []string{"test.com", "my.test.com"}},
	"wildcard below the domain":     {make: named(wish{cn: "x", san: "DNS:*.my.test.com"}), want: "!san-domain", says: "*.my.test.com"},
	"star within a label":           {make: named(wish{cn: "x", san: "DNS:w*.test.com"}), want: "!san-domain"},
	"star alone":                    {make: named(wish{cn: "x", san: "DNS:*"}), want: "!san-domain"},
	"ends like the domain":          {make: named(wish{cn: "x", san: "DNS:nottest.com"}), want: "!san-domain"},
	"domain above":                  {make: named(wish{cn: "x", san: "DNS:com"}), want: "!san-domain"},
	"two names, one foreign":        {make: named(wish{cn: "x", san: "DNS:test.com,DNS:evil.org"}), want: "!san-domain", says: "account: evil.org. The"},
	"two names of two domains":      {make: named(wish{cn: "x", san: "DNS:test.com,DNS:test.org"}), domains: []string{"test.org", "test.com"}},
	"addresses beside names":        {make: named(wish{cn: "x", san: "DNS:test.com,IP:192.0.2.7"})},
	"foreign cn beside a san":       {make: named(wish{cn: "evil.org", san: "DNS:test.com"})},
	"only addresses, cn fits":       {make: named(wish{cn: "test.com", san: "IP:192.0.2.7,IP:2001:db8::1"}), want: "san-none"},
	"only addresses, cn foreign":    {make: named(wish{cn: "evil.org", san: "IP:192.0.2.7"}), want: "!cn-domain", says: "(CN) belongs to no domain of the account: evil.org"},
	"only addresses, no cn":         {make: named(wish{san: "IP:192.0.2.7"}), want: "!name-none"},
	"only an e-mail, cn fits":       {make: named(wish{cn: "test.com", san: "email:a@evil.org"}), want: "san-none"},
	"no san, cn fits":               {make: named(wish{cn: "test.com"}), want: "san-none"},
	"no san, cn a wildcard":         {make: named(wish{cn: "*.test.com"}), want: "san-none"},
	"no san, cn foreign":            {make: named(wish{cn: "evil.org"}), want: "!cn-domain", says: "evil.org"},
	"no san, cn is no host":         {make: named(wish{cn: "Print Server 7"}), want: "!cn-domain"},
	"no san, cn is an address":      {make: named(wish{cn: "192.0.2.7"}), want: "!cn-domain"},
	"no san, no cn":                 {make: named(wish{}), want: "!name-none"},
	"no subject, san fits":          {make: named(wish{cn: "-", san: "critical,DNS:test.com"})},
	"umlaut as the DNS has it":      {make: named(wish{cn: "x", san: "DNS:xn--mnchen-3ya.test"}), domains: []string{"münchen.test"}},
	"umlaut in the cn":              {make: named(wish{cn: "*.MÜNCHEN.test"}), domains: []string{"xn--mnchen-3ya.test"}, want: "san-none"},
	"umlaut of somebody else":       {make: named(wish{cn: "x", san: "DNS:xn--mnchen-3ya.test"}), domains: []string{"munchen.test"}, want: "!san-domain"},
	"an account without domains":    {make: named(wish{cn: "x", san: "DNS:test.com"}), domains: []string{}, want: "!san-domain"},
	"many foreign names":            {make: named(wish{cn: "x", san: "DNS:a.a,DNS:b.a,DNS:c.a,DNS:d.a,DNS:e.a,DNS:f.a,DNS:g.a,DNS:h.a,DNS:i.a,DNS:j.a,DNS:k.a,DNS:l.a"}), want: "!san-domain", says: "j.a, …"},
	"two common names, one foreign": {make: named(wish{cn: "test.com/CN=evil.org"}), want: "!cn-domain", says: ": evil.org. The"},
}

// datesOfFiles are the rules of time.
var datesOfFiles = map[string]fileCase{
	"ended":                 {make: named(wish{cn: "test.com", san: "DNS:test.com"}), later: 201 * oneDay, want: "!ended", says: "test.com ended on "},
	"not yet":               {make: named(wish{cn: "test.com", san: "DNS:test.com"}), later: -oneDay, want: "!not-yet issuer-ended issuer-ended", says: "the clock of this computer"},
	"ends soon":             {make: named(wish{cn: "test.com", san: "DNS:test.com"}), later: 180 * oneDay, want: "ends-soon"},
	"lives too long":        {make: named(wish{cn: "test.com", san: "DNS:test.com", days: 800}), want: "life"},
	"the issuer ends first": {make: named(wish{cn: "test.com", san: "DNS:test.com", by: "short"}), later: 150 * oneDay, want: "issuer-ended", says: "Shop short"},
}

// strengthsOfFiles are the rules of keys and signatures.
var strengthsOfFiles = map[string]fileCase{
	"RSA 1024":                      {make: named(wish{key: "rsa1024-leaf", cn: "test.com", san: "DNS:test.com"}), want: "!rsa-size", says: "test.com has 1024 bits"},
	"RSA 2048":                      {make: named(wish{key: "rsa2048-leaf", cn: "test.com", san: "DNS:test.com"})},
	"RSA 4096":                      {make: named(wish{key: "rsa4096-leaf", cn: "test.com", san: "DNS:test.com"})},
	"P-384":                         {make: named(wish{key: "p384-leaf", cn: "test.com", san: "DNS:test.com"})},
	"P-521":                         {make: named(wish{key: "p521-leaf", cn: "test.com", san: "DNS:test.com"}), want: "key-kind", says: "P-521"},
	"Ed25519":                       {make: named(wish{key: "ed25519-leaf", cn: "test.com", san: "DNS:test.com"}), want: "key-kind", says: "Ed25519"},
	"a curve that Go does not have": {make: named(wish{key: "koblitz-leaf", cn: "test.com", san: "DNS:test.com"}), refused: "key-none"},
	"SHA-1 on the leaf":             {make: named(wish{cn: "test.com", san: "DNS:test.com", md: "sha1"}), want: "!signature", says: "test.com is signed with ECDSA-SHA1"},
	"SHA-1 on the intermediate":     {make: named(wish{cn: "test.com", san: "DNS:test.com", by: "old"}), want: "!signature", says: "Shop old is signed with"},
	"MD5 on itself": {make: func(s *shop) []byte {
		return s.p12("rsa2048-leaf", s.cert(wish{key: "rsa2048-leaf", cn: "test.com", san: "DNS:test.com", md: "md5"}))
	}, want: "!signature self-signed", says: "MD5-RSA"},
}

const plainUsage = "keyUsage=critical,digitalSignature\n"

// usagesOfFiles are the rules of what a certificate is for.
var usagesOfFiles = map[string]fileCase{
	"no usages at all":                {make: named(wish{cn: "x", san: "DNS:test.com", ext: "basicConstraints=CA:FALSE\n"})},
	"any extended usage":              {make: named(wish{cn: "x", san: "DNS:test.com", ext: plainUsage + "extendedKeyUsage=anyExtendedKeyUsage\n"})},
	"for clients and servers":         {make: named(wish{cn: "x", san: "DNS:test.com", ext: plainUsage + "extendedKeyUsage=clientAuth,serverAuth\n"})},
	"for clients only":                {make: named(wish{cn: "x", san: "DNS:test.com", ext: plainUsage + "extendedKeyUsage=clientAuth\n"}), want: "!eku"},
	"for something unknown only":      {make: named(wish{cn: "x", san: "DNS:test.com", ext: plainUsage + "extendedKeyUsage=1.2.3.4\n"}), want: "!eku"},
	"key agreement only":              {make: named(wish{cn: "x", san: "DNS:test.com", ext: "keyUsage=keyAgreement\n"}), want: "!key-usage"},
	"encipherment only, EC":           {make: named(wish{cn: "x", san: "DNS:test.com", ext: "keyUsage=keyEncipherment\n"}), want: "!key-usage"},
	"encipherment only, RSA":          {make: named(wish{key: "rsa2048-leaf", cn: "x", san: "DNS:test.com", ext: "keyUsage=keyEncipherment\n"}), want: "key-usage-old"},
	"an authority as server":          {make: named(wish{cn: "x", san: "DNS:test.com", ext: "basicConstraints=CA:TRUE\n"}), want: "!ca", says: "CA:TRUE"},
	"a critical extension of nowhere": {make: named(wish{cn: "x", san: "DNS:test.com", ext: plainUsage + "1.2.3.4=critical,DER:0500\n"}), want: "!chain"},
}

// chainsOfFiles are the rules of the issuers.
var chainsOfFiles = map[string]fileCase{
	"leaf, intermediate":       {make: func(s *shop) []byte { return s.goodP12() }, length: 2},
	"leaf, intermediate, root": {make: named(wish{cn: "x", san: "DNS:test.com"}), length: 3},
	"root, intermediate, leaf": {make: func(s *shop) []byte {
		s.authority("sub")
		return s.files("root.pem", "sub.pem", s.good(), s.key("ec-leaf"))
	}, length: 3},
	"two intermediates, mixed": {make: func(s *shop) []byte {
		leaf := s.cert(wish{cn: "x", san: "DNS:test.com", by: "subsub"})
		return s.files("root.pem", leaf, "sub.pem", s.key("ec-leaf"), "subsub.pem")
	}, length: 4},
	"intermediate missing": {make: func(s *shop) []byte { return s.p12("ec-leaf", s.good()) }, want: "chain-missing", says: "issuer Shop sub", length: 1},
	"the wrong intermediate": {make: func(s *shop) []byte {
		s.authority("old")
		return s.p12("ec-leaf", s.good(), "-certfile", "old.pem")
	}, want: "chain-missing left-out", says: "left out: Shop old", length: 1},
	"one gap, and the root":        {make: func(s *shop) []byte { return s.p12("ec-leaf", s.good(), "-certfile", s.authority("root")) }, want: "chain-missing left-out", length: 1},
	"signed by itself":             {make: func(s *shop) []byte { return s.p12("ec-leaf", s.cert(wish{cn: "test.com", san: "DNS:test.com"})) }, want: "self-signed", length: 1},
	"signed by a server":           {make: named(wish{cn: "x", san: "DNS:test.com", by: "server"}), want: "!issuer-ca", says: "Shop server"},
	"an authority for other names": {make: named(wish{cn: "x", san: "DNS:test.com", by: "narrow"}), want: "!chain", says: "may not vouch for it"},
	"old and new certificate of one key": {make: func(s *shop) []byte {
		old := s.cert(wish{cn: "old", san: "DNS:test.com", by: "sub", days: 10})
		return s.files(old, s.good(), "sub.pem", s.key("ec-leaf"))
	}, want: "left-out", says: "left out: old", length: 2},
	"an authority that renewed its certificate": {make: func(s *shop) []byte {
		s.authority("sub")
		old := s.cert(wish{key: "ec-sub", cn: "Shop sub", ext: caExt, by: "root", days: 100})
		return s.files(s.good(), old, "sub.pem", s.key("ec-leaf"))
	}, later: 150 * oneDay, want: "left-out", says: "left out: Shop sub", length: 2},
	"the same certificate twice": {make: func(s *shop) []byte {
		return s.files(s.good(), s.good(), "sub.pem", s.key("ec-leaf"), s.key("ec-leaf"))
	}, length: 2},
	"a client's key beside it": {make: func(s *shop) []byte {
		client := s.cert(wish{key: "ec-client", cn: "client", by: "sub", ext: "extendedKeyUsage=clientAuth\n"})
		return s.files(client, s.key("ec-client"), s.good(), s.key("ec-leaf"), "sub.pem")
	}, want: "left-out left-out-keys", length: 2},
}

func packed(more ...string) func(s *shop) []byte {
	return func(s *shop) []byte { return s.goodP12(more...) }
}

// encodingsOfFiles are the ways in which OpenSSL and others protect a PKCS #12 file.
var encodingsOfFiles = map[string]fileCase{
	"legacy: RC2-40, 3DES, SHA-1":   {make: packed("-legacy"), length: 2},
	"legacy: RC2-128":               {make: packed("-legacy", "-certpbe", "PBE-SHA1-RC2-128", "-keypbe", "PBE-SHA1-RC2-128"), length: 2},
	"legacy: 3DES for both":         {make: packed("-legacy", "-descert"), length: 2},
	"legacy: 3DES with two keys":    {make: packed("-legacy", "-certpbe", "PBE-SHA1-2DES", "-keypbe", "PBE-SHA1-2DES"), length: 2},
	"3DES, SHA-1 MAC, one round":    {make: packed("-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1", "-nomaciter"), length: 2},
	"AES-256, SHA-256 MAC":          {make: packed("-keypbe", "AES-256-CBC", "-certpbe", "AES-256-CBC"), length: 2},
	"AES-128, SHA-512 MAC":          {make: packed("-keypbe", "AES-128-CBC", "-certpbe", "AES-128-CBC", "-macalg", "sha512"), length: 2},
	"AES-192, SHA-384 MAC":          {make: packed("-keypbe", "AES-192-CBC", "-certpbe", "AES-192-CBC", "-macalg", "sha384"), length: 2},
	"3DES in PBES2, SHA-224 MAC":    {make: packed("-keypbe", "DES-EDE3-CBC", "-certpbe", "DES-EDE3-CBC", "-macalg", "sha224"), length: 2},
	"certificates in the clear":     {make: packed("-certpbe", "NONE"), length: 2},
	"nothing encrypted, sealed":     {make: packed("-certpbe", "NONE", "-keypbe", "NONE"), length: 2},
	"100,000 rounds":                {make: packed("-iter", "100000"), length: 2},
	"with a name":                   {make: packed("-name", "Drucker ß", "-caname", "CA"), length: 2},
	"password with umlauts":         {make: packed("-passout", "pass:Schlüssel-€-Ω"), password: "Schlüssel-€-Ω", length: 2},
	"the same, legacy":              {make: packed("-legacy", "-passout", "pass:Schlüssel-€-Ω"), password: "Schlüssel-€-Ω", length: 2},
	"beyond 16 bits, legacy":        {make: packed("-legacy", "-passout", "pass:🖨printer"), password: "🖨printer", length: 2},
	"no password":                   {make: packed("-passout", "pass:"), none: true, length: 2},
	"no password, legacy":           {make: packed("-legacy", "-passout", "pass:"), none: true, length: 2},
	"neither seal nor encryption":   {make: packed("-nomac", "-certpbe", "NONE", "-keypbe", "NONE", "-passout", "pass:"), none: true, length: 2},
	"BER with indefinite lengths":   {make: func(s *shop) []byte { return s.indefinite(s.goodP12()) }, length: 2},
	"BER, legacy":                   {make: func(s *shop) []byte { return s.indefinite(s.goodP12("-legacy")) }, length: 2},
	"wrong password":                {make: packed(), password: "winter-2026", refused: "password"},
	"wrong password, legacy":        {make: packed("-legacy"), password: "winter-2026", refused: "password"},
	"password left out":             {make: packed(), none: true, refused: "password"},
	"password that is no text":      {make: packed(), password: "\xff\xfe", refused: "password"},
	"encrypted, but no seal":        {make: packed("-nomac"), refused: "mac-missing", says: "no seal"},
	"another password for the key":  {make: twoPasswords, refused: "password", says: "File and key must have the same password"},
	"the other one of the two":      {make: twoPasswords, password: "another", refused: "password"},
	"1,000,001 rounds for the seal": {make: packed("-iter", "1000001"), refused: "rounds", says: "1000000 rounds"},
	"RC4":                           {make: packed("-legacy", "-keypbe", "PBE-SHA1-RC4-128"), refused: "algorithm", says: "1.2.840.113549.1.12.1.1"},
	"Camellia":                      {make: packed("-keypbe", "CAMELLIA-256-CBC"), refused: "algorithm"},
	"MD5 seal":                      {make: packed("-macalg", "md5"), refused: "algorithm"},
}

// pemsOfFiles are the ways in which PEM files come.
var pemsOfFiles = map[string]fileCase{
	"PKCS #8": {make: pemOf(func(s *shop) []byte { return s.file(s.key("ec-leaf")) }), length: 2},
	"SEC 1 with parameters": {make: pemOf(func(s *shop) []byte {
		return append(s.run("ecparam", "-name", "prime256v1"), s.run("ec", "-in", s.key("ec-leaf"))...)
	}), length: 2},
	"PKCS #1": {make: func(s *shop) []byte {
		leaf := s.cert(wish{key: "rsa2048-leaf", cn: "x", san: "DNS:test.com", by: "sub"})
		return append(s.run("rsa", "-traditional", "-in", s.key("rsa2048-leaf")), s.files(leaf, "sub.pem")...)
	}, length: 2},
	"encrypted, PBES2":            {make: lockedPEM("-v2", "aes-256-cbc"), length: 2},
	"encrypted, PBES2 by SHA-512": {make: lockedPEM("-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"), length: 2},
	"encrypted, PBES1 3DES":       {make: lockedPEM("-v1", "PBE-SHA1-3DES"), length: 2},
	"encrypted, scrypt":           {make: lockedPEM("-scrypt"), length: 2},
	"encrypted, wrong password":   {make: lockedPEM("-v2", "aes-256-cbc"), password: "nonsense", refused: "password"},
	"encrypted, no password":      {make: lockedPEM("-v2", "aes-256-cbc"), none: true, refused: "password"},
	"encrypted, 1,000,001 rounds": {make: lockedPEM("-v2", "aes-256-cbc", "-iter", "1000001"), refused: "rounds"},
	"encrypted in the first way": {make: pemOf(func(s *shop) []byte {
		return s.run("ec", "-in", s.key("ec-leaf"), "-aes128", "-passout", "pass:"+secret)
	}), length: 2},
	"the same, wrong password": {make: pemOf(func(s *shop) []byte {
		return s.run("ec", "-in", s.key("ec-leaf"), "-aes128", "-passout", "pass:"+secret)
	}), password: "x", refused: "password"},
	"what openssl pkcs12 prints": {make: func(s *shop) []byte {
		s.write("in.pfx", s.goodP12("-name", "printer"))
		return s.run("pkcs12", "-in", "in.pfx", "-nodes", "-passin", "pass:"+secret)
	}, length: 2},
	"text between, CRLF":      {make: func(s *shop) []byte { return bytes.ReplaceAll(s.junk(), []byte("\n"), []byte("\r\n")) }, length: 2},
	"with a mark (UTF-8)":     {make: func(s *shop) []byte { return append([]byte("\xef\xbb\xbf"), s.clear()...) }, length: 2},
	"as PowerShell writes it": {make: func(s *shop) []byte { return utf16LE(s.clear()) }, length: 2},
	"certificates as P7B": {make: func(s *shop) []byte {
		return append(s.run("crl2pkcs7", "-nocrl", "-certfile", s.good(), "-certfile", s.authority("sub")), s.file(s.key("ec-leaf"))...)
	}, length: 2},
	"trusted certificates": {make: func(s *shop) []byte {
		return append(s.run("x509", "-in", s.good(), "-trustout", "-addtrust", "serverAuth"), s.files(s.authority("sub"), s.key("ec-leaf"))...)
	}, length: 2},
	"a request beside it": {make: func(s *shop) []byte {
		return append(s.run("req", "-new", "-key", s.key("ec-leaf"), "-subj", "/CN=x"), s.clear()...)
	}, want: "other", length: 2},
	"cut in the last certificate": {make: func(s *shop) []byte { return s.clear()[:len(s.clear())-100] }, refused: "damaged"},
	"a letter that is none": {make: func(s *shop) []byte {
		return bytes.Replace(s.clear(), []byte("-----\nMI"), []byte("-----\nM!"), 1)
	}, refused: "damaged"},
	"PFX within PEM": {make: func(s *shop) []byte {
		s.write("in.pfx", s.goodP12())
		return []byte("-----BEGIN PKCS12-----\n" + string(s.run("base64", "-in", "in.pfx")) + "-----END PKCS12-----\n")
	}, length: 2},
}

// refusalsOfFiles are files of which nothing can be made.
var refusalsOfFiles = map[string]fileCase{
	"key of somebody else": {make: func(s *shop) []byte { return s.files(s.good(), s.authority("sub"), s.key("ec-other")) }, refused: "key-fits", says: "test.com, Shop sub"},
	"two keys that could be meant": {make: func(s *shop) []byte {
		other := s.cert(wish{key: "ec-other", cn: "other", san: "DNS:test.com", by: "sub"})
		return s.files(s.good(), s.key("ec-leaf"), other, s.key("ec-other"))
	}, refused: "key-several", says: "test.com, other"},
	"two keys of Java":       {make: kept("java-two.p12"), password: "changeit", refused: "key-several", says: "one.test.com, two.test.com"},
	"a keystore of Java":     {make: kept("java.jks"), refused: "java", says: "keytool"},
	"certificates only, PEM": {make: func(s *shop) []byte { return s.files(s.good(), s.authority("sub")) }, refused: "key-none"},
	"certificates only, PFX": {make: packed("-nokeys"), refused: "key-none"},
	"certificate only, DER":  {make: func(s *shop) []byte { return s.run("x509", "-in", s.good(), "-outform", "DER") }, refused: "key-none"},
	"certificates only, P7B": {make: func(s *shop) []byte { return s.run("crl2pkcs7", "-nocrl", "-certfile", s.good(), "-outform", "DER") }, refused: "key-none"},
	"key only, PEM":          {make: func(s *shop) []byte { return s.file(s.key("ec-leaf")) }, refused: "cert-none"},
	"key only, PFX":          {make: func(s *shop) []byte { return s.p12("ec-leaf", s.good(), "-nocerts") }, refused: "cert-none"},
	"key for agreement only": {make: func(s *shop) []byte { return append(s.run("genpkey", "-algorithm", "X25519"), s.file(s.good())...) }, refused: "key-none"},
	"empty":                  {make: func(*shop) []byte { return nil }, refused: "empty"},
	"blank":                  {make: func(*shop) []byte { return []byte("\n \n") }, refused: "empty"},
	"text":                   {make: func(*shop) []byte { return []byte("password: hunter2\n") }, refused: "kind"},
	"picture":                {make: func(*shop) []byte { return []byte("\x89PNG\r\n\x1a\n") }, refused: "kind"},
	"more than a mebibyte":   {make: func(s *shop) []byte { return append(s.clear(), make([]byte, maxFile)...) }, refused: "size"},
}

func kept(name string) func(s *shop) []byte {
	return func(s *shop) []byte {
		b, err := os.ReadFile(filepath.Join("..", "testdata", "pki", name))
		if err != nil {
			s.t.Fatal(err)
		}
		return b
	}
}

// clear is the good chain with its key in the clear.
func (s *shop) clear() []byte { return s.files(s.key("ec-leaf"), s.good(), s.authority("sub")) }

func (s *shop) junk() []byte {
	out := []byte("Bag Attributes\n    friendlyName: -----\n0 s:CN = test.com\n")
	for _, n := range []string{s.authority("sub"), s.key("ec-leaf"), s.good()} {
		out = append(append(out, s.file(n)...), "\n\nsubject=CN = test.com -- issuer=CN = sub\n\n"...)
	}
	return out
}

func utf16LE(b []byte) []byte {
	out := []byte{0xff, 0xfe}
	for _, x := range b {
		out = append(out, x, 0)
	}
	return out
}

func pemOf(key func(s *shop) []byte) func(s *shop) []byte {
	return func(s *shop) []byte { return append(key(s), s.files(s.good(), s.authority("sub"))...) }
}

func lockedPEM(how ...string) func(s *shop) []byte {
	return pemOf(func(s *shop) []byte {
		return s.run(append([]string{"pkcs8", "-topk8", "-in", s.key("ec-leaf"), "-passout", "pass:" + secret}, how...)...)
	})
}

// indefinite writes a file anew as BER, as Bouncy Castle does, and lets openssl say
// that it is still the same file.
func (s *shop) indefinite(der []byte) []byte {
	e, err := wholeBER(der)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("ber.pfx", e.loose())
	s.run("pkcs12", "-in", "ber.pfx", "-noout", "-passin", "pass:"+secret, "-legacy")
	return s.file("ber.pfx")
}

// twoPasswords is a file that is sealed with one password and has its key under
// another, as openssl makes it with -twopass (which asks at a terminal).
func twoPasswords(s *shop) []byte {
	key := s.run("pkcs8", "-topk8", "-in", s.key("ec-leaf"), "-outform", "DER", "-passout", "pass:another")
	return sealedPFX(s.t, secret, lockedKey(key), certOf(s.file(s.good())), certOf(s.file(s.authority("sub"))))
}
