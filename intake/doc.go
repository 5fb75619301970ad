// Package intake is what every door does with a new job: find its queue, check
// that the client may print and that there is room, stream its documents into
// the spool, name its owner, and make it durable.
//
// Intake gives doors a job.Arrival. When its Submit has returned nil, files,
// folder and rows are synced, and the client may be acknowledged; before that
// nothing is promised and nothing of the job stays.
//
// Behind the acknowledgement, Counter has the pages of documents counted by a
// child process. HotFolder is a door of its own: it turns the files of a folder
// into jobs.
//
// The package does not know protocols and does not know SQL.
package intake
