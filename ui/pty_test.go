//go:build linux

package ui

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a program on a screen of its own, for people who use a text
// browser; the test types and reads.
type terminal struct {
	t    *testing.T
	keys *os.File

	mu   sync.Mutex
	seen bytes.Buffer
	more chan struct{}
}

// start runs the program on a new pseudo terminal of 100 by 50.
func start(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(ptmx.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(ptmx.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(ptmx.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 100}); err != nil {
		t.Fatal(err)
	}
	pts, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pts, pts, pts
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = pts.Close()
	p := &terminal{t: t, keys: ptmx, more: make(chan struct{}, 1)}
	done := make(chan struct{})
	go p.read(done)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = ptmx.Close()
		<-done
	})
	return p
}

func (p *terminal) read(done chan struct{}) {
	defer close(done)
	b := make([]byte, 4096)
	for {
		n, err := p.keys.Read(b)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.seen.Write(b[:n])
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[a-zA-Z]|\x1b[()][A-Z0-9]|\x1b[=>78]|\x00")

// screen returns what was written since the last time that something was
// typed, words apart by one space.
func (p *terminal) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(strings.Fields(escapes.ReplaceAllString(p.seen.String(), " ")), " ")
}

// wait waits until the text is on the screen.
func (p *terminal) wait(text string) { p.t.Helper(); p.waitWith(text, "") }

// waitDrawn also asks to draw the screen again now and then: programs save
// what two screens have in common, letter by letter.
func (p *terminal) waitDrawn(text string) { p.t.Helper(); p.waitWith(text, "\x0c") }

func (p *terminal) waitWith(text, redraw string) {
	p.t.Helper()
	late := time.After(20 * time.Second)
	again := time.NewTicker(3 * time.Second) // a key puts off what a page does after two
	defer again.Stop()
	for !strings.Contains(p.screen(), text) {
		select {
		case <-p.more:
		case <-again.C:
			if _, err := p.keys.WriteString(redraw); err != nil {
				p.t.Fatal(err)
			}
		case <-late:
			s := p.screen()
			p.t.Fatalf("%q never came:\n%s", text, s[max(0, len(s)-1500):])
		}
	}
}

// press types keys.
func (p *terminal) press(keys string) {
	p.t.Helper()
	p.mu.Lock()
	p.seen.Reset()
	p.mu.Unlock()
	if _, err := p.keys.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}
