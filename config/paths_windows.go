package config

import (
	"os"
	"path/filepath"
)

// programData is %ProgramData%, which every Windows sets.
func programData() string {
	if d := os.Getenv("ProgramData"); d != "" {
		return d
	}
	return `C:\ProgramData`
}

// defaultData is where a package keeps the data of the service.
func defaultData() string { return filepath.Join(programData(), "Platen", "data") }

// DefaultPath is the file that is read when nobody names another.
func DefaultPath() string { return filepath.Join(programData(), "Platen", "node.toml") }
