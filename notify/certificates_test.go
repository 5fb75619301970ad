package notify

import (
	"strings"
	"testing"
	"time"
)

// F44: one message tells of all that end, when, why, and what to do about each.
func TestF44CertificatesEnd(t *testing.T) {
	day := 24 * time.Hour
	tests := map[string]struct {
		e    Ending
		says []string
	}{
		"imported":    {Ending{Name: "web", Use: "server", From: "imported"}, []string{"platen cert chain import web FILE"}},
		"signing":     {Ending{Name: "sign", Use: "signing", From: "imported"}, []string{"platen cert signing import sign FILE"}},
		"request":     {Ending{Name: "web", Use: "server", From: "request"}, []string{"platen cert chain renew web FILE"}},
		"watched":     {Ending{Name: "web", Use: "server", From: "watched", Trouble: strings.Repeat("Why. ", 30)}, []string{"platen cert chain show web", "\n\nThe last attempt to renew it failed: Why. Why.", strings.Repeat("Why. ", 29) + "Why.\n"}},
		"ACME":        {Ending{Name: "web", Use: "server", From: "acme", Trouble: "No\nanswer."}, []string{"and tries again.", "failed: No answer.\n"}},
		"root":        {Ending{Name: "root", Use: "root", From: "built-in"}, []string{"platen cert ca generate", "/trust"}},
		"its own":     {Ending{Name: "node", Use: "server", From: "built-in"}, []string{"in its log"}},
		"trusted":     {Ending{Name: "corp", Use: "trusted"}, []string{"platen cert trust import FILE"}},
		"a long name": {Ending{Name: "web", Subject: "CN=" + strings.Repeat("a", 90)}, []string{"(CN=" + strings.Repeat("a", 90) + ")"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for left, want := range map[time.Duration]string{
				30 * day: "in 30 days.", 29*day + time.Hour: "in 29 days.", day: "in one day.", time.Hour: "within a day.", 0: "ended on 2026-03-14 12:00.", -day: "ended on 2026-03-13 12:00.",
			} {
				tt.e.Ends = noon.Add(left)
				m := CertificatesEnd(nil, "en", "Anna", "node1", []Ending{tt.e, {Name: "another", Ends: noon.Add(30 * day)}}, noon)
				subject := "Certificates of node1 end soon"
				if left <= 0 {
					subject = "Certificates of node1 have ended"
				}
				if m.Subject != subject {
					t.Errorf("%s: %q", left, m.Subject)
				}
				for _, s := range append(tt.says, "“"+tt.e.Name+"”", want, "“another”", "by LPR") {
					if !strings.Contains(m.Text, s) {
						t.Errorf("%s: %q is not in\n%s", left, s, m.Text)
					}
				}
				m.To = "anna@example.test"
				if err := m.check(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
