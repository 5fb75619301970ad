package main

import (
	"errors"
	"os"
	"path/filepath"

	"platen/config"
	"platen/fault"
)

// where says which node a command is about: a configuration file, or a data
// folder, or neither, which is the node of this machine.
type where struct{ config, dir string }

// place is a node that was found: its configuration and where it came from.
type place struct {
	cfg  config.Config // as the node takes it: flags count more than the file
	read config.Config // as the file says
	file string        // the file that was read; "" none
}

// find reads the node's configuration. A data folder may hold a node.toml of
// its own; whatever it says, the data is where --dir says.
func (w where) find() (place, error) {
	file, must := w.config, true
	if file == "" && w.dir != "" {
		file, must = filepath.Join(w.dir, "node.toml"), false
	} else if file == "" {
		file, must = config.DefaultPath(), false
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return place{}, err
	}
	p := place{file: file}
	p.cfg, err = config.Load(file)
	if fault.Is(err, fault.NotFound) && !must {
		p.cfg, p.file, err = config.Default(), "", nil
	}
	if err != nil {
		return place{}, err
	}
	p.read = p.cfg
	if w.dir != "" {
		p.cfg.Data, err = filepath.Abs(w.dir)
	}
	return p, err
}

// Files of a data folder.

func (p *place) database() string  { return filepath.Join(p.cfg.Data, "platen.db") }
func (p *place) keys() string      { return filepath.Join(p.cfg.Data, "platen.keys") }
func (p *place) spool() string     { return filepath.Join(p.cfg.Data, "spool") }
func (p *place) ca() string        { return filepath.Join(p.cfg.Data, "ca.pem") }
func (p *place) lock() string      { return filepath.Join(p.cfg.Data, "lock") }
func (p *place) socket() string    { return filepath.Join(p.cfg.Data, "control.sock") }
func (p *place) addresses() string { return filepath.Join(p.cfg.Data, "addresses.json") }
func (p *place) restored() string  { return filepath.Join(p.cfg.Data, "restored") }

// exists reports whether there is a node at all, so that a mistyped --dir does
// not make one.
func (p *place) exists() error {
	_, err := os.Stat(p.database())
	if errors.Is(err, os.ErrNotExist) {
		return &fault.Error{Op: "place.exists", Kind: fault.NotFound, Text: "There is no node in %s. It is made when it is started for the first time.", Args: []any{p.cfg.Data}, Err: err}
	}
	if errors.Is(err, os.ErrPermission) {
		return &fault.Error{Op: "place.exists", Kind: fault.Denied, Text: "Only the node's own user and root may read %s.", Args: []any{p.cfg.Data}, Err: err}
	}
	return err
}
