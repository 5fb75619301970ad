package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"

	"platen/config"
	"platen/device"
	"platen/dispatch"
	"platen/dnssd"
	"platen/fault"
	"platen/intake"
	"platen/internal/failpoint"
	"platen/internal/fsys"
	"platen/ippsrv"
	"platen/job"
	"platen/pdl"
	"platen/pki"
	"platen/release"
	"platen/site"
	"platen/spool"
	"platen/store"
)

// node is a running node: every part of it, wired.
type node struct {
	place place
	log   *logger

	keys       *spool.Keys
	store      *store.Store
	scope      store.Scope
	spool      *spool.Spool
	ahead      *spool.Ahead
	keeper     *spool.Keeper
	intake     *intake.Intake
	counter    *intake.Counter
	dispatcher *dispatch.Dispatcher
	converter  *converter
	desk       *release.Service
	chain      *pki.Keeper
	signings   signings // of API tokens
	numbers    *numbers
	health     *health
	folders    *folders
	advertiser *dnssd.Advertiser
	sources    *sources
	readers    *readers
	passwords  *passwords
	post       *post
	cut        cut
	members    *members
	learner    *learner

	lpd, ipp, web *door // nil where the node does not listen
	acme          *acmeDoor
	old           *oldDoors
	control       net.Listener

	printers *ippsrv.State // of the IPP door, whichever server stands behind it

	mu  sync.Mutex // guards cfg, which a reload replaces
	cfg config.Config
}

// settings returns the configuration in force.
func (n *node) settings() config.Config {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cfg
}

// serve is the whole node without the process around it: it builds every part,
// opens every port, calls ready, and serves until ctx ends. Tests call it with
// a temporary folder and port 0. The database closes last, when nothing is left
// that could use it.
func serve(ctx context.Context, p place, log *logger, ready func(*node) error) (err error) {
	if err := fsys.MkdirPrivate(p.cfg.Data); err != nil {
		return fmt.Errorf("the data folder: %w", err)
	}
	if err := noCore(); err != nil {
		log.Warn("node: a crash may write what is in memory to a file", "error", err)
	}
	unlock, err := lockNode(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	n := &node{place: p, cfg: p.cfg, log: log}
	if err := n.openData(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.store.Close()) }()
	n.build()
	if err := n.settle(ctx); err != nil {
		return err
	}
	if err := n.converter.Prepare(); err != nil {
		return err
	}
	if err := n.chain.Open(ctx); err != nil {
		return err
	}
	if err := n.listen(ctx); err != nil {
		return errors.Join(err, n.closePorts())
	}
	if ready != nil {
		if err := ready(n); err != nil {
			return errors.Join(err, n.closePorts())
		}
	}
	return n.run(ctx)
}

// lockNode makes sure that one node works on the folder. A command that holds
// the lock is waited for: it takes moments.
func lockNode(ctx context.Context, p place) (func() error, error) {
	for until := time.Now().Add(startStop); ; {
		unlock, err := fsys.Lock(p.lock())
		if !fault.Is(err, fault.Conflict) {
			return unlock, err
		}
		conn, dialErr := dialControl(ctx, p.socket())
		if dialErr == nil {
			conn.Close()
		}
		if dialErr == nil || time.Now().After(until) {
			return nil, &fault.Error{Op: "node.lock", Kind: fault.Conflict, Text: "A node is running on %s already. Two nodes never share a data folder.", Args: []any{p.cfg.Data}, Err: err}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// openData opens keys and store, and makes both at the first start.
func (n *node) openData(ctx context.Context) (err error) {
	if n.keys, err = loadKeys(n.place); err != nil {
		return err
	}
	if n.store, err = openStore(ctx, n.place, n.keys, n.log.Logger); err != nil {
		return err
	}
	n.scope, err = n.store.Default(ctx)
	if err == nil && n.store.Lost() { // as after a restore: adopt what the rows do not know
		err = fsys.WriteFile(n.place.restored(), []byte("the write-ahead log was lost\n"))
	}
	if err != nil {
		return errors.Join(err, n.store.Close())
	}
	return nil
}

// free is what is left on the volume of the database, or on that of the spool when
// somebody has mounted another one there and it has less.
func (p place) free() (octets, inodes uint64, err error) {
	octets, inodes, err = fsys.FreeSpace(p.cfg.Data)
	if err != nil {
		return 0, 0, err
	}
	o, i, err := fsys.FreeSpace(p.spool())
	if errors.Is(err, os.ErrNotExist) { // before the first start
		return octets, inodes, nil
	}
	return min(octets, o), min(inodes, i), err
}

// loadKeys reads the node's keys, and makes them where there is nothing yet
// that was encrypted with others.
func loadKeys(p place) (*spool.Keys, error) {
	keys, err := spool.LoadKeys(p.keys())
	if !fault.Is(err, fault.NotFound) {
		return keys, err
	}
	if _, statErr := os.Stat(p.database()); statErr == nil {
		return nil, &fault.Error{Op: "node.keys", Kind: fault.NotFound, Text: "The keys of this node are missing: %s. Without them no document can be read; restore them from a backup.", Args: []any{p.keys()}, Err: err}
	}
	return spool.CreateKeys(p.keys())
}

// newDesk is release with everything that does not need a running node.
func newDesk(scope store.Scope, keys *spool.Keys, log *slog.Logger) *release.Service {
	return &release.Service{
		Store: scope, Digests: keys.Tenant(scope.Tenant()), Verify: verifySecret, Now: failpoint.Now, Log: log,
		Limits: release.DefaultLimits(),
		Allows: func(j job.Job, d site.Device) (copies, sides bool) {
			copies, sides = true, true
			for i := range j.Documents {
				c, s := device.Allows(j.Documents[i].Language, d)
				copies, sides = copies && c, sides && s
			}
			return copies, sides
		},
		Prints: prints(), Greys: greys(),
		Number: numberOf(scope, log),
	}
}

// newKeeper is the keeper of the spool, for the node and for commands.
func newKeeper(p place, st *store.Store, sp *spool.Spool, log *slog.Logger) *spool.Keeper {
	return &spool.Keeper{
		Spool: sp, Tenants: st.Tenants, Store: func(tenant string) spool.KeeperStore { return st.Tenant(tenant) },
		Retention: func(ctx context.Context, tenant string) (titleFor, historyFor time.Duration, err error) {
			s, err := st.Tenant(tenant).Settings(ctx)
			return s.TitleFor, s.HistoryFor, err
		},
		Restored: p.restored(), Quarantine: p.cfg.Spool.Quarantine.Duration, Now: failpoint.Now, Log: log,
	}
}

func (a *admin) keeper() *spool.Keeper {
	if a.running != nil {
		return a.running.keeper
	}
	return newKeeper(a.place, a.store, a.spool, a.log)
}

// deviceSettings are the node's side of every delivery.
func deviceSettings(cfg config.Config, log *slog.Logger) device.Settings {
	return device.Settings{
		Host: hostName(), AllowLoopback: cfg.Devices.AllowLoopback, Allow: cfg.Devices.Allow, Folders: cfg.Devices.Folders,
		Now: failpoint.Now, Log: log,
	}
}

// build makes every part and introduces them to each other.
func (n *node) build() {
	log := n.log.Logger
	n.numbers = newNumbers(n)
	n.printers = ippsrv.NewState(time.Now)
	n.spool = &spool.Spool{Dir: n.place.spool(), Keys: n.keys, Log: log, Now: failpoint.Now}
	n.keeper = newKeeper(n.place, n.store, n.spool, log)
	n.counter = newCounter(n)
	n.desk = newDesk(n.scope, n.keys, log)
	n.ahead = &spool.Ahead{Spool: n.spool, Tenant: n.scope.Tenant(), Held: func(ctx context.Context, owner string, limit int) ([]job.Job, error) {
		return n.scope.OwnJobs(ctx, owner, time.Time{}, limit)
	}}
	n.converter = newConverter(n)
	n.dispatcher = &dispatch.Dispatcher{
		Store: n.scope, Documents: n.ahead, Converter: n.converter, Tenant: n.scope.Tenant(), Boot: job.NewUUID(),
		Open: func(d site.Device) (device.Device, error) { return device.New(d, n.deviceSettings()) },
		Now:  failpoint.Now, Log: log, Grace: n.cfg.Grace.Duration,
		FirstOctet: n.numbers.firstOctet, Octets: n.numbers.delivered, SendEnded: n.numbers.sendEnded,
		JobEnded: n.jobEnded,
	}
	n.desk.Wake, n.desk.Cancel, n.desk.Erased, n.desk.Expect = n.dispatcher.Wake, n.dispatcher.Cancel, n.keeper.Wake, n.ahead.Expect
	n.intake = &intake.Intake{
		Tenant: n.scope.Tenant(), Store: n.scope, Spool: n.spool, Now: failpoint.Now, Log: log,
		Free:     n.place.free,
		Released: n.dispatcher.Wake, Counted: n.counter.Wake, Accepted: n.numbers.accepted,
		Canceled: n.dispatcher.Cancel, Erased: n.keeper.Wake,
	}
	n.old = newOldDoors(n)
	n.chain = newCerts(n.place, n.scope, failpoint.Now, log, n.settings)
	n.acme = &acmeDoor{}
	n.chain.Obtain, n.chain.RenewalTime = n.obtain, n.renewalTime
	n.signings = keeperSignings{n.chain}
	n.health = &health{probe: n.probe, log: log}
	n.folders = newFolders(n)
	n.sources = newSources(n.scope, n.keys, time.Now, log)
	n.readers = newReaders(n.scope, n.desk, n.chain.ServerConfig, log)
	n.desk.Beside = n.readers.hasReader
	n.passwords = newPasswords(n.scope, time.Now, log)
	n.sources.cut, n.passwords.cut = &n.cut, &n.cut
	n.sources.roots, n.passwords.roots = n.roots, n.roots
	n.sources.answered = n.passwords.answered
	n.desk.Directory = n.passwords
	n.post = newPost(n.scope, n.roots, log)
	n.chain.Tell = n.post.certificatesEnd
	n.desk.Told, n.desk.Agreed = n.post.cardRegistered, n.post.agreed
	n.members = newMembers(n.scope, n.keys, n.desk, time.Now, log)
	n.members.provider.roots, n.members.certificates.people = n.roots, n.chain.People
	n.learner = newLearner(n)
	n.advertiser = n.newAdvertiser()
}

// newCounter counts pages in children of this program.
func newCounter(n *node) *intake.Counter {
	program, err := os.Executable()
	if err != nil {
		n.log.Warn("pages are not counted: this program does not know where it is", "error", err)
	}
	return &intake.Counter{
		Store: n.scope, Spool: n.spool, Tenant: n.scope.Tenant(), Log: n.log.Logger,
		Pages: &pdl.Counter{Command: []string{program, countPagesName}, Timeout: n.cfg.Pages.Timeout.Duration, Log: n.log.Logger},
	}
}

// deviceSettings knows the node's own ports, so that no device is one of them.
func (n *node) deviceSettings() device.Settings {
	s := deviceSettings(n.settings(), n.log.Logger)
	s.Pin, s.Roots = n.pinKey, n.roots(pki.ForDevices)
	if len(s.Folders) > 0 {
		s.Folders = append(slices.Clone(s.Folders), filepath.Join(n.place.cfg.Data, drillFolder))
	}
	for _, d := range n.doors() {
		if d == nil {
			continue
		}
		if a, ok := d.ln.Addr().(*net.TCPAddr); ok {
			s.OwnPorts = append(s.OwnPorts, uint16(a.Port))
		}
	}
	return s
}

// probe writes a row of the store and waits until it is durable. A disk that is full is no reason to start again:
// that mends nothing, and what is held can still be released.
func (n *node) probe(ctx context.Context) error {
	const key = "node:health"
	list, err := n.scope.Throttles(ctx, []string{key})
	if err == nil && len(list) == 1 {
		list[0].Failures = []time.Time{time.Now().UTC()}
		err = n.scope.PutThrottles(ctx, list)
	}
	if fault.Is(err, fault.Full) || fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// settle makes spool and rows agree before anybody uses them. Jobs whose documents
// were still to come get those that are here whole, and are aborted without.
func (n *node) settle(ctx context.Context) error {
	s, err := n.keeper.Settle(ctx)
	if err != nil {
		return err
	}
	n.log.Info("spool settled", "files", s.Files, "rows", s.Rows, "swept", s.Swept,
		"quarantined", s.Quarantined, "restored", s.Restored, "aborted", s.Aborted)
	h := job.Entry{At: time.Now(), Actor: "the node", Text: "The node stopped before its document had come."}
	late, err := n.scope.AbortIncoming(ctx, "Its document did not arrive. Please print it again.", h)
	if err != nil {
		return err
	}
	if late > 0 {
		n.log.Info("jobs whose documents never came were aborted", "jobs", late)
	}
	return nil
}

// listen opens every port, and tells where.
func (n *node) listen(ctx context.Context) (err error) {
	log := n.log.Logger
	if n.lpd, err = n.openDoor(ctx, "lpd", n.cfg.Listen.LPD, log); err != nil {
		return err
	}
	if n.ipp, err = n.openDoor(ctx, "ipp", n.cfg.Listen.IPP, log); err != nil {
		return err
	}
	if n.web, err = n.openDoor(ctx, "web", n.cfg.Listen.Web, log); err != nil {
		return err
	}
	if n.acme.door, err = n.openDoor(ctx, "acme", n.cfg.Listen.ACME, log); err != nil {
		return err
	}
	n.old.open(ctx)
	if n.control, err = listenControl(ctx, n.place.socket()); err != nil {
		return err
	}
	return n.writeAddresses()
}

func (n *node) writeAddresses() error {
	return writeAddresses(n.place.addresses(), addresses{
		LPD: n.lpd.addr(), IPP: n.ipp.addr(), Web: n.web.addr(), ACME: n.acme.door.addr(), Old: n.old.addresses(),
	})
}

func (n *node) openDoor(ctx context.Context, name, addr string, log *slog.Logger) (*door, error) {
	if addr == "" {
		return nil, nil
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (is another print service running, or may this user not open the port?)", name, err)
	}
	return newDoor(name, ln, n.cfg.Grace.Duration, log), nil
}

// doors are the ports of the node; nil for those that are not open.
func (n *node) doors() []*door {
	list := []*door{n.lpd, n.ipp, n.web, n.acme.door}
	for _, d := range n.old.all() {
		list = append(list, d.door)
	}
	return list
}

// closePorts undoes listen, when the node did not come up.
func (n *node) closePorts() error {
	var errs []error
	for _, d := range n.doors() {
		if d != nil {
			errs = append(errs, d.ln.Close())
		}
	}
	if n.control != nil {
		errs = append(errs, n.control.Close())
	}
	return errors.Join(append(errs, fsys.RemoveFile(n.place.addresses()))...)
}

// run serves with every part until ctx ends or one of them fails; the first
// that fails stops the others.
func (n *node) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	recaller := &release.Recaller{Service: n.desk}
	parts := []func(context.Context) error{
		n.dispatcher.Serve, n.ahead.Serve, n.keeper.Serve, n.counter.Serve, recaller.Serve, n.chain.Serve,
		n.health.serve, n.folders.serve, n.sources.serve, n.readers.serve, n.post.serve, n.keepPeople, n.keepSessions, n.hintFirst, n.describeDevices, n.watchStore, n.serveControl, n.watchConfig, n.old.serve,
	}
	if n.lpd != nil {
		parts = append(parts, func(ctx context.Context) error { return n.lpd.serve(ctx, n.lpdServer(n.settings())) })
	}
	if n.ipp != nil {
		parts = append(parts, func(ctx context.Context) error {
			return n.ipp.serve(ctx, n.ippServer(n.settings(), n.chain.ServerConfig()))
		}, n.advertise)
	}
	if n.web != nil {
		parts = append(parts, func(ctx context.Context) error {
			return n.web.serve(ctx, n.webServer(n.settings(), n.chain.ServerConfig()))
		})
	}
	if n.acme.door != nil {
		parts = append(parts, func(ctx context.Context) error { return n.acme.door.serve(ctx, n.acmeServer()) })
	}
	for _, part := range parts {
		g.Go(func() error { return part(ctx) })
	}
	stopped := context.AfterFunc(ctx, func() {
		n.log.Info("stopping", "grace", n.settings().Grace.String())
		_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	})
	defer stopped()
	n.log.Info("serving", "version", version, "lpd", n.lpd.addr(), "ipp", n.ipp.addr(), "web", n.web.addr(), "data", n.place.cfg.Data)
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
	err := g.Wait()
	n.passwords.close()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, fsys.RemoveFile(n.place.addresses()))
}

// jobEnded tells those who wait for the end of a job.
func (n *node) jobEnded(id int64, _ job.State) {
	n.keeper.Wake()
	if !n.printers.Listening() {
		return
	}
	if j, err := n.scope.Job(context.Background(), id); err == nil {
		n.printers.JobChanged(j)
	}
}

// watchStore ends the node when its disk has failed in a way that only a new
// start with its checks can mend.
func (n *node) watchStore(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-n.store.Broken():
		return &fault.Error{Op: "node", Kind: fault.Internal, Text: "The disk under the database has failed. The node ends, to start again with its checks."}
	}
}

// serveControl answers commands.
func (n *node) serveControl(ctx context.Context) error {
	c := &control{log: n.log.Logger, admin: n.admin}
	return c.serve(ctx, n.control)
}

// admin is the running node as one administrator may use it.
func (n *node) admin(actor string) *admin {
	return &admin{
		place: n.place, store: n.store, scope: n.scope, keys: n.keys, spool: n.spool, desk: n.desk,
		now: time.Now, log: n.log.Logger, actor: actor, running: n, signings: n.signings,
	}
}
