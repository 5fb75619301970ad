package pki

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platen/internal/testkit/peers"
)

// Here software that nobody in this house wrote judges what the authority issues.

// notForUs are the rules of zlint that do not apply to the authority of a house,
// and why. All of them are for authorities that all the world trusts.
var notForUs = map[string]string{
	// There is no list of revoked certificates and nobody who answers: a private
	// root is taken away from the clients, and a server's certificate is made again.
	"e_missing_crl_distrib_point":                    "no revocation over the net",
	"e_sub_ca_crl_distribution_points_missing":       "no revocation over the net",
	"e_sub_cert_aia_missing":                         "no revocation over the net",
	"w_sub_cert_aia_does_not_contain_issuing_ca_url": "the server shows its issuer, which has no address of its own",
	"w_sub_ca_aia_missing":                           "the clients have the root",
	// Policies say under which rules of the CA/Browser Forum one issues: under none.
	"e_sub_cert_cert_policy_empty":            "no policy of the forum",
	"e_sub_cert_certificate_policies_missing": "no policy of the forum",
	"e_sub_ca_certificate_policies_missing":   "no policy of the forum",
	"e_invalid_ca_certificate_policies":       "no policy of the forum",
	// Only authorities that browsers bring along are bound to these lifetimes.
	"e_server_cert_valid_time_longer_than_47_days": "private roots may have 398 days",
	"w_server_cert_valid_time_longer_than_46_days": "private roots may have 398 days",
	// What is in the house is what a public authority must not vouch for.
	"e_dnsname_not_valid_tld":         "node1, node1.lan",
	"e_ext_san_contains_reserved_ip":  "addresses of the house",
	"e_ext_nc_intersects_reserved_ip": "addresses of the house",
	// A matter of taste, decided otherwise.
	"e_ca_country_name_missing":                                     "an account has a name; its country would be a guess",
	"w_root_ca_basic_constraints_path_len_constraint_field_present": "the root makes one step and no more",
	"w_subject_common_name_included":                                "old devices and people look there",
	"w_ext_subject_key_identifier_not_recommended_subscriber":       "RFC 5280, section 4.2.1.2, recommends it",
}

// specimens are one of each kind of certificate that is issued here, with what is
// shown beside it.
func specimens(t *testing.T, now time.Time) (root *Chain, list map[string][]*x509.Certificate) {
	t.Helper()
	root, issuing := newAuthorities(t, now)
	list = map[string][]*x509.Certificate{"root": root.Certs, "issuing": issuing.Certs}
	for name, made := range map[string]func() ([]*x509.Certificate, error){
		"server":     func() ([]*x509.Certificate, error) { return certsOf(Issue(issuing, houseNames, now)) },
		"RSA server": func() ([]*x509.Certificate, error) { return certsOf(IssueRSA(issuing, houseNames, now)) },
		"long name": func() ([]*x509.Certificate, error) {
			return certsOf(Issue(issuing, []string{strings.Repeat("a", 60) + ".print.example.com"}, now))
		},
		"addresses": func() ([]*x509.Certificate, error) {
			return certsOf(Issue(issuing, []string{"192.168.7.4", "::1"}, now))
		},
		"signing": func() ([]*x509.Certificate, error) { return certsOf(IssueSigning(root, "Müller & Söhne", now)) },
		"answered": func() ([]*x509.Certificate, error) {
			_, der, err := NewRequest(Subject{Organization: "Of the device"}, houseNames, true)
			if err != nil {
				return nil, err
			}
			return SignRequest(issuing, der, houseNames, now)
		},
	} {
		certs, err := made()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list[name] = certs
	}
	return root, list
}

func certsOf(c *Chain, err error) ([]*x509.Certificate, error) {
	if err != nil {
		return nil, err
	}
	return c.Certs, nil
}

func pemFile(t *testing.T, certs ...*x509.Certificate) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "certs.pem")
	if err := os.WriteFile(path, certsPEM(certs), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// lint returns what zlint has against a certificate, warnings included: the names of
// the rules, with what it says.
func lint(t *testing.T, c *x509.Certificate) map[string]string {
	t.Helper()
	dir := os.Getenv("PLATEN_PEERS")
	if dir == "" {
		dir = "../.peers"
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "go", "zlint"), pemFile(t, c)).Output()
	if err != nil {
		t.Fatalf("%v (make peers builds it)", err)
	}
	var verdicts map[string]struct{ Result, Details string }
	if err := json.Unmarshal(out, &verdicts); err != nil {
		t.Fatal(err)
	}
	if len(verdicts) < 400 {
		t.Fatalf("only %d rules", len(verdicts))
	}
	bad := map[string]string{}
	for rule, v := range verdicts {
		switch v.Result {
		case "pass", "NA", "NE", "info":
		default:
			bad[rule] = v.Result + " " + v.Details
		}
	}
	return bad
}

// A65: zlint, of 450 rules, finds nothing in any kind of certificate but what is in
// notForUs; and all of that is there for a reason.
func TestA65ZlintIsContent(t *testing.T) {
	t.Log("zlint of peers.mod:", zlintVersion(t))
	used := map[string]bool{}
	_, list := specimens(t, judged)
	for name, certs := range list {
		for rule, says := range lint(t, certs[0]) {
			used[rule] = true
			if notForUs[rule] == "" {
				t.Errorf("%s: %s: %s", name, rule, says)
			}
		}
	}
	for rule := range notForUs {
		if !used[rule] {
			t.Errorf("%s is left out, and was not found", rule)
		}
	}
	// It sees what it should see.
	_, issuing := newAuthorities(t, judged)
	c := server([]string{"node1"}, x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign)
	bad, err := vouch(issuing, c, issuing.Key.Public(), judged)
	if err != nil {
		t.Fatal(err)
	}
	if found := lint(t, bad); found["e_sub_cert_key_usage_cert_sign_bit_set"] == "" {
		t.Errorf("it is blind: %v", found)
	}
}

func zlintVersion(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../peers.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "zmap/zlint") && !strings.Contains(line, "/cmd/") {
			return strings.TrimSpace(line)
		}
	}
	return "unknown"
}

// openssl runs openssl, which ends with an error when it does not believe something.
func openssl(t *testing.T, stdin []byte, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "openssl", args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// believed asks openssl whether it believes a chain for a purpose, and with a name
// for that name.
func believed(t *testing.T, root *Chain, certs []*x509.Certificate, purpose, name string) (string, error) {
	t.Helper()
	args := []string{"verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-attime", fmt.Sprint(judged.Unix()), "-CAfile", pemFile(t, root.Leaf()), "-purpose", purpose}
	if len(certs) > 1 {
		args = append(args, "-untrusted", pemFile(t, certs[1:]...))
	}
	if name != "" {
		args = append(args, nameOption(name), name)
	}
	return openssl(t, nil, append(args, pemFile(t, certs[0]))...)
}

func nameOption(name string) string {
	if _, err := netip.ParseAddr(name); err == nil {
		return "-verify_ip"
	}
	return "-verify_hostname"
}

func TestOpenSSLBelievesWhatIsIssued(t *testing.T) {
	t.Log(peers.Version("openssl"))
	root, list := specimens(t, judged)
	for _, kind := range []string{"server", "RSA server", "answered"} {
		for _, name := range houseNames {
			if out, err := believed(t, root, list[kind], "sslserver", name); err != nil {
				t.Errorf("%s for %s: %v\n%s", kind, name, err, out)
			}
		}
		for _, name := range []string{"other.example.com", "10.0.0.1"} {
			if out, err := believed(t, root, list[kind], "sslserver", name); err == nil {
				t.Errorf("%s for %s: %s", kind, name, out)
			}
		}
		for _, purpose := range []string{"sslclient", "smimesign", "timestampsign"} {
			if out, err := believed(t, root, list[kind], purpose, ""); err == nil {
				t.Errorf("%s for %s: %s", kind, purpose, out)
			}
		}
	}
	if out, err := believed(t, root, list["long name"], "sslserver", strings.Repeat("a", 60)+".print.example.com"); err != nil {
		t.Errorf("long name: %v\n%s", err, out)
	}
	if out, err := believed(t, root, list["addresses"], "sslserver", "192.168.7.4"); err != nil {
		t.Errorf("addresses: %v\n%s", err, out)
	}
	if out, err := believed(t, root, list["signing"], "any", ""); err != nil {
		t.Errorf("signing: %v\n%s", err, out)
	}
	if out, err := believed(t, root, list["signing"], "sslserver", ""); err == nil {
		t.Errorf("signing for a server: %s", out)
	}
	if out, err := believed(t, root, list["server"][:1], "sslserver", "node1"); err == nil {
		t.Errorf("without its issuer: %s", out)
	}
	if out, err := believed(t, newRoot(t, judged), list["server"], "sslserver", "node1"); err == nil {
		t.Errorf("from another root: %s", out)
	}
}

// A65: OpenSSL keeps to the constraints as Go does.
func TestA65OpenSSLKeepsTheConstraints(t *testing.T) {
	t.Log(peers.Version("openssl"))
	root, issuing := newAuthorities(t, judged)
	for name, tt := range thieves {
		t.Run(name, func(t *testing.T) {
			leaf := stolen(t, issuing, tt.dns, tt.ips, tt.common)
			out, err := believed(t, root, []*x509.Certificate{leaf, issuing.Leaf()}, "sslserver", tt.name)
			if (err == nil) != tt.vouchable {
				t.Errorf("err = %v, want none: %v\n%s", err, tt.vouchable, out)
			}
		})
	}
}

func TestOpenSSLReadsTheRequest(t *testing.T) {
	t.Log(peers.Version("openssl"))
	for _, rsaKey := range []bool{false, true} {
		_, der, err := NewRequest(Subject{Organization: "Müller", Country: "DE"}, []string{"print.example.com", "*.example.com", "10.0.0.1"}, rsaKey)
		if err != nil {
			t.Fatal(err)
		}
		out, err := openssl(t, RequestPEM(der), "req", "-verify", "-noout", "-text", "-nameopt", "utf8,sep_comma_plus", "-reqopt", "no_pubkey,no_sigdump")
		if err != nil || !strings.Contains(out, "verify OK") {
			t.Errorf("%v\n%s", err, out)
		}
		for _, want := range []string{"CN=print.example.com", "O=Müller", "C=DE", "DNS:print.example.com, DNS:*.example.com, IP Address:10.0.0.1"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in %s", want, out)
			}
		}
	}
}

// A company's authority, played by openssl, answers a request in every form in
// which authorities do, and the chain that comes of it is believed.
func TestOpenSSLAnswersTheRequest(t *testing.T) {
	t.Log(peers.Version("openssl"))
	root, issuing := newAuthorities(t, judged)
	key, der, err := NewRequest(Subject{}, []string{"print.example.com"}, false)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	request, answer := filepath.Join(dir, "request.pem"), filepath.Join(dir, "answer.pem")
	if err := os.WriteFile(request, RequestPEM(der), 0o600); err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(issuing.Key)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	if out, err := openssl(t, keyPEM, "x509", "-req", "-in", request, "-CA", pemFile(t, issuing.Leaf()), "-CAkey", "/dev/stdin",
		"-copy_extensions", "copyall", "-days", "5000", "-out", answer); err != nil { // it counts from now, and the test is later
		t.Fatalf("%v\n%s", err, out)
	}
	for name, form := range map[string][]string{
		"PEM": {"x509", "-in", answer}, "DER": {"x509", "-in", answer, "-outform", "DER"},
		"P7B":        {"crl2pkcs7", "-nocrl", "-certfile", pemFile(t, root.Leaf(), issuing.Leaf()), "-certfile", answer},
		"P7B in DER": {"crl2pkcs7", "-nocrl", "-certfile", answer, "-certfile", pemFile(t, issuing.Leaf()), "-outform", "DER"},
	} {
		file := filepath.Join(dir, "file")
		if out, err := openssl(t, nil, append(form, "-out", file)...); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		certs, err := ImportCerts(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c, err := Answer(key, certs)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(c.Certs) != len(certs) || !sameKey(c.Leaf().PublicKey, key.Public()) {
			t.Errorf("%s: %d certificates of %d", name, len(c.Certs), len(certs))
		}
		opt := x509.VerifyOptions{DNSName: "print.example.com", Roots: poolOf(root.Leaf()), Intermediates: poolOf(issuing.Leaf()), CurrentTime: judged}
		if _, err := c.Leaf().Verify(opt); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A65: weak and odd keys, as openssl makes them, get no certificate.
func TestA65WeakKeysOfRequests(t *testing.T) {
	t.Log(peers.Version("openssl"))
	_, issuing := newAuthorities(t, judged)
	tests := map[string]struct {
		args []string
		ok   bool
	}{
		"RSA 2048":                    {[]string{"-newkey", "rsa:2048"}, true},
		"RSA 2048, signed with SHA-1": {[]string{"-newkey", "rsa:2048", "-sha1"}, true}, // the request only; what we issue has SHA-256
		"P-256":                       {[]string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"}, true},
		"RSA 1024":                    {[]string{"-newkey", "rsa:1024"}, false},
		"RSA 2047":                    {[]string{"-newkey", "rsa:2047"}, false},
		"RSA 2050":                    {[]string{"-newkey", "rsa:2050"}, false},
		"exponent 3":                  {[]string{"-newkey", "rsa:2048", "-pkeyopt", "rsa_keygen_pubexp:3"}, false},
		"RSA-PSS":                     {[]string{"-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"}, false},
		"secp256k1":                   {[]string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"}, false},
		"brainpool":                   {[]string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"}, false},
		"P-192":                       {[]string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime192v1"}, false},
		"Ed25519":                     {[]string{"-newkey", "ed25519"}, false},
		"Ed448":                       {[]string{"-newkey", "ed448"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "request.pem")
			args := append([]string{"req", "-new", "-nodes", "-keyout", os.DevNull, "-subj", "/CN=printer.lan", "-out", path}, tt.args...)
			if out, err := openssl(t, nil, args...); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			certs, err := SignRequest(issuing, data, []string{"printer.lan"}, judged)
			if (err == nil) != tt.ok {
				t.Fatalf("err = %v, want none: %v", err, tt.ok)
			}
			if tt.ok && certs[0].SignatureAlgorithm != x509.ECDSAWithSHA256 {
				t.Errorf("signed with %v", certs[0].SignatureAlgorithm)
			}
		})
	}
}
