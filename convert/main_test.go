package convert

import (
	"os"
	"testing"
)

// childArg makes the test binary the child.
const childArg = "convert-document"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		os.Exit(Main(os.Args[2:], os.Stderr))
	}
	os.Exit(m.Run())
}
