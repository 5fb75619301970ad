package device

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"platen/fault"
	"platen/job"
	"platen/site"
)

// Device is one output device.
type Device interface {
	// Deliver hands over all documents of a job. When it returns nil, every
	// octet was handed over; Result says what is known of it. When it returns
	// an error with Result.Evidence NoneAccepted, no octet of a document was
	// accepted and it is safe to try again; Result.Octets is then 0. Ending ctx
	// stops the delivery at the next safe boundary.
	//
	// One delivery at a time: who calls it sees to that.
	Deliver(ctx context.Context, d Delivery) (Result, error)

	// Condition looks at the device without printing anything. It is cheap. The
	// State is "idle", "stopped", or "unknown" where nothing could be asked.
	Condition(ctx context.Context) (site.Condition, error)
}

// Asker is a Device that can be asked what became of a delivery.
type Asker interface {
	// Ask looks for what the device has of the delivery of a job that Deliver
	// was told as UUID and Send, sees to it that a document which never came to
	// its end is not printed, and waits for the end of one that did, however
	// long that takes. When something was found, result and error are as those
	// of Deliver; Result.Octets is an upper bound of what the device has, or
	// job.Unknown. When nothing was found, nobody knows: devices forget. An
	// error then says that the device could not be asked.
	//
	// When ctx ends, the device is told to cancel what it still has, unless the
	// cause is ErrLeave.
	Ask(ctx context.Context, uuid, send string) (res Result, found bool, err error)
}

// ErrLeave as the cause with which the context of a delivery ends says that the
// node goes, and not the job: what an Asker has in full it may print, and is
// asked about later.
var ErrLeave = errors.New("what the device has stays there")

// Delivery is one job on its way to a device.
type Delivery struct {
	UUID      string // job-uuid: what the device is told as the job's name, and what its answers are compared with
	JobID     int64  // job-id
	Title     string // job-name; "" tells the device nothing
	User      string // login of the owner, or the claimed user
	Queue     string // name of the queue the job came to
	Documents []Doc
	Options   job.Options
	Ticket    job.Ticket // what the client asked for; a device that knows none of it takes the documents as they are
	Send      string     // id of this delivery of the job, "" none: what a device is asked about afterwards

	// Go is called once, when the device is ready for the job and has not yet
	// been given an octet of any document. An error stops the delivery.
	Go func() error
	// Progress is told the octets of documents handed over so far, all copies.
	// May be nil.
	Progress func(octets int64)
	// Sent is told that every octet which is to go has gone, where the device
	// then takes long to print. May be nil.
	Sent func()
	// Notice is told what the device says about itself during the delivery. May
	// be nil.
	Notice func(site.Condition)
}

// Doc is one document of a delivery.
type Doc struct {
	Name     string // document-name
	Language string // as pdl calls it: "pdf", "postscript", "pcl", "pclxl", ..., "unknown"
	Octets   int64
	Copies   int                           // how often it is sent; less than 1 counts as 1
	Open     func() (io.ReadCloser, error) // from its first octet, once per copy
	Made     bool                          // for this device: the pages and the media that the ticket asks for are in it already
}

// Result says how far a delivery came.
type Result struct {
	Octets      int64 // of documents, all copies, handed over: an upper bound of what the device has
	Evidence    job.Evidence
	Impressions int    // sides marked as the device counted them, or job.Unknown
	Sheets      int    // or job.Unknown
	Copies      int    // how often each document was sent or asked for; 0: once, and what it says itself stands
	Sides       string // sides keyword that the device was told, "" none
	Detail      string // one English sentence about the end, "" none
}

// Settings are the node's side of every delivery. The zero value is strict and
// has the times of the house.
type Settings struct {
	Host string // name of this node, as LPR's H tells it

	AllowLoopback bool           // devices on this machine are allowed; for the demo and tests
	Allow         []netip.Prefix // addresses an administrator listed although they are refused by default
	OwnPorts      []uint16       // ports that this node itself listens on: never a device on this machine
	Folders       []string       // when not empty, folder devices must lie in one of these

	Connect  time.Duration // a connection is made within it; 10 s when 0
	Answer   time.Duration // an answer of LPR or IPP comes within it; 5 min when 0
	Idle     time.Duration // after the last octet: a device that has taken all and says nothing is done; 10 s when 0
	Talk     time.Duration // after the last octet: silence of a device that reported before; 90 s when 0
	HalfOpen time.Duration // no sign of life of the other end while it owes us one; 2 min when 0

	// Pin is asked whether a device, by its id, may show this public key: the
	// SHA-256 of its certificate's SubjectPublicKeyInfo. It remembers the first, and
	// one that is vouched for by Roots in place of the one before. Conflict says that
	// the device had another key before; every other error that the question could
	// not be answered. nil accepts any key.
	Pin func(ctx context.Context, device string, spki []byte, vouched bool) error

	// Roots is asked, for each connection, whose certificates of devices are believed:
	// authorities that an administrator has named, never those of the system. nil, or
	// nil from it: nobody's.
	Roots func() *x509.CertPool

	Resolver Resolver // net.DefaultResolver when nil
	Now      func() time.Time
	Log      *slog.Logger
}

// Resolver finds the addresses of a host; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

func (s Settings) withDefaults() Settings {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&s.Connect, 10 * time.Second}, {&s.Answer, 5 * time.Minute}, {&s.Idle, 10 * time.Second},
		{&s.Talk, 90 * time.Second}, {&s.HalfOpen, 2 * time.Minute},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Host == "" {
		s.Host = "platen"
	}
	return s
}

// New returns the device that d's URI, model and quirks describe. It does not
// speak to it. A wrong URI or quirk is Invalid, an address or folder that is
// not allowed Denied.
func New(d site.Device, s Settings) (Device, error) {
	const op = "device.New"
	s = s.withDefaults()
	t, err := traitsOf(d)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(d.URI)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The address of a device looks like ipp://host/path, lpr://host/queue, socket://host or folder:///path.", Err: err}
	}
	switch strings.ToLower(u.Scheme) {
	case "ipp", "ipps":
		return made(newIPP(u, d.ID, t, s))
	case "lpr":
		return made(newLPR(u, t, s))
	case "socket":
		return made(newSocket(u, t, s))
	case "folder":
		return made(newFolder(u, s))
	}
	return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "A device is reached by ipp, ipps, lpr, socket or folder, not by “%s”.", Args: []any{u.Scheme}}
}

// made keeps a nil pointer from becoming a Device that is not nil.
func made[D Device](d D, err error) (Device, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Keys names what a delivery to d occupies, so that two rows that describe the
// same device do not send at once: its serial number, and the address or
// folder it is reached at.
func Keys(d site.Device) []string {
	var keys []string
	if serial := site.FoldName(d.Serial); serial != "" {
		keys = append(keys, "serial:"+serial)
	}
	u, err := url.Parse(d.URI)
	if err != nil {
		return append(keys, "uri:"+d.URI)
	}
	if t, err := traitsOf(d); err == nil && t.OneConnection && u.Host != "" {
		return append(keys, "host:"+site.FoldName(u.Hostname())) // whatever the port
	}
	switch u.Scheme {
	case "ipp", "ipps": // two ways to one printer
		return append(keys, "ipp:"+site.FoldName(hostPort(u, ippPort))+pathOf(u))
	case "socket":
		return append(keys, "tcp:"+site.FoldName(hostPort(u, rawPort)))
	case "lpr":
		return append(keys, "lpr:"+site.FoldName(hostPort(u, lprPort))+u.Path)
	}
	return append(keys, u.Scheme+":"+u.Path)
}

// Allows says what a person may change about a document of this language when
// it is delivered to d. Copies are sent one after the other, which any device
// and any language bears. Sides are set by PJL, or by IPP for languages that do
// not say so themselves.
func Allows(language string, d site.Device) (copies, sides bool) {
	t, err := traitsOf(d)
	if err != nil {
		return false, false
	}
	scheme, _, _ := strings.Cut(strings.ToLower(d.URI), ":")
	switch scheme {
	case "ipp", "ipps":
		return true, obeys(language)
	case "socket", "lpr":
		return true, t.brackets(language)
	}
	return true, false
}

// Greys says whether a document of this language comes out of d without colour when
// that is asked for: because d is known to have none, because the document has
// none, or because d can be told. colour is what the document says of itself, "color"
// or ""; where PJL is told, that counts more.
func Greys(language, colour string, d site.Device) bool {
	_, profile := site.Profiles[d.Profile]
	if can := d.Can(); language == "text" || (profile || d.Capabilities.Known()) && !can.Colour {
		return true
	}
	t, err := traitsOf(d)
	if err != nil {
		return false
	}
	scheme, _, _ := strings.Cut(strings.ToLower(d.URI), ":")
	switch scheme {
	case "ipp", "ipps":
		told := d.Capabilities.Attributes
		return obeys(language) && (len(told) == 0 || slices.Contains(told, "print-color-mode"))
	case "socket", "lpr":
		return t.brackets(language) && colour != "color"
	}
	return false
}

// unavailable is the failure of a device that may do better later.
func unavailable(op, text string, err error) error {
	return &fault.Error{Op: op, Kind: fault.Unavailable, Text: text, Err: err}
}

// sourceError is a document that could not be read: not the device's fault.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return "document: " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// SourceError marks err as a failure of a document and not of the device.
func SourceError(err error) error { return &sourceError{err} }

// Damaged reports whether a delivery ended because a document could not be
// read, and not because of the device.
func Damaged(err error) bool {
	var s *sourceError
	return errors.As(err, &s)
}

// refused is a document that a device, or a person at it, will not have.
type refused struct{ err error }

func (e *refused) Error() string { return "refused: " + e.err.Error() }
func (e *refused) Unwrap() error { return e.err }

// RefusedError marks err as the refusal of this very job: to try it again would
// not help.
func RefusedError(err error) error { return &refused{err} }

// Refused reports whether a delivery ended because the device does not print
// such a document, or somebody at the device does not want it.
func Refused(err error) bool {
	var r *refused
	return errors.As(err, &r)
}

func checkDelivery(op string, d Delivery) error {
	if len(d.Documents) == 0 || d.Go == nil || d.UUID == "" {
		return fmt.Errorf("%s: a delivery needs documents, Go and UUID", op)
	}
	return nil
}
