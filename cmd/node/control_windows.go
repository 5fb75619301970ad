package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"

	"golang.org/x/sys/windows"

	"platen/internal/fsys"
)

// listenControl makes the socket. Windows knows Unix sockets since 2018; who
// may open it is decided by the private folder that it is in.
func listenControl(ctx context.Context, path string) (net.Listener, error) {
	if err := fsys.RemoveFile(path); err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	return ln, nil
}

// nobodyElseWrites is answered by the folder that the program is in: what is under
// Program Files only administrators write.
func nobodyElseWrites(string) error { return nil }

// dialControl connects to a running node.
func dialControl(ctx context.Context, path string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", path)
}

// nobodyThere reports whether an error of dialControl means that no node runs.
func nobodyThere(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, windows.WSAECONNREFUSED)
}

// peer names who is at the other end. Only administrators can be.
func peer(net.Conn) string { return "administrator" }

// self names the person who runs this process.
func self() string {
	if u, err := user.Current(); err == nil {
		return "administrator " + u.Username
	}
	return "administrator"
}

// becomeOwner does nothing: files inherit their access list from the folder.
func becomeOwner(string) error { return nil }
