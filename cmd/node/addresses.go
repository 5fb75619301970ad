package main

import (
	"encoding/json"
	"os"

	"platen/internal/fsys"
)

// addresses are the ports that a running node really has, for scripts and for
// people who asked for port 0.
type addresses struct {
	LPD string `json:"lpd,omitempty"`
	IPP string `json:"ipp,omitempty"`
	Web string `json:"web,omitempty"`

	ACME string `json:"acme,omitempty"`

	Old []oldAddress `json:"old,omitempty"`
}

// oldAddress is a listener for old devices.
type oldAddress struct {
	Service string `json:"service"` // "web", "ipp"
	Address string `json:"address"`
}

func writeAddresses(path string, a addresses) error {
	b, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	return fsys.WriteFile(path, append(b, '\n'))
}

// readAddresses returns nothing when no node runs.
func readAddresses(path string) (a addresses) {
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err != nil {
		return addresses{}
	}
	return a
}

// addr is where a door is, "" for none.
func (d *door) addr() string {
	if d == nil {
		return ""
	}
	return d.ln.Addr().String()
}
