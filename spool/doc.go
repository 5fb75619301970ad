// Package spool keeps documents on disk, encrypted, each in a file of its own
// that describes itself.
//
// A document is written under its final name and becomes part of a job when the
// job's row is committed: there is no rename, the row is the commit point. What
// Seal returns is durable: the file, then its folder, are synced. Until then
// the key of the document is nowhere on the disk, so a document that never
// became a job is unreadable from the start.
//
// The octets of a file are laid out in format.go and, for people with only a
// shell, in docs/spool.md. Every document has a random key of its own, wrapped
// by the node's key; Erase destroys the wrapped key before it removes the file.
// Any change to a file, be it one bit, a missing end, chunks in another order,
// another file under the same name or another tenant's, is noticed before an
// octet of the part concerned is handed out.
//
// The Keeper settles files with rows when the node starts, and lets go of what
// is no longer needed.
//
// The package does not know SQL, protocols, users or devices.
package spool
