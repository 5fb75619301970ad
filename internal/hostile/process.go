package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// vitals is what a node uses.
type vitals struct {
	rss, peak   int // MiB
	descriptors int
	goroutines  int
	heap        int // MiB, of live and not yet collected objects
}

func (v vitals) String() string {
	return fmt.Sprintf("%d MiB, %d descriptors, %d goroutines", v.rss, v.descriptors, v.goroutines)
}

// vitals asks the system, and /metrics.
func (n *node) vitals(ctx context.Context) (v vitals, err error) {
	pid := strconv.Itoa(n.cmd.Process.Pid)
	b, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return v, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		k, _ := strconv.Atoi(f[1])
		switch f[0] {
		case "VmRSS:":
			v.rss = k >> 10
		case "VmHWM:":
			v.peak = k >> 10
		}
	}
	list, err := os.ReadDir("/proc/" + pid + "/fd")
	if err != nil {
		return v, err
	}
	v.descriptors = len(list)
	return v, n.metrics(ctx, &v)
}

// forgetPeak makes the peak count from now on: setting a demo up hashes
// passwords, which needs more memory for a moment than the node does ever after.
func (n *node) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", n.cmd.Process.Pid), []byte("5"), 0)
}

func (n *node) metrics(ctx context.Context, v *vitals) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+n.web+"/metrics", nil)
	if err != nil {
		return err
	}
	res, err := n.from(good).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(io.LimitReader(res.Body, 1<<20)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		f, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "go_goroutines":
			v.goroutines = int(f)
		case "go_memstats_heap_alloc_bytes":
			v.heap = int(f) >> 20
		}
	}
	return nil
}
