package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"platen/config"
	"platen/directory"
	"platen/fault"
	"platen/internal/failpoint"
	"platen/lpd"
	"platen/pki"
	"platen/release"
	"platen/ui"
)

// verifySecret is how a password or a PIN is compared.
func verifySecret(phc, secret string) bool { return directory.VerifySecret(phc, secret) }

// lpdServer is the LPD door with the limits of cfg.
func (n *node) lpdServer(cfg config.Config) server {
	l := cfg.LPD
	s := &lpd.Server{
		Intake: n.intake, Queues: n.intake, Log: n.log.Logger,
		FirstByte: l.FirstOctet.Duration, Idle: l.Idle.Duration, Grace: forever,
		MaxConns: l.MaxConnections, MaxPerIP: l.MaxPerClient, MaxTrusted: l.MaxPerTrusted, Trusted: cfg.Trusted,
		SlowBelow: int64(l.SlowRate), MaxControlFiles: l.MaxControlFiles, MaxControlOctets: uint64(l.MaxControlOctets),
		MaxDataFiles: l.MaxDataFiles,
		OnAck:        n.numbers.acked, OnRefuse: n.numbers.refused, OnConn: n.numbers.conn,
	}
	return s.Serve
}

// webServer is the HTTPS door with the limits of cfg.
func (n *node) webServer(cfg config.Config, offer *tls.Config) server {
	limits := ui.DefaultLimits()
	limits.Conns, limits.PerIP, limits.Header, limits.Grace = cfg.Web.MaxConnections, cfg.Web.MaxPerClient, cfg.Web.HeaderTimeout.Duration, forever
	limits.Octets = n.headerOctets(limits.Octets)
	s := &ui.Server{
		Name: hostName(), Version: version, LPD: n.lpd.addr(), IPP: n.ipp.addr(), ClientNames: ui.ClientNames(cfg.Web.Names), Personal: n.personal(), Members: n.members,
		Admins:    admins{n.tokens()},
		Readiness: func(ctx context.Context) (any, error) { return n.scope.Readiness(ctx, time.Now()) },
		Reception: reception{n.admin}, Trusts: trusts{n.scope, time.Now, n.post.agreed}, Cards: n.learner, Certs: n.chain, CertWork: n.certWork,
		Desk: release.Desk{Service: n.desk}, Site: n.scope, Intake: n.intake, Jobs: n.scope,
		Tokens: n.tokens(), JWKS: n.jwks, Events: events{n.scope},
		Bringers: bringers{n.tokens(), n.sources},
		Alive:    n.health.err, Parts: n.parts, CAPEM: n.chain.CAPEM, Hosts: n.hosts, TLS: offer,
		Numbers: n.numbers.registry(), Monitors: cfg.Metrics.Allow, Log: n.log.Logger, Limits: limits,
	}
	return s.Serve
}

// parts tells how the parts of the node are, for /readyz and for doctor.
func (n *node) parts(ctx context.Context) []ui.Part {
	part := func(name string, err error) ui.Part {
		if err == nil {
			return ui.Part{Name: name, Ready: true}
		}
		return ui.Part{Name: name, Text: cmp.Or(sentence(err), "It does not work at the moment.")}
	}
	_, behind := n.store.Owing()
	list := []ui.Part{part("store", cmp.Or(n.health.err(), behind)), part("spool", n.spool.Healthy()), part("disk", n.room(ctx))}
	if away, all := n.readers.troubled(); away > 0 { // a person can type, and print
		list = append(list, ui.Part{Name: "readers", Ready: true, Text: fmt.Sprintf("%d of %d card readers cannot be used at the moment.", away, all)})
	}
	if text := endingText(n.chain.Endings(), failpoint.Now()); text != "" { // whoever prints by LPR, prints
		list = append(list, ui.Part{Name: "certificates", Ready: true, Text: text})
	}
	if text := n.keeper.ClockTrouble(); text != "" {
		list = append(list, ui.Part{Name: "clock", Ready: true, Text: text})
	}
	return list
}

// endingText says which certificate ends first, and of how many; "" none.
func endingText(list []pki.Ending, now time.Time) string {
	if len(list) == 0 {
		return ""
	}
	text := fmt.Sprintf("The certificate %s ends on %s", plain(list[0].Name), stamp(list[0].Ends))
	if !now.Before(list[0].Ends) {
		text = fmt.Sprintf("The certificate %s ended on %s", plain(list[0].Name), stamp(list[0].Ends))
	}
	if len(list) > 1 {
		text += fmt.Sprintf(", and %s soon", counted(len(list)-1, "more does", "more do"))
	}
	return text + "."
}

// sentence is the sentence for people in err, "" for none.
func sentence(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return fault.Text(err)
	}
	return ""
}

// errNotProbed says that the store has not answered lately.
var errNotProbed = &fault.Error{Op: "health", Kind: fault.Unavailable, Text: "The database has not answered yet."}

// room says whether there is space for another job.
func (n *node) room(ctx context.Context) error {
	s, err := n.scope.Settings(ctx)
	if err != nil {
		return err
	}
	free, _, err := n.intake.Free()
	if err != nil {
		return err
	}
	if s.Reserve > 0 && free <= uint64(s.Reserve) {
		return &fault.Error{Op: "room", Kind: fault.Full, Text: "The disk is full. No jobs are taken at the moment."}
	}
	return nil
}

var _ net.Listener = (*relay)(nil)
