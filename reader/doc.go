// Package reader hears the numbers of cards from readers that are not part of
// a device's panel, and hands them on as they came.
//
// What a number means is none of its business: not its normal form, not whose
// it is, not whether it is a random one. It knows no users, no terminals and no
// devices; whoever wires a reader binds it to one terminal.
//
// There are two kinds of readers:
//
//   - [Lines] takes numbers as lines over TCP, from a reader with a network plug
//     or one behind a serial device server. The reader calls us or we call it.
//   - [PCSC] asks contactless readers at this machine for the identifier of the
//     card, by FF CA 00 00 00 of PC/SC part 3: through the socket of pcscd, or
//     through winscard.dll on Windows. Neither needs a C compiler.
//
// Promises:
//
//   - Serve ends when its context does, and for nothing that happens outside. A
//     reader that is away is waited for; State says so.
//   - A number is whole or not told: what is too long, breaks off or pauses for
//     too long is refused up to the end of its line, so that nobody is signed in
//     by half of somebody else's number.
//   - The same number again within Debounce is the same card, still there.
//   - Numbers are not logged.
//
// # What no real reader has confirmed
//
// The tests have socat, openssl and pcscd with the virtual reader of
// vsmartcard on the other side. No reader that one can buy was there. Unknown
// are: the port and the framing of rf IDEAS' Ethernet 241 and of Elatec's
// TCPConv, which their makers do not publish. That is why everything about a
// line can be set: who calls whom, port, end of line, what to strip. And
// winscard.dll was compiled against, not run.
//
// # pcscd
//
// The protocol of pcscd's socket is spoken directly: a few commands of fixed
// layout, versions 4:4 and 4:5. pcscd 1.8.24 (2018) and later understand one of
// them. Go modules that do the same were looked at and not taken; see
// the comment at pcscd.
package reader
