package convert

import (
	"fmt"
	"strconv"
	"strings"

	"platen/pdl"
)

// Names within the folder of a conversion. They are all that a program is told
// of the document.
const (
	fileIn  = "in"
	fileOut = "out"
)

// command is the program that makes one language of another, with its arguments,
// in the folder of the conversion.
func (t Tools) command(from, to pdl.Language, o *Options) []string {
	if from == pdl.PDF && to == pdl.PostScript && t.PDFToPS != "" && len(o.Ranges) <= 1 && !o.Mono {
		return t.pdftops(o)
	}
	return t.ghostscript(to, o)
}

// pdftops keeps letters and transparency better than Ghostscript's ps2write, and
// is faster.
func (t Tools) pdftops(o *Options) []string {
	args := []string{t.PDFToPS, "-q", "-level3"}
	if o.Width > 0 {
		args = append(args, "-paperw", points(o.Width), "-paperh", points(o.Height))
	} else {
		args = append(args, "-paper", "match")
	}
	if len(o.Ranges) == 1 {
		args = append(args, "-f", strconv.Itoa(o.Ranges[0][0]), "-l", strconv.Itoa(o.Ranges[0][1]))
	}
	return append(args, fileIn, fileOut)
}

func (t Tools) ghostscript(to pdl.Language, o *Options) []string {
	args := []string{t.GS, "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-dNOPROMPT", "-sstdout=%stderr", "-sOutputFile=" + fileOut}
	args = append(args, gsDevice(to, o)...)
	if o.Width > 0 {
		args = append(args, "-dDEVICEWIDTHPOINTS="+points(o.Width), "-dDEVICEHEIGHTPOINTS="+points(o.Height), "-dFIXEDMEDIA", "-dFitPage")
	}
	if len(o.Ranges) > 0 {
		args = append(args, "-sPageList="+pageList(o.Ranges))
	}
	if turn := o.turn(); turn != "" && raster(to) {
		args = append(args, "-c", "<</BeginPage{1 and 1 eq{currentpagedevice/PageSize get aload pop "+turn+"}if}>>setpagedevice")
	}
	return append(args, "-f", fileIn, "-c", askPages)
}

// turn is what has to be done with the coordinates of the back of a sheet, whose
// width and height are on the stack, so that a printer that takes it as it comes
// does not have it upside down (PWG 5102.4, section 5.3).
func (o *Options) turn() string {
	long, short := o.Sides == "two-sided-long-edge", o.Sides == "two-sided-short-edge"
	switch {
	case o.Back == "rotated" && long, o.Back == "manual-tumble" && short:
		return "180 rotate neg exch neg exch translate"
	case o.Back == "flipped" && long:
		return "exch pop 1 -1 scale neg 0 exch translate"
	case o.Back == "flipped" && short:
		return "pop -1 1 scale neg 0 translate"
	}
	return ""
}

func raster(l pdl.Language) bool { return l == pdl.PWG || l == pdl.URF }

func gsDevice(to pdl.Language, o *Options) []string {
	switch to {
	case pdl.PDF, pdl.PostScript:
		args := []string{"-sDEVICE=pdfwrite"}
		if to == pdl.PostScript {
			args[0] = "-sDEVICE=ps2write"
		}
		if o.Mono {
			args = append(args, "-sColorConversionStrategy=Gray", "-dProcessColorModel=/DeviceGray")
		}
		return args
	case pdl.PCLXL:
		name := "pxlcolor"
		if o.Mono {
			name = "pxlmono"
		}
		return append([]string{"-sDEVICE=" + name, "-r600"}, duplex(o.Sides)...)
	case pdl.PCL:
		if strings.HasPrefix(o.Sides, "two-sided") {
			return append([]string{"-sDEVICE=ljet4d", "-r600"}, duplex(o.Sides)...)
		}
		return []string{"-sDEVICE=ljet4", "-r600"}
	}
	name, space, bits := "pwgraster", 19, 8 // sRGB (PWG 5102.4, section 4.3.2.4)
	if to == pdl.URF {
		name = "appleraster"
	}
	if o.Mono {
		space = 18 // sGray
	}
	args := []string{"-sDEVICE=" + name, fmt.Sprintf("-r%d", max(o.DPI, 72)), fmt.Sprintf("-dcupsColorSpace=%d", space), fmt.Sprintf("-dcupsBitsPerColor=%d", bits), "-dcupsColorOrder=0"}
	return append(args, duplex(o.Sides)...)
}

func duplex(sides string) []string {
	switch sides {
	case "one-sided":
		return []string{"-dDuplex=false"}
	case "two-sided-long-edge":
		return []string{"-dDuplex=true", "-dTumble=false"}
	case "two-sided-short-edge":
		return []string{"-dDuplex=true", "-dTumble=true"}
	}
	return nil
}

// pageList is what Ghostscript calls ranges of pages.
func pageList(ranges [][2]int) string {
	var b strings.Builder
	for i, r := range ranges {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d-%d", r[0], r[1])
	}
	return b.String()
}

func points(n float64) string { return strconv.Itoa(int(n + 0.5)) }
