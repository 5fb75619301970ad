package main

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"platen/accounting"
	"platen/fault"
	"platen/internal/fsys"
	"platen/job"
	"platen/site"
)

// numbers are what /metrics shows. Nothing in them names a person or a
// document.
type numbers struct {
	n *node

	ack      prometheus.Histogram
	refusals *prometheus.CounterVec
	conns    prometheus.Gauge
	jobs     *prometheus.CounterVec
	octets   *prometheus.CounterVec
	out      *prometheus.CounterVec
	first    *prometheus.HistogramVec
	sends    *prometheus.CounterVec
}

// seconds are the borders of the latency histograms: from what a good disk does
// to what a person calls broken.
var seconds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

func newNumbers(n *node) *numbers {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &numbers{
		n: n,
		ack: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "platen_lpd_ack_seconds", Help: "From the last octet of a job to its acknowledgement.", Buckets: seconds,
		}),
		refusals: counter("platen_lpd_refusals_total", "Clients that were refused, by reason.", "kind"),
		conns:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "platen_lpd_connections", Help: "Open connections."}),
		jobs:     counter("platen_jobs_accepted_total", "Jobs that became durable, by the door they came through.", "door"),
		octets:   counter("platen_accepted_octets_total", "Octets of accepted documents, by door.", "door"),
		out:      counter("platen_delivered_octets_total", "Octets of documents handed over, by device.", "device"),
		first: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "platen_release_to_first_octet_seconds", Help: "From the release to the first document octet at the device.", Buckets: seconds,
		}, []string{"device"}),
		sends: counter("platen_sends_total", "Sends that ended, by outcome and evidence.", "outcome", "evidence"),
	}
}

// registry is a new registry with everything in it: each HTTPS server adds its
// own numbers to one.
func (x *numbers) registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(x.ack, x.refusals, x.conns, x.jobs, x.octets, x.out, x.first, x.sends, &asked{x.n},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

func (x *numbers) acked(d time.Duration) { x.ack.Observe(d.Seconds()) }
func (x *numbers) refused(k fault.Kind)  { x.refusals.WithLabelValues(k.String()).Inc() }
func (x *numbers) conn(delta int)        { x.conns.Add(float64(delta)) }

func (x *numbers) accepted(j job.Job) {
	x.jobs.WithLabelValues(j.Origin.Door).Inc()
	x.octets.WithLabelValues(j.Origin.Door).Add(float64(j.Octets))
}

func (x *numbers) delivered(d site.Device, n int64) {
	x.out.WithLabelValues(d.Name).Add(float64(n))
}

func (x *numbers) firstOctet(d site.Device, since time.Duration) {
	x.first.WithLabelValues(d.Name).Observe(since.Seconds())
}

func (x *numbers) sendEnded(_ site.Device, o accounting.Outcome, e job.Evidence) {
	x.sends.WithLabelValues(string(o), e.String()).Inc()
}

// asked are the numbers that are looked up when somebody asks.
type asked struct{ n *node }

var (
	descJobs    = prometheus.NewDesc("platen_jobs", "Jobs in the store, by state.", []string{"state"}, nil)
	descSpool   = prometheus.NewDesc("platen_spool_octets", "Octets of the documents in the spool.", nil, nil)
	descFree    = prometheus.NewDesc("platen_disk_free_octets", "Octets free on the disk of the data folder.", nil, nil)
	descInodes  = prometheus.NewDesc("platen_disk_free_inodes", "Files that the disk of the data folder has room for.", nil, nil)
	descCommits = prometheus.NewDesc("platen_store_commits_total", "COMMITs of the database.", nil, nil)
	descWrites  = prometheus.NewDesc("platen_store_transactions_total", "Transactions that shared the COMMITs.", nil, nil)
	descDropped = prometheus.NewDesc("platen_log_dropped_lines_total", "Lines of the log that could not be written.", nil, nil)
	descHealthy = prometheus.NewDesc("platen_healthy", "1 while the store can write.", nil, nil)
	descDevices = prometheus.NewDesc("platen_device_state", "1 for the state that a device was last seen in.", []string{"device", "state"}, nil)
	descReaders = prometheus.NewDesc("platen_reader_up", "1 while a card reader can be used.", []string{"reader"}, nil)
	descEnds    = prometheus.NewDesc("platen_certificate_ends_seconds", "Unix time at which a certificate in use ends, or the first of its chain.", []string{"chain", "use"}, nil)
	descTrouble = prometheus.NewDesc("platen_certificate_trouble", "1 while a certificate in use cannot be renewed.", []string{"chain"}, nil)
	descInfo    = prometheus.NewDesc("platen_info", "1; the version is in its label.", []string{"version"}, nil)
)

// Describe names them.
func (a *asked) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descJobs, descSpool, descFree, descInodes, descCommits, descWrites, descDropped, descHealthy, descDevices, descReaders, descEnds, descTrouble, descInfo} {
		ch <- d
	}
}

// Collect looks them up. What cannot be looked up is left out: the store being
// away is a number of its own.
func (a *asked) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	total := func(d *prometheus.Desc, v int64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	if counts, err := a.n.scope.Counts(ctx); err == nil {
		for s := job.Pending; s <= job.Completed; s++ {
			gauge(descJobs, float64(counts[s]), s.String())
		}
	}
	if octets, err := a.n.scope.SpoolOctets(ctx); err == nil {
		gauge(descSpool, float64(octets))
	}
	if free, inodes, err := fsys.FreeSpace(a.n.place.cfg.Data); err == nil {
		gauge(descFree, float64(free))
		if inodes < math.MaxUint64 {
			gauge(descInodes, float64(inodes))
		}
	}
	if devices, err := a.n.scope.Devices(ctx); err == nil {
		for _, d := range devices {
			gauge(descDevices, 1, d.Name, d.Status.State)
		}
	}
	if list, err := a.n.scope.Readers(ctx); err == nil {
		for i := range list {
			if list[i].Enabled {
				up := 0.0
				if a.n.readers.state(&list[i]).OK {
					up = 1
				}
				gauge(descReaders, up, list[i].Name)
			}
		}
	}
	a.certificates(gauge)
	transactions, commits := a.n.store.Commits()
	total(descCommits, commits)
	total(descWrites, transactions)
	total(descDropped, a.n.log.out.dropped.Load())
	healthy := 0.0
	if a.n.health.err() == nil {
		healthy = 1
	}
	gauge(descHealthy, healthy)
	gauge(descInfo, 1, version)
}

// certificates are the numbers of those in use. Names are each their own: chains have
// one only once, and so have authorities, which have no trouble.
func (a *asked) certificates(gauge func(d *prometheus.Desc, v float64, labels ...string)) {
	for _, t := range a.n.chain.Terms() {
		gauge(descEnds, float64(t.Ends.Unix()), t.Name, t.Use)
		if t.From == "" {
			continue
		}
		trouble := 0.0
		if t.Trouble != "" {
			trouble = 1
		}
		gauge(descTrouble, trouble, t.Name)
	}
}
