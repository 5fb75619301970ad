package ui

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"platen/ui/catalog"
)

// prepare fills what was left out and makes what every request needs.
func (s *Server) prepare() error {
	if s.Hosts == nil || s.Log == nil {
		return errors.New("ui: a server needs its host names and a log")
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Limits == (Limits{}) {
		s.Limits = DefaultLimits()
	}
	if s.Numbers == nil {
		s.Numbers = prometheus.NewRegistry()
	}
	var err error
	if s.Catalog == nil {
		if s.Catalog, err = catalog.New(); err != nil {
			return err
		}
	}
	if s.tmpl, err = parseTemplates(); err != nil {
		return err
	}
	if s.sealer, err = newSealer(); err != nil {
		return err
	}
	s.bringing = &sync.Map{}
	s.counted = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "platen_http_requests_total", Help: "Requests answered by route and status",
	}, []string{"route", "code"})
	err = s.Numbers.Register(s.counted)
	if have := (prometheus.AlreadyRegisteredError{}); errors.As(err, &have) {
		if c, ok := have.ExistingCollector.(*prometheus.CounterVec); ok {
			s.counted, err = c, nil // of the server before, whose limits were others
		}
	}
	return err
}
