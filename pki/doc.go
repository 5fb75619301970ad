// Package pki keeps the private keys of a node and the certificates made with
// them.
//
// A node that has no certificate from elsewhere makes its own authority, once,
// and lets it vouch for the node's names on the house's network. The authority
// is worth little to a thief: it may only sign server certificates, and its name
// constraints (RFC 5280, section 4.2.1.10) leave it the names it was made for,
// names that exist only inside a house, and private addresses. Clients get its
// certificate from a readable file; its key never leaves the private folder.
//
// The server's certificate lives for at most 398 days and is renewed long
// before, in the running node, without a connection noticing.
//
// The package does not know SQL and does not know HTTP.
package pki
