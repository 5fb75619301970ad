package releasetest

import (
	"context"
	"slices"
	"time"

	"platen/directory"
)

func (s *Fake) DelegationsTo(_ context.Context, user string) ([]directory.Delegation, error) {
	return read(s, func() ([]directory.Delegation, error) {
		return s.filledDelegations(func(d *directory.Delegation) bool {
			return d.Delegate == user || slices.Contains(s.groups[d.Delegate], user)
		}), nil
	})
}

func (s *Fake) DelegationsOf(_ context.Context, owner string) ([]directory.Delegation, error) {
	return read(s, func() ([]directory.Delegation, error) {
		return s.filledDelegations(func(d *directory.Delegation) bool { return d.Owner == owner }), nil
	})
}

func (s *Fake) filledDelegations(of func(*directory.Delegation) bool) (list []directory.Delegation) {
	for _, d := range s.delegations {
		if !of(&d) {
			continue
		}
		owner, delegate := s.users[d.Owner], s.users[d.Delegate]
		d.OwnerLogin, d.OwnerName, d.DelegateName = owner.Login, owner.Name(), delegate.Name()
		_, d.ToGroup = s.groups[d.Delegate]
		list = append(list, d)
	}
	return list
}

func (s *Fake) Consent(_ context.Context, id, owner string, at time.Time, how, actor string) error {
	return s.do(func() error {
		i := s.delegation(id, owner)
		if i < 0 || !s.delegations[i].Consented.IsZero() {
			return notFound()
		}
		s.delegations[i].Consented, s.delegations[i].Consent = ms(at), how
		s.audit = append(s.audit, Line{actor, "delegation.consent", s.users[owner].Login, how})
		return nil
	})
}

func (s *Fake) EndDelegation(_ context.Context, id, owner, actor string) error {
	return s.do(func() error {
		i := s.delegation(id, owner)
		if i < 0 {
			return notFound()
		}
		action := "delegation.remove"
		if s.delegations[i].Consented.IsZero() {
			action = "delegation.refuse"
		}
		s.audit = append(s.audit, Line{actor, action, s.users[owner].Login, ""})
		s.delegations = slices.Delete(s.delegations, i, i+1)
		return nil
	})
}

func (s *Fake) delegation(id, owner string) int {
	return slices.IndexFunc(s.delegations, func(d directory.Delegation) bool { return d.ID == id && d.Owner == owner })
}
