package peers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// VirtualReaders are the names that pcscd gives to vsmartcard's readers.
var VirtualReaders = []string{"Virtual PCD 00 00", "Virtual PCD 00 01"}

// firstVPCD is the port of the first virtual reader, on all addresses; the
// second has the next one.
const firstVPCD = 35963

// PCSCD is pcscd with vsmartcard's virtual readers, in a network and a view of
// the file system of its own: its socket and the readers' ports are fixed.
type PCSCD struct {
	*Process
	dir string
}

// StartPCSCD runs pcscd with its socket in dir, which another one may have had
// before. Root is needed.
func StartPCSCD(ctx context.Context, dir string) (*PCSCD, error) {
	const script = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir /run/pcscd
mount --bind "$1" /run/pcscd
ip link set lo up
exec /usr/sbin/pcscd --foreground --error`
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(filepath.Join(dir, "pcscd.comm")); err != nil && !errors.Is(err, os.ErrNotExist) { // of one that was killed
		return nil, err
	}
	p, err := startProcess(ctx, nil, "unshare", "--net", "--mount", "sh", "-c", script, "sh", dir)
	if err != nil {
		return nil, err
	}
	d := &PCSCD{Process: p, dir: dir}
	if err := d.untilOpen("unix", d.Socket()); err != nil {
		d.Kill()
		return nil, err
	}
	return d, nil
}

// Socket is where pcscd listens.
func (d *PCSCD) Socket() string { return filepath.Join(d.dir, "pcscd.comm") }

// VirtualCard is a card in a virtual reader.
type VirtualCard struct {
	tube *exec.Cmd
	in   io.WriteCloser
	out  io.Reader
	done chan struct{}
}

// The ATR that PC/SC part 3 gives to a MIFARE Classic 1K card.
var atr = []byte{0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0, 0, 0x03, 0x06, 0x03, 0, 0x01, 0, 0, 0, 0, 0x6A}

// Insert lays a card into a virtual reader, 0 or 1. answer gets what the card is
// asked, and is not called by two goroutines at once.
func (d *PCSCD) Insert(ctx context.Context, reader int, answer func(command []byte) []byte) (*VirtualCard, error) {
	port := strconv.Itoa(firstVPCD + reader)
	c := &VirtualCard{done: make(chan struct{})}
	c.tube = exec.CommandContext(ctx, "nsenter", "--target", strconv.Itoa(d.Pid()), "--net", "socat", "-", "TCP:127.0.0.1:"+port)
	var err, err2 error
	c.in, err = c.tube.StdinPipe()
	c.out, err2 = c.tube.StdoutPipe()
	if err := errors.Join(err, err2, c.tube.Start()); err != nil {
		return nil, fmt.Errorf("peers: virtual card: %w", err)
	}
	go func() {
		defer close(c.done)
		_ = c.serve(answer) // the card is taken away, or pcscd is gone
		_ = c.tube.Process.Kill()
		_ = c.tube.Wait()
	}()
	return c, nil
}

// Remove takes the card away.
func (c *VirtualCard) Remove() {
	_ = c.tube.Process.Kill()
	<-c.done
}

// serve speaks vpcd's protocol: messages with two octets of length; one octet
// is about power, and 4 asks for the ATR.
func (c *VirtualCard) serve(answer func([]byte) []byte) error {
	for {
		var size [2]byte
		if _, err := io.ReadFull(c.out, size[:]); err != nil {
			return err
		}
		message := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c.out, message); err != nil {
			return err
		}
		var reply []byte
		switch {
		case len(message) != 1:
			reply = answer(message)
		case message[0] == 4:
			reply = atr
		default:
			continue
		}
		if _, err := c.in.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return err
		}
	}
}

// Scriptor sends a command, "FF CA 00 00 00", to the card in a reader with
// pcsc-tools' scriptor, and returns what that says.
func (d *PCSCD) Scriptor(ctx context.Context, reader int, command string) (string, error) {
	cmd := exec.CommandContext(ctx, "scriptor", "-r", VirtualReaders[reader])
	cmd.Env = append(os.Environ(), "PCSCLITE_CSOCK_NAME="+d.Socket())
	cmd.Stdin = strings.NewReader(command + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("peers: scriptor: %w: %s", err, out)
	}
	return string(out), nil
}
