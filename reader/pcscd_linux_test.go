package reader

import (
	"context"
	"encoding/hex"
	"log/slog"
	"strings"
	"testing"
	"time"

	"platen/internal/testkit/peers"
)

// real is a PCSC at a pcscd of its own.
type real struct {
	t     *testing.T
	dir   string
	pcscd *peers.PCSCD
	reads chan Reading
	state chan struct{}
	*PCSC
}

func startReal(t *testing.T) *real {
	t.Helper()
	r := &real{t: t, dir: t.TempDir(), reads: make(chan Reading, 16), state: make(chan struct{}, 1)}
	r.start()
	t.Logf("with %s, %s, %s, %s", peers.Version("pcscd"), peers.Version("vsmartcard-vpcd"), peers.Version("pcsc-tools"), peers.Version("socat"))
	r.PCSC = &PCSC{
		Sink:     func(_ context.Context, got Reading) { r.reads <- got },
		Log:      slog.New(slog.NewTextHandler(t.Output(), nil)),
		Socket:   r.pcscd.Socket(),
		Match:    []string{"virtual pcd*"},
		Debounce: -1,
		Retry:    10 * time.Millisecond,
		OnState:  func() { ping(r.state) },
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

func ping(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (r *real) start() {
	r.t.Helper()
	p, err := peers.StartPCSCD(context.WithoutCancel(r.t.Context()), r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	r.pcscd = p
	r.t.Cleanup(p.Kill)
}

func (r *real) insert(reader int, answer string) *peers.VirtualCard {
	r.t.Helper()
	b, err := hex.DecodeString(answer)
	if err != nil {
		r.t.Fatal(err)
	}
	card, err := r.pcscd.Insert(context.WithoutCancel(r.t.Context()), reader, func(command []byte) []byte {
		if string(command) != string(getUID) {
			return []byte{0x6D, 0x00}
		}
		return b
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(card.Remove)
	return card
}

// wants waits for the next reading: of reader, number, and whether it is gone.
func (r *real) wants(reader int, raw string, removed bool) {
	r.t.Helper()
	select {
	case got := <-r.reads:
		if got.Reader != peers.VirtualReaders[reader] || got.Raw != raw || got.Removed != removed || got.Source.IsValid() || got.At.IsZero() {
			r.t.Fatalf("got %+v, want %s, removed %v", got, raw, removed)
		}
	case <-time.After(30 * time.Second):
		_, text, _ := r.State()
		r.t.Fatalf("%s, removed %v, was not heard; %s", raw, removed, text)
	}
}

// becomes waits for a state.
func (r *real) becomes(text string) { r.t.Helper(); becomes(r.t, r.State, r.state, text) }

func becomes(t *testing.T, state func() (bool, string, time.Time), changed chan struct{}, text string) {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		if _, now, _ := state(); now == text {
			return
		}
		select {
		case <-changed:
		case <-late:
			_, now, _ := state()
			t.Fatalf("state is %q, not %q", now, text)
		}
	}
}

func TestCardsOfPCSCD(t *testing.T) {
	r := startReal(t)
	r.becomes(connected)

	card := r.insert(1, "04A1B2C3D4E5F69000")
	r.wants(1, "04A1B2C3D4E5F6", false)
	out, err := r.pcscd.Scriptor(t.Context(), 1, "FF CA 00 00 00")
	if err != nil || !strings.Contains(out, "04 A1 B2 C3 D4 E5 F6 90 00") {
		t.Errorf("scriptor: %v: %s", err, out)
	}
	card.Remove()
	r.wants(1, "04A1B2C3D4E5F6", true)

	first := r.insert(0, "0102030405060708090A9000")
	r.wants(0, "0102030405060708090A", false)
	second := r.insert(1, "E00401500A1B2C3D9000")
	r.wants(1, "E00401500A1B2C3D", false)
	first.Remove()
	r.wants(0, "0102030405060708090A", true)
	r.insert(0, "DEADBEEF9000")
	r.wants(0, "DEADBEEF", false)
	second.Remove()
	r.wants(1, "E00401500A1B2C3D", true)
}

func TestCardWithoutNumber(t *testing.T) {
	r := startReal(t)
	for _, answer := range []string{"6A81", "04A1B2C3D4E59000", "9000"} {
		card := r.insert(0, answer)
		r.becomes(noNumber)
		if ok, _, _ := r.State(); !ok {
			t.Error("the reader counts as broken")
		}
		card.Remove()
		card = r.insert(0, "04A1B2C39000")
		r.wants(0, "04A1B2C3", false)
		r.becomes(connected)
		card.Remove()
		r.wants(0, "04A1B2C3", true)
	}
}

// A card in a reader when pcscd dies is one that is gone.
func TestPCSCDKilledAndStarted(t *testing.T) {
	r := startReal(t)
	r.insert(0, "04A1B2C39000")
	r.wants(0, "04A1B2C3", false)
	r.pcscd.Kill()
	r.wants(0, "04A1B2C3", true)
	r.becomes(noService)
	r.start()
	r.becomes(connected)
	r.insert(0, "04A1B2C39000")
	r.wants(0, "04A1B2C3", false)
}

func TestReadersThatDoNotMatch(t *testing.T) {
	r := startReal(t)
	other := &PCSC{
		Sink:   func(_ context.Context, got Reading) { t.Errorf("heard %+v", got) },
		Log:    slog.New(slog.DiscardHandler),
		Socket: r.Socket, Match: []string{"ACS*"},
	}
	state := make(chan struct{}, 1)
	other.OnState = func() { ping(state) }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- other.Serve(ctx) }()
	becomes(t, other.State, state, noneThere)
	r.insert(0, "04A1B2C39000")
	r.wants(0, "04A1B2C3", false)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if ok, text, _ := other.State(); ok || text != NotRunning {
		t.Errorf("afterwards it says %q", text)
	}
}
