package ippsrv

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
	"platen/ipp"
	"platen/job"
)

// identify finds out who asks. A password counts over TLS only. What keeps a
// password from being looked at is an error of its own: a client that was told
// 401 would ask its user for another one, or hold the job until they give it.
func (q *request) identify(w http.ResponseWriter) (httpStatus int, err error) {
	q.host = q.client.IsValid() && slices.ContainsFunc(q.s.Trusted, func(p netip.Prefix) bool { return p.Contains(q.client) }) || q.certified()
	if q.person.ID != "" {
		return 0, nil
	}
	if negotiates(q.http) && q.offersTickets() {
		return q.byTicket(w)
	}
	login, password, ok := q.http.BasicAuth()
	if ok {
		if q.http.TLS == nil {
			return upgradeFirst(w, "A password is sent over TLS only."), nil
		}
		p, err := q.s.People.Password(q.ctx, login, password, q.client)
		if fault.Is(err, fault.Denied) {
			q.s.Log.Info("ipp: sign-in refused", "client", q.client.String(), "error", err)
			return q.challenge(w), nil
		}
		q.person = p
		return 0, err
	}
	if err := q.byCertificate(); err != nil || q.person.ID != "" {
		return 0, err
	}
	if q.queue.IPP.RequireIdentity && !q.host && needsIdentity[q.op()] {
		return q.askPassword(w), nil
	}
	return 0, nil
}

// negotiates reports whether a request brings a ticket.
func negotiates(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Negotiate") || strings.EqualFold(scheme, "NTLM")
}

func (q *request) offersTickets() bool { return q.s.Tickets != nil && q.s.Tickets.Offered(q.ctx) }

// byTicket finds out who asks by a Kerberos ticket. It counts over TLS only, like
// a password: whoever is in between could print in its owner's name. One that is
// not good is answered like a wrong password, so that the client may send one.
func (q *request) byTicket(w http.ResponseWriter) (httpStatus int, err error) {
	if q.http.TLS == nil {
		return upgradeFirst(w, "A ticket is sent over TLS only."), nil
	}
	p, _, err := q.s.Tickets.Ticket(w, q.http)
	if fault.Is(err, fault.Denied) || fault.Is(err, fault.Invalid) {
		q.s.Log.Info("ipp: sign-in refused", "client", q.client.String(), "error", err)
		return q.challenge(w), nil
	}
	q.person = p
	return 0, err
}

// byCertificate finds out who asks by the certificate that the client has shown. One
// that proves nothing is as none at all: computers choose it without asking, and
// somebody else may be about to sign in with a password.
func (q *request) byCertificate() error {
	if q.http.TLS == nil || len(q.http.TLS.PeerCertificates) == 0 || q.s.Certificates == nil || q.certified() {
		return nil
	}
	name, p, err := q.s.Certificates.Certificate(q.ctx, q.http.TLS.PeerCertificates, q.queue)
	if fault.Is(err, fault.Denied) {
		level := slog.LevelDebug
		if needsIdentity[q.op()] {
			level = slog.LevelInfo
		}
		q.s.Log.Log(q.ctx, level, "ipp: a certificate proves nothing", "client", q.client.String(), "queue", q.queue.Name, "error", err)
		return nil
	}
	q.holder, q.person = name, p
	return err
}

// certified reports whether the client has shown the certificate of a host that
// is believed. TLS has proven that it has the key.
func (q *request) certified() bool {
	if q.http.TLS == nil || len(q.http.TLS.PeerCertificates) == 0 {
		return false
	}
	sum := sha256.Sum256(q.http.TLS.PeerCertificates[0].Raw)
	return slices.Contains(q.s.Certs, hex.EncodeToString(sum[:]))
}

// needsIdentity are the operations that a queue with RequireIdentity refuses to
// strangers. Asking what it can do is not among them.
var needsIdentity = map[goipp.Op]bool{
	goipp.OpPrintJob: true, goipp.OpValidateJob: true, goipp.OpCreateJob: true, goipp.OpSendDocument: true, goipp.OpCancelJob: true,
	goipp.OpHoldJob: true, goipp.OpReleaseJob: true, goipp.OpSetJobAttributes: true, goipp.OpCloseJob: true, goipp.OpCancelMyJobs: true,
}

// askPassword asks for a password, or for TLS first.
func (q *request) askPassword(w http.ResponseWriter) int {
	if q.http.TLS != nil {
		return q.challenge(w)
	}
	if q.s.TLS == nil {
		return 0
	}
	return upgradeFirst(w, "This queue is printed to over TLS.")
}

// upgradeFirst asks the client to go on in TLS.
func upgradeFirst(w http.ResponseWriter, why string) int {
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", "TLS/1.2")
	http.Error(w, why, http.StatusUpgradeRequired)
	return http.StatusUpgradeRequired
}

// challenge asks for a ticket where one is taken and none was shown, or for a
// password. The ticket stands first: CUPS takes the first that it can do, and asks
// its user for a password before it looks at what comes after Basic. Whoever has
// shown a ticket in vain is not asked for it again and again.
func (q *request) challenge(w http.ResponseWriter) int {
	if q.offersTickets() && !negotiates(q.http) {
		w.Header().Add("WWW-Authenticate", "Negotiate")
	}
	w.Header().Add("WWW-Authenticate", `Basic realm="Platen", charset="UTF-8"`)
	http.Error(w, "Please sign in with user name and password.", http.StatusUnauthorized)
	return http.StatusUnauthorized
}

// claimed is requesting-user-name as the client wrote it.
func (q *request) claimed() string {
	return ipp.Cut(ipp.Text(q.msg.Operation, "requesting-user-name"), 255)
}

// requester is who asks, for those who guard jobs.
func (q *request) requester() job.Requester {
	r := job.Requester{Client: q.client, Claimed: q.claimed(), User: q.person.ID, Admin: q.person.Admin, Actor: q.person.Login}
	if r.Actor == "" {
		r.Actor = "the sending computer"
	}
	return r
}

// origin is where a job of this request comes from.
func (q *request) origin() job.Origin {
	return job.Origin{
		Door: "ipp", Queue: q.queue.Name, Client: q.client, User: q.person.ID, Certificate: q.holder, Believed: q.host && q.person.ID == "",
	}
}
