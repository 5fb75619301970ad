// Package ippsrv is the door for driverless printing: an IPP Everywhere printer
// for every queue (RFC 8010, RFC 8011, PWG 5100.14), over HTTP, HTTP that is
// upgraded to TLS (RFC 8010, section 8.2, and RFC 2817), and ipps (RFC 7472), all
// on one port.
//
// A queue is at /ipp/print/{queue}, the default one also at /ipp/print. Under
// /ipp/print/{queue}/u/{secret} a person prints without a password: the address
// says who it is, and it is only listened to over TLS. When a client reads
// successful-ok to a document, the document is synced and its job recorded.
//
// What a client calls itself in requesting-user-name is a claim. Proof is the
// personal address, a password in HTTP Basic over TLS, or nothing; a host that
// the administrator trusts is believed. Without proof a client sees and changes
// only jobs that came from its own address under the same name.
//
// Print-URI and Send-URI are not offered: a print server that fetches what
// strangers name would fetch it from inside the house.
//
// The package does not know users, prices or SQL.
package ippsrv
