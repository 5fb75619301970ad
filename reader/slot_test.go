package reader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// fakeService is a PC/SC service that a test tells what is there.
type fakeService struct {
	list   chan []presence
	answer func(reader string) ([]byte, error)
}

func (f *fakeService) watch(ctx context.Context, seen func([]presence)) error {
	for {
		select {
		case list := <-f.list:
			if list == nil {
				return errors.New("the service has died")
			}
			seen(list)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fakeService) ask(_ context.Context, reader string, _ []byte) ([]byte, error) {
	return f.answer(reader)
}

// bench runs a PCSC at a fake service; what it hears is in got.
type bench struct {
	*PCSC
	fake *fakeService
	got  []string
}

func newBench(t *testing.T) *bench {
	b := &bench{fake: &fakeService{list: make(chan []presence)}}
	b.fake.answer = func(string) ([]byte, error) { return []byte{4, 3, 2, 1, 0x90, 0}, nil }
	b.PCSC = &PCSC{Log: slog.New(slog.DiscardHandler), service: b.fake, Sink: func(_ context.Context, r Reading) {
		sign := "+"
		if r.Removed {
			sign = "-"
		}
		b.got = append(b.got, sign+r.Raw)
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b
}

// is tells that the one reader has a card or not, and waits until all is quiet.
func (b *bench) is(card bool, events uint32) {
	b.fake.list <- []presence{{"one", card, events}}
	synctest.Wait()
}

func (b *bench) card(uid ...byte) {
	b.fake.answer = func(string) ([]byte, error) { return append(slices.Clone(uid), 0x90, 0), nil }
}

func (b *bench) wants(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	if !slices.Equal(b.got, want) {
		t.Fatalf("got %v, want %v", b.got, want)
	}
}

func TestRemoval(t *testing.T) {
	tests := map[string]struct {
		do   func(b *bench)
		want []string
	}{
		"stays":               {func(b *bench) { b.is(true, 1); b.is(true, 1); time.Sleep(time.Hour) }, []string{"+04030201"}},
		"leaves":              {func(b *bench) { b.is(true, 1); b.is(false, 2); time.Sleep(2 * time.Second) }, []string{"+04030201", "-04030201"}},
		"leaves a moment ago": {func(b *bench) { b.is(true, 1); b.is(false, 2); time.Sleep(1900 * time.Millisecond) }, []string{"+04030201"}},
		"wobbles": {func(b *bench) {
			b.is(true, 1)
			b.is(false, 2)
			time.Sleep(time.Second)
			b.is(true, 3)
			time.Sleep(time.Hour)
		}, []string{"+04030201"}},
		"wobbles unseen": {func(b *bench) { b.is(true, 1); b.is(true, 3); time.Sleep(time.Hour) }, []string{"+04030201"}},
		"wobbles and leaves": {func(b *bench) {
			b.is(true, 1)
			b.is(false, 2)
			b.is(true, 3)
			b.is(false, 4)
			time.Sleep(2 * time.Second)
		}, []string{"+04030201", "-04030201"}},
		"comes again":           {func(b *bench) { b.is(true, 1); b.is(false, 2); time.Sleep(3 * time.Second); b.is(true, 3) }, []string{"+04030201", "-04030201", "+04030201"}},
		"another comes at once": {func(b *bench) { b.is(true, 1); b.is(false, 2); b.card(9, 8, 7, 6); b.is(true, 3) }, []string{"+04030201", "-04030201", "+09080706"}},
		"another comes unseen":  {func(b *bench) { b.is(true, 1); b.card(9, 8, 7, 6); b.is(true, 3) }, []string{"+04030201", "-04030201", "+09080706"}},
		"another without number": {func(b *bench) {
			b.is(true, 1)
			b.fake.answer = func(string) ([]byte, error) { return []byte{0x6A, 0x81}, nil }
			b.is(true, 3)
			time.Sleep(2 * time.Second)
		}, []string{"+04030201", "-04030201"}},
		"the reader is unplugged": {func(b *bench) { b.is(true, 1); b.fake.list <- []presence{}; time.Sleep(2 * time.Second) }, []string{"+04030201", "-04030201"}},
		"leaves, and then the reader": {func(b *bench) {
			b.is(true, 1)
			b.is(false, 2)
			time.Sleep(time.Second)
			b.fake.list <- []presence{}
			time.Sleep(time.Second)
		}, []string{"+04030201", "-04030201"}},
		"the service restarts": {func(b *bench) {
			b.is(true, 1)
			b.fake.list <- nil
			time.Sleep(time.Second)
			b.is(true, 0)
			time.Sleep(time.Hour)
		}, []string{"+04030201"}},
		"the service dies":                  {func(b *bench) { b.is(true, 1); b.fake.list <- nil; time.Sleep(2 * time.Second) }, []string{"+04030201", "-04030201"}},
		"another when the service restarts": {func(b *bench) { b.is(true, 1); b.fake.list <- nil; b.card(9, 8, 7, 6); b.is(true, 1) }, []string{"+04030201", "-04030201", "+09080706"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				tt.do(b)
				b.wants(t, tt.want...)
			})
		})
	}
}

// A card that is only just there may not answer at first.
func TestCardThatAnswersLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		tries := 0
		b.fake.answer = func(string) ([]byte, error) {
			if tries++; tries < readTries {
				return nil, errors.New("unresponsive")
			}
			return []byte{4, 3, 2, 1, 0x90, 0}, nil
		}
		b.is(true, 1)
		time.Sleep(time.Second)
		b.wants(t, "+04030201")
	})
}

func TestStateOfPCSC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		state := func(ok bool, text string) {
			t.Helper()
			synctest.Wait()
			if gotOK, got, since := b.State(); gotOK != ok || got != text || since.After(time.Now()) {
				t.Errorf("state is %v %q, want %v %q", gotOK, got, ok, text)
			}
		}
		state(false, NotRunning)
		b.fake.list <- []presence{}
		state(false, noneThere)
		b.is(false, 0)
		state(true, connected)
		b.fake.answer = func(string) ([]byte, error) { return nil, errors.New("unresponsive") }
		b.is(true, 1)
		time.Sleep(time.Second)
		state(true, notReadable)
		b.fake.answer = func(string) ([]byte, error) { return []byte{0x6A, 0x81}, nil }
		b.is(false, 2)
		b.is(true, 3)
		state(true, noNumber)
		b.card(1, 2, 3, 4)
		b.is(false, 4)
		b.is(true, 5)
		state(true, connected)
		b.fake.list <- nil
		state(false, noService)
	})
}

// The card was gone before it was read: neither it nor the reader is to blame.
func TestCardThatWentTooSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.fake.answer = func(string) ([]byte, error) {
			time.Sleep(time.Second)
			return nil, errors.New("removed")
		}
		b.is(true, 1)
		b.is(false, 2)
		time.Sleep(time.Minute)
		b.wants(t)
		if _, text, _ := b.State(); text != connected {
			t.Errorf("it says %q", text)
		}
	})
}

// A reader that hangs holds up no other.
func TestReaderThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.fake.answer = func(reader string) ([]byte, error) {
			if reader == "stuck" {
				time.Sleep(time.Minute)
				return nil, errors.New("stuck")
			}
			return []byte{4, 3, 2, 1, 0x90, 0}, nil
		}
		b.fake.list <- []presence{{"stuck", true, 1}, {"one", true, 1}}
		b.wants(t, "+04030201")
	})
}

func TestA39CountedUpCards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		var alarms []string
		b.BusyAbove = 10
		b.Busy = func(reader string, perMinute int) { alarms = append(alarms, fmt.Sprint(reader, perMinute)) }
		for i := range uint32(50) {
			b.card(4, 3, 2, byte(i))
			b.is(true, i)
			time.Sleep(2 * time.Second)
		}
		if len(b.got) != 99 {
			t.Errorf("heard %d", len(b.got))
		}
		if !slices.Equal(alarms, []string{"one11", "one11"}) {
			t.Errorf("alarms %v", alarms)
		}
	})
}

func TestTooManyReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		var list []presence
		for i := range maxSlots + 10 {
			list = append(list, presence{fmt.Sprint(i), false, 0})
		}
		b.fake.list <- list
		synctest.Wait()
	})
}

func TestMatches(t *testing.T) {
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true},
		{"", "x", false},
		{"*", "anything at all", true},
		{"ACS ACR122*", "acs acr122u picc interface 00 00", true},
		{"*[CCID Interface]*", "ACS ACR1252 [CCID Interface] (000001) 00 00", true},
		{"*(000001)*", "ACS ACR1252 [CCID Interface] (000002) 00 00", false},
		{"* 0? 00", "HID/OMNIKEY 5422 01 00", true},
		{"? ", "x", false},
		{"*a*b*c", "aXbXbXcXc", true},
		{"*a*b*c", "aXbXbXcXd", false},
		{"a**", "a", true},
	}
	for _, tt := range tests {
		if got := matches([]string{"nothing", tt.pattern}, tt.name); got != tt.want {
			t.Errorf("%q for %q is %v", tt.pattern, tt.name, got)
		}
	}
	if !matches(nil, "x") {
		t.Error("no pattern is not every reader")
	}
}
