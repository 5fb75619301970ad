package job

import "net/netip"

// Requester is who asks about jobs: as far as anybody can tell, the one who sent
// them.
type Requester struct {
	Client  netip.Addr
	Claimed string // the name as it was written; no proof
	User    string // user id that was proven, "" none
	Admin   bool   // may do to every job what its owner may
	Actor   string // for the history
}
