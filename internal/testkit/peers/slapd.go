package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// What a private slapd holds, and who may change it.
const (
	SlapdSuffix   = "dc=platen,dc=test"
	SlapdAdmin    = "cn=admin," + SlapdSuffix
	SlapdPassword = "secret"
)

// SlapdOptions say how a private slapd differs from the usual one.
type SlapdOptions struct {
	// LDIF is loaded with slapadd before the start. slapadd does not fill memberOf.
	LDIF string
	// Global and Database are more lines of slapd.conf, for all and for the one
	// database.
	Global, Database string
	// NoSync leaves the overlay syncprov away. SessionLog is how many changes it
	// remembers; with none it can only say who is still there.
	NoSync     bool
	SessionLog int
	// Certificate is what it shows; without a key it makes one for 127.0.0.1.
	Certificate Certificate
}

// Slapd is a running OpenLDAP.
type Slapd struct {
	*Process
	Dir         string
	Addr        string // host:port of LDAP with StartTLS
	TLSAddr     string // host:port of LDAPS
	Certificate Certificate
	Version     string
}

// URL is where it speaks LDAP with StartTLS.
func (s *Slapd) URL() string { return "ldap://" + s.Addr }

// TLSURL is where it speaks LDAPS.
func (s *Slapd) TLSURL() string { return "ldaps://" + s.TLSAddr }

const slapdConf = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload syncprov
pidfile %[1]s/pid
argsfile %[1]s/args
TLSCertificateFile %[1]s/cert.pem
TLSCertificateKeyFile %[1]s/key.pem
sizelimit size.soft=500 size.hard=500 size.prtotal=unlimited
%[2]s
database mdb
suffix "` + SlapdSuffix + `"
rootdn "` + SlapdAdmin + `"
rootpw ` + SlapdPassword + `
directory %[1]s/db
maxsize 2147483648
dbnosync
index objectClass,entryUUID,entryCSN eq
index uid,mail,member,memberOf eq
%[3]s
overlay memberof
overlay refint
refint_attributes member
`

// StartSlapd runs slapd on free ports, its files below dir.
func StartSlapd(ctx context.Context, dir string, o SlapdOptions) (*Slapd, error) {
	plain, err1 := FreePort()
	secure, err2 := FreePort()
	s := &Slapd{Dir: dir, Addr: fmt.Sprintf("127.0.0.1:%d", plain), TLSAddr: fmt.Sprintf("127.0.0.1:%d", secure), Certificate: o.Certificate, Version: Version("slapd")}
	if err := errors.Join(err1, err2, os.MkdirAll(filepath.Join(dir, "db"), 0o700)); err != nil {
		return nil, err
	}
	if s.Certificate.Key == nil {
		var err error
		if s.Certificate, err = NewCertificate(time.Now().AddDate(0, 0, 2), "127.0.0.1"); err != nil {
			return nil, err
		}
	}
	if err := s.write(o); err != nil {
		return nil, err
	}
	if o.LDIF != "" {
		if err := s.load(ctx, o.LDIF); err != nil {
			return nil, err
		}
	}
	return s, s.Start(ctx)
}

func (s *Slapd) write(o SlapdOptions) error {
	database := o.Database
	if !o.NoSync {
		database += "\noverlay syncprov"
		if o.SessionLog > 0 {
			database += fmt.Sprintf("\nsyncprov-sessionlog %d", o.SessionLog)
		}
	}
	return errors.Join(
		os.WriteFile(s.conf(), fmt.Appendf(nil, slapdConf, s.Dir, o.Global, database), 0o600),
		os.WriteFile(filepath.Join(s.Dir, "cert.pem"), s.Certificate.Cert, 0o600),
		os.WriteFile(filepath.Join(s.Dir, "key.pem"), s.Certificate.Key, 0o600),
	)
}

func (s *Slapd) conf() string { return filepath.Join(s.Dir, "slapd.conf") }

func (s *Slapd) load(ctx context.Context, ldif string) error {
	cmd := exec.CommandContext(ctx, "/usr/sbin/slapadd", "-q", "-f", s.conf())
	cmd.Stdin = strings.NewReader(ldif)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("peers: slapadd: %w: %s", err, out)
	}
	return nil
}

// Start runs it once more, on the same ports and with what it had, after Stop.
func (s *Slapd) Start(ctx context.Context) error {
	p, err := startProcess(ctx, nil, "/usr/sbin/slapd", "-f", s.conf(), "-h", s.URL()+" "+s.TLSURL(), "-d", "0")
	if err != nil {
		return err
	}
	s.Process = p
	if err := s.untilOpen("tcp", s.TLSAddr); err != nil {
		s.Stop()
		return err
	}
	return nil
}
