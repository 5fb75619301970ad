package lpd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platen/fault"
	"platen/job"
	"platen/lpd"
)

// memory is an intake and a set of queues that live in memory and remember
// everything.
type memory struct {
	queues   []string // names that exist; nil: all
	encoding string   // of all queues
	limit    int64    // largest document; 0: none
	full     bool     // Open refuses for lack of space
	room     int      // Open refuses so from this many jobs on; 0: never
	busy     bool     // Status fails
	denied   bool     // Open refuses the client
	failing  fault.Kind
	fails    bool          // Submit fails with failing
	gate     chan struct{} // Submit waits for it; nil: does not
	begun    chan struct{} // closed at a document's first octet; nil: is not
	hold     chan struct{} // Document waits for it then
	forget   bool          // jobs are dropped once they are accepted
	lines    []job.Line    // what Status gives
	allow    bool          // Remove is allowed

	mu        sync.Mutex
	jobs      []memoryJob
	removed   []string
	abandoned int
	live      atomic.Int64 // arrivals neither submitted nor abandoned
}

type memoryJob struct {
	origin job.Origin
	ticket job.Ticket
	docs   []memoryDoc
}

type memoryDoc struct {
	name    string
	copies  int
	octets  int64
	sum     uint32 // CRC-32C
	content []byte // of small documents
}

var errClosed = errors.New("arrival used after its end")

func (m *memory) Open(_ context.Context, o job.Origin) (job.Arrival, error) {
	switch {
	case m.queues != nil && !slices.ContainsFunc(m.queues, func(q string) bool { return strings.EqualFold(q, o.Queue) }):
		return nil, &fault.Error{Op: "memory.Open", Kind: fault.NotFound, Text: "There is no such queue."}
	case m.denied:
		return nil, &fault.Error{Op: "memory.Open", Kind: fault.Denied, Text: "You may not print here."}
	case m.full, m.room > 0 && len(m.all()) >= m.room:
		return nil, &fault.Error{Op: "memory.Open", Kind: fault.Full, Text: "There is no space left."}
	}
	m.live.Add(1)
	a := &memoryArrival{m: m, origin: o}
	if m.encoding != "" {
		return encoded{a}, nil
	}
	return a, nil
}

type memoryArrival struct {
	m      *memory
	origin job.Origin
	docs   []memoryDoc
	ended  bool
}

type encoded struct{ *memoryArrival }

func (e encoded) Encoding() string { return e.m.encoding }

func (a *memoryArrival) Document(_ context.Context, name string, r io.Reader) (int, error) {
	if a.ended {
		return 0, errClosed
	}
	d := memoryDoc{name: name}
	buf := make([]byte, 64<<10)
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	for {
		n, err := r.Read(buf)
		if a.m.begun != nil && d.octets == 0 && n > 0 {
			close(a.m.begun)
			<-a.m.hold
		}
		sum.Write(buf[:n])
		if d.octets += int64(n); d.octets <= 4096 {
			d.content = append(d.content, buf[:n]...)
		}
		if a.m.limit > 0 && d.octets > a.m.limit {
			return 0, &fault.Error{Op: "memory.Document", Kind: fault.TooLarge, Text: "The document is too large."}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("memory: %w", err)
		}
	}
	d.sum = sum.Sum32()
	a.docs = append(a.docs, d)
	return len(a.docs), nil
}

func (a *memoryArrival) Submit(ctx context.Context, t job.Ticket, order []job.Piece) (job.Job, error) {
	if a.ended {
		return job.Job{}, errClosed
	}
	if a.m.gate != nil {
		select {
		case <-a.m.gate:
		case <-ctx.Done():
			return job.Job{}, ctx.Err()
		}
	}
	if a.m.fails {
		return job.Job{}, &fault.Error{Op: "memory.Submit", Kind: a.m.failing}
	}
	j := memoryJob{origin: a.origin, ticket: t}
	octets := int64(0)
	for _, p := range order {
		d := a.docs[p.Number-1]
		d.name, d.copies = p.Name, p.Copies
		octets += d.octets
		j.docs = append(j.docs, d)
	}
	a.end()
	a.m.mu.Lock()
	defer a.m.mu.Unlock()
	if a.m.forget {
		return job.Job{ID: 1, Octets: octets}, nil
	}
	a.m.jobs = append(a.m.jobs, j)
	return job.Job{ID: int64(len(a.m.jobs)), Octets: octets}, nil
}

func (a *memoryArrival) Abandon() {
	if !a.ended {
		a.end()
		a.m.mu.Lock()
		a.m.abandoned++
		a.m.mu.Unlock()
	}
}

func (a *memoryArrival) end() {
	a.ended = true
	a.m.live.Add(-1)
}

func (m *memory) Status(_ context.Context, queue string, _ netip.Addr, users []string, ids []int64) (job.QueueStatus, error) {
	if m.queues != nil && !slices.Contains(m.queues, queue) {
		return job.QueueStatus{}, &fault.Error{Op: "memory.Status", Kind: fault.NotFound, Text: "There is no such queue."}
	}
	if m.busy {
		return job.QueueStatus{}, &fault.Error{Op: "memory.Status", Kind: fault.Unavailable, Text: "The print service is busy."}
	}
	st := job.QueueStatus{Queue: queue, Accepting: !m.denied, Waiting: len(m.lines)}
	for _, l := range m.lines {
		if (len(users) == 0 || slices.Contains(users, l.Claimed)) && (len(ids) == 0 || slices.Contains(ids, l.ID)) {
			st.Jobs = append(st.Jobs, l)
		}
	}
	return st, nil
}

func (m *memory) Remove(_ context.Context, queue, agent string, _ netip.Addr, users []string, ids []int64) (int, error) {
	if !m.allow {
		return 0, &fault.Error{Op: "memory.Remove", Kind: fault.Denied, Text: "Jobs cannot be removed from this queue by LPR."}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.removed = append(m.removed, fmt.Sprintf("%s %s %v %v", queue, agent, users, ids))
	return 1, nil
}

// String is a job as the dialogues write it.
func (j memoryJob) String() string {
	var b strings.Builder
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, " %s=%q", name, value)
		}
	}
	b.WriteString("job")
	field("queue", j.origin.Queue)
	field("title", j.ticket.Title)
	field("claimed", j.ticket.Claimed)
	if j.ticket.Cut {
		b.WriteString(" cut")
	}
	field("host", j.ticket.Host)
	field("class", j.ticket.Class)
	field("banner", j.ticket.Banner)
	var letters []string
	for l := range j.ticket.Extra {
		letters = append(letters, l)
	}
	slices.Sort(letters)
	for _, l := range letters {
		field(l, j.ticket.Extra[l])
	}
	for _, d := range j.docs {
		b.WriteString(" doc(")
		if d.name != "" {
			fmt.Fprintf(&b, "name=%q ", d.name)
		}
		if d.copies != 1 {
			fmt.Fprintf(&b, "copies=%d ", d.copies)
		}
		if d.octets <= 64 {
			fmt.Fprintf(&b, "%q)", d.content)
		} else {
			fmt.Fprintf(&b, "octets=%d)", d.octets)
		}
	}
	return b.String()
}

// all returns the accepted jobs.
func (m *memory) all() []memoryJob {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.jobs)
}

// running is a server under test.
type running struct {
	*lpd.Server
	m    *memory
	addr string
	log  *bytes.Buffer // complete once stopped
	stop func()        // ends the server and waits for it
	gone func()        // waits until no connection is open
}

// start serves m on loopback; change may set fields before.
func start(t testing.TB, m *memory, change func(*lpd.Server)) *running {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, m, ln, change)
}

// resetting closes its connections with a reset once their clients have closed:
// a client's port is then free at once. Of the ports 721-731 that some peers
// insist on, each would stay in TIME_WAIT for a minute.
type resetting struct{ net.Listener }

func (l resetting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetLinger(0)
	}
	return conn, err
}

// startForPeer serves m for a peer that sends jobs and closes.
func startForPeer(t testing.TB, m *memory) *running {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, m, resetting{ln}, nil)
}

func serve(t testing.TB, m *memory, ln net.Listener, change func(*lpd.Server)) *running {
	t.Helper()
	var mu sync.Mutex
	none := sync.NewCond(&mu)
	open, seen := 0, 0
	r := &running{m: m, addr: ln.Addr().String(), log: new(bytes.Buffer)}
	r.Server = &lpd.Server{
		Intake: m, Queues: m,
		Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnConn: func(delta int) {
			mu.Lock()
			defer mu.Unlock()
			if open += delta; delta > 0 {
				seen++
			}
			none.Broadcast()
		},
	}
	if change != nil {
		change(r.Server)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx, ln) }()
	r.gone = func() {
		mu.Lock()
		defer mu.Unlock()
		late := false
		defer time.AfterFunc(30*time.Second, func() {
			mu.Lock()
			defer mu.Unlock()
			late = true
			none.Broadcast()
		}).Stop()
		for !late && (open > 0 || seen == 0) {
			none.Wait()
		}
		if late {
			t.Errorf("after 30 s, %d of %d connections are open", open, seen)
		}
	}
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if n := m.live.Load(); n != 0 {
			t.Errorf("%d arrivals were neither submitted nor abandoned", n)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *running) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
