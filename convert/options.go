package convert

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"platen/job"
	"platen/site"
)

// Options are what a conversion has to heed because the device cannot any more,
// or needs to know.
type Options struct {
	Ranges        [][2]int // pages wanted, ascending; none: all
	Mono          bool     // without colours
	DPI           int      // of what is made of dots
	Sides         string   // sides keyword, "" not asked for
	Back          string   // how the raster of the back of a sheet lies: pwg-raster-document-sheet-back
	Width, Height float64  // of the media in points; 0: as the document says
	Page          [2]float64
	Margin        float64 // in points, around a picture
}

// For returns the options of a job at a device: what was chosen at the terminal
// stands above what the client asked for.
func For(t job.Ticket, o job.Options, dev site.Device) Options {
	can := dev.Can()
	opt := Options{
		Ranges: t.Ranges, Sides: cmp.Or(o.Sides, t.Sides), DPI: dpi(can.DPI), Back: dev.Capabilities.SheetBack,
		Mono:   !can.Colour || o.Mono || monochrome(t.Colour),
		Margin: float64(can.Margin) * 72 / 2540,
		Page:   [2]float64{595.276, 841.89},
	}
	if own := dev.Capabilities.RasterDPI; len(own) > 0 {
		opt.DPI = dpi(own)
	}
	if w, h, ok := mediaSize(t.Media); ok {
		opt.Width, opt.Height, opt.Page = w, h, [2]float64{w, h}
	} else if len(can.Ready) > 0 {
		if w, h, ok := mediaSize(can.Ready[0]); ok {
			opt.Page = [2]float64{w, h}
		}
	}
	return opt
}

// monochrome reports whether a print-color-mode is one without colours (PWG
// 5100.13, section 6.2.3).
func monochrome(mode string) bool {
	return slices.Contains([]string{"monochrome", "auto-monochrome", "process-monochrome", "bi-level", "process-bi-level"}, mode)
}

// dpi picks a resolution that office pages need, of those that a device has.
func dpi(all []int) int {
	switch {
	case len(all) == 0, slices.Contains(all, 300):
		return 300
	case slices.Contains(all, 600):
		return 600
	}
	return slices.Min(all)
}

// maxPoints is the longest edge that anything here is drawn on: five metres.
const maxPoints = 5 * 39.37 * 72

// mediaSize reads the size at the end of a self-describing name, in points:
// iso_a4_210x297mm, na_letter_8.5x11in (PWG 5101.1, section 5).
func mediaSize(name string) (w, h float64, ok bool) {
	size := name[strings.LastIndexByte(name, '_')+1:]
	unit := 72 / 25.4
	digits, metric := strings.CutSuffix(size, "mm")
	if !metric {
		if digits, ok = strings.CutSuffix(size, "in"); !ok {
			return 0, 0, false
		}
		unit = 72
	}
	a, b, found := strings.Cut(digits, "x")
	w, errW := strconv.ParseFloat(a, 64)
	h, errH := strconv.ParseFloat(b, 64)
	w, h = w*unit, h*unit
	good := func(n float64) bool { return n >= 18 && n <= maxPoints } // NaN is neither
	return w, h, found && errW == nil && errH == nil && good(w) && good(h)
}
