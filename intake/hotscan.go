package intake

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"platen/directory"
	"platen/fault"
	"platen/internal/fsys"
	"platen/job"
)

// Where files go.
const (
	doneFolder   = "done"
	failedFolder = "failed"
)

// sighting is how a file was last seen.
type sighting struct {
	octets   int64
	modified time.Time
	since    time.Time // it has not changed since then
	after    time.Time // it is not tried before then
	trouble  string    // what the log last said of it
	taken    *job.Job  // what it has become, while it cannot be moved
}

// candidate is a file that may be taken.
type candidate struct {
	name string
	info fs.FileInfo
}

// scan looks through the folder, takes what is ready, the oldest first, and
// returns when to look again.
func (w *watch) scan(ctx context.Context) time.Duration {
	root, err := os.OpenRoot(w.Path) // nothing in it leads out of it
	if err != nil {
		w.complain(err)
		return w.Every
	}
	defer func() { _ = root.Close() }()
	list, err := w.list(root)
	if err == nil {
		err = errors.Join(subfolder(root, doneFolder), subfolder(root, failedFolder)) // before anything is printed
	}
	if err != nil {
		w.complain(err)
		return w.Every
	}
	w.trouble = ""
	w.forget(list)
	slices.SortFunc(list, func(a, b candidate) int {
		return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), strings.Compare(a.name, b.name))
	})
	for _, c := range list {
		if ctx.Err() != nil {
			break
		}
		if s := w.see(c); !w.Now().Before(w.due(s)) {
			w.take(ctx, root, c, s)
		}
	}
	return w.next()
}

// list returns the files of the folder that concern us.
func (w *watch) list(root *os.Root) ([]candidate, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var list []candidate
	for _, e := range entries {
		if e.IsDir() || unfinished(e.Name()) {
			continue
		}
		info, err := e.Info() // of a link itself, not of what it points at
		if err != nil || info.Mode().IsRegular() && info.Size() == 0 {
			continue // gone, or nothing in it yet
		}
		list = append(list, candidate{e.Name(), info})
	}
	return list, nil
}

// unfinished reports whether a name says that its file is hidden or not
// complete.
func unfinished(name string) bool {
	name = strings.ToLower(name)
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
		return true
	}
	switch filepath.Ext(name) {
	case ".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".swp":
		return true
	}
	return false
}

// forget lets go of what is no longer there.
func (w *watch) forget(list []candidate) {
	there := make(map[string]bool, len(list))
	for _, c := range list {
		there[c.name] = true
	}
	for name := range w.files {
		if !there[name] {
			delete(w.files, name)
		}
	}
}

// see notes how a file looks now.
func (w *watch) see(c candidate) *sighting {
	s := w.files[c.name]
	if s == nil || s.octets != c.info.Size() || !s.modified.Equal(c.info.ModTime()) {
		s = &sighting{octets: c.info.Size(), modified: c.info.ModTime(), since: w.Now()}
		w.files[c.name] = s
	}
	return s
}

// due returns when a file may be taken.
func (w *watch) due(s *sighting) time.Time {
	settled := s.since.Add(w.Settle)
	if s.after.After(settled) {
		return s.after
	}
	return settled
}

// next returns how long nothing is due.
func (w *watch) next() time.Duration {
	wait := w.Every
	now := w.Now()
	for _, s := range w.files {
		wait = min(wait, w.due(s).Sub(now))
	}
	return max(wait, 10*time.Millisecond)
}

// take makes a job of a file. Whatever happens, the file is in the folder or in
// done/ or failed/ afterwards, and the log says so.
func (w *watch) take(ctx context.Context, root *os.Root, c candidate, s *sighting) {
	j, err := w.submit(ctx, root, c, s)
	switch {
	case err == nil:
		w.moved(root, c, s, doneFolder, "")
		if s.taken == nil {
			w.Log.Info("intake: a file became a job", "folder", w.Path, "queue", w.Queue, "job", j.ID, "octets", j.Octets)
			w.Log.Debug("intake: the file of a job", "job", j.ID, "file", c.name)
		}
		s.taken = &j
	case ctx.Err() != nil:
	case errors.Is(err, errBusy):
		s.since = w.Now()
	case fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge):
		w.Log.Warn("intake: a file is refused", "folder", w.Path, "queue", w.Queue, "error", nameless(err))
		w.moved(root, c, s, failedFolder, fault.Text(err))
	default:
		w.wait(s, c, err)
	}
}

// moved moves a file, or tries again later.
func (w *watch) moved(root *os.Root, c candidate, s *sighting, folder, sentence string) {
	if err := w.move(root, c.name, folder, sentence); err != nil {
		w.wait(s, c, fmt.Errorf("it cannot be moved to %s: %w", folder, err))
	}
}

// errBusy: somebody is writing.
var errBusy = errors.New("the file is being written")

func (w *watch) submit(ctx context.Context, root *os.Root, c candidate, s *sighting) (job.Job, error) {
	const op = "intake.HotFolder"
	if s.taken != nil {
		return *s.taken, nil
	}
	if !c.info.Mode().IsRegular() {
		return job.Job{}, &fault.Error{Op: op, Kind: fault.Invalid, Text: "This is a link or device and not a file. Links are not followed."}
	}
	f, err := openFile(root, c.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return job.Job{}, errBusy
	case errors.Is(err, fs.ErrPermission):
		return job.Job{}, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The print service may not read this file.", Err: err}
	case err != nil:
		return job.Job{}, err
	}
	defer f.Close()
	before, err := identify(f)
	if err != nil {
		return job.Job{}, err
	}
	if before.octets != c.info.Size() || before.modified != c.info.ModTime().UnixNano() || beingWritten(f) {
		return job.Job{}, errBusy
	}
	id := w.uuid(c.name, before)
	if j, err := w.Intake.Store.JobByUUID(ctx, id); !fault.Is(err, fault.NotFound) {
		return j, err // nil: it came in before the node died
	}
	return w.stream(ctx, f, c.name, id, before)
}

// stream takes the document in, and looks again whether it is still the same
// file.
func (w *watch) stream(ctx context.Context, f *os.File, name, id string, before identity) (job.Job, error) {
	owner, err := w.owner(ctx)
	if err != nil {
		return job.Job{}, err
	}
	a, err := w.Intake.open(ctx, job.Origin{Door: "hotfolder", Queue: w.Queue, User: owner}, id)
	if err != nil {
		return job.Job{}, err
	}
	defer a.Abandon()
	title := printable(name)
	number, err := a.Document(ctx, title, f)
	if err != nil {
		return job.Job{}, err
	}
	if after, err := identify(f); err != nil || after != before {
		return job.Job{}, errors.Join(errBusy, err)
	}
	return a.Submit(ctx, job.Ticket{Title: title}, []job.Piece{{Number: number, Name: title, Copies: 1}})
}

// nobody is the id of no user: the owner rules then say that the person is
// gone, and look no further.
const nobody = "00000000-0000-0000-0000-000000000000"

// owner returns the user id of the folder's owner.
func (w *watch) owner(ctx context.Context) (string, error) {
	login := directory.Fold(w.Owner)
	if login == "" {
		return "", nil
	}
	people, err := w.Intake.Store.UsersByName(ctx, login)
	if err != nil {
		return "", err
	}
	for _, u := range people {
		if u.Login == login {
			return u.ID, nil
		}
	}
	return nobody, nil
}

// printable makes a title of a file's name.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, "\uFFFD"))
}

// identity is what a file is. Another file under the same name has another one,
// and one that is written to as well.
type identity struct {
	inode    uint64
	octets   int64
	modified int64 // nanoseconds
	changed  int64 // nanoseconds; of the inode, or when it was made
}

// uuid names the job of a file: a UUIDv8 (RFC 9562, section 5.8) of what the
// file is.
func (w *watch) uuid(name string, i identity) string {
	sum := sha256.New()
	for _, s := range []string{"platen hot folder", w.Intake.Tenant, filepath.Clean(w.Path), name} {
		fmt.Fprintf(sum, "%d:%s", len(s), s)
	}
	_ = binary.Write(sum, binary.BigEndian, i) // a hash never fails
	var u uuid.UUID
	copy(u[:], sum.Sum(nil))
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u.String()
}

// move puts a file into a folder below, under its own name or a similar one,
// with a sentence beside it if there is one, and makes that durable.
func (w *watch) move(root *os.Root, name, folder, sentence string) error {
	if err := subfolder(root, folder); err != nil {
		return err
	}
	to, err := free(root, folder, name)
	if err != nil {
		return err
	}
	if sentence != "" {
		if err := root.WriteFile(to+".txt", []byte(sentence+"\n"), 0o640); err != nil {
			return err
		}
	}
	if err := root.Rename(name, to); err != nil {
		return err
	}
	delete(w.files, name)
	return errors.Join(fsys.SyncDir(filepath.Join(w.Path, folder)), fsys.SyncDir(w.Path))
}

// subfolder makes a folder, unless it is there.
func subfolder(root *os.Root, name string) error {
	if err := root.Mkdir(name, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := root.Lstat(name)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", name)
	}
	return err
}

// free returns a name in folder that nobody has.
func free(root *os.Root, folder, name string) (string, error) {
	ext := filepath.Ext(name)
	for n := range 10_000 {
		to := filepath.Join(folder, name)
		if n > 0 {
			to = filepath.Join(folder, fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext))
		}
		_, err := root.Lstat(to)
		_, errText := root.Lstat(to + ".txt")
		if errors.Is(err, fs.ErrNotExist) && errors.Is(errText, fs.ErrNotExist) {
			return to, nil
		}
	}
	return "", fmt.Errorf("%s is full of files of this name", folder)
}

// wait puts a file off, and says why unless the log has it already.
func (w *watch) wait(s *sighting, c candidate, err error) {
	s.after = w.Now().Add(w.Every)
	if said := nameless(err); s.trouble != said {
		s.trouble = said
		w.Log.Warn("intake: a file has to wait", "folder", w.Path, "queue", w.Queue, "error", said)
		w.Log.Debug("intake: the file that waits", "folder", w.Path, "file", c.name)
	}
}

// nameless is the text of an error without the name of the file, which is a
// title and personal.
func nameless(err error) string {
	said := err.Error()
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		said = strings.ReplaceAll(said, p.Op+" "+p.Path+":", p.Op+":")
	}
	if l := (*os.LinkError)(nil); errors.As(err, &l) {
		said = strings.ReplaceAll(said, l.Op+" "+l.Old+" "+l.New+":", l.Op+":")
	}
	return said
}

// complain says once what is wrong with the folder.
func (w *watch) complain(err error) {
	if said := err.Error(); w.trouble != said {
		w.trouble = said
		w.Log.Warn("intake: a folder cannot be used", "folder", w.Path, "queue", w.Queue, "error", err)
	}
}
