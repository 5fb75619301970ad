//go:build !windows

package config

// defaultData is where a package keeps the data of the service.
func defaultData() string { return "/var/lib/platen" }

// DefaultPath is the file that is read when nobody names another.
func DefaultPath() string { return "/etc/platen/node.toml" }
