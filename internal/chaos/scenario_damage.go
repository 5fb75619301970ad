package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func damageScenarios() []scenario {
	return []scenario{
		{name: "document-damaged", faults: "F19 F20", play: documentsDamaged},
		{name: "frame-damaged", faults: "F09 F19", play: frameDamaged},
		{name: "wal-cut", faults: "F18", play: rowsLost(cutWAL)},
		{name: "wal-gone", faults: "F18", play: rowsLost(removeWAL)},
		{name: "database-damaged", faults: "F17", play: databaseDamaged},
		{name: "database-gone", faults: "F18", play: databaseGone},
	}
}

// documentsDamaged: of the documents with files of their own one has an octet
// changed, one is cut and one is missing. These must not be printed, not even in
// part, and their owners are told; all others are.
func documentsDamaged(ctx context.Context, st *stage) error {
	if err := st.start(ctx); err != nil {
		return err
	}
	if err := st.all(large, 8, "before"); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(st.dir, "spool", "docs", "*.doc"))
	if err != nil || len(files) != 8 {
		return errors.Join(err, fmt.Errorf("%d files for 8 documents", len(files)))
	}
	var jobs []listed
	if err := st.command(ctx, &jobs, "job", "list", "--all", "--json"); err != nil {
		return err
	}
	st.n.kill()
	for i, hurt := range []func(string) error{st.flip, half, os.Remove} {
		for _, j := range jobs {
			if strings.HasPrefix(filepath.Base(files[i]), j.UUID) {
				for _, s := range st.jobs {
					if s.octets == j.Octets {
						s.fate = "aborted"
					}
				}
			}
		}
		if err := hurt(files[i]); err != nil {
			return err
		}
	}
	if err := st.start(ctx); err != nil {
		return err
	}
	return st.aborts(ctx, 3)
}

// aborts releases everything and demands that so many jobs are aborted.
func (st *stage) aborts(ctx context.Context, n int) error {
	var count int
	for range 100 {
		_ = st.release(ctx, st.n, "t-raw", "anna")
		_ = st.release(ctx, st.n, "t-lpr", "ben")
		var jobs []listed
		if err := st.command(ctx, &jobs, "job", "list", "--all", "--json"); err != nil {
			return err
		}
		count = 0
		for _, j := range jobs {
			if j.State == "aborted" {
				count++
			}
		}
		if quiet(jobs) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if count != n {
		return &broken{"I1", fmt.Sprintf("%d jobs are aborted, %d were damaged", count, n)}
	}
	st.say("%d damaged, %d aborted, none of them on paper", n, count)
	return nil
}

// flip changes one bit somewhere behind the header.
func (st *stage) flip(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[256+st.rng.IntN(len(b)-256)] ^= 1 << st.rng.IntN(8)
	return os.WriteFile(path, b, 0o600)
}

func half(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, info.Size()/2)
}

// frameDamaged: in a segment of the log of small documents each of three frames
// has a bit changed. docs/spool.md says how a frame is found.
func frameDamaged(ctx context.Context, st *stage) error {
	if err := st.start(ctx); err != nil {
		return err
	}
	small := plan{held: true, small: true}
	if err := st.all(small, 24, "before"); err != nil {
		return err
	}
	time.Sleep(200 * time.Millisecond) // their rows follow
	st.n.kill()
	segments, err := filepath.Glob(filepath.Join(st.dir, "spool", "log", "*.seg"))
	if err != nil {
		return err
	}
	hurt := 0
	for _, path := range segments {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for at := 0; at+512 <= len(b) && hurt < 3; at += 512 {
			erased := func() bool { return bytes.Count(b[at+64+128:at+64+256], []byte{0}) == 128 }
			if !bytes.HasPrefix(b[at:], []byte("PLATENFR")) || erased() {
				continue
			}
			image := int(binary.BigEndian.Uint32(b[at+16:]))
			b[at+64+256+st.rng.IntN(smallest)] ^= 1 << st.rng.IntN(8) // in the document
			at += (64 + image) / 512 * 512
			hurt++
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			return err
		}
	}
	if hurt != 3 {
		return fmt.Errorf("%d frames found in %v", hurt, segments)
	}
	for _, s := range st.jobs {
		s.fate = "aborted" // which ones they are is encrypted; how many is counted
	}
	if err := st.start(ctx); err != nil {
		return err
	}
	return st.aborts(ctx, 3)
}

// rowsLost: the node is killed, its database's log is hurt, and what was
// acknowledged has to come back from the documents.
func rowsLost(hurt func(dir string) error) func(ctx context.Context, st *stage) error {
	return func(ctx context.Context, st *stage) error {
		if err := st.start(ctx); err != nil {
			return err
		}
		if err := errors.Join(st.all(large, 16, "before"), st.all(held, 16, "before")); err != nil {
			return err
		}
		st.n.kill()
		if err := hurt(st.dir); err != nil {
			return err
		}
		if err := st.start(ctx); err != nil {
			return err
		}
		if err := st.allHeld(ctx, 32); err != nil {
			return err
		}
		return st.all(held, 8, "after it")
	}
}

func cutWAL(dir string) error { return half(filepath.Join(dir, "platen.db-wal")) }

func removeWAL(dir string) error {
	err := os.Remove(filepath.Join(dir, "platen.db-shm"))
	if errors.Is(err, os.ErrNotExist) { // the node keeps no such file
		err = nil
	}
	return errors.Join(err, os.Remove(filepath.Join(dir, "platen.db-wal")))
}

// backup writes a backup beside the node.
func (st *stage) backup(ctx context.Context) (file, pass string, err error) {
	file, pass = st.dir+".backup", st.dir+".pass"
	if err := os.WriteFile(pass, []byte("correct horse battery staple\n"), 0o600); err != nil {
		return "", "", err
	}
	return file, pass, st.command(ctx, nil, "backup", file, "--password-file", pass)
}

// restore makes a node from a backup and gives it the documents of the old one, as
// the help of the command has it.
func (st *stage) restore(ctx context.Context, file, pass string) error {
	for _, s := range st.jobs {
		s.lost = true
	}
	old := st.dir
	st.dir += "-restored"
	if err := st.command(ctx, nil, "restore", file, "--password-file", pass); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(st.dir, "spool")); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(old, "spool"), filepath.Join(st.dir, "spool")); err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(old, "demo.json"))
	if err != nil {
		return err
	}
	b = bytes.ReplaceAll(b, []byte(old+"/"), []byte(st.dir+"/"))
	if err := os.WriteFile(filepath.Join(st.dir, "demo.json"), b, 0o600); err != nil {
		return err
	}
	return st.start(ctx)
}

// databaseDamaged: pages of the database have changed on the disk. The node says so
// and does not start; a backup and the documents make a whole node again.
func databaseDamaged(ctx context.Context, st *stage) error {
	if err := st.start(ctx); err != nil {
		return err
	}
	file, pass, err := st.backup(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(st.all(large, 16, "before"), st.all(held, 16, "before")); err != nil {
		return err
	}
	if err := st.n.stop(); err != nil {
		return err
	}
	db := filepath.Join(st.dir, "platen.db")
	b, err := os.ReadFile(db)
	if err != nil {
		return err
	}
	for range 200 {
		b[4096+st.rng.IntN(len(b)-4096)] ^= 0xFF
	}
	if err := os.WriteFile(db, b, 0o600); err != nil {
		return err
	}
	if err := st.startDoomed(ctx); err != nil {
		return err
	}
	if !st.n.dead() {
		return &broken{"I5", "the node starts on a damaged database"}
	}
	said := tail(filepath.Join(st.dir, "chaos.log"))
	if !strings.Contains(said, "restore the last backup") {
		return &broken{"I5", "the node does not say what to do: " + said}
	}
	if err := st.restore(ctx, file, pass); err != nil {
		return err
	}
	if err := st.allHeld(ctx, 32); err != nil {
		return err
	}
	return st.all(held, 8, "after the restore")
}

// databaseGone: somebody has deleted the database. The node makes a new one and
// keeps every document that was acknowledged; people come back from the backup.
func databaseGone(ctx context.Context, st *stage) error {
	if err := st.start(ctx); err != nil {
		return err
	}
	file, pass, err := st.backup(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(st.all(large, 16, "before"), st.all(held, 16, "before")); err != nil {
		return err
	}
	st.n.kill()
	rest, err := filepath.Glob(filepath.Join(st.dir, "platen.db*"))
	if err != nil {
		return err
	}
	for _, f := range rest {
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	if err := st.start(ctx); err != nil {
		return err
	}
	if err := st.allHeld(ctx, 32); err != nil {
		return err
	}
	st.say("32 jobs made again without a database")
	st.n.kill()
	if err := st.restore(ctx, file, pass); err != nil {
		return err
	}
	if err := st.allHeld(ctx, 32); err != nil {
		return err
	}
	st.say("and with one from a backup")
	return nil
}
