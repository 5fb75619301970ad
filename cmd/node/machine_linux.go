package main

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

const onWindows = false

// networkFS names the network file system that a folder is on, "" for a local
// one. The numbers are those of statfs(2).
func networkFS(dir string) string {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return ""
	}
	switch uint32(st.Type) {
	case 0x6969:
		return "NFS"
	case 0xFF534D42, 0xFE534D42, 0x517B:
		return "SMB"
	}
	return ""
}

// noCore keeps what is in memory (keys, documents) out of core files, and this
// process out of reach of others of the same user.
func noCore() error {
	return errors.Join(
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
}
