//go:build !linux

package convert

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// Elsewhere a program that reads strangers' documents cannot be held within its
// limits by the means that we have, and Find finds none.

func attributes(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func killGroup(p *os.Process) error { return p.Kill() }

func endedBy(*os.ProcessState) string { return "" }

// Main says that there is nothing to do.
func Main(_ []string, errs io.Writer) int {
	fmt.Fprintln(errs, "convert: not on this system")
	return 1
}
