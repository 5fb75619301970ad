package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"platen/fault"
	"platen/internal/failpoint"
	"platen/internal/fsys"
	"platen/job"
	"platen/site"
)

// folder is a device whose paper is files: one per document and copy, under
// names that we make. Every file is there whole or not at all, also after a
// power cut, and what Deliver confirmed stays.
type folder struct {
	dir string
	set Settings
}

func newFolder(u *url.URL, s Settings) (*folder, error) {
	const op = "device.New"
	path := u.Path
	if runtime.GOOS == "windows" { // folder:///C:/Printed
		path = strings.TrimPrefix(path, "/")
	}
	dir := filepath.Clean(filepath.FromSlash(path))
	if u.Host != "" || path == "" || !filepath.IsAbs(dir) || strings.ContainsRune(path, 0) {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The address of a folder looks like folder:///absolute/path."}
	}
	if len(s.Folders) > 0 && !slices.ContainsFunc(s.Folders, func(root string) bool { return within(root, dir) }) {
		return nil, &fault.Error{Op: op, Kind: fault.Denied, Text: "The configuration does not allow a device in this folder."}
	}
	return &folder{dir: dir, set: s}, nil
}

func within(root, dir string) bool {
	rel, err := filepath.Rel(filepath.Clean(root), dir)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// extensions by language, so that people and programs can open what they find.
var extensions = map[string]string{
	"pdf": ".pdf", "postscript": ".ps", "pcl": ".pcl", "pclxl": ".pxl", "xps": ".xps", "pwg-raster": ".pwg", "pwg": ".pwg", "urf": ".urf",
	"apple-raster": ".urf", "text": ".txt", "jpeg": ".jpg", "tiff": ".tif", "png": ".png", "zpl": ".zpl", "escpr": ".escpr", "pjl": ".prn",
}

func extension(language string) string {
	if e := extensions[language]; e != "" {
		return e
	}
	return ".prn"
}

// hidden is how a file is called while it is written.
const hidden = ".part-"

// Deliver writes all files of the job under hidden names, syncs them, gives
// them their names, and syncs the folder. A folder takes octets only when the
// first file has its name: until then nothing has happened.
func (f *folder) Deliver(ctx context.Context, d Delivery) (Result, error) {
	const op = "device.folder"
	if err := checkDelivery(op, d); err != nil {
		return Result{Impressions: job.Unknown, Sheets: job.Unknown}, err
	}
	r := newRun(d)
	none := r.result(job.NoneAccepted, "")
	if err := f.sweep(d); err != nil {
		return none, unavailable(op, "The folder cannot be written to.", err)
	}
	if err := r.begin(); err != nil {
		return none, err
	}
	temps, err := f.writeAll(ctx, r)
	if err != nil {
		_ = f.drop(temps) // what stays is swept by the next attempt
		if Damaged(err) || ctx.Err() != nil {
			return none, err
		}
		return none, unavailable(op, trouble(err), err)
	}
	if named, err := f.publish(d, temps); err != nil {
		_ = f.drop(temps)
		if named == 0 {
			return none, unavailable(op, "The folder cannot be written to.", err)
		}
		return r.interrupted(), unavailable(op, "The folder may hold only a part of the job.", err)
	}
	failpoint.Hit("device.acked")
	return r.result(job.Confirmed, "The files are in the folder."), nil
}

// base is the beginning of all file names of a job. Nothing of it was written
// by a client.
func base(d Delivery) string {
	return fmt.Sprintf("%06d-%s", d.JobID, strings.Map(func(c rune) rune {
		if c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return c
		}
		return '_'
	}, d.UUID))
}

// sweep removes what an interrupted delivery of the same job left behind.
func (f *folder) sweep(d Delivery) error {
	left, err := filepath.Glob(filepath.Join(escapeGlob(f.dir), hidden+base(d)+"*"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(f.dir); err != nil {
		return err
	}
	return f.drop(left)
}

// escapeGlob makes a path a pattern that matches only itself.
func escapeGlob(path string) string {
	if runtime.GOOS == "windows" { // has no escape, and no such characters in names
		return path
	}
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(path)
}

func (f *folder) drop(paths []string) error {
	var errs []error
	for _, p := range paths {
		errs = append(errs, fsys.RemoveFile(p))
	}
	return errors.Join(errs...)
}

// writeAll writes every copy to a hidden file and syncs it.
func (f *folder) writeAll(ctx context.Context, r *run) (temps []string, err error) {
	for i, d := range r.sends() {
		temp := filepath.Join(f.dir, fmt.Sprintf("%s%s-%d", hidden, base(r.Delivery), i+1))
		temps = append(temps, temp)
		if err := f.writeOne(ctx, r, d, temp); err != nil {
			return temps, err
		}
	}
	return temps, nil
}

func (f *folder) writeOne(ctx context.Context, r *run, d Doc, temp string) (err error) {
	file, err := fsys.CreatePrivate(temp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := r.copy(stoppable{ctx, file}, d); err != nil {
		return err
	}
	return fsys.SyncFile(file)
}

// stoppable is a writer that fails once its context has ended.
type stoppable struct {
	ctx context.Context
	w   io.Writer
}

func (s stoppable) Write(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(p)
}

// publish gives the files their names, none of which is taken, and returns how
// many have theirs. A job that prints again finds its first files there.
func (f *folder) publish(d Delivery, temps []string) (named int, err error) {
	var names []string
	r := newRun(d)
	for again := 0; ; again++ {
		names = names[:0]
		for i, doc := range r.sends() {
			names = append(names, filepath.Join(f.dir, fileName(d, i, len(temps), again, extension(doc.Language))))
		}
		taken, err := anyThere(names)
		if err != nil {
			return 0, err
		}
		if !taken {
			break
		}
	}
	for i, temp := range temps {
		if err := fsys.Rename(temp, names[i]); err != nil {
			return named, err
		}
		named++
	}
	return named, fsys.SyncDir(f.dir)
}

// fileName is 000017-UUID.pdf; with its number where there are several, and
// how often the job was printed before where it was.
func fileName(d Delivery, i, n, again int, ext string) string {
	name := base(d)
	if n > 1 {
		name += fmt.Sprintf("-%d", i+1)
	}
	if again > 0 {
		name += fmt.Sprintf("-again%d", again)
	}
	return name + ext
}

func anyThere(names []string) (bool, error) {
	for _, n := range names {
		switch _, err := os.Lstat(n); {
		case err == nil:
			return true, nil
		case !errors.Is(err, fs.ErrNotExist):
			return false, err
		}
	}
	return false, nil
}

// Condition makes a file and removes it: whatever a file system says about
// itself, this is what delivery will do.
func (f *folder) Condition(ctx context.Context) (site.Condition, error) {
	if err := ctx.Err(); err != nil {
		return site.Condition{}, err
	}
	now := f.set.Now()
	probe := filepath.Join(f.dir, ".probe-platen")
	if text := trouble(errors.Join(fsys.RemoveFile(probe), touch(probe))); text != "" {
		return site.Condition{State: "stopped", Text: text, Since: now}, nil
	}
	return site.Condition{State: "idle", Since: now, Seen: now}, nil
}

// trouble says what is wrong with a folder.
func trouble(err error) string {
	switch {
	case err == nil:
		return ""
	case fsys.IsFull(err):
		return "The disk of the folder is full."
	}
	return "The folder cannot be written to."
}

func touch(path string) error {
	file, err := fsys.CreatePrivate(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), fsys.RemoveFile(path))
}
