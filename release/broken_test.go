package release_test

import (
	"errors"
	"testing"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/release"
)

// F12: whichever call of the store fails, the person gets its failure and not
// a success, a refusal or a session; and once the store works again, the same
// act does, without anything printed twice.
func TestF12StoreFailsAtEveryCall(t *testing.T) {
	type act func(t *testing.T, d *desk) (func() error, []int64)
	signIn := func(c release.Credentials) act {
		return func(t *testing.T, d *desk) (func() error, []int64) {
			return func() error {
				sess, token, err := d.SignIn(t.Context(), hall, c, here)
				if err != nil && (token != "" || sess.ID != "") {
					t.Error("a session came with the failure")
				}
				return err
			}, nil
		}
	}
	root := release.Actor{Name: "administrator root", Administrator: true}
	acts := map[string]act{
		"card":          signIn(card(annasCard)),
		"PIN alone":     signIn(pin("", "13579135")),
		"login and PIN": signIn(pin("anna", "24681012")),
		"password":      signIn(password("anna", "anna")),
		"register": func(t *testing.T, d *desk) (func() error, []int64) {
			return func() error {
				_, _, err := d.RegisterCard(t.Context(), hall, read("0455667788"), "anna", "anna", here)
				if fault.Is(err, fault.Conflict) {
					return nil // the try before had come so far
				}
				return err
			}, nil
		},
		"card at a reader": func(t *testing.T, d *desk) (func() error, []int64) {
			return func() error { return d.ShowCard(t.Context(), hall, atDoor(annasCard)) }, nil
		},
		"the next card at a reader": func(t *testing.T, d *desk) (func() error, []int64) {
			d.signIn(t, hall, password("anna", "anna"))
			return func() error { return d.ShowCard(t.Context(), hall, atDoor(annasCard)) }, nil
		},
		"card taken away": func(t *testing.T, d *desk) (func() error, []int64) {
			must(t, d.ShowCard(t.Context(), hall, atDoor(annasCard)))
			return func() error { return d.CardGone(t.Context(), hall, atDoor(annasCard)) }, nil
		},
		"session": func(t *testing.T, d *desk) (func() error, []int64) {
			_, token := d.signIn(t, hall, card(annasCard))
			return func() error { _, err := d.Session(t.Context(), token, hall.ID); return err }, nil
		},
		"jobs": func(t *testing.T, d *desk) (func() error, []int64) {
			sess := d.anna(t)
			return func() error { _, err := d.Jobs(t.Context(), sess); return err }, nil
		},
		"release": func(t *testing.T, d *desk) (func() error, []int64) {
			sess, id := d.anna(t), d.held(t, anna.ID)
			return func() error {
				_, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, nil, "key")
				return err
			}, []int64{id}
		},
		"release all": func(t *testing.T, d *desk) (func() error, []int64) {
			sess, id := d.anna(t), d.held(t, anna.ID)
			return func() error { _, err := d.ReleaseAll(t.Context(), sess, job.Options{}, nil, "key"); return err }, []int64{id}
		},
		"break glass": func(t *testing.T, d *desk) (func() error, []int64) {
			id := d.held(t, ben.ID)
			return func() error {
				_, err := d.BreakGlass(t.Context(), root, hall.Device, id, "because", "key")
				return err
			}, []int64{id}
		},
		"delete": func(t *testing.T, d *desk) (func() error, []int64) {
			sess, id := d.anna(t), d.held(t, anna.ID)
			return func() error { return d.Delete(t.Context(), sess, []int64{id}) }, nil
		},
		"did print": func(t *testing.T, d *desk) (func() error, []int64) {
			sess := d.anna(t)
			id := d.uncertain(t, sess)
			return func() error { _, err := d.Resolve(t.Context(), sess, id, false, nil, ""); return err }, nil
		},
		"enrolment": func(t *testing.T, d *desk) (func() error, []int64) {
			return func() error { _, err := d.NewToken(t.Context(), "administrator root", hall.ID); return err }, nil
		},
		"revoke": func(t *testing.T, d *desk) (func() error, []int64) {
			return func() error { return d.RevokeTerminal(t.Context(), "administrator root", hall.ID) }, nil
		},
		"others": func(t *testing.T, d *desk) (func() error, []int64) {
			may := ben
			may.Rights = []directory.Right{directory.BreakGlass}
			d.PutUser(t, may, directory.Secrets{Password: "phc:ben"})
			sess, _ := d.signIn(t, hall, password("ben", "ben"))
			return func() error { _, err := d.Others(t.Context(), sess, "anna"); return err }, nil
		},
	}
	broken := errors.New("the disk is full")
	for name, prepare := range acts {
		t.Run(name, func(t *testing.T) {
			for calls := 0; ; calls++ {
				d := newDesk(t)
				do, released := prepare(t, d)
				d.store.BreakAfter(calls, broken)
				err := do()
				d.store.Break(nil)
				if err != nil && !errors.Is(err, broken) {
					t.Fatalf("after %d calls: %v", calls, err)
				}
				if err == nil {
					return
				}
				if again := do(); again != nil {
					t.Fatalf("after %d calls and with the store well again: %v", calls, again)
				}
				for _, id := range released {
					if d.wantState(t, id, job.Pending); len(d.History(t, id)) != 1 {
						t.Errorf("after %d calls: %+v", calls, d.History(t, id))
					}
				}
			}
		})
	}
}
