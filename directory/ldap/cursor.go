package ldap

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// cursor is what a reading remembers for the next one. To whoever stores it, it
// is only octets.
type cursor struct {
	Version int    `json:"v"`
	Config  string `json:"config"` // Config.digest
	Kind    string `json:"kind"`   // ChangesDirSync, …

	Cookies  map[string][]byte `json:"cookies,omitempty"` // by naming context or part
	Flags    int64             `json:"flags,omitempty"`   // of DirSync
	Server   string            `json:"server,omitempty"`  // whose update sequence number it is: another's mean nothing here
	Database []byte            `json:"database,omitempty"`
	USN      uint64            `json:"usn,omitempty"`
	Since    string            `json:"since,omitempty"` // the last modifyTimestamp seen

	// Hears says that the server tells who was deleted. When it does not, one
	// counts now and then.
	Hears   bool             `json:"hears,omitempty"`
	Tallies map[string]tally `json:"tallies,omitempty"` // of the parts
	Newest  string           `json:"newest,omitempty"`  // when the last one in them was made, as the server says
	Counted time.Time        `json:"counted,omitzero"`
	Took    time.Duration    `json:"took,omitempty"` // what counting costs, ns
}

const (
	cursorVersion = 1
	maxCursor     = 256 << 10 // octets
)

// parseCursor reads a cursor. It is false for what is none, or of another
// version: everybody has to be read then.
func parseCursor(b []byte) (cursor, bool) {
	var c cursor
	if len(b) == 0 || len(b) > maxCursor {
		return c, false
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil || d.More() || c.Version != cursorVersion || c.Took < 0 {
		return cursor{}, false
	}
	if c.Since != "" && stamp(c.Since) == "" || c.Newest != "" && stamp(c.Newest) == "" {
		return cursor{}, false
	}
	return c, true
}

// octets writes a cursor; nil when there is no way to hear of changes.
func (c cursor) octets() ([]byte, error) {
	if c.Kind == ChangesNone || c.Kind == ChangesTimestamps && c.Since == "" {
		return nil, nil
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("ldap.cursor: %w", err)
	}
	if len(b) > maxCursor {
		return nil, nil
	}
	return b, nil
}

// tally is a set of keys without the keys: their number, and all of their digests
// added without carry. Two sets with one tally are the same set.
type tally struct {
	n   int
	sum [16]byte
}

// add takes one key in, or out with n = -1. "" is no key.
func (t *tally) count(key string, n int) {
	if key == "" {
		return
	}
	t.n += n
	d := sha256.Sum256([]byte(key))
	for i := range t.sum {
		t.sum[i] ^= d[i]
	}
}

func (t *tally) add(key string) { t.count(key, 1) }

// MarshalText writes a tally as "12:0f…".
func (t tally) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d:%x", t.n, t.sum), nil }

// UnmarshalText is the reverse.
func (t *tally) UnmarshalText(b []byte) error {
	n, sum, ok := bytes.Cut(b, []byte{':'})
	if !ok || len(sum) != hex.EncodedLen(len(t.sum)) {
		return errors.New("ldap: this is no tally")
	}
	if _, err := hex.Decode(t.sum[:], sum); err != nil {
		return err
	}
	return json.Unmarshal(n, &t.n)
}

// stamp returns the fourteen digits of a generalized time (RFC 4517, section
// 3.3.13), "" for what is none. Servers write UTC.
func stamp(s string) string {
	const digits = "20060102150405"
	if len(s) < len(digits) {
		return ""
	}
	if _, err := time.Parse(digits, s[:len(digits)]); err != nil {
		return ""
	}
	return s[:len(digits)]
}

// later returns the later of a stamp and a generalized time, as a stamp.
func later(a, b string) string {
	if a != "" && len(b) >= len(a) && b[:len(a)] <= a {
		return a // most are, and b need not be looked at
	}
	return max(a, stamp(b))
}

// earlier moves a stamp back.
func earlier(s string, by time.Duration) string {
	t, err := time.Parse("20060102150405", stamp(s))
	if err != nil {
		return ""
	}
	return t.Add(-by).Format("20060102150405")
}
