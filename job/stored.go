package job

// StoredFile is one document whose octets are in the spool, as its row tells
// it.
type StoredFile struct {
	File   string // name within the spool, no path
	Job    int64  // job-id
	UUID   string // job-uuid
	State  State  // of the job
	Octets int64  // length of the plain document
}
