package fault

import "golang.org/x/sys/windows"

// What the system answers to a dial.
var (
	refused = []error{windows.WSAECONNREFUSED}
	noWay   = []error{windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH, windows.WSAENETDOWN}
)
