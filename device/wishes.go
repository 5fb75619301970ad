package device

import (
	"cmp"
	"slices"
)

// sides are those that were chosen at the terminal, or else those that the
// client asked for.
func (d *Delivery) sides() string { return cmp.Or(d.Options.Sides, d.Ticket.Sides) }

// pjlSides are the variables that sides mean, RFC 8011, section 5.2.8.
var pjlSides = map[string][]string{
	"one-sided":            {"DUPLEX=OFF"},
	"two-sided-long-edge":  {"DUPLEX=ON", "BINDING=LONGEDGE"},
	"two-sided-short-edge": {"DUPLEX=ON", "BINDING=SHORTEDGE"},
}

// pjlPaper is what PJL calls media (PJL Technical Reference, chapter 6, PAPER).
var pjlPaper = map[string]string{
	"iso_a3_297x420mm": "A3", "iso_a4_210x297mm": "A4", "iso_a5_148x210mm": "A5", "iso_a6_105x148mm": "A6",
	"na_letter_8.5x11in": "LETTER", "na_legal_8.5x14in": "LEGAL", "na_ledger_11x17in": "LEDGER", "na_executive_7.25x10.5in": "EXECUTIVE",
	"jis_b4_257x364mm": "JISB4", "jis_b5_182x257mm": "JISB5", "iso_b5_176x250mm": "B5",
	"iso_c5_162x229mm": "C5", "iso_dl_110x220mm": "DL", "na_number-10_4.125x9.5in": "COM10", "na_monarch_3.875x7.5in": "MONARCH",
}

// gray are the values of print-color-mode that want no colours (PWG 5100.13,
// section 6.2.3).
var gray = []string{"monochrome", "auto-monochrome", "process-monochrome", "bi-level", "process-bi-level"}

// pjlWishes are the variables with which PJL says what was asked for. They are
// the defaults of this one job: what a document says itself still counts more.
// Nothing that a client wrote gets into them.
func pjlWishes(d *Delivery) []string {
	set := slices.Clone(pjlSides[d.sides()])
	if slices.Contains(gray, d.Ticket.Colour) {
		set = append(set, "RENDERMODE=GRAYSCALE")
	}
	if paper := pjlPaper[d.Ticket.Media]; paper != "" {
		set = append(set, "PAPER="+paper)
	}
	return set
}
