package pki

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// eyes tells when something happens to watched files. Folders are watched and not
// files: tools replace these, and some switch a link to another file or folder.
type eyes struct {
	k      *Keeper
	w      *fsnotify.Watcher // nil while there is nothing to see
	names  map[string]bool   // that files and links have, with their real folders
	blind  bool              // the system does not let us: files are read every hour all the same
	events chan fsnotify.Event
	errors chan error
}

// mostLinks is how many links Linux follows.
const mostLinks = 40

// update watches the folders of the files of now, and no others. It reports whether
// there are new ones among them.
func (e *eyes) update() (fresh bool) {
	e.names = map[string]bool{}
	var folders []string
	for _, x := range e.k.state.Load().kept {
		var w Watched
		if x.From != FromWatched || json.Unmarshal([]byte(x.Config), &w) != nil {
			continue
		}
		for _, f := range w.Files {
			for _, name := range trail(f) {
				dir := filepath.Dir(name)
				e.names[name], e.names[dir] = true, true
				folders = append(folders, dir)
			}
		}
	}
	if len(folders) == 0 && e.w == nil || !e.open() {
		return false
	}
	before := e.w.WatchList()
	for _, dir := range before {
		if !slices.Contains(folders, dir) {
			_ = e.w.Remove(dir) // one that is gone is not watched anyway
		}
	}
	slices.Sort(folders)
	for _, dir := range slices.Compact(folders) {
		known := slices.Contains(before, dir)
		// Also those that are known: it may be another folder with the same name.
		if err := e.w.Add(dir); err != nil {
			e.k.Log.Warn("pki: a folder is not watched; its files are read every hour", "folder", dir, "error", err)
			continue
		}
		fresh = fresh || !known
	}
	return fresh
}

// concerns reports whether an event is about a watched file, a link on the way to it,
// or one of their folders. Others have files there too.
func (e *eyes) concerns(name string) bool { return e.names[filepath.Clean(name)] }

// trail returns all names over which a file is reached: links that lead to it, and
// then its own, each in a folder without links. When there is no such file, the last is
// the name that is missing.
func trail(file string) []string {
	var names []string
	at, rest := apart(file)
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		name := filepath.Join(at, part)
		info, err := os.Lstat(name)
		switch {
		case err != nil:
			return append(names, name)
		case info.Mode()&os.ModeSymlink == 0:
			at = name
			if len(rest) == 0 {
				names = append(names, name)
			}
			continue
		}
		names = append(names, name)
		to, err := os.Readlink(name)
		if links++; err != nil || links > mostLinks {
			return names
		}
		if filepath.IsAbs(to) {
			var begin []string
			at, begin = apart(to)
			rest = append(begin, rest...)
		} else {
			rest = append(strings.Split(filepath.ToSlash(to), "/"), rest...)
		}
	}
	return names
}

// apart parts an absolute path into its root and the names below.
func apart(path string) (root string, names []string) {
	volume := filepath.VolumeName(path)
	return volume + string(filepath.Separator), strings.Split(strings.Trim(filepath.ToSlash(path[len(volume):]), "/"), "/")
}

func (e *eyes) open() bool {
	if e.w != nil || e.blind {
		return !e.blind
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		e.k.Log.Warn("pki: files are not watched, and read every hour", "error", err)
		e.blind = true
		return false
	}
	e.w, e.events, e.errors = w, w.Events, w.Errors
	return true
}

func (e *eyes) close() {
	if e.w != nil {
		_ = e.w.Close()
	}
}
