package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/internal/testkit/peers"
)

// sink is a printer on port 9100 that notes when octets come.
type sink struct {
	ln   net.Listener
	jobs chan delivery
}

// delivery is one connection to the sink.
type delivery struct {
	first, last time.Time
	octets      int64
}

func newSink() (*sink, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{ln: ln, jobs: make(chan delivery, 64)}
	go s.serve()
	return s, nil
}

func (s *sink) serve() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			var d delivery
			buf := make([]byte, 256<<10)
			for {
				n, err := conn.Read(buf)
				if n > 0 {
					if d.octets == 0 {
						d.first = time.Now()
					}
					d.octets += int64(n)
					d.last = time.Now()
				}
				if err != nil {
					break
				}
			}
			if d.octets > 0 {
				s.jobs <- d
			}
		}()
	}
}

// benchRelease is the second row: from the request that releases a held job to
// its first and last octet at the device.
func benchRelease(ctx context.Context, n *node, cups *peers.Cups, raw *sink, releases int, v *verdicts) error {
	fmt.Printf("release to octets at a port 9100 sink, ms (p50 and p99 of %d releases, in turn)\n", releases)
	fmt.Printf("%-8s %-10s %-26s %-26s %-26s\n", "size", "who", "answer", "first octet", "last octet")
	for _, size := range []int{64 << 10, 1 << 20, 16 << 20, 100 << 20} {
		var own, peer [3]spread
		for i := range releases {
			doc := bytes.Repeat(fmt.Appendf(nil, "bench %06d %09d\n", i, size), size/23+1)[:size]
			if err := measure(&own, raw, size, func() (func() error, error) { return n.submit(ctx, doc, i) }); err != nil {
				return fmt.Errorf("platen: %w", err)
			}
			if err := measure(&peer, raw, size, func() (func() error, error) { return submitCups(ctx, cups, doc) }); err != nil {
				return fmt.Errorf("cupsd: %w", err)
			}
		}
		for _, row := range []struct {
			who string
			s   [3]spread
		}{{"platen", own}, {"cupsd", peer}} {
			fmt.Printf("%-8s %-10s", fmt.Sprintf("%d KiB", size>>10), row.who)
			for _, s := range row.s {
				fmt.Printf(" %-26s", fmt.Sprintf("%.2f / %.2f", s.median(), s.at(0.99)))
			}
			fmt.Println()
		}
		fmt.Printf("%-8s %-10s %-26s %-26.2f %-26.2f\n", "", "ratio", "", own[1].median()/peer[1].median(), own[2].median()/peer[2].median())
		switch size {
		case 1 << 20:
			v.most("release to first octet, 1 MiB, share of cupsd's time", own[1].median()/peer[1].median(), 0.5, 0.33, "")
		case 100 << 20:
			v.least("100 MiB to a raw sink, last octet, times as fast as cupsd", peer[2].median()/own[2].median(), 1.5, 2, "")
		}
	}
	fmt.Println()
	return nil
}

// measure submits a held job, waits a moment, releases it and times it.
func measure(into *[3]spread, raw *sink, size int, submit func() (release func() error, err error)) error {
	release, err := submit()
	if err != nil {
		return err
	}
	time.Sleep(150 * time.Millisecond)
	for len(raw.jobs) > 0 {
		<-raw.jobs
	}
	start := time.Now()
	if err := release(); err != nil {
		return err
	}
	answered := time.Now()
	select {
	case d := <-raw.jobs:
		if d.octets < int64(size) {
			return fmt.Errorf("%d of %d octets came", d.octets, size)
		}
		for i, t := range []time.Time{answered, d.first, d.last} {
			into[i] = append(into[i], t.Sub(start).Seconds()*1e3)
		}
		return nil
	case <-time.After(30 * time.Second):
		return errors.New("nothing came within 30 s")
	}
}

// submitCups prints to cupsd's held queue by Print-Job; the job is released by
// Release-Job.
func submitCups(ctx context.Context, cups *peers.Cups, doc []byte) (func() error, error) {
	uri := fmt.Sprintf("ipp://127.0.0.1:%d/printers/held", cups.Port)
	msg := ippRequest(goipp.OpPrintJob, "printer-uri", goipp.String(uri))
	msg.Operation.Add(goipp.MakeAttribute("document-format", goipp.TagMimeType, goipp.String("application/octet-stream")))
	answer, err := ipp(ctx, cups.Port, "/printers/held", msg, doc)
	if err != nil {
		return nil, err
	}
	id := 0
	for _, a := range answer.Job {
		if a.Name == "job-id" {
			if v, ok := a.Values[0].V.(goipp.Integer); ok {
				id = int(v)
			}
		}
	}
	job := ippRequest(goipp.OpReleaseJob, "job-uri", goipp.String(fmt.Sprintf("ipp://127.0.0.1:%d/jobs/%d", cups.Port, id)))
	return func() error {
		_, err := ipp(ctx, cups.Port, "/jobs", job, nil)
		return err
	}, nil
}

func ippRequest(op goipp.Op, target string, uri goipp.String) *goipp.Message {
	m := goipp.NewRequest(goipp.DefaultVersion, op, 1)
	m.Operation.Add(goipp.MakeAttribute("attributes-charset", goipp.TagCharset, goipp.String("utf-8")))
	m.Operation.Add(goipp.MakeAttribute("attributes-natural-language", goipp.TagLanguage, goipp.String("en")))
	m.Operation.Add(goipp.MakeAttribute(target, goipp.TagURI, uri))
	m.Operation.Add(goipp.MakeAttribute("requesting-user-name", goipp.TagName, goipp.String("anna")))
	return m
}

var ippClient = &http.Client{Timeout: time.Minute}

func ipp(ctx context.Context, port int, path string, m *goipp.Message, doc []byte) (*goipp.Message, error) {
	head, err := m.EncodeBytes()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), io.MultiReader(bytes.NewReader(head), bytes.NewReader(doc)))
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(len(head) + len(doc))
	req.Header.Set("Content-Type", goipp.ContentType)
	res, err := ippClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer goipp.Message
	if err := answer.Decode(res.Body); err != nil {
		return nil, err
	}
	if s := goipp.Status(answer.Code); !strings.HasPrefix(s.String(), "successful") {
		return nil, fmt.Errorf("%s: %s", goipp.Op(m.Code), s)
	}
	return &answer, nil
}
