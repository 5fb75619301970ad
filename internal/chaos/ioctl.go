package main

import (
	"syscall"
	"unsafe"
)

// ioctl passes a number to a file system.
func ioctl(fd, request uintptr, flag *[1]uint32) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(flag))); errno != 0 {
		return errno
	}
	return nil
}
