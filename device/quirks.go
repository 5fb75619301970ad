package device

import (
	"bytes"
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"

	"platen/fault"
	"platen/site"
)

//go:embed quirks.toml
var quirksFile []byte

// Quirk is something that devices are known to do, and what we do about it.
type Quirk struct {
	Name   string   `toml:"name"`
	Models []string `toml:"models"` // patterns of path.Match, compared without case; none: given by hand only
	Reason string   `toml:"reason"`
	Source string   `toml:"source"`

	traits
}

// traits are what quirks change. A device has the traits of all its quirks.
type traits struct {
	PJL           bool `toml:"pjl"`
	NoPJL         bool `toml:"no-pjl"` // wins over PJL
	Quantity      bool `toml:"quantity"`
	DataFirst     bool `toml:"data-first"`
	ReservedPort  bool `toml:"reserved-port"`
	OneConnection bool `toml:"one-connection"`
	NoHalfClose   bool `toml:"no-half-close"`
	OneFile       bool `toml:"one-file"`
}

func (t *traits) add(o traits) {
	t.PJL = t.PJL || o.PJL
	t.NoPJL = t.NoPJL || o.NoPJL
	t.Quantity = t.Quantity || o.Quantity
	t.DataFirst = t.DataFirst || o.DataFirst
	t.ReservedPort = t.ReservedPort || o.ReservedPort
	t.OneConnection = t.OneConnection || o.OneConnection
	t.NoHalfClose = t.NoHalfClose || o.NoHalfClose
	t.OneFile = t.OneFile || o.OneFile
}

var loadQuirks = sync.OnceValues(func() ([]Quirk, error) { return parseQuirks(quirksFile) })

// Quirks returns all that is known, in the order of the file.
func Quirks() ([]Quirk, error) {
	all, err := loadQuirks()
	return slices.Clone(all), err
}

// parseQuirks reads a file of quirks. Every one has a name of its own, a reason
// and a source, and changes something.
func parseQuirks(b []byte) ([]Quirk, error) {
	var file struct {
		Quirk []Quirk `toml:"quirk"`
	}
	dec := toml.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("device: quirks: %w", err)
	}
	seen := map[string]bool{}
	for _, q := range file.Quirk {
		switch {
		case q.Name == "" || seen[q.Name]:
			return nil, fmt.Errorf("device: quirks: %q: missing or twice", q.Name)
		case q.Reason == "" || q.Source == "":
			return nil, fmt.Errorf("device: quirks: %s: no reason or no source", q.Name)
		case q.traits == traits{}:
			return nil, fmt.Errorf("device: quirks: %s: changes nothing", q.Name)
		}
		for _, m := range q.Models {
			if _, err := path.Match(m, ""); err != nil {
				return nil, fmt.Errorf("device: quirks: %s: %q: %w", q.Name, m, err)
			}
		}
		seen[q.Name] = true
	}
	return file.Quirk, nil
}

// matches reports whether a model has the quirk.
func (q *Quirk) matches(model string) bool {
	model = site.FoldName(model)
	return model != "" && slices.ContainsFunc(q.Models, func(p string) bool {
		ok, err := path.Match(site.FoldName(p), strings.ReplaceAll(model, "/", " "))
		return ok && err == nil
	})
}

// traitsOf returns what the quirks of a device come to: those of its model and
// those an administrator gave it.
func traitsOf(d site.Device) (traits, error) {
	const op = "device.New"
	all, err := loadQuirks()
	if err != nil {
		return traits{}, err
	}
	var t traits
	for _, name := range d.Quirks {
		i := slices.IndexFunc(all, func(q Quirk) bool { return q.Name == name })
		if i < 0 {
			return traits{}, &fault.Error{Op: op, Kind: fault.Invalid, Text: "Nobody knows a quirk called “%s”.", Args: []any{name}}
		}
		t.add(all[i].traits)
	}
	for _, q := range all {
		if q.matches(d.Model) {
			t.add(q.traits)
		}
	}
	return t, nil
}
