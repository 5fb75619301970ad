// Package devicetest says in tests what every device.Device promises, and has
// the sinks and the fake that fulfil or break it on purpose.
//
// A fake that passes the same suite as the real devices may stand for them in
// the tests of whoever delivers.
package devicetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"platen/device"
	"platen/job"
)

// Make returns a device and its sink, which behaves in the manner given.
type Make func(t *testing.T, m Manner) (device.Device, Sink)

// Bytes returns n octets that look like nothing in particular.
func Bytes(seed uint64, n int) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// Doc is a document of a delivery.
func Doc(language string, b []byte) device.Doc {
	return device.Doc{Language: language, Octets: int64(len(b)), Copies: 1, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

// Delivery is a delivery of documents, and counts its own calls.
func Delivery(docs ...device.Doc) device.Delivery {
	return device.Delivery{
		UUID: job.NewUUID(), JobID: 17, Title: "Quarterly report", User: "anna", Queue: "secure",
		Documents: docs, Go: func() error { return nil },
	}
}

// Run holds a device to every promise.
func Run(t *testing.T, make Make) {
	Good(t, make)
	t.Run("refuses", func(t *testing.T) { refuses(t, make) })
	t.Run("F36 dies at octet k", func(t *testing.T) { diesAtK(t, make) })
	t.Run("F38 never confirms", func(t *testing.T) { neverConfirms(t, make) })
	t.Run("F37 stops reading", func(t *testing.T) { stopsReading(t, make) })
	t.Run("F43 cancel while sending", func(t *testing.T) { cancelWhileSending(t, make) })
}

// Good holds a device to what it promises while its other end behaves.
func Good(t *testing.T, make Make) {
	t.Run("every octet", func(t *testing.T) { everyOctet(t, make) })
	t.Run("documents and copies", func(t *testing.T) { documentsAndCopies(t, make) })
	t.Run("go comes before the first octet", func(t *testing.T) { goComesFirst(t, make) })
	t.Run("go says no", func(t *testing.T) { goSaysNo(t, make) })
	t.Run("damaged document", func(t *testing.T) { damagedDocument(t, make) })
	t.Run("canceled before it began", func(t *testing.T) { canceledBefore(t, make) })
}

func everyOctet(t *testing.T, make Make) {
	for _, n := range []int{1, 511, 512, 513, 64 << 10, 3<<20 + 7} {
		dev, sink := make(t, Manner{})
		b := Bytes(uint64(n), n)
		d := Delivery(Doc("unknown", b))
		var progress int64
		d.Progress = func(o int64) {
			if o <= progress {
				t.Errorf("progress goes from %d to %d", progress, o)
			}
			progress = o
		}
		res, err := dev.Deliver(t.Context(), d)
		if err != nil {
			t.Fatalf("%d octets: %v", n, err)
		}
		if res.Octets != int64(n) || progress != int64(n) || res.Evidence < job.Delivered {
			t.Errorf("%d octets: result %+v, progress %d", n, res, progress)
		}
		wantDocuments(t, sink, b)
	}
}

func wantDocuments(t *testing.T, sink Sink, want ...[]byte) {
	t.Helper()
	got := sink.Documents()
	// What was handed over is at the device, which may still be reading it.
	for end := time.Now().Add(10 * time.Second); len(got) < len(want) && time.Now().Before(end); got = sink.Documents() {
		time.Sleep(5 * time.Millisecond)
	}
	if len(got) != len(want) {
		t.Fatalf("%d documents arrived, want %d", len(got), len(want))
	}
	for i := range want {
		if sha256.Sum256(got[i]) != sha256.Sum256(want[i]) {
			t.Errorf("document %d: %d octets arrived with another SHA-256 than the %d sent", i, len(got[i]), len(want[i]))
		}
	}
}

func documentsAndCopies(t *testing.T, make Make) {
	a, b := Bytes(1, 5000), Bytes(2, 70_000)
	tests := map[string]struct {
		copies  [2]int
		options job.Options
		want    [][]byte
		known   int
	}{
		"as they are":               {copies: [2]int{1, 1}, want: [][]byte{a, b}},
		"copies of the client":      {copies: [2]int{2, 2}, want: [][]byte{a, a, b, b}, known: 2},
		"different copies":          {copies: [2]int{1, 2}, want: [][]byte{a, b, b}},
		"copies asked for":          {copies: [2]int{1, 1}, options: job.Options{Copies: 2}, want: [][]byte{a, b, a, b}, known: 2},
		"one copy asked for of two": {copies: [2]int{2, 2}, options: job.Options{Copies: 1}, want: [][]byte{a, b}, known: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dev, sink := make(t, Manner{})
			docs := []device.Doc{Doc("unknown", a), Doc("unknown", b)}
			docs[0].Copies, docs[1].Copies = tt.copies[0], tt.copies[1]
			d := Delivery(docs...)
			d.Options = tt.options
			calls := 0
			d.Go = func() error { calls++; return nil }
			res, err := dev.Deliver(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			if calls != 1 {
				t.Errorf("Go was called %d times", calls)
			}
			if res.Copies != tt.known {
				t.Errorf("Copies = %d, want %d", res.Copies, tt.known)
			}
			var total int64
			for _, w := range tt.want {
				total += int64(len(w))
			}
			if res.Octets != total {
				t.Errorf("Octets = %d, want %d", res.Octets, total)
			}
			wantDocuments(t, sink, tt.want...)
		})
	}
}

func goComesFirst(t *testing.T, make Make) {
	dev, sink := make(t, Manner{})
	d := Delivery(Doc("unknown", Bytes(3, 2000)))
	d.Go = func() error {
		if n := sink.Octets(); n != 0 {
			t.Errorf("%d octets had arrived before Go", n)
		}
		return nil
	}
	if _, err := dev.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func goSaysNo(t *testing.T, make Make) {
	no := errors.New("no")
	dev, sink := make(t, Manner{})
	d := Delivery(Doc("unknown", Bytes(4, 2000)))
	d.Go = func() error { return no }
	res, err := dev.Deliver(t.Context(), d)
	if !errors.Is(err, no) || res.Evidence != job.NoneAccepted || res.Octets != 0 {
		t.Errorf("result %+v, %v", res, err)
	}
	if n := sink.Octets(); n != 0 {
		t.Errorf("%d octets arrived", n)
	}
}

// failing is a document that ends with an error.
type failing struct{ io.Reader }

var errDamaged = errors.New("the authentication of a chunk failed")

func (f failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errDamaged
	}
	return n, err
}

func damagedDocument(t *testing.T, make Make) {
	b := Bytes(5, 200_000)
	for name, cut := range map[string]int{"at the start": 0, "in the middle": 100_000} {
		t.Run(name, func(t *testing.T) {
			dev, sink := make(t, Manner{})
			doc := Doc("unknown", b)
			doc.Open = func() (io.ReadCloser, error) { return io.NopCloser(failing{bytes.NewReader(b[:cut])}), nil }
			res, err := dev.Deliver(t.Context(), Delivery(doc))
			if !device.Damaged(err) || !errors.Is(err, errDamaged) {
				t.Errorf("err = %v", err)
			}
			if res.Evidence > job.Partial || cut == 0 && res.Evidence != job.NoneAccepted {
				t.Errorf("result %+v", res)
			}
			for _, doc := range sink.Documents() {
				if len(doc) == len(b) {
					t.Error("the device believes that it has a whole document")
				}
			}
		})
	}
}

func canceledBefore(t *testing.T, make Make) {
	dev, sink := make(t, Manner{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	res, err := dev.Deliver(ctx, Delivery(Doc("unknown", Bytes(6, 2000))))
	if !errors.Is(err, context.Canceled) || res.Evidence != job.NoneAccepted || res.Octets != 0 {
		t.Errorf("result %+v, %v", res, err)
	}
	if n := sink.Octets(); n != 0 {
		t.Errorf("%d octets arrived", n)
	}
}

func refuses(t *testing.T, make Make) {
	dev, sink := make(t, Manner{Refuse: true})
	d := Delivery(Doc("unknown", Bytes(7, 2000)))
	d.Go = func() error {
		t.Error("Go was called although the device refuses")
		return nil
	}
	res, err := dev.Deliver(t.Context(), d)
	if err == nil || res.Evidence != job.NoneAccepted || res.Octets != 0 {
		t.Errorf("result %+v, %v", res, err)
	}
	if n := sink.Octets(); n != 0 {
		t.Errorf("%d octets arrived", n)
	}
}

// diesAtK resets the connection at every octet of a small document. Once one
// was read, nobody may believe that none was.
func diesAtK(t *testing.T, make Make) {
	b := Bytes(8, 150)
	for k := range len(b) + 1 {
		dev, sink := make(t, Manner{Die: true, At: int64(k)})
		res, err := dev.Deliver(t.Context(), Delivery(Doc("unknown", b)))
		if err == nil {
			t.Fatalf("k = %d: a reset counts as %v", k, res.Evidence)
		}
		if k > 0 && res.Evidence != job.Partial || res.Evidence > job.Partial {
			t.Errorf("k = %d: evidence %v", k, res.Evidence)
		}
		if got := sink.Octets(); res.Octets < got {
			t.Errorf("k = %d: %d octets counted, %d arrived", k, res.Octets, got)
		}
	}
}

func neverConfirms(t *testing.T, make Make) {
	dev, sink := make(t, Manner{Silent: true})
	b := Bytes(9, 40_000)
	res, err := dev.Deliver(t.Context(), Delivery(Doc("unknown", b)))
	if err != nil || res.Evidence != job.Delivered || res.Octets != int64(len(b)) {
		t.Errorf("result %+v, %v", res, err)
	}
	wantDocuments(t, sink, b)
}

// outcome is what Deliver returned.
type outcome struct {
	res device.Result
	err error
}

func start(ctx context.Context, dev device.Device, d device.Delivery) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		res, err := dev.Deliver(ctx, d)
		done <- outcome{res, err}
	}()
	return done
}

// stopsReading is a device without paper: its connection lives, nothing moves.
// That alone ends nothing, however short the times are set; a person can end
// it.
func stopsReading(t *testing.T, make Make) {
	for _, size := range []int{3000, 8 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dev, sink := make(t, Manner{Stall: true, At: 1000})
			ctx, cancel := context.WithCancel(t.Context())
			done := start(ctx, dev, Delivery(Doc("unknown", Bytes(10, size))))
			if size > 1<<20 { // a small document may be all on its way
				select {
				case o := <-done:
					t.Fatalf("ended by itself: %+v, %v", o.res, o.err)
				case <-time.After(1500 * time.Millisecond):
				}
			}
			cancel()
			o := within(t, done)
			if o.err != nil && !errors.Is(o.err, context.Canceled) {
				t.Errorf("err = %v", o.err)
			}
			if size > 1<<20 && (o.err == nil || o.res.Evidence != job.Partial) {
				t.Errorf("result %+v, %v", o.res, o.err)
			}
			if got := sink.Octets(); got > 1000 {
				t.Errorf("%d octets arrived", got)
			}
		})
	}
}

func within(t *testing.T, done <-chan outcome) outcome {
	t.Helper()
	select {
	case o := <-done:
		return o
	case <-time.After(10 * time.Second):
		t.Fatal("the delivery does not end")
		return outcome{}
	}
}

func cancelWhileSending(t *testing.T, make Make) {
	b := Bytes(11, 6<<20)
	dev, sink := make(t, Manner{})
	ctx, cancel := context.WithCancel(t.Context())
	d := Delivery(Doc("unknown", b))
	var once sync.Once
	d.Progress = func(o int64) {
		if o > int64(len(b))/2 {
			once.Do(cancel)
		}
	}
	o := within(t, start(ctx, dev, d))
	cancel()
	if !errors.Is(o.err, context.Canceled) || o.res.Evidence != job.Partial {
		t.Fatalf("result %+v, %v", o.res, o.err)
	}
	if o.res.Octets <= 0 || o.res.Octets >= int64(len(b)) {
		t.Errorf("%d of %d octets counted", o.res.Octets, len(b))
	}
	for _, doc := range sink.Documents() {
		if len(doc) == len(b) {
			t.Error("the whole document arrived")
		}
	}
}
