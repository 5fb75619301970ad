package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"strings"

	"platen/fault"
)

// answer is the code of a refusal. What the server writes beside it is not
// kept: it may repeat the recipient, the message or a secret.
type answer struct {
	Code     int
	Enhanced string // RFC 3463, "5.1.1"; may be ""
}

var enhanced = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}`)

func (a answer) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the server answers %d %s", a.Code, a.Enhanced))
}

// refused says what a permanent refusal, a code of 500 or more, of a step means.
var refused = map[string]struct {
	kind fault.Kind
	text string
}{
	"AUTH": {fault.Denied, "The mail server does not accept the user name or the password."},
	"MAIL": {fault.Denied, "The mail server does not accept the address of the sender."},
	"RCPT": {fault.Invalid, "The mail server does not accept this recipient."},
	"DATA": {fault.Invalid, "The mail server does not accept this message."},
}

// unreached says why there is no connection.
var unreached = map[fault.Reach]string{
	fault.Unreached:   "The mail server cannot be reached.",
	fault.Refused:     "The mail server refuses the connection. Please check the port, whether the server runs, and the firewalls.",
	fault.Unnamed:     "The mail server cannot be found: nobody knows this name. Please check how it is spelled, and the name servers of this machine.",
	fault.NameUnasked: "The mail server cannot be looked for: no name server answers. Please check the name servers of this machine.",
	fault.Silent:      "The mail server did not answer in time.",
	fault.NoWay:       "The mail server cannot be reached: there is no way to it in the network.",
}

// explain makes the error of a step: for the person what it means, for the log
// what it was.
func (s *session) explain(step string, err error) error {
	e := &fault.Error{Op: "notify." + step, Kind: fault.Unavailable}
	var prepared *fault.Error
	var said *textproto.Error
	switch {
	case errors.As(err, &prepared):
		e.Kind, e.Text = prepared.Kind, prepared.Text
		return e
	case s.ctx.Err() != nil:
		e.Text, e.Err = "The mail server did not answer in time.", context.Cause(s.ctx)
		return e
	case errors.As(err, &said):
		a := answer{said.Code, enhanced.FindString(said.Msg)}
		e.Kind, e.Text = a.means(step)
		e.Err = a
		return e
	}
	e.Err = cause(err)
	e.Text, e.Args = s.fails(step, err)
	return e
}

// means says what the code stands for in this step.
func (a answer) means(step string) (fault.Kind, string) {
	switch r, ok := refused[step]; {
	case a.Code == 530 && ok && step != "AUTH": // RFC 4954, section 6
		return fault.Denied, "The mail server wants a user name and a password."
	case a.Code >= 500 && ok:
		return r.kind, r.text
	case a.Code >= 500:
		return fault.Unavailable, "The mail server refuses to speak with this node."
	}
	return fault.Unavailable, "The mail server cannot take the message now. Please try again later."
}

// fails says what it means that a step has not come to an answer.
func (s *session) fails(step string, err error) (text string, args []any) {
	var network net.Error
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && s.m.Now().Before(invalid.Cert.NotBefore):
		return "The certificate of the mail server is not valid yet. Please check the clocks.", nil
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "The certificate of the mail server has expired.", nil
	case errors.As(err, &name):
		return "The certificate of the mail server is for another name than %s.", []any{s.m.Host}
	case errors.As(err, &unknown):
		if s.m.CA != "" {
			return "The certificate of the mail server is of another authority than the one that was named for it alone (platen mail trust).", nil
		}
		return "The certificate of the mail server is of an authority that is not trusted for mail here. Import its certificate (platen cert trust import FILE --for mail).", nil
	case errors.As(err, &noTLS):
		return "The mail server does not speak TLS at this port. Please check the port and the encryption.", nil
	case step == "dial":
		return unreached[fault.ReachOf(err)], nil
	case errors.As(err, &network) && network.Timeout():
		return "The mail server did not answer in time.", nil
	case strings.HasSuffix(step, "TLS"):
		return "No TLS connection to the mail server could be made.", nil
	}
	return "The mail server ended the conversation, or answers what is not SMTP.", nil
}

// cause returns what a log may keep of err. Errors of SMTP's reader hold the
// line that they stumbled on, and so are left out.
func cause(err error) error {
	var network net.Error
	var cert *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &cert):
		return cert
	case errors.As(err, &noTLS):
		return noTLS
	case errors.As(err, &network):
		return network
	case errors.Is(err, errTooMuch):
		return errTooMuch
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case strings.HasPrefix(err.Error(), "tls: "):
		return err
	}
	return errors.New("the answer is not SMTP")
}
