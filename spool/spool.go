package spool

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"platen/job"
)

// Spool keeps documents, each in a file of its own, encrypted. All fields are
// set before use.
type Spool struct {
	Dir  string // holds docs/, quarantine/ and the spool's own mark
	Keys *Keys
	Log  *slog.Logger
	Now  func() time.Time
}

// Manifest is the sealed description of a document at the end of its file:
// enough to rebuild the job without the database.
type Manifest struct {
	Tenant   string       `json:"tenant"`
	Job      job.Job      `json:"job"` // without Documents
	Number   int          `json:"number"`
	Of       int          `json:"of"`
	Document job.Document `json:"document"`
}

// Incoming is one document on its way in. It is used by one goroutine, and
// ends with Seal or Discard.
type Incoming struct {
	// Document is filled by the caller before Seal as far as the caller knows
	// it: Name, Language, Copies, Count. Seal fills the rest.
	Document job.Document
}

var errNotYet = errors.New("spool: not built yet")

// Create begins a document. number tells the documents of a job apart, from 1
// to 9999, in the order of their arrival.
func (s *Spool) Create(tenant, jobUUID string, number int) (*Incoming, error) { return nil, errNotYet }

// ReadFrom reads r to its end.
func (in *Incoming) ReadFrom(ctx context.Context, r io.Reader, limit int64) error { return errNotYet }

// Head returns the first 16 KiB of the document, or all of a smaller one.
func (in *Incoming) Head() []byte { return nil }

// Octets returns how long the document is so far.
func (in *Incoming) Octets() int64 { return 0 }

// Discard removes the document; after Seal it does so too, until a row
// has been committed the caller may change its mind. It may be called twice.
func (in *Incoming) Discard() {}

// Seal makes the documents of one job durable, in the order given, and returns
// them with Number, Octets, Digest and File.
func (s *Spool) Seal(m Manifest, docs []*Incoming) ([]job.Document, error) { return nil, errNotYet }

// Verify reads the whole document and compares it with its keyed digest.
func (s *Spool) Verify(ctx context.Context, tenant string, d job.Document) error { return errNotYet }

// Reader returns the plain document; every chunk is authenticated as it is
// read.
func (s *Spool) Reader(tenant string, d job.Document) (io.ReadCloser, error) { return nil, errNotYet }

// Erase destroys the key of a document, then removes its file. A missing file
// is fine.
func (s *Spool) Erase(file string) error { return errNotYet }

// Healthy returns nil, or why the spool takes no more documents.
func (s *Spool) Healthy() error { return errNotYet }

// Probe writes, syncs, reads back and removes a file.
func (s *Spool) Probe() error { return errNotYet }

// Settle ...
func (k *Keeper) Settle(ctx context.Context) (Settled, error) { return Settled{}, errNotYet }

// Serve ...
func (k *Keeper) Serve(ctx context.Context) error { return errNotYet }

// Wake asks for a round soon.
func (k *Keeper) Wake() {}

// AcceptClock says that the wall clock is right.
func (k *Keeper) AcceptClock() error { return errNotYet }

// ClockTrouble returns one sentence, or "".
func (k *Keeper) ClockTrouble() string { return "" }
