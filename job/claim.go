package job

import "net/netip"

// Claim is a person's word that an unclaimed job is theirs.
type Claim struct {
	Job     int64
	User    string // user id
	Rule    string // the rule that names the owner from now on, one English sentence
	Alias   string // folded name that the person is known by from now on; "" none
	History Entry
	Detail  string // for the audit trail
}

// Sender says that a job of an owner came from an address.
type Sender struct {
	Client netip.Addr
	Owner  string // user id
}

// Found is an unclaimed job that may be somebody's, as that person sees it before
// it is claimed: without its title.
type Found struct {
	View
	Claimed  string `json:"claimed"`  // as the client wrote it
	Computer string `json:"computer"` // what the computer calls itself, "" nothing
	Address  string `json:"address"`  // where it came from, "" nobody knows
	Fits     string `json:"fits"`     // why it may be this person's; a catalogue key
	Warning  string `json:"warning"`  // what speaks against it; a catalogue key, "" nothing
	Remember bool   `json:"remember"` // the claimed name can be remembered
}
