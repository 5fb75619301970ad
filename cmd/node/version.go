package main

import (
	"runtime"
	"runtime/debug"
)

// versions says what this program was built from.
func versions() map[string]string {
	v := map[string]string{"version": version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, d := range info.Deps {
		if d.Path == "github.com/mattn/go-sqlite3" {
			v["go-sqlite3"] = d.Version
		}
	}
	return v
}
