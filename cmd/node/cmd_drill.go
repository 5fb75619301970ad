package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/internal/fsys"
	"platen/job"
	"platen/release"
	"platen/site"
)

// A drill shows on the running node that printing goes on without anything beyond
// it: directories are cut off for a while, and somebody who exists for the drill only
// prints, signs in with a card, and releases to a device that is a folder.

// drillStep is one thing that was tried.
type drillStep struct {
	What string        `json:"what"`
	Took time.Duration `json:"-"`
	MS   int64         `json:"ms"`
	Err  string        `json:"error,omitempty"`
}

// drillReport is what a drill has shown.
type drillReport struct {
	Began     time.Time           `json:"began"`
	CutOff    time.Duration       `json:"-"`
	Seconds   float64             `json:"cut_off_seconds"`
	Good      bool                `json:"good"`
	Steps     []drillStep         `json:"steps"`
	Readiness directory.Readiness `json:"readiness"`
	Uplink    string              `json:"uplink"`
}

// drillFolder is where the page of a drill comes out, in the data folder.
const drillFolder = "drill"

// leastDrill is how long directories stay cut off at least: as long as the steps take.
const leastDrill = time.Second

func drillCommand() *command {
	var length *opt[time.Duration]
	return &command{
		name: "drill", summary: "cut the node off from its directories for a while, print and release a page, and say how it went",
		more: "Nobody else notices anything but that passwords are checked with what is kept here. The page goes to a folder in\n" +
			"the data folder and is removed; its send has a row in the ledger, of the queue drill. The node must be running.",
		examples: []string{"drill", "drill --for 5m --json"},
		flags: func(fs *flag.FlagSet) {
			length = optTime(fs, "for", "directories stay cut off for this `TIME`; 30s unless given", time.Hour)
		},
		admin: func(ctx context.Context, a *admin, c *call) error {
			return a.drill(ctx, c, max(leastDrill, orElseTime(length, 30*time.Second)))
		},
	}
}

func (a *admin) drill(ctx context.Context, c *call, length time.Duration) error {
	if a.running == nil {
		return &fault.Error{Op: "drill", Kind: fault.Unavailable, Text: "The node is not running. A drill needs one that runs."}
	}
	d := &drill{a: a, n: a.running, r: drillReport{Began: a.now().UTC(), CutOff: length, Seconds: length.Seconds(), Uplink: "none is set up"}}
	if !a.running.cut.begin(length) {
		return &fault.Error{Op: "drill", Kind: fault.Conflict, Text: "Another drill is under way."}
	}
	defer a.running.cut.end()
	fmt.Fprintf(c.err, "Directories are cut off for %s.\n", length)
	err := d.run(ctx)
	d.r.Good = err == nil
	var rerr error
	if d.r.Readiness, rerr = a.running.readiness(ctx); rerr != nil {
		return errors.Join(err, rerr)
	}
	if left := time.Until(d.r.Began.Add(length)); left > 0 {
		fmt.Fprintf(c.err, "The rest of the time, %s, is waited for.\n", left.Round(time.Second))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(left):
		}
	}
	if aerr := a.audit(ctx, "drill", "", fmt.Sprintf("%s, good: %v", length, d.r.Good)); aerr != nil {
		return errors.Join(err, aerr)
	}
	return d.report(c)
}

// drill is one drill.
type drill struct {
	a *admin
	n *node
	r drillReport

	dir      string
	user     directory.User
	device   site.Device
	queue    site.Queue
	terminal site.Terminal
	card     string
	job      job.Job
	session  release.Session
	made     []func(context.Context) error // undoes what was made, the last first
}

func (d *drill) run(ctx context.Context) (err error) {
	defer func() {
		undo := context.WithoutCancel(ctx)
		for i := len(d.made) - 1; i >= 0; i-- {
			err = errors.Join(err, d.made[i](undo))
		}
	}()
	for _, s := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"a person, a card, a device, a queue and a terminal for the drill are made", d.furnish},
		{"the directories are cut off", d.isCutOff},
		{"the person prints", d.print},
		{"the person signs in with the card", d.signIn},
		{"the document is in the person's list and is released", d.release},
		{"it comes out", d.comesOut},
	} {
		began := time.Now()
		err := s.do(ctx)
		step := drillStep{What: s.what, Took: time.Since(began), MS: time.Since(began).Milliseconds()}
		if err != nil {
			step.Err = explain(err)
		}
		d.r.Steps = append(d.r.Steps, step)
		if err != nil {
			return err
		}
	}
	return nil
}

// furnish makes what the drill needs, each thing with the way to undo it.
func (d *drill) furnish(ctx context.Context) error {
	s, tag := d.n.scope, "drill-"+newToken()[:8]
	d.dir = filepath.Join(d.n.place.cfg.Data, drillFolder)
	if err := fsys.MkdirPrivate(d.dir); err != nil {
		return err
	}
	d.made = append(d.made, func(context.Context) error { return os.RemoveAll(d.dir) })
	d.user = directory.User{ID: job.NewUUID(), Login: directory.Fold(tag), FullName: "Drill", Enabled: true, Source: "local",
		Rights: []directory.Right{directory.Release, directory.Colour}, Created: d.a.now().UTC()}
	if err := s.PutUser(ctx, d.user); err != nil {
		return err
	}
	d.made = append(d.made, func(ctx context.Context) error { return s.RemoveUser(ctx, d.user.ID, "the node") })
	code, err := directory.NewCode()
	if err != nil {
		return err
	}
	d.card = "DR" + code + code
	k, err := d.a.newCard(d.user.ID, d.card, "drill")
	if err != nil {
		return err
	}
	if err := s.PutCard(ctx, k); err != nil {
		return err
	}
	d.device = site.Device{ID: job.NewUUID(), Name: tag, URI: "folder://" + filepath.ToSlash(d.dir), Enabled: true}
	if err := s.PutDevice(ctx, d.device); err != nil {
		return err
	}
	d.n.dispatcher.Reload()
	d.made = append(d.made, func(ctx context.Context) error {
		err := s.RemoveDevice(ctx, d.device.ID)
		d.n.dispatcher.Reload()
		return err
	})
	d.queue = site.Queue{ID: job.NewUUID(), Name: "drill", Mode: site.Hold, Priority: site.DefaultPriority, Encoding: site.DefaultEncoding,
		HoldFor: time.Hour, AcceptJobs: true, Confidential: true, IPP: site.IPP{Hidden: true}}
	if err := s.PutQueue(ctx, d.queue); err != nil {
		return err
	}
	d.made = append(d.made, func(ctx context.Context) error { return s.RemoveQueue(ctx, d.queue.ID) })
	d.terminal = site.Terminal{ID: job.NewUUID(), Name: tag, Device: d.device.ID, RecallAfter: site.DefaultRecallAfter}
	if err := s.PutTerminal(ctx, d.terminal); err != nil {
		return err
	}
	d.made = append(d.made, func(ctx context.Context) error { return s.RemoveTerminal(ctx, d.terminal.ID) })
	return nil
}

// isCutOff makes sure that nobody is asked: a password that no directory has heard of
// gets no answer from one.
func (d *drill) isCutOff(context.Context) error {
	if !d.n.cut.now() {
		return errors.New("they are not")
	}
	return nil
}

func (d *drill) print(ctx context.Context) error {
	in, err := d.n.intake.Open(ctx, job.Origin{Door: "drill", Queue: d.queue.Name, Client: loopback()})
	if err != nil {
		return err
	}
	defer in.Abandon()
	number, err := in.Document(ctx, "drill.pdf", bytes.NewReader(demoLetter()))
	if err != nil {
		return err
	}
	d.job, err = in.Submit(ctx, job.Ticket{Title: "Drill", Claimed: d.user.Login}, []job.Piece{{Number: number, Name: "drill.pdf", Copies: 1}})
	if err != nil {
		return err
	}
	d.made = append(d.made, func(ctx context.Context) error {
		j, err := d.n.scope.Job(ctx, d.job.ID)
		if err != nil || j.State.Done() {
			return err
		}
		return d.n.scope.ChangeJob(ctx, j.ID, job.Guard{State: j.State}, job.Change{State: job.Canceled, Reasons: []job.Reason{job.CanceledByOperator},
			Device: j.Device, Message: "The drill has ended."}, d.a.now())
	})
	if d.job.Owner != d.user.ID {
		return fmt.Errorf("the document belongs to %q: %s", d.job.OwnerName, d.job.OwnerRule)
	}
	return nil
}

func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

func (d *drill) signIn(ctx context.Context) (err error) {
	d.session, _, err = d.n.desk.SignIn(ctx, d.terminal, directory.Credentials{Method: directory.MethodCard, Value: d.card}, loopback())
	return err
}

func (d *drill) release(ctx context.Context) error {
	list, err := d.n.desk.Jobs(ctx, d.session)
	if err != nil {
		return err
	}
	if len(list) != 1 || list[0].ID != d.job.ID || !list[0].Releasable {
		return fmt.Errorf("the list of the person is %d long", len(list))
	}
	_, err = d.n.desk.Release(ctx, d.session, []int64{d.job.ID}, job.Options{}, nil, "")
	return err
}

// comesOutWithin is how long a page may take from its release.
const comesOutWithin = 30 * time.Second

func (d *drill) comesOut(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, comesOutWithin)
	defer cancel()
	for {
		j, err := d.n.scope.Job(ctx, d.job.ID)
		if err != nil {
			return err
		}
		if j.State == job.Completed {
			break
		}
		if j.State.Done() || j.State == job.Stopped {
			return fmt.Errorf("the document is %s: %s", j.State, j.Message)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the document is still %s: %s", j.State, j.Message)
		case <-time.After(20 * time.Millisecond):
		}
	}
	files, err := os.ReadDir(d.dir)
	if err != nil || len(files) != 1 {
		return errors.Join(err, fmt.Errorf("%s came out", counted(len(files), "file", "files")))
	}
	got, err := os.ReadFile(filepath.Join(d.dir, files[0].Name()))
	if err == nil && !bytes.Equal(got, demoLetter()) {
		err = errors.New("what came out is not what was printed")
	}
	return err
}

func (d *drill) report(c *call) error {
	if c.json {
		if err := writeJSON(c.out, d.r); err != nil {
			return err
		}
	} else {
		for _, s := range d.r.Steps {
			mark := "good"
			if s.Err != "" {
				mark = "FAILED: " + plain(s.Err)
			}
			fmt.Fprintf(c.out, "%7d ms  %s: %s\n", s.MS, s.What, mark)
		}
		fmt.Fprintln(c.out, upper(readinessText(&d.r.Readiness))+".")
		if ages := agesText(&d.r.Readiness); ages != "" {
			fmt.Fprintln(c.out, "Directories: "+plain(ages)+".")
		}
		fmt.Fprintln(c.out, "Uplink: "+d.r.Uplink+".")
	}
	if !d.r.Good {
		return &fault.Error{Op: "drill", Kind: fault.Internal, Text: "The drill failed.", Err: errors.New("a step of the drill failed")}
	}
	return nil
}
