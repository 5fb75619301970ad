package config

import (
	"encoding/hex"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checker collects what is wrong.
type checker struct{ list []Problem }

func (c *checker) bad(key, format string, args ...any) {
	c.list = append(c.list, Problem{Key: key, Text: fmt.Sprintf(format, args...)})
}

func (c *checker) atLeast(key string, v, least int64) {
	if v < least {
		c.bad(key, "must be at least %d", least)
	}
}

func (c *checker) between(key string, d Duration, least, most time.Duration) {
	if d.Duration < least || d.Duration > most {
		c.bad(key, "must be between %s and %s", Duration{least}, Duration{most})
	}
}

// String writes the same short form as the file.
func (d Duration) String() string {
	text, _ := d.MarshalText()
	return string(text)
}

// check returns everything that is wrong with the values.
func (c *Config) check() []Problem {
	var k checker
	if !filepath.IsAbs(c.Data) {
		k.bad("data", "must be an absolute path, because a service has no folder of its own")
	}
	k.between("grace", c.Grace, 0, time.Hour)
	k.address("listen.lpd", c.Listen.LPD)
	k.address("listen.ipp", c.Listen.IPP)
	k.address("listen.web", c.Listen.Web)
	k.address("listen.acme", c.Listen.ACME)
	k.old(c.Listen.Old)
	k.log(c.Log)
	k.lpd(c.LPD)
	k.web(c.Web)
	k.ipp(c.IPP)
	for _, f := range c.Devices.Folders {
		if !filepath.IsAbs(f) {
			k.bad("devices.folders", "must be absolute paths, not %q", f)
		}
	}
	k.between("pages.timeout", c.Pages.Timeout, time.Second, 10*time.Minute)
	k.between("spool.quarantine", c.Spool.Quarantine, time.Hour, 366*24*time.Hour)
	k.hotFolders(c.HotFolders)
	return k.list
}

func (c *checker) log(l Log) {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, l.Level) {
		c.bad("log.level", "must be debug, info, warn or error, not %q", l.Level)
	}
	if l.Format != "text" && l.Format != "json" {
		c.bad("log.format", "must be text or json, not %q", l.Format)
	}
	if l.File != "" && !filepath.IsAbs(l.File) {
		c.bad("log.file", "must be an absolute path, or empty for standard error")
	}
}

func (c *checker) lpd(l LPD) {
	c.atLeast("lpd.max_connections", int64(l.MaxConnections), 1)
	c.atLeast("lpd.max_per_client", int64(l.MaxPerClient), 1)
	c.atLeast("lpd.max_per_trusted", int64(l.MaxPerTrusted), 1)
	c.between("lpd.first_octet", l.FirstOctet, 100*time.Millisecond, 5*time.Minute)
	c.between("lpd.idle", l.Idle, time.Second, 24*time.Hour)
	c.atLeast("lpd.slow_rate", int64(l.SlowRate), 0)
	c.atLeast("lpd.max_control_files", int64(l.MaxControlFiles), 1)
	c.atLeast("lpd.max_control_octets", int64(l.MaxControlOctets), 1024)
	c.atLeast("lpd.max_data_files", int64(l.MaxDataFiles), 1)
}

func (c *checker) web(w Web) {
	c.atLeast("web.max_connections", int64(w.MaxConnections), 1)
	c.atLeast("web.max_per_client", int64(w.MaxPerClient), 1)
	c.between("web.header_timeout", w.HeaderTimeout, 100*time.Millisecond, 5*time.Minute)
	for _, n := range w.Names {
		if n == "" || strings.ContainsAny(n, " \t\r\n/") {
			c.bad("web.names", "%q is not a host name or address", n)
		}
	}
}

func (c *checker) ipp(p IPP) {
	c.atLeast("ipp.max_connections", int64(p.MaxConnections), 1)
	c.atLeast("ipp.max_per_client", int64(p.MaxPerClient), 1)
	c.between("ipp.header_timeout", p.HeaderTimeout, 100*time.Millisecond, 5*time.Minute)
	c.between("ipp.idle", p.Idle, time.Second, 24*time.Hour)
	for _, x := range p.Certificates {
		if b, err := hex.DecodeString(x); err != nil || len(b) != 32 || strings.ToLower(x) != x {
			c.bad("ipp.believed_certificates", "%q is not the SHA-256 of a certificate: 64 digits from 0 to f, as `openssl x509 -outform DER | sha256sum` prints it", x)
		}
	}
	c.between("ipp.operation", p.Operation, 10*time.Second, 24*time.Hour)
}

// address checks what net.Listen will be given. Names are refused: what a
// name means may change, and a node must not move with it.
func (c *checker) address(key, addr string) {
	if addr == "" {
		return
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		c.bad(key, "must be ADDRESS:PORT such as \":515\" or \"127.0.0.1:0\", or empty, not %q", addr)
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		c.bad(key, "port %q is not a number from 0 to 65535", port)
	} else if n == 0 && strconv.FormatUint(n, 10) != port {
		c.bad(key, "port %q is not a number from 0 to 65535", port)
	}
	if cut, _, _ := strings.Cut(host, "%"); host != "" && net.ParseIP(cut) == nil {
		c.bad(key, "%q is not an IP address", host)
	}
}

// Networks that an old listener may be opened for: a wider one would be no longer
// that of a few devices.
const (
	widestIPv4 = 24
	widestIPv6 = 64
	mostOld    = 16 // networks of one listener
)

func (c *checker) old(list []OldListener) {
	taken := map[string]bool{}
	for _, l := range list {
		c.address("listen.old.address", l.Address)
		if l.Address == "" {
			c.bad("listen.old.address", "must say where it listens, such as \"192.0.2.7:8443\"")
		}
		if !strings.HasSuffix(l.Address, ":0") && taken[l.Address] {
			c.bad("listen.old.address", "%s is there twice", l.Address)
		}
		taken[l.Address] = true
		if l.Service != ServiceWeb && l.Service != ServiceIPP {
			c.bad("listen.old.service", "must be web or ipp, not %q", l.Service)
		}
		c.oldAllow(l)
	}
}

// oldAllow: what such a listener offers can be broken, so it is for hosts that
// somebody has named.
func (c *checker) oldAllow(l OldListener) {
	const key = "listen.old.allow"
	if len(l.Allow) == 0 {
		c.bad(key, "must name the old device of %s by its address, or its network: what is offered there is weak, and nobody else may connect", l.Address)
	}
	if len(l.Allow) > mostOld {
		c.bad(key, "must name at most %d devices or networks", mostOld)
	}
	for _, n := range l.Allow {
		widest := widestIPv6
		if n.Addr().Is4() {
			widest = widestIPv4
		}
		if n.Bits() < widest {
			c.bad(key, "%s is too wide: name the device, or a network no wider than /%d", n, widest)
		}
	}
}

func (c *checker) hotFolders(list []HotFolder) {
	paths := map[string]bool{}
	for _, h := range list {
		if !filepath.IsAbs(h.Path) {
			c.bad("hotfolder.path", "must be an absolute path, not %q", h.Path)
		}
		if clean := filepath.Clean(h.Path); paths[clean] {
			c.bad("hotfolder.path", "%s is watched twice", h.Path)
		} else {
			paths[clean] = true
		}
		if h.Queue == "" {
			c.bad("hotfolder.queue", "%s needs the name of a queue", h.Path)
		}
	}
}
