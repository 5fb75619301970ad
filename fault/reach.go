package fault

import (
	"context"
	"errors"
	"net"
	"os"
)

// Reach says why no connection to another machine came about. Each needs another
// person to do something else.
type Reach int

// The ways not to be reached.
const (
	Unreached   Reach = iota // nobody can tell
	Refused                  // the machine is there, and nothing listens
	Unnamed                  // the name is not known
	NameUnasked              // no name server has answered
	Silent                   // nothing has answered in time
	NoWay                    // the network knows no way there
)

// ReachOf finds out from the error of a dial.
func ReachOf(err error) Reach {
	var name *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return Unnamed
	case errors.As(err, &name):
		return NameUnasked
	case isAny(err, refused):
		return Refused
	case isAny(err, noWay):
		return NoWay
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return Silent
	}
	return Unreached
}

// Broken reports whether the other machine, or something on the way, has ended a
// connection that stood.
func Broken(err error) bool { return isAny(err, broken) }

func isAny(err error, list []error) bool {
	for _, e := range list {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
