package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"platen/directory"
)

// Report is what a look at a server has shown, for whoever sets it up.
type Report struct {
	Server  string        `json:"server"` // the one that was used
	TLS     string        `json:"tls"`    // "TLS 1.3"; "" when nothing is encrypted
	Chain   []Certificate `json:"chain"`  // as the server has shown it, also when it was refused; the authority that is trusted last
	Kind    Kind          `json:"kind"`
	Vendor  string        `json:"vendor"`
	Changes string        `json:"changes"` // how changes will be heard: ChangesDirSync, …
	Deleted bool          `json:"deleted"` // the server says who was deleted; otherwise one counts
	Bases   []BaseReport  `json:"bases"`
	Missing []string      `json:"missing"` // attributes that nobody of those looked at has
	// Problems are English sentences about entries that would be passed over.
	Problems []string `json:"problems"`
}

// Certificate is one of a chain.
type Certificate struct {
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	NotAfter time.Time `json:"not_after"`
}

// BaseReport is what is in one base.
type BaseReport struct {
	Base   string   `json:"base"`
	People int      `json:"people"`
	Groups int      `json:"groups"`
	More   bool     `json:"more"`  // counting was given up: there are more
	First  []string `json:"first"` // a few people: "Anna Muster (anna)"
}

// What a look counts and shows.
const (
	countMost = 20_000
	showFirst = 5
)

// errEnough ends a search whose answer is large enough.
var errEnough = errors.New("enough")

// Probe connects and looks, and changes nothing. With an error, the report holds
// what was seen before it.
func (s *Source) Probe(ctx context.Context) (Report, error) {
	const op = "ldap.Probe"
	var report Report
	if err := s.Config.Check(); err != nil {
		return report, err
	}
	ses, err := s.open(ctx)
	if err != nil {
		report.Chain = chain(nil, err)
		return report, wrap(op, err)
	}
	defer ses.close()
	report.Server, report.Kind, report.Vendor, report.Chain = ses.server, ses.cfg.Kind, ses.root.vendor, chain(ses.state, nil)
	if ses.state != nil {
		report.TLS = tls.VersionName(ses.state.Version)
	}
	r := newReading(ses, s.now(), nil)
	c, err := r.begin(ctx)
	if err != nil {
		return report, wrap(op, err)
	}
	report.Changes, report.Deleted = c.Kind, c.Hears
	return report, wrap(op, r.look(ctx, &report))
}

func chain(state *tls.ConnectionState, err error) []Certificate {
	var list []Certificate
	for _, c := range certificates(state, err) {
		list = append(list, Certificate{Subject: c.Subject.String(), Issuer: c.Issuer.String(), NotAfter: c.NotAfter})
	}
	return list
}

// look reads a page of people in each base and counts the others.
func (r *reading) look(ctx context.Context, report *Report) error {
	missing := distinct(r.config().Map.names())
	missing = slices.DeleteFunc(missing, func(a string) bool { return slices.Contains(r.config().Map.GroupName, a) })
	for _, base := range r.config().Bases {
		b := BaseReport{Base: base}
		err := r.pages(ctx, part{base: base}.query(r, ""), func(entries []*goldap.Entry) error {
			for _, e := range entries {
				missing = slices.DeleteFunc(missing, func(a string) bool { return has(e, a) })
			}
			b.First = r.firstNames(entries, base)
			return errEnough
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		for _, p := range r.parts() {
			if p.base != base {
				continue
			}
			n, err := r.countPart(ctx, p, &b)
			if err != nil {
				return err
			}
			if p.groups {
				b.Groups = n
			} else {
				b.People = n
			}
		}
		report.Bases = append(report.Bases, b)
	}
	report.Missing, report.Problems = missing, r.problems
	return nil
}

func (r *reading) firstNames(entries []*goldap.Entry, base string) []string {
	var names []string
	for _, e := range entries {
		if p, ok := r.person(e, base); ok && len(names) < showFirst {
			names = append(names, describe(p))
		}
	}
	return names
}

func describe(p directory.Record) string {
	if p.FullName == "" {
		return p.Login
	}
	return p.FullName + " (" + p.Login + ")"
}

func (r *reading) countPart(ctx context.Context, p part, b *BaseReport) (int, error) {
	q := p.query(r, "")
	q.attrs = []string{r.config().Map.Key}
	n := 0
	err := r.pages(ctx, q, func(entries []*goldap.Entry) error {
		if n += len(entries); n >= countMost {
			b.More = true
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return n, err
}
