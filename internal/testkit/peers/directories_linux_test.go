package peers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A directory service that was started answers to the programs that come with
// it, over TLS and with the certificate that it was given.
func TestSlapdAnswers(t *testing.T) {
	s, err := StartSlapd(t.Context(), t.TempDir(), SlapdOptions{LDIF: "dn: " + SlapdSuffix + "\nobjectClass: dcObject\nobjectClass: organization\no: Platen\ndc: platen\n"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	t.Logf("peer: %s", s.Version)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, s.Certificate.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-ZZ", "-H", s.URL()}, {"-H", s.TLSURL()}} {
		cmd := exec.CommandContext(t.Context(), "ldapsearch", append(args, "-LLL", "-x", "-D", SlapdAdmin, "-w", SlapdPassword, "-b", SlapdSuffix, "-s", "base")...)
		cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+ca)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "o: Platen") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

func TestSambaAnswers(t *testing.T) {
	dir := t.TempDir()
	s, err := StartSamba(t.Context(), dir, SambaOptions{Addr: "127.0.0.12", KDC: true, Below: "../../.."})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	t.Logf("peer: %s", s.Version)
	keytab, conf := filepath.Join(dir, "keytab"), filepath.Join(dir, "krb5.conf")
	if err := s.CreateUser(t.Context(), "svc", "Pa55.word-2026"); err != nil {
		t.Fatal(err)
	}
	if err := s.AddSPN(t.Context(), "HTTP/print.platen.test", "svc"); err != nil {
		t.Fatal(err)
	}
	if err := s.Keytab(t.Context(), keytab, "HTTP/print.platen.test"); err != nil {
		t.Fatal(err)
	}
	if err := s.KRB5Config(conf); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "KRB5_CONFIG="+conf, "KRB5CCNAME="+filepath.Join(dir, "cc"))
	kinit := exec.CommandContext(t.Context(), "kinit", "svc")
	kinit.Env, kinit.Stdin = env, strings.NewReader("Pa55.word-2026\n")
	if out, err := kinit.CombinedOutput(); err != nil {
		t.Fatalf("kinit: %v\n%s", err, out)
	}
	kvno := exec.CommandContext(t.Context(), "kvno", "-k", keytab, "HTTP/print.platen.test")
	kvno.Env = env
	if out, err := kvno.CombinedOutput(); err != nil {
		t.Errorf("kvno: %v\n%s", err, out)
	}
}
