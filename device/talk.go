package device

import (
	"errors"
	"io"
	"sync"
	"time"

	"platen/job"
	"platen/site"
)

// talk is the back channel of a raw port. It is read all the time, whatever
// the device speaks: one whose answers are not taken stops printing.
type talk struct {
	l    *link
	r    *run
	pjl  bool
	done chan struct{} // closed when nothing more will come
	news chan struct{} // something came

	mu      sync.Mutex
	err     error     // why done, io.EOF in order
	spoke   bool      // PJL answered anything at all
	worked  time.Time // last sign that the device works on the job, or needs somebody to
	heard   time.Time // last octet
	started bool      // our job was reported to have begun
	ended   bool
	killed  bool
	pages   int // as the report at the end says, or job.Unknown
	counted int // pages reported one by one
	text    string
}

func listen(l *link, r *run, pjl bool) *talk {
	t := &talk{l: l, r: r, pjl: pjl, done: make(chan struct{}), news: make(chan struct{}, 1), pages: job.Unknown}
	go t.read()
	return t
}

func (t *talk) read() {
	defer close(t.done)
	var rs reports
	buf := make([]byte, 4<<10)
	for {
		n, err := t.l.Read(buf)
		if n > 0 && !rs.deaf() {
			t.hear(rs.feed(buf[:n]))
		}
		if err != nil {
			t.mu.Lock()
			t.err = err
			t.mu.Unlock()
			return
		}
	}
}

func (t *talk) hear(found []report) {
	t.mu.Lock()
	now := time.Now()
	t.heard = now
	var notice *site.Condition
	for _, rep := range found {
		if !t.pjl {
			break
		}
		t.spoke = true
		if t.takeLocked(rep) {
			t.worked = now
		}
		if c := t.conditionLocked(rep); c != nil {
			notice = c
		}
	}
	t.mu.Unlock()
	if notice != nil && t.r.Notice != nil {
		t.r.Notice(*notice)
	}
	select {
	case t.news <- struct{}{}:
	default:
	}
}

// takeLocked notes a report and says whether it shows the device at work.
func (t *talk) takeLocked(rep report) bool {
	ours := rep.name == harmless(t.r.UUID, maxPJLText)
	switch rep.kind {
	case "start":
		t.started = t.started || ours
	case "end":
		if ours {
			t.ended, t.pages = true, rep.pages
		}
	case "canceled":
		t.killed = t.killed || ours
	case "page":
		if t.started && t.counted < maxPages {
			t.counted++
		}
	case "device", "timed":
		return rep.code != 0 && rep.code != 10001 // 10001: ready, nothing to do
	default:
		return false
	}
	return true
}

// conditionLocked returns what is new about the device itself.
func (t *talk) conditionLocked(rep report) *site.Condition {
	if rep.code == 0 {
		return nil
	}
	text := codeText(rep.code)
	if text == t.text {
		return nil
	}
	t.text = text
	now := time.Now()
	return &site.Condition{State: "processing", Text: text, Since: now, Seen: now}
}

// awaitReport waits for the report that the job has ended: briefly for a first
// word, then as long as the device keeps showing that it works on it or needs
// somebody to help. One that reports nothing for talkative is not going to.
func (t *talk) awaitReport(firstWord, talkative time.Duration) {
	begin := time.Now()
	t.await(func(now time.Time) bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		limit, since := firstWord/3, begin
		if t.spoke {
			limit = talkative
		}
		if t.worked.After(since) {
			since = t.worked
		}
		return !t.pjl || t.ended || t.killed || t.over() || now.Sub(since) >= limit
	})
}

// awaitEnd waits until the device closes its side, or has acknowledged
// everything and been silent for idle. It reports whether the connection was
// in order until then.
func (t *talk) awaitEnd(idle time.Duration) bool {
	since := time.Now()
	all := false // acknowledged
	t.await(func(now time.Time) bool {
		left, known := unacknowledged(t.l.TCPConn)
		if all = !known || left == 0; !all {
			since = now
			return false
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.heard.After(since) {
			since = t.heard
		}
		return (t.ended && t.l.ctx.Err() == nil) || t.over() || now.Sub(since) >= idle
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	return all && (t.err == nil || errors.Is(t.err, io.EOF) || t.l.ctx.Err() != nil)
}

// over reports whether nothing more will come.
func (t *talk) over() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// await asks enough until it says yes or the connection has failed.
func (t *talk) await(enough func(now time.Time) bool) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	done := t.done
	for {
		if enough(time.Now()) || t.failed() {
			return
		}
		select {
		case <-done:
			done = nil // an end in order is no reason to stop: not all may be taken yet
		case <-t.news:
		case <-tick.C:
		}
	}
}

func (t *talk) failed() bool {
	return t.l.over() || t.over() && !errors.Is(t.failure(), io.EOF)
}

func (t *talk) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *talk) confirmed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended && !t.killed
}

func (t *talk) canceled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.killed
}

// impressions is what the device counted of this job, or job.Unknown.
func (t *talk) impressions() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.pages != job.Unknown:
		return t.pages
	case t.counted > 0:
		return t.counted
	}
	return job.Unknown
}
