// Package acme gets certificates from a server that speaks ACME, RFC 8555: Let's
// Encrypt, or an authority of the house.
//
// The server gives a certificate to whoever proves that a name is theirs: by an
// answer at port 80 of the name (http-01, Challenges), or by an entry in its DNS
// (dns-01, made with the dynamic updates of RFC 2136). Whatever was shown is taken
// away again, also when it was in vain, and also when nobody waits any longer.
//
// lego's core speaks the protocol: nonces, signatures, accounts, orders. The road
// from the order to the chain is ours, because lego's own does not end with its
// context, asks name servers that nobody has named, and writes to a log of its own.
//
// The package knows no store and no clock of renewals: it is told what to get, and
// leaves in the Client what must be kept for the next time.
package acme
