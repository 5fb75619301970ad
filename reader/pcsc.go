package reader

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// PCSC hears the cards at the PC/SC readers of this machine. All fields are set
// before Serve; a field that is zero has the default named beside it.
//
// Reading.Reader is the reader's name in PC/SC, "ACS ACR122U PICC Interface 00
// 00". Its last numbers follow the order of plugging in; who has two of a kind
// tells them apart by the serial number that most names hold in brackets.
//
// A card that is taken away is told as Removed when it has been away for
// Debounce, or at once when another one comes. One that is back before is still
// the same card and nothing is told: it was held badly.
type PCSC struct {
	Sink Sink
	Log  *slog.Logger

	Match    []string      // names of readers to hear, * is anything and ? any one character; case does not matter; empty: all
	Socket   string        // of pcscd; /run/pcscd/pcscd.comm. Not used on Windows.
	Debounce time.Duration // 2 s; negative: none
	Retry    time.Duration // the first wait for a service that is away, doubled up to a minute; 1 s

	// BusyAbove readings of one reader in a minute, 30, Busy is called, once in
	// the minute.
	BusyAbove int
	Busy      func(reader string, perMinute int)

	OnState func() // State has changed

	condition condition
	ears      ears
	service   service // for tests

	mu      sync.Mutex
	readers int    // that are heard; -1 while the service is away
	trouble string // with the last card; empty: none
}

// service is what a machine has PC/SC from.
type service interface {
	// watch calls seen with all readers, at first and each time that something
	// changed, until ctx ends or the service does.
	watch(ctx context.Context, seen func([]presence)) error
	// ask sends a command to the card in a reader and returns its answer.
	ask(ctx context.Context, reader string, command []byte) ([]byte, error)
}

// presence is whether there is a card in a reader. events is another number
// after a card came or went.
type presence struct {
	reader string
	card   bool
	events uint32
}

// maxSlots is how many readers are heard. pcscd has 16 at a time; replugging
// them makes new names.
const maxSlots = 64

// State says whether readers can be used, what about them or about the last
// card, as a sentence for people, and since when. A card that gives no number
// does not make a reader unusable.
func (p *PCSC) State() (ok bool, text string, since time.Time) { return p.condition.get() }

// show tells the state after change.
func (p *PCSC) show(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock() // two changes are told in their order
	change()
	switch {
	case p.readers < 0:
		p.condition.set(false, noService, p.OnState)
	case p.readers == 0:
		p.condition.set(false, noneThere, p.OnState)
	case p.trouble != "":
		p.condition.set(true, p.trouble, p.OnState)
	default:
		p.condition.set(true, connected, p.OnState)
	}
}

// Serve hears until ctx ends and returns nil. Nothing else ends it.
func (p *PCSC) Serve(ctx context.Context) error {
	s := p.service
	if s == nil {
		s = p.system()
	}
	h := &hall{PCSC: p, service: s, slots: make(map[string]*slot)}
	h.wait = patience{first: orDefault(p.Retry, defaultRetry), longest: longestWait}
	for ctx.Err() == nil {
		h.round(ctx)
	}
	h.work.Wait()
	p.condition.set(false, NotRunning, p.OnState)
	return nil
}

// hall is where the slots are. Only the goroutine of Serve walks it.
type hall struct {
	*PCSC
	service service
	slots   map[string]*slot
	work    sync.WaitGroup
	wait    patience
	said    string // why the service is away, as it was logged last
}

// round hears until the service goes or ctx ends, and waits before the next.
func (h *hall) round(ctx context.Context) {
	err := h.service.watch(ctx, func(list []presence) {
		h.wait.reset()
		h.said = ""
		h.see(ctx, list)
	})
	if ctx.Err() != nil {
		return
	}
	h.gone()
	d := h.wait.again()
	if text := fmt.Sprint(err); text != h.said { // a machine without readers would say it for years
		h.Log.Warn("reader: card service is away; trying again", "after", d, "error", err)
		h.said = text
	}
	pause(ctx, d)
}

// see tells each slot how its reader is.
func (h *hall) see(ctx context.Context, list []presence) {
	there := make(map[string]presence, len(list))
	for _, p := range list {
		if matches(h.Match, p.reader) {
			there[p.reader] = p
			h.open(ctx, p.reader)
		}
	}
	h.show(func() { h.readers = len(there) })
	for name, s := range h.slots {
		s.tell(there[name]) // no card in one that is not there
	}
}

func (h *hall) open(ctx context.Context, reader string) {
	if h.slots[reader] != nil {
		return
	}
	if len(h.slots) >= maxSlots {
		h.Log.Warn("reader: too many card readers", "reader", reader)
		return
	}
	h.Log.Info("reader: card reader found", "reader", reader)
	s := &slot{PCSC: h.PCSC, service: h.service, reader: reader, news: make(chan struct{}, 1)}
	h.slots[reader] = s
	h.work.Go(func() { s.run(ctx) })
}

func (h *hall) gone() {
	h.show(func() { h.readers = -1 })
	for _, s := range h.slots {
		s.tell(presence{})
	}
}

// matches reports whether one of the patterns is for name.
func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if glob(strings.ToLower(p), strings.ToLower(name)) {
			return true
		}
	}
	return len(patterns) == 0
}

// glob knows * and ? only: names of readers hold the brackets and slashes that
// mean something to path.Match. It takes time in proportion to both lengths.
func glob(pattern, name string) bool {
	star, from := -1, 0 // the last * and where the name went on behind it
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p, n = p+1, n+1
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
