// Package notify sends short messages to people by e-mail: a new PIN, a code
// for one sign-in, "a card was registered", the slip of a guest.
//
// A message is plain text for one person. It carries nothing that is loaded,
// counted or followed, and nothing that a person or a directory wrote can
// become a header of it or a line of its own.
//
// The mail server is believed only as far as TLS goes: encryption is required
// unless somebody has allowed to go without, its certificate is checked against
// the authorities of the system or the configured ones, and a password is sent
// over TLS only, or to this very computer. What the server answers is kept as a
// code, never as text, because servers like to repeat what they were told.
//
// Sending is one attempt. Whoever calls decides whether to try again, and keeps
// what must not be lost. The package knows addresses and sentences. It does not
// know users, PINs, rights or where its configuration is kept.
package notify
