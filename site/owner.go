package site

import (
	"errors"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"platen/fault"
)

// OwnerRules say how the owner of a queue's jobs is found: where names are
// looked for and in which order, what is done to a name before the directory is
// asked, and what becomes of a job that nobody could be named for. The zero
// value is what the house does by itself; docs/decisions/0014-owner-rules.md
// says why.
type OwnerRules struct {
	Steps   []OwnerStep    `json:"steps,omitempty"`    // in this order; empty: DefaultOwnerSteps
	Hosts   []OwnerHost    `json:"hosts,omitempty"`    // which computer is whose, for the step "host"; the most exact counts
	Replace []OwnerReplace `json:"replace,omitempty"`  // done to each name, folded, one after the other
	Strip   string         `json:"strip,omitempty"`    // which domains are taken off a name that nobody has whole: "" or "all", "none", "listed"
	Domains []string       `json:"domains,omitempty"`  // those that "listed" speaks of, without case
	KeepUPN bool           `json:"keep_upn,omitempty"` // what stands behind an @ is never taken off
	Match   []string       `json:"match,omitempty"`    // which of a person's names count, the strongest first; empty: OwnerMatches

	NoAliases bool `json:"no_aliases,omitempty"` // aliases do not count, whatever the node's settings say
	NoPrefix  bool `json:"no_prefix,omitempty"`  // a name that was cut is not completed, whatever the node's settings say

	Unclaimed string `json:"unclaimed,omitempty"` // "" or "hold": for an administrator; "ask": people at a terminal are asked
	Similar   bool   `json:"similar,omitempty"`   // ask those whose name is like the claimed one, too, not only those of the same computer
	Remember  bool   `json:"remember,omitempty"`  // the claimed name becomes an alias of the person who confirms that it is theirs
}

// OwnerStep is one place where a name is looked for.
type OwnerStep struct {
	From    string `json:"from"`              // one of OwnerSources
	Pattern string `json:"pattern,omitempty"` // regular expression with one group, which is the name; "" takes all of it
	With    string `json:"with,omitempty"`    // what is made of a match instead, $1 is the group
}

// OwnerHost says whose computer sends.
type OwnerHost struct {
	Client string `json:"client"` // address, prefix such as 10.1.2.0/24, or the name that the computer gives itself
	User   string `json:"user"`   // login
}

// OwnerReplace changes every match of a regular expression in a name.
type OwnerReplace struct {
	Pattern string `json:"pattern"`
	With    string `json:"with"`
}

// Words of OwnerRules.
const (
	StripAll, StripNone, StripListed = "all", "none", "listed"
	UnclaimedHold, UnclaimedAsk      = "hold", "ask"
)

// OwnerSource is a place where a name may come from.
type OwnerSource struct {
	From  string // the word in an OwnerStep; with a colon at its end a name follows
	What  string // in a sentence
	Proof bool   // it is proved; all others are claimed by whoever sends
	Needs bool   // a pattern must say what the name is
}

// OwnerSources are all places where a name may come from, in the order in which
// the house looks.
var OwnerSources = []OwnerSource{
	{From: "proof", What: "proof of the door", Proof: true},
	{From: "certificate", What: "TLS client certificate", Proof: true},
	{From: "job-accounting-user-id", What: "job-accounting-user-id"},
	{From: "pjl-username", What: "PJL USERNAME"},
	{From: "pjl-jobacct1", What: "PJL JOBATTR JobAcct1"},
	{From: "pjl-comment", What: "PJL COMMENT Username"},
	{From: "postscript-for", What: "PostScript %%For"},
	{From: "requesting-user-name", What: "requesting-user-name"},
	{From: "control-file", What: "control file"},
	{From: "banner", What: "banner name"},
	{From: "host", What: "host table"},
	{From: "claimed", What: "claimed user"},
	{From: "pattern", What: "pattern in the document", Needs: true},
	{From: "pjl-set:", What: "PJL SET "},
	{From: "control-line:", What: "control line "},
}

// OwnerSourceOf finds the source that a step names.
func OwnerSourceOf(from string) (OwnerSource, bool) {
	for _, s := range OwnerSources {
		rest, named := strings.CutPrefix(from, s.From)
		switch {
		case !strings.HasSuffix(s.From, ":") && from == s.From:
			return s, true
		case strings.HasSuffix(s.From, ":") && named && sourceName.MatchString(rest):
			s.From, s.What = from, s.What+rest
			return s, true
		}
	}
	return OwnerSource{}, false
}

var sourceName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{0,39}$`)

// DefaultOwnerSteps are the steps of a queue that says nothing: what is proved,
// then what the person's own computer wrote into the job and its print data,
// then what the protocol carried.
var DefaultOwnerSteps = []OwnerStep{
	{From: "proof"}, {From: "certificate"}, {From: "job-accounting-user-id"},
	{From: "pjl-username"}, {From: "pjl-jobacct1"}, {From: "pjl-comment"}, {From: "postscript-for"},
	{From: "requesting-user-name"}, {From: "control-file"}, {From: "banner"}, {From: "host"},
}

// OwnerMatches are the kinds of names that a person has, the strongest first: an
// alias was made by hand.
var OwnerMatches = []string{"alias", "login", "upn", "email"}

// OwnerPresets are steps for senders that are known to keep the name of their
// user where no default step looks.
var OwnerPresets = map[string]OwnerStep{
	// A line that administrators of SAP systems add to the printer's driver, since
	// the control file names the service account.
	"sap": {From: "pjl-comment", Pattern: `^\s*SAP_USER="([^"]*)"`},
}

// AllSteps are the steps in effect: those of the data, or the default ones; the
// queue's old pattern before what is claimed; and proof first, whatever is said.
func (q *Queue) AllSteps() []OwnerStep {
	list := slices.Clone(q.Owner.Steps)
	if len(list) == 0 {
		list = slices.Clone(DefaultOwnerSteps)
	}
	if !slices.ContainsFunc(list, func(s OwnerStep) bool { return s.From == "proof" }) {
		list = slices.Insert(list, 0, OwnerStep{From: "proof"})
	}
	if q.OwnerPattern == "" {
		return list
	}
	first := 0
	for first < len(list) && proves(list[first].From) {
		first++
	}
	return slices.Insert(list, first, OwnerStep{From: "claimed", Pattern: q.OwnerPattern})
}

func proves(from string) bool {
	s, ok := OwnerSourceOf(from)
	return ok && s.Proof
}

// Asks reports whether people at a terminal are asked for the queue's unclaimed
// jobs.
func (q *Queue) Asks() bool { return q.Owner.Unclaimed == UnclaimedAsk && q.Mode == Hold }

// Bounds of the rules of one queue. Regular expressions of this house take a
// time that grows with the text alone, so that these are for those who read them.
const (
	MaxOwnerSteps   = 50
	MaxOwnerHosts   = 2000
	MaxOwnerDomains = 200
	MaxOwnerPattern = 500 // octets
)

// Check says in one sentence what is wrong with the rules, if anything is.
func (r *OwnerRules) Check() error {
	const op = "site.OwnerRules"
	if len(r.Steps) > MaxOwnerSteps || len(r.Replace) > MaxOwnerSteps || len(r.Hosts) > MaxOwnerHosts || len(r.Domains) > MaxOwnerDomains {
		return wrong(op, "There are too many owner rules: at most %d steps, %d computers and %d domains.", MaxOwnerSteps, MaxOwnerHosts, MaxOwnerDomains)
	}
	claimed := false
	for _, s := range r.Steps {
		if err := s.check(op); err != nil {
			return err
		}
		if claimed && proves(s.From) {
			return wrong(op, "The step %s is proof, so it goes before what is only claimed.", s.From)
		}
		claimed = claimed || !proves(s.From)
	}
	for _, h := range r.Hosts {
		if err := h.check(op); err != nil {
			return err
		}
	}
	for _, x := range r.Replace {
		if _, err := compile(op, x.Pattern); err != nil {
			return err
		}
	}
	return r.checkWords(op)
}

func (r *OwnerRules) checkWords(op string) error {
	switch {
	case !slices.Contains([]string{"", StripAll, StripNone, StripListed}, r.Strip):
		return wrong(op, "Domains cannot be taken off like %q, only like all, none or listed.", r.Strip)
	case r.Strip == StripListed && len(r.Domains) == 0:
		return wrong(op, "Which domains are taken off? The list is empty.")
	case !slices.Contains([]string{"", UnclaimedHold, UnclaimedAsk}, r.Unclaimed):
		return wrong(op, "Unclaimed jobs cannot be treated like %q, only like hold or ask.", r.Unclaimed)
	case r.Unclaimed != UnclaimedAsk && (r.Similar || r.Remember):
		return wrong(op, "Similar names and names to remember need unclaimed jobs that people are asked for.")
	}
	for i, m := range r.Match {
		if !slices.Contains(OwnerMatches, m) || slices.Contains(r.Match[:i], m) {
			return wrong(op, "People have no name %q, or it stands there twice; there are alias, login, upn and email.", m)
		}
	}
	return nil
}

func (s *OwnerStep) check(op string) error {
	source, ok := OwnerSourceOf(s.From)
	switch {
	case !ok:
		return wrong(op, "There is no step %q in owner rules.", s.From)
	case (source.Proof || s.From == "host") && (s.Pattern != "" || s.With != ""):
		return wrong(op, "The step %s takes no pattern.", s.From)
	case s.Pattern == "" && (source.Needs || s.With != ""):
		return wrong(op, "The step %s needs a pattern.", s.From)
	case s.Pattern == "":
		return nil
	}
	_, err := compileName(op, s.Pattern)
	return err
}

func (h *OwnerHost) check(op string) error {
	if h.User == "" {
		return wrong(op, "Whose computer is %s? The login is missing.", h.Client)
	}
	if _, ok := h.Prefix(); ok || hostName.MatchString(h.Client) {
		return nil
	}
	return wrong(op, "The computer %q is no address, no prefix and no name.", h.Client)
}

// hostName has a letter, else it is an address that was mistyped.
var hostName = regexp.MustCompile(`^[0-9A-Za-z._-]*[A-Za-z][0-9A-Za-z._-]*$`)

// Prefix returns the addresses that are meant, if it is not a name.
func (h *OwnerHost) Prefix() (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(h.Client); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(h.Client)
	return p.Masked(), err == nil
}

// CompilePattern reads a pattern of OwnerReplace.
func CompilePattern(pattern string) (*regexp.Regexp, error) {
	return compile("site.CompilePattern", pattern)
}

// CompileName reads a pattern with exactly one group.
func CompileName(pattern string) (*regexp.Regexp, error) {
	return compileName("site.CompileName", pattern)
}

func compileName(op, pattern string) (*regexp.Regexp, error) {
	re, err := compile(op, pattern)
	if err == nil && re.NumSubexp() != 1 {
		return nil, wrong(op, "The pattern %s has %d groups and needs exactly one, which is the name, as in ^CORP-(.*)$ it is what follows.", pattern, re.NumSubexp())
	}
	return re, err
}

func compile(op, pattern string) (*regexp.Regexp, error) {
	if pattern == "" || len(pattern) > MaxOwnerPattern {
		return nil, wrong(op, "A pattern has 1 to %d characters.", MaxOwnerPattern)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The pattern %s is no regular expression: %s.", Args: []any{pattern, whyNoPattern(err)}}
	}
	return re, nil
}

// whyNoPattern says what is wrong, and with which part.
func whyNoPattern(err error) string {
	var s *syntax.Error
	if !errors.As(err, &s) {
		return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	}
	if s.Code == syntax.ErrMissingParen || s.Code == syntax.ErrUnexpectedParen || s.Expr == "" {
		return s.Code.String()
	}
	return s.Code.String() + " " + s.Expr
}

func wrong(op, text string, args ...any) error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Text: text, Args: args}
}
