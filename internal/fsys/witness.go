package fsys

import (
	"fmt"
	"os"
)

// Witness says whether a file system could still write its journal when it was
// asked. It is asked after a sync, before anybody is promised anything.
//
// A sync alone does not say so: where ext4 gives its journal up (an error of the
// disk, a full volume below it, a remount with "abort") while a sync waits for
// it, that sync was seen to answer success for names, lengths and new blocks that
// are lost. From then on everything that needs the journal fails, until the file
// system is mounted anew. So when such an operation succeeds after the sync, the
// journal was there all the time, and the sync has said the truth.
//
// On Linux the operation is fallocate(2) of octets that the witness has already.
// Other systems, and file systems that do not know the call, cannot tell: their
// witness finds nothing wrong.
type Witness struct{ f *os.File }

// OpenWitness opens a witness for the file system that path is on, and makes its
// small file when it is missing. The file's contents mean nothing.
func OpenWitness(path string) (*Witness, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	return &Witness{f}, nil
}

// Check returns nil, or why nobody knows what the syncs since the last Check have
// kept.
func (w *Witness) Check() error {
	if err := needJournal(w.f); err != nil {
		return fmt.Errorf("the file system has given up its journal: %w", err)
	}
	return nil
}

// Close lets go of the witness's file, which stays.
func (w *Witness) Close() error { return w.f.Close() }
