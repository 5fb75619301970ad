// Package dnssd makes print queues findable: DNS-SD (RFC 6763) over multicast
// DNS (RFC 6762) on the LAN, and as a zone for a name server everywhere else.
//
// An [Advertiser] owns one socket for each family of addresses and answers for
// all queues. Before it uses a name it probes for it; a name that another host
// has becomes "Name (2)". Nobody's address may depend on that number: the
// resource path does not. What changes is announced, what goes says goodbye, and
// what fails is tried again every minute: a queue that cannot be found is still
// a queue that can be printed to.
//
// [Browse] lists the printers of the LAN. What it reads was written by
// strangers, so everything has a limit. [Zone] writes the same advertisements
// for a name server.
//
// Messages are packed and unpacked by github.com/miekg/dns. The responder is
// ours: docs/dependencies.md says which libraries were tried and what no client
// could find through them.
//
// Deliberate departures from RFC 6762:
//
//   - A plain question comes before the three probes, for responders that do not
//     read probes, and only the first of these asks for a unicast answer (section
//     8.1 wishes it for all): another responder on the same machine, Avahi say,
//     shares port 5353 and the kernel gives unicast to one of them.
//   - A question with the truncated bit is answered without waiting for its
//     further known answers (section 7.2): an answer too many does no harm.
//   - The reverse mapping of addresses is left to the system's own responder.
//
// The package knows advertisements. It does not know queues, jobs, users or SQL.
package dnssd
