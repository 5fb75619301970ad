package ldap

import (
	"sync"
	"testing"

	"platen/fault"
	"platen/internal/testkit/peers"
)

func TestSlapdChecksPasswords(t *testing.T) {
	// It takes a sign-in without a password for a visit of nobody, and says yes.
	s := startSlapd(t, 5, peers.SlapdOptions{Global: "allow bind_anon_cred bind_anon_dn\nmoduleload ppolicy", Database: "overlay ppolicy"})
	admin := slapdAdmin(t, s)
	cfg := slapdConfig(s)
	cfg.Map.Disabled = "employeeType"
	var m mirror
	m.take(mustRead(t, newSource(t, cfg, "reading"), nil))
	key := func(login string) string { return m.login(t, login).Key }
	admin.set(person(2), "employeeType", "inactive")
	admin.set(person(3), "pwdAccountLockedTime", lockedForGood)
	tests := map[string]struct {
		key, login, password string
		cause                error
	}{
		"right":                     {key("u0001"), "u0001", "pw-0001", nil},
		"wrong":                     {key("u0001"), "u0001", "pw-0002", ErrWrongPassword},
		"disabled":                  {key("u0002"), "u0002", "pw-0002", ErrDisabled},
		"disabled, wrong":           {key("u0002"), "u0002", "pw-0001", ErrDisabled},
		"locked":                    {key("u0003"), "u0003", "pw-0003", ErrDisabled},
		"nobody":                    {"", "u0001", "pw-0001", ErrNoAccount},
		"a key that is gone":        {"00000000-1111-4222-8333-444444444444", "x", "pw-0001", ErrNoAccount},
		"A48 empty":                 {key("u0001"), "u0001", "", ErrEmptyPassword},
		"A48 blank":                 {key("u0001"), "u0001", " \t", ErrEmptyPassword},
		"A49 every key":             {"*", "*", "pw-0001", ErrNoAccount},
		"A49 another filter":        {"*)(uid=u0001", "*)(uid=*", "pw-0001", ErrNoAccount},
		"A49 the end of the filter": {"x)(|(uid=u0001", "x", "pw-0001", ErrNoAccount},
		"A49 zero octet":            {"x\x00", "x\x00", "pw-0001", ErrNoAccount},
	}
	c := newChecker(t, cfg, "reading")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			checkPassword(t, c, tt.key, tt.login, tt.password, tt.cause)
		})
	}
	t.Run("many at once", func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if i%2 == 0 {
					checkPassword(t, c, key("u0001"), "u0001", "pw-0001", nil)
				} else {
					checkPassword(t, c, key("u0004"), "u0004", "pw-0001", ErrWrongPassword)
				}
			})
		}
		wg.Wait()
		if len(c.idle) > maxAsking {
			t.Errorf("%d connections are kept", len(c.idle))
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		s.Stop()
		if err := c.Check(t.Context(), key("u0001"), "u0001", "pw-0001"); !fault.Is(err, fault.Unavailable) {
			t.Errorf("while it is down: %v", err)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkPassword(t, c, key("u0001"), "u0001", "pw-0001", nil)
	})
	t.Run("our own account is refused", func(t *testing.T) {
		wrong := newChecker(t, cfg, "another")
		if err := wrong.Check(t.Context(), key("u0001"), "u0001", "pw-0001"); !fault.Is(err, fault.Unavailable) {
			t.Errorf("err = %v: that is not the person's fault", err)
		}
	})
}

// Who is chosen by a group is heard of when the group changes.
func TestSlapdPeopleOfAGroup(t *testing.T) {
	s := startSlapd(t, 5, peers.SlapdOptions{SessionLog: 100})
	admin := slapdAdmin(t, s)
	admin.group("staff", person(1))
	cfg := slapdConfig(s)
	cfg.UserFilter = "(&(objectClass=inetOrgPerson)(memberOf=cn=staff,ou=groups," + suffix + "))"
	src := newSource(t, cfg, "reading")
	var m mirror
	m.take(mustRead(t, src, nil))
	if len(m.people) != 1 {
		t.Fatalf("%d people", len(m.people))
	}
	admin.set("cn=staff,ou=groups,"+suffix, "member", person(1), person(2))
	m.hear(t, src)
	if len(m.people) != 2 {
		t.Errorf("%d people after the change", len(m.people))
	}
}
