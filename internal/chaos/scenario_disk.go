package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

var (
	held  = plan{held: true}
	large = plan{held: true, large: true} // each document has a file of its own
)

func diskScenarios() []scenario {
	return []scenario{
		{name: "disk-full-spool", faults: "F11", play: fullSpool},
		{name: "disk-full-database", faults: "F12", play: fullDatabase},
		{name: "inodes", faults: "F13", play: noInodes},
		{name: "read-only", faults: "F14", play: readOnly},
		{name: "read-only-start", faults: "F14", play: readOnlyStart},
		{name: "sync-fails-once", faults: "F10", play: syncFails(":when=1")},
		{name: "sync-fails", faults: "F10", play: syncFails("")},
		{name: "log-full", faults: "F55", play: fullLog},
	}
}

// noReserve lets the node go to the last octet of the disk.
func (st *stage) noReserve(ctx context.Context) error {
	return st.command(ctx, nil, "settings", "set", "--reserve", "0")
}

// fullSpool: the volume of the documents has no octet left.
func fullSpool(ctx context.Context, st *stage) error {
	v, err := st.volume(ctx, "spool", 96<<20)
	if err != nil {
		return err
	}
	if err := st.start(ctx); err != nil {
		return err
	}
	if n := st.print(held, 8); n > 0 {
		return &broken{"I6", fmt.Sprintf("%d jobs were taken into the reserve of the disk", n)}
	}
	if err := errors.Join(st.noReserve(ctx), st.all(held, 16, "before")); err != nil {
		return err
	}
	lift, err := ballast(v.dir)
	if err != nil {
		return err
	}
	if n := st.print(large, 16); n > 0 {
		return &broken{"I1", fmt.Sprintf("%d large jobs were taken by a full disk", n)}
	}
	st.say("full: 0 of 16 large and %d of 16 other jobs taken", st.print(held, 16))
	if err := errors.Join(st.releases(ctx, "with a full disk"), lift(), st.ready(ctx, "although there is room again")); err != nil {
		return err
	}
	return st.all(held, 16, "when there was room again")
}

// fullDatabase: the volume of the database has no octet left, that of the documents
// has.
func fullDatabase(ctx context.Context, st *stage) error {
	v, err := st.volume(ctx, "", 64<<20)
	if err != nil {
		return err
	}
	if _, err := st.volume(ctx, "spool", 96<<20); err != nil {
		return err
	}
	if err := st.start(ctx); err != nil {
		return err
	}
	if err := errors.Join(st.noReserve(ctx), st.all(held, 16, "before")); err != nil {
		return err
	}
	lift, err := ballast(v.dir)
	if err != nil {
		return err
	}
	big, small := 0, 0
	for range 6 { // what is left of the log's last page lets some through
		big += st.print(large, 8)
		small += st.print(held, 8)
	}
	released := errors.Join(st.release(ctx, st.n, "t-raw", "anna"), st.release(ctx, st.n, "t-lpr", "ben"))
	status, _ := st.readyz(ctx)
	st.say("full: %d of 48 large and %d of 48 other jobs taken, /readyz says %d, released: %v", big, small, status, released == nil)
	if big == 48 {
		return &broken{"I1", "a full database took everything"}
	}
	if err := errors.Join(lift(), st.ready(ctx, "although there is room again")); err != nil {
		return err
	}
	if err := st.all(held, 16, "when there was room again"); err != nil {
		return err
	}
	return st.again(ctx) // some documents wait for a start to say whether their rows were stored
}

// noInodes: no file can be made where the documents are.
func noInodes(ctx context.Context, st *stage) error {
	v, err := st.volume(ctx, "spool", 96<<20, "-N", "2048")
	if err != nil {
		return err
	}
	if err := st.start(ctx); err != nil {
		return err
	}
	if err := errors.Join(st.noReserve(ctx), st.all(held, 16, "before")); err != nil {
		return err
	}
	dir := filepath.Join(v.dir, "ballast")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	var failed error
	for i := 0; failed == nil; i++ {
		failed = os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600)
	}
	if n := st.print(large, 16); n > 0 {
		return &broken{"I1", fmt.Sprintf("%d large jobs were taken without inodes", n)}
	}
	st.say("none left: 0 of 16 large and %d of 16 other jobs taken", st.print(held, 16))
	if err := errors.Join(st.releases(ctx, "without inodes"), os.RemoveAll(dir), st.ready(ctx, "although there are inodes again")); err != nil {
		return err
	}
	return st.all(held, 16, "when there were inodes again")
}

// readOnly: the kernel makes the file system read-only under the working node.
func readOnly(ctx context.Context, st *stage) error {
	v, err := st.volume(ctx, "", 1<<30)
	if err != nil {
		return err
	}
	if err := st.start(ctx); err != nil {
		return err
	}
	if err := st.all(held, 16, "before"); err != nil {
		return err
	}
	if err := v.abort(ctx); err != nil {
		return err
	}
	st.say("read-only: %d of 32 jobs taken", st.print(held, 32))
	if err := st.notReady(ctx, "on a read-only file system"); err != nil {
		return err
	}
	st.n.kill()
	if err := v.again(ctx); err != nil {
		return err
	}
	if err := st.start(ctx); err != nil {
		return err
	}
	return st.all(held, 16, "after the repair")
}

// readOnlyStart: a node starts while its documents can only be read.
func readOnlyStart(ctx context.Context, st *stage) error {
	v, err := st.volume(ctx, "spool", 1<<30)
	if err != nil {
		return err
	}
	if err := st.start(ctx); err != nil {
		return err
	}
	if err := st.all(held, 16, "before"); err != nil {
		return err
	}
	st.n.kill()
	if err := tool(ctx, "mount", "-o", "remount,ro", v.dir); err != nil {
		return err
	}
	if err := st.start(ctx); err != nil {
		return err
	}
	if n := st.print(held, 16); n > 0 {
		return &broken{"I1", fmt.Sprintf("%d jobs were taken on a read-only file system", n)}
	}
	if err := errors.Join(st.notReady(ctx, "on a read-only file system"), st.releases(ctx, "from a read-only spool")); err != nil {
		return err
	}
	if err := tool(ctx, "mount", "-o", "remount,rw", v.dir); err != nil {
		return err
	}
	if err := st.again(ctx); err != nil {
		return err
	}
	return st.all(held, 16, "after the repair")
}

// syncFails: the disk says that it could not write, once or from then on, to the
// next who asks: a document, the log of documents or the database.
func syncFails(when string) func(ctx context.Context, st *stage) error {
	return func(ctx context.Context, st *stage) error {
		if err := st.start(ctx); err != nil {
			return err
		}
		if err := st.all(held, 16, "before"); err != nil {
			return err
		}
		stop, err := st.tracing(ctx, "fsync,fdatasync:error=EIO"+when)
		if err != nil {
			return err
		}
		defer stop()
		taken := st.print(held, 32)
		if taken == 32 {
			return &broken{"I1", "every job was taken by a disk that could not write"}
		}
		st.say("failing: %d of 32 jobs taken", taken)
		// When it was the database's, the node ends, for somebody to start it again.
		if err := st.notReady(ctx, "although a sync has failed"); err != nil && !st.n.dead() {
			return err
		}
		stop()
		if n := st.print(held, 8); n > 0 {
			return &broken{"I1", fmt.Sprintf("%d jobs were taken after a sync had failed and before a restart", n)}
		}
		if err := st.again(ctx); err != nil {
			return err
		}
		return st.all(held, 16, "after a restart")
	}
}

// fullLog: the log's volume is full; printing goes on.
func fullLog(ctx context.Context, st *stage) error {
	if err := os.Mkdir(filepath.Join(st.dir, "log"), 0o700); err != nil {
		return err
	}
	v, err := st.volume(ctx, "log", 4<<20)
	if err != nil {
		return err
	}
	config := filepath.Join(st.dir, "node.toml")
	b, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	b = append(b, fmt.Sprintf("\n[log]\nfile = %q\n", filepath.Join(v.dir, "platen.log"))...)
	if err := os.WriteFile(config, b, 0o600); err != nil {
		return err
	}
	if err := st.start(ctx); err != nil {
		return err
	}
	lift, err := ballast(v.dir)
	if err != nil {
		return err
	}
	if err := errors.Join(st.all(held, 32, "with a full log"), st.releases(ctx, "with a full log")); err != nil {
		return err
	}
	return errors.Join(lift(), st.all(held, 8, "when the log had room again"))
}
