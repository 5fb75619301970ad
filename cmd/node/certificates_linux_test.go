package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"platen/internal/testkit/peers"
)

// signer is OpenSSL's own authority, and a folder for what it signs.
type signer struct {
	t    *testing.T
	dir  string
	name string // of its files
}

func newSigner(t *testing.T, dir, name string) *signer {
	t.Helper()
	s := &signer{t, dir, name}
	s.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", s.file(name+".key"), "-out", s.file(name+".pem"),
		"-subj", "/O=Example/CN=People", "-days", "30", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
	return s
}

func (s *signer) file(name string) string { return filepath.Join(s.dir, name) }

func (s *signer) run(args ...string) string {
	s.t.Helper()
	out, err := exec.CommandContext(inTime(s.t), "openssl", args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// sign makes a certificate and its key in one file.
func (s *signer) sign(name, subject, extensions string, days int) string {
	s.t.Helper()
	ext, key, csr, pem := s.file(name+".ext"), s.file(name+".key"), s.file(name+".csr"), s.file(name+".crt")
	if err := os.WriteFile(ext, []byte(extensions), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", csr, "-subj", subject)
	s.run("x509", "-req", "-in", csr, "-CA", s.file(s.name+".pem"), "-CAkey", s.file(s.name+".key"), "-CAcreateserial", "-out", pem, "-days", fmt.Sprint(days), "-extfile", ext)
	var all []byte
	for _, f := range []string{pem, key} {
		b, err := os.ReadFile(f)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, b...)
	}
	if err := os.WriteFile(s.file(name+".both"), all, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.file(name + ".both")
}

const forClients = "extendedKeyUsage=clientAuth\n"

// Somebody's certificate says whose a job is; the authority, the certificates and
// the client are others' work.
func TestA67CertificatesOfPeopleByOpenSSL(t *testing.T) {
	t.Logf("peers: %s, %s, %s", peers.Version("openssl"), peers.Version("curl"), peers.Version("cups-ipp-utils"))
	dir := t.TempDir()
	ours, foreign := newSigner(t, dir, "ours"), newSigner(t, dir, "foreign")
	upn := func(name string) string {
		return forClients + "subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:" + name + "\n"
	}
	certs := map[string]string{
		"anna":    ours.sign("anna", "/CN=Anna Berg", upn("Anna@corp.example"), 5),
		"mail":    ours.sign("mail", "/CN=Ben", forClients+"subjectAltName=email:ben@corp.example\n", 5),
		"no UPN":  ours.sign("noupn", "/CN=ben", forClients, 5),
		"ended":   ours.sign("ended", "/CN=anna", upn("anna@corp.example"), -1),
		"foreign": foreign.sign("theirs", "/CN=anna", upn("anna@corp.example"), 5),
		"no use":  ours.sign("nouse", "/CN=anna", strings.TrimPrefix(upn("anna@corp.example"), forClients), 5),
		"nobody":  ours.sign("nobody", "/CN=carla", upn("carla@corp.example"), 5),
		"other":   ours.sign("other", "/CN=anna", upn("anna@evil.example"), 5),
		"":        "",
	}
	h := startDemo(t, "")
	ipps, _, _ := strings.Cut(strings.TrimPrefix(h.demo.IPPS, "ipps://"), "/")
	port := ipps[strings.LastIndex(ipps, ":"):]
	h.must("user", "set", "anna", "--upn", "anna@corp.example")
	h.must("user", "set", "ben", "--email", "ben@corp.example")

	asks := func() bool { // what OpenSSL is asked for
		cmd := exec.CommandContext(inTime(t), "openssl", "s_client", "-connect", ipps, "-tls1_3")
		cmd.Stdin = strings.NewReader("")
		out, _ := cmd.CombinedOutput() // it ends with an error when its input does
		return strings.Contains(string(out), "O = Example, CN = People")
	}
	print := func(cert, queue string) (status string, j jobLine) {
		t.Helper()
		before := len(h.jobs())
		request := filepath.Join(dir, "job.ipp")
		if err := os.WriteFile(request, printJob("ipps://localhost"+port+"/ipp/print/"+queue, "boss"), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"-sS", "-o", filepath.Join(dir, "answer"), "-w", "%{http_code}", "--cacert", h.demo.CA, "-H", "Content-Type: application/ipp", "--data-binary", "@" + request}
		if certs[cert] != "" {
			args = append(args, "--cert", certs[cert])
		}
		out, err := exec.CommandContext(inTime(t), "curl", append(args, "https://localhost"+port+"/ipp/print/"+queue)...).CombinedOutput()
		if err != nil {
			t.Fatalf("curl with %q: %v: %s", cert, err, out)
		}
		if list := h.jobs(); len(list) > before {
			j = list[0]
		}
		return string(out), j
	}

	wants(t, h.dir, exitNotFound, "No authority for certificates of people", "sign-in", "certificate", "show")
	if asks() {
		t.Error("clients are asked for a certificate that nobody looks at")
	}
	if status, j := print("anna", "secure"); status != "200" || j.Owner != "" {
		t.Errorf("nothing is set up: %s %+v", status, j)
	}
	wants(t, h.dir, exitFailed, "is not one of an authority", "sign-in", "certificate", "trust", certs["anna"])
	wants(t, h.dir, exitFailed, "neither PFX", "sign-in", "certificate", "trust", write(t, "canary"))
	// One that is trusted for all the rest says nothing of people.
	h.must("cert", "trust", "import", ours.file("ours.pem"), "--for", "directory", "--for", "mail", "--for", "sign-in", "--for", "devices", "--for", "primary", "--for", "storage", "--for", "acme")
	if asks() {
		t.Error("clients are asked, although nobody is trusted for people")
	}
	if status, j := print("anna", "secure"); status != "200" || j.Owner != "" {
		t.Errorf("trusted for the rest: %s %+v", status, j)
	}
	wants(t, h.dir, exitNotFound, "No authority for certificates of people", "sign-in", "certificate", "show")
	if out := h.must("sign-in", "certificate", "trust", ours.file("ours.pem")); !strings.Contains(out, "People") || !strings.Contains(out, "upn, email, cn") {
		t.Errorf("%s", out)
	}
	if !asks() {
		t.Error("clients are not asked for a certificate")
	}
	if out := h.must("cert", "trust", "list"); strings.Count(out, "People") != 1 || !strings.Contains(out, "acme, people") {
		t.Errorf("there is one list: %s", out)
	}

	const proof = "The certificate of the client proves that it is anna."
	h.must("queue", "set", "secure", "--require-identity", "no")
	h.must("queue", "add", "strict", "--require-identity", "yes")
	for _, tt := range []struct{ cert, open, strict string }{ // the owner of a job to a queue for everybody, the status of one that wants proof
		{"anna", "anna", "200"}, {"mail", "ben", "200"}, {"no UPN", "ben", "200"},
		{"ended", "", "401"}, {"foreign", "", "401"}, {"no use", "", "401"}, {"nobody", "", "401"}, {"other", "", "401"}, {"", "", "401"},
	} {
		status, j := print(tt.cert, "secure")
		if status != "200" || j.Owner != tt.open || j.Claimed != "boss" {
			t.Errorf("with %q: %s %+v", tt.cert, status, j)
		}
		if tt.cert == "anna" {
			for _, args := range [][]string{{"job", "show", fmt.Sprint(j.ID)}, {"owner", "explain", "--job", fmt.Sprint(j.ID)}} {
				if out := h.must(args...); !strings.Contains(out, proof) {
					t.Errorf("%s: %s", args, out)
				}
			}
		}
		if status, j := print(tt.cert, "strict"); status != tt.strict || status == "200" && j.Owner != tt.open {
			t.Errorf("to strict, with %q: %s %+v", tt.cert, status, j)
		}
	}

	// Those without a certificate print as before, and are told what would count.
	_, number, _ := net.SplitHostPort(ipps)
	out, err := exec.CommandContext(inTime(t), "ipptool", "-tv", "ipps://localhost:"+number+"/ipp/print/strict", "get-printer-attributes.test").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "uri-authentication-supported (1setOf keyword) = basic,certificate,basic") {
		t.Errorf("ipptool: %v: %s", err, out)
	}

	h.must("sign-in", "certificate", "map", "cn", "upn")
	if _, j := print("anna", "secure"); j.Owner != "" {
		t.Errorf("her common name is nobody's: %+v", j)
	}
	wants(t, h.dir, exitUsage, "no kind of name", "sign-in", "certificate", "map", "serial")
	h.must("sign-in", "certificate", "map", "upn")

	// A queue may look elsewhere.
	h.must("queue", "add", "claims", "--mode", "hold")
	must(t, h.dir, `{"steps":[{"from":"requesting-user-name"}]}`, "owner", "set", "-", "--queue", "claims")
	if _, j := print("anna", "claims"); j.Owner != "" {
		t.Errorf("a queue that does not look at certificates: %+v", j)
	}

	// Somebody who is switched off stays out, whatever the certificate says.
	h.must("user", "set", "anna", "--enabled", "no")
	if status, j := print("anna", "secure"); status != "200" || j.Owner != "" || !strings.Contains(h.must("job", "show", fmt.Sprint(j.ID)), "who is disabled") {
		t.Errorf("disabled: %s %+v", status, j)
	}
	if status, _ := print("anna", "strict"); status != "401" {
		t.Errorf("disabled, to strict: %s", status)
	}
	h.must("user", "set", "anna", "--enabled", "yes")
	h.must("sign-in", "certificate", "remove")
	if status, _ := print("anna", "strict"); status != "401" {
		t.Errorf("removed: %s", status)
	}
	if asks() {
		t.Error("clients are asked for a certificate that nobody looks at any longer")
	}
	if out := h.must("cert", "trust", "list"); !strings.Contains(out, "People") || strings.Contains(out, "people") {
		t.Errorf("trusted for the rest: %s", out)
	}
	h.must("cert", "trust", "import", ours.file("ours.pem"), "--for", "people") // the same
	if status, _ := print("anna", "strict"); status != "200" || !asks() {
		t.Errorf("imported: %s", status)
	}
	h.must("cert", "trust", "remove", "People")
	if status, _ := print("anna", "strict"); status != "401" || asks() {
		t.Errorf("removed: %s", status)
	}
	h.end()
}
