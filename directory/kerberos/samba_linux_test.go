package kerberos

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"platen/fault"
	"platen/internal/testkit/peers"
)

// domain is a domain of Samba's with one person, and a service that has the
// keytab at path.
type domain struct {
	*peers.Samba
	dir    string
	env    []string
	keytab []byte
}

const password = "Pa55.word-2026"

func startDomain(t *testing.T) *domain {
	t.Helper()
	d := &domain{dir: t.TempDir()}
	var err error
	if d.Samba, err = peers.StartSamba(t.Context(), d.dir, peers.SambaOptions{Addr: "127.0.0.13", KDC: true, Below: "../.."}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	t.Logf("peers: %s, %s, %s, %s", d.Version, peers.Version("krb5-user"), peers.Version("curl"), peers.Version("cups-ipp-utils"))
	conf, own := filepath.Join(d.dir, "krb5.conf"), filepath.Join(d.dir, "own.conf")
	if err := errors.Join(d.KRB5Config(conf), os.WriteFile(own, []byte("[libdefaults]\n dns_canonicalize_hostname = false\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	d.env = append(os.Environ(), "KRB5_CONFIG="+own+":"+conf, "KRB5CCNAME=FILE:"+d.cache(), "no_proxy=*", "LC_ALL=C")
	for _, user := range []string{"anna", "svc-print", "svc-other"} {
		if err := d.CreateUser(t.Context(), user, password); err != nil {
			t.Fatal(err)
		}
	}
	for spn, account := range map[string]string{service: "svc-print", "HTTP/other.platen.test": "svc-other"} {
		if err := d.AddSPN(t.Context(), spn, account); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *domain) cache() string { return filepath.Join(d.dir, "cc") }

// allowAES lets the account have tickets with AES, which no account of a user has
// by itself.
func (d *domain) allowAES(t *testing.T, account string) {
	t.Helper()
	change := fmt.Sprintf("dn: CN=%s,CN=Users,%s\nchangetype: modify\nreplace: msDS-SupportedEncryptionTypes\nmsDS-SupportedEncryptionTypes: 24\n", account, peers.SambaBase)
	cmd := exec.CommandContext(t.Context(), "ldbmodify", "-H", filepath.Join(d.Dir, "s/private/sam.ldb"))
	cmd.Stdin = strings.NewReader(change)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ldbmodify: %v\n%s", err, out)
	}
}

func (d *domain) export(t *testing.T, name string) []byte {
	t.Helper()
	path := filepath.Join(d.dir, name)
	if err := d.Keytab(t.Context(), path, service); err != nil {
		t.Fatal(err)
	}
	b, err := Load(path)
	return must(t, b, err)
}

// as runs a program that has anna's tickets.
func (d *domain) as(t *testing.T, stdin, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env, cmd.Stdin = d.env, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

// door is a web and IPP server that lets nobody in without a ticket.
type door struct {
	a    atomic.Pointer[Acceptor]
	last atomic.Value // the last Authorization header
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if h := r.Header.Get("Authorization"); h != "" {
		d.last.Store(h)
	}
	who, ok, err := d.a.Load().Authenticate(w, r)
	switch {
	case !ok:
		Challenge(w)
		http.Error(w, fault.Text(err), http.StatusUnauthorized)
	case r.Header.Get("Content-Type") == "application/ipp":
		w.Header().Set("Content-Type", "application/ipp")
		_, _ = w.Write(ippOK(body, who.String()))
	default:
		_, _ = io.WriteString(w, who.String())
	}
}

// ippOK answers any request with successful-ok and a name.
func ippOK(request []byte, who string) []byte {
	b := append(append([]byte{}, request[:2]...), 0, 0)
	b = append(append(b, request[4:8]...), 0x01)
	for _, a := range []struct {
		tag         byte
		name, value string
	}{{0x47, "attributes-charset", "utf-8"}, {0x48, "attributes-natural-language", "en"}, {0x04, "", ""}, {0x42, "printer-name", who}} {
		if b = append(b, a.tag); a.name != "" {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(a.name))), a.name...)
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(a.value))), a.value...)
		}
	}
	return append(b, 0x03)
}

// The clients that people have, against the tickets of a domain controller.
func TestARealDomain(t *testing.T) {
	d := startDomain(t)

	weak, err := Inspect(d.export(t, "weak.keytab"))
	if err != nil || len(Warnings(weak)) != 1 {
		t.Errorf("the keytab of an account as it is: %+v, %v", weak, err)
	}
	d.allowAES(t, "svc-print")
	d.keytab = d.export(t, "print.keytab")
	entries, err := Inspect(d.keytab)
	if err != nil || len(Warnings(entries)) != 0 {
		t.Fatalf("%+v, %v", entries, err)
	}
	if out := d.as(t, "", "klist", "-k", filepath.Join(d.dir, "print.keytab")); strings.Count(out, service) != len(entries) {
		t.Errorf("klist sees\n%s\nand we %+v", out, entries)
	}

	door := &door{}
	srv := httptest.NewServer(door)
	defer srv.Close()
	port := srv.Listener.Addr().(*net.TCPAddr).Port
	curl := func(t *testing.T, host string, args ...string) string {
		t.Helper()
		name := fmt.Sprintf("%s.platen.test:%d", host, port)
		return d.as(t, "", "curl", append([]string{"-sS", "-w", " %{http_code}", "--resolve", name + ":127.0.0.1", "http://" + name + "/"}, args...)...)
	}
	fresh := func(t *testing.T, o Options) { door.a.Store(newAcceptor(t, d.keytab, "", o)) }
	fresh(t, Options{})

	if out := curl(t, "print", "--negotiate", "-u", ":"); !strings.HasSuffix(out, " 401") {
		t.Errorf("without a ticket: %s", out)
	}
	d.as(t, password+"\n", "kinit", "anna")
	d.as(t, "", "kvno", service) // for where no domain controller can be reached

	for name, tt := range map[string]struct {
		host string
		args []string
		o    Options
		want string
	}{
		"right":            {"print", []string{"--negotiate", "-u", ":"}, Options{}, "anna@PLATEN.TEST 200"},
		"another service":  {"other", []string{"--negotiate", "-u", ":"}, Options{}, "has no key for this ticket"},
		"expired":          {"print", []string{"--negotiate", "-u", ":"}, Options{Now: later(11 * time.Hour)}, "The ticket has expired"},
		"of tomorrow":      {"print", []string{"--negotiate", "-u", ":"}, Options{Now: later(-11 * time.Hour)}, "not valid yet"},
		"clock":            {"print", []string{"--negotiate", "-u", ":"}, Options{Now: later(7 * time.Minute)}, "differ by more than five minutes"},
		"another realm":    {"print", []string{"--negotiate", "-u", ":"}, Options{Realms: []string{"PARTNER.TEST"}}, "did not work"},
		"NTLM":             {"print", []string{"--ntlm", "-u", "anna:" + password}, Options{}, "NTLM is not accepted"},
		"name and no more": {"print", []string{"-u", "anna:anna"}, Options{}, "401"},
	} {
		t.Run("curl "+name, func(t *testing.T) {
			fresh(t, tt.o)
			if out := curl(t, tt.host, tt.args...); !strings.Contains(out, tt.want) {
				t.Errorf("%s; want %s", out, tt.want)
			}
		})
	}
	t.Run("A41 replay", func(t *testing.T) {
		fresh(t, Options{})
		if out := curl(t, "print", "--negotiate", "-u", ":"); !strings.HasSuffix(out, " 200") {
			t.Fatal(out)
		}
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("Authorization", door.last.Load().(string))
		if who, ok, err := door.a.Load().Authenticate(httptest.NewRecorder(), r); ok || !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "shown before") {
			t.Errorf("%v, %v", who, err)
		}
	})
	for _, mech := range []string{"spnego", "gssapi_krb5"} {
		t.Run("mutual "+mech, func(t *testing.T) {
			fresh(t, Options{})
			d.mutual(t, door.a.Load(), mech)
		})
	}
	t.Run("ipptool", func(t *testing.T) {
		fresh(t, Options{})
		d.ipptool(t, door)
	})
}

func later(by time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(by) } }

// gensec is a client that looks whether it has reached whom it wanted: it writes
// its token and reads the reply.
const gensec = `
import base64, sys
from samba import credentials, gensec, param
host, cache, mech = sys.argv[1:]
lp = param.LoadParm()
lp.set("realm", "PLATEN.TEST")
lp.set("workgroup", "PLATEN")
c = credentials.Credentials()
c.set_kerberos_state(credentials.MUST_USE_KERBEROS)
c.set_named_ccache("FILE:" + cache, credentials.SPECIFIED, lp)
g = gensec.Security.start_client({"lp_ctx": lp, "target_hostname": host})
g.set_credentials(c)
g.set_target_service("HTTP")
g.set_target_hostname(host)
g.start_mech_by_name(mech)
print(base64.b64encode(g.update(b"")[1]).decode(), flush=True)
try:
    print("done", g.update(base64.b64decode(sys.stdin.readline()))[0])
except Exception as e:
    print("refused", e)
`

// mutual lets Samba's client judge our reply: the right one, and one that was
// meant for somebody else.
func (d *domain) mutual(t *testing.T, a *Acceptor, mech string) {
	t.Helper()
	var other []byte
	for i, want := range []string{"done True", "refused"} {
		cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", gensec, "print.platen.test", d.cache(), mech)
		cmd.Env, cmd.Stderr = d.env, os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		lines.Scan()
		token, err := base64.StdEncoding.DecodeString(lines.Text())
		who, reply, also := a.Accept(must(t, token, err), here)
		if also != nil || who.String() != "anna@PLATEN.TEST" || reply == nil {
			t.Fatalf("%v, %x, %v", who, reply, also)
		}
		if i == 1 {
			reply = other
		}
		other = reply
		_, _ = fmt.Fprintln(in, base64.StdEncoding.EncodeToString(reply))
		lines.Scan()
		if got := lines.Text(); !strings.HasPrefix(got, want) {
			t.Errorf("the client says %q, want %q", got, want)
		}
		_ = cmd.Wait()
	}
}

// ipptool lets CUPS sign in. It uses Kerberos only with a server that has a name
// with a dot and is not on this machine, so that there is a network for this
// alone.
func (d *domain) ipptool(t *testing.T, door *door) {
	t.Helper()
	hosts, script := filepath.Join(d.dir, "hosts"), filepath.Join(d.dir, "get.test")
	err := errors.Join(os.WriteFile(hosts, []byte("127.0.0.1 localhost\n192.0.2.1 print.platen.test\n"), 0o644),
		os.WriteFile(script, []byte(`{
NAME "Get"
OPERATION Get-Printer-Attributes
GROUP operation-attributes-tag
ATTR charset attributes-charset utf-8
ATTR language attributes-natural-language en
ATTR uri printer-uri $uri
STATUS successful-ok
EXPECT printer-name WITH-VALUE "anna@PLATEN.TEST"
}
`), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- d.elsewhere(t.Context(), hosts, script, door) }()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func (d *domain) elsewhere(ctx context.Context, hosts, script string, door *door) error {
	ln, err := peers.Apart(ctx, hosts)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: door, ReadHeaderTimeout: time.Minute}
	defer srv.Close()
	go func() { _ = srv.Serve(ln) }()
	cmd := exec.CommandContext(ctx, "ipptool", "-tv", fmt.Sprintf("ipp://print.platen.test:%d/ipp/print", ln.Addr().(*net.TCPAddr).Port), script)
	cmd.Env = slices.Concat(d.env, []string{"CUPS_GSSSERVICENAME=HTTP"})
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ipptool: %w\n%s", err, out)
	}
	return nil
}
