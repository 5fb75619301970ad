// Package setup tells clients how to print to a node: addresses of queues, the
// commands that add them, profiles for Apple's systems, and scripts that an
// administrator gives to thousands of seats.
//
// What it writes is run by somebody else's shell with somebody's highest rights.
// So every name is quoted for the language it stands in, a script may run again at
// any time and then does nothing, it removes nothing, and it never asks.
//
// The package knows queues and where a node is. It does not know users, jobs,
// SQL or HTTP.
package setup
