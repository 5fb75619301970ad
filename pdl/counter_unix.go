//go:build unix && !linux

package pdl

import (
	"os"
	"syscall"
)

// attributes of the child: a process group of its own.
func attributes(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
