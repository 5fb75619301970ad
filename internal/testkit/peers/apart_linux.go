package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"syscall"
)

// Apart takes the calling goroutine, for good, into a network of its own and
// listens there at 192.0.2.1 (RFC 5737), a host that is not this machine. hosts is
// the file that is /etc/hosts for what the goroutine starts. Other goroutines stay
// in the world, so that what is accepted can be brought there. It needs root.
func Apart(ctx context.Context, hosts string) (net.Listener, error) {
	runtime.LockOSThread() // never unlocked: the thread ends with its namespaces
	if err := syscall.Unshare(syscall.CLONE_NEWNET | syscall.CLONE_NEWNS); err != nil {
		return nil, err
	}
	if err := errors.Join(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""), syscall.Mount(hosts, "/etc/hosts", "", syscall.MS_BIND, "")); err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"link", "set", "lo", "up"}, {"addr", "add", "192.0.2.1/32", "dev", "lo"}} {
		if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", "192.0.2.1:0")
}
