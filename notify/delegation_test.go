package notify

import (
	"strings"
	"testing"
)

func TestDelegationLetters(t *testing.T) {
	tests := map[string]struct {
		got     Message
		subject string
		part    string
	}{
		"to the delegate": {DelegationTo(nil, "en", "Ben", "Anna Berg", true, noon), "You may print documents of somebody else", "documents of Anna Berg, since 2026-03-14 12:00."},
		"no longer":       {DelegationTo(nil, "en", "Ben", "Anna Berg", false, noon), "You may no longer print documents of somebody else", "You may no longer print documents of Anna Berg,"},
		"to the owner":    {DelegationOf(nil, "en", "Anna", "Ben\nSecretary", false, true, noon), "Your documents may be printed by somebody else", "Since 2026-03-14 12:00, your documents may be printed by Ben Secretary."},
		"to a group":      {DelegationOf(nil, "en", "Anna", "Ward 3", true, true, noon), "Your documents may be printed by somebody else", "may be printed by all members of Ward 3."},
		"taken back":      {DelegationOf(nil, "en", "Anna", "Ward 3", true, false, noon), "Your documents may no longer be printed by somebody else", "may no longer be printed by the members of Ward 3."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.got.Subject != tt.subject || !strings.Contains(tt.got.Text, tt.part) {
				t.Errorf("%+v", tt.got)
			}
		})
	}
}
