package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"platen/config"
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
	views := make([]sourceView, len(list))
	for i := range list {
		a.latest(&list[i])
		if views[i], err = a.viewSource(ctx, list[i]); err != nil {
			return err
		}
	}
	return writeList(c, views, []column[sourceView]{
		{"name", func(x sourceView) string { return x.Name }},
		{"kind", func(x sourceView) string { return x.Kind }},
		{"enabled", func(x sourceView) string { return yesNo(x.Enabled) }},
		{"answered", func(x sourceView) string { return stamp(x.Good) }},
		{"everybody compared", func(x sourceView) string { return stamp(x.Full) }},
		{"state", func(x sourceView) string { return sourceState(&x.SourceSetup) }},
	})
}

// sourceView is a source as scripts read it.
type sourceView struct {
	directory.SourceSetup
	Config    json.RawMessage `json:"config"`          // of its kind
	Every     *struct{}       `json:"every,omitempty"` // always left out: it would be nanoseconds
	Seconds   *float64        `json:"every_seconds"`   // null: it is not asked
	HasSecret bool            `json:"has_secret"`
	New       bool            `json:"new"` // it is not read yet: nobody has run platen source sync
}

func (a *admin) viewSource(ctx context.Context, x directory.SourceSetup) (sourceView, error) {
	secret, err := a.scope.SourceSecret(ctx, x.ID)
	v := sourceView{SourceSetup: x, Config: json.RawMessage(orElse(x.Config, "{}")), HasSecret: secret != "", New: x.New()}
	if x.Kind != directory.SourcePush {
		seconds := x.Every.Seconds()
		v.Seconds = &seconds
	}
	return v, err
}

// sourceState says in a few words how a source is.
func sourceState(x *directory.SourceSetup) string {
	r := &x.Report
	push := x.Kind == directory.SourcePush
	switch {
	case r.Began.IsZero() && push:
		return "nobody was brought yet"
	case x.New():
		return "new; " + notBegun(x.Name)
	case r.Failed != "":
		return r.Failed
	case r.Waiting > 0:
		return fmt.Sprintf("%s Somebody must approve that: platen source approve %s", r.Why, x.Name)
	case r.Ended.IsZero() && push:
		return "people are being brought"
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
	a.latest(&x)
	v, err := a.viewSource(ctx, x)
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, v)
	}
	now := ""
	if a.running != nil {
		if st, ok := a.running.sources.progress(id); ok {
			now = st.String()
		}
	}
	every, configured, secret, brought := config.Duration{Duration: x.Every}.String(), configText(x.Config), yesNo(v.HasSecret), ""
	if x.Kind == directory.SourcePush { // it is not asked, and has nothing of these
		every, configured, secret, brought = "", "", "", "another machine: platen sync-directory"
	}
	r := &x.Report
	return fields(c.out, "name", x.Name, "kind", x.Kind, "enabled", yesNo(x.Enabled), "asked every", every, "its people are brought by", brought, "configuration", configured,
		"password or key kept", secret, "card rule", x.Rule, "answered last", stamp(x.Good), "everybody compared", stamp(x.Full),
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
			m[k] = "(" + certificates(s) + ")"
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		return config
	}
	return string(text)
}

func certificates(pem string) string {
	return counted(strings.Count(pem, "BEGIN CERTIFICATE"), "certificate", "certificates")
}

func (st stage) String() string {
	switch {
	case st == stage{what: "connect"}:
		return "connecting"
	case st.of == 0:
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
	took := " in " + r.Ended.Sub(r.Began).Round(time.Millisecond).String()
	switch {
	case r.Ended.IsZero():
		return stamp(r.Began) + ": it has not ended"
	case r.Failed != "" && r.Read == 0:
		return stamp(r.Began) + ": it failed" + took + ", before anybody was read"
	case r.Failed != "":
		what += ", until it failed"
	}
	return fmt.Sprintf("%s: %s: %d read%s, %d new, %d changed, %d disabled, %d removed, %d as before, %s changed",
		stamp(r.Began), what, r.Read, took, r.New, r.Changed, r.Disabled, r.Removed, r.Same, counted(r.Groups, "group", "groups"))
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
	if err == nil && !c.json && x.New() {
		fmt.Fprintln(c.err, plain(upper(notBegun(x.Name))))
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
			err = errors.Join(fields(c.out, "tenant", r.Tenant, "people", peopleThere(r.People), "first", strings.Join(r.Names, ", "), "permissions missing", strings.Join(r.Missing, ", ")), err)
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

// peopleThere is how many people Entra ID says that there are; -1 when it does not.
func peopleThere(n int) string {
	if n < 0 {
		return "not said"
	}
	return fmt.Sprint(n)
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
	deleted := ""
	switch {
	case r.Changes == "": // it was not reached, or has not said
	case r.Deleted:
		deleted = "by the server"
	default:
		deleted = "by comparing everybody"
	}
	if err := fields(c.out, "server", r.Server, "encryption", r.TLS, "certificates", strings.Join(chain, "; "), "kind", strings.TrimSpace(string(r.Kind)+" "+r.Vendor),
		"changes are heard of", r.Changes, "deletions are known", deleted, "attributes that nobody has", strings.Join(r.Missing, ", ")); err != nil {
		return err
	}
	for _, b := range r.Bases {
		people := counted(b.People, "person", "people")
		if b.More {
			people += " or more"
		}
		fmt.Fprintf(c.out, "%s: %s, %s; %s\n", plain(orElse(b.Base, "(all)")), people, counted(b.Groups, "group", "groups"), plain(strings.Join(b.First, ", ")))
	}
	for _, p := range r.Problems {
		fmt.Fprintln(c.out, "  "+plain(p))
	}
	return nil
}
