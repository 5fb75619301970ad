package intake

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"platen/directory"
	"platen/job"
	"platen/site"
)

// Every place that a rule may name is one that the directory looks at.
func TestEveryOwnerSourceIsFollowed(t *testing.T) {
	head := []byte("\x1b%-12345X@PJL COMMENT \"Username: anna\"\r\n@PJL SET USERNAME=\"anna\"\r\n@PJL SET JOBATTR=\"JobAcct1=anna\"\r\n@PJL SET X=anna\r\n@PJL ENTER LANGUAGE=POSTSCRIPT\r\n%!PS\n%%For: anna\n")
	for _, source := range site.OwnerSources {
		from := source.From
		switch {
		case from == "pjl-set:":
			from += "X"
		case from == "control-line:":
			from += "O"
		}
		q := site.Queue{ID: "q", Owner: site.OwnerRules{Steps: []site.OwnerStep{{From: from}}, Hosts: []site.OwnerHost{{Client: "192.0.2.7", User: "anna"}}}}
		if source.Needs {
			q.Owner.Steps[0].Pattern = "For: (.*)"
		}
		r, err := OwnerRules(&q, &site.Settings{AliasesEnabled: true})
		if err != nil {
			t.Fatal(err)
		}
		o := job.Origin{Door: "lpd", Client: netip.MustParseAddr("192.0.2.7")}
		if from == "requesting-user-name" {
			o.Door = "ipp"
		}
		if from == "proof" {
			o.User = "1"
		}
		f := OwnerFacts(o, job.Ticket{Claimed: "anna", Account: "anna", Banner: "anna", Extra: map[string]string{"O": "anna"}}, [][]byte{head})
		if from == "certificate" {
			o.User, o.Certificate = "1", "anna"
			f = OwnerFacts(o, job.Ticket{}, nil)
		}
		m, err := directory.Owner(t.Context(), onePerson{}, f, r)
		if err != nil || !m.Owned() {
			t.Errorf("%s: %+v, %v", from, m, err)
		}
	}
}

// onePerson is a directory with Anna.
type onePerson struct{}

func (onePerson) User(_ context.Context, id string) (directory.User, error) {
	return directory.User{ID: id, Login: "anna", Enabled: true}, nil
}

func (onePerson) UsersByName(_ context.Context, name string) ([]directory.User, error) {
	if name != "anna" {
		return nil, nil
	}
	return []directory.User{{ID: "1", Login: "anna", Enabled: true}}, nil
}

func (onePerson) UsersByPrefix(context.Context, string, int) ([]directory.User, error) {
	return nil, nil
}

// The node's settings and the queue's rules both have to allow it.
func TestOwnerRulesOfAQueue(t *testing.T) {
	yes, no := site.Settings{AliasesEnabled: true, PrefixEnabled: true}, site.Settings{}
	for name, tt := range map[string]struct {
		o    site.OwnerRules
		s    site.Settings
		want bool
	}{"both": {site.OwnerRules{}, yes, true}, "not the node": {site.OwnerRules{}, no, false}, "not the queue": {site.OwnerRules{NoAliases: true, NoPrefix: true}, yes, false}} {
		r, err := OwnerRules(&site.Queue{Owner: tt.o}, &tt.s)
		if err != nil || r.Aliases != tt.want || r.Prefix != tt.want {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	r, err := OwnerRules(&site.Queue{OwnerPattern: "(", Owner: site.OwnerRules{Steps: []site.OwnerStep{{From: "banner"}, {From: "gone"}}, Replace: []site.OwnerReplace{{Pattern: "["}}}}, &yes)
	if err == nil || strings.Count(err.Error(), "\n") != 2 || len(r.Steps) != 2 {
		t.Errorf("what cannot be read: %+v, %v", r.Steps, err)
	}
	r, err = OwnerRules(&site.Queue{Owner: site.OwnerRules{Strip: site.StripListed, Domains: []string{"Corp"}}}, &yes)
	if err != nil || !r.Strip("corp") || r.Strip("other") {
		t.Errorf("listed domains: %v", err)
	}
}
