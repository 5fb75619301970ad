package device

import (
	"context"
	"slices"
	"strings"

	"github.com/OpenPrinting/goipp"

	"platen/ipp"
	"platen/site"
)

// Describer is a device that can say what it can do.
type Describer interface {
	Capabilities(ctx context.Context) (site.Capabilities, error)
}

var _ Describer = (*ippDevice)(nil)

// capabilityNames are the attributes that Capabilities is made of.
var capabilityNames = []string{
	"printer-make-and-model", "document-format-supported", "color-supported", "sides-supported", "media-supported", "media-ready",
	"media-source-supported", "media-type-supported", "finishings-supported", "output-bin-supported", "printer-resolution-supported",
	"copies-supported", "pages-per-minute", "pages-per-minute-color", "media-left-margin-supported", "job-creation-attributes-supported",
	"pwg-raster-document-resolution-supported", "pwg-raster-document-sheet-back", "urf-supported",
}

// mostValues bounds each list: what a printer says is kept in the database.
const mostValues = 200

// Capabilities asks the printer what it can do. What it says is only believed as
// far as it has the form that it should have.
func (p *ippDevice) Capabilities(ctx context.Context) (site.Capabilities, error) {
	a, err := p.printerAttributes(ctx, capabilityNames...)
	if err != nil {
		return site.Capabilities{}, err
	}
	c := site.Capabilities{
		Asked: p.set.Now().UTC(), Model: harmless(ipp.Text(a, "printer-make-and-model"), 127),
		Sides: keywordsOf(a, "sides-supported"), Media: keywordsOf(a, "media-supported"), Ready: keywordsOf(a, "media-ready"),
		Sources: keywordsOf(a, "media-source-supported"), Types: keywordsOf(a, "media-type-supported"), Bins: keywordsOf(a, "output-bin-supported"),
		Attributes: keywordsOf(a, "job-creation-attributes-supported"),
		Finishings: slices.DeleteFunc(few(ipp.Ints(a, "finishings-supported")), func(n int) bool { return n == 3 }),
	}
	for _, f := range few(ipp.Texts(a, "document-format-supported")) {
		if f = strings.ToLower(f); f != "application/octet-stream" && len(f) < 100 && strings.Count(f, "/") == 1 {
			c.Formats = append(c.Formats, f)
		}
	}
	c.Colour, _ = ipp.Bool(a, "color-supported")
	for _, r := range ipp.Ranges(a, "copies-supported") {
		c.Copies = max(c.Copies, min(r.Upper, 9999))
	}
	c.PPM, c.PPMColour = bounded(a, "pages-per-minute", 1000), bounded(a, "pages-per-minute-color", 1000)
	c.Margin = bounded(a, "media-left-margin-supported", 10_000)
	c.DPI, c.RasterDPI = resolutions(a, "printer-resolution-supported"), resolutions(a, "pwg-raster-document-resolution-supported")
	c.SheetBack = sheetBack(a)
	return c, nil
}

// resolutions returns those that are the same in both directions.
func resolutions(a goipp.Attributes, name string) (dpi []int) {
	at, _ := ipp.Find(a, name)
	for _, v := range at.Values {
		if r, ok := v.V.(goipp.Resolution); ok && r.Units == goipp.UnitsDpi && r.Xres == r.Yres && r.Xres >= 50 && r.Xres <= 4800 && len(dpi) < 10 {
			dpi = append(dpi, r.Xres)
		}
	}
	return dpi
}

// sheetBacks are how the raster of the back of a sheet may have to lie (PWG
// 5102.4, section 5.3), by the names that Apple gives them.
var sheetBacks = map[string]string{"DM1": "normal", "DM2": "flipped", "DM3": "rotated", "DM4": "manual-tumble"}

func sheetBack(a goipp.Attributes) string {
	said := ipp.Text(a, "pwg-raster-document-sheet-back")
	for _, name := range few(ipp.Texts(a, "urf-supported")) {
		if back := sheetBacks[name]; back != "" && said == "" {
			said = back
		}
	}
	for _, known := range sheetBacks {
		if said == known {
			return known
		}
	}
	return ""
}

func few[T any](list []T) []T { return list[:min(len(list), mostValues)] }

// keywordsOf returns the values that look like keywords or names of media.
func keywordsOf(a goipp.Attributes, name string) []string {
	return slices.DeleteFunc(few(ipp.Texts(a, name)), func(s string) bool {
		return s == "" || len(s) > 127 || strings.ContainsFunc(s, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r))
		})
	})
}

func bounded(a goipp.Attributes, name string, most int) int {
	n, _ := ipp.Int(a, name)
	return max(0, min(n, most))
}

// reasonWords are printer-state-reasons as a condition keeps them.
func reasonWords(reasons []string) string {
	kept := slices.DeleteFunc(slices.Clone(few(reasons)), func(r string) bool {
		return r == "none" || len(r) > 60 || strings.ContainsAny(r, ", ")
	})
	return strings.Join(kept[:min(len(kept), 16)], ",")
}
