// Package pdl says what a document is, by its first octets, and how many pages
// it has.
//
// Examine reads the head of a document that a stranger sent: its language, and
// the names and wishes that PJL and PostScript headers carry. It never fails; a
// document that it does not know is Unknown, and prints octet for octet.
//
// Pages are counted behind the acknowledgement and in a process of their own
// (Counter, CountMain), because a parser of strangers' documents will one day
// be wrong. So far only PDF is counted. What is not counted is unknown and
// never 0.
//
// The package does not know users, queues or devices.
package pdl
