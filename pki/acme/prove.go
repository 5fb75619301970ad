package acme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-acme/lego/v5/acme"

	"platen/fault"
)

// proof is one name of an order and how it is proven.
type proof struct {
	authz   string // web address of the authorization
	name    string // without the star of a wildcard
	url     string // of the challenge
	token   string
	keyAuth string // RFC 8555, section 8.1
	entry   entry  // of ByDNS, once it was made
}

// solver shows proofs where the server looks for them. remove is also called for
// what may not have been shown.
type solver interface {
	present(ctx context.Context, p *proof) error
	ready(ctx context.Context) error
	remove(ctx context.Context, p *proof) error
}

func (s *session) solver() solver {
	if s.challenge() == ByDNS {
		return &updates{Client: s.Client}
	}
	return s.HTTP01
}

// prove shows all proofs of an order, waits until they can be seen, and tells the
// server to look.
func (s *session) prove(ctx context.Context, order acme.ExtendedOrder, names []string) (err error) {
	if len(order.Authorizations) > len(names) {
		return errors.New("acme: the server wants more proofs than there are names")
	}
	by := s.solver()
	var proofs []*proof
	defer func() { s.forget(ctx, by, proofs, err != nil) }()
	for _, at := range order.Authorizations {
		p, err := s.pending(ctx, at, names)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		proofs = append(proofs, p)
		s.tell("%s is proven by %s.", p.name, s.challenge())
		if err := by.present(ctx, p); err != nil {
			return err
		}
	}
	if len(proofs) == 0 {
		return nil
	}
	if s.challenge() == ByDNS {
		s.tell("The entries in the DNS are there; this waits until its name servers show them.")
	}
	if err := by.ready(ctx); err != nil {
		return err
	}
	s.tell("This waits until %s has looked.", s.server())
	return s.look(ctx, proofs)
}

// pending returns what is to be proven for one authorization, or nil when the server
// still believes an earlier proof. Nothing is shown for names that nobody has asked for.
func (s *session) pending(ctx context.Context, at string, names []string) (*proof, error) {
	a, err := s.core.Authorizations.Get(ctx, at)
	if err != nil || a.Status == acme.StatusValid {
		return nil, err
	}
	if name := a.Identifier.Value; !slices.Contains(names, name) && !slices.Contains(names, "*."+name) {
		return nil, fmt.Errorf("acme: the server wants a proof for %q", brief(name))
	}
	for _, c := range a.Challenges {
		if c.Type != s.challenge() {
			continue
		}
		if !isToken(c.Token) {
			return nil, errors.New("acme: the token of a challenge is none")
		}
		keyAuth, err := s.core.GetKeyAuthorization(c.Token)
		return &proof{authz: at, name: a.Identifier.Value, url: c.URL, token: c.Token, keyAuth: keyAuth}, err
	}
	return nil, &fault.Error{Op: "acme.prove", Kind: fault.Invalid,
		Text: "The ACME server does not offer %s for %s.", Args: []any{s.challenge(), a.Identifier.Value}}
}

// isToken checks RFC 8555, section 8.3: base64url without padding.
func isToken(s string) bool {
	const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return s != "" && len(s) <= maxToken && strings.Trim(s, base64url) == ""
}

func (s *session) look(ctx context.Context, proofs []*proof) error {
	for _, p := range proofs {
		if _, err := s.core.Challenges.New(ctx, p.url); err != nil {
			return err
		}
	}
	for _, p := range proofs {
		err := s.seen.poll(ctx, func() (bool, error) {
			a, err := s.core.Authorizations.Get(ctx, p.authz)
			if err != nil {
				return false, err
			}
			return s.verdict(p, a)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// verdict reads what the server thinks of a proof.
func (s *session) verdict(p *proof, a acme.Authorization) (done bool, err error) {
	switch a.Status {
	case acme.StatusValid:
		return true, nil
	case acme.StatusPending, acme.StatusProcessing:
		return false, nil
	}
	for _, c := range a.Challenges {
		if c.Type == s.challenge() && c.Error != nil {
			return false, s.notProven(p, c.Error)
		}
	}
	return false, s.notProven(p, &acme.ProblemDetails{Detail: "the authorization is " + a.Status})
}

// forget takes away what was shown and, after a failure, tells the server that
// nothing more will come: it counts what is pending. It does so also when ctx has
// ended, for a while.
func (s *session) forget(ctx context.Context, by solver, proofs []*proof, failed bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	for _, p := range proofs {
		if err := by.remove(ctx, p); err != nil {
			s.log().Warn("acme: a proof was left behind", "name", p.name, "entry", p.entry.name, "error", err)
		}
		if !failed {
			continue
		}
		// One that has failed is no longer pending, and the server says so.
		if err := s.core.Authorizations.Deactivate(ctx, p.authz); err != nil {
			s.log().Debug("acme: authorization not given back", "name", p.name, "error", err)
		}
	}
}
