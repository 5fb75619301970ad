package pdl

import (
	"os"
	"testing"
)

// TestMain lets the test binary be the child that Counter starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == childArg {
		os.Exit(child(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

const childArg = "pdl-test-child"

func child(role string, args []string) int {
	switch role {
	case "count":
		return CountMain(args, os.Stdin, os.Stdout)
	}
	return 99
}
