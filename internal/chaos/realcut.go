package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A real cut stops a real file system under the node: its journal is not
// flushed, what was not synced is lost, names as well as octets. It needs root
// and loop devices.

// image is a file system in a file, mounted.
type image struct {
	fs   string // "ext4" or "xfs"
	file string
	dir  string    // where it is mounted
	cut  time.Time // when the cut began; only what was acknowledged before counts
}

const imageOctets = 2 << 30 // the node keeps half a gigabyte free

// mountImage makes a file system and mounts it at dir.
func mountImage(ctx context.Context, fs, dir string) (*image, error) {
	m := &image{fs: fs, file: dir + ".img", dir: dir}
	f, err := os.Create(m.file)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(imageOctets), f.Close(), os.MkdirAll(dir, 0o700)); err != nil {
		return nil, err
	}
	if err := tool(ctx, "mkfs."+fs, "-q", m.file); err != nil {
		return nil, err
	}
	return m, m.mount(ctx)
}

func (m *image) mount(ctx context.Context) error {
	return tool(ctx, "mount", "-t", m.fs, "-o", "loop", m.file, m.dir)
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

// shutdown is FS_IOC_SHUTDOWN without flushing the log, as ext4 and xfs know it.
func (m *image) shutdown() error {
	const fsIOCShutdown, noLogFlush = 0x8004587D, 2
	d, err := os.Open(m.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	flag := [1]uint32{noLogFlush}
	m.cut = time.Now()
	return ioctl(d.Fd(), fsIOCShutdown, &flag)
}

func tool(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return nil
}

// realCuts plays rounds on both file systems, and then shows that a node that
// does not sync is found out.
func realCuts(ctx context.Context, h *house, o options) error {
	for _, fs := range []string{"ext4", "xfs"} {
		var sum tally
		for i := range o.cuts {
			p := plan{name: "power cut on " + fs, kind: realCut, fs: fs}
			res, err := h.round(ctx, i, p)
			if err != nil {
				return fmt.Errorf("round %d (%s): %w\nrepeat it with: go run ./internal/chaos -seed %d -cuts %d -keep", i, p.name, err, o.seed, o.cuts)
			}
			sum.add(res)
			fmt.Printf("cut %3d seed %d %-5s %s\n", i, o.seed+uint64(i), fs, res)
		}
		fmt.Printf("%s: %d cuts: %s; of what was acknowledged before a cut began, nothing was lost\n", fs, o.cuts, sum)
		for _, defect := range []string{"no-filesync", "sync-normal"} {
			if err := cutMustTurnRed(ctx, h, o, fs, defect); err != nil {
				return err
			}
		}
	}
	return nil
}

func cutMustTurnRed(ctx context.Context, h *house, o options, fs, defect string) error {
	for i := range tries {
		_, err := h.round(ctx, 20_000+i, plan{name: "defect " + defect, kind: realCut, fs: fs, failpoints: "defect:" + defect})
		var broken *broken
		switch {
		case err == nil:
		case errors.As(err, &broken):
			fmt.Printf("control %-12s %-5s is found out, as it must be, in round %d: %s\n", defect, fs, i, broken)
			return nil
		default:
			return err
		}
	}
	return fmt.Errorf("the control %s stayed green on %s for %d rounds (seed %d): the harness is blind", defect, fs, tries, o.seed)
}

// cutFolder is where the node of a round lives on an image.
func (m *image) cutFolder() string { return filepath.Join(m.dir, "node") }
