package oidc

import (
	"crypto/x509"
	"errors"
	"net/url"

	"platen/fault"
)

// unreached says to an administrator why nobody answers.
var unreached = map[fault.Reach]string{
	fault.Unreached:   "The sign-in service %s cannot be reached.",
	fault.Refused:     "The sign-in service %s refuses the connection. Check the port, whether the server runs, and the firewalls.",
	fault.Unnamed:     "The sign-in service %s cannot be found: nobody knows this name. Check how it is spelled, and the name servers of this machine.",
	fault.NameUnasked: "The sign-in service %s cannot be looked for: no name server answers. Check the name servers of this machine.",
	fault.Silent:      "The sign-in service %s does not answer in time.",
	fault.NoWay:       "The sign-in service %s cannot be reached: there is no way to it in the network.",
}

// forAdministrators says of a provider that could not be used where it is and what to
// look at. People who sign in are not told that.
func (p *Provider) forAdministrators(err error) error {
	if !fault.Is(err, fault.Unavailable) {
		return err
	}
	return &fault.Error{Op: "oidc.test", Kind: fault.Unavailable, Text: p.whyAway(err), Args: []any{p.Config.Issuer}, Err: err}
}

func (p *Provider) whyAway(err error) string {
	var (
		unknown  x509.UnknownAuthorityError
		ended    x509.CertificateInvalidError
		hostname x509.HostnameError
		talk     *url.Error
	)
	switch {
	case errors.As(err, &unknown) && p.Config.CA != "":
		return "The certificate of the sign-in service %s is from another authority than the one that was named for it alone (platen sign-in oidc trust)."
	case errors.As(err, &unknown):
		return "The certificate of the sign-in service %s is from an authority that is not trusted for signing in here. Import its certificate (platen cert trust import FILE --for sign-in)."
	case errors.As(err, &hostname):
		return "The certificate of the sign-in service %s is for another name."
	case errors.As(err, &ended) && ended.Reason == x509.Expired:
		return "The certificate of the sign-in service %s is not valid now. Renew it, or set the clock."
	case errors.As(err, &ended):
		return "The certificate of the sign-in service %s cannot be used."
	case errors.As(err, &talk):
		return unreached[fault.ReachOf(err)]
	}
	return "At %s something answers, but not as a sign-in service does. Is the issuer right?"
}
