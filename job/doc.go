// Package job holds what a print job is: its numbers, states and reasons, the
// ticket that the client wrote, its documents, and its history in sentences.
//
// The package does not know how a job came in, where it is kept, or who is
// allowed to see it. Every other package speaks of jobs in these words.
package job
