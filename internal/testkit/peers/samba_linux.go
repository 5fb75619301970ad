package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// What every private domain is called, and who may do everything in it.
const (
	SambaRealm    = "PLATEN.TEST"
	SambaDomain   = "PLATEN"
	SambaBase     = "DC=platen,DC=test"
	SambaHost     = "dc1.platen.test"
	SambaAdmin    = "administrator@platen.test"
	SambaPassword = "Passw0rd.2026"
)

// SambaOptions say what a domain controller offers.
type SambaOptions struct {
	// Addr is its address, 127.0.0.10 when empty. Its ports cannot be chosen, so
	// that two at the same address wait for each other.
	Addr string
	// KDC adds Kerberos on port 88.
	KDC bool
	// Below is where .peers is when PLATEN_PEERS does not say so: the root of the
	// repository.
	Below string
}

// Samba is a running domain controller for Active Directory: LDAP on 389, 636,
// 3268 and 3269.
type Samba struct {
	*Process
	Dir         string
	Addr        string // without a port
	Certificate Certificate
	Version     string

	lock *os.File
}

// StartSamba provisions a domain, or unpacks the one that an earlier test has
// provisioned, below dir, and runs it. Root is needed.
func StartSamba(ctx context.Context, dir string, o SambaOptions) (*Samba, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.10"
	}
	cache, err := sambaCache(o.Below)
	if err != nil {
		return nil, err
	}
	s := &Samba{Dir: dir, Addr: o.Addr, Version: Version("samba")}
	if s.lock, err = lockFile(ctx, filepath.Join(cache, "samba-"+o.Addr+".lock")); err != nil {
		return nil, err
	}
	if err := errors.Join(s.unpack(ctx, cache), s.write(o)); err != nil {
		s.lock.Close()
		return nil, err
	}
	if err := s.start(ctx, o); err != nil {
		s.lock.Close()
		return nil, err
	}
	return s, nil
}

// Stop ends it and lets the next one have its address.
func (s *Samba) Stop() {
	s.Process.Stop()
	s.lock.Close()
}

// sambaCache returns where provisioned domains and locks are kept.
func sambaCache(below string) (string, error) {
	root := os.Getenv("PLATEN_PEERS")
	if root == "" {
		root = filepath.Join(below, ".peers")
	}
	dir, err := filepath.Abs(filepath.Join(root, "samba"))
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// lockFile waits until nobody else has the lock. Closing the file gives it back,
// and so does the end of the process.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("peers: waiting for %s: %w", path, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// unpack puts a freshly provisioned domain below Dir. Provisioning takes a
// minute, so that it is done once for each version of Samba.
func (s *Samba) unpack(ctx context.Context, cache string) error {
	lock, err := lockFile(ctx, filepath.Join(cache, "provision.lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	tar := filepath.Join(cache, regexp.MustCompile(`[^a-zA-Z0-9.+-]+`).ReplaceAllString(s.Version, "_")+".tar.gz")
	if _, err := os.Stat(tar); err != nil {
		if err := provision(ctx, cache, tar); err != nil {
			return err
		}
	}
	return run1(ctx, "tar", "-C", s.Dir, "-xzf", tar)
}

func provision(ctx context.Context, cache, tar string) error {
	dir, err := os.MkdirTemp(cache, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return errors.Join(
		run1(ctx, "samba-tool", "domain", "provision", "--realm="+SambaRealm, "--domain="+SambaDomain, "--server-role=dc", "--dns-backend=NONE",
			"--use-rfc2307", "--adminpass="+SambaPassword, "--host-name=dc1", "--host-ip=127.0.0.10", "--targetdir="+filepath.Join(dir, "s"),
			"--option=interfaces=lo", "--option=bind interfaces only=yes", "--option=vfs objects=dfs_samba4 acl_xattr xattr_tdb"),
		run1(ctx, "tar", "-C", dir, "-czf", filepath.Join(dir, "tar"), "s"),
		os.Rename(filepath.Join(dir, "tar"), tar),
	)
}

func run1(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("peers: %s: %w: %s (make peers installs it)", name, err, out)
	}
	return nil
}

const sambaConf = `[global]
	workgroup = ` + SambaDomain + `
	realm = ` + SambaRealm + `
	netbios name = DC1
	server role = active directory domain controller
	interfaces = %[2]s/8
	bind interfaces only = yes
	server services = %[3]s
	private dir = %[1]s/private
	state directory = %[1]s/state
	cache directory = %[1]s/cache
	lock directory = %[1]s
	pid directory = %[1]s/run
	ncalrpc dir = %[1]s/ncalrpc
	log file = %[1]s/log.%%m
	logging = file
	ldap server require strong auth = no
	tls certfile = %[1]s/cert.pem
	tls keyfile = %[1]s/key.pem
	tls cafile = %[1]s/ca.pem
	vfs objects = dfs_samba4 acl_xattr xattr_tdb
	dns update command = /bin/true
[sysvol]
	path = %[1]s/state/sysvol
`

func (s *Samba) root() string { return filepath.Join(s.Dir, "s") }

func (s *Samba) conf() string { return filepath.Join(s.Dir, "smb.conf") }

func (s *Samba) write(o SambaOptions) error {
	services := "ldap"
	if o.KDC {
		services = "ldap kdc"
	}
	var err error
	if s.Certificate, err = NewCertificate(time.Now().AddDate(0, 0, 2), SambaHost, o.Addr); err != nil {
		return err
	}
	return errors.Join(
		os.MkdirAll(filepath.Join(s.root(), "run"), 0o755),
		os.WriteFile(s.conf(), fmt.Appendf(nil, sambaConf, s.root(), o.Addr, services), 0o600),
		os.WriteFile(filepath.Join(s.root(), "ca.pem"), s.Certificate.CA, 0o600),
		os.WriteFile(filepath.Join(s.root(), "cert.pem"), s.Certificate.Cert, 0o600),
		os.WriteFile(filepath.Join(s.root(), "key.pem"), s.Certificate.Key, 0o600),
	)
}

func (s *Samba) start(ctx context.Context, o SambaOptions) error {
	cmd := exec.CommandContext(ctx, "samba", "-i", "-M", "prefork", "-s", s.conf(), "--debug-stdout")
	// Its children go with it: they share a number space of processes, and the
	// first one's end is the end of all.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	p, err := run(cmd)
	if err != nil {
		return err
	}
	s.Process = p
	ports := []string{"389", "636", "3268"}
	if o.KDC {
		ports = append(ports, "88")
	}
	for _, port := range ports {
		if err := s.untilOpen("tcp", s.Addr+":"+port); err != nil {
			s.Process.Stop()
			return err
		}
	}
	return nil
}

// URL is where it speaks LDAP with StartTLS.
func (s *Samba) URL() string { return "ldap://" + s.Addr }

// TLSURL is where it speaks LDAPS.
func (s *Samba) TLSURL() string { return "ldaps://" + s.Addr }

// Tool runs samba-tool on the domain, running or not.
func (s *Samba) Tool(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "samba-tool", append(args, "-s", s.conf())...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("peers: samba-tool %s: %w: %s", strings.Join(args[:min(2, len(args))], " "), err, out)
	}
	return string(out), nil
}

func (s *Samba) database() string { return filepath.Join(s.root(), "private/sam.ldb") }

// CreateUser adds a person to CN=Users who may sign in with the password; his
// user principal name is name@platen.test.
func (s *Samba) CreateUser(ctx context.Context, name, password string) error {
	_, err := s.Tool(ctx, "user", "create", name, password, "-H", s.database())
	return err
}

// AddSPN gives an account a service principal name such as HTTP/host.
func (s *Samba) AddSPN(ctx context.Context, spn, account string) error {
	_, err := s.Tool(ctx, "spn", "add", spn, account, "-H", s.database())
	return err
}

// Keytab writes the keys of a principal, an account's or a service's name, into
// the file at path.
func (s *Samba) Keytab(ctx context.Context, path, principal string) error {
	_, err := s.Tool(ctx, "domain", "exportkeytab", path, "--principal="+principal)
	return err
}

// KRB5Config writes a krb5.conf for the realm to path, for KRB5_CONFIG.
func (s *Samba) KRB5Config(path string) error {
	return os.WriteFile(path, fmt.Appendf(nil, "[libdefaults]\n default_realm = %[1]s\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n udp_preference_limit = 1\n"+
		"[realms]\n %[1]s = {\n  kdc = %[2]s:88\n }\n[domain_realm]\n .platen.test = %[1]s\n platen.test = %[1]s\n", SambaRealm, s.Addr), 0o600)
}
