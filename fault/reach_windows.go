package fault

import "golang.org/x/sys/windows"

// What the system answers to a dial, and of a connection that stood.
var (
	refused = []error{windows.WSAECONNREFUSED}
	noWay   = []error{windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH, windows.WSAENETDOWN}
	broken  = []error{windows.WSAECONNRESET, windows.WSAECONNABORTED}
)
