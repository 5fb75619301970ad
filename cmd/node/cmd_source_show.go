package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"platen/directory"
	"platen/directory/csvfile"
	"platen/directory/entra"
	"platen/directory/ldap"
)

func (a *admin) listSources(ctx context.Context, c *call) error {
	list, err := a.scope.Sources(ctx)
	if err != nil {
		return err
	}
	return writeList(c, list, []column[directory.SourceSetup]{
		{"name", func(x directory.SourceSetup) string { return x.Name }},
		{"kind", func(x directory.SourceSetup) string { return x.Kind }},
		{"enabled", func(x directory.SourceSetup) string { return yesNo(x.Enabled) }},
		{"answered", func(x directory.SourceSetup) string { return stamp(x.Good) }},
		{"everybody compared", func(x directory.SourceSetup) string { return stamp(x.Full) }},
		{"state", func(x directory.SourceSetup) string { return sourceState(&x) }},
	})
}

// sourceState says in a few words how a source is.
func sourceState(x *directory.SourceSetup) string {
	r := &x.Report
	switch {
	case r.Began.IsZero():
		return "never asked"
	case r.Failed != "":
		return r.Failed
	case r.Waiting > 0:
		return fmt.Sprintf("%s Somebody must approve that: platen source approve %s", r.Why, x.Name)
	case r.Ended.IsZero():
		return "being asked"
	}
	return "good"
}

func (a *admin) showSource(ctx context.Context, c *call) error {
	x, err := a.source(ctx, c.args[0])
	if err != nil {
		return err
	}
	return a.printSource(ctx, c, x.ID)
}

func (a *admin) printSource(ctx context.Context, c *call, id string) error {
	x, err := a.scope.Source(ctx, id)
	if err != nil {
		return err
	}
	secret, err := a.scope.SourceSecret(ctx, id)
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, struct {
			directory.SourceSetup
			Config    json.RawMessage `json:"config"`
			HasSecret bool            `json:"has_secret"`
		}{x, json.RawMessage(x.Config), secret != ""})
	}
	now := ""
	if a.running != nil {
		if st, ok := a.running.sources.progress(id); ok {
			now = st.String()
		}
	}
	r := &x.Report
	return fields(c.out, "name", x.Name, "kind", x.Kind, "enabled", yesNo(x.Enabled), "asked every", x.Every.String(), "configuration", configText(x.Config),
		"password or key kept", yesNo(secret != ""), "card rule", x.Rule, "answered last", stamp(x.Good), "everybody compared", stamp(x.Full),
		"now", now, "state", sourceState(&x), "last run", runText(r), "passed over", strings.Join(r.Problems, "; "), "id", x.ID)
}

// configText is a configuration without the text of its certificates.
func configText(config string) string {
	var m map[string]any
	if json.Unmarshal([]byte(config), &m) != nil {
		return config
	}
	for _, k := range []string{"ca_pem", "certificate"} {
		if s, ok := m[k].(string); ok && s != "" {
			m[k] = fmt.Sprintf("(%d certificates)", strings.Count(s, "BEGIN CERTIFICATE"))
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		return config
	}
	return string(text)
}

func (st stage) String() string {
	if st.of == 0 {
		return fmt.Sprintf("%s: %d", st.what, st.done)
	}
	return fmt.Sprintf("%s: %d of %d", st.what, st.done, st.of)
}

// runText says what a run has brought.
func runText(r *directory.Run) string {
	if r.Began.IsZero() {
		return ""
	}
	what := "changes"
	if r.Full {
		what = "everybody"
	}
	took := ""
	if !r.Ended.IsZero() {
		took = " in " + r.Ended.Sub(r.Began).Round(time.Millisecond).String()
	}
	return fmt.Sprintf("%s: %s: %d read%s, %d new, %d changed, %d disabled, %d removed, %d as before, %d groups changed",
		stamp(r.Began), what, r.Read, took, r.New, r.Changed, r.Disabled, r.Removed, r.Same, r.Groups)
}

func (a *admin) testSource(ctx context.Context, c *call) error {
	x, err := a.source(ctx, c.args[0])
	if err != nil {
		return err
	}
	src, err := a.sourceRunner().open(ctx, x)
	if err != nil {
		return err
	}
	report, err := probe(ctx, c, src)
	if c.json && report != nil {
		err = errors.Join(writeJSON(c.out, report), err)
	}
	return err
}

// probe looks at a source and tells people what it has seen; the report is for
// programs.
func probe(ctx context.Context, c *call, src directory.Source) (report any, err error) {
	switch src := src.(type) {
	case *ldap.Source:
		r, perr := src.Probe(ctx)
		err = errors.Join(ldapReport(c, &r), perr)
		report = r
	case *entra.Source:
		r, perr := src.Probe(ctx)
		report, err = r, perr
		if !c.json {
			err = errors.Join(fields(c.out, "tenant", r.Tenant, "people", fmt.Sprint(r.People), "first", strings.Join(r.Names, ", "), "permissions missing", strings.Join(r.Missing, ", ")), err)
		}
	case *csvfile.Source:
		an, perr := src.Read(ctx, nil, nil)
		report, err = map[string]int{"people": len(an.People), "groups": len(an.Groups)}, perr
		if !c.json && perr == nil {
			err = fields(c.out, "people", fmt.Sprint(len(an.People)), "groups", fmt.Sprint(len(an.Groups)))
		}
	}
	return report, err
}

// ldapReport tells what was seen of a server, also of one that was refused.
func ldapReport(c *call, r *ldap.Report) error {
	if c.json {
		return nil
	}
	var chain []string
	for _, k := range r.Chain {
		chain = append(chain, fmt.Sprintf("%s, by %s, until %s", k.Subject, k.Issuer, k.NotAfter.Format(time.DateOnly)))
	}
	deleted := "by comparing everybody"
	if r.Deleted {
		deleted = "by the server"
	}
	if err := fields(c.out, "server", r.Server, "encryption", r.TLS, "certificates", strings.Join(chain, "; "), "kind", strings.TrimSpace(string(r.Kind)+" "+r.Vendor),
		"changes are heard of", r.Changes, "deletions are known", deleted, "attributes that nobody has", strings.Join(r.Missing, ", ")); err != nil {
		return err
	}
	for _, b := range r.Bases {
		more := ""
		if b.More {
			more = " or more"
		}
		fmt.Fprintf(c.out, "%s: %d people%s, %d groups; %s\n", plain(orElse(b.Base, "(all)")), b.People, more, b.Groups, plain(strings.Join(b.First, ", ")))
	}
	for _, p := range r.Problems {
		fmt.Fprintln(c.out, "  "+plain(p))
	}
	return nil
}
