//go:build !linux

package main

import "runtime"

const onWindows = runtime.GOOS == "windows"

// networkFS knows no network file systems here.
func networkFS(string) string { return "" }

// noCore is for systems that would write the memory of a crash to a file by
// themselves.
func noCore() error { return nil }
