package acme

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/go-acme/lego/v5/acme"

	"platen/fault"
)

// registration is an account at a server, as it is kept.
type registration struct {
	Directory string `json:"directory"`
	Key       string `json:"key"`     // digest of the public key, base64url
	Account   string `json:"account"` // its web address at the server
}

// account returns the address of the account that is kept, and "" when there is none
// for this server and this key.
func (c *Client) account() string {
	var r registration
	if err := json.Unmarshal(c.Registration, &r); err != nil || c.Key == nil {
		return ""
	}
	if r.Directory != c.directory() || r.Key != digest(c.Key.Public()) {
		return ""
	}
	return r.Account
}

func digest(public any) string {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// register makes an account, unless there is one. A server that knows the key
// returns the account that it has, RFC 8555, section 7.3.1.
func (s *session) register(ctx context.Context) error {
	if s.account() != "" {
		return nil
	}
	meta := s.core.GetDirectory().Meta
	switch {
	case meta.TermsOfService != "" && !s.Agreed:
		return &fault.Error{Op: "acme.register", Kind: fault.Invalid,
			Text: "The ACME server %s has terms that must be agreed to first: %s.", Args: []any{s.server(), words(meta.TermsOfService)}}
	case meta.ExternalAccountRequired && s.EABKeyID == "":
		return s.wantsKey(nil)
	}
	s.tell("An account is made at %s.", s.server())
	account, err := s.newAccount(ctx)
	if err != nil {
		return s.noAccount(err)
	}
	s.Registration, err = json.Marshal(registration{Directory: s.directory(), Key: digest(s.Key.Public()), Account: account.Location})
	if err != nil {
		return fmt.Errorf("acme: registration: %w", err)
	}
	s.log().Info("acme: account made", "server", s.server(), "account", account.Location)
	return nil
}

func (s *session) newAccount(ctx context.Context) (acme.ExtendedAccount, error) {
	req := acme.Account{TermsOfServiceAgreed: s.Agreed}
	if s.Email != "" {
		req.Contact = []string{"mailto:" + s.Email}
	}
	if s.EABKeyID != "" {
		return s.core.Accounts.NewEAB(ctx, req, s.EABKeyID, strings.TrimRight(s.EABKey, "="))
	}
	return s.core.Accounts.New(ctx, req)
}

// noAccount says why there is no account.
func (s *session) noAccount(err error) error {
	e := &fault.Error{Op: "acme.register", Kind: fault.Invalid, Err: err}
	switch {
	case isProblem(err, acme.ExternalAccountRequiredErrorType):
		return s.wantsKey(err)
	case s.EABKeyID != "" && (isProblem(err, acme.UnauthorizedErrorType) || isProblem(err, acme.MalformedErrorType)):
		e.Text = "The ACME server %s does not accept the key %s (EAB): %s."
		e.Args = []any{s.server(), s.EABKeyID, said(err)}
	case isProblem(err, acme.InvalidContactErrorType), isProblem(err, acme.UnsupportedContactErrorType):
		e.Text = "The ACME server %s does not accept the e-mail address: %s."
		e.Args = []any{s.server(), said(err)}
	default:
		return err
	}
	return e
}

func (s *session) wantsKey(err error) error {
	return &fault.Error{Op: "acme.register", Kind: fault.Invalid, Err: err,
		Text: "The ACME server %s wants to know whose account this is (EAB). Enter the key that you have got from its operator.", Args: []any{s.server()}}
}
