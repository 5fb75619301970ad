//go:build !windows

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"platen/internal/fsys"
)

// maxSocketPath is what fits into sun_path on every Unix, with its final zero.
const maxSocketPath = 103

// shortPath makes a path of any length fit into an address: by way of an open
// descriptor of its folder, where the system has such a thing.
func shortPath(path string) (short string, done func(), err error) {
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(path), func() { dir.Close() }, nil
}

// listenControl makes the socket, private from the moment it exists: the
// folder lets nobody else in. The caller holds the node's lock, so a socket
// that is there already belongs to nobody.
func listenControl(ctx context.Context, path string) (net.Listener, error) {
	if err := fsys.RemoveFile(path); err != nil {
		return nil, err
	}
	short, done, err := shortPath(path)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	defer done()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "unix", short)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false) // the short path is gone by then
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, fmt.Errorf("control: %w", err)
	}
	return &unlinking{ln, path}, nil
}

// unlinking removes the socket when it is closed.
type unlinking struct {
	net.Listener
	path string
}

func (u *unlinking) Close() error {
	return errors.Join(fsys.RemoveFile(u.path), u.Listener.Close())
}

// dialControl connects to a running node.
func dialControl(ctx context.Context, path string) (net.Conn, error) {
	short, done, err := shortPath(path)
	if err != nil {
		return nil, err
	}
	defer done()
	return (&net.Dialer{}).DialContext(ctx, "unix", short)
}

// nobodyThere reports whether an error of dialControl means that no node runs.
func nobodyThere(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}
