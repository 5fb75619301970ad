package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"platen/internal/testkit/peers"
)

// everywhere is ippeveprinter with these formats, on a bus of its own. It keeps
// what arrives in the folder that is returned.
func everywhere(t *testing.T, formats string) (uri, dir string) {
	t.Helper()
	t.Log("peer:", peers.Version("cups-ipp-utils"), peers.Version("ghostscript"), peers.Version("poppler-utils"))
	short, err := os.MkdirTemp("", "platen-bus-") // it becomes the name of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	dir = t.TempDir()
	address := "unix:path=" + short + "/bus"
	for name, text := range map[string]string{
		short + "/conf": `<busconfig><type>system</type><listen>` + address + `</listen>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="*"/><allow receive_type="*"/></policy></busconfig>`,
		dir + "/command.sh": "#!/bin/sh\ncp \"$1\" " + dir + "/part && env > " + dir + "/told && mv " + dir + "/part " + dir + "/document\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	start := func(argv ...string) {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+address)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
		if err := cmd.Start(); err != nil {
			t.Fatalf("%v (make peers installs it, and it needs root)", err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	}
	start("dbus-daemon", "--config-file="+short+"/conf", "--nofork", "--nopidfile")
	await(t, "dbus-daemon", func() bool { _, err := os.Stat(short + "/bus"); return err == nil })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(addr)
	start("ippeveprinter", "-p", port, "-r", "off", "-n", "localhost", "-2", "-d", dir, "-K", dir, "-c", dir+"/command.sh", "-f", formats, "Sink")
	await(t, "ippeveprinter", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return "ipp://" + addr + "/ipp/print", dir
}

// ipp prints a document by IPP with these attributes of the job.
func (h *house) ipp(queue, format, file, attrs string) {
	h.t.Helper()
	test := filepath.Join(h.t.TempDir(), "print.test")
	text := `{
	OPERATION Print-Job
	GROUP operation-attributes-tag
	ATTR charset attributes-charset utf-8
	ATTR naturalLanguage attributes-natural-language en
	ATTR uri printer-uri $uri
	ATTR name requesting-user-name anna
	ATTR mimeMediaType document-format ` + format + `
	GROUP job-attributes-tag
` + attrs + `
	FILE ` + file + `
	STATUS successful-ok
}
`
	if err := os.WriteFile(test, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	uri := regexp.MustCompile(`/ipp/print.*`).ReplaceAllString(h.demo.IPP, "/ipp/print/"+queue)
	if out, err := exec.CommandContext(inTime(h.t), "ipptool", "-tv", uri, test).CombinedOutput(); err != nil {
		h.t.Fatalf("ipptool: %v: %s", err, out)
	}
}

const twoSidedGray = `	ATTR keyword sides two-sided-long-edge
	ATTR keyword print-color-mode monochrome
	ATTR keyword media iso_a4_210x297mm
`

// threePages is a PDF.
func threePages(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "three.pdf")
	ps := "1 1 3 {pop 1 0 0 setrgbcolor 100 100 200 200 rectfill showpage} for\n"
	cmd := exec.CommandContext(inTime(t), "gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sPAPERSIZE=a4", "-sDEVICE=pdfwrite", "-sOutputFile="+file, "-")
	cmd.Stdin = strings.NewReader(ps)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gs: %v: %s", err, out)
	}
	return file
}

// A printer of the kind that phones print to reads no PDF: it gets a raster, made
// for it, and the history of the job says so. What cannot be made into one is not
// sent, and the job says why.
func TestConvertsForItsDevice(t *testing.T) {
	uri, dir := everywhere(t, "image/pwg-raster,image/urf")
	h := startDemo(t, "")
	h.must("device", "add", "eve", "--uri", uri)
	h.must("queue", "add", "phone", "--mode", "passthrough", "--device", "eve")
	await(t, "the device says what it reads", func() bool {
		return strings.Contains(h.must("device", "show", "eve", "--json"), "image/pwg-raster")
	})
	h.ipp("phone", "application/pdf", threePages(t), twoSidedGray)
	h.awaitState(1, "completed")
	doc, err := os.ReadFile(filepath.Join(dir, "document"))
	if err != nil || len(doc) < 1800 || string(doc[:4]) != "RaS2" {
		t.Fatalf("%d octets, %v", len(doc), err)
	}
	word := func(at int) int { return int(binary.BigEndian.Uint32(doc[4+at:])) }
	if word(272) != 1 || word(400) != 18 {
		t.Errorf("duplex %d, colour space %d", word(272), word(400))
	}
	told, err := os.ReadFile(filepath.Join(dir, "told"))
	if err != nil || !strings.Contains(string(told), "IPP_SIDES=two-sided-long-edge") || !strings.Contains(string(told), "CONTENT_TYPE=image/pwg-raster") {
		t.Errorf("it was told %s, %v", told, err)
	}
	said := h.must("job", "show", "1")
	if !regexp.MustCompile(`Converted from PDF to PWG raster for eve in \d+ s\.`).MatchString(said) {
		t.Errorf("history:\n%s", said)
	}
	var rows []map[string]any
	h.json(&rows, "export", "accounting")
	if len(rows) != 1 || rows[0]["octets"] != float64(len(doc)) {
		t.Errorf("%d octets arrived, ledger %v", len(doc), rows)
	}

	bad := filepath.Join(t.TempDir(), "bad.ps")
	if err := os.WriteFile(bad, []byte("%!PS\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.ipp("phone", "application/postscript", bad, "")
	h.awaitState(2, "aborted")
	if said := h.must("job", "show", "2"); !strings.Contains(said, "This document is damaged and could not be converted for the device.") {
		t.Errorf("job 2:\n%s", said)
	}
	if left, err := os.ReadDir(filepath.Join(h.dir, "converting")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	h.end()
}

// What a client asks for by IPP arrives at a laser printer as PJL.
func TestTicketArrivesAsPJL(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	got := make(chan []byte, 8)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			b, _ := io.ReadAll(conn)
			conn.Close()
			if len(b) > 0 {
				got <- b
			}
		}
	}()
	h := startDemo(t, "")
	h.must("device", "add", "laser", "--uri", fmt.Sprintf("socket://%s", ln.Addr()), "--model", "HP LaserJet M507")
	h.must("queue", "add", "laser", "--mode", "passthrough", "--device", "laser")
	h.ipp("laser", "application/pdf", threePages(t), twoSidedGray)
	h.awaitState(1, "completed")
	b := <-got
	for _, want := range []string{"@PJL SET DUPLEX=ON\r\n@PJL SET BINDING=LONGEDGE\r\n@PJL SET RENDERMODE=GRAYSCALE\r\n@PJL SET PAPER=A4\r\n", "@PJL ENTER LANGUAGE=PDF\r\n%PDF-"} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("no %q in %q", want, b[:min(len(b), 600)])
		}
	}
	// Only the pages that were asked for: this device cannot choose.
	h.ipp("laser", "application/pdf", threePages(t), "\tATTR rangeOfInteger page-ranges 2-2\n")
	h.awaitState(2, "completed")
	b = <-got
	_, b, _ = bytes.Cut(b, []byte("@PJL ENTER LANGUAGE=PDF\r\n"))
	b, _, _ = bytes.Cut(b, []byte("\x1b%-12345X"))
	file := filepath.Join(t.TempDir(), "two.pdf")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(inTime(t), "qpdf", "--show-npages", file).CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Errorf("pages %s, %v", out, err)
	}
	h.end()
}
