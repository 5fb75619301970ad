package pdl

import (
	"os"
	"syscall"
)

// attributes of the child: a process group of its own, and death with its
// parent. Alone, it is nobody in a user namespace without names, and its network
// has no interface that is up.
func attributes(alone bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if alone {
		a.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET
	}
	return a
}

func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
