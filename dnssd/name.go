package dnssd

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

const (
	local    = "local."
	maxLabel = 63
)

// escape writes the octets of one label in the master file form of RFC 1035,
// section 5.1: what is not a letter, digit, hyphen or underscore becomes \DDD.
func escape(label string) string {
	var b strings.Builder
	for i := range len(label) {
		if c := label[i]; isPlain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%03d`, c)
		}
	}
	return b.String()
}

func isPlain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// unescape is the reverse of escape, for names and for strings as the codec
// gives them: \DDD is an octet and \x is x.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		i++
		if i+2 < len(s) && isDigit(s[i]) && isDigit(s[i+1]) && isDigit(s[i+2]) {
			b = append(b, byte(int(s[i]-'0')*100+int(s[i+1]-'0')*10+int(s[i+2]-'0')))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// canonical returns name as the codec writes names that it has read, so that
// names can be compared. A name that no message can hold stays as it is.
func canonical(name string) string {
	buf := make([]byte, 256)
	if _, err := dns.PackDomainName(name, buf, 0, nil, false); err != nil {
		return name
	}
	got, _, err := dns.UnpackDomainName(buf, 0)
	if err != nil {
		return name
	}
	return got
}

// instanceName is the name of SRV and TXT of an instance on the LAN.
func instanceName(instance, typ string) string {
	return canonical(escape(instance) + "." + typ + "." + local)
}

// splitInstance takes the instance off a name as the codec gives it, and says
// whether name was one of typ at all.
func splitInstance(name, typ string) (instance string, ok bool) {
	suffix := "." + typ + "." + local
	if len(name) <= len(suffix) || !strings.EqualFold(name[len(name)-len(suffix):], suffix) {
		return "", false
	}
	label := name[:len(name)-len(suffix)]
	if len(dns.SplitDomainName(label)) != 1 {
		return "", false
	}
	return unescape(label), true
}

// numbered is the name to try when n-1 others have it: "Office (2)", as people
// know it from every other printer, or office-2 for a host. It fits a label.
func numbered(name string, n int, host bool) string {
	if n < 2 {
		return cut(name, maxLabel)
	}
	suffix := fmt.Sprintf(" (%d)", n)
	if host {
		suffix = fmt.Sprintf("-%d", n)
	}
	return strings.TrimRight(cut(name, maxLabel-len(suffix)), " -") + suffix
}

// hostLabel makes one label of a host name as clients accept it: letters,
// digits and inner hyphens (RFC 1123, section 2.1).
func hostLabel(name string) string {
	name, _, _ = strings.Cut(name, ".")
	name = strings.Map(func(r rune) rune {
		if r < 128 && isPlain(byte(r)) && r != '_' {
			return r
		}
		return '-'
	}, name)
	if name = strings.Trim(cut(name, maxLabel), "-"); name == "" {
		return "platen"
	}
	return name
}
