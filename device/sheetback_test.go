package device

import (
	"slices"
	"testing"

	"github.com/OpenPrinting/goipp"

	"platen/ipp"
)

// How a raster has to lie is believed only where it is one of four words, and
// resolutions where both directions have the same.
func TestWhatPrintersSayOfRasters(t *testing.T) {
	for want, a := range map[string]goipp.Attributes{
		"rotated":       {ipp.Keyword("pwg-raster-document-sheet-back", "rotated"), ipp.Keyword("urf-supported", "DM1")},
		"manual-tumble": {ipp.Keyword("urf-supported", "V1.4", "W8", "DM4", "RS300-600")},
		"":              {ipp.Keyword("pwg-raster-document-sheet-back", "180 rotate quit")},
	} {
		if got := sheetBack(a); got != want {
			t.Errorf("%v: %q, want %q", a, got, want)
		}
	}
	odd := ipp.Resolution("r", 300, 600)
	odd.Values.Add(goipp.TagResolution, goipp.Resolution{Xres: 600, Yres: 1200, Units: goipp.UnitsDpi})
	if got := resolutions(goipp.Attributes{odd}, "r"); !slices.Equal(got, []int{300, 600}) {
		t.Errorf("%v", got)
	}
}
