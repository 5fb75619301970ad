// Package peers starts print software that nobody here wrote, privately, on
// loopback and in a folder of its own: cupsd, cups-lpd under xinetd, LPRng.
//
// Tests deliver to it and print from it; `make bench` measures beside it. What
// it needs is installed by `make peers`. A missing program is an error, never a
// reason to skip.
package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is a running peer.
type Process struct {
	cmd  *exec.Cmd
	out  *bytes.Buffer
	done chan struct{}
}

// Pid returns the process number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Stop ends the peer in order: at SIGTERM cupsd writes down what it has only in
// memory.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(2 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// Kill ends the peer at once.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func startProcess(ctx context.Context, env []string, name string, args ...string) (*Process, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	return run(cmd)
}

func run(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, out: &bytes.Buffer{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("peers: %w (make peers installs it)", err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	return p, nil
}

// untilOpen waits for a port, or for the process to die.
func (p *Process) untilOpen(network, addr string) error {
	for until := time.Now().Add(15 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.done:
			return fmt.Errorf("peers: %s ended: %s", p.cmd.Path, p.out)
		default:
		}
		if c, err := net.DialTimeout(network, addr, time.Second); err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("peers: %s does not listen on %s", p.cmd.Path, addr)
}

// FreePort returns a loopback port that was free a moment ago.
func FreePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// Version returns the version of the Debian package that owns a program, for
// the log: "cups-daemon 2.4.2-3+deb12u9".
func Version(pkg string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Package} ${Version}", pkg).Output()
	if err != nil {
		return pkg + " (version unknown)"
	}
	return strings.TrimSpace(string(out))
}

// Cups is a private cupsd.
type Cups struct {
	*Process
	Dir  string
	Port int
}

// The rights of a private spooler on loopback: everything is allowed.
const cupsPolicy = `<Location />
  Order allow,deny
  Allow localhost
</Location>
<Policy default>
  JobPrivateAccess all
  JobPrivateValues none
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
`

// StartCups runs cupsd with stock durability on a free port, its files below
// dir. Queues are added with Queue.
func StartCups(ctx context.Context, dir string) (*Cups, error) {
	return startCups(ctx, dir, "", "")
}

// StartStrictCups is StartCups with all the durability that cupsd can be asked for.
func StartStrictCups(ctx context.Context, dir string) (*Cups, error) {
	return startCups(ctx, dir, "DirtyCleanInterval 0\n", "SyncOnClose Yes\n")
}

func startCups(ctx context.Context, dir, moreConf, moreFiles string) (*Cups, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	c := &Cups{Dir: dir, Port: port}
	for _, d := range []string{"conf/ppd", "conf/ssl", "spool", "cache", "state/certs", "log", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(filepath.Join(dir, "tmp"), 0o777|os.ModeSticky); err != nil { // its filters run as lp
		return nil, err
	}
	raw, err := filepath.Glob("/usr/share/cups/mime/*")
	if err != nil || len(raw) == 0 {
		return nil, errors.Join(errors.New("peers: CUPS is not installed (make peers)"), err)
	}
	files := fmt.Sprintf("SystemGroup root lpadmin\nServerRoot %[1]s/conf\nStateDir %[1]s/state\nCacheDir %[1]s/cache\nRequestRoot %[1]s/spool\nTempDir %[1]s/tmp\n"+
		"ErrorLog %[1]s/log/error_log\nAccessLog %[1]s/log/access_log\nPageLog %[1]s/log/page_log\nFileDevice Yes\nSandboxing relaxed\n%[2]s", dir, moreFiles)
	conf := fmt.Sprintf("LogLevel warn\nMaxLogSize 0\nListen 127.0.0.1:%d\nListen %s\nBrowsing No\nDefaultAuthType None\nWebInterface No\nMaxJobs 0\nMaxClients 500\nPreserveJobHistory Yes\n%s%s",
		port, c.socket(), moreConf, cupsPolicy)
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "conf/cups-files.conf"), []byte(files), 0o600),
		os.WriteFile(filepath.Join(dir, "conf/cupsd.conf"), []byte(conf), 0o600),
	); err != nil {
		return nil, err
	}
	c.Process, err = startProcess(ctx, nil, "/usr/sbin/cupsd", "-f", "-c", dir+"/conf/cupsd.conf", "-s", dir+"/conf/cups-files.conf")
	if err != nil {
		return nil, err
	}
	if err := c.untilOpen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *Cups) socket() string { return filepath.Join(c.Dir, "cups.sock") }

// Server is what CUPS' programs take as CUPS_SERVER.
func (c *Cups) Server() string { return c.socket() }

// Queue adds a raw queue that delivers to uri. With hold, its jobs wait for
// Release-Job.
func (c *Cups) Queue(ctx context.Context, name, uri string, hold bool) error {
	args := []string{"-p", name, "-E", "-v", uri}
	if hold {
		args = append(args, "-o", "job-hold-until-default=indefinite")
	}
	cmd := exec.CommandContext(ctx, "lpadmin", args...)
	cmd.Env = append(os.Environ(), "CUPS_SERVER="+c.socket())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("peers: lpadmin: %w: %s", err, out)
	}
	return nil
}

// Everywhere adds a queue whose printer is asked what it can do, as all do that
// print without a driver, and waits until it has been.
func (c *Cups) Everywhere(ctx context.Context, name, uri string) error {
	if out, err := c.Run(ctx, "lpadmin", "-p", name, "-E", "-v", uri, "-m", "everywhere"); err != nil {
		return fmt.Errorf("peers: lpadmin: %w: %s", err, out)
	}
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if b, err := os.ReadFile(filepath.Join(c.Dir, "conf/ppd", name+".ppd")); err == nil && bytes.Contains(b, []byte("*CloseUI")) {
			return nil
		}
	}
	return fmt.Errorf("peers: CUPS has not made a queue for %s", uri)
}

// Run runs one of CUPS' programs for this spooler.
func (c *Cups) Run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "CUPS_SERVER="+c.socket(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// CupsLPD is cups-lpd behind a super-server.
type CupsLPD struct {
	*Process
	Addr string
}

// StartCupsLPD runs cups-lpd under xinetd for a cupsd. The stock limit of 50
// connections a second, which closes the port for ten seconds, is lifted.
func StartCupsLPD(ctx context.Context, dir string, c *Cups) (*CupsLPD, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`defaults
{
	log_type = FILE %s/log
}
service printer
{
	type = UNLISTED
	socket_type = stream
	protocol = tcp
	bind = 127.0.0.1
	port = %d
	wait = no
	user = lp
	server = /usr/lib/cups/daemon/cups-lpd
	server_args = -h 127.0.0.1:%d -n
	instances = UNLIMITED
	per_source = UNLIMITED
	cps = 1000000 1
	disable = no
}
`, dir, port, c.Port)
	path := filepath.Join(dir, "xinetd.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	p, err := startProcess(ctx, nil, "/usr/sbin/xinetd", "-dontfork", "-f", path, "-pidfile", filepath.Join(dir, "pid"))
	if err != nil {
		return nil, err
	}
	l := &CupsLPD{Process: p, Addr: fmt.Sprintf("127.0.0.1:%d", port)}
	if err := l.untilOpen("tcp", l.Addr); err != nil {
		l.Stop()
		return nil, err
	}
	return l, nil
}
