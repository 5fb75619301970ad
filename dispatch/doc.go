// Package dispatch takes released jobs to their devices: one worker per device
// says which job is next, has it delivered, and writes how that ended.
//
// The rules that everything here serves:
//
//   - A send intent is durable before the first octet of a document leaves the
//     node, and a ledger row is written for every intent, however it ends.
//   - A job goes to its device a second time only when it is known that no
//     octet of it was accepted, or when a person says so.
//   - What was interrupted in between, or by a crash of the node, is asked about
//     where the device can be asked, and waited for. What then is still not known
//     is uncertain: Stopped, for a person to decide.
//   - What a device, or a person at it, refuses is not sent to it again and again.
//   - No octet of a damaged document reaches a device.
//   - A device that takes its time harms nobody but those who wait for it, and
//     whoever waits can cancel.
//
// The package knows jobs, devices and how often to try. It does not know
// cards, users' rights, SQL, or how any device is spoken to.
package dispatch
