package pki

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"platen/fault"
)

// Watched says which files a chain comes from. Other tools put them there.
type Watched struct {
	Files  []string `json:"files"`  // absolute: one PFX or PEM, or the certificates and the key each in a file of their own
	Digest string   `json:"digest"` // of what was read last, SHA-256
}

// settle is how long nothing more may happen to a file before it is read: tools write
// certificate and key one after the other.
const settle = 2 * time.Second

// mostFile bounds one of the files; Import bounds them together.
const mostFile = 1<<20 + 1

// Watch takes a chain from files, now and whenever they change.
func (k *Keeper) Watch(ctx context.Context, name string, files []string, password string) (Imported, error) {
	const op = "pki.Watch"
	for _, f := range files {
		if !filepath.IsAbs(f) {
			return Imported{}, &fault.Error{Op: op, Kind: fault.Invalid, Text: "%s is no whole path: the node may have another folder.", Args: []any{f}}
		}
	}
	if _, err := k.Find(name); err == nil {
		return Imported{}, &fault.Error{Op: op, Kind: fault.Conflict, Text: "There is a certificate chain %s already.", Args: []any{name}}
	}
	data, err := readFiles(files)
	if err != nil {
		return Imported{}, err
	}
	c, findings, err := k.judged(data, password)
	if err != nil {
		return Imported{Findings: findings}, err
	}
	kept := Kept{ID: k.NewID(), Name: name, Use: UseServer, From: FromWatched, Created: k.Now(), Config: watchedConfig(files, data)}
	if err := k.Store.SetChainSecret(ctx, kept.ID, password); err != nil {
		return Imported{}, err
	}
	x, err := k.add(ctx, kept, c, findings)
	k.Wake() // Serve watches its folder too from now on
	return x, err
}

func watchedConfig(files []string, data []byte) string {
	sum := sha256.Sum256(data)
	b, err := json.Marshal(Watched{files, hex.EncodeToString(sum[:])})
	if err != nil {
		return "{}" // a list of texts always can
	}
	return string(b)
}

// judged imports a file and applies the rules.
func (k *Keeper) judged(data []byte, password string) (*Chain, []Finding, error) {
	c, findings, err := Import(data, password)
	if err != nil {
		return nil, findings, err
	}
	findings = append(findings, Judge(c, k.domainNames(), k.Now())...)
	return c, findings, Refusal(findings)
}

// readFiles reads all of the files, one behind the other.
func readFiles(files []string) ([]byte, error) {
	var all []byte
	for _, name := range files {
		b, err := readFile(name)
		if err != nil {
			return nil, &fault.Error{Op: "pki.Watch", Kind: fault.Unavailable, Text: "The file %s cannot be read: %s.", Args: []any{name, whyNot(err)}, Err: err}
		}
		all = append(append(all, b...), '\n')
	}
	if len(files) == 1 {
		return all[:len(all)-1], nil // a PFX ends where it ends
	}
	return all, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, mostFile))
}

// whyNot is what an error of a file is in a sentence.
func whyNot(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "there is none"
	case errors.Is(err, os.ErrPermission):
		return "the user of the node may not read it"
	}
	return err.Error()
}

// look reads the files of watched chains. One that is refused is told and changes
// nothing: what was good before is shown on.
func (k *Keeper) look(ctx context.Context, s *state) (made bool, err error) {
	for _, x := range slices.Clone(s.kept) {
		if x.From != FromWatched {
			continue
		}
		fresh, err := k.lookAt(ctx, s, x)
		if err != nil {
			return made, err
		}
		made = made || fresh
	}
	return made, nil
}

func (k *Keeper) lookAt(ctx context.Context, s *state, x Kept) (fresh bool, err error) {
	var w Watched
	if err := json.Unmarshal([]byte(x.Config), &w); err != nil {
		return false, err
	}
	data, err := readFiles(w.Files)
	if err != nil {
		return false, k.trouble(ctx, s, x, err)
	}
	config := watchedConfig(w.Files, data)
	if config == x.Config && (x.Trouble == "" || k.Now().Sub(x.Tried).Abs() < retryAfter) {
		return false, nil
	}
	password, err := k.Store.ChainSecret(ctx, x.ID)
	if err != nil {
		return false, err
	}
	c, findings, err := Import(data, password)
	if err == nil {
		findings = append(findings, Judge(c, domainsOf(s), k.Now())...)
		err = Refusal(findings)
	}
	x.Config = config
	if err != nil {
		return false, k.trouble(ctx, s, x, err)
	}
	x.Trouble, x.Tried = "", time.Time{}
	k.Log.Info("pki: a watched file has brought a certificate", "chain", x.Name, "until", c.Leaf().NotAfter)
	return true, k.keep(ctx, s, x, c)
}

// trouble keeps why a chain could not be renewed, and says so once.
func (k *Keeper) trouble(ctx context.Context, s *state, x Kept, why error) error {
	said := x.Trouble == fault.Text(why)
	x.Tried, x.Trouble = k.Now(), fault.Text(why)
	if !said {
		k.Log.Warn("pki: a certificate could not be renewed", "chain", x.Name, "error", why)
	}
	if i := slices.IndexFunc(s.kept, func(y Kept) bool { return y.ID == x.ID }); i >= 0 {
		s.kept[i] = x
	}
	return k.Store.PutChain(ctx, x)
}

func domainsOf(s *state) []string {
	var names []string
	for _, d := range s.domains {
		names = append(names, d.Name)
	}
	return names
}

// eyes tells when something happens in the folders of watched files. Folders are
// watched and not files: tools replace these, and some switch a link to another folder.
type eyes struct {
	k      *Keeper
	w      *fsnotify.Watcher // nil while there is nothing to see
	seen   map[string]bool   // folders
	blind  bool              // the system does not let us: files are read every hour all the same
	events chan fsnotify.Event
	errors chan error
}

// update watches the folders of the files of now.
func (e *eyes) update() {
	for _, x := range e.k.state.Load().kept {
		var w Watched
		if x.From != FromWatched || json.Unmarshal([]byte(x.Config), &w) != nil {
			continue
		}
		for _, f := range w.Files {
			e.add(filepath.Dir(f))
			if real, err := filepath.EvalSymlinks(f); err == nil {
				e.add(filepath.Dir(real))
			}
		}
	}
}

func (e *eyes) add(dir string) {
	if e.blind || e.seen[dir] || !e.open() {
		return
	}
	e.seen[dir] = true
	if err := e.w.Add(dir); err != nil {
		e.k.Log.Warn("pki: a folder is not watched; its files are read every hour", "folder", dir, "error", err)
	}
}

func (e *eyes) open() bool {
	if e.w != nil {
		return true
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		e.k.Log.Warn("pki: files are not watched, and read every hour", "error", err)
		e.blind = true
		return false
	}
	e.w, e.seen, e.events, e.errors = w, map[string]bool{}, w.Events, w.Errors
	return true
}

func (e *eyes) close() {
	if e.w != nil {
		_ = e.w.Close()
	}
}
