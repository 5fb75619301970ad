// Package config reads the one configuration file of a node, node.toml: what
// this machine needs to start.
//
// Every key has a default in [Default] and a paragraph in
// packaging/node.toml. A key that nobody knows is an error that names the
// file, the line and the key that was probably meant; a value that cannot be
// right is one too, so that a node never starts with half of what its
// administrator wrote. [Watcher] reads the file again when it changes.
//
// The package does not know what the values are used for.
package config
