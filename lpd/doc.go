// Package lpd receives and delivers print jobs over the Line Printer Daemon
// protocol, RFC 1179.
//
// A client connects, names a queue, sends a control file and one or more data
// files in any order, and waits for a zero octet after each. The zero octet
// that completes a job is a promise: when the client reads it, the documents
// are synced to disk and the job is recorded. Everything in this package serves
// that promise.
//
// Deliberate departures from the RFC, each with a capture or a dialogue in
// ../testdata/lpd/:
//
//   - The source port is not checked; section 3.1's range 721-731 excludes
//     every modern client.
//   - Control and data files come in either order, and a connection may carry
//     several jobs. A job is complete when every file that its control file
//     names has come.
//   - The size of a data file is a hint. Zero, and 10^11 octets and more, mean
//     "until the connection ends"; every other size is meant as it stands, and
//     a document that ends early is discarded.
//   - H and P may be missing (section 7.2 and 7.8 demand them): the job then
//     has no claimed user, and its owner is for others to find.
//   - Lines with unknown letters are kept and never used. U, S and M, which ask
//     the server to touch its own files or to send mail, are dropped.
//   - Names are octets. They are read as UTF-8 where they are UTF-8, and as the
//     queue's code page where they are not.
//
// The package knows queues and documents. It does not know users, cards,
// prices, SQL or devices.
package lpd
