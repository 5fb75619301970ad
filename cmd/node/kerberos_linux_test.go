package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"platen/internal/testkit/peers"
)

// kerberosHost is what clients call the node.
const kerberosHost = "print.platen.test"

// realm is a domain with people, and a demo that has the keytab of its service.
type realm struct {
	*house
	samba *peers.Samba
	dir   string
	conf  []string // KRB5_CONFIG
}

const realmPassword = "Pa55.word-2026"

func startRealm(t *testing.T) *realm {
	t.Helper()
	r := &realm{dir: t.TempDir()}
	var err error
	if r.samba, err = peers.StartSamba(t.Context(), r.dir, peers.SambaOptions{Addr: "127.0.0.14", KDC: true, Below: "../.."}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.samba.Stop)
	t.Logf("peers: %s, %s, %s, %s", r.samba.Version, peers.Version("krb5-user"), peers.Version("curl"), peers.Version("cups-ipp-utils"))
	conf, own := filepath.Join(r.dir, "krb5.conf"), filepath.Join(r.dir, "own.conf")
	err = errors.Join(r.samba.KRB5Config(conf), os.WriteFile(own, []byte("[libdefaults]\n dns_canonicalize_hostname = false\n"), 0o600))
	for _, user := range []string{"anna", "ben", "carla", "svc-print"} {
		err = errors.Join(err, r.samba.CreateUser(t.Context(), user, realmPassword))
	}
	keytab := filepath.Join(r.dir, "print.keytab")
	err = errors.Join(err, r.samba.AddSPN(t.Context(), "HTTP/"+kerberosHost, "svc-print"), r.samba.Keytab(t.Context(), keytab, "HTTP/"+kerberosHost))
	if err != nil {
		t.Fatal(err)
	}
	r.conf = append(os.Environ(), "KRB5_CONFIG="+own+":"+conf, "no_proxy=*", "LC_ALL=C")

	h := startDemo(t, "")
	h.end()
	h.rewrite(fmt.Sprintf(demoConfig, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0") + "[web]\nnames = [\"" + kerberosHost + "\"]\n[log]\nlevel = \"debug\"\n")
	r.house = startDemo(t, h.dir)
	return r
}

// env has the tickets of a person; "" of nobody.
func (r *realm) env(t *testing.T, who string) []string {
	t.Helper()
	cache := filepath.Join(r.dir, "cc-"+who)
	env := slices.Concat(r.conf, []string{"KRB5CCNAME=FILE:" + cache})
	if _, err := os.Stat(cache); err == nil || who == "" {
		return env
	}
	for _, step := range [][]string{{"kinit", who}, {"kvno", "HTTP/" + kerberosHost}} { // for where no domain controller can be reached
		cmd := exec.CommandContext(t.Context(), step[0], step[1:]...)
		cmd.Env, cmd.Stdin = env, strings.NewReader(realmPassword+"\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", step[0], err, out)
		}
	}
	return env
}

// curl asks the node at addr as somebody with a ticket.
func (r *realm) curl(t *testing.T, who, scheme, addr, path string, args ...string) string {
	t.Helper()
	_, port, _ := net.SplitHostPort(addr)
	at := kerberosHost + ":" + port
	cmd := exec.CommandContext(t.Context(), "curl", append([]string{"-sS", "-w", "\n%{http_code} %{http_version}", "--cacert", r.demo.CA, "--resolve", at + ":127.0.0.1", scheme + "://" + at + path}, args...)...)
	cmd.Env = r.env(t, who)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("curl %s: %v: %s", path, err, out)
	}
	return string(out)
}

// People of a domain sign in and print with their tickets; the domain controller,
// kinit, curl and ipptool are others' work.
func TestA52TicketsOfADomain(t *testing.T) {
	r := startRealm(t)
	web := strings.TrimSuffix(strings.TrimPrefix(r.demo.Web, "https://"), "/")
	ipps, _, _ := strings.Cut(strings.TrimPrefix(r.demo.IPPS, "ipps://"), "/")
	negotiate := []string{"--negotiate", "-u", ":"}

	if out := r.curl(t, "anna", "https", web, "/sign-in/negotiate", negotiate...); !strings.Contains(out, "\n404 ") {
		t.Errorf("without a keytab: %s", out)
	}
	wants(t, r.house.dir, exitNotFound, "not set up", "sign-in", "kerberos", "show")
	wants(t, r.house.dir, exitFailed, "not a usable keytab", "sign-in", "kerberos", "set", write(t, "canary"))
	keytab := filepath.Join(r.dir, "print.keytab")
	out := must(t, r.house.dir, "", "sign-in", "kerberos", "set", keytab)
	if !strings.Contains(out, "HTTP/"+kerberosHost+"@PLATEN.TEST") || !strings.Contains(out, "arcfour-hmac") {
		t.Errorf("show: %s", out)
	}
	must(t, r.house.dir, "", "user", "set", "ben", "--upn", "ben@platen.test")
	must(t, r.house.dir, "", "queue", "set", "secure", "--require-identity", "yes")

	t.Run("pages", func(t *testing.T) {
		jar := filepath.Join(t.TempDir(), "jar")
		got := r.curl(t, "anna", "https", web, "/sign-in/negotiate?next=/api/v1/me", append(negotiate, "-L", "-c", jar, "-b", jar)...)
		if !strings.Contains(got, `"login":"anna"`) || !strings.Contains(got, `"method":"kerberos"`) || !strings.Contains(got, "\n200 ") {
			t.Errorf("anna: %s", got)
		}
		got = r.curl(t, "", "https", web, "/sign-in/negotiate", "-i")
		if !strings.Contains(got, "\n401 ") || !strings.Contains(strings.ToLower(got), "www-authenticate: negotiate") || !strings.Contains(got, `name="secret"`) {
			t.Errorf("nobody: %s", got)
		}
		if got = r.curl(t, "carla", "https", web, "/sign-in/negotiate", negotiate...); !strings.Contains(got, "\n403 ") || !strings.Contains(got, "Nobody here is known by the account of this computer") {
			t.Errorf("carla, who is nobody here: %s", got)
		}
	})

	request := filepath.Join(t.TempDir(), "job.ipp")
	if err := os.WriteFile(request, printJob("ipps://"+kerberosHost+"/ipp/print/secure", "boss"), 0o600); err != nil {
		t.Fatal(err)
	}
	print := []string{"-H", "Content-Type: application/ipp", "--data-binary", "@" + request, "-o", filepath.Join(t.TempDir(), "answer")}
	t.Run("ipps", func(t *testing.T) {
		for who, want := range map[string]string{"anna": "200", "ben": "200", "carla": "401", "": "401"} {
			if got := r.curl(t, who, "https", ipps, "/ipp/print/secure", append(negotiate, print...)...); !strings.Contains(got, "\n"+want+" ") {
				t.Errorf("%q: %s, want %s", who, got, want)
			}
		}
		owners := map[string]int{}
		for _, j := range r.jobs() {
			owners[j.Owner]++
			if j.Claimed != "boss" {
				t.Errorf("%+v", j)
			}
		}
		if owners["anna"] != 1 || owners["ben"] != 1 || len(owners) != 2 {
			t.Errorf("owners %v", owners)
		}
		// A ticket without TLS is not looked at, and a password goes on working.
		if got := r.curl(t, "anna", "http", ipps, "/ipp/print/secure", append(negotiate, print...)...); !strings.Contains(got, "\n426 ") {
			t.Errorf("without TLS: %s", got)
		}
		if got := r.curl(t, "", "https", ipps, "/ipp/print/secure", append([]string{"-u", "anna:anna"}, print...)...); !strings.Contains(got, "\n200 ") {
			t.Errorf("a password: %s", got)
		}
	})
	t.Run("ipptool", func(t *testing.T) {
		done := make(chan error)
		env, nobody := r.env(t, "anna"), r.env(t, "")
		go func() { done <- r.ipptool(t.Context(), env, nobody, ipps, filepath.Join(t.TempDir(), "get.test")) }()
		if err := <-done; err != nil {
			t.Error(err)
		}
		list := r.jobs() // newest first
		owners := []string{list[0].Owner, list[1].Owner}
		slices.Sort(owners)
		if !slices.Equal(owners, []string{"anna", "ben"}) || list[0].Title != "ipptool" || list[0].Claimed != "boss" {
			t.Errorf("%+v", list[:2])
		}
	})
	t.Run("a long ticket", func(t *testing.T) { // of somebody in a thousand groups; this one is of nobody
		long := "Authorization: Negotiate " + base64.StdEncoding.EncodeToString(make([]byte, 48_000))
		if got := r.curl(t, "", "https", web, "/sign-in/negotiate", "-H", long); !strings.Contains(got, "\n403 ") {
			t.Errorf("the pages: %.200s", got)
		}
		if got := r.curl(t, "", "https", ipps, "/ipp/print/secure", append([]string{"-H", long}, print...)...); !strings.Contains(got, "\n401 ") {
			t.Errorf("the IPP door: %.200s", got)
		}
	})
	t.Run("a trusted realm is no login", func(t *testing.T) {
		must(t, r.house.dir, "", "sign-in", "kerberos", "set", keytab, "--realm", "ELSEWHERE.TEST", "--trusted-realm", "PLATEN.TEST")
		if got := r.curl(t, "anna", "https", web, "/sign-in/negotiate", negotiate...); !strings.Contains(got, "\n403 ") {
			t.Errorf("anna has no such user principal name: %s", got)
		}
		if got := r.curl(t, "ben", "https", web, "/sign-in/negotiate", negotiate...); !strings.Contains(got, "\n303 ") {
			t.Errorf("ben has: %s", got)
		}
	})
	t.Run("two people", func(t *testing.T) {
		must(t, r.house.dir, "", "sign-in", "kerberos", "set", keytab)
		must(t, r.house.dir, "", "user", "add", "other", "--upn", "anna@platen.test")
		if got := r.curl(t, "anna", "https", web, "/sign-in/negotiate", negotiate...); !strings.Contains(got, "Several people here are known") {
			t.Errorf("%s", got)
		}
		must(t, r.house.dir, "", "user", "remove", "other")
		must(t, r.house.dir, "", "user", "set", "anna", "--enabled", "no")
		if got := r.curl(t, "anna", "https", web, "/sign-in/negotiate", negotiate...); !strings.Contains(got, "switched off") {
			t.Errorf("%s", got)
		}
	})
	b, err := os.ReadFile(keytab)
	if err != nil {
		t.Fatal(err)
	}
	shown := must(t, r.house.dir, "", "sign-in", "kerberos", "show", "--json")
	if strings.Contains(shown, string(b[len(b)-20:])) || strings.Contains(strings.ToLower(shown), "value") {
		t.Errorf("A52: %s", shown)
	}
	must(t, r.house.dir, "", "sign-in", "kerberos", "remove")
	if out := r.curl(t, "ben", "https", web, "/sign-in/negotiate", negotiate...); !strings.Contains(out, "\n404 ") {
		t.Errorf("removed: %s", out)
	}
	r.end()
}

// printJob is a Print-Job of a claimed user, with its document.
func printJob(uri, claimed string) []byte {
	b := []byte{2, 0, 0, 2, 0, 0, 0, 1, 1}
	for _, a := range [][3]string{
		{"\x47", "attributes-charset", "utf-8"}, {"\x48", "attributes-natural-language", "en"}, {"\x45", "printer-uri", uri},
		{"\x42", "requesting-user-name", claimed}, {"\x42", "job-name", "by ticket"}, {"\x49", "document-format", "application/pdf"},
	} {
		b = append(b, a[0]...)
		for _, s := range a[1:] {
			b = append(append(b, byte(len(s)>>8), byte(len(s))), s...)
		}
	}
	return append(append(b, 3), demoLetter()...)
}

// ipptool lets CUPS' own client print with a ticket. It uses Kerberos only with a
// server that has a name with a dot and is not on this machine, so that there is a
// network for this alone, whose only host is a way to the node.
func (r *realm) ipptool(ctx context.Context, env, nobody []string, ipps, script string) error {
	hosts, document := filepath.Join(r.dir, "hosts"), filepath.Join(r.dir, "letter.pdf")
	err := errors.Join(os.WriteFile(hosts, []byte("127.0.0.1 localhost\n192.0.2.1 "+kerberosHost+"\n"), 0o644), os.WriteFile(document, demoLetter(), 0o600),
		os.WriteFile(script, []byte(`{
NAME "Print-Job with a ticket"
OPERATION Print-Job
GROUP operation-attributes-tag
ATTR charset attributes-charset utf-8
ATTR language attributes-natural-language en
ATTR uri printer-uri $uri
ATTR name requesting-user-name boss
ATTR name job-name ipptool
ATTR mimeMediaType document-format application/pdf
FILE $filename
STATUS successful-ok
}
`), 0o644))
	if err != nil {
		return err
	}
	ln, err := peers.Apart(ctx, hosts)
	if err != nil {
		return err
	}
	defer ln.Close()
	go forward(ln, ipps)                                                     // on another thread, which is in the world
	for who, env := range map[string][]string{"ben:ben@": nobody, "": env} { // with a password, and with a ticket
		cmd := exec.CommandContext(ctx, "ipptool", "-tv", "-f", document, fmt.Sprintf("ipps://%s%s:%d/ipp/print/secure", who, kerberosHost, ln.Addr().(*net.TCPAddr).Port), script)
		cmd.Env = slices.Concat(env, []string{"CUPS_GSSSERVICENAME=HTTP"})
		cmd.Stdin = strings.NewReader("")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("ipptool as %q: %w\n%s", who, err, out)
		}
	}
	return nil
}

// forward brings connections to another address.
func forward(ln net.Listener, to string) {
	for {
		in, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer in.Close()
			out, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer out.Close()
			go func() { _, _ = io.Copy(out, in); _ = out.(*net.TCPConn).CloseWrite() }()
			_, _ = io.Copy(in, out)
		}()
	}
}
