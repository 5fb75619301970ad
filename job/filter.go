package job

import "time"

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
}
