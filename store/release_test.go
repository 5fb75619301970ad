package store_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"platen/accounting"
	"platen/directory"
	"platen/job"
	"platen/release"
	"platen/release/releasetest"
	"platen/site"
	"platen/store"
)

// plainSealer is for tests of what has nothing to do with sealing.
type plainSealer struct{}

func (plainSealer) SealTitle(plain string, _ []byte) ([]byte, error) { return []byte(plain), nil }
func (plainSealer) OpenTitle(sealed, _ []byte) (string, error)       { return string(sealed), nil }
func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestReleasePromises runs what package release expects of its store.
func TestReleasePromises(t *testing.T) {
	releasetest.Run(t, func(t *testing.T) (release.Store, releasetest.Fixture) {
		ctx := context.Background()
		st, err := store.Open(ctx, store.Options{Path: filepath.Join(t.TempDir(), "platen.db"), Titles: plainSealer{}, Key: "key",
			Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		ok(t, err)
		t.Cleanup(func() { ok(t, st.Close()) })
		s, err := st.Default(ctx)
		ok(t, err)
		other, err := st.AddTenant(ctx, job.NewUUID(), "other")
		ok(t, err)
		claimed := map[int64]job.Job{}
		return s, releasetest.Fixture{
			Stranger: other,
			PutUser: func(t testing.TB, u directory.User, x directory.Secrets) {
				ok(t, s.PutUser(ctx, u))
				ok(t, s.SetSecrets(ctx, u.ID, x))
			},
			PutQueue:    func(t testing.TB, q site.Queue) { ok(t, s.PutQueue(ctx, q)) },
			PutDevice:   func(t testing.TB, d site.Device) { ok(t, s.PutDevice(ctx, d)) },
			PutTerminal: func(t testing.TB, m site.Terminal) { ok(t, s.PutTerminal(ctx, m)) },
			PutGroup: func(t testing.TB, id, name string, members ...string) {
				ok(t, s.PutGroup(ctx, directory.Group{ID: id, Name: name}))
				for _, m := range members {
					ok(t, s.SetMember(ctx, id, directory.Member{ID: m}, true))
				}
			},
			AddDelegation: func(t testing.TB, d directory.Delegation) { ok(t, s.AddDelegation(ctx, d, "test")) },
			AddJob:        func(t testing.TB, j *job.Job) { ok(t, s.AddJob(ctx, j, nil)) },
			Claim: func(t testing.TB, id int64) {
				j, err := s.Job(ctx, id)
				ok(t, err)
				j, err = s.Claim(ctx, j.Device, "boot", j.Released)
				ok(t, err)
				if j.ID != id {
					t.Fatalf("claimed job %d, want %d", j.ID, id)
				}
				claimed[id] = j
			},
			Finish: func(t testing.TB, id int64, c job.Change, at time.Time) {
				send := job.NewUUID()
				if c.State == job.Pending || c.State == job.Held {
					ok(t, s.GiveUp(ctx, claimed[id], c, at))
					return
				}
				ok(t, s.Intend(ctx, claimed[id], send, at))
				ok(t, s.EndSend(ctx, claimed[id], accounting.Row{ID: send, JobID: id, Outcome: accounting.Printed}, c, at))
			},
			Erase: func(t testing.TB, id int64) {
				j, err := s.Job(ctx, id)
				ok(t, err)
				for _, d := range j.Documents {
					ok(t, s.FilesErased(ctx, []string{d.File}))
				}
			},
			History: func(t testing.TB, id int64) []job.Entry {
				h, err := s.History(ctx, id)
				ok(t, err)
				return h
			},
		}
	})
}
