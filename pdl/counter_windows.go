package pdl

import (
	"os"
	"syscall"
)

// attributes of the child: no window, and no signals of the node's console. It
// may not start another process, see confine.
func attributes(bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{HideWindow: true, CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

func killGroup(p *os.Process) error { return p.Kill() }
