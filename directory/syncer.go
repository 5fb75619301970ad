package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"

	"platen/fault"
)

// Arrived is a person of a source, ready to be stored: names folded, numbers as
// keyed digests.
type Arrived struct {
	Key, Base string
	Target    string   // id of the user that this is; "" nobody yet
	Digest    [16]byte // of what the source says
	User      User     // Login, names, Enabled and Aliases of it count
	Cards     []Card
	PINDigest []byte // nil leaves what there is
}

// ArrivedGroup is a group of a source, its members by their ids here.
type ArrivedGroup struct {
	Key, Base, Name string
	Target          string
	Digest          [16]byte
	People, Members []string
}

// ForgetAfter is how long people who have left their source are kept, disabled, in
// case that they come back.
const ForgetAfter = 7 * 24 * time.Hour

// SourceSetup is a directory or file from which people come, as an administrator set
// it up. Its secret is kept apart and never read back.
type SourceSetup struct {
	ID      string        `json:"id"` // UUIDv7
	Name    string        `json:"name"`
	Kind    string        `json:"kind"`   // "ldap", "entra", "csv", "push"
	Config  string        `json:"config"` // JSON, of its kind
	Enabled bool          `json:"enabled"`
	Every   time.Duration `json:"every"` // between two looks at what has changed
	Rule    string        `json:"rule"`  // brings its card numbers to what readers send; see directory/cardrule

	Full   time.Time `json:"full"`   // when everybody was compared last
	Good   time.Time `json:"good"`   // when it answered last
	Report Run       `json:"report"` // of the last run
}

// New reports whether a source that is read from here was never read. Somebody begins
// that who has seen what it would bring.
func (x *SourceSetup) New() bool { return x.Kind != SourcePush && x.Report.Began.IsZero() }

// Kinds of sources.
const (
	SourceLDAP  = "ldap"
	SourceEntra = "entra"
	SourceCSV   = "csv"
	SourcePush  = "push" // another machine brings what it has read: platen sync-directory
)

// DefaultEvery is how often a source is asked what has changed.
const DefaultEvery = 5 * time.Minute

// Run is what one look at a source has brought.
type Run struct {
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended"` // zero: it is still running, or the node stopped meanwhile
	Full     bool      `json:"full"`  // everybody was compared
	DryRun   bool      `json:"dry_run,omitempty"`
	Read     int       `json:"read"` // people and groups in the answer
	Same     int       `json:"same"`
	New      int       `json:"new"`
	Changed  int       `json:"changed"`
	Disabled int       `json:"disabled"` // people who are disabled at the source, of those new or changed
	Removed  int       `json:"removed"`
	Groups   int       `json:"groups"`   // new or changed
	Waiting  int       `json:"waiting"`  // would be removed; somebody must say so: platen source approve
	Why      string    `json:"why"`      // why somebody must be asked
	Problems []string  `json:"problems"` // what was passed over
	Failed   string    `json:"failed"`   // the sentence of the error that ended it, "" none
}

// SyncStore is where what sources say is kept. *store.Scope is one.
type SyncStore interface {
	// StandOf returns the cursor that the source gave last, and when everybody was
	// compared last.
	StandOf(ctx context.Context, source string) (cursor []byte, full time.Time, err error)
	Entries(ctx context.Context, source string) (map[string]Entry, error)
	// InQuestion counts the entries that seem to have left and about which nobody has
	// decided.
	InQuestion(ctx context.Context, source string) (int, error)
	// ApplyPeople stores people in one transaction, and returns a sentence for each
	// who had to be passed over. moving are the keys of all whom the run changes.
	ApplyPeople(ctx context.Context, source string, people []Arrived, moving map[string]bool) (problems []string, err error)
	ApplyGroups(ctx context.Context, source string, groups []ArrivedGroup) error
	ApplyGone(ctx context.Context, source string, entries []Entry) error
	ApplyMissing(ctx context.Context, source string, keys []string) error
	RunBegan(ctx context.Context, source string, r Run) error
	RunFailed(ctx context.Context, source string, r Run) error
	RunEnded(ctx context.Context, source string, r Run, cursor []byte) error
}

// CardDigests makes the keyed digests of cards and PINs, and the key of what sources
// say.
type CardDigests interface {
	CardDigest(number string) []byte
	PINDigest(pin string) []byte
	SourceKey() []byte
}

// Syncer brings what sources say into the store. Its fields are set before use. One
// run at a time of each source is the caller's business.
type Syncer struct {
	Store   SyncStore
	Digests CardDigests
	NewID   func() string // UUIDv7
	Now     func() time.Time
	Log     *slog.Logger
	Guard   Guard // DefaultGuard unless somebody has a reason
}

// Ask says how a source is to be asked.
type Ask struct {
	Full     bool                             // compare everybody, whatever the cursor
	DryRun   bool                             // change nothing, only say what would be
	Approved bool                             // who seems to have left has left
	Rule     func(string) (string, error)     // brings its card numbers to what readers send; nil: they are
	Progress func(stage string, done, of int) // may be nil; of 0: unknown
}

// How many people are stored at a time: jobs are accepted in between. Of many, each
// transaction writes a part of nearly every page of the indexes, so that more of them
// at a time cost less together; a job that comes meanwhile waits for the slice, a
// fifth of the 4 to 5 s in which a house of 100,000 is stored.
const (
	slice      = 200
	largeSlice = 20_000
)

func sliceOf(n int) int {
	if n > 10*slice {
		return largeSlice
	}
	return slice
}

// Run asks a source and stores what it says. The run that is returned is also kept
// with the source, unless it is dry. A source that fails changes nothing.
func (s *Syncer) Run(ctx context.Context, setup SourceSetup, src Source, ask Ask) (Run, error) {
	r := Run{Began: s.Now().UTC(), DryRun: ask.DryRun}
	if !ask.DryRun {
		if err := s.Store.RunBegan(ctx, setup.ID, r); err != nil { // a full disk, mostly: nobody is asked for what cannot be stored
			r.Ended, r.Failed = r.Began, fault.Text(err)
			return r, err
		}
	}
	x := &run{s: s, id: setup.ID, name: setup.Name, ask: ask, r: r}
	cursor, err := x.run(ctx, src)
	x.r.Ended = s.Now().UTC()
	if err != nil {
		x.r.Failed = fault.Text(err)
	}
	if ask.DryRun {
		return x.r, err
	}
	keep := context.WithoutCancel(ctx)
	if err != nil {
		return x.r, errors.Join(err, s.Store.RunFailed(keep, setup.ID, x.r))
	}
	return x.r, s.Store.RunEnded(keep, setup.ID, x.r, cursor)
}

// run is one run of one source.
type run struct {
	s     *Syncer
	id    string
	name  string
	ask   Ask
	r     Run
	known map[string]Entry
}

func (x *run) run(ctx context.Context, src Source) (cursor []byte, err error) {
	cursor, full, err := x.s.Store.StandOf(ctx, x.id)
	if err != nil {
		return nil, err
	}
	if x.ask.Full || x.ask.Approved || FullDue(x.name, full, x.s.Now()) {
		cursor = nil
	}
	a, err := src.Read(ctx, cursor, func(n int) { x.tell("read", n, 0) })
	if err != nil {
		return nil, err
	}
	if quiet, err := x.quiet(ctx, &a); err != nil || quiet {
		return a.Cursor, err
	}
	if x.known, err = x.s.Store.Entries(ctx, x.id); err != nil {
		return nil, err
	}
	guard := x.s.Guard
	if x.ask.Approved {
		guard = Guard{Share: 1}
	}
	p := Compare(x.s.Digests.SourceKey(), x.known, &a, guard)
	x.r.Full, x.r.Read, x.r.Same, x.r.New, x.r.Changed = a.Full, len(a.People)+len(a.Groups), p.Same, p.New, len(p.People)-p.New-p.Back
	x.r.Disabled, x.r.Groups, x.r.Waiting, x.r.Why = p.Off, len(p.Groups)-p.BackGroups, p.Asked, p.Why
	x.r.Removed = x.people(p.Gone)
	x.problem(a.Problems...)
	if x.ask.DryRun {
		x.arrived(p.People) // for what would be passed over
		return nil, nil
	}
	return a.Cursor, x.apply(ctx, p)
}

// quiet reports whether nothing has changed and nobody is in question: then there is
// nothing to compare.
func (x *run) quiet(ctx context.Context, a *Answer) (bool, error) {
	if a.Full || len(a.People)+len(a.Groups)+len(a.Gone) > 0 {
		return false, nil
	}
	x.problem(a.Problems...)
	n, err := x.s.Store.InQuestion(ctx, x.id)
	return err == nil && n == 0, err
}

func (x *run) people(keys []string) (n int) {
	for _, k := range keys {
		if x.known[k].Kind == KindUser {
			n++
		}
	}
	return n
}

func (x *run) tell(stage string, done, of int) {
	if x.ask.Progress != nil {
		x.ask.Progress(stage, done, of)
	}
}

func (x *run) problem(list ...string) {
	for _, p := range list {
		if len(x.r.Problems) < MaxProblems {
			x.r.Problems = append(x.r.Problems, p)
		}
	}
}

// apply stores a plan. Disabling and leaving come first: they are what must not
// wait if the rest fails.
func (x *run) apply(ctx context.Context, p Plan) error {
	slices.SortStableFunc(p.People, func(a, b Record) int { return boolInt(a.Enabled) - boolInt(b.Enabled) })
	gone := make([]Entry, len(p.Gone))
	for i, k := range p.Gone {
		gone[i] = x.known[k]
	}
	for part := range slices.Chunk(gone, slice) {
		if err := x.s.Store.ApplyGone(ctx, x.id, part); err != nil {
			return err
		}
	}
	if len(p.Wait) > 0 {
		x.s.Log.Warn("directory: a source says that many people have left, which waits for somebody to approve it", "source", x.name, "why", p.Why)
		if err := x.s.Store.ApplyMissing(ctx, x.id, p.Wait); err != nil {
			return err
		}
	}
	if err := x.applyPeople(ctx, p.People); err != nil {
		return err
	}
	return x.applyGroups(ctx, p.Groups)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (x *run) applyPeople(ctx context.Context, records []Record) error {
	moving := make(map[string]bool, len(records))
	for i := range records {
		moving[records[i].Key] = true
	}
	done := 0
	for part := range slices.Chunk(records, sliceOf(len(records))) {
		problems, err := x.s.Store.ApplyPeople(ctx, x.id, x.arrived(part), moving)
		if err != nil {
			return err
		}
		x.problem(problems...)
		for i := range part {
			delete(moving, part[i].Key)
		}
		done += len(part)
		x.tell("stored", done, len(records))
	}
	return nil
}

// arrived brings records to the form in which they are stored. One that cannot be
// is passed over, and told.
func (x *run) arrived(records []Record) []Arrived {
	list := make([]Arrived, 0, len(records))
	for i := range records {
		r := &records[i]
		a := Arrived{Key: r.Key, Base: r.Base, Target: x.known[r.Key].Target, Digest: r.Digest(x.s.Digests.SourceKey())}
		a.User = User{
			Login: Fold(r.Login), UPN: Fold(r.UPN), Email: Fold(r.Email), FullName: line(r.FullName), Department: line(r.Department),
			Language: language(r.Language), Enabled: r.Enabled,
		}
		if a.User.Login == "" || r.Key == "" {
			x.problem(fmt.Sprintf("an entry without a login was passed over: %s", cmp.Or(r.DN, r.Key)))
			continue
		}
		for _, n := range r.Aliases {
			if n = Fold(n); n != "" && n != a.User.Login && !slices.Contains(a.User.Aliases, n) {
				a.User.Aliases = append(a.User.Aliases, n)
			}
		}
		x.cards(&a, r)
		x.pin(&a, r)
		list = append(list, a)
	}
	return list
}

func (x *run) cards(a *Arrived, r *Record) {
	for _, raw := range r.Cards {
		number := raw
		var err error
		if x.ask.Rule != nil {
			number, err = x.ask.Rule(raw)
		}
		if err == nil {
			number, err = NormalCard(number)
		}
		if err != nil {
			x.problem(fmt.Sprintf("a card of %s was passed over: %s", a.User.Login, fault.Text(err)))
			continue
		}
		if RandomUID(number) {
			x.problem(fmt.Sprintf("a card of %s was passed over: it shows a new number each time.", a.User.Login))
			continue
		}
		digest := x.s.Digests.CardDigest(number)
		if slices.ContainsFunc(a.Cards, func(c Card) bool { return string(c.Digest) == string(digest) }) {
			continue
		}
		a.Cards = append(a.Cards, Card{ID: x.s.NewID(), Digest: digest, Raw: RawDigest(x.s.Digests.CardDigest, raw, number), Last: LastDigits(number)})
	}
}

func (x *run) pin(a *Arrived, r *Record) {
	if r.PIN == "" {
		return
	}
	if err := CheckPIN(r.PIN); err != nil {
		x.problem(fmt.Sprintf("the PIN of %s was passed over: %s", a.User.Login, fault.Text(err)))
		return
	}
	a.PINDigest = x.s.Digests.PINDigest(r.PIN)
}

// line is a text of one line, without what nobody can see.
func line(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "")))
}

// language is the part of a language tag that pages know: "de" of "de-AT".
func language(tag string) string {
	short, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
	short, _, _ = strings.Cut(short, "_")
	if short != "de" && short != "en" {
		return ""
	}
	return short
}

// applyGroups stores groups once all of them have an id: they are members of each
// other.
func (x *run) applyGroups(ctx context.Context, records []GroupRecord) error {
	if len(records) == 0 {
		return nil
	}
	known, err := x.s.Store.Entries(ctx, x.id) // with the people who have just come
	if err != nil {
		return err
	}
	for i := range records {
		if e := known[records[i].Key]; e.Target == "" {
			known[records[i].Key] = Entry{Key: records[i].Key, Kind: KindGroup, Target: x.s.NewID()}
		}
	}
	done := 0
	for part := range slices.Chunk(records, slice) {
		list := make([]ArrivedGroup, len(part))
		for i := range part {
			g := part[i].only(func(key string) bool { return known[key].Target != "" && known[key].Gone.IsZero() })
			list[i] = ArrivedGroup{Key: g.Key, Base: g.Base, Name: line(g.Name), Target: known[g.Key].Target, Digest: g.Digest(x.s.Digests.SourceKey()),
				People: targets(known, g.People, KindUser), Members: targets(known, g.Members, KindGroup)}
		}
		if err := x.s.Store.ApplyGroups(ctx, x.id, list); err != nil {
			return err
		}
		done += len(part)
		x.tell("groups stored", done, len(records))
	}
	return nil
}

// targets returns who these entries are here. Who is not known, or has left, is
// nobody.
func targets(known map[string]Entry, keys []string, kind string) []string {
	var list []string
	for _, k := range keys {
		if e := known[k]; e.Kind == kind && e.Target != "" && e.Gone.IsZero() {
			list = append(list, e.Target)
		}
	}
	return list
}
