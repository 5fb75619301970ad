// Package device hands documents to one output device and says, as far as
// anybody can know, whether they came out.
//
// Four kinds of device are spoken to, by the scheme of their URI:
//
//   - ipp://host[:631]/path and ipps://, the Internet Printing Protocol, RFC 8011:
//     the printer says itself what it takes and when a job is out, and can be
//     asked after a crash. The certificate of ipps is taken as it comes, and its
//     key has to stay the same;
//   - lpr://host[:515]/queue, RFC 1179, with the client half of package lpd;
//   - socket://host[:9100], the raw port, inside PJL job brackets and with the
//     back channel read where the device is known to speak PJL and the
//     document's language allows it;
//   - folder:///absolute/path, one file per document and copy.
//
// What a delivery is worth is its evidence, weakest first: no octet accepted;
// interrupted after the first octet; every octet handed over and the connection
// closed in order; acknowledged by LPR's last octet or IPP's answer; confirmed by
// the end of IPP's job, by PJL's job status or by the folder's file system. A
// device that takes its time is not an error: there is no limit on how long it
// may stop reading while its end of the connection is alive. A connection whose
// other end is gone is found out by keep-alive and by counting what is not
// acknowledged.
//
// Octets of a document are never changed. What a client wrote as title or user
// reaches a device only through a list of harmless characters; in IPP, whose
// fields have lengths, without control characters. What a device answers is read
// within limits, and nothing of it is ever acted on but numbers and keywords we
// know.
//
// What devices are known to do wrong is in quirks.toml.
//
// The package does not know users, prices or SQL.
package device
