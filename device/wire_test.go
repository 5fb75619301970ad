package device_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"platen/device"
	"platen/fault"
	"platen/internal/testkit/devicetest"
	"platen/job"
	"platen/site"
)

const uuid = "018f3c1e-0000-7000-8000-000000000001"

// canary is what an attacker would like to be read as something else.
const canary = "canary\"\r\n\x1b%-12345X@PJL DEFAULT DISKLOCK=ON\r\n\x00`$(reboot)`"

// laser is a PJL device that reports the end of every job it is sent.
func laser(t *testing.T, m devicetest.Manner) *devicetest.TCP {
	sink := devicetest.NewRaw(t, m)
	var ended atomic.Bool
	sink.Answer = func(got []byte) []byte {
		if !bytes.Contains(got, []byte("@PJL EOJ NAME")) || ended.Swap(true) {
			return nil
		}
		return []byte("@PJL USTATUS JOB\r\nSTART\r\nNAME=\"" + uuid + "\"\r\n\f@PJL USTATUS JOB\r\nEND\r\nNAME=\"" + uuid + "\"\r\nPAGES=4\r\n\f")
	}
	return sink
}

func pjlDevice(sink *devicetest.TCP, quirks ...string) site.Device {
	return site.Device{URI: "socket://" + sink.Addr, Model: "HP LaserJet 4250", Quirks: quirks}
}

func named(docs ...device.Doc) device.Delivery {
	d := devicetest.Delivery(docs...)
	d.UUID, d.Title, d.User = uuid, "Report", "anna"
	return d
}

const (
	uel     = "\x1b%-12345X"
	pjlOpen = uel + "@PJL USTATUSOFF\r\n@PJL USTATUS DEVICE=ON\r\n@PJL USTATUS JOB=ON\r\n@PJL USTATUS PAGE=ON\r\n@PJL USTATUS TIMED=30\r\n" +
		"@PJL ECHO " + uuid + "\r\n@PJL JOB NAME=\"" + uuid + "\"\r\n"
	pjlEnd = uel + "@PJL EOJ NAME=\"" + uuid + "\"\r\n" + uel
)

// What stands around a document is compared octet for octet, and what stands
// within it is what came.
func TestA28PJLAtTheSink(t *testing.T) {
	pdf, ps := []byte("%PDF-1.7 ..."), []byte("%!PS\nshowpage\n")
	own := []byte(uel + "@PJL SET RET=ON\r\n@PJL ENTER LANGUAGE=PCL\r\n\x1bE...\x1bE" + uel)
	tests := map[string]struct {
		docs   []device.Doc
		change func(*device.Delivery)
		quirks []string
		want   string
		copies int
		sides  string
	}{
		"plain": {
			docs: []device.Doc{devicetest.Doc("pdf", pdf)},
			want: pjlOpen + "@PJL SET USERNAME=\"anna\"\r\n@PJL SET JOBNAME=\"Report\"\r\n@PJL ENTER LANGUAGE=PDF\r\n" + string(pdf) + pjlEnd,
		},
		"hostile title and user": {
			docs:   []device.Doc{devicetest.Doc("postscript", ps)},
			change: func(d *device.Delivery) { d.Title, d.User = canary, "x\"\n"+canary },
			want: pjlOpen + "@PJL SET USERNAME=\"x__canary_____-12345X@PJL DEFAULT DISKLOCK_ON_____(reboot)_\"\r\n" +
				"@PJL SET JOBNAME=\"canary_____-12345X@PJL DEFAULT DISKLOCK_ON_____(reboot)_\"\r\n@PJL ENTER LANGUAGE=POSTSCRIPT\r\n" + string(ps) + pjlEnd,
		},
		"nothing to tell": {
			docs:   []device.Doc{devicetest.Doc("pclxl", pdf)},
			change: func(d *device.Delivery) { d.Title, d.User = "", "" },
			want:   pjlOpen + "@PJL ENTER LANGUAGE=PCLXL\r\n" + string(pdf) + pjlEnd,
		},
		"sides": {
			docs:   []device.Doc{devicetest.Doc("pdf", pdf)},
			change: func(d *device.Delivery) { d.Title, d.User, d.Options.Sides = "", "", "two-sided-short-edge" },
			want:   pjlOpen + "@PJL SET DUPLEX=ON\r\n@PJL SET BINDING=SHORTEDGE\r\n@PJL ENTER LANGUAGE=PDF\r\n" + string(pdf) + pjlEnd,
			sides:  "two-sided-short-edge",
		},
		"the ticket's sides, colours and paper": {
			docs: []device.Doc{devicetest.Doc("pclxl", pdf)},
			change: func(d *device.Delivery) {
				d.Title, d.User, d.Ticket = "", "", job.Ticket{Sides: "two-sided-long-edge", Colour: "monochrome", Media: "iso_a3_297x420mm"}
			},
			want: pjlOpen + "@PJL SET DUPLEX=ON\r\n@PJL SET BINDING=LONGEDGE\r\n@PJL SET RENDERMODE=GRAYSCALE\r\n@PJL SET PAPER=A3\r\n" +
				"@PJL ENTER LANGUAGE=PCLXL\r\n" + string(pdf) + pjlEnd,
			sides: "two-sided-long-edge",
		},
		"the person stands above the ticket": {
			docs: []device.Doc{devicetest.Doc("pdf", pdf)},
			change: func(d *device.Delivery) {
				d.Title, d.User, d.Options.Sides = "", "", "one-sided"
				d.Ticket = job.Ticket{Sides: "two-sided-long-edge", Colour: "color", Media: canary}
			},
			want:  pjlOpen + "@PJL SET DUPLEX=OFF\r\n@PJL ENTER LANGUAGE=PDF\r\n" + string(pdf) + pjlEnd,
			sides: "one-sided",
		},
		"copies are sent": {
			docs:   []device.Doc{devicetest.Doc("pdf", pdf)},
			change: func(d *device.Delivery) { d.Title, d.User, d.Options.Copies = "", "", 2 },
			want:   pjlOpen + "@PJL ENTER LANGUAGE=PDF\r\n" + string(pdf) + uel + "@PJL ENTER LANGUAGE=PDF\r\n" + string(pdf) + pjlEnd,
			copies: 2,
		},
		"copies are asked for": {
			docs:   []device.Doc{devicetest.Doc("pdf", pdf)},
			change: func(d *device.Delivery) { d.Title, d.User, d.Options.Copies = "", "", 2 },
			quirks: []string{"pjl-quantity"},
			want:   pjlOpen + "@PJL SET QTY=2\r\n@PJL ENTER LANGUAGE=PDF\r\n" + string(pdf) + pjlEnd,
			copies: 2,
		},
		"a document with PJL of its own": {
			docs:   []device.Doc{devicetest.Doc("pcl", own)},
			change: func(d *device.Delivery) { d.Title, d.User = "", "" },
			want:   pjlOpen + string(own) + pjlEnd,
		},
		"ZPL octet for octet": {
			docs: []device.Doc{devicetest.Doc("unknown", []byte("^XA^FO50,50^FDHello^FS^XZ"))},
			want: "^XA^FO50,50^FDHello^FS^XZ",
		},
		"no brackets by quirk": {
			docs:   []device.Doc{devicetest.Doc("pdf", pdf)},
			quirks: []string{"no-pjl"},
			want:   string(pdf),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			sink := laser(t, devicetest.Manner{})
			d := named(tt.docs...)
			if tt.change != nil {
				tt.change(&d)
			}
			res, err := open(t, pjlDevice(sink, tt.quirks...), quick()).Deliver(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			got := waitDocument(t, sink)
			if string(got) != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if res.Copies != tt.copies || res.Sides != tt.sides {
				t.Errorf("result %+v", res)
			}
			if strings.HasPrefix(tt.want, uel) && (res.Evidence != job.Confirmed || res.Impressions != 4) {
				t.Errorf("result %+v, want confirmed with 4 impressions", res)
			}
		})
	}
}

// waitDocument waits for the sink to see the end of what was sent: a confirmed
// delivery may return before.
func waitDocument(t *testing.T, sink *devicetest.TCP) []byte {
	t.Helper()
	for range 500 {
		if docs := sink.Documents(); len(docs) > 0 {
			return docs[0]
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatal("nothing arrived")
	return nil
}

func TestA28LPRAtTheSink(t *testing.T) {
	sink := devicetest.NewLPR(t, devicetest.Manner{})
	d := named(devicetest.Doc("pdf", []byte("%PDF-1.7")))
	d.Title, d.User = "Grüße "+canary, "anna\nProot"
	if _, err := open(t, site.Device{URI: "lpr://" + sink.Addr + "/raw"}, quick()).Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	title := "GruSe canary_____-12345X@PJL DEFAULT DISKLOCK_ON_____(reboot)_"
	title = strings.Replace(title, "GruSe", "Gru_e", 1) // sharp s has no plain form
	want := "Hnode\nPanna_Proot\nJ" + title + "\nldfA017node\nUdfA017node\nN" + title + "\n"
	if got := sink.ControlFiles(); len(got) != 1 || string(got[0]) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestReportsMakeEvidence(t *testing.T) {
	start := "@PJL USTATUS JOB\r\nSTART\r\nNAME=\"" + uuid + "\"\r\n\f"
	page := "@PJL USTATUS PAGE\r\n1\r\n\f"
	tests := map[string]struct {
		answer      string
		evidence    job.Evidence
		impressions int
	}{
		"silence":                    {"", job.Delivered, job.Unknown},
		"the end of another job":     {start + "@PJL USTATUS JOB\r\nEND\r\nNAME=\"other\"\r\nPAGES=9\r\n\f", job.Delivered, job.Unknown},
		"an end without pages":       {start + page + page + "@PJL USTATUS JOB\r\nEND\r\nNAME=\"" + uuid + "\"\r\n\f", job.Confirmed, 2},
		"pages, no end":              {start + page + page + page, job.Delivered, 3},
		"pages of the job before":    {page + page + start, job.Delivered, job.Unknown},
		"canceled at the device":     {start + page + "@PJL USTATUS JOB\r\nCANCELED\r\nNAME=\"" + uuid + "\"\r\n\f", job.Delivered, 1},
		"A34 pages that cannot be":   {start + "@PJL USTATUS JOB\r\nEND\r\nNAME=\"" + uuid + "\"\r\nPAGES=987654321\r\n\f", job.Confirmed, job.Unknown},
		"A34 an answer without end":  {strings.Repeat("@PJL USTATUS JOB\r\n", 5000), job.Delivered, job.Unknown},
		"something that is not PJL":  {"%%[ Error: undefined ]%%\r\n\f", job.Delivered, job.Unknown},
		"a device that knows no job": {"@PJL USTATUS TIMED\r\nCODE=10001\r\n\f", job.Delivered, job.Unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			sink := devicetest.NewRaw(t, devicetest.Manner{})
			var once atomic.Bool
			sink.Answer = func(got []byte) []byte {
				if !bytes.Contains(got, []byte("@PJL EOJ")) || once.Swap(true) {
					return nil
				}
				return []byte(tt.answer)
			}
			res, err := open(t, pjlDevice(sink), quick()).Deliver(t.Context(), named(devicetest.Doc("pdf", devicetest.Bytes(1, 2000))))
			if err != nil || res.Evidence != tt.evidence || res.Impressions != tt.impressions {
				t.Errorf("result %+v, %v; want %v and %d", res, err, tt.evidence, tt.impressions)
			}
		})
	}
}

// A device that talks without end neither keeps a delivery nor fills memory.
func TestA34FloodOnTheBackChannel(t *testing.T) {
	sink := devicetest.NewRaw(t, devicetest.Manner{Silent: true})
	flood := bytes.Repeat([]byte("@PJL USTATUS DEVICE\r\nCODE=41000\r\n\f"), 300_000)
	var once atomic.Bool
	sink.Answer = func(got []byte) []byte {
		if !bytes.Contains(got, []byte("@PJL EOJ")) || once.Swap(true) {
			return nil
		}
		return flood
	}
	s := quick()
	s.Talk = 300 * time.Millisecond
	res, err := open(t, pjlDevice(sink), s).Deliver(t.Context(), named(devicetest.Doc("pdf", devicetest.Bytes(1, 2000))))
	if err != nil || res.Evidence != job.Delivered {
		t.Errorf("result %+v, %v", res, err)
	}
}

func TestNoticesOfTheDevice(t *testing.T) {
	sink := devicetest.NewRaw(t, devicetest.Manner{})
	step := 0
	sink.Answer = func(got []byte) []byte {
		if step++; step == 1 {
			b, err := os.ReadFile("../testdata/device/paper-out.pjl")
			if err != nil {
				t.Error(err)
			}
			return b
		}
		return nil
	}
	var texts []string
	d := named(devicetest.Doc("pdf", devicetest.Bytes(1, 100_000)))
	d.Notice = func(c site.Condition) { texts = append(texts, c.Text) }
	if _, err := open(t, pjlDevice(sink), quick()).Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	want := []string{""} // the last of what came at once
	if !slices.Equal(texts, want) && !slices.Equal(texts, []string{"The device needs paper.", "Paper is jammed in the device.", ""}) {
		t.Errorf("notices %q", texts)
	}
}

// PJL has an end for a job that was stopped, so that the device does not take
// what comes next for its rest.
func TestF43CancelEndsThePJLJob(t *testing.T) {
	sink := devicetest.NewRaw(t, devicetest.Manner{})
	b := devicetest.Bytes(1, 4<<20)
	ctx, cancel := context.WithCancel(t.Context())
	d := named(devicetest.Doc("pdf", b))
	d.Progress = func(o int64) {
		if o > 1<<20 {
			cancel()
		}
	}
	res, err := open(t, pjlDevice(sink), quick()).Deliver(ctx, d)
	if !errors.Is(err, context.Canceled) || res.Evidence != job.Partial || res.Octets >= int64(len(b)) {
		t.Fatalf("result %+v, %v", res, err)
	}
	got := waitDocument(t, sink)
	if !bytes.HasSuffix(got, []byte(pjlEnd)) || len(got) > len(b) {
		t.Errorf("%d octets, end %q", len(got), got[max(0, len(got)-80):])
	}
}

func TestNoHalfClose(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	early := make(chan bool, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf := make([]byte, 64<<10)
		var got []byte
		for !bytes.HasSuffix(got, []byte("the end")) {
			n, err := conn.Read(buf)
			got = append(got, buf[:n]...)
			if err != nil {
				return
			}
		}
		conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, err = conn.Read(buf)
		early <- !errors.Is(err, os.ErrDeadlineExceeded)
	}()
	dev := open(t, site.Device{URI: "socket://" + ln.Addr().String(), Quirks: []string{"no-half-close"}}, quick())
	res, err := dev.Deliver(t.Context(), named(devicetest.Doc("unknown", []byte("the document and the end"))))
	if err != nil || res.Evidence != job.Delivered {
		t.Fatalf("result %+v, %v", res, err)
	}
	if <-early {
		t.Error("the sending side was shut before the device was done")
	}
}

func TestReservedPort(t *testing.T) {
	sink := devicetest.NewLPR(t, devicetest.Manner{})
	dev := open(t, site.Device{URI: "lpr://" + sink.Addr + "/raw", Quirks: []string{"reserved-port"}}, quick())
	for range 15 { // more than there are ports from 721 to 731
		if _, err := dev.Deliver(t.Context(), named(devicetest.Doc("pdf", []byte("%PDF-1.7")))); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range sink.Peers() {
		if p.Port() >= 1024 {
			t.Errorf("came from %v", p)
		}
	}
}

func TestOneFileAndManyFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		quirks []string
		copies int
		jobs   int
	}{
		"as many as fit":   {copies: 52, jobs: 1},
		"more than fit":    {copies: 60, jobs: 2},
		"one file a job":   {quirks: []string{"one-file"}, copies: 3, jobs: 3},
		"data files first": {quirks: []string{"data-first"}, copies: 3, jobs: 1},
	} {
		t.Run(name, func(t *testing.T) {
			sink := devicetest.NewLPR(t, devicetest.Manner{})
			d := named(devicetest.Doc("pdf", []byte("%PDF-1.7")))
			d.Options.Copies = tt.copies
			res, err := open(t, site.Device{URI: "lpr://" + sink.Addr + "/raw", Quirks: tt.quirks}, quick()).Deliver(t.Context(), d)
			if err != nil || res.Copies != tt.copies || res.Evidence != job.Acknowledged {
				t.Fatalf("result %+v, %v", res, err)
			}
			if docs, jobs := len(sink.Documents()), len(sink.ControlFiles()); docs != tt.copies || jobs != tt.jobs {
				t.Errorf("%d documents in %d jobs", docs, jobs)
			}
		})
	}
}

// An empty document is no reason to talk to a device, nor to fail for ever.
func TestEmptyDocument(t *testing.T) {
	lpr := devicetest.NewLPR(t, devicetest.Manner{})
	raw := devicetest.NewRaw(t, devicetest.Manner{})
	for _, uri := range []string{"lpr://" + lpr.Addr + "/q", "socket://" + raw.Addr, folderURI(t.TempDir())} {
		calls := 0
		d := named(devicetest.Doc("unknown", nil))
		d.Go = func() error { calls++; return nil }
		res, err := open(t, site.Device{URI: uri}, quick()).Deliver(t.Context(), d)
		if err != nil || res.Octets != 0 || calls != 1 {
			t.Errorf("%s: result %+v, %v, %d calls of Go", uri, res, err, calls)
		}
	}
}

// names is a resolver of a test.
type names map[string][]netip.Addr

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a := n[host]; a != nil {
		return a, nil
	}
	return nil, &net.DNSError{Name: host, IsNotFound: true}
}

// A33: what a name means is looked at when it is used, and the canary on this
// machine hears nothing.
func TestA33NameOfThisMachine(t *testing.T) {
	sink := devicetest.NewRaw(t, devicetest.Manner{})
	port := netip.MustParseAddrPort(sink.Addr).Port()
	s := quick()
	s.AllowLoopback = false
	s.Resolver = names{
		"mfd":   {netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("169.254.169.254")},
		"other": {netip.MustParseAddr("::ffff:127.0.0.1")},
	}
	for name, kind := range map[string]fault.Kind{"mfd": fault.Denied, "other": fault.Denied, "nobody": fault.Unavailable} {
		for _, scheme := range []string{"socket://%s:%d", "lpr://%s:%d/q"} {
			dev := open(t, site.Device{URI: fmt.Sprintf(scheme, name, port)}, s)
			res, err := dev.Deliver(t.Context(), named(devicetest.Doc("pdf", []byte("%PDF-1.7"))))
			if !fault.Is(err, kind) || res.Evidence != job.NoneAccepted {
				t.Errorf("%s: result %+v, %v", name, res, err)
			}
			if c, err := dev.Condition(t.Context()); err != nil || c.State != "stopped" || c.Text == "" {
				t.Errorf("%s: condition %+v, %v", name, c, err)
			}
		}
	}
	if n := len(sink.Peers()); n != 0 {
		t.Errorf("the canary was called %d times", n)
	}
	s.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} // an administrator listed it
	if _, err := open(t, site.Device{URI: fmt.Sprintf("socket://mfd:%d", port)}, s).Deliver(t.Context(), named(devicetest.Doc("pdf", []byte("%PDF-1.7")))); err != nil {
		t.Errorf("listed: %v", err)
	}
}

// A name with several addresses is a device as long as one of them answers.
func TestSecondAddress(t *testing.T) {
	sink := devicetest.NewRaw(t, devicetest.Manner{})
	s := quick()
	s.Resolver = names{"mfd": {netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")}}
	uri := fmt.Sprintf("socket://mfd:%d", netip.MustParseAddrPort(sink.Addr).Port())
	if _, err := open(t, site.Device{URI: uri}, s).Deliver(t.Context(), named(devicetest.Doc("pdf", []byte("%PDF-1.7")))); err != nil {
		t.Error(err)
	}
}

func TestCondition(t *testing.T) {
	raw, lpr := devicetest.NewRaw(t, devicetest.Manner{}), devicetest.NewLPR(t, devicetest.Manner{})
	gone := devicetest.NewRaw(t, devicetest.Manner{})
	gone.Close()
	tests := map[string]struct {
		d           site.Device
		state, text string
	}{
		"raw":             {site.Device{URI: "socket://" + raw.Addr}, "idle", ""},
		"lpr":             {site.Device{URI: "lpr://" + lpr.Addr + "/q"}, "idle", ""},
		"nobody there":    {site.Device{URI: "socket://" + gone.Addr}, "stopped", "The device cannot be reached."},
		"not to be asked": {site.Device{URI: "socket://" + raw.Addr, Quirks: []string{"one-connection"}}, "unknown", ""},
		"folder":          {site.Device{URI: folderURI(t.TempDir())}, "idle", ""},
		"no folder":       {site.Device{URI: folderURI(filepath.Join(t.TempDir(), "no"))}, "stopped", "The folder cannot be written to."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := open(t, tt.d, quick()).Condition(t.Context())
			if err != nil || c.State != tt.state || c.Text != tt.text {
				t.Errorf("condition %+v, %v", c, err)
			}
		})
	}
	if len(raw.Documents())+len(lpr.Documents()) > 1 { // an empty connection is an empty document at worst
		t.Errorf("a look printed something")
	}
}

func TestFolderNames(t *testing.T) {
	dir := t.TempDir()
	dev := open(t, site.Device{URI: folderURI(dir)}, quick())
	d := named(devicetest.Doc("pdf", []byte("%PDF-1.7")), devicetest.Doc("../../etc/passwd", []byte("^XA^XZ")))
	d.Title = "../../../etc/cron.d/" + canary
	for range 2 { // the second time is "print again"
		if res, err := dev.Deliver(t.Context(), d); err != nil || res.Evidence != job.Confirmed {
			t.Fatalf("result %+v, %v", res, err)
		}
	}
	left := filepath.Join(dir, ".part-000017-"+uuid+"-1") // of a node that died
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	one := named(devicetest.Doc("postscript", []byte("%!PS")))
	if _, err := dev.Deliver(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	var got []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got = append(got, e.Name())
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	base := "000017-" + uuid
	want := []string{base + "-1-again1.pdf", base + "-1.pdf", base + "-2-again1.prn", base + "-2.prn", base + ".ps"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A folder that goes away is a device that is offline.
func TestF35FolderIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	res, err := open(t, site.Device{URI: folderURI(dir)}, quick()).Deliver(t.Context(), named(devicetest.Doc("pdf", []byte("%PDF-1.7"))))
	if !fault.Is(err, fault.Unavailable) || res.Evidence != job.NoneAccepted || res.Octets != 0 {
		t.Errorf("result %+v, %v", res, err)
	}
}
