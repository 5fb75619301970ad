package intake

import (
	"os"

	"golang.org/x/sys/windows"
)

// openFile opens a file for reading. os.Root does not follow links out of the
// folder, and a file that another program holds for itself alone is refused.
func openFile(root *os.Root, name string) (*os.File, error) { return root.Open(name) }

func identify(f *os.File) (identity, error) {
	info, err := f.Stat()
	if err != nil {
		return identity{}, err
	}
	if !info.Mode().IsRegular() {
		return identity{}, errBusy
	}
	var st windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &st); err != nil {
		return identity{}, err
	}
	return identity{
		inode:  uint64(st.FileIndexHigh)<<32 | uint64(st.FileIndexLow),
		octets: info.Size(), modified: info.ModTime().UnixNano(), changed: st.CreationTime.Nanoseconds(),
	}, nil
}
