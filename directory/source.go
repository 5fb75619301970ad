package directory

import (
	"context"
	"errors"
)

// Source is a place where people and groups come from: a directory service, a
// table, another machine. directory/ldap and directory/entra are some.
type Source interface {
	// Read returns everybody when cursor is empty, else who has changed since the
	// answer that had the cursor. A source that cannot say what has changed
	// returns everybody again and says so (Answer.Full).
	//
	// progress, which may be nil, is told how many entries were read so far.
	//
	// What came before an error is not returned: an answer that is not whole must
	// never look as if people had left. Errors for people are a fault.Error:
	// Unavailable when the source cannot be reached or is too slow, Denied when it
	// refuses the credentials, Invalid when its answers cannot be used.
	Read(ctx context.Context, cursor []byte, progress func(read int)) (Answer, error)
}

// Answer is what a source has said.
type Answer struct {
	Full     bool // everybody is here, so who is not here has left
	People   []Record
	Groups   []GroupRecord
	Gone     []string // keys of people and groups that have left; only when not Full
	Cursor   []byte   // for the next Read; empty: the source cannot say what has changed
	Problems []string // English sentences: entries that were passed over, and why; at most MaxProblems
}

// MaxProblems bounds Answer.Problems. A source whose every entry is wrong says
// so a hundred times.
const MaxProblems = 100

// Record is a person as a source describes him, always whole: a source that
// hears only of what changed reads the rest again.
type Record struct {
	Key  string // stays for life, whatever the person is called and wherever moved: objectGUID, entryUUID, the id of Graph
	DN   string // where the entry is, "" when the source has no such thing
	Base string // which part of the source it is from, for the guard against mass deletion; "" when there is only one

	// As the source spells them; whoever stores them folds. Login is required.
	Login, UPN, Email, FullName, Department, Language string
	Aliases                                           []string
	Enabled                                           bool
	Cards                                             []string // numbers as the source spells them
	PIN                                               string   // "" leaves what there is
}

// GroupRecord is a group as a source describes it, with all of its members.
type GroupRecord struct {
	Key     string
	Name    string
	DN      string
	Base    string
	People  []string // keys of the people in it, not of those in groups in it
	Members []string // keys of the groups in it
}

// ErrOwnPassword is wrapped by the answer about a person whose password no directory
// has: it is the person's own here.
var ErrOwnPassword = errors.New("no directory has this password")

// Checker knows whether a password is right, by asking the directory that has
// it.
type Checker interface {
	// Check asks for the person with this key and login. It returns nil when the
	// password is right, fault.Denied when it is wrong, or the account is disabled
	// or gone, and fault.Unavailable when nobody can tell now. An empty password is
	// Denied without asking: LDAP takes it for an anonymous bind and says yes (RFC
	// 4513, section 6.3.1). A person with an empty key is one whom nobody has; the
	// check takes as long as any other and says Denied.
	Check(ctx context.Context, key, login, password string) error
}
