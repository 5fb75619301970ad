package directory

import (
	"crypto/rand"
	"math/big"
	"strings"
	"time"

	"platen/fault"
)

// A guest is a person whose account has an end from the beginning, and somebody who
// answers for it. What guests may do is what the group of all guests may.

const (
	GuestGroup   = "guests"             // the group made here that every guest is in
	MostGuests   = 500                  // accounts of guests that have not ended
	LongestGuest = 366 * 24 * time.Hour // of one account, from now on
)

// Guest is what is said of somebody who is to have an account for a while.
type Guest struct {
	Login    string // "" one is made
	Name     string
	Company  string // kept as the department
	Email    string
	Language string // of the letter and of the terminal's pages; "" as the browser says
	Sponsor  string // login of who answers for the guest
	Until    time.Time
	NoPIN    bool
	Password bool // one is made
	Mail     bool // login and PIN go to Email, and are not shown
}

// Slip is what a guest is given on paper, once. Nobody can read its secrets again.
type Slip struct {
	Login, Name, Company, Sponsor string

	Email    string // where login and PIN were sent, "" nowhere
	PIN      string // "" none, or sent
	Password string // "" none
	Until    time.Time
	Queue    string // of the address below
	Secret   string // of an address of the guest's own to print to, "" none
}

// ToldSlip is a slip as programs read it, from the API and from the command.
type ToldSlip struct {
	Login    string    `json:"login"`
	Name     string    `json:"name"`
	Company  string    `json:"company"`
	PIN      string    `json:"pin"`      // "" none, or sent by mail
	Password string    `json:"password"` // "" none
	Mailed   bool      `json:"mailed"`
	Until    time.Time `json:"until"`
	Sponsor  string    `json:"sponsor"`
	Pages    string    `json:"pages"`   // that say how to print, "" none
	Address  string    `json:"address"` // page of the guest's own printer, "" none
}

// Told is the slip without its pages, which only the node's web server knows.
func (s *Slip) Told() ToldSlip {
	return ToldSlip{
		Login: s.Login, Name: s.Name, Company: s.Company, PIN: s.PIN, Password: s.Password,
		Mailed: s.Email != "", Until: s.Until.UTC(), Sponsor: s.Sponsor,
	}
}

// guestLetters are those that nobody takes for another one, read out loud or
// written by hand, and that make no words.
const guestLetters = "bcdfghjkmnpqrstvwxz"

// NewGuestLogin makes a login that is easy to type. Whether it is taken, the store
// knows.
func NewGuestLogin() (string, error) {
	letters, err := pickFrom(guestLetters, 4)
	return "guest-" + letters, err
}

// passwordSigns are for passwords that are read from paper.
const passwordSigns = "abcdefghijkmnpqrstuvwxyz23456789"

// GeneratePassword makes a password of 60 bits that is read from paper.
func GeneratePassword() (string, error) {
	p, err := pickFrom(passwordSigns, 12)
	if err != nil {
		return "", err
	}
	return p[:4] + "-" + p[4:8] + "-" + p[8:], nil
}

func pickFrom(signs string, n int) (string, error) {
	var b strings.Builder
	for range n {
		i, err := rand.Int(rand.Reader, big.NewInt(int64(len(signs))))
		if err != nil {
			return "", err
		}
		b.WriteByte(signs[i.Int64()])
	}
	return b.String(), nil
}

// Check says what is wrong with a guest at now, and folds what has one form.
func (g *Guest) Check(now time.Time) error {
	const op = "directory.Guest"
	refuse := func(text string, args ...any) error {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: text, Args: args}
	}
	g.Name, g.Company = strings.TrimSpace(g.Name), strings.TrimSpace(g.Company)
	g.Login, g.Email, g.Sponsor = Fold(g.Login), Fold(g.Email), Fold(g.Sponsor)
	switch {
	case len(g.Name)+len(g.Company)+len(g.Email)+len(g.Login) > 1000:
		return refuse("That is too long.")
	case strings.ContainsFunc(g.Name+g.Company+g.Login+g.Email, func(r rune) bool { return r < ' ' || r == 0x7F }):
		return refuse("Names have no control characters.")
	case strings.ContainsAny(g.Login, " \t/@\\:"):
		return refuse("The user name of a guest is one word.")
	case g.Email != "" && (!strings.Contains(g.Email, "@") || strings.Contains(g.Email, " ")):
		return refuse("That is no e-mail address.")
	case g.Mail && g.Email == "":
		return refuse("To be sent, it needs an e-mail address.")
	case g.Mail && (g.NoPIN || g.Password):
		return refuse("What is sent by mail is a user name with a PIN, and no password.")
	case g.NoPIN && !g.Password:
		return refuse("A guest needs a PIN or a password.")
	case g.Sponsor == "":
		return refuse("Please say who answers for the guest.")
	}
	return CheckUntil(g.Until, now)
}

// NoGuest is the error of a login that is no guest's.
func NoGuest() error {
	return &fault.Error{Op: "directory.NoGuest", Kind: fault.NotFound, Text: "There is no such guest."}
}

// MayAnswer says whether somebody may answer for guests: who has an account that
// holds, and is none.
func (u *User) MayAnswer() error {
	if u.Enabled && u.Sponsor == "" {
		return nil
	}
	return &fault.Error{Op: "directory.MayAnswer", Kind: fault.Invalid, Text: "This person cannot answer for a guest."}
}

// CheckUntil says whether the account of a guest may end then.
func CheckUntil(until, now time.Time) error {
	const op = "directory.CheckUntil"
	switch {
	case !until.After(now):
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "The end must be later than now."}
	case until.Sub(now) > LongestGuest:
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "A guest's account lasts %d days at most.", Args: []any{int(LongestGuest / (24 * time.Hour))}}
	}
	return nil
}

// ParseUntil reads when something ends: a day, which counts to its end, a day with a
// time, or a moment.
func ParseUntil(text string, at *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	for _, layout := range []string{time.DateOnly, "02.01.2006"} {
		if t, err := time.ParseInLocation(layout, text, at); err == nil {
			return t.AddDate(0, 0, 1), nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02 15:04", "02.01.2006 15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, at); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &fault.Error{Op: "directory.ParseUntil", Kind: fault.Invalid, Text: "That is no day and no time, such as 2026-12-31 or 2026-12-31 18:00."}
}

// UsualUntil is when the account of a guest ends that nobody says more of: at six
// today, and from four on tomorrow at six.
func UsualUntil(now time.Time) time.Time {
	y, m, d := now.Date()
	if now.Hour() >= 16 {
		d++
	}
	return time.Date(y, m, d, 18, 0, 0, 0, now.Location())
}
