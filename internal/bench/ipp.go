package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/internal/testkit/peers"
)

// ippPrinter is a queue that is spoken to over IPP.
type ippPrinter struct {
	addr string // host:port
	path string
}

func (p ippPrinter) uri() string { return "ipp://" + p.addr + p.path }

// ippConn is one connection that is kept. It does as little as a client can, so
// that what is measured is the other side.
type ippConn struct {
	to   ippPrinter
	conn net.Conn
	r    *bufio.Reader
	id   uint32
	last bytes.Buffer // the last answer
	same []byte       // a request that is sent again and again
}

func dialIPP(to ippPrinter) (*ippConn, error) {
	conn, err := net.DialTimeout("tcp", to.addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(10 * time.Minute))
	return &ippConn{to: to, conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}, nil
}

func (c *ippConn) close() { c.conn.Close() }

// request encodes an operation; more are its operation attributes behind those that
// every request has.
func (c *ippConn) request(op goipp.Op, user string, more ...goipp.Attribute) ([]byte, error) {
	c.id++
	m := goipp.NewRequest(goipp.DefaultVersion, op, c.id)
	m.Operation.Add(goipp.MakeAttribute("attributes-charset", goipp.TagCharset, goipp.String("utf-8")))
	m.Operation.Add(goipp.MakeAttribute("attributes-natural-language", goipp.TagLanguage, goipp.String("en")))
	m.Operation.Add(goipp.MakeAttribute("printer-uri", goipp.TagURI, goipp.String(c.to.uri())))
	for _, a := range more[:min(1, len(more))] { // job-id stands beside printer-uri
		if a.Name == "job-id" {
			m.Operation.Add(a)
			more = more[1:]
		}
	}
	m.Operation.Add(goipp.MakeAttribute("requesting-user-name", goipp.TagName, goipp.String(user)))
	for _, a := range more {
		m.Operation.Add(a)
	}
	return m.EncodeBytes()
}

// do sends a request with its document and returns the octets of the answer, whose
// status is successful. They are valid until the next one.
func (c *ippConn) do(request, doc []byte) ([]byte, error) {
	head := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/ipp\r\nContent-Length: %d\r\n\r\n", c.to.path, c.to.addr, len(request)+len(doc))
	parts := net.Buffers{append(head, request...), doc}
	if _, err := parts.WriteTo(c.conn); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	c.last.Reset()
	_, err = c.last.ReadFrom(res.Body)
	b := c.last.Bytes()
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode != http.StatusOK || len(b) < 8:
		return nil, fmt.Errorf("%s says %s: %.200s", c.to.addr, res.Status, b)
	case b[2] != 0:
		return nil, fmt.Errorf("%s says status %02x%02x: %.200q", c.to.addr, b[2], b[3], b)
	}
	return b, nil
}

// jobOf finds job-id in an answer.
func jobOf(b []byte) (int, error) {
	var m goipp.Message
	if err := m.DecodeBytes(b); err != nil {
		return 0, err
	}
	for _, a := range m.Job {
		if id, ok := a.Values[0].V.(goipp.Integer); ok && a.Name == "job-id" {
			return int(id), nil
		}
	}
	return 0, errors.New("an answer without a job-id")
}

func name(n, v string) goipp.Attribute {
	return goipp.MakeAttribute(n, goipp.TagName, goipp.String(v))
}

func format(v string) goipp.Attribute {
	return goipp.MakeAttribute("document-format", goipp.TagMimeType, goipp.String(v))
}

// print prints one job with Print-Job and returns its number.
func (c *ippConn) print(user, title string, doc []byte) (int, error) {
	req, err := c.request(goipp.OpPrintJob, user, name("job-name", title), format("application/octet-stream"))
	if err != nil {
		return 0, err
	}
	b, err := c.do(req, doc)
	if err != nil {
		return 0, err
	}
	return jobOf(b)
}

// send prints one job with Create-Job and Send-Document.
func (c *ippConn) send(user, title string, doc []byte) error {
	req, err := c.request(goipp.OpCreateJob, user, name("job-name", title))
	if err != nil {
		return err
	}
	b, err := c.do(req, nil)
	if err != nil {
		return err
	}
	id, err := jobOf(b)
	if err != nil {
		return err
	}
	req, err = c.request(goipp.OpSendDocument, user, goipp.MakeAttribute("job-id", goipp.TagInteger, goipp.Integer(id)),
		format("application/octet-stream"), goipp.MakeAttribute("last-document", goipp.TagBoolean, goipp.Boolean(true)))
	if err != nil {
		return err
	}
	_, err = c.do(req, doc)
	return err
}

// requested is requested-attributes.
func requested(names ...string) goipp.Attribute {
	a := goipp.Attribute{Name: "requested-attributes"}
	for _, n := range names {
		a.Values.Add(goipp.TagKeyword, goipp.String(n))
	}
	return a
}

// crowdOf has conc connections do what they are told, count times in all, and
// returns how often a second, and how long each took in milliseconds.
func crowdOf(ctx context.Context, to ippPrinter, conc, count int, do func(c *ippConn, i int) error) (rate float64, ms spread, err error) {
	clients := make([]func(int) error, conc)
	for k := range clients {
		c, err := dialIPP(to)
		if err != nil {
			return 0, nil, err
		}
		defer c.close()
		clients[k] = func(i int) error { return do(c, i) }
	}
	rate, ms, err = together(ctx, clients, count)
	return rate, ms, errors.Join(err, ctx.Err())
}

func heldBy(c *peers.Cups) ippPrinter {
	return ippPrinter{fmt.Sprintf("127.0.0.1:%d", c.Port), "/printers/held"}
}

func (n *node) secure() ippPrinter { return ippPrinter{n.ipp, "/ipp/print/secure"} }

// benchPrintJob is jobs a second beside cupsd as it comes, and as durable as it can
// be made.
func benchPrintJob(ctx context.Context, n *node, cups *peers.Cups, raw *sink, strictDir string, runs, jobs int, v *verdicts) error {
	strict, err := peers.StartStrictCups(ctx, strictDir)
	if err != nil {
		return err
	}
	defer strict.Stop()
	if err := strict.Queue(ctx, "held", "socket://"+raw.ln.Addr().String(), true); err != nil {
		return err
	}
	if err := n.command(ctx, nil, "settings", "set", "--max-user-jobs", "1000000"); err != nil { // anna prints as much as a house
		return err
	}
	fmt.Printf("IPP Print-Job, 10 KiB, kept connections, acknowledged jobs/s (p50 / p99 ms of the last run)\n")
	fmt.Printf("%-12s %-38s %-38s %-38s %8s %8s\n", "connections", "platen (synced)", "cupsd (not synced)", "cupsd (DirtyCleanInterval 0, SyncOnClose)", "x stock", "x strict")
	doc := text(smallJob)
	goals := map[int]float64{1: 1.2, 8: 2, 64: 2}
	for _, conc := range []int{1, 8, 64} {
		who := []struct {
			to    ippPrinter
			cups  *peers.Cups
			count int
			rates spread
			last  spread
		}{{to: n.secure(), count: jobs}, {to: heldBy(cups), cups: cups, count: jobs}, {to: heldBy(strict), cups: strict, count: max(jobs/2, conc)}}
		for run := range runs {
			for i := range who {
				w := &who[i]
				if w.cups != nil { // its lists grow with its jobs, and slow it down
					if out, err := w.cups.Run(ctx, "cancel", "-a", "-x"); err != nil {
						return fmt.Errorf("cancel: %w: %s", err, out)
					}
				}
				rate, ms, err := crowdOf(ctx, w.to, conc, w.count, func(c *ippConn, i int) error {
					title := fmt.Sprintf("bench %d %d %d", conc, run, i)
					_, err := c.print("anna", title, append([]byte(title), doc[len(title):]...)) // each is another one
					return err
				})
				if err != nil {
					return err
				}
				w.rates, w.last = append(w.rates, rate), ms
			}
		}
		cell := func(i int) string {
			return fmt.Sprintf("%s (%.1f / %.1f)", who[i].rates, who[i].last.median(), who[i].last.at(0.99))
		}
		stock, durable := who[0].rates.median()/who[1].rates.median(), who[0].rates.median()/who[2].rates.median()
		fmt.Printf("%-12d %-38s %-38s %-38s %8.2f %8.2f\n", conc, cell(0), cell(1), cell(2), stock, durable)
		v.least(fmt.Sprintf("10 KiB Print-Job/s at %d, times stock cupsd", conc), stock, goals[conc], goals[conc], "")
		v.least("the same, times cupsd with all its durability", durable, 6, 6, "")
	}
	fmt.Println()
	return nil
}

// benchPrinterAttributes is what every client asks first, and often.
func benchPrinterAttributes(ctx context.Context, n *node, cups *peers.Cups, runs int, v *verdicts) error {
	const count = 4000
	var own, other spread
	var octets, octetsOther atomic.Int64
	for range runs {
		for _, who := range []struct {
			to     ippPrinter
			into   *spread
			octets *atomic.Int64
		}{{n.secure(), &own, &octets}, {heldBy(cups), &other, &octetsOther}} {
			rate, _, err := crowdOf(ctx, who.to, 8, count, func(c *ippConn, _ int) error {
				if c.same == nil {
					req, err := c.request(goipp.OpGetPrinterAttributes, "anna", requested("all"))
					if err != nil {
						return err
					}
					c.same = req
				}
				b, err := c.do(c.same, nil)
				who.octets.Store(int64(len(b)))
				return err
			})
			if err != nil {
				return err
			}
			*who.into = append(*who.into, rate)
		}
	}
	fmt.Printf("Get-Printer-Attributes, all, 8 connections, answers/s: platen %s of %d octets, cupsd %s of %d octets, %.2f times cupsd\n\n",
		own, octets.Load(), other, octetsOther.Load(), own.median()/other.median())
	v.least("Get-Printer-Attributes/s at 8, times cupsd", own.median()/other.median(), 3, 3, "")
	return nil
}

// benchSendDocument is one document of 1 GiB beside the loop that only does to its
// octets what must be done.
func benchSendDocument(ctx context.Context, n *node, dir string, runs int, v *verdicts) error {
	bare, stop, err := startNull(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	doc := text(largeJob)
	var own, loop spread
	var added int64
	for run := range min(runs, 3) {
		if err := n.forgetPeak(); err != nil {
			return err
		}
		before := n.peak()
		for _, who := range []struct {
			do   func() error
			into *spread
		}{{func() error {
			c, err := dialIPP(n.secure())
			if err != nil {
				return err
			}
			defer c.close()
			return c.send("anna", fmt.Sprint("large ", run), doc)
		}, &own}, {func() error { return printOne(bare, "bare", "anna", fmt.Sprint("large ", run), run, doc) }, &loop}} {
			settle()
			start := time.Now()
			if err := who.do(); err != nil {
				return err
			}
			*who.into = append(*who.into, largeJob/1e6/time.Since(start).Seconds())
		}
		added = max(added, n.peak()-before)
	}
	fmt.Printf("one Send-Document of 1 GiB, MB/s, each after the disk has come to rest:\n  platen %s, a bare loop that receives, hashes, encrypts, writes and syncs %s: %.2f of it; the node needed %.1f MiB more\n\n",
		own, loop, own.median()/loop.median(), float64(added)/1024)
	v.least("1 GiB Send-Document, share of a bare loop", own.median()/loop.median(), 0.8, 0.8, "")
	v.most("the same, added memory", float64(added)/1024, 32, 32, " MiB")
	return nil
}

// Those who ask for their jobs have so many; everybody else's are only there.
const (
	askers      = 20
	jobsOfAsker = 60
)

// benchGetJobs is the list of one user's jobs, at most 50, among few and very many.
func benchGetJobs(ctx context.Context, binary, dir string, cups *peers.Cups, raw *sink, v *verdicts) error {
	n, err := crowded(ctx, binary, filepath.Join(dir, "ipp-many"), raw, manyUsers)
	if err != nil {
		return err
	}
	defer n.stop()
	few := 10_000
	if out, err := cups.Run(ctx, "cancel", "-a", "-x"); err != nil {
		return fmt.Errorf("cancel: %w: %s", err, out)
	}
	if _, err := fillIPP(ctx, heldBy(cups), 0, few, 8); err != nil {
		return err
	}
	var own [2]spread
	var other spread
	at := 0
	for i, stage := range []int{few, manyJobs} {
		rate, err := fillIPP(ctx, n.secure(), at, stage, 64)
		if err != nil {
			return err
		}
		at = stage
		if own[i], err = listJobs(ctx, n.secure()); err != nil {
			return err
		}
		if i == 0 {
			if other, err = listJobs(ctx, heldBy(cups)); err != nil {
				return err
			}
		}
		fmt.Printf("%9d jobs (the last %d came in at %.0f jobs/s): Get-Jobs of one user, limit 50, ms: p50 %.2f p99 %.2f\n", stage, stage-min(stage, few*i), rate, own[i].median(), own[i].at(0.99))
	}
	fmt.Printf("cupsd with %d jobs: p50 %.2f p99 %.2f\n\n", few, other.median(), other.at(0.99))
	v.most("Get-Jobs among 1,000,000 jobs, p50, times that among 10,000", own[1].median()/own[0].median(), 1.5, 1.5, "")
	v.most("Get-Jobs among 10,000 jobs, p50, share of cupsd's", own[0].median()/other.median(), 1, 1, "")
	return nil
}

// fillIPP prints small jobs with Print-Job until there are so many: first those of
// the askers, then everybody else's.
func fillIPP(ctx context.Context, to ippPrinter, from, until, conc int) (rate float64, err error) {
	rate, _, err = crowdOf(ctx, to, conc, until-from, func(c *ippConn, i int) error {
		i += from - 1
		user := login(askers + i%(manyUsers-askers))
		if i < askers*jobsOfAsker {
			user = login(i % askers)
		}
		_, err := c.print(user, fmt.Sprint("job ", i), fmt.Appendf(nil, "document %d\n", i))
		return err
	})
	return rate, err
}

// listJobs asks 500 times for the jobs of one of the askers.
func listJobs(ctx context.Context, to ippPrinter) (spread, error) {
	rng := rand.New(rand.NewPCG(5, 6))
	_, ms, err := crowdOf(ctx, to, 1, 520, func(c *ippConn, _ int) error {
		req, err := c.request(goipp.OpGetJobs, login(rng.IntN(askers)), goipp.MakeAttribute("limit", goipp.TagInteger, goipp.Integer(50)),
			requested("job-id", "job-name", "job-originating-user-name", "job-k-octets", "job-state", "job-state-reasons"),
			goipp.MakeAttribute("my-jobs", goipp.TagBoolean, goipp.Boolean(true)))
		if err != nil {
			return err
		}
		b, err := c.do(req, nil)
		if err != nil {
			return err
		}
		var m goipp.Message
		if err := m.DecodeBytes(b); err != nil {
			return err
		}
		jobs := 0
		for _, g := range m.AttrGroups() {
			if g.Tag == goipp.TagJobGroup {
				jobs++
			}
		}
		if jobs != 50 {
			return fmt.Errorf("%s lists %d jobs", to.addr, jobs)
		}
		return nil
	})
	return ms[min(20, len(ms)):], err // caches are warm
}
