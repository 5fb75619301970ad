package job

import (
	"net/netip"
	"time"
)

// Filter says which jobs a list holds. The zero value asks for all of them.
// Jobs come newest first.
type Filter struct {
	States    []State   // empty: any
	Owner     string    // user id; "" any
	Unclaimed bool      // only those without an owner; Owner is then ignored
	Queue     string    // queue id; "" any
	Device    string    // device id; "" any
	Since     time.Time // created at or after
	Before    int64     // job-id: only those with a lower one, for the next page; 0 none
	Limit     int       // 0: no limit
	Bare      bool      // without their documents
}

// Sent asks for the jobs that a client sent itself, as far as anybody can tell:
// from its address, under its name.
type Sent struct {
	Client  netip.Addr
	Claimed string // as written
	Queue   string // queue id; "" any
	Open    bool   // only those that are not done
	Done    bool   // only those that are
	Before  int64  // job-id: only those with a lower one; 0 none
	Limit   int    // 0: as many as one answer may have
	Bare    bool   // without their documents
}
