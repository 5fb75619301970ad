package site

// DeviceGroup is a set of devices that rights and prices speak of.
type DeviceGroup struct {
	ID   string `json:"id"` // UUIDv7
	Name string `json:"name"`
}

// Place is a site: a building, a school, a branch.
type Place struct {
	ID       string `json:"id"` // UUIDv7
	Name     string `json:"name"`
	Location string `json:"location"`
}

// Reader is a card reader that is not part of a device's panel.
type Reader struct {
	ID           string `json:"id"` // UUIDv7
	Name         string `json:"name"`
	Terminal     string `json:"terminal"` // id of the terminal whose people show their cards to it
	TerminalName string `json:"terminal_name"`
	Kind         string `json:"kind"`   // "line", "pcsc"
	Config       string `json:"config"` // JSON, of its kind
	Rule         string `json:"rule"`   // brings what it sends to the number of the card
	Enabled      bool   `json:"enabled"`
}
