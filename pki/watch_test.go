package pki_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/fault"
	"platen/pki"
)

const watchedName = "print.example.com"

// issued makes a chain of somebody's authority, as the files that a tool would deploy.
func issued(t *testing.T, name string, now time.Time) (c *pki.Chain, certs, key []byte) {
	t.Helper()
	root, err := pki.NewRoot("somebody", now)
	must(t, err)
	between, err := pki.NewIssuing(root, []string{name}, now)
	must(t, err)
	c, err = pki.Issue(between, []string{name}, now)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	must(t, err)
	return c, c.CertsPEM(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// put gives a file its name when it is whole.
func put(t *testing.T, path string, data []byte) {
	t.Helper()
	must(t, errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path+".new", data, 0o600), os.Rename(path+".new", path)))
}

// trouble is what is wrong with a chain.
func (w *world) trouble(t *testing.T, chain string) string {
	t.Helper()
	v, err := w.Find(chain)
	must(t, err)
	return v.Trouble
}

func (w *world) check(t *testing.T) {
	t.Helper()
	_, err := w.Check(t.Context())
	must(t, err)
}

func watching(t *testing.T) (w *world, path string) {
	t.Helper()
	w = newWorld(t, "localhost")
	_, err := w.AddDomain(t.Context(), watchedName)
	must(t, err)
	return w, filepath.Join(t.TempDir(), "certs", "print.pem")
}

func TestWatchRefuses(t *testing.T) {
	w, path := watching(t)
	_, certs, key := issued(t, watchedName, birth)
	_, foreign, foreignKey := issued(t, "evil.example", birth)
	put(t, path, append(certs, key...))
	dir := filepath.Dir(path)
	put(t, filepath.Join(dir, "certs.pem"), certs)
	put(t, filepath.Join(dir, "foreign.pem"), append(foreign, foreignKey...))
	put(t, filepath.Join(dir, "foreign.key"), foreignKey)
	put(t, filepath.Join(dir, "large.pem"), append(append(certs, key...), slices.Repeat([]byte("\n"), 1<<20)...))
	must(t, os.Symlink("loop.pem", filepath.Join(dir, "loop.pem")))
	in := func(name string) string { return filepath.Join(dir, name) }

	tests := map[string]struct {
		files []string
		kind  fault.Kind
		says  string
	}{
		"relative":      {[]string{"print.pem"}, fault.Invalid, "The path print.pem is not whole"},
		"missing":       {[]string{in("gone.pem")}, fault.Unavailable, "cannot be read: there is none"},
		"a loop":        {[]string{in("loop.pem")}, fault.Unavailable, "cannot be read"},
		"a folder":      {[]string{dir}, fault.Unavailable, "cannot be read"},
		"too large":     {[]string{in("large.pem")}, fault.Invalid, "larger than 1024 KiB"},
		"no key":        {[]string{in("certs.pem")}, fault.Invalid, ""},
		"another key":   {[]string{in("certs.pem"), in("foreign.key")}, fault.Invalid, ""},
		"not ours":      {[]string{in("foreign.pem")}, fault.Invalid, "evil.example"},
		"half missing":  {[]string{in("certs.pem"), in("gone.key")}, fault.Unavailable, "gone.key cannot be read: there is none"},
		"key twice too": {[]string{in("certs.pem"), in("certs.pem")}, fault.Invalid, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := w.Watch(t.Context(), "web", tt.files, "")
			if !fault.Is(err, tt.kind) || !strings.Contains(fault.Text(err), tt.says) {
				t.Errorf("%v (%v): %s", fault.KindOf(err), err, fault.Text(err))
			}
			if _, err := w.Find("web"); err == nil {
				t.Error("it is kept all the same")
			}
		})
	}
	_, err := w.Watch(t.Context(), "web", []string{path}, "")
	must(t, err)
	if _, err := w.Watch(t.Context(), "WEB", []string{path}, ""); !fault.Is(err, fault.Conflict) {
		t.Errorf("the same name again: %v", err)
	}
}

// A file may be gone for a moment, or an hour.
func TestWatchedFileComesBack(t *testing.T) {
	w, path := watching(t)
	_, certs, key := issued(t, watchedName, birth)
	put(t, path, append(certs, key...))
	x, err := w.Watch(t.Context(), "web", []string{path}, "")
	must(t, err)
	must(t, w.Choose(t.Context(), "web", []string{watchedName}))
	must(t, os.Remove(path))
	for range 2 {
		w.check(t)
	}
	if got := w.trouble(t, "web"); !strings.Contains(got, "there is none") || !w.shown(t, watchedName).Equal(x.Certs[0]) {
		t.Errorf("gone: %q", got)
	}
	if n := strings.Count(w.log.String(), "could not be renewed"); n != 1 {
		t.Errorf("told %d times", n)
	}
	put(t, path, append(certs, key...))
	w.check(t)
	if got := w.trouble(t, "web"); got != "" || !w.shown(t, watchedName).Equal(x.Certs[0]) {
		t.Errorf("the same again: %q", got)
	}
}

// What a tool writes first is not whole, and not told for longer than it is so.
func TestWatchedPairIsWrittenOneByOne(t *testing.T) {
	w, path := watching(t)
	keyPath := path + ".key"
	_, certs, key := issued(t, watchedName, birth)
	put(t, path, certs)
	put(t, keyPath, key)
	x, err := w.Watch(t.Context(), "web", []string{path, keyPath}, "")
	must(t, err)
	must(t, w.Choose(t.Context(), "web", []string{watchedName}))
	next, certs, key := issued(t, watchedName, birth)
	put(t, path, certs)
	w.check(t)
	if got := w.trouble(t, "web"); got == "" || !w.shown(t, watchedName).Equal(x.Certs[0]) {
		t.Errorf("half of it: %q", got)
	}
	put(t, keyPath, key)
	w.check(t)
	if got := w.trouble(t, "web"); got != "" || !w.shown(t, watchedName).Equal(next.Leaf()) {
		t.Errorf("all of it: %q", got)
	}
	if v, err := w.Find("web"); err != nil || !slices.Equal(v.Files(), []string{path, keyPath}) || !slices.Equal(v.Domains, []string{watchedName}) {
		t.Errorf("%+v, %v", v, err)
	}
}

// What was refused is looked at again when that may be another verdict.
func TestWatchedFileThatWasRefused(t *testing.T) {
	const second = "www.example.com"
	w, path := watching(t)
	_, certs, key := issued(t, watchedName, birth)
	put(t, path, append(certs, key...))
	x, err := w.Watch(t.Context(), "web", []string{path}, "")
	must(t, err)
	must(t, w.Choose(t.Context(), "web", []string{watchedName}))

	// Another domain, which the account gets later.
	other, certs, key := issued(t, second, birth)
	put(t, path, append(certs, key...))
	w.check(t)
	if got := w.trouble(t, "web"); !strings.Contains(got, second) || !w.shown(t, watchedName).Equal(x.Certs[0]) {
		t.Errorf("refused: %q", got)
	}
	_, err = w.AddDomain(t.Context(), second)
	must(t, err)
	if v, err := w.Find("web"); err != nil || v.Trouble != "" || !v.Certs[0].Equal(other.Leaf()) {
		t.Errorf("with the domain: %+v, %v", v, err)
	}

	// Not valid yet: nothing tells when that is over.
	early, certs, key := issued(t, watchedName, w.now.Add(3*day))
	put(t, path, append(certs, key...))
	w.check(t)
	first := w.trouble(t, "web")
	for range 3 * 24 {
		w.now = w.now.Add(time.Hour)
		w.check(t)
	}
	if v, err := w.Find("web"); err != nil || first == "" || v.Trouble != "" || !v.Certs[0].Equal(early.Leaf()) {
		t.Errorf("%q, then %+v, %v", first, v, err)
	}
	if n := strings.Count(w.log.String(), "could not be renewed"); n != 2 {
		t.Errorf("told %d times", n)
	}
}

// What happens while the node does not run is seen at its start.
func TestWatchedFileAtTheStart(t *testing.T) {
	w, path := watching(t)
	_, certs, key := issued(t, watchedName, birth)
	put(t, path, append(certs, key...))
	_, err := w.Watch(t.Context(), "web", []string{path}, "")
	must(t, err)
	must(t, w.Choose(t.Context(), "web", []string{watchedName}))
	next, certs, key := issued(t, watchedName, birth)
	put(t, path, append(certs, key...))
	w.Keeper = w.keeper(w.CAFile)
	must(t, w.Open(t.Context()))
	if !w.shown(t, watchedName).Equal(next.Leaf()) {
		t.Error("the old one is shown")
	}
	must(t, w.Remove(t.Context(), "web", true))
	put(t, path, []byte("nobody's any more"))
	w.check(t)
	if _, err := w.Find("web"); err == nil || strings.Contains(w.log.String(), "could not be renewed") {
		t.Errorf("removed: %v\n%s", err, w.log.String())
	}
}

// How files change under a keeper that runs.
func TestWatchedFilesAreSeen(t *testing.T) {
	tests := map[string]struct {
		file  string // below the folder of the test
		begin func(t *testing.T, dir string, data []byte)
		next  func(t *testing.T, dir string, data []byte, untilTold func())
	}{
		"written over": {"print.pem",
			func(t *testing.T, dir string, data []byte) { put(t, filepath.Join(dir, "print.pem"), data) },
			func(t *testing.T, dir string, data []byte, _ func()) {
				must(t, os.WriteFile(filepath.Join(dir, "print.pem"), data, 0o600))
			}},
		"the folder is made anew": {"live/print.pem",
			func(t *testing.T, dir string, data []byte) { put(t, filepath.Join(dir, "live", "print.pem"), data) },
			func(t *testing.T, dir string, data []byte, untilTold func()) {
				must(t, os.RemoveAll(filepath.Join(dir, "live")))
				untilTold()
				put(t, filepath.Join(dir, "live", "print.pem"), data)
			}},
		"the folder is moved away": {"live/print.pem",
			func(t *testing.T, dir string, data []byte) { put(t, filepath.Join(dir, "live", "print.pem"), data) },
			func(t *testing.T, dir string, data []byte, untilTold func()) {
				must(t, os.Rename(filepath.Join(dir, "live"), filepath.Join(dir, "old")))
				untilTold()
				put(t, filepath.Join(dir, "new", "print.pem"), data)
				must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "live")))
			}},
		"a link to the folder is switched": {"current/tls/print.pem",
			func(t *testing.T, dir string, data []byte) {
				put(t, filepath.Join(dir, "v1", "tls", "print.pem"), data)
				must(t, os.Symlink("v1", filepath.Join(dir, "current")))
			},
			func(t *testing.T, dir string, data []byte, _ func()) {
				put(t, filepath.Join(dir, "v2", "tls", "print.pem"), data)
				must(t, errors.Join(os.Symlink(filepath.Join(dir, "v2"), filepath.Join(dir, "next")), os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "current"))))
			}},
		"a link over links, and their target": {"a.pem",
			func(t *testing.T, dir string, data []byte) {
				put(t, filepath.Join(dir, "far", "print.pem"), data)
				must(t, errors.Join(os.Symlink("./b.pem", filepath.Join(dir, "a.pem")), os.Symlink(filepath.Join(dir, "far", "..", "far", "print.pem"), filepath.Join(dir, "b.pem"))))
			},
			func(t *testing.T, dir string, data []byte, _ func()) {
				put(t, filepath.Join(dir, "far", "print.pem"), data)
			}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "localhost")
			w.now = time.Now()
			_, err := w.AddDomain(t.Context(), watchedName)
			must(t, err)
			dir := t.TempDir()
			_, certs, key := issued(t, watchedName, w.now)
			tt.begin(t, dir, append(certs, key...))
			_, err = w.Watch(t.Context(), "web", []string{filepath.Join(dir, filepath.FromSlash(tt.file))}, "")
			must(t, err)
			must(t, w.Choose(t.Context(), "web", []string{watchedName}))
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- w.Serve(ctx) }()
			defer func() { stop(); must(t, <-done) }()

			// Others are busy in the same folder, all the time.
			noise := time.NewTicker(100 * time.Millisecond)
			defer noise.Stop()
			go func() {
				for {
					select {
					case <-ctx.Done():
						return
					case <-noise.C:
						_ = os.WriteFile(filepath.Join(dir, "noise"), []byte("x"), 0o600)
					}
				}
			}()
			next, certs, key := issued(t, watchedName, w.now)
			until := func(what string, is func() bool) {
				t.Helper()
				for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatal("waited in vain: " + what)
					}
				}
			}
			tt.next(t, dir, append(certs, key...), func() {
				until("it is told", func() bool { return w.trouble(t, "web") != "" })
			})
			until("the next one is shown", func() bool { return w.shown(t, watchedName).Equal(next.Leaf()) })
		})
	}
}
