package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"platen/fault"
	"platen/internal/fsys"
	"platen/spool"
	"platen/store"
)

// A backup is one tar archive, encrypted as a whole with a passphrase (age,
// scrypt): it holds the keys of the node and everybody's data, so nobody may
// read it who does not have the passphrase. Its first entry says what it is. Certificates
// and their keys are in the database, sealed under the keys of the node.
const (
	archiveFormat   = 1
	manifestName    = "manifest.json"
	archiveDatabase = "platen.db"
	archiveKeys     = "platen.keys"
	archiveConfig   = "node.toml"
	archiveDocs     = "spool/docs/"
	archiveLog      = "spool/log/"
)

// manifest is the first entry of a backup.
type manifest struct {
	Format    int       `json:"format"`
	Version   string    `json:"version"` // of the program that wrote it
	Created   time.Time `json:"created"`
	Key       string    `json:"key"` // id of the node's keys
	Documents bool      `json:"documents"`
}

// minPassphrase is the least length of a passphrase. It protects the keys of
// the whole node.
const minPassphrase = 8

// archive is a backup that is being written.
type archive struct {
	tar *tar.Writer
	now time.Time
}

func newArchive(w io.Writer) *archive { return &archive{tar.NewWriter(w), time.Now().UTC()} }

// writeBackup writes the whole node to w.
func (a *admin) writeBackup(ctx context.Context, w io.Writer, passphrase string, documents bool) (err error) {
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return err
	}
	sealed, err := age.Encrypt(w, to)
	if err != nil {
		return err
	}
	ar := newArchive(sealed)
	if err := a.fill(ctx, ar, documents); err != nil {
		return err
	}
	return errors.Join(ar.tar.Close(), sealed.Close())
}

// fill writes the entries. The database comes before the documents: a document
// that came in between is one more than the rows speak of, and its job is
// rebuilt from it.
func (a *admin) fill(ctx context.Context, ar *archive, documents bool) error {
	m, err := json.Marshal(manifest{archiveFormat, version, ar.now, a.keys.ID(), documents})
	if err != nil {
		return err
	}
	keys, err := a.keys.Export()
	if err != nil {
		return err
	}
	if err := errors.Join(ar.octets(manifestName, m), ar.octets(archiveKeys, keys)); err != nil {
		return err
	}
	if err := a.addDatabase(ctx, ar); err != nil {
		return err
	}
	if a.place.file != "" {
		if err := ar.file(archiveConfig, a.place.file); err != nil {
			return err
		}
	}
	if !documents {
		return nil
	}
	if err := ar.folder(ctx, archiveDocs, filepath.Join(a.place.spool(), "docs")); err != nil {
		return err
	}
	return ar.folder(ctx, archiveLog, filepath.Join(a.place.spool(), "log"))
}

func (a *admin) addDatabase(ctx context.Context, ar *archive) error {
	snapshot := filepath.Join(a.place.cfg.Data, "backup-"+newToken()[:12]+".db")
	defer func() { _ = fsys.RemoveFile(snapshot) }()
	if err := a.store.Backup(ctx, snapshot); err != nil {
		return err
	}
	return ar.file(archiveDatabase, snapshot)
}

func (ar *archive) octets(name string, b []byte) error {
	if err := ar.head(name, int64(len(b))); err != nil {
		return err
	}
	_, err := ar.tar.Write(b)
	return err
}

func (ar *archive) head(name string, size int64) error {
	return ar.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: ar.now, Typeflag: tar.TypeReg, Format: tar.FormatPAX})
}

// file adds a file as long as it is now: a document that is still arriving may
// grow.
func (ar *archive) file(name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := ar.head(name, info.Size()); err != nil {
		return err
	}
	n, err := io.CopyN(ar.tar, f, info.Size())
	if errors.Is(err, io.EOF) { // it was erased meanwhile; what is missing is no document any more
		_, err = io.CopyN(ar.tar, zeros{}, info.Size()-n)
	}
	return err
}

// zeros is as many zero octets as anybody wants.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// folder adds the files of a folder, without those below it.
func (ar *archive) folder(ctx context.Context, prefix, dir string) error {
	list, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !e.Type().IsRegular() {
			continue
		}
		err := ar.file(prefix+e.Name(), filepath.Join(dir, e.Name()))
		if err != nil && !errors.Is(err, os.ErrNotExist) { // printed and erased meanwhile
			return err
		}
	}
	return nil
}

// readBackup opens a backup and reads what it says of itself.
func readBackup(r io.Reader, passphrase string) (*tar.Reader, manifest, error) {
	const op = "restore"
	var m manifest
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, m, err
	}
	id.SetMaxWorkFactor(20) // more would be an attack on this machine, not a backup
	plain, err := age.Decrypt(r, id)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return nil, m, &fault.Error{Op: op, Kind: fault.Denied, Text: "The passphrase is not the one of this backup.", Err: err}
	}
	if err != nil {
		return nil, m, &fault.Error{Op: op, Kind: fault.Invalid, Text: "This file is not a backup of Platen.", Err: err}
	}
	tr := tar.NewReader(plain)
	head, err := tr.Next()
	if err == nil && head.Name != manifestName {
		err = fmt.Errorf("it begins with %q", head.Name)
	}
	if err == nil {
		err = json.NewDecoder(io.LimitReader(tr, 1<<16)).Decode(&m)
	}
	if err != nil {
		return nil, m, &fault.Error{Op: op, Kind: fault.Invalid, Text: "This file is not a backup of Platen.", Err: err}
	}
	if m.Format != archiveFormat {
		return nil, m, &fault.Error{Op: op, Kind: fault.Invalid, Text: "This backup was written by a newer program, version %s.", Args: []any{m.Version}}
	}
	return tr, m, nil
}

// unpack writes the entries of a backup below dir. Only names that a backup has
// are written, so that an archive somebody has made cannot reach further.
func unpack(ctx context.Context, tr *tar.Reader, p place) (err error) {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		head, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &fault.Error{Op: "restore", Kind: fault.Invalid, Text: "The backup is damaged or cut short.", Err: err}
		}
		to, err := target(p, head)
		if err == nil {
			err = unpackFile(tr, to)
		}
		if err != nil {
			return err
		}
	}
}

// target is where an entry belongs.
func target(p place, head *tar.Header) (string, error) {
	base := path.Base(head.Name)
	known := map[string]string{
		archiveDatabase: restoredDatabase(p), archiveKeys: p.keys(), archiveConfig: filepath.Join(p.cfg.Data, "node.toml"),
		archiveDocs + base: filepath.Join(p.spool(), "docs", base), archiveLog + base: filepath.Join(p.spool(), "log", base),
	}
	to, ok := known[head.Name]
	if !ok || head.Typeflag != tar.TypeReg || strings.ContainsAny(base, `/\:`) || base == "." || base == ".." {
		return "", &fault.Error{Op: "restore", Kind: fault.Invalid, Text: "This backup has an entry that no backup of Platen has."}
	}
	return to, nil
}

// restoredDatabase is where the database of a backup waits until it was looked
// at.
func restoredDatabase(p place) string { return filepath.Join(p.cfg.Data, "restore.db") }

func unpackFile(r io.Reader, to string) error {
	if err := fsys.MkdirPrivate(filepath.Dir(to)); err != nil {
		return err
	}
	f, err := fsys.CreatePrivate(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = fsys.SyncFile(f)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = fsys.SyncDir(filepath.Dir(to))
	}
	var cut *fault.Error
	if err != nil && !errors.As(err, &cut) && !fsys.IsFull(err) {
		return &fault.Error{Op: "restore", Kind: fault.Invalid, Text: "The backup is damaged or cut short.", Err: err}
	}
	return err
}

// restore unpacks a backup into the data folder of a node that is not there
// yet. The marker that it leaves lets the next start rebuild the jobs of
// documents that the database of the backup does not know.
func restore(ctx context.Context, e *env, c *call) error {
	p, err := c.where.find()
	if err != nil {
		return err
	}
	tr, m, err := readBackup(c.in, c.secret)
	if err != nil {
		return err
	}
	if err := fsys.MkdirPrivate(p.cfg.Data); err != nil {
		return err
	}
	if err := becomeOwner(p.cfg.Data); err != nil {
		return err
	}
	unlock, err := fsys.Lock(p.lock())
	if fault.Is(err, fault.Conflict) {
		return &fault.Error{Op: "restore", Kind: fault.Conflict, Text: "A node works with %s. Stop it first.", Args: []any{p.cfg.Data}, Err: err}
	}
	if err != nil {
		return err
	}
	defer func() { _ = unlock() }()
	if err := mustBeEmpty(p.cfg.Data); err != nil {
		return err
	}
	if err := restoreInto(ctx, e, p, tr); err != nil {
		return fmt.Errorf("%w\nThe folder %s is not a node; empty it before you try again", err, p.cfg.Data)
	}
	if c.json {
		return writeJSON(e.out, struct {
			manifest
			Dir string `json:"dir"`
		}{m, p.cfg.Data})
	}
	fmt.Fprintf(e.out, "The backup of %s is restored to %s.\n", stamp(m.Created), p.cfg.Data)
	if !m.Documents {
		fmt.Fprintf(e.out, "It has no documents. If the old ones are still there, copy the folders docs and log of the old spool to %s before the first start: their jobs are rebuilt.\n", p.spool())
	}
	return nil
}

func restoreInto(ctx context.Context, e *env, p place, tr *tar.Reader) error {
	if err := unpack(ctx, tr, p); err != nil {
		return err
	}
	keys, err := spool.LoadKeys(p.keys())
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	o := store.Options{Path: p.database(), Titles: keys, Key: keys.ID(), Now: time.Now, Log: log}
	if _, err := store.Restore(ctx, o, restoredDatabase(p)); err != nil {
		return err
	}
	if err := forgetSessions(ctx, o); err != nil {
		return err
	}
	if err := errors.Join(fsys.RemoveFile(restoredDatabase(p)), fsys.WriteFile(p.restored(), []byte(time.Now().UTC().Format(time.RFC3339)+"\n"))); err != nil {
		return err
	}
	return fsys.SyncDir(p.cfg.Data)
}

// forgetSessions ends the sessions that were open when the backup was made:
// whoever stood at a terminal then does not stand there now.
func forgetSessions(ctx context.Context, o store.Options) (err error) {
	st, err := store.Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	tenants, err := st.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		scope := st.Tenant(t)
		sessions, err := scope.Sessions(ctx)
		if err != nil {
			return err
		}
		for _, s := range sessions {
			if err := scope.EndSession(ctx, s.ID); err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
		if err := scope.Audit(ctx, self(), "restore", "", "from a backup"); err != nil {
			return err
		}
	}
	return nil
}

// mustBeEmpty refuses a folder with anything in it but documents that have
// survived, which are what a restore may rebuild jobs from.
func mustBeEmpty(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if !slices.Contains([]string{"lock", "spool", "lost+found"}, e.Name()) {
			return &fault.Error{Op: "restore", Kind: fault.Conflict, Text: "The folder %s is not empty. A backup is restored into an empty one, or one with nothing but spool/ in it.", Args: []any{dir}}
		}
	}
	return nil
}
