package pdl

import (
	"fmt"
	"io"
	"unsafe"

	"golang.org/x/sys/windows"
)

// confine puts this process into a job object of its own, with limits on
// memory and processor time and without the right to start another. Its handle
// is kept until the process ends.
func confine(l limits) error {
	confineRuntime(l)
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return fmt.Errorf("pdl: job object: %w", err)
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{
			PerProcessUserTimeLimit: int64(l.CPU) * 10_000_000, // in 100 ns
			ActiveProcessLimit:      1,
			LimitFlags: windows.JOB_OBJECT_LIMIT_PROCESS_TIME | windows.JOB_OBJECT_LIMIT_PROCESS_MEMORY |
				windows.JOB_OBJECT_LIMIT_ACTIVE_PROCESS | windows.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION,
		},
		ProcessMemoryLimit: uintptr(l.Data) + uintptr(l.Octets), // the document is on the heap
	}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		return fmt.Errorf("pdl: job object: %w", err)
	}
	if err := windows.AssignProcessToJobObject(job, windows.CurrentProcess()); err != nil {
		return fmt.Errorf("pdl: job object: %w", err)
	}
	return nil
}

// load reads at most limit octets.
func load(r io.Reader, limit int) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, int64(limit)))
}
