package convert

import (
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"platen/pdl"
	"platen/site"
)

// Tools are the programs that convert, by their paths; "" is not there.
type Tools struct {
	GS       string // Ghostscript
	PDFToPS  string // pdftops of poppler
	confined bool   // children can be held within limits on this system
}

// Find looks for the programs. Where children cannot be confined there are none.
func Find() Tools {
	if runtime.GOOS != "linux" {
		return Tools{}
	}
	path := func(name string) string {
		p, err := exec.LookPath(name)
		if err != nil {
			return ""
		}
		return p
	}
	return Tools{GS: path("gs"), PDFToPS: path("pdftops"), confined: true}
}

// names are the languages as people know them.
var names = map[pdl.Language]string{
	pdl.PDF: "PDF", pdl.PostScript: "PostScript", pdl.PCL: "PCL", pdl.PCLXL: "PCL XL", pdl.PWG: "PWG raster", pdl.URF: "Apple raster",
	pdl.XPS: "XPS", pdl.JPEG: "JPEG", pdl.TIFF: "TIFF", pdl.ESCPR: "ESC/P-R", pdl.ESCP: "ESC/P", pdl.Text: "text",
}

// Name returns what people call a language.
func Name(language string) string {
	if n := names[pdl.Language(language)]; n != "" {
		return n
	}
	return "an unknown language"
}

// mediaTypes are the names under which a device lists the languages it reads.
var mediaTypes = map[string]pdl.Language{
	"application/pdf":                pdl.PDF,
	"application/postscript":         pdl.PostScript,
	"application/vnd.hp-pcl":         pdl.PCL,
	"application/pcl":                pdl.PCL,
	"application/vnd.hp-pclxl":       pdl.PCLXL,
	"application/pclxl":              pdl.PCLXL,
	"image/pwg-raster":               pdl.PWG,
	"image/urf":                      pdl.URF,
	"application/oxps":               pdl.XPS,
	"application/vnd.ms-xpsdocument": pdl.XPS,
	"application/vnd.epson.escpr":    pdl.ESCPR,
	"application/vnd.epson.escp":     pdl.ESCP,
	"image/jpeg":                     pdl.JPEG,
	"image/tiff":                     pdl.TIFF,
	"text/plain":                     pdl.Text,
}

// reads returns the languages that a device is known to read. None are known of
// one that never said so.
func reads(dev *site.Device) []pdl.Language {
	var all []pdl.Language
	for _, f := range dev.Can().Formats {
		base, _, _ := strings.Cut(f, ";")
		if l := mediaTypes[strings.ToLower(strings.TrimSpace(base))]; l != "" {
			all = append(all, l)
		}
	}
	return all
}

// targets are what documents are made into, the best first: what keeps letters
// as letters, before what is dots of one resolution.
var targets = []pdl.Language{pdl.PDF, pdl.PostScript, pdl.PCLXL, pdl.PWG, pdl.URF, pdl.PCL}

// sources can be read by the programs that we have, or by ourselves.
var sources = []pdl.Language{pdl.PDF, pdl.PostScript, pdl.JPEG, pdl.PWG, pdl.URF}

// Why a device cannot print a document.
const (
	textNoWay  = "This device cannot print this document. Please use another device, or print it again as PDF."
	textNoTool = "This device cannot print this document, because the program that would convert it is not installed. Please ask the help desk."
)

// Plan says in which language a device gets a document: its own when the device
// reads that or nobody knows what it reads, else the one it is converted to. When
// ok is false it cannot be printed there, and why is the sentence for people.
//
// Text, and what nobody knows, goes as it is: devices that look for themselves do
// not list it.
func (t Tools) Plan(language string, dev site.Device) (to string, ok bool, why string) {
	from, known := pdl.Language(language), reads(&dev)
	if len(known) == 0 || from == "" || from == pdl.Unknown || from == pdl.Text || slices.Contains(known, from) {
		return language, true, ""
	}
	if !slices.Contains(sources, from) {
		return "", false, textNoWay
	}
	tool := false
	for _, target := range targets {
		if !slices.Contains(known, target) {
			continue
		}
		if t.can(from, target) {
			return string(target), true, ""
		}
		tool = true
	}
	if tool {
		return "", false, textNoTool
	}
	return "", false, textNoWay
}

// can reports whether the programs for a conversion are there.
func (t Tools) can(from, to pdl.Language) bool {
	switch {
	case !t.confined:
		return false
	case to == pdl.PDF && ours(from): // by this program alone
		return true
	case from == pdl.PDF && to == pdl.PostScript && t.PDFToPS != "":
		return true
	}
	return t.GS != ""
}

// ours are the languages that this program itself makes into PDF.
func ours(l pdl.Language) bool { return l == pdl.JPEG || l == pdl.PWG || l == pdl.URF }

// Greys reports whether a document can be made anew in its own language without
// colours, for a device that cannot be told to leave them.
func (t Tools) Greys(language string) bool {
	l := pdl.Language(language)
	return t.confined && t.GS != "" && (l == pdl.PDF || l == pdl.PostScript || raster(l))
}

// Ranged reports whether a document has to be made anew in its own language,
// because only some of its pages are wanted and the device cannot choose them
// itself.
func (t Tools) Ranged(language string, dev site.Device) bool {
	l := pdl.Language(language)
	return t.GS != "" && (l == pdl.PDF || l == pdl.PostScript) && !slices.Contains(dev.Can().Attributes, "page-ranges")
}
