package ui

import (
	_ "embed" // the description of the API
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"platen/fault"
)

// healthz answers for a watchdog: the process lives and does not hang.
func (s *Server) healthz(v *visit) error {
	if s.Alive != nil {
		if err := s.Alive(); err != nil {
			return &fault.Error{Op: "ui.healthz", Kind: fault.Unavailable, Text: "A part of this node hangs.", Err: err}
		}
	}
	return v.json(http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"})
}

// readyz answers for a load balancer or an installer, part by part.
func (s *Server) readyz(v *visit) error {
	parts := []Part{}
	if s.Parts != nil {
		parts = nonNil(s.Parts(v.ctx()))
	}
	ready, code := "ready", http.StatusOK
	for _, p := range parts {
		if !p.Ready {
			ready, code = "not ready", http.StatusServiceUnavailable
		}
	}
	return v.json(code, struct {
		Status string `json:"status"`
		Parts  []Part `json:"parts"`
	}{ready, parts})
}

func (s *Server) metrics(v *visit) error {
	promhttp.HandlerFor(s.Numbers, promhttp.HandlerOpts{}).ServeHTTP(v.w, v.r)
	return nil
}

//go:embed openapi.json
var openAPIDocument []byte

func (s *Server) openAPI(v *visit) error {
	v.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	v.w.Header().Set("Cache-Control", "public, max-age=300")
	_, err := v.w.Write(openAPIDocument)
	return gone(err)
}
