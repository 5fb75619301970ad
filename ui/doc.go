// Package ui is everything that a node says over HTTPS, apart from IPP: the
// pages of terminals, the API for terminals that are boxes and not browsers,
// the API for programs that print, and the pages and numbers that tell people
// and monitors how the node is.
//
// The pages need no JavaScript. A panel's browser may be ten years old and a
// screen reader, w3m, and a card reader that types must all work; see
// ../docs/decisions/0006-pages-without-javascript.md.
//
// Every route stands in one table, routes.go, with who may use it. What is
// not in the table does not exist; what is, is guarded before its handler runs:
//
//   - a request for a host that is not this node's is refused (421),
//   - a request that changes something must come from a page of this node,
//   - the role that the table names must be proved by a cookie or a token.
//
// X-Forwarded-For and its relatives are not read: whoever connects is the
// client.
//
// The package does not know SQL, files, or any wire format but HTTP.
package ui
