// Package kerberos lets people sign in with the ticket that their computer has
// anyway: HTTP's Negotiate (RFC 4559) with Kerberos 5 (RFC 4120, RFC 4121),
// alone or within SPNEGO (RFC 4178). The pages and the IPP door use it alike.
//
// An Acceptor has the keys of the service, from a keytab, and needs no krb5.conf
// and no connection to a domain controller. It promises that nobody is named
// whose ticket was not made with one of those keys, is not valid now, or was
// shown before.
//
// Deliberate limits:
//
//   - One step: the Kerberos token comes with the first message. A client that
//     prefers another mechanism and would have to be asked again is refused.
//   - NTLM is refused, with its own sentence.
//   - The authorization data of the ticket (PAC) is not read: rights come from
//     the directory.
//   - Channel bindings are not checked, delegated tickets are not kept.
//   - Shown tickets are remembered by this process. Another node, or this one
//     after a restart, would take an authenticator a second time within ten
//     minutes; TLS keeps it from being seen.
//
// gokrb5 decodes and decrypts. What decides is here, because its own acceptor
// names the client by the realm that the client itself wrote (so that somebody
// of a trusted realm may call himself anybody of ours), forgets what it has seen
// before that has expired, looks and remembers in two steps, cannot answer a
// client that wants to know who we are, and panics on some malformed tokens.
//
// The package does not know users or SQL: who a principal is, is the caller's to
// find.
package kerberos
