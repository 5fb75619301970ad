package releasetest_test

import (
	"testing"
	"time"

	"platen/release"
	"platen/release/releasetest"
)

func TestFake(t *testing.T) {
	releasetest.Run(t, func(*testing.T) (release.Store, releasetest.Fixture) {
		f := releasetest.NewFake(time.Now)
		return f, f.Fixture(releasetest.NewFake(time.Now))
	})
}
