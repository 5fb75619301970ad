package intake

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// HotFolder turns the files of folders into jobs, for ERP and host systems that
// do not speak LPR.
//
// A file is taken when it has not changed for a while and nobody has it open for
// writing. Names that begin with a dot, or end as copying programs end theirs
// until they are done, are left alone, and so are empty files and folders. When
// the job is durable the file goes to the folder's done/; a file that can never
// be a job goes to failed/, with a sentence beside it that says why. Whatever
// else keeps a file from being taken (a queue that is closed or missing, a full
// disk) leaves it where it is, for later.
//
// A job's UUID is made of what the file is: its name, inode, length and times.
// If the node dies between the job's commit and the file's move, it finds the job
// again by its UUID, and moves the file without printing it twice.
//
// All fields are set before Serve. To change the folders, end Serve and begin
// it with a new HotFolder.
type HotFolder struct {
	Folders []Folder
	Intake  *Intake
	Settle  time.Duration // how long a file has to stay as it is; 2 s when 0
	Every   time.Duration // how often a folder is looked at without being told of a change, and how long a file waits for another try; 30 s when 0
	Now     func() time.Time
	Log     *slog.Logger
}

// Folder is one folder that is watched.
type Folder struct {
	Path  string // absolute
	Queue string // name of the queue that its files go to
	Owner string // login of the person that its jobs belong to; "" leaves that to the owner rules
}

// Serve watches the folders until ctx ends, and returns nil. What the system
// tells of changes is only a hint: folders are looked through at the start and
// every now and then, so that a hint that got lost costs seconds.
func (h *HotFolder) Serve(ctx context.Context) error {
	c := *h
	if c.Settle <= 0 {
		c.Settle = 2 * time.Second
	}
	if c.Every <= 0 {
		c.Every = 30 * time.Second
	}
	var folders sync.WaitGroup
	defer folders.Wait()
	for _, f := range c.Folders {
		w := &watch{HotFolder: &c, Folder: f, files: map[string]*sighting{}}
		folders.Go(func() { w.serve(ctx) })
	}
	return nil
}

// watch is one folder and what is known of its files.
type watch struct {
	*HotFolder
	Folder
	files   map[string]*sighting // by name
	trouble string               // what the log last said of the folder
}

func (w *watch) serve(ctx context.Context) {
	hints, err := fsnotify.NewWatcher()
	if err != nil { // out of inotify instances, perhaps
		w.Log.Warn("intake: a folder is not watched, only looked at now and then", "folder", w.Path, "error", err)
		hints = &fsnotify.Watcher{}
	} else {
		defer func() { _ = hints.Close() }()
	}
	for {
		if err == nil {
			_ = hints.Add(w.Path) // again each time: the folder may have come, or come back
		}
		wait := w.scan(ctx)
		if !w.rest(ctx, hints, wait) {
			return
		}
	}
}

// rest waits for so long, or shorter when something changes in the folder. It
// returns false when ctx has ended. A lost hint (fsnotify.ErrEventOverflow) is
// a hint, too.
func (w *watch) rest(ctx context.Context, hints *fsnotify.Watcher, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	hinted := false
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-hints.Events:
		case _ = <-hints.Errors: //nolint:staticcheck // an error is a hint as good as any
		}
		if !hinted { // a large file comes with many: one look for all of them
			hinted = true
			timer.Reset(min(wait, w.Settle/4))
		}
	}
}
