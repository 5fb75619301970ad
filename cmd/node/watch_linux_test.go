package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platen/internal/testkit/peers"
)

// deployer puts certificates of OpenSSL where another tool would.
type deployer struct {
	t    *testing.T
	ca   *signer
	made int
}

// next makes another certificate with its key.
func (d *deployer) next(name string) (cert, key []byte) {
	d.t.Helper()
	d.made++
	file := name + "-" + string(rune('a'+d.made))
	d.ca.sign(file, "/CN="+name, "subjectAltName=DNS:"+name+"\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\nauthorityKeyIdentifier=keyid\n", 60)
	return d.read(file + ".crt"), d.read(file + ".key")
}

func (d *deployer) read(name string) []byte {
	d.t.Helper()
	b, err := os.ReadFile(d.ca.file(name))
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

// put writes a file under another name and gives it its own, as tools do.
func (d *deployer) put(path string, data []byte) {
	d.t.Helper()
	if err := errors.Join(os.WriteFile(path+".new", data, 0o600), os.Rename(path+".new", path)); err != nil {
		d.t.Fatal(err)
	}
}

// link lets a link lead elsewhere.
func (d *deployer) link(path, to string) {
	d.t.Helper()
	if err := errors.Join(os.Symlink(to, path+".new"), os.Rename(path+".new", path)); err != nil {
		d.t.Fatal(err)
	}
}

func folder(t *testing.T, elem ...string) string {
	t.Helper()
	dir := filepath.Join(elem...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Other tools deploy files, each in its way: the next certificate is shown within
// seconds, and one that is no good harms nobody.
func TestWatchedFiles(t *testing.T) {
	t.Logf("peer: %s", peers.Version("openssl"))
	c := startClocked(t, filepath.Join(t.TempDir(), "node"), "")
	dir := t.TempDir()
	d := &deployer{t: t, ca: newSigner(t, dir, "house")}
	c.must("cert", "domain", "add", "bot.example.com", "pfx.example.com", "pod.example.com")

	// certbot: live/ has links into archive/, and the links are switched.
	const bot = "bot.example.com"
	live, archive := folder(t, dir, "live", bot), folder(t, dir, "archive", bot)
	renew := func(n string) {
		cert, key := d.next(bot)
		for kind, data := range map[string][]byte{"fullchain": append(cert, d.read("house.pem")...), "privkey": key} {
			d.put(filepath.Join(archive, kind+n+".pem"), data)
			d.link(filepath.Join(live, kind+".pem"), "../../archive/"+bot+"/"+kind+n+".pem")
		}
	}
	renew("1")
	files := []string{filepath.Join(live, "fullchain.pem"), filepath.Join(live, "privkey.pem")}
	wants(t, c.dir, exitFailed, "is not whole", "cert", "chain", "watch", "bot", "fullchain.pem")
	wants(t, c.dir, exitFailed, "cannot be read: there is none", "cert", "chain", "watch", "bot", filepath.Join(live, "cert.pem"))
	wants(t, c.dir, exitFailed, "key", "cert", "chain", "watch", "bot", files[0])
	if out := c.must("cert", "chain", "watch", "bot", files[0], files[1], "--domain", bot); !strings.Contains(out, files[0]) || !strings.Contains(out, files[1]) {
		t.Errorf("it does not tell its files: %s", out)
	}
	wants(t, c.dir, exitConflict, "There is a certificate chain bot already.", "cert", "chain", "watch", "bot", files[0], files[1])
	shown := c.serial(bot)
	renew("2")
	shown = c.awaitNew(bot, shown)

	// PKCS #12 with a password, replaced by rename.
	const pfx = "pfx.example.com"
	p12 := filepath.Join(folder(t, dir, "pfx"), "print.pfx")
	pack := func() []byte {
		cert, key := d.next(pfx)
		d.put(d.ca.file("pack.pem"), append(append(cert, key...), d.read("house.pem")...))
		d.ca.run("pkcs12", "-export", "-in", d.ca.file("pack.pem"), "-out", d.ca.file("pack.pfx"), "-passout", "pass:canary")
		return d.read("pack.pfx")
	}
	d.put(p12, pack())
	wants(t, c.dir, exitFailed, "password", "cert", "chain", "watch", "pfx", p12)
	if a := platen("canary\n", "cert", "chain", "watch", "pfx", p12, "--domain", pfx, "--ask-password", "--dir", c.dir); a.code != exitDone {
		t.Fatalf("exit %d: %s%s", a.code, a.out, a.err)
	}
	other := c.serial(pfx)
	d.put(p12, pack())
	other = c.awaitNew(pfx, other)

	// A volume of Kubernetes: one link for all files leads to another folder.
	const pod = "pod.example.com"
	volume := folder(t, dir, "volume")
	fill := func(n string) {
		cert, key := d.next(pod)
		d.put(filepath.Join(folder(t, volume, n), "tls.pem"), append(cert, key...))
		d.link(filepath.Join(volume, "..data"), n)
	}
	fill("..1")
	d.link(filepath.Join(volume, "tls.pem"), "..data/tls.pem")
	c.must("cert", "chain", "watch", "pod", filepath.Join(volume, "tls.pem"), "--domain", pod)
	third := c.serial(pod)
	fill("..2")
	c.awaitNew(pod, third)

	// What is no good is told, and changes nothing.
	for _, tt := range []struct {
		what, says string
		data       func() []byte
	}{
		{"damaged", "cut short", func() []byte { return pack()[:700] }},
		{"of another domain", "evil.example", func() []byte {
			cert, key := d.next("evil.example")
			return append(cert, key...)
		}},
	} {
		before := c.show("pfx").Trouble
		d.put(p12, tt.data())
		await(t, tt.what+": it is told", func() bool { return c.show("pfx").Trouble != before })
		why := c.show("pfx").Trouble
		if got := c.serial(pfx); got != other || !strings.Contains(why, tt.says) {
			t.Errorf("%s: %q, serial %s, want %s", tt.what, why, got, other)
		}
		for _, cmd := range [][]string{{"cert", "list"}, {"cert", "chain", "show", "pfx"}, {"check"}, {"doctor"}} {
			if out := c.must(cmd...); !strings.Contains(out, why) {
				t.Errorf("%s: %q does not tell %q: %s", tt.what, cmd, why, out)
			}
		}
		t.Logf("%s: %s", tt.what, why)
	}
	d.put(p12, pack())
	other = c.awaitNew(pfx, other)
	if v := c.show("pfx"); v.Trouble != "" {
		t.Errorf("%+v", v)
	}

	// Removed is removed: the file is nobody's any more.
	c.must("cert", "chain", "remove", "bot", "--yes")
	if now := c.serial(bot); now == shown {
		t.Error("it is still shown")
	}
	renew("3")
	d.put(p12, pack())
	c.awaitNew(pfx, other) // so that the node has looked since
	if _, err := c.node.chain.Find("bot"); err == nil {
		t.Error("it came back")
	}
	if strings.Contains(c.log.String(), "canary") {
		t.Error("the password is in the log")
	}
	c.end()
}
