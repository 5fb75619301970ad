package pki

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"platen/fault"
)

// target is a server and how TLS begins there.
type target struct {
	protocol
	scheme, host string
	port         string
}

// protocol is what the beginning of an address says.
type protocol struct {
	port    string // when the address has none
	purpose string // for which one speaks it
	sibling string // the scheme that begins with TLS the other way; "" there is none
	start   func(net.Conn, target) error
}

var protocols = map[string]protocol{
	"ldaps": {"636", ForDirectory, "ldap", atOnce},
	"ldap":  {"389", ForDirectory, "ldaps", startLDAP},
	"smtps": {"465", ForMail, "smtp", atOnce},
	"smtp":  {"587", ForMail, "smtps", startSMTP},
	"https": {"443", ForSignIn, "", atOnce},
	"ipps":  {"631", ForDevices, "ipp", atOnce},
	"ipp":   {"631", ForDevices, "ipps", startHTTP},
	"":      {"", "", "", atOnce},
}

// parseTarget keeps of a URL only where it leads: whoever copies one may have a
// password in it.
func parseTarget(text string) (target, error) {
	wrong := &fault.Error{Op: "pki.Probe", Kind: fault.Invalid,
		Text: "This is no address of a server. Write ldaps://, ldap://, smtps://, smtp://, https://, ipps:// or ipp:// and a host, with a port if it is not the usual one; or a host and a port, as in dc1.example.org:636."}
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		text = "//" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return target{}, wrong // its error repeats the address
	}
	known, ok := protocols[u.Scheme] // Parse has brought it to lower case
	if !ok {
		return target{}, wrong
	}
	t := target{protocol: known, scheme: u.Scheme, host: strings.TrimSuffix(u.Hostname(), "."), port: u.Port()}
	if t.port == "" {
		t.port = known.port
	}
	if n, err := strconv.ParseUint(t.port, 10, 16); err != nil || n == 0 || !t.isHost() {
		return target{}, wrong
	}
	return t, nil
}

// isHost brings the host into the form of the DNS, and reports whether there is
// one.
func (t *target) isHost() bool {
	if a, err := netip.ParseAddr(t.host); err == nil {
		return !a.IsUnspecified()
	}
	ascii, err := idna.Lookup.ToASCII(t.host)
	if err != nil {
		ascii = strings.ToLower(t.host) // Windows has names with an underscore
	}
	t.host = ascii
	return isHostName(ascii)
}

func (t target) addr() string { return net.JoinHostPort(t.host, t.port) }

func (t target) String() string {
	if t.scheme == "" {
		return t.addr()
	}
	return t.scheme + "://" + t.addr()
}

// errNoStart is a server that speaks the protocol and does not encrypt, or
// somebody between us who pretends that.
var errNoStart = errors.New("it was refused to go on with TLS")

// maxPlain is what a server may say before TLS, in octets.
const maxPlain = 16 << 10

// atOnce is TLS from the first octet.
func atOnce(net.Conn, target) error { return nil }

// startSMTP asks a mail server for TLS (RFC 3207, section 4).
func startSMTP(conn net.Conn, _ target) error {
	c := inPlain(conn)
	if _, _, err := c.ReadResponse(220); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "EHLO %s\r\n", literal(conn)); err != nil {
		return err
	}
	_, offers, err := c.ReadResponse(250)
	if err != nil {
		return err
	}
	if !offersStartTLS(offers) {
		return errNoStart
	}
	if _, err := io.WriteString(conn, "STARTTLS\r\n"); err != nil {
		return err
	}
	if _, _, err = c.ReadResponse(220); isAnswer(err) {
		return errNoStart // the text of the answer is a stranger's
	}
	return err
}

// offersStartTLS looks through the lines after the greeting, RFC 5321, section
// 4.1.1.1.
func offersStartTLS(offers string) bool {
	for i, line := range strings.Split(offers, "\n") {
		if i > 0 && strings.EqualFold(strings.TrimSpace(line), "STARTTLS") {
			return true
		}
	}
	return false
}

func isAnswer(err error) bool {
	var said *textproto.Error
	return errors.As(err, &said)
}

// literal is what a machine calls itself whose name means nothing elsewhere, RFC
// 5321, section 4.1.3.
func literal(conn net.Conn) string {
	addr, ok := conn.LocalAddr().(*net.TCPAddr)
	switch {
	case !ok:
		return "localhost"
	case addr.IP.To4() != nil:
		return "[" + addr.IP.String() + "]"
	}
	return "[IPv6:" + addr.IP.String() + "]"
}

// startHTTP asks a printer to upgrade the connection (RFC 2817, section 3.2), as
// CUPS does.
func startHTTP(conn net.Conn, t target) error {
	if _, err := fmt.Fprintf(conn, "OPTIONS * HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2,TLS/1.1,TLS/1.0\r\nUser-Agent: Platen\r\n\r\n", t.addr()); err != nil {
		return err
	}
	c := inPlain(conn)
	line, err := c.ReadLine()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "HTTP/1.") {
		return errors.New("it is not HTTP")
	}
	if _, status, _ := strings.Cut(line, " "); !strings.HasPrefix(status, "101") {
		return errNoStart
	}
	_, err = c.ReadMIMEHeader()
	return err
}

// inPlain reads lines octet by octet, so that nothing that was said in plain is
// taken for a part of what is encrypted, and nothing of that is read too early.
func inPlain(conn net.Conn) *textproto.Reader {
	return textproto.NewReader(bufio.NewReaderSize(&dropwise{io.LimitReader(conn, maxPlain)}, 64))
}

type dropwise struct{ r io.Reader }

func (d *dropwise) Read(p []byte) (int, error) { return d.r.Read(p[:min(1, len(p))]) }

// startTLSRequest is the extended operation of LDAP, RFC 4511, section 4.14.1.
var startTLSRequest = append([]byte{0x30, 29, 0x02, 1, 1, 0x77, 24, 0x80, 22}, "1.3.6.1.4.1.1466.20037"...)

// startLDAP asks a directory server for TLS. It reads no octet more than the
// answer.
func startLDAP(conn net.Conn, _ target) error {
	if _, err := conn.Write(startTLSRequest); err != nil {
		return err
	}
	m, err := readLDAP(io.LimitReader(conn, maxPlain))
	if err != nil {
		return err
	}
	_, id, rest, _ := ldapElement(m)
	tag, answer, _, _ := ldapElement(rest)
	if string(id) != "\x01" || tag != 0x78 { // an ExtendedResponse, section 4.12
		return errNotLDAP
	}
	if tag, code, _, ok := ldapElement(answer); !ok || tag != 0x0A {
		return errNotLDAP
	} else if string(code) != "\x00" { // success
		return fmt.Errorf("%w: result code %x", errNoStart, code)
	}
	return nil
}

var errNotLDAP = errors.New("it is not LDAP")

// readLDAP reads a sequence of BER and returns what is in it.
func readLDAP(r io.Reader) ([]byte, error) {
	head := make([]byte, 2, 6)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	if n := int(head[1]) - 0x80; n > 0 && n <= 4 {
		head = head[:2+n]
		if _, err := io.ReadFull(r, head[2:]); err != nil {
			return nil, err
		}
	}
	length, _, ok := ldapLength(head[1:])
	if head[0] != 0x30 || !ok || length > maxPlain {
		return nil, errNotLDAP
	}
	m := make([]byte, length)
	_, err := io.ReadFull(r, m)
	return m, err
}

// ldapElement takes one element off the front of BER.
func ldapElement(b []byte) (tag byte, value, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	length, rest, ok := ldapLength(b[1:])
	if !ok || length > len(rest) {
		return 0, nil, nil, false
	}
	return b[0], rest[:length], rest[length:], true
}

// ldapLength takes a length off the front, of at most four octets and possibly
// with zeros before it, as Active Directory writes it.
func ldapLength(b []byte) (length int, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	n := int(b[0]) - 0x80
	if n < 0 {
		return int(b[0]), b[1:], true
	}
	if n == 0 || n > 4 || len(b) < 1+n {
		return 0, nil, false
	}
	for _, d := range b[1 : 1+n] {
		length = length<<8 | int(d)
	}
	return length, b[1+n:], length >= 0
}
