package convert

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"platen/pdl"
)

// attributes of the child: a process group of its own, and death with its
// parent. Alone, it is nobody in a user namespace without names, and its network
// has no interface that is up.
func attributes(alone bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if alone {
		a.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC
	}
	return a
}

func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

// endedBy says what a signal means that ended a child, "" for none of ours.
func endedBy(p *os.ProcessState) string {
	ws, ok := p.Sys().(syscall.WaitStatus)
	if !ok || !ws.Signaled() {
		return ""
	}
	switch ws.Signal() {
	case syscall.SIGXFSZ:
		return textLarge
	case syscall.SIGKILL, syscall.SIGXCPU:
		return textLimits
	}
	return ""
}

// Main is the child: it puts limits on itself, in the folder of the conversion,
// and then becomes the program that converts, or converts itself. It returns an
// exit status.
func Main(args []string, errs io.Writer) int {
	runtime.LockOSThread() // what Landlock allows is a matter of the thread
	var s spec
	err := fmt.Errorf("convert: wrong usage")
	if len(args) == 1 {
		if err = json.Unmarshal([]byte(args[0]), &s); err == nil {
			err = run(s, errs)
		}
	}
	fmt.Fprintln(errs, err)
	if err != nil {
		return 1
	}
	return 0
}

func run(s spec, errs io.Writer) error {
	if len(s.Argv) == 0 && s.Raster == "" {
		return fmt.Errorf("convert: nothing to do")
	}
	// Where memory runs out, this process goes and not the node. It may be refused.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0o600)
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("convert: no_new_privs: %w", err)
	}
	landlock(s.Argv)
	if err := noSockets(); err != nil {
		return err
	}
	if s.Raster == "" {
		debug.SetGCPercent(-1) // between the limits and the program there may be no room for it
	}
	if err := limit(s); err != nil {
		return err
	}
	if _, err := io.WriteString(errs, begun); err != nil {
		return err
	}
	if s.Raster != "" {
		return rasterFile(pdl.Language(s.Raster), fileIn, fileOut)
	}
	return fmt.Errorf("convert: %s: %w", s.Argv[0], syscall.Exec(s.Argv[0], s.Argv, os.Environ())) //nolint:gosec // of our own making
}

// Offsets in what a filter of system calls looks at (seccomp(2), struct
// seccomp_data), and where the numbers of the x32 ABI begin.
const (
	seccompNumber = 0
	seccompArch   = 4
	x32           = 0x40000000
)

// auditArch names this machine as the kernel does, 0 for one that nobody has
// looked at.
var auditArch = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]

// noSockets takes the network away where the system refuses namespaces, as it
// does to a service: no socket can be made any more, and no other process looked
// into. The answer is EPERM. The system calls of another architecture than this
// program's end it.
func noSockets() error {
	if auditArch == 0 {
		return nil
	}
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	end := func(verdict uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: verdict}
	}
	const deny = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	filter := []unix.SockFilter{
		load(seccompArch), {Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: auditArch, Jt: 1}, end(unix.SECCOMP_RET_KILL_PROCESS),
		load(seccompNumber), {Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: x32, Jf: 1}, end(deny),
	}
	for _, call := range []uint32{
		unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
		unix.SYS_IO_URING_SETUP, unix.SYS_BPF, unix.SYS_USERFAULTFD, unix.SYS_KEYCTL,
	} {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1}, end(deny))
	}
	filter = append(filter, end(unix.SECCOMP_RET_ALLOW))
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil { //nolint:gosec // there is no other way to call it
		return fmt.Errorf("convert: seccomp: %w", err)
	}
	return nil
}

// limit puts the limits on this process, and on what it becomes. Memory is limited
// by what is written to (getrlimit(2), RLIMIT_DATA): the address space of a Go
// program is larger than any limit before it does anything, and the next that the
// runtime asks for, a thread perhaps, would be the end of it.
func limit(s spec) error {
	if s.Raster != "" {
		debug.SetMemoryLimit(s.Memory / 2)
	}
	for _, r := range []struct {
		resource int
		value    uint64
	}{
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_NOFILE, 256},
		{unix.RLIMIT_FSIZE, uint64(s.Most)},
		{unix.RLIMIT_CPU, uint64(s.CPU)}, // soft is hard: nobody ignores SIGKILL
		{unix.RLIMIT_DATA, uint64(s.Memory)},
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(r.resource, &now); err != nil {
			return fmt.Errorf("convert: rlimit %d: %w", r.resource, err)
		}
		value := min(r.value, now.Max)
		if err := unix.Setrlimit(r.resource, &unix.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("convert: rlimit %d: %w", r.resource, err)
		}
	}
	return nil
}

// readable is what programs need beside the folder of the conversion: themselves,
// their libraries, fonts and tables.
var readable = []string{
	"/usr", "/lib", "/lib32", "/lib64", "/bin", "/etc/fonts", "/etc/ghostscript", "/etc/ld.so.cache", "/etc/papersize", "/etc/xpdf",
	"/var/lib/ghostscript", "/var/cache/fontconfig", "/var/lib/defoma", "/dev/urandom", "/dev/zero",
}

// landlock takes all other files away, where the kernel can (Documentation/
// userspace-api/landlock.rst). It is one wall of several, so that a kernel
// without it converts all the same.
func landlock(argv []string) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 || abi < 1 {
		return
	}
	attr, size := unix.LandlockRulesetAttr{Handled_access_fs: 1<<13 - 1}, uintptr(8)
	for version, bit := range map[uintptr]uint64{2: unix.LANDLOCK_ACCESS_FS_REFER, 3: unix.LANDLOCK_ACCESS_FS_TRUNCATE, 5: unix.LANDLOCK_ACCESS_FS_IOCTL_DEV} {
		if abi >= version {
			attr.Handled_access_fs |= bit
		}
	}
	if abi >= 4 {
		attr.Handled_access_net, size = unix.LANDLOCK_ACCESS_NET_BIND_TCP|unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, 16
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0) //nolint:gosec // there is no other way to call it
	if errno != 0 {
		return
	}
	defer func() { _ = unix.Close(int(fd)) }()
	const read = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	for _, path := range append(append([]string{}, readable...), prefixOf(argv)) {
		beneath(int(fd), path, read)
	}
	beneath(int(fd), "/dev/null", unix.LANDLOCK_ACCESS_FS_READ_FILE|unix.LANDLOCK_ACCESS_FS_WRITE_FILE)
	beneath(int(fd), ".", attr.Handled_access_fs&^(unix.LANDLOCK_ACCESS_FS_EXECUTE|unix.LANDLOCK_ACCESS_FS_MAKE_CHAR|unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK|unix.LANDLOCK_ACCESS_FS_MAKE_SOCK))
	_, _, _ = unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
}

// prefixOf is the folder below which a program has its parts: /opt/gs for
// /opt/gs/bin/gs.
func prefixOf(argv []string) string {
	real, err := filepath.EvalSymlinks(first(argv))
	if err != nil {
		return "/usr"
	}
	if dir := filepath.Dir(filepath.Dir(real)); dir != "/" && dir != "." {
		return dir
	}
	return "/usr"
}

// beneath allows access to a file, or to all below a folder. What is not there
// needs no permission.
func beneath(ruleset int, path string, access uint64) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, _ = unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0) //nolint:gosec // as above
}
