package site

import (
	"cmp"
	"slices"
	"time"
)

// Capabilities are what a device can do, in the words of IPP. The zero value
// says that nobody knows.
type Capabilities struct {
	Asked      time.Time `json:"asked"`      // when it said so; zero for a profile
	Model      string    `json:"model"`      // printer-make-and-model
	Formats    []string  `json:"formats"`    // document-format-supported, without application/octet-stream
	Colour     bool      `json:"colour"`     // color-supported
	Sides      []string  `json:"sides"`      // sides-supported
	Media      []string  `json:"media"`      // media-supported, PWG 5101.1 names
	Ready      []string  `json:"ready"`      // media-ready
	Sources    []string  `json:"sources"`    // media-source-supported
	Types      []string  `json:"types"`      // media-type-supported
	Finishings []int     `json:"finishings"` // finishings-supported, without none
	Bins       []string  `json:"bins"`       // output-bin-supported
	DPI        []int     `json:"dpi"`        // printer-resolution-supported
	Copies     int       `json:"copies"`     // upper end of copies-supported
	PPM        int       `json:"ppm"`        // pages-per-minute
	PPMColour  int       `json:"ppm_colour"` // pages-per-minute-color
	Margin     int       `json:"margin"`     // of all four edges, hundredths of a millimetre
	RasterDPI  []int     `json:"raster_dpi"` // pwg-raster-document-resolution-supported
	SheetBack  string    `json:"sheet_back"` // pwg-raster-document-sheet-back: how a raster of the back of a sheet has to lie; "" unknown
	Attributes []string  `json:"attributes"` // job-creation-attributes-supported, of an IPP device
}

// Known reports whether anything is known.
func (c *Capabilities) Known() bool { return len(c.Media) > 0 || len(c.Formats) > 0 }

// officeMedia are the sizes that office devices have in their trays or bypass.
var officeMedia = []string{
	"iso_a4_210x297mm", "iso_a3_297x420mm", "iso_a5_148x210mm", "iso_a6_105x148mm",
	"na_letter_8.5x11in", "na_legal_8.5x14in", "na_ledger_11x17in", "na_executive_7.25x10.5in",
	"iso_c5_162x229mm", "iso_dl_110x220mm", "na_number-10_4.125x9.5in", "jis_b5_182x257mm",
}

func office(colour bool) Capabilities {
	c := Capabilities{
		Sides: []string{"one-sided", "two-sided-long-edge", "two-sided-short-edge"}, Colour: colour,
		Media: officeMedia, Ready: officeMedia[:2], Sources: []string{"auto", "tray-1", "tray-2", "by-pass-tray"},
		Types: []string{"auto", "stationery", "stationery-letterhead", "labels", "envelope", "transparency", "cardstock"},
		Bins:  []string{"face-down"}, DPI: []int{300, 600}, Copies: 999, PPM: 30, Margin: 423,
	}
	if colour {
		c.PPMColour = 30
	}
	return c
}

// Profiles are what an administrator can say of devices that cannot be asked.
var Profiles = map[string]Capabilities{
	"office-colour":   office(true),
	"office-mono":     office(false),
	"finisher-colour": finisher(office(true)),
	"finisher-mono":   finisher(office(false)),
	"simple-mono": {
		Sides: []string{"one-sided"}, Media: []string{"iso_a4_210x297mm", "na_letter_8.5x11in", "na_legal_8.5x14in", "iso_a5_148x210mm"},
		Ready: []string{"iso_a4_210x297mm"}, Sources: []string{"auto", "tray-1"}, Types: []string{"auto", "stationery", "labels", "envelope"},
		Bins: []string{"face-down"}, DPI: []int{300, 600}, Copies: 99, PPM: 20, Margin: 423,
	},
	"label": {
		Sides: []string{"one-sided"}, Media: []string{"oe_4x6-label_4x6in", "om_100x150mm_100x150mm", "iso_a6_105x148mm"},
		Ready: []string{"oe_4x6-label_4x6in"}, Sources: []string{"auto", "main-roll"}, Types: []string{"auto", "labels"},
		Bins: []string{"face-up"}, DPI: []int{203, 300}, Copies: 999, PPM: 60,
	},
}

// Finishings that finishers have: staple, punch, and the corners and holes that
// people ask for by name (RFC 8011 and PWG 5100.1).
var finisherEnums = []int{4, 5, 20, 21, 28, 29, 74, 75, 86}

func finisher(c Capabilities) Capabilities {
	c.Finishings, c.PPM = finisherEnums, 50
	c.Bins = []string{"face-down", "stacker-1", "tray-1"}
	if c.Colour {
		c.PPMColour = 50
	}
	return c
}

// DefaultProfile is taken where nobody knows better.
const DefaultProfile = "office-colour"

// Can returns what the device can do as far as anybody knows: its profile stands
// above what it says, and an ordinary office device is assumed of one that says
// nothing.
func (d *Device) Can() Capabilities {
	if p, ok := Profiles[d.Profile]; ok {
		if len(d.Capabilities.Formats) > 0 {
			p.Formats = d.Capabilities.Formats
		}
		p.Model = cmp.Or(d.Model, d.Capabilities.Model)
		return p
	}
	c := d.Capabilities
	if !c.Known() {
		c = Profiles[DefaultProfile]
	}
	c.Model = cmp.Or(d.Model, c.Model)
	return c
}

// Together returns what at least one of several devices can do: a held job goes
// to whichever device its owner stands at, and that one is asked again before it
// prints.
func Together(all []Capabilities) Capabilities {
	if len(all) == 0 {
		return Profiles[DefaultProfile]
	}
	c := all[0]
	if len(all) > 1 {
		c.Model = ""
	}
	for _, x := range all[1:] {
		c.Colour = c.Colour || x.Colour
		c.Sides, c.Media, c.Ready = union(c.Sides, x.Sides), union(c.Media, x.Media), union(c.Ready, x.Ready)
		c.Sources, c.Types, c.Bins = union(c.Sources, x.Sources), union(c.Types, x.Types), union(c.Bins, x.Bins)
		c.Formats = union(c.Formats, x.Formats)
		c.Finishings, c.DPI = union(c.Finishings, x.Finishings), union(c.DPI, x.DPI)
		c.Copies = max(c.Copies, x.Copies)
		c.PPM, c.PPMColour, c.Margin = max(c.PPM, x.PPM), max(c.PPMColour, x.PPMColour), max(c.Margin, x.Margin)
	}
	return c
}

func union[T comparable](a, b []T) []T {
	a = slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}
