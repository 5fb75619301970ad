package entra

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/internal/webtrust"
)

// Source is a tenant that people and groups are read from. All fields are set
// before the first Read. It may be used by several goroutines.
type Source struct {
	Config Config
	Secret string // client secret, or PEM of the private key when Config has a certificate
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
	HTTP   *http.Client     // nil: one that uses the proxy of the environment, and trusts Roots

	// Roots is asked who may vouch for Microsoft, or for a proxy in between that
	// looks into everything; nil is the system's list.
	Roots func() *x509.CertPool

	sleep func(context.Context, time.Duration) error // nil: a timer

	once sync.Once
	http *webtrust.Transport

	mu    sync.Mutex
	token bearer
}

var _ directory.Source = (*Source)(nil)

func (s *Source) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// cursor is where the next read goes on. Version and Mark say for whom.
type cursor struct {
	Version int      `json:"v"`
	Mark    string   `json:"mark"`   // of the configuration
	Users   string   `json:"users"`  // deltaLink
	Groups  string   `json:"groups"` // deltaLink
	Tree    []string `json:"tree,omitempty"`
}

const cursorVersion = 1

// Read returns everybody, or who has changed since cursor: see
// directory.Source. A cursor of another configuration, or one that the service
// no longer knows, gives everybody.
func (s *Source) Read(ctx context.Context, from []byte, progress func(int)) (directory.Answer, error) {
	if err := s.Config.Check(); err != nil {
		return directory.Answer{}, err
	}
	t := s.talk(progress)
	defer t.client.CloseIdleConnections()
	if c, ok := t.resume(from); ok {
		a, err := t.changes(ctx, c)
		if !errors.Is(err, errAgain) {
			return whole(a, err)
		}
		s.Log.Info("entra: everybody is read again", "reason", err)
	}
	a, err := t.everybody(ctx)
	if errors.Is(err, errAgain) { // it happens to a long walk, too
		a, err = t.everybody(ctx)
	}
	return whole(a, err)
}

// whole lets no half an answer through.
func whole(a directory.Answer, err error) (directory.Answer, error) {
	if errors.Is(err, errAgain) {
		err = &fault.Error{Op: "entra.read", Kind: fault.Unavailable, Text: "Microsoft Graph asks to begin anew, again and again. Try again later.", Err: err}
	}
	if err != nil {
		return directory.Answer{}, err
	}
	return a, nil
}

// resume reads a cursor, and says whether it is of any use.
func (t *talk) resume(from []byte) (cursor, bool) {
	var c cursor
	if len(from) == 0 || json.Unmarshal(from, &c) != nil {
		return cursor{}, false
	}
	ok := c.Version == cursorVersion && c.Mark == t.Config.mark() && t.follow(c.Users) == nil && t.follow(c.Groups) == nil
	return c, ok
}

// finish puts the cursor for the next read into a.
func (t *talk) finish(a *directory.Answer, users, groups string, sc scope) error {
	var err error
	a.Cursor, err = json.Marshal(cursor{cursorVersion, t.Config.mark(), users, groups, sc.tree})
	if err != nil {
		return fmt.Errorf("entra.read: %w", err)
	}
	return nil
}

// everybody reads the whole tenant. What a talk has counted before is of an
// attempt that came to nothing.
func (t *talk) everybody(ctx context.Context) (directory.Answer, error) {
	t.pages, t.entries, t.members = 0, 0, 0
	names := t.Config.attributes()
	users := map[string]user{}
	usersLink, err := t.walk(ctx, t.url(query("/users/delta", "$select", names.selected())), true, func(i item) error {
		if i.Removed {
			delete(users, i.ID)
			return nil
		}
		known := users[i.ID]
		users[i.ID] = names.merge(known, i.Fields)
		if known != nil {
			return nil
		}
		return t.count()
	})
	if err != nil {
		return directory.Answer{}, err
	}
	if len(users) == 0 {
		return directory.Answer{}, unusable("entra.read", errors.New("a tenant without a single user"))
	}
	groups, groupsLink, err := t.everyGroup(ctx)
	if err != nil {
		return directory.Answer{}, err
	}
	sc, err := t.scope(ctx)
	if err != nil {
		return directory.Answer{}, err
	}
	a := directory.Answer{Full: true, Groups: groups}
	for _, id := range slices.Sorted(maps.Keys(users)) {
		if sc.has(id) {
			t.Config.add(&a, names, id, users[id])
		}
	}
	return a, t.finish(&a, usersLink, groupsLink, sc)
}

// everyGroup reads the groups of the tenant, with their members.
func (t *talk) everyGroup(ctx context.Context) ([]directory.GroupRecord, string, error) {
	groups := map[string]*group{}
	link, err := t.walk(ctx, t.url(query("/groups/delta", "$select", "displayName,members")), true, func(i item) error {
		if i.Removed {
			delete(groups, i.ID)
			return nil
		}
		if groups[i.ID] != nil {
			return t.merge(groups[i.ID], i)
		}
		groups[i.ID] = &group{members: map[string]string{}}
		if err := t.count(); err != nil {
			return err
		}
		return t.merge(groups[i.ID], i)
	})
	if err != nil {
		return nil, "", err
	}
	records := make([]directory.GroupRecord, 0, len(groups))
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		records = append(records, groups[id].record(id))
	}
	return records, link, nil
}

// add puts a user into a, or what keeps it out. Who cannot be taken is gone: in
// an answer with everybody he would be missing as well.
func (c *Config) add(a *directory.Answer, names attributes, id string, u user) {
	if !c.wanted(names, u) {
		leave(a, id)
		return
	}
	r, problem := c.record(names, id, u)
	if problem == "" {
		a.People = append(a.People, r)
		return
	}
	if len(a.Problems) < directory.MaxProblems {
		a.Problems = append(a.Problems, problem)
	}
	leave(a, id)
}

func leave(a *directory.Answer, id string) {
	if !a.Full {
		a.Gone = append(a.Gone, id)
	}
}
