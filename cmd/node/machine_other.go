//go:build !linux

package main

import "runtime"

const onWindows = runtime.GOOS == "windows"

// networkFS knows no network file systems here.
func networkFS(string) string { return "" }
