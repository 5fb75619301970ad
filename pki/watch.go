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
	"strings"
	"time"

	"platen/fault"
)

// Watched says which files a chain comes from. Other tools put them there.
type Watched struct {
	Files  []string `json:"files"`  // absolute: one PFX or PEM, or the certificates and the key each in a file of their own
	Digest string   `json:"digest"` // of what was read last, SHA-256

	// Refused says what the domains of the account were, digested, when what was read
	// last was refused; "" it was taken.
	Refused string `json:"refused,omitempty"`
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
			return Imported{}, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The path %s is not whole: the node may have another folder.", Args: []any{f}}
		}
	}
	if err := k.mayBeCalled(name); err != nil {
		return Imported{}, err
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
	if err != nil {
		return x, errors.Join(err, k.Store.SetChainSecret(ctx, kept.ID, ""))
	}
	k.Wake() // Serve watches its folder too from now on
	return x, nil
}

func watchedConfig(files []string, data []byte) string {
	return Watched{Files: files, Digest: digestOf(data)}.config()
}

func (w Watched) config() string {
	b, err := json.Marshal(w)
	if err != nil {
		return "{}" // a list of texts always can
	}
	return string(b)
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
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
	if info, err := os.Stat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() { // a pipe would let nobody go on
		return nil, errNoFile
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, mostFile))
}

var errNoFile = errors.New("pki: it is no file")

// whyNot is what an error of a file is in a sentence.
func whyNot(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "there is none"
	case errors.Is(err, os.ErrPermission):
		return "the user of the node may not read it"
	case errors.Is(err, errNoFile):
		return "it is no file"
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
	now := Watched{Files: w.Files, Digest: digestOf(data)}
	domains := digestOf([]byte(strings.Join(domainsOf(s), " ")))
	switch same := now.Digest == w.Digest; {
	case same && w.Refused == "" && s.chains[x.ID] != nil:
		return false, k.noTrouble(ctx, s, x) // it may have been gone for a while
	case same && w.Refused == domains && k.Now().Sub(x.Tried).Abs() < retryAfter:
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
	switch {
	case fault.Is(err, fault.Unavailable): // another file is being read: the next look finds it changed still
		return false, k.trouble(ctx, s, x, err)
	case err != nil:
		now.Refused = domains
		x.Config = now.config()
		return false, k.trouble(ctx, s, x, err)
	}
	x.Config, x.Trouble, x.Tried = now.config(), "", time.Time{}
	k.Log.Info("pki: a watched file has brought a certificate", "chain", x.Name, "until", c.Leaf().NotAfter)
	return true, k.keep(ctx, s, x, c)
}

// noTrouble forgets what was wrong with a file.
func (k *Keeper) noTrouble(ctx context.Context, s *state, x Kept) error {
	if x.Trouble == "" {
		return nil
	}
	x.Trouble, x.Tried = "", time.Time{}
	return k.replace(ctx, s, x)
}

// trouble keeps why a chain could not be renewed, and says so once.
func (k *Keeper) trouble(ctx context.Context, s *state, x Kept, why error) error {
	said := x.Trouble == fault.Text(why)
	x.Tried, x.Trouble = k.Now(), fault.Text(why)
	if !said {
		k.Log.Warn("pki: a certificate could not be renewed", "chain", x.Name, "error", why)
	}
	return k.replace(ctx, s, x)
}

// replace keeps what is new of a chain whose certificates stay.
func (k *Keeper) replace(ctx context.Context, s *state, x Kept) error {
	if i := slices.IndexFunc(s.kept, func(y Kept) bool { return y.ID == x.ID }); i >= 0 {
		s.kept[i] = x
	}
	if len(x.Key) == 0 { // it cannot be opened; what is sealed stays
		return nil
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
