package device_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"platen/device"
	"platen/internal/testkit/devicetest"
	"platen/internal/testkit/peers"
	"platen/job"
	"platen/site"
)

// The peers of these tests are programs that nobody here wrote; `make peers`
// installs them. One that is missing fails the test.

// run starts a peer, and ends it and everything it has started with the test:
// it is the first process of a namespace, which goes with it. What it says goes
// to a file, so that nobody waits for who else has it open.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "peer")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (make peers installs it, and it needs root)", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			said, err := os.ReadFile(out.Name())
			t.Logf("%s: %s, %v", filepath.Base(name), said, err)
		}
		out.Close()
	})
}

// until waits for what a peer does after it has answered.
func until(t *testing.T, what string, there func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		if there() {
			return
		}
	}
	t.Fatalf("%s: waited in vain", what)
}

func untilOpen(t *testing.T, addr string) {
	t.Helper()
	until(t, addr, func() bool {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func port(t *testing.T) int {
	t.Helper()
	p, err := peers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// samples are documents of several languages and sizes.
func samples() []device.Doc {
	return []device.Doc{
		devicetest.Doc("pdf", append([]byte("%PDF-1.7\n"), devicetest.Bytes(1, 5420)...)),
		devicetest.Doc("postscript", append([]byte("%!PS-Adobe-3.0\n"), devicetest.Bytes(2, 131_072)...)),
		devicetest.Doc("unknown", []byte("^XA^FO50,50^FDHello^FS^XZ")),
		devicetest.Doc("pcl", append([]byte("\x1bE"), devicetest.Bytes(3, 5<<20)...)),
	}
}

func sum(t *testing.T, d device.Doc) [32]byte {
	t.Helper()
	r, err := d.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}

// deliver sends all samples as one job, and a person's name with it.
func deliver(t *testing.T, d site.Device, want job.Evidence) {
	t.Helper()
	del := devicetest.Delivery(samples()...)
	del.Title, del.User = "Grüße aus Köln", "anna"
	s := quick()
	s.Answer, s.Idle = time.Minute, 5*time.Second
	res, err := open(t, d, s).Deliver(t.Context(), del)
	if err != nil || res.Evidence != want {
		t.Fatalf("result %+v, %v; want %v", res, err, want)
	}
}

// wantFiles compares what is in files of a peer with the samples, by SHA-256.
func wantFiles(t *testing.T, pattern string) {
	t.Helper()
	docs := samples()
	var got [][32]byte
	until(t, pattern, func() bool {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(files)
		got = got[:0]
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				return false
			}
			got = append(got, sha256.Sum256(b))
		}
		if len(got) != len(docs) {
			return false
		}
		for i, d := range docs {
			if got[i] != sum(t, d) {
				return false
			}
		}
		return true
	})
	for i, d := range docs {
		t.Logf("%d octets of %s: SHA-256 %x at both ends", d.Octets, d.Language, got[i])
	}
}

func TestPeerCupsLPD(t *testing.T) {
	dir := t.TempDir()
	c, err := peers.StartCups(t.Context(), filepath.Join(dir, "cups"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	if err := c.Queue(t.Context(), "held", "file:/dev/null", true); err != nil {
		t.Fatal(err)
	}
	t.Logf("peer: /usr/lib/cups/daemon/cups-lpd of %s, under socat of %s", peers.Version("cups-daemon"), peers.Version("socat"))
	for _, quirks := range [][]string{nil, {"data-first"}, {"reserved-port"}} {
		t.Run(fmt.Sprint(quirks), func(t *testing.T) {
			if out, err := exec.Command("cancel", "-h", fmt.Sprintf("127.0.0.1:%d", c.Port), "-a", "-x").CombinedOutput(); err != nil {
				t.Fatalf("cancel: %v: %s", err, out)
			}
			p := port(t)
			run(t, "socat", fmt.Sprintf("TCP-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr", p), fmt.Sprintf("EXEC:/usr/lib/cups/daemon/cups-lpd -h 127.0.0.1\\:%d -n", c.Port))
			addr := fmt.Sprintf("127.0.0.1:%d", p)
			untilOpen(t, addr)
			deliver(t, site.Device{URI: "lpr://" + addr + "/held", Quirks: quirks}, job.Acknowledged)
			wantFiles(t, filepath.Join(dir, "cups/spool/d*"))
		})
	}
}

// lprng runs LPRng's lpd with a queue that holds what it gets, and returns its
// address and the queue's folder.
func lprng(t *testing.T) (addr, spool string) {
	t.Helper()
	root, err := peers.UnpackedLPRng("../.peers")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "platen-lprng-") // readable for the user that lpd becomes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := peers.StartLPRng(t.Context(), root, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Kill)
	t.Logf("peer: %s, %s", root, l.Version)
	return l.Addr, l.Spool
}

func TestPeerLPRng(t *testing.T) {
	for _, quirks := range [][]string{nil, {"data-first"}} {
		t.Run(fmt.Sprint(quirks), func(t *testing.T) {
			addr, spool := lprng(t)
			deliver(t, site.Device{URI: "lpr://" + addr + "/held", Quirks: quirks}, job.Acknowledged)
			wantFiles(t, filepath.Join(spool, "df*"))
			t.Run("refuses a queue it does not have", func(t *testing.T) {
				res, err := open(t, site.Device{URI: "lpr://" + addr + "/nobody"}, quick()).Deliver(t.Context(), devicetest.Delivery(samples()...))
				if err == nil || res.Evidence != job.NoneAccepted || res.Octets != 0 {
					t.Errorf("result %+v, %v", res, err)
				}
			})
		})
	}
}

func TestPeerSocat(t *testing.T) {
	t.Logf("peer: %s", peers.Version("socat"))
	for i, doc := range samples() {
		p, out := port(t), filepath.Join(t.TempDir(), "out")
		run(t, "socat", "-u", fmt.Sprintf("TCP-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr", p), "OPEN:"+out+",creat,append")
		addr := fmt.Sprintf("127.0.0.1:%d", p)
		untilOpen(t, addr)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		res, err := open(t, site.Device{URI: "socket://" + addr}, quick()).Deliver(ctx, devicetest.Delivery(doc))
		cancel()
		if err != nil || res.Evidence != job.Delivered {
			t.Fatalf("sample %d: result %+v, %v", i, res, err)
		}
		want := sum(t, doc)
		until(t, out, func() bool {
			b, err := os.ReadFile(out)
			return err == nil && sha256.Sum256(b) == want
		})
		t.Logf("%d octets of %s: SHA-256 %x at both ends", doc.Octets, doc.Language, want)
	}
}
