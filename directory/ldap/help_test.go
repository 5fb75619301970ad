package ldap

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
)

// clock is a Now that goes on by an hour at each look, so that counting is always
// due.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Hour)
	return c.now
}

func newSource(t *testing.T, cfg Config, secret string) *Source {
	t.Helper()
	c := &clock{now: time.Now().Add(-time.Hour)}
	return &Source{Config: cfg, Secret: secret, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: c.Now}
}

func mustRead(t *testing.T, s *Source, cursor []byte) directory.Answer {
	t.Helper()
	a, err := s.Read(t.Context(), cursor, nil)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	if secret := []byte(s.Secret); len(secret) > 0 && bytes.Contains(a.Cursor, secret) {
		t.Error("the secret is in the cursor")
	}
	return a
}

// mirror is what somebody has who stores answers.
type mirror struct {
	people map[string]directory.Record
	groups map[string]directory.GroupRecord
	cursor []byte
}

func (m *mirror) take(a directory.Answer) {
	if a.Full || m.people == nil {
		m.people, m.groups = map[string]directory.Record{}, map[string]directory.GroupRecord{}
	}
	for _, p := range a.People {
		m.people[p.Key] = p
	}
	for _, g := range a.Groups {
		m.groups[g.Key] = g
	}
	for _, key := range a.Gone {
		delete(m.people, key)
		delete(m.groups, key)
	}
	// Keys of those who have left stay in groups until these change: nobody has them.
	for key, g := range m.groups {
		g.People = slices.DeleteFunc(slices.Clone(g.People), func(k string) bool { _, ok := m.people[k]; return !ok })
		g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(k string) bool { _, ok := m.groups[k]; return !ok })
		m.groups[key] = g
	}
	m.cursor = a.Cursor
}

// hear reads the changes and holds what is known then to what a new full reading
// says. It returns the answer about the changes.
func (m *mirror) hear(t *testing.T, s *Source) directory.Answer {
	t.Helper()
	a := mustRead(t, s, m.cursor)
	m.take(a)
	var fresh mirror
	fresh.take(mustRead(t, s, nil))
	for _, key := range union(m.people, fresh.people) {
		if got, want := m.people[key], fresh.people[key]; !reflect.DeepEqual(got, want) {
			t.Errorf("person %s:\nheard %+v\nis    %+v", key, got, want)
		}
	}
	for _, key := range union(m.groups, fresh.groups) {
		got, want := m.groups[key], fresh.groups[key]
		if got.Name != want.Name || got.DN != want.DN || !slices.Equal(got.People, want.People) || !slices.Equal(got.Members, want.Members) {
			t.Errorf("group %s:\nheard %+v\nis    %+v", key, got, want)
		}
	}
	return a
}

func union[V any](a, b map[string]V) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

func (m *mirror) login(t *testing.T, login string) directory.Record {
	t.Helper()
	for _, p := range m.people {
		if p.Login == login {
			return p
		}
	}
	t.Fatalf("there is no %s among %d people", login, len(m.people))
	return directory.Record{}
}

func (m *mirror) group(t *testing.T, name string) directory.GroupRecord {
	t.Helper()
	for _, g := range m.groups {
		if g.Name == name {
			return g
		}
	}
	t.Fatalf("there is no group %s", name)
	return directory.GroupRecord{}
}

// logins lists the people of an answer.
func logins(people []directory.Record) []string {
	list := []string{}
	for _, p := range people {
		list = append(list, p.Login)
	}
	slices.Sort(list)
	return list
}

func newChecker(t *testing.T, cfg Config, secret string) *Checker {
	t.Helper()
	c := &Checker{Config: cfg, Secret: secret, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	t.Cleanup(c.Close)
	return c
}

func checkPassword(t *testing.T, c *Checker, key, login, password string, cause error) {
	t.Helper()
	err := c.Check(t.Context(), key, login, password)
	switch {
	case cause == nil && err != nil:
		t.Errorf("a right password: %v", err)
	case cause != nil && (!fault.Is(err, fault.Denied) || !errors.Is(err, cause)):
		t.Errorf("err = %v, want %v", err, cause)
	case err != nil && password != "" && strings.Contains(err.Error(), password):
		t.Errorf("the password is in %v", err)
	}
}
