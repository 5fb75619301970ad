package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"platen/fault"
)

// unreached says why nobody answers.
var unreached = map[fault.Reach]string{
	fault.Unreached:   "The directory server %s cannot be reached.",
	fault.Refused:     "The directory server %s refuses the connection. Check the port, whether the server runs, and the firewalls.",
	fault.Unnamed:     "The directory server %s cannot be found: nobody knows this name. Check how it is spelled, and the name servers of this machine.",
	fault.NameUnasked: "The directory server %s cannot be looked for: no name server answers. Check the name servers of this machine.",
	fault.Silent:      "The directory server %s does not answer in time.",
	fault.NoWay:       "The directory server %s cannot be reached: there is no way to it in the network.",
}

// unreachable says why there is no connection to a server.
func unreachable(srv server, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("ldap.connect: %s: %w", srv, err)
	}
	text, args := reason(err)
	if text == "" {
		text = unreached[fault.ReachOf(err)]
	}
	return &fault.Error{Op: "ldap.connect", Kind: fault.Unavailable, Text: text, Args: append([]any{srv.String()}, args...), Err: err}
}

// untrusted is unreachable, and says what can be done about an authority that is
// not trusted: that depends on where those are kept that are.
func (d *dialer) untrusted(srv server, err error) error {
	var unknown x509.UnknownAuthorityError
	var text string
	switch own := strings.TrimSpace(d.cfg.CAPEM) != ""; {
	case !errors.As(err, &unknown) || errors.Is(err, context.Canceled):
		return unreachable(srv, err)
	case own:
		text = "The certificate of the directory server %s is from another authority than those that were named for it alone (platen source trust; directory_ca of sync-directory)."
	case d.trust != nil:
		text = "The certificate of the directory server %s is from an authority that is not trusted for directories here. Import its certificate (platen cert trust import FILE --for directory)."
	default:
		return unreachable(srv, err)
	}
	return &fault.Error{Op: "ldap.connect", Kind: fault.Unavailable, Text: text, Args: []any{srv.String()}, Err: err}
}

// reason finds the sentence for a connection that could not be trusted.
func reason(err error) (text string, more []any) {
	var ended x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var refused *tls.CertificateVerificationError
	switch {
	case errors.As(err, &ended) && ended.Reason == x509.Expired:
		return "The certificate of the directory server %s is not valid now: it is from %s to %s. Renew it, or set the clock.",
			[]any{ended.Cert.NotBefore.Format("2006-01-02"), ended.Cert.NotAfter.Format("2006-01-02")}
	case errors.As(err, &name):
		return "The certificate of the directory server %s is for another name.", nil
	case errors.As(err, &unknown):
		return "The certificate of the directory server %s is from an authority that is not trusted here.", nil
	case errors.As(err, &refused):
		return "The certificate of the directory server %s cannot be used.", nil
	case errors.Is(err, errNotLDAP), errors.Is(err, errTooMuch):
		return "The directory server %s gives an answer that nobody can read.", nil
	case errors.Is(err, errStartTLS):
		return "The directory server %s does not encrypt the connection (StartTLS), so nothing was said to it. Use ldaps://, or allow it to be plain.", nil
	case errors.Is(err, context.DeadlineExceeded): // which closes the connection
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), fault.Broken(err):
		return "The connection to the directory server %s broke before it had said everything.", nil
	}
	return "", nil
}

// bindFault says why an account could not sign in.
func bindFault(server, account string, err error) error {
	if goldap.IsErrorAnyOf(err, goldap.LDAPResultInvalidCredentials, goldap.LDAPResultInappropriateAuthentication, goldap.LDAPResultNoSuchObject,
		goldap.LDAPResultInvalidDNSyntax, goldap.LDAPResultUnwillingToPerform) {
		return &fault.Error{Op: "ldap.bind", Kind: fault.Denied, Text: "The directory server %s refuses the account “%s” or its password.", Args: []any{server, account}, Err: err}
	}
	return answerFault("ldap.bind", server, "", err)
}

// answerFault says what is wrong with an answer. base is where was searched.
func answerFault(op, server, base string, err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, errReadAll) {
		return err
	}
	e := &fault.Error{Op: op, Kind: fault.Unavailable, Args: []any{server}, Err: err}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.Text = "The directory server %s does not answer in time."
	case errors.Is(err, errTooMuch):
		e.Kind, e.Text = fault.Invalid, "The directory server %s answers with more than can be taken."
	case errors.Is(err, errNotLDAP):
		e.Kind, e.Text = fault.Invalid, "The directory server %s gives an answer that nobody can read."
	default:
		answerCode(e, server, base)
	}
	return e
}

// answerCode says what a result code means, RFC 4511, appendix A.
func answerCode(e *fault.Error, server, base string) {
	var r *goldap.Error
	if !errors.As(e.Err, &r) || r.ResultCode >= goldap.ErrorNetwork && r.ResultCode < 4096 {
		e.Text = "The connection to the directory server %s broke before it had said everything."
		return
	}
	switch r.ResultCode {
	case goldap.LDAPResultSizeLimitExceeded, goldap.LDAPResultTimeLimitExceeded, goldap.LDAPResultAdminLimitExceeded:
		e.Kind, e.Text = fault.Invalid, "The directory server %s does not give this account all entries. Raise its limits of size and time for this account."
	case goldap.LDAPResultNoSuchObject:
		e.Kind, e.Text, e.Args = fault.Invalid, "The directory server %s has no entry “%s”, or this account may not see it.", []any{server, base}
	case goldap.LDAPResultReferral:
		e.Kind, e.Text, e.Args = fault.Invalid, "The directory server %s says that another server has “%s”. Name that server instead.", []any{server, base}
	case goldap.LDAPResultInsufficientAccessRights, goldap.LDAPResultOperationsError, goldap.LDAPResultStrongAuthRequired, goldap.LDAPResultConfidentialityRequired,
		goldap.LDAPResultInappropriateAuthentication:
		e.Kind, e.Text = fault.Denied, "The directory server %s does not let this account read."
	case goldap.LDAPResultBusy, goldap.LDAPResultUnavailable, goldap.LDAPResultOther:
		e.Text = "The directory server %s cannot answer now."
	default:
		e.Kind, e.Text, e.Args = fault.Invalid, "The directory server %s answers with error %d.", []any{server, int(r.ResultCode)}
	}
}
