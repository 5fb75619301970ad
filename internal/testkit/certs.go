package testkit

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"platen/fault"
	"platen/pki"
)

// CertStore is where a pki.Keeper keeps what it has, in memory.
type CertStore struct {
	mu      sync.Mutex
	chains  []pki.Kept
	domains []pki.Domain
	trusted []pki.Trusted
	values  map[string][]byte
	secrets map[string]string
}

var _ pki.Store = (*CertStore)(nil)

// put changes the one that is the same, or adds it.
func put[T any](list []T, x T, same func(T) bool) []T {
	if i := slices.IndexFunc(list, same); i >= 0 {
		list = slices.Clone(list)
		list[i] = x
		return list
	}
	return append(slices.Clone(list), x)
}

func remove[T any](list *[]T, same func(T) bool) error {
	rest := slices.DeleteFunc(slices.Clone(*list), same)
	if len(rest) == len(*list) {
		return &fault.Error{Op: "testkit", Kind: fault.NotFound, Text: "It is not there."}
	}
	*list = rest
	return nil
}

// Chains implements pki.Store.
func (s *CertStore) Chains(context.Context) ([]pki.Kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.chains), nil
}

// PutChain implements pki.Store.
func (s *CertStore) PutChain(_ context.Context, x pki.Kept) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chains = put(s.chains, x, func(k pki.Kept) bool { return k.ID == x.ID })
	return nil
}

// RemoveChain implements pki.Store.
func (s *CertStore) RemoveChain(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.domains {
		if s.domains[i].Chain == id {
			s.domains[i].Chain = ""
		}
	}
	return remove(&s.chains, func(k pki.Kept) bool { return k.ID == id })
}

// ChainSecret implements pki.Store.
func (s *CertStore) ChainSecret(_ context.Context, id string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.secrets[id], nil
}

// SetChainSecret implements pki.Store.
func (s *CertStore) SetChainSecret(_ context.Context, id, secret string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secrets == nil {
		s.secrets = map[string]string{}
	}
	s.secrets[id] = secret
	return nil
}

// Domains implements pki.Store.
func (s *CertStore) Domains(context.Context) ([]pki.Domain, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.domains), nil
}

// PutDomain implements pki.Store.
func (s *CertStore) PutDomain(_ context.Context, x pki.Domain) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.domains = put(s.domains, x, func(d pki.Domain) bool { return d.Name == x.Name })
	return nil
}

// RemoveDomain implements pki.Store.
func (s *CertStore) RemoveDomain(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return remove(&s.domains, func(d pki.Domain) bool { return d.Name == name })
}

// Trusted implements pki.Store.
func (s *CertStore) Trusted(context.Context) ([]pki.Trusted, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.trusted), nil
}

// PutTrusted implements pki.Store.
func (s *CertStore) PutTrusted(_ context.Context, x pki.Trusted) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trusted = put(s.trusted, x, func(t pki.Trusted) bool { return t.ID == x.ID })
	return nil
}

// RemoveTrusted implements pki.Store.
func (s *CertStore) RemoveTrusted(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return remove(&s.trusted, func(t pki.Trusted) bool { return t.ID == id })
}

// Value implements pki.Store.
func (s *CertStore) Value(_ context.Context, name string, to any) (ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.values[name]
	if !ok {
		return false, nil
	}
	return true, json.Unmarshal(b, to)
}

// PutValue implements pki.Store.
func (s *CertStore) PutValue(_ context.Context, name string, value any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	b, err := json.Marshal(value)
	s.values[name] = b
	return err
}
