// Package packaging holds the files that go to a machine beside the program,
// so that `platen service install` writes the same ones as a package does.
package packaging

import _ "embed"

// Config is the configuration file that a new machine starts with: every key
// with its default and what it means.
//
//go:embed node.toml
var Config []byte

// Unit is the unit file for systemd.
//
//go:embed platen.service
var Unit string

// SyncUnit is the unit file of platen sync-directory.
//
//go:embed platen-sync-directory.service
var SyncUnit string

// SyncConfig is the file that platen sync-directory reads, every key explained.
//
//go:embed sync-directory.toml
var SyncConfig []byte
