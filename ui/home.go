package ui

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"platen/internal/crowd"
	"platen/site"
)

// landing is what somebody sees who only knows the node's address: what it is,
// how to print to it, and where its devices are. Nothing in it is secret, and
// nothing of a person.
func (s *Server) landing(v *visit) error {
	p := struct {
		sheet
		Node, Version string
		Queues        []site.Queue
		Terminals     []site.Terminal
		Host, Printer string // for the commands; Printer is "" when nothing listens
		CA, Members   bool
		Trust         bool // there is a page that says how
	}{sheet: v.sheet("Print here"), Node: s.Name, Version: s.Version, Host: bareHost(v.r.Host), CA: s.CAPEM != nil, Members: s.Members != nil, Trust: s.Certs != nil}
	p.Printer = s.printTo(v.r.Host)
	if s.Site != nil {
		queues, err := s.Site.Queues(v.ctx())
		if err != nil {
			return err
		}
		p.Queues = slices.DeleteFunc(slices.Clone(queues), func(q site.Queue) bool { return !q.AcceptJobs || q.IPP.Hidden })
		if p.Terminals, err = s.Site.Terminals(v.ctx()); err != nil {
			return err
		}
	}
	return v.render(http.StatusOK, "landing.html", p)
}

// printTo is where clients print to, by the name that this browser used.
func (s *Server) printTo(hostport string) string {
	if s.LPD == "" {
		return ""
	}
	_, port, err := net.SplitHostPort(s.LPD)
	if err != nil {
		return ""
	}
	if port == "515" {
		return bareHost(hostport)
	}
	return net.JoinHostPort(strings.Trim(bareHost(hostport), "[]"), port)
}

// bareHost returns the host of "host:port" as it may stand in a URI.
func bareHost(hostport string) string {
	host := crowd.HostOf(hostport)
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
