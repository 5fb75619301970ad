// Package pki has the certificates of an account: the built-in authority and what it
// issues, chains that were imported, requested or fetched, the authorities that are
// trusted, and the keys that sign API tokens.
//
// A node that has no certificate from elsewhere makes its own authority, once: a root
// without name constraints, which clients get, and below it an issuing certificate
// whose name constraints (RFC 5280, section 4.2.1.10) leave it the account's names,
// names that exist only inside a house, and private addresses. A new name needs a new
// issuing certificate and no new root.
//
// A [Keeper] holds all of it in memory, picks the chain of the name that a client asks
// for, renews at two thirds of a certificate's life, and says what ends. Keys are kept
// by the caller's store, sealed, and never read back by anything that shows them.
//
// Import reads files of strangers, Judge holds them to docs/certificates-rules.md, and
// Probe shows what a server elsewhere presents.
//
// The package does not know SQL and serves no HTTP. Its part acme asks ACME servers.
package pki
