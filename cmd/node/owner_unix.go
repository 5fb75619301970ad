//go:build !windows

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"platen/fault"
)

// nobodyElseWrites checks that only root, or the user who installs, can change the
// program that a service will run: the file, and each folder above it, whose
// owner could put another file in its place.
func nobodyElseWrites(program string) error {
	path, err := filepath.EvalSymlinks(program)
	if err != nil {
		return err
	}
	for {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		st, known := info.Sys().(*syscall.Stat_t)
		mode := info.Mode().Perm()
		switch {
		case mode&0o002 != 0, mode&0o020 != 0 && known && st.Gid != 0:
			return &fault.Error{Op: "service.install", Kind: fault.Conflict, Text: "Others may write to %s, so they could change what the service runs. Put the program where only root writes, such as /usr/local/bin, or take the right away: chmod go-w %s", Args: []any{path, path}}
		case known && st.Uid != 0 && int(st.Uid) != os.Geteuid():
			return &fault.Error{Op: "service.install", Kind: fault.Conflict, Text: "%s belongs to somebody else, who could change what the service runs. Put the program where only root writes, such as /usr/local/bin.", Args: []any{path}}
		}
		up := filepath.Dir(path)
		if up == path {
			return nil
		}
		path = up
	}
}

// becomeOwner makes this process the user that the data folder belongs to, when
// it is root's process and somebody else's folder. A database file that root
// has made would stop the service from starting.
func becomeOwner(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || st.Uid == 0 {
		return nil
	}
	if err := syscall.Setgroups([]int{int(st.Gid)}); err != nil {
		return fmt.Errorf("becoming the owner of the data folder: %w", err)
	}
	if err := syscall.Setgid(int(st.Gid)); err != nil {
		return fmt.Errorf("becoming the owner of the data folder: %w", err)
	}
	if err := syscall.Setuid(int(st.Uid)); err != nil {
		return fmt.Errorf("becoming the owner of the data folder: %w", err)
	}
	return nil
}
