// Command platen is an open print node: it takes print jobs, keeps them, and
// prints them when their owner stands at a device.
//
// This package knows the commands, the wiring of the parts, signals and the
// service of the operating system. It knows no rule of printing.
package main

import (
	"context"
	"os"
)

// version is set by the linker.
var version = "unknown"

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
