package reader

import "golang.org/x/sys/windows"

// What the system answers to who wants to listen.
const (
	errAddressUsed = windows.WSAEADDRINUSE
	errAddressElse = windows.WSAEADDRNOTAVAIL
)
