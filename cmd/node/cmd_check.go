package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"platen/device"
	"platen/fault"
	"platen/site"
	"platen/spool"
	"platen/store"
)

// finding is one thing that was looked at.
type finding struct {
	What  string `json:"what"`
	State string `json:"state"` // "ok", "warn", "fail"
	Text  string `json:"text,omitempty"`
}

// findings collects them.
type findings struct{ list []finding }

func (f *findings) ok(what, text string, args ...any)   { f.add(what, "ok", text, args...) }
func (f *findings) warn(what, text string, args ...any) { f.add(what, "warn", text, args...) }
func (f *findings) fail(what, text string, args ...any) { f.add(what, "fail", text, args...) }

func (f *findings) add(what, state, text string, args ...any) {
	f.list = append(f.list, finding{what, state, fmt.Sprintf(text, args...)})
}

// result notes an error as a failure, and its absence as well.
func (f *findings) result(what string, err error, ok string, args ...any) {
	if err != nil {
		f.fail(what, "%s", explain(err))
	} else {
		f.ok(what, ok, args...)
	}
}

// write tells all of it; one failure makes the command fail.
func (f *findings) write(c *call) error {
	err := writeList(c, f.list, []column[finding]{
		{"state", func(x finding) string { return x.State }},
		{"what", func(x finding) string { return x.What }},
		{"says", func(x finding) string { return x.Text }},
	})
	for _, x := range f.list {
		if err == nil && x.State == "fail" {
			return errSaid
		}
	}
	return err
}

func checkCommand() *command {
	return &command{
		name: "check", summary: "do everything short of serving: configuration, keys, database, ports, folders",
		more:     "It changes nothing. While the node runs its own ports count as free. The exit status is 1 when something would\nkeep the node from starting.",
		examples: []string{"check --config /etc/platen/node.toml", "check --json"},
		local: func(ctx context.Context, e *env, c *call) error {
			var f findings
			p, err := c.where.find()
			if err != nil {
				return err
			}
			c.out = e.out
			checkNode(ctx, p, &f, checkCertificates)
			return f.write(c)
		},
	}
}

// checkCerts says how the certificates of a store are.
type checkCerts func(ctx context.Context, p place, scope store.Scope, f *findings)

// checkNode looks at what a start needs.
func checkNode(ctx context.Context, p place, f *findings, certs checkCerts) {
	file := p.file
	if file == "" {
		file = "the defaults; there is no file"
	}
	f.ok("configuration", "%s", file)
	running := isRunning(ctx, p)
	checkFolder(p, f)
	if running {
		f.ok("node", "It is running, so its database and ports are in use.")
	} else {
		checkPort(ctx, f, "LPD port", p.cfg.Listen.LPD)
		checkPort(ctx, f, "IPP port", p.cfg.Listen.IPP)
		checkPort(ctx, f, "HTTPS port", p.cfg.Listen.Web)
		checkPort(ctx, f, "ACME port", p.cfg.Listen.ACME)
	}
	checkOld(ctx, p, running, f)
	keys := checkKeys(p, f)
	if keys != nil {
		checkStore(ctx, p, keys, f, certs)
	}
	if p.cfg.Log.File != "" {
		_, err := os.Stat(filepath.Dir(p.cfg.Log.File))
		f.result("log", err, "%s", p.cfg.Log.File)
	}
}

// noLog is for looking: what is wrong is told by what looks.
func noLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openDevice(p place, d site.Device) (device.Device, error) {
	return device.New(d, deviceSettings(p.cfg, noLog()))
}

func isRunning(ctx context.Context, p place) bool {
	conn, err := dialControl(ctx, p.socket())
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// checkFolder looks at the data folder, without making it.
func checkFolder(p place, f *findings) {
	info, err := os.Stat(p.cfg.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.ok("data folder", "%s is made at the first start.", p.cfg.Data)
		return
	case err != nil:
		f.fail("data folder", "%s", err)
		return
	case !info.IsDir():
		f.fail("data folder", "%s is not a folder.", p.cfg.Data)
		return
	case info.Mode().Perm()&0o077 != 0 && !onWindows:
		f.warn("data folder", "%s can be read by others; the next start makes it private.", p.cfg.Data)
	default:
		f.ok("data folder", "%s", p.cfg.Data)
	}
	if kind := networkFS(p.cfg.Data); kind != "" {
		f.fail("data folder", "%s is on %s. A database on a network file system loses acknowledged jobs; use a local disk.", p.cfg.Data, kind)
	}
	free, inodes, err := p.free()
	if err != nil {
		f.fail("disk", "%s", err)
		return
	}
	if reserve := site.DefaultSettings().Reserve; free <= uint64(reserve) || inodes < 1000 {
		f.warn("disk", "Only %s and %s are free.", octets(int64(min(free, 1<<62))), counted(int64(min(inodes, 1<<62)), "file", "files"))
		return
	}
	f.ok("disk", "%s free", octets(int64(min(free, 1<<62))))
}

// checkPort opens a port and closes it again.
func checkPort(ctx context.Context, f *findings, what, addr string) {
	if addr == "" {
		f.ok(what, "It does not listen.")
		return
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err == nil {
		err = ln.Close()
	}
	f.result(what, err, "%s", addr)
}

func checkKeys(p place, f *findings) *spool.Keys {
	keys, err := spool.LoadKeys(p.keys())
	if fault.Is(err, fault.NotFound) {
		if _, err := os.Stat(p.database()); err == nil {
			f.fail("keys", "The keys of this node are missing: %s. Restore them from a backup.", p.keys())
		} else {
			f.ok("keys", "They are made at the first start.")
		}
		return nil
	}
	if err != nil {
		f.fail("keys", "%s", explain(err))
		return nil
	}
	f.ok("keys", "%s", keys.ID())
	return keys
}

// checkStore reads the database beside whoever has it open.
func checkStore(ctx context.Context, p place, keys *spool.Keys, f *findings, certs checkCerts) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	st, err := store.Open(ctx, store.Options{Path: p.database(), Titles: keys, Key: keys.ID(), Now: time.Now, Log: noLog(), ReadOnly: true})
	if err != nil {
		f.fail("database", "%s", explain(err))
		return
	}
	defer func() { _ = st.Close() }()
	if err := st.Check(ctx); err != nil {
		f.fail("database", "%s", explain(err))
		return
	}
	f.ok("database", "%s is whole.", p.database())
	scope, err := st.Default(ctx)
	if err != nil {
		f.fail("database", "%s", explain(err))
		return
	}
	certs(ctx, p, scope, f)
	checkDevices(ctx, p, scope, f)
	checkHotFolders(ctx, p, scope, f)
}

// checkDevices asks whether each device can be spoken to at all.
func checkDevices(ctx context.Context, p place, scope store.Scope, f *findings) {
	devices, err := scope.Devices(ctx)
	if err != nil {
		f.fail("devices", "%s", explain(err))
		return
	}
	a := &admin{place: p, log: noLog()}
	for _, d := range devices {
		if err := a.checkDevice(d); err != nil {
			f.fail("device "+d.Name, "%s", explain(err))
		}
	}
	f.ok("devices", "%d", len(devices))
}

// checkHotFolders looks at the folders, their queues and their owners.
func checkHotFolders(ctx context.Context, p place, scope store.Scope, f *findings) {
	for _, h := range p.cfg.HotFolders {
		what := "hot folder " + h.Path
		info, err := os.Stat(h.Path)
		switch {
		case err != nil:
			f.fail(what, "%s", err)
			continue
		case !info.IsDir():
			f.fail(what, "It is not a folder.")
			continue
		}
		if _, err := scope.QueueByName(ctx, h.Queue); err != nil {
			f.fail(what, "%s", explain(named(err, "queue", h.Queue)))
			continue
		}
		if h.Owner == "" {
			f.ok(what, "queue %s, owners by rule", h.Queue)
			continue
		}
		_, err = (&admin{scope: scope}).user(ctx, h.Owner)
		f.result(what, err, "queue %s, owner %s", h.Queue, h.Owner)
	}
}

// doctorCommand looks at everything that check does and at what only shows
// while a node works.
func doctorCommand() *command {
	return &command{
		name: "doctor", summary: "look at a node from all sides and say what is wrong",
		more:     "It changes nothing and prints nothing. It may take a while on a large spool or with devices that do not answer.",
		examples: []string{"doctor", "doctor --dir /var/lib/platen --json"},
		local: func(ctx context.Context, e *env, c *call) error {
			var f findings
			p, err := c.where.find()
			if err != nil {
				return err
			}
			c.out = e.out
			checkNode(ctx, p, &f, doctorCertificates)
			examine(ctx, p, &f)
			return f.write(c)
		},
	}
}

// examine looks at what check does not.
func examine(ctx context.Context, p place, f *findings) {
	checkProgram(f)
	if now := time.Now(); now.Year() < 2026 {
		f.warn("clock", "It says %s.", stamp(now))
	}
	if _, err := os.Stat(p.database()); err != nil {
		return
	}
	keys, err := spool.LoadKeys(p.keys())
	if err != nil {
		return // check has said so
	}
	st, err := store.Open(ctx, store.Options{Path: p.database(), Titles: keys, Key: keys.ID(), Now: time.Now, Log: noLog(), ReadOnly: true})
	if err != nil {
		return
	}
	defer func() { _ = st.Close() }()
	scope, err := st.Default(ctx)
	if err != nil {
		return
	}
	lines, _, err := scope.VerifyAudit(ctx)
	f.result("audit trail", err, "%s", chained(lines))
	checkPeople(ctx, scope, f)
	checkSpool(ctx, p, keys, scope, f)
	checkReach(ctx, p, scope, f)
	if isRunning(ctx, p) {
		return
	}
	k := newKeeper(p, st, &spool.Spool{Dir: p.spool(), Keys: keys, Log: noLog(), Now: time.Now}, noLog())
	if text := k.ClockTrouble(); text != "" {
		f.warn("clock", "%s", text)
	}
}

// checkPeople says who could sign in with everything beyond the node gone, and how
// old what is known of people is.
func checkPeople(ctx context.Context, scope store.Scope, f *findings) {
	r, err := scope.Readiness(ctx, time.Now())
	if err != nil {
		f.result("people", err, "")
		return
	}
	text := upper(readinessText(&r)) + "."
	if r.Ready < r.People {
		f.warn("people", "%s platen readiness says who cannot, and why.", text)
	} else {
		f.ok("people", "%s", text)
	}
	checkSources(&r, f)
}

// checkProgram asks who may replace the program itself (a low-rights user who
// may is the node's master).
func checkProgram(f *findings) {
	program, err := os.Executable()
	if err != nil {
		f.warn("program", "%s", err)
		return
	}
	for _, path := range []string{program, filepath.Dir(program)} {
		info, err := os.Stat(path)
		if err == nil && !onWindows && info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0 {
			f.fail("program", "Everybody may replace %s.", path)
			return
		}
	}
	f.ok("program", "%s, version %s", program, version)
}

// checkSpool compares files with rows, without settling them.
func checkSpool(ctx context.Context, p place, keys *spool.Keys, scope store.Scope, f *findings) {
	sp := &spool.Spool{Dir: p.spool(), Keys: keys, Log: noLog(), Now: time.Now}
	files, err := sp.Files()
	if err != nil {
		f.fail("spool", "%s", explain(err))
		return
	}
	rows, err := scope.SpoolFiles(ctx)
	if err != nil {
		f.fail("spool", "%s", explain(err))
		return
	}
	there := make(map[string]bool, len(files))
	for _, name := range files {
		there[name] = true
	}
	missing := 0
	for _, r := range rows {
		if !there[r.File] {
			missing++
		}
	}
	if missing > 0 {
		f.fail("spool", "%s", counted(missing, "document that the database speaks of is missing; its job is aborted at the next start.",
			"documents that the database speaks of are missing; their jobs are aborted at the next start."))
		return
	}
	f.ok("spool", "%s, %s", counted(len(files), "file", "files"), counted(len(rows), "document", "documents"))
}

// checkReach connects to each device and prints nothing.
func checkReach(ctx context.Context, p place, scope store.Scope, f *findings) {
	devices, err := scope.Devices(ctx)
	if err != nil {
		return
	}
	for _, d := range devices {
		if !d.Enabled {
			f.warn("device "+d.Name, "It is not enabled; its jobs wait.")
			continue
		}
		reach(ctx, p, d, f)
	}
}

func reach(ctx context.Context, p place, d site.Device, f *findings) {
	dev, err := openDevice(p, d)
	if err != nil {
		return // check has said so
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	cond, err := dev.Condition(ctx)
	switch {
	case err != nil:
		f.warn("device "+d.Name, "%s", explain(err))
	case cond.State == "stopped":
		f.warn("device "+d.Name, "%s", strings.TrimSpace(cond.State+" "+cond.Text))
	default:
		f.ok("device "+d.Name, "%s", strings.TrimSpace(cond.State+" "+cond.Text))
	}
}
