// Package release is a person at a device: who it is, which jobs wait for that
// person, and what may be done with them.
//
// A person signs in at a terminal with a card, a PIN, a password, or by the
// word of a terminal that is trusted for it, and gets a session that lives for
// seconds. Within it the person sees the own jobs, and those of others who let
// the person release them, and releases, deletes, keeps or resolves them. The rows of the store are the
// truth: a job leaves the held state by one compare-and-set, so that two
// terminals print it once, and the call that wakes the device's worker is only
// a hint.
//
// What keeps guessers out (throttles), and why nobody can lock the house with
// it, is written in ../docs/decisions/0005-throttles.md.
//
// The package does not know SQL, pages, or how a device is spoken to.
package release
