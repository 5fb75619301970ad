// Package ipp is what both ends of the Internet Printing Protocol share: the
// codec behind its guard, and short ways to read and to write attributes.
//
// The codec is github.com/OpenPrinting/goipp. It trusts what it decodes: it
// recurses into collections without a limit and reads as much as comes. So
// nothing of a stranger reaches it before Read has looked at every tag and every
// length, within Limits (RFC 8010, section 3). Read takes the attributes and not
// an octet of the document that follows them.
//
// The package does not know queues, HTTP or SQL.
package ipp
