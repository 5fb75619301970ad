package ippsrv

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/OpenPrinting/goipp"

	"platen/ipp"
	"platen/site"
)

// size is a medium in hundredths of a millimetre.
type size struct{ x, y int }

// sizeOf reads the dimensions at the end of a self-describing name (PWG 5101.1,
// section 5): iso_a4_210x297mm, na_letter_8.5x11in.
func sizeOf(name string) (size, bool) {
	i := strings.LastIndexByte(name, '_')
	dims := name[i+1:]
	scale := 100.0
	switch {
	case strings.HasSuffix(dims, "mm"):
	case strings.HasSuffix(dims, "in"):
		scale = 2540
	default:
		return size{}, false
	}
	x, y, ok := strings.Cut(dims[:len(dims)-2], "x")
	w, err1 := strconv.ParseFloat(x, 64)
	h, err2 := strconv.ParseFloat(y, 64)
	if !ok || err1 != nil || err2 != nil || w <= 0 || h <= 0 || w > 1e4 || h > 1e4 {
		return size{}, false
	}
	return size{int(math.Round(w * scale)), int(math.Round(h * scale))}, true
}

// nameOf finds the supported medium of a size, within half a millimetre.
func nameOf(s size, supported []string) (string, bool) {
	for _, name := range supported {
		is, ok := sizeOf(name)
		if ok && near(is.x, s.x) && near(is.y, s.y) {
			return name, true
		}
	}
	return "", false
}

func near(a, b int) bool { return a-b <= 50 && b-a <= 50 }

// standardSizes returns those of the media that have a size of their own.
func standardSizes(c *site.Capabilities) []string {
	var list []string
	for _, m := range c.Media {
		if _, ok := sizeOf(m); ok && !strings.HasPrefix(m, "custom_") {
			list = append(list, m)
		}
	}
	return list
}

func sizeCollection(s size) []goipp.Attribute {
	return []goipp.Attribute{ipp.Integer("x-dimension", s.x), ipp.Integer("y-dimension", s.y)}
}

// mediaCol is media-col for one medium (PWG 5100.7, section 6.3).
func mediaCol(name, source, kind string, margin int) []goipp.Attribute {
	s, _ := sizeOf(name)
	c := []goipp.Attribute{
		ipp.Keyword("media-key", strings.Join(slices.DeleteFunc([]string{name, source, kind}, func(x string) bool { return x == "" }), "_")),
		ipp.Collection("media-size", sizeCollection(s)), ipp.Keyword("media-size-name", name),
		ipp.Integer("media-bottom-margin", margin), ipp.Integer("media-left-margin", margin),
		ipp.Integer("media-right-margin", margin), ipp.Integer("media-top-margin", margin),
	}
	if source != "" {
		c = append(c, ipp.Keyword("media-source", source))
	}
	if kind != "" {
		c = append(c, ipp.Keyword("media-type", kind))
	}
	return c
}

// mediaSizes are media-size-supported.
func mediaSizes(media []string) goipp.Attribute {
	var all [][]goipp.Attribute
	for _, m := range media {
		if s, ok := sizeOf(m); ok {
			all = append(all, sizeCollection(s))
		}
	}
	return ipp.Collection("media-size-supported", all...)
}

// mediaReady are media-col-ready: what lies in the trays, as far as anybody
// knows.
func mediaReady(c *site.Capabilities, media []string) [][]goipp.Attribute {
	var all [][]goipp.Attribute
	for _, m := range media {
		all = append(all, mediaCol(m, "auto", "stationery", c.Margin))
	}
	return all
}

// mediaDatabase is media-col-database, which is long and therefore told only to
// those who ask for it by name.
func mediaDatabase(c *site.Capabilities, media []string) [][]goipp.Attribute {
	types := slices.DeleteFunc(slices.Clone(c.Types), func(t string) bool { return t == "auto" })
	if len(types) == 0 {
		types = []string{""}
	}
	var all [][]goipp.Attribute
	for _, m := range media {
		for _, t := range types {
			all = append(all, mediaCol(m, "", t, c.Margin))
		}
	}
	return all
}
