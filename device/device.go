package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
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

// Delivery is one job on its way to a device.
type Delivery struct {
	UUID      string // job-uuid: what the device is told as the job's name, and what its answers are compared with
	JobID     int64  // job-id
	Title     string // job-name; "" tells the device nothing
	User      string // login of the owner, or the claimed user
	Queue     string // name of the queue the job came to
	Documents []Doc
	Options   job.Options

	// Go is called once, when the device is ready for the job and has not yet
	// been given an octet of any document. An error stops the delivery.
	Go func() error
	// Progress is told the octets of documents handed over so far, all copies.
	// May be nil.
	Progress func(octets int64)
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
	Answer   time.Duration // an answer of LPR comes within it; 5 min when 0
	Idle     time.Duration // after the last octet: a device that has taken all and says nothing is done; 10 s when 0
	Talk     time.Duration // after the last octet: silence of a device that reported before; 90 s when 0
	HalfOpen time.Duration // no sign of life of the other end while it owes us one; 2 min when 0

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
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The address of a device looks like lpr://host/queue, socket://host or folder:///path.", Err: err}
	}
	switch strings.ToLower(u.Scheme) {
	case "lpr":
		return made(newLPR(u, t, s))
	case "socket":
		return made(newSocket(u, t, s))
	case "folder":
		return made(newFolder(u, s))
	}
	return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "A device is reached by lpr, socket or folder, not by “%s”.", Args: []any{u.Scheme}}
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
	case "socket":
		return append(keys, "tcp:"+site.FoldName(hostPort(u, rawPort)))
	case "lpr":
		return append(keys, "lpr:"+site.FoldName(hostPort(u, lprPort))+u.Path)
	}
	return append(keys, u.Scheme+":"+u.Path)
}

// Allows says what a person may change about a document of this language when
// it is delivered to d. Copies are sent one after the other, which any device
// and any language bears. Sides are set by PJL alone.
func Allows(language string, d site.Device) (copies, sides bool) {
	t, err := traitsOf(d)
	if err != nil {
		return false, false
	}
	return true, strings.HasPrefix(strings.ToLower(d.URI), "socket:") && t.brackets(language)
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

func checkDelivery(op string, d Delivery) error {
	if len(d.Documents) == 0 || d.Go == nil || d.UUID == "" {
		return fmt.Errorf("%s: a delivery needs documents, Go and UUID", op)
	}
	return nil
}
