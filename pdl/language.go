package pdl

import "bytes"

// Language is a page description language.
type Language string

// The languages that Examine tells apart (protocols: the magic octets of each
// are in its specification).
const (
	PDF        Language = "pdf"
	PostScript Language = "postscript"
	PCL        Language = "pcl"   // PCL 5
	PCLXL      Language = "pclxl" // PCL 6
	PWG        Language = "pwg-raster"
	URF        Language = "urf"
	XPS        Language = "xps"
	ESCPR      Language = "escpr" // Epson
	ESCP       Language = "escp"  // Epson
	JPEG       Language = "jpeg"
	TIFF       Language = "tiff"
	Text       Language = "text"
	Unknown    Language = "unknown"
)

// HeadOctets is how much of a document Examine wants to see.
const HeadOctets = 16 << 10

// pdfWindow is how far into a document %PDF- may stand (ISO 32000-1, annex
// H.3.4.1).
const pdfWindow = 1024

// detect names the language of what follows any PJL header.
func detect(b []byte) Language {
	switch {
	case bytes.HasPrefix(b, []byte("%!")), bytes.HasPrefix(b, []byte("\x04%!")): // a leading EOT is an old driver's habit
		return PostScript
	case bytes.Contains(b[:min(len(b), pdfWindow)], []byte("%PDF-")):
		return PDF
	case bytes.HasPrefix(b, []byte(") HP-PCL XL;")), bytes.HasPrefix(b, []byte("( HP-PCL XL;")), bytes.HasPrefix(b, []byte("' HP-PCL XL;")):
		return PCLXL
	case bytes.HasPrefix(b, []byte("RaS2")), bytes.HasPrefix(b, []byte("2SaR")):
		return PWG
	case bytes.HasPrefix(b, []byte("UNIRAST\x00")):
		return URF
	case bytes.HasPrefix(b, []byte("PK\x03\x04")) && isXPS(b):
		return XPS
	case bytes.HasPrefix(b, []byte("\x00\x00\x00\x1b\x01@EJL")):
		return epson(b)
	case bytes.HasPrefix(b, []byte("\x1b@")):
		return epson(b)
	case isPCL(b):
		return PCL
	case bytes.HasPrefix(b, []byte{0xff, 0xd8, 0xff}):
		return JPEG
	case bytes.HasPrefix(b, []byte("II*\x00")), bytes.HasPrefix(b, []byte("MM\x00*")):
		return TIFF
	case isText(b):
		return Text
	}
	return Unknown
}

// isXPS looks for the parts that only XPS packages have. Their names are up to
// the writer but for the ends, and their order is as well (ECMA-388).
func isXPS(b []byte) bool {
	for _, end := range []string{".fdseq", ".fdoc", ".fpage"} {
		if bytes.Contains(b, []byte(end)) {
			return true
		}
	}
	return false
}

// epson tells ESC/P-R, which announces itself, from the older ESC/P.
func epson(b []byte) Language {
	if bytes.Contains(b, []byte("ESCPR")) {
		return ESCPR
	}
	return ESCP
}

// isPCL: a reset, or a parameterised escape of page, raster or font control.
func isPCL(b []byte) bool {
	if len(b) < 2 || b[0] != 0x1b {
		return false
	}
	if b[1] == 'E' {
		return true
	}
	for _, p := range []string{"&l", "*b", "(s", "*t", "*r", "&a", "&k", "*p", "(", "&u"} {
		if bytes.HasPrefix(b[1:], []byte(p)) {
			return true
		}
	}
	return false
}

// isText: printable octets, line ends and form feeds only, and not a label
// language that happens to be printable.
func isText(b []byte) bool {
	if len(b) == 0 || bytes.HasPrefix(b, []byte("^XA")) || bytes.HasPrefix(b, []byte("~")) || bytes.HasPrefix(b, []byte("${")) {
		return false
	}
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != '\b' || c == 0x7f {
			return false
		}
	}
	return true
}
