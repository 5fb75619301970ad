package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// image is a file system in a file, mounted. It needs root and loop devices.
type image struct {
	fs   string // "ext4" or "xfs"
	file string
	dir  string    // where it is mounted
	cut  time.Time // when the cut began; only what was acknowledged before counts
}

const imageOctets = 2 << 30 // the node keeps half a gigabyte free

// mountImage makes a file system in file, with more options for mkfs, and mounts
// it at dir.
func mountImage(ctx context.Context, fs, file, dir string, octets int64, how ...string) (*image, error) {
	m := &image{fs: fs, file: file, dir: dir}
	f, err := os.Create(m.file)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(octets), f.Close(), os.MkdirAll(dir, 0o755)); err != nil {
		return nil, err
	}
	if err := tool(ctx, "mkfs."+fs, append(how, "-q", m.file)...); err != nil {
		return nil, err
	}
	if err := m.mount(ctx); err != nil {
		return nil, err
	}
	return m, os.Chmod(dir, 0o755) // peers become somebody else
}

func (m *image) mount(ctx context.Context) error {
	o := "loop"
	if m.fs == "xfs" {
		o += ",nouuid" // the kernel may still be letting go of another copy
	}
	return tool(ctx, "mount", "-t", m.fs, "-o", o, m.file, m.dir)
}

// again unmounts, and mounts as a machine does that gets its power back.
func (m *image) again(ctx context.Context) error {
	if err := m.unmount(ctx); err != nil {
		return err
	}
	return m.mount(ctx)
}

// unmount tries for a while: a process that was killed lets go of its files a
// moment later.
func (m *image) unmount(ctx context.Context) (err error) {
	for range 50 {
		if err = tool(ctx, "umount", m.dir); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// remove leaves nothing behind, whatever has happened.
func (m *image) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = m.unmount(ctx)
	_ = os.Remove(m.file)
}

// shutdown is FS_IOC_SHUTDOWN without flushing the log, as ext4 and xfs know it:
// what was not synced is lost, names as well as octets.
func (m *image) shutdown() error {
	const fsIOCShutdown, noLogFlush = 0x8004587D, 2
	d, err := os.Open(m.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	m.cut = time.Now()
	return unix.IoctlSetPointerInt(int(d.Fd()), fsIOCShutdown, noLogFlush)
}

// abort makes ext4 give up its journal, as it does after an error of the disk.
// xfs has no such thing: it shuts down.
func (m *image) abort(ctx context.Context) error {
	if m.fs != "ext4" {
		return m.shutdown()
	}
	m.cut = time.Now()
	return tool(ctx, "mount", "-o", "remount,abort", m.dir)
}

// clone makes a copy of the image as it is at one moment, while it is in use. The
// folder that holds it must be on a file system that shares blocks.
func (m *image) clone(file string) (*image, error) {
	from, err := os.Open(m.file)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	to, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	defer to.Close()
	c := &image{fs: m.fs, file: file, dir: m.dir, cut: time.Now()}
	return c, unix.IoctlFileClone(int(to.Fd()), int(from.Fd()))
}

// node is where the node of a round lives on an image.
func (m *image) node() string { return filepath.Join(m.dir, "node") }

func tool(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return nil
}
