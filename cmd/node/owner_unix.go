//go:build !windows

package main

import (
	"fmt"
	"os"
	"syscall"
)

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
