package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/reader"
	"platen/release"
	"platen/site"
	"platen/store"
)

// readers hears every card reader that is enabled, and brings what it reads to its
// terminal.
type readers struct {
	scope  store.Scope
	desk   *release.Service
	own    func() *tls.Config // the node's certificate, for readers that call
	log    *slog.Logger
	wakeup chan struct{}

	mu      sync.Mutex
	heard   map[string]*ear // by what they share, or by the id of the one reader
	beside  map[string]bool // terminals that have one
	trouble map[string]error
}

// ear hears one reader, or several that call the same address.
type ear struct {
	rows   []site.Reader
	text   string // what it was made of
	state  func() (ok bool, text string, since time.Time)
	cancel context.CancelFunc
	ended  chan struct{}

	mu   sync.Mutex
	addr net.Addr
}

func newReaders(scope store.Scope, desk *release.Service, own func() *tls.Config, log *slog.Logger) *readers {
	return &readers{scope: scope, desk: desk, own: own, log: log, wakeup: make(chan struct{}, 1), heard: map[string]*ear{}, beside: map[string]bool{}}
}

// wake makes serve look at the readers again.
func (x *readers) wake() {
	select {
	case x.wakeup <- struct{}{}:
	default:
	}
}

// serve hears the readers until ctx ends. One that was changed is begun anew.
func (x *readers) serve(ctx context.Context) error {
	defer x.arrange(ctx, nil)
	for {
		list, err := x.scope.Readers(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			x.log.Warn("readers: nobody knows which there are", "error", err)
		default:
			x.arrange(ctx, list)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-x.wakeup:
		case <-time.After(look):
		}
	}
}

// arrange hears these readers and no others.
func (x *readers) arrange(ctx context.Context, list []site.Reader) {
	want, beside, trouble := map[string][]site.Reader{}, map[string]bool{}, map[string]error{}
	for _, r := range list {
		if !r.Enabled {
			continue
		}
		key, err := earOf(&r)
		if err != nil {
			trouble[r.ID] = err
			continue
		}
		want[key] = append(want[key], r)
		beside[r.Terminal] = true
	}
	x.mu.Lock()
	x.beside, x.trouble = beside, trouble
	var over []*ear
	for key, e := range x.heard {
		if e.text != madeOf(want[key]) {
			over = append(over, e)
			delete(x.heard, key)
		}
	}
	x.mu.Unlock()
	for _, e := range over {
		e.cancel()
	}
	for _, e := range over {
		<-e.ended // its address is free
	}
	for key, rows := range want {
		x.begin(ctx, key, rows)
	}
}

// earOf says which readers are heard together.
func earOf(r *site.Reader) (string, error) {
	if r.Kind == readerPCSC {
		return r.ID, nil
	}
	c, err := lineReader(r)
	return cmp.Or(c.shares(), r.ID), err
}

// madeOf is another text when anything about the readers is another, but for their
// rules: those are read each time.
func madeOf(rows []site.Reader) string {
	if len(rows) == 0 {
		return ""
	}
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].Rule = ""
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return ""
	}
	return string(text)
}

func (x *readers) begin(ctx context.Context, key string, rows []site.Reader) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.heard[key] != nil {
		return
	}
	e := &ear{rows: rows, text: madeOf(rows), ended: make(chan struct{})}
	serve, err := x.hear(e)
	if err != nil {
		for _, r := range rows {
			x.trouble[r.ID] = err
		}
		return
	}
	ctx, e.cancel = context.WithCancel(ctx)
	x.heard[key] = e
	go func() {
		defer close(e.ended)
		if err := serve(ctx); err != nil {
			x.log.Error("readers: a reader is not heard", "reader", rows[0].Name, "error", err)
		}
	}()
}

// hear makes what hears the readers of e.
func (x *readers) hear(e *ear) (serve func(context.Context) error, err error) {
	r := e.rows[0]
	if r.Kind == readerPCSC {
		var c pcscConfig
		if err := parseReader(r.Kind, r.Config, &c); err != nil {
			return nil, err
		}
		p := &reader.PCSC{Log: x.log, Match: c.Match, Socket: c.Socket, Busy: x.busy}
		p.Sink = func(ctx context.Context, got reader.Reading) { x.sink(ctx, &r, got, c.Stay) }
		e.state = p.State
		return p.Serve, nil
	}
	c, err := lineReader(&r)
	if err != nil {
		return nil, err
	}
	l := c.lines()
	if l.TLS, err = c.secure(x.own()); err != nil {
		return nil, err
	}
	l.Name, l.Log, l.Busy, l.BySource = r.Name, x.log, x.busy, len(e.rows) > 1
	allow, err := admitted(e.rows)
	if err != nil {
		return nil, err
	}
	l.Allow = slices.Concat(allow...)
	l.Sink = func(ctx context.Context, got reader.Reading) {
		if i := whose(allow, got.Source); i >= 0 {
			x.sink(ctx, &e.rows[i], got, true)
		}
	}
	l.OnListen = e.listens
	e.state = l.State
	return l.Serve, l.Check()
}

// admitted returns where each of the readers may call from.
func admitted(rows []site.Reader) ([][]netip.Prefix, error) {
	allow := make([][]netip.Prefix, len(rows))
	for i := range rows {
		c, err := lineReader(&rows[i])
		if err != nil {
			return nil, err
		}
		allow[i] = c.Allow
	}
	return allow, nil
}

// whose returns which of several readers has this address: the one that names it most
// closely. One alone need not say.
func whose(allow [][]netip.Prefix, source netip.Addr) int {
	if len(allow) == 1 {
		return 0
	}
	best, bits := -1, -1
	for i, list := range allow {
		for _, p := range list {
			if p.Contains(source) && p.Bits() > bits {
				best, bits = i, p.Bits()
			}
		}
	}
	return best
}

func (e *ear) listens(addr net.Addr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.addr = addr
}

// now returns how it is.
func (e *ear) now() (s readerState) {
	s.OK, s.Text, s.Since = e.state()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.addr != nil {
		s.Listening = e.addr.String()
	}
	return s
}

// sink brings a reading to the terminal of its reader.
func (x *readers) sink(ctx context.Context, r *site.Reader, got reader.Reading, stay bool) {
	if got.Removed && stay {
		return
	}
	t, err := x.scope.Terminal(ctx, r.Terminal)
	if err == nil {
		card := directory.Reading{Reader: r.Name, Raw: got.Raw}
		if got.Removed {
			err = x.desk.CardGone(ctx, t, card)
		} else {
			err = x.desk.ShowCard(ctx, t, card)
		}
	}
	if err != nil && ctx.Err() == nil {
		x.log.Warn("readers: a card that was shown came to nothing", "reader", r.Name, "terminal", r.TerminalName, "error", err)
	}
}

// busy tells that a reader reads more than people show.
func (x *readers) busy(name string, perMinute int) {
	x.log.Warn("readers: more cards are shown than people have; is somebody trying numbers?", "reader", name, "per_minute", perMinute)
	if err := x.scope.Audit(context.Background(), "the node", "reader.busy", name, counted(perMinute, "reading", "readings")+" in a minute"); err != nil {
		x.log.Warn("readers: the audit trail does not know it", "error", err)
	}
}

// hasReader reports whether a reader that is enabled stands beside a terminal.
func (x *readers) hasReader(terminal string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.beside[terminal]
}

// state returns how a reader is.
func (x *readers) state(r *site.Reader) readerState {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.trouble[r.ID]; err != nil {
		return readerState{Text: fault.Text(err)}
	}
	for _, e := range x.heard {
		if slices.ContainsFunc(e.rows, func(row site.Reader) bool { return row.ID == r.ID }) {
			return e.now()
		}
	}
	return readerState{Text: reader.Starting} // it is enabled, and will be looked at
}

// settled reports whether a reader is heard as it is now, or it is known why not.
func (x *readers) settled(r *site.Reader) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.trouble[r.ID] != nil {
		return true
	}
	for _, e := range x.heard {
		i := slices.IndexFunc(e.rows, func(row site.Reader) bool { return row.ID == r.ID })
		if i < 0 || madeOf(e.rows[i:i+1]) != madeOf([]site.Reader{*r}) {
			continue
		}
		text := e.now().Text
		return text != reader.Starting && text != reader.NotRunning
	}
	return false
}

// troubled counts the readers that are enabled, and those that cannot be used.
func (x *readers) troubled() (away, all int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	away = len(x.trouble)
	all = away
	for _, e := range x.heard {
		all += len(e.rows)
		if !e.now().OK {
			away += len(e.rows)
		}
	}
	return away, all
}
