package peers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// LPRng is its lpd with a queue "held" that keeps what it gets.
type LPRng struct {
	*Process
	Addr    string
	Spool   string // the queue's folder
	Version string
}

// UnpackedLPRng returns the folder that make peers has unpacked LPRng into. below
// is where it is when PLATEN_PEERS does not say so.
func UnpackedLPRng(below string) (string, error) {
	root := os.Getenv("PLATEN_PEERS")
	if root == "" {
		root = below
	}
	return filepath.Abs(filepath.Join(root, "lprng"))
}

// StartLPRng runs LPRng's lpd, unpacked at root, on a free port, its files below
// dir, which must be readable for the user that lpd becomes. Its configuration has a
// fixed place, so it gets a view of the file system of its own; root is needed.
func StartLPRng(ctx context.Context, root, dir string) (*LPRng, error) {
	lpd := filepath.Join(root, "usr/sbin/lpd")
	version, err := exec.CommandContext(ctx, lpd, "-V").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("peers: %w: %s (make peers unpacks it)", err, version)
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	perms, err := os.ReadFile(filepath.Join(root, "etc/lprng/lpd.perms"))
	if err != nil {
		return nil, err
	}
	conf, spool := filepath.Join(dir, "etc"), filepath.Join(dir, "spool")
	for _, d := range []string{conf, spool, "/etc/lprng"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	for name, text := range map[string]string{
		"lpd.perms": string(perms),
		"lpd.conf": fmt.Sprintf("printcap_path=/etc/lprng/printcap\nlpd_printcap_path=\nprinter_perms_path=/etc/lprng/lpd.perms\n"+
			"lpd_listen_port=127.0.0.1%%%d\nlpd_port=127.0.0.1%%%d\nunix_socket_path=\nlockfile=%s/lpd\nuser=daemon\ngroup=daemon\n", port, port, dir),
		"printcap": fmt.Sprintf("held:\n :sd=%s\n :lp=127.0.0.1%%9\n :hold_all\n :sh\n :mx=0\n :force_localhost@\n", spool),
	} {
		if err := os.WriteFile(filepath.Join(conf, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	if out, err := exec.CommandContext(ctx, "sh", "-c", `chmod 755 "$1" && chown -R daemon:daemon "$1" && chmod 700 "$1/spool"`, "sh", dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("peers: %w: %s", err, out)
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", `mount --make-rprivate / && mount --bind "$1" /etc/lprng && exec "$2" -F`, "sh", conf, lpd)
	// Its children go with it, and so does what it has mounted.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	p, err := run(cmd)
	if err != nil {
		return nil, err
	}
	l := &LPRng{
		Process: p, Addr: fmt.Sprintf("127.0.0.1:%d", port), Spool: spool,
		Version: strings.SplitN(strings.TrimSpace(string(version)), "\n", 2)[0],
	}
	if err := l.untilOpen("tcp", l.Addr); err != nil {
		l.Kill()
		return nil, err
	}
	return l, nil
}
