package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"

	"platen/internal/testkit/peers"
)

// needles are the forms in which the secret numbers of private keys could be read.
type needles map[string]string // form, by what it is

// of adds a secret number: its octets, in hexadecimal digits (also with colons), in
// base64 wherever it begins in a longer one, and in decimal digits.
func (n needles) of(what string, x *big.Int) {
	n.octets(what, x.Bytes())
	n[what+" decimal"] = x.String()[:40]
}

func (n needles) octets(what string, b []byte) {
	middle := b[len(b)/4 : len(b)/4+16] // also found in a part of it
	n[what+" raw"] = string(middle)
	n[what+" hex"] = hex.EncodeToString(middle)
	n[what+" HEX"] = strings.ToUpper(n[what+" hex"])
	n[what+" colons"] = strings.ReplaceAll(fmt.Sprintf("% x", middle), " ", ":")
	for shift := range 3 {
		for name, enc := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := enc.EncodeToString(append(make([]byte, shift), middle...))
			n[fmt.Sprint(what, " ", name, " ", shift)] = text[4 : len(text)-4]
		}
	}
}

// in returns the forms that stand in b; line ends of PEM, as they are or as JSON writes
// them, hide nothing.
func (n needles) in(b []byte) (found []string) {
	flat := bytes.ReplaceAll(bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r"), nil), []byte("\n"), nil), []byte(`\n`), nil)
	for what, form := range n {
		if bytes.Contains(b, []byte(form)) || bytes.Contains(flat, []byte(form)) {
			found = append(found, what)
		}
	}
	slices.Sort(found)
	return found
}

func (n needles) ecdsa(t *testing.T, what string, key *ecdsa.PrivateKey) {
	t.Helper()
	d, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	n.of(what, new(big.Int).SetBytes(d))
}

// keyFile writes a key as PKCS #8 in PEM.
func keyFile(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// pfx makes a PKCS #12 file of a certificate of its own for a key, by openssl.
func pfx(t *testing.T, key, domain, password string, days int) string {
	t.Helper()
	dir := t.TempDir()
	cert, out := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "chain.pfx")
	for _, args := range [][]string{
		{"req", "-x509", "-new", "-key", key, "-subj", "/CN=" + domain, "-addext", "subjectAltName=DNS:" + domain, "-addext", "keyUsage=digitalSignature", "-addext", "basicConstraints=CA:FALSE", "-days", strconv.Itoa(days), "-out", cert},
		{"pkcs12", "-export", "-inkey", key, "-in", cert, "-out", out, "-passout", "pass:" + password},
	} {
		if b, err := exec.CommandContext(inTime(t), "openssl", args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v: %s", args, err, b)
		}
	}
	return out
}

// A61, A66: what is secret of a private key is in nothing that the node writes or says:
// not in its database or the log of that, not in its own log, in the answer of no
// command, page or API, not in an export, not in a backup, and there, where the
// passphrase is known, only sealed. (What a crash leaves: TestA77NoCore.)
func TestA66KeysAreNowhere(t *testing.T) {
	t.Logf("peer: %s", peers.Version("openssl"))
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	const password = "canary-password-of-a-pfx"
	secrets := needles{"the password": password}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	secrets.ecdsa(t, "EC", ec)
	for what, x := range map[string]*big.Int{"RSA D": rsaKey.D, "RSA P": rsaKey.Primes[0], "RSA Q": rsaKey.Primes[1], "RSA DP": rsaKey.Precomputed.Dp} {
		secrets.of(what, x)
	}
	ecFile, rsaFile := keyFile(t, ec), keyFile(t, rsaKey)
	for _, file := range []string{ecFile, rsaFile} { // the search finds what is there
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(b)
		for _, form := range [][]byte{b, block.Bytes, []byte(hex.EncodeToString(block.Bytes)), []byte(base64.RawURLEncoding.EncodeToString(block.Bytes))} {
			if len(secrets.in(form)) == 0 {
				t.Fatalf("the search does not find a key in %q", form[:40])
			}
		}
	}

	h, node := separate(t)
	h.must("cert", "domain", "add", "print.example.com", "old.example.com")
	must(t, h.dir, password, "cert", "chain", "import", "web", pfx(t, ecFile, "print.example.com", password, 100), "--domain", "print.example.com", "--ask-password")
	must(t, h.dir, password, "cert", "chain", "import", "old", pfx(t, rsaFile, "old.example.com", password, 100), "--domain", "old.example.com", "--ask-password")
	must(t, h.dir, password, "cert", "signing", "import", "sign", pfx(t, ecFile, "sign.example.com", password, 100), "--ask-password")
	h.must("cert", "signing", "choose", "sign")
	h.must("cert", "domain", "add", "watched.example.com")
	must(t, h.dir, password, "cert", "chain", "watch", "watched", pfx(t, rsaFile, "watched.example.com", password, 100), "--domain", "watched.example.com", "--ask-password")
	h.must("role", "give", "administrator", "--user", "anna")
	var token struct{ Token string }
	h.json(&token, "token", "add", "--label", "x", "--right", "administer")

	said := map[string][]byte{}
	everyCertCommand(t, h.dir, said)
	for _, args := range [][]string{{"audit", "list", "--json"}, {"export", "accounting"}, {"doctor"}, {"doctor", "--json"}, {"check", "--json"}, {"token", "list", "--json"}} {
		a := platen("", append(args, "--dir", h.dir)...)
		said[strings.Join(args, " ")] = []byte(a.out + a.err)
	}
	page := h.browser().signIn("anna", "anna")
	for _, path := range []string{"/", "/me", "/trust", "/certificates", "/certificates/web", "/certificates/old", "/.well-known/jwks.json", "/metrics", "/readyz", "/api/v1/certificates", "/api/v1/certificates/web"} {
		said["page "+path] = []byte(page.get(path).body)
	}
	for _, place := range []string{"cmdline", "environ"} {
		if said[place], err = os.ReadFile(fmt.Sprintf("/proc/%d/%s", node.Process.Pid, place)); err != nil {
			t.Fatal(err)
		}
	}
	backup := filepath.Join(t.TempDir(), "backup.age")
	must(t, h.dir, passphrase, "backup", backup, "--documents")
	encrypted, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	said["the backup"] = encrypted
	said["the backup, opened"] = opened(t, encrypted)
	said["the log"] = []byte(h.log.String() + h.out.String())

	files := 0
	for _, dir := range []string{h.dir, temp} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || filepath.Ext(path) == ".pfx" || path == ecFile || path == rsaFile {
				return err
			}
			b, err := os.ReadFile(path)
			said[path], files = b, files+1
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if files < 5 || len(said["the backup, opened"]) < 50_000 {
		t.Errorf("%d files, a backup of %d octets", files, len(said["the backup, opened"]))
	}
	for where, b := range said {
		if found := secrets.in(b); len(found) > 0 {
			t.Errorf("%s: %s", where, found)
		}
	}
	keys, err := os.ReadFile(filepath.Join(h.dir, "platen.keys"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(said["the backup, opened"], keys) || bytes.Contains(encrypted, keys[len(keys)/2:]) {
		t.Error("the keys of the node are not where they should be in a backup")
	}

	// All of this was of keys that work.
	var v chainView
	h.json(&v, "cert", "chain", "show", "web")
	if !slices.Equal(v.Domains, []string{"print.example.com"}) || v.Damaged || token.Token == "" {
		t.Errorf("%+v", v)
	}
}

// opened decrypts a backup.
func opened(t *testing.T, b []byte) []byte {
	t.Helper()
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(b), id)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// everyCertCommand uses every command about certificates, for people and for programs,
// and collects what they say and write. Those that end something come last.
func everyCertCommand(t *testing.T, dir string, said map[string][]byte) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	known := map[string][]string{
		"cert chain request": {"asked", out, "--domain", "print.example.com"}, "cert chain generate": {"made", "--domain", "print.example.com"},
		"cert chain import": {"web", "/dev/null"}, "cert chain choose": {"web", "print.example.com"}, "cert chain renew": {"web", out},
		"cert chain answer": {"asked", "/dev/null"}, "cert signing import": {"x", "/dev/null"}, "cert signing show": {"sign"}, "cert signing choose": {"sign"}, "cert signing remove": {"sign", "--yes"},
		"cert ca export": {out}, "cert ca sign": {"/dev/null", out}, "cert ca generate": {"--yes"}, "cert trust import": {"/dev/null", "--for", "mail"},
		"cert trust test": {"127.0.0.1:9"}, "cert domain add": {"more.example.com"}, "cert domain remove": {"more.example.com"},
		"cert chain remove": {"made", "--yes"},
	}
	var first, last []*command
	for _, cmd := range commands() {
		switch {
		case !strings.HasPrefix(cmd.name, "cert "):
		case strings.HasSuffix(cmd.name, " remove") || strings.HasSuffix(cmd.name, "generate"):
			last = append(last, cmd)
		default:
			first = append(first, cmd)
		}
	}
	if len(first) < 10 {
		t.Fatalf("%d commands", len(first))
	}
	for _, cmd := range append(first, last...) {
		args, ok := known[cmd.name]
		if !ok {
			args = slices.Repeat([]string{"web"}, cmd.least)
		}
		for _, more := range [][]string{nil, {"--json"}} {
			_ = os.Remove(out)
			a := platen("", slices.Concat(strings.Fields(cmd.name), args, more, []string{"--dir", dir})...)
			b, _ := os.ReadFile(out) // of the few that write one
			said[fmt.Sprint(cmd.name, more)] = append([]byte(a.out+a.err), b...)
		}
	}
}
