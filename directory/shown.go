package directory

// Reading is the number of a card as a reader sent it. It is never logged.
type Reading struct {
	Reader string // its name; "" for one that types into the page of a terminal
	Raw    string
}

// Shown is what came of a card that was shown to a reader beside a terminal, for
// the terminal to pick up once.
type Shown struct {
	Reading         // Raw only of a card that nobody knows, for it to be registered
	Session Session // that was opened; its ID is "" when none was
	Token   string  // of the session
	Err     error   // why none was opened: a Refused or a Throttled
	Gone    bool    // the card was taken away, and with it went its session
}
