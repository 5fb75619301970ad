package device_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"platen/device"
	"platen/fault"
	"platen/internal/testkit/devicetest"
	"platen/internal/testkit/peers"
	"platen/job"
	"platen/site"
)

// eve is ippeveprinter, the printer of the PWG's own tests, with a command of
// ours that looks at what arrives: it appends the SHA-256 of every document to
// sums, and what it was told to copies.
type eve struct {
	uri, uris string // by ipp and by ipps
	dir       string
	process   *os.Process
}

const eveCommand = `#!/bin/sh
sha256sum "$1" | cut -d' ' -f1 >> %[1]s/sums
echo "$IPP_COPIES $IPP_SIDES $IPP_JOB_ORIGINATING_USER_NAME" >> %[1]s/told
%[2]s
`

// enough is what a command does that prints three sides.
const enough = `echo "ATTR: job-impressions-completed=3" >&2
exit 0`

// newEve starts a printer, whose command goes on as the shell script says.
func newEve(t *testing.T, script string, args ...string) *eve {
	t.Helper()
	bus(t)
	t.Logf("peer: /usr/sbin/ippeveprinter of %s", peers.Version("cups-ipp-utils"))
	e := &eve{dir: t.TempDir()}
	command := filepath.Join(e.dir, "command.sh")
	if err := errors.Join(
		os.WriteFile(command, fmt.Appendf(nil, eveCommand, e.dir, script), 0o700),
		os.Mkdir(filepath.Join(e.dir, "spool"), 0o700), os.Mkdir(filepath.Join(e.dir, "keys"), 0o700),
	); err != nil {
		t.Fatal(err)
	}
	e.start(t, port(t), append([]string{"-c", command}, args...)...)
	return e
}

func (e *eve) start(t *testing.T, p int, args ...string) {
	t.Helper()
	args = append([]string{"-p", fmt.Sprint(p), "-r", "off", "-n", "localhost", "-2", "-d", filepath.Join(e.dir, "spool"), "-K", filepath.Join(e.dir, "keys")}, args...)
	if !slices.Contains(args, "-f") {
		args = append(args, "-f", "application/pdf,application/postscript,application/vnd.hp-pcl,application/octet-stream")
	}
	out, err := os.CreateTemp(t.TempDir(), "eve")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ippeveprinter", append(args, "Sink")...)
	cmd.Stdout, cmd.Stderr = out, out
	// It and everything it starts end with the test.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (make peers installs it, and it needs root)", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			said, err := os.ReadFile(out.Name())
			t.Logf("ippeveprinter: %s, %v", said, err)
		}
		out.Close()
	})
	e.process = cmd.Process
	addr := fmt.Sprintf("127.0.0.1:%d", p)
	e.uri, e.uris = "ipp://"+addr+"/ipp/print", "ipps://"+addr+"/ipp/print"
	untilOpen(t, addr)
}

func (e *eve) kill() { _ = e.process.Kill() }

// lines are those of a file that the command writes.
func (e *eve) lines(name string) []string {
	b, err := os.ReadFile(filepath.Join(e.dir, name))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// says reports whether the printer says this word of one of its jobs.
func (e *eve) says(t *testing.T, word string) bool {
	t.Helper()
	out, err := exec.Command("ipptool", "-tv", e.uri, "get-jobs.test").CombinedOutput()
	if err != nil {
		t.Logf("ipptool: %v: %s", err, out)
	}
	return strings.Contains(string(out), word)
}

func (e *eve) touch(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(e.dir, name), nil, 0o600); err != nil {
		t.Error(err)
	}
}

// bus is a system bus with nobody on it: without one ippeveprinter does not
// start, and it does not mind that no avahi-daemon is there.
func bus(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "platen-bus-") // short: it becomes the name of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	address := "unix:path=" + dir + "/bus"
	conf := `<busconfig><type>system</type><listen>` + address + `</listen>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="*"/><allow receive_type="*"/></policy></busconfig>`
	if err := os.WriteFile(dir+"/conf", []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "dbus-daemon", "--config-file="+dir+"/conf", "--nofork", "--nopidfile")
	until(t, "dbus-daemon", func() bool { _, err := os.Stat(dir + "/bus"); return err == nil })
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
}

func TestPeerEve(t *testing.T) {
	for _, scheme := range []string{"ipp", "ipps"} {
		t.Run(scheme, func(t *testing.T) {
			e := newEve(t, enough)
			uri, pins := e.uri, 0
			if scheme == "ipps" {
				uri = e.uris
			}
			s := patientIPP()
			s.Pin = func(_ context.Context, dev string, spki []byte, _ bool) error {
				pins++
				if dev != "d1" || len(spki) != 32 {
					t.Errorf("pin of %q: %x", dev, spki)
				}
				return nil
			}
			dev := open(t, site.Device{ID: "d1", URI: uri}, s)
			docs := slices.Delete(samples(), 2, 3) // it takes nothing that it does not know itself
			d := devicetest.Delivery(docs...)
			d.Title, d.User, d.Send = "Grüße aus Köln", "anna", job.NewUUID()
			res, err := dev.Deliver(t.Context(), d)
			if err != nil || res.Evidence != job.Confirmed {
				t.Fatalf("result %+v, %v", res, err)
			}
			if res.Impressions != 9 || res.Sheets != job.Unknown {
				t.Errorf("result %+v", res)
			}
			for i, doc := range docs {
				if got := e.lines("sums"); len(got) != len(docs) || got[i] != fmt.Sprintf("%x", sum(t, doc)) {
					t.Fatalf("sums %q", got)
				}
				t.Logf("%d octets of %s: SHA-256 %x at both ends", doc.Octets, doc.Language, sum(t, doc))
			}
			if (pins > 0) != (scheme == "ipps") {
				t.Errorf("%d keys looked at", pins)
			}
			if got := e.lines("told"); len(got) != len(docs) || !strings.HasSuffix(got[0], "anna") {
				t.Errorf("told %q", got)
			}
			res, found, err := dev.(device.Asker).Ask(t.Context(), d.UUID, d.Send)
			if err != nil || !found || res.Evidence != job.Confirmed {
				t.Errorf("asked: %+v, %v, %v", res, found, err)
			}
			if c, err := dev.Condition(t.Context()); err != nil || c.State != "idle" {
				t.Errorf("condition %+v, %v", c, err)
			}
		})
	}
}

// evePDF is a document of a job at ippeveprinter.
func evePDF() device.Delivery {
	d := devicetest.Delivery(samples()[0])
	d.Send = job.NewUUID()
	return d
}

// A printer gets a certificate of the house in place of its own: with its authority
// named, that is the printer it was.
func TestPeerEveIsVouchedFor(t *testing.T) {
	e := newEve(t, enough)
	c, err := peers.NewCertificate(time.Now().Add(time.Hour), "127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	var key []byte
	s := patientIPP()
	s.Pin = func(_ context.Context, _ string, spki []byte, vouched bool) error {
		if key != nil && !vouched && !bytes.Equal(key, spki) {
			return &fault.Error{Op: "pin", Kind: fault.Conflict}
		}
		key = slices.Clone(spki)
		return nil
	}
	var roots *x509.CertPool
	s.Roots = func() *x509.CertPool { return roots }
	deliver := func() error {
		dev := open(t, site.Device{ID: "d1", URI: e.uris}, s)
		_, err := dev.Deliver(t.Context(), evePDF())
		return err
	}
	if err := deliver(); err != nil {
		t.Fatal(err)
	}
	e.kill()
	for name, b := range map[string][]byte{"localhost.crt": c.Cert, "localhost.key": c.Key} {
		if err := os.WriteFile(filepath.Join(e.dir, "keys", name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var p int
	if _, err := fmt.Sscanf(e.uri, "ipp://127.0.0.1:%d/", &p); err != nil {
		t.Fatal(err)
	}
	e.start(t, p, "-c", filepath.Join(e.dir, "command.sh"))
	if err := deliver(); !fault.Is(err, fault.Denied) {
		t.Errorf("another key: %v", err)
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(c.CA)
	if err := deliver(); err != nil {
		t.Errorf("vouched for: %v", err)
	}
}

func TestPeerEveCopiesAndSides(t *testing.T) {
	e := newEve(t, enough)
	d := evePDF()
	d.Options = job.Options{Copies: 3, Sides: "two-sided-long-edge"}
	res, err := open(t, site.Device{URI: e.uri}, patientIPP()).Deliver(t.Context(), d)
	if err != nil || res.Copies != 3 || res.Sides != "two-sided-long-edge" || res.Octets != d.Documents[0].Octets {
		t.Fatalf("result %+v, %v", res, err)
	}
	if got := e.lines("told"); len(got) != 1 || !strings.HasPrefix(got[0], "3 two-sided-long-edge ") {
		t.Errorf("told %q", got)
	}
}

func TestPeerEveWithoutPaper(t *testing.T) {
	e := newEve(t, `echo "STATE: +media-empty-error" >&2
while ! test -e $(dirname $0)/paper; do sleep 0.1; done
echo "STATE: -media-empty-error" >&2
`+enough)
	d := evePDF()
	var texts []string
	d.Notice = func(c site.Condition) {
		if texts = append(texts, c.Text); c.Text != "" {
			e.touch(t, "paper")
		}
	}
	res, err := open(t, site.Device{URI: e.uri}, patientIPP()).Deliver(t.Context(), d)
	if err != nil || res.Evidence != job.Confirmed {
		t.Fatalf("result %+v, %v", res, err)
	}
	if len(texts) == 0 || texts[0] != "The device needs paper." {
		t.Errorf("told %q", texts)
	}
	t.Logf("result %+v, told %q", res, texts)
}

func TestPeerEveAborts(t *testing.T) {
	tests := map[string]struct {
		script   string
		evidence job.Evidence
	}{
		"before a page": {"exit 1", job.NoneAccepted},
		"after two":     {"echo 'ATTR: job-impressions-completed=2' >&2\nsleep 0.3\nexit 1", job.Partial},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEve(t, tt.script)
			d := evePDF()
			dev := open(t, site.Device{URI: e.uri}, patientIPP())
			res, err := dev.Deliver(t.Context(), d)
			if !fault.Is(err, fault.Unavailable) || device.Refused(err) || res.Evidence != tt.evidence {
				t.Fatalf("result %+v, %v", res, err)
			}
			again, found, err := dev.(device.Asker).Ask(t.Context(), d.UUID, d.Send)
			if !found || err == nil || again.Evidence != tt.evidence {
				t.Errorf("asked: %+v, %v, %v", again, found, err)
			}
		})
	}
}

func TestPeerEveRefusesAFormat(t *testing.T) {
	e := newEve(t, enough, "-f", "application/pdf")
	for _, doc := range []device.Doc{devicetest.Doc("urf", []byte("UNIRAST\x00")), samples()[2]} {
		res, err := open(t, site.Device{URI: e.uri}, patientIPP()).Deliver(t.Context(), devicetest.Delivery(doc))
		if !fault.Is(err, fault.Invalid) || !device.Refused(err) || res.Evidence != job.NoneAccepted || e.lines("sums") != nil {
			t.Errorf("result %+v, %v", res, err)
		}
	}
}

const untilTold = "while ! test -e $(dirname $0)/go; do sleep 0.1; done\n"

// A printer that is killed while it prints is waited for, then uncertain; one
// that comes back without its memory knows nothing.
func TestPeerEveKilled(t *testing.T) {
	e := newEve(t, untilTold+enough)
	s := patientIPP()
	s.Answer = 3 * time.Second
	dev := open(t, site.Device{URI: e.uri}, s)
	d := evePDF()
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		until(t, "the command", func() bool { return e.lines("told") != nil })
		e.kill()
	}()
	res, err := dev.Deliver(t.Context(), d)
	<-killed
	if !fault.Is(err, fault.Unavailable) || res.Evidence != job.Partial || res.Octets != d.Documents[0].Octets {
		t.Fatalf("result %+v, %v", res, err)
	}
	if _, found, err := dev.(device.Asker).Ask(t.Context(), d.UUID, d.Send); found || !fault.Is(err, fault.Unavailable) {
		t.Errorf("asked while it is away: %v, %v", found, err)
	}
	var p int
	if _, err := fmt.Sscanf(e.uri, "ipp://127.0.0.1:%d/", &p); err != nil {
		t.Fatal(err)
	}
	e.start(t, p)
	if _, found, err := dev.(device.Asker).Ask(t.Context(), d.UUID, d.Send); found || err != nil {
		t.Errorf("asked when it is back: %v, %v", found, err)
	}
}

// A job whose node dies is found at the printer, followed, and confirmed.
func TestPeerEveIsAskedWhileItPrints(t *testing.T) {
	e := newEve(t, untilTold+enough)
	dev := open(t, site.Device{URI: e.uris}, patientIPP())
	d := evePDF()
	ctx, die := context.WithCancelCause(t.Context())
	go func() {
		until(t, "the command", func() bool { return e.lines("told") != nil })
		die(device.ErrLeave)
	}()
	if res, err := dev.Deliver(ctx, d); !errors.Is(err, context.Canceled) || res.Evidence != job.Partial {
		t.Fatalf("result %+v, %v", res, err)
	}
	time.AfterFunc(700*time.Millisecond, func() { e.touch(t, "go") })
	res, found, err := dev.(device.Asker).Ask(t.Context(), d.UUID, d.Send)
	if err != nil || !found || res.Evidence != job.Confirmed {
		t.Errorf("asked: %+v, %v, %v", res, found, err)
	}
}

func TestPeerEveCanceled(t *testing.T) {
	e := newEve(t, untilTold+"exit 0")
	dev := open(t, site.Device{URI: e.uri}, patientIPP())
	d := evePDF()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		until(t, "the command", func() bool { return e.lines("told") != nil })
		cancel()
		until(t, "the printer is told", func() bool { return e.says(t, "processing-to-stop-point") })
		e.touch(t, "go") // it lets its command go on
	}()
	res, err := dev.Deliver(ctx, d)
	if !errors.Is(err, context.Canceled) || res.Evidence > job.Partial {
		t.Fatalf("result %+v, %v", res, err)
	}
	t.Logf("result %+v", res)
	again, found, err := dev.(device.Asker).Ask(t.Context(), d.UUID, d.Send)
	if !found || err == nil || again.Evidence > job.Partial {
		t.Errorf("asked: %+v, %v, %v", again, found, err)
	}
}

// cupsd takes all documents in one job.
func TestPeerCupsIPP(t *testing.T) {
	dir, err := os.MkdirTemp("", "platen-cups-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := peers.StartCups(t.Context(), filepath.Join(dir, "cups"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	t.Logf("peer: /usr/sbin/cupsd of %s", peers.Version("cups-daemon"))
	for queue, hold := range map[string]bool{"sink": false, "held": true} {
		if err := c.Queue(t.Context(), queue, "file:/dev/null", hold); err != nil {
			t.Fatal(err)
		}
	}
	uri := fmt.Sprintf("ipp://127.0.0.1:%d/printers/", c.Port)
	d := devicetest.Delivery(samples()...)
	d.Send, d.Title = job.NewUUID(), "Grüße aus Köln"
	dev := open(t, site.Device{URI: uri + "sink"}, patientIPP())
	ctx, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	res, err := dev.Deliver(ctx, d)
	if err != nil || res.Evidence != job.Confirmed {
		said, err2 := os.ReadFile(filepath.Join(dir, "cups/log/error_log"))
		t.Logf("cupsd: %s, %v", said, err2)
		t.Fatalf("result %+v, %v", res, err)
	}
	wantFiles(t, filepath.Join(dir, "cups/spool/d*"))
	if res, found, err := dev.(device.Asker).Ask(t.Context(), d.UUID, d.Send); err != nil || !found || res.Evidence != job.Confirmed {
		t.Errorf("asked: %+v, %v, %v", res, found, err)
	}
	if _, found, err := dev.(device.Asker).Ask(t.Context(), d.UUID, job.NewUUID()); err != nil || found {
		t.Errorf("asked about another delivery of it: %v, %v", found, err)
	}
	t.Run("canceled while it is held there", func(t *testing.T) {
		d := evePDF()
		ctx, cancel := context.WithCancel(t.Context())
		d.Sent = func() { time.AfterFunc(300*time.Millisecond, cancel) }
		dev := open(t, site.Device{URI: uri + "held"}, patientIPP())
		if res, err := dev.Deliver(ctx, d); !errors.Is(err, context.Canceled) || res.Evidence > job.Partial {
			t.Errorf("result %+v, %v", res, err)
		}
		if res, found, err := dev.(device.Asker).Ask(t.Context(), d.UUID, d.Send); err == nil || !found || res.Evidence > job.Partial {
			t.Errorf("asked: %+v, %v, %v", res, found, err)
		}
	})
	t.Run("paused", func(t *testing.T) {
		if err := c.Queue(t.Context(), "paused", "file:/dev/null", false); err != nil {
			t.Fatal(err)
		}
		if out, err := c.Run(t.Context(), "cupsdisable", "paused"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		dev := open(t, site.Device{URI: uri + "paused"}, patientIPP())
		if now, err := dev.Condition(t.Context()); err != nil || now.State != "stopped" || now.Reasons != "paused" {
			t.Errorf("condition %+v, %v", now, err)
		}
		res, err := dev.Deliver(t.Context(), evePDF())
		if !fault.Is(err, fault.Unavailable) || res.Evidence != job.NoneAccepted || fault.Text(err) != "Somebody has paused the device." {
			t.Errorf("result %+v, %v", res, err)
		}
		if out, err := c.Run(t.Context(), "cupsenable", "paused"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if res, err := dev.Deliver(t.Context(), evePDF()); err != nil || res.Evidence != job.Confirmed {
			t.Errorf("after it goes on: %+v, %v", res, err)
		}
	})
	t.Run("a queue that is not there", func(t *testing.T) {
		res, err := open(t, site.Device{URI: uri + "nobody"}, patientIPP()).Deliver(t.Context(), evePDF())
		if !fault.Is(err, fault.NotFound) || res.Evidence != job.NoneAccepted {
			t.Errorf("result %+v, %v", res, err)
		}
	})
}
