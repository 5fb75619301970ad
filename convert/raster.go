package convert

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"platen/internal/fsys"
	"platen/pdl"
)

// No well-kept program reads the rasters that phones send, and they are simple:
// this program makes PDF of them, in a child like every other.

// rasterFile makes a PDF of a file with a raster.
func rasterFile(l pdl.Language, in, out string) error {
	src, err := os.Open(in)
	if err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	defer src.Close()
	dst, err := fsys.CreatePrivate(out)
	if err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	w := bufio.NewWriterSize(dst, 256<<10)
	err = rasterPDF(bufio.NewReaderSize(src, 256<<10), w, l)
	return errors.Join(err, w.Flush(), dst.Close())
}

// sheet is one page of a raster.
type sheet struct {
	width, height int // in pixels
	bits          int // of a pixel
	bpc           int // of a colour
	line          int // octets of a line
	dpi           [2]int
	space         string // of PDF
	inverted      bool   // 0 is white
	white         byte
}

var errRaster = errors.New("convert: not a raster that can be printed")

// Bounds of what is believed of a stranger's raster.
const (
	maxLine   = 4 << 20
	maxEdge   = 400_000
	maxSheets = 20_000
)

func (s *sheet) sane() bool {
	good := func(n int) bool { return n > 0 && n <= maxEdge }
	return good(s.width) && good(s.height) && s.line > 0 && s.line <= maxLine && s.space != "" &&
		(s.width*s.bits+7)/8 == s.line && s.dpi[0] >= 36 && s.dpi[1] >= 36 && s.dpi[0] <= 4800 && s.dpi[1] <= 4800
}

// rasterPDF makes a PDF with one picture a page.
func rasterPDF(r *bufio.Reader, w io.Writer, l pdl.Language) error {
	read := readPWG
	magic := []byte("RaS2")
	if l == pdl.URF {
		read, magic = readURF, []byte("UNIRAST\x00")
	}
	start := make([]byte, len(magic))
	if _, err := io.ReadFull(r, start); err != nil || !bytes.Equal(start, magic) {
		return errRaster
	}
	if l == pdl.URF {
		if _, err := r.Discard(4); err != nil { // how many pages it says there are
			return errRaster
		}
	}
	out := &pdfWriter{w: w}
	out.begin()
	out.object("<</Type/Catalog/Pages 2 0 R>>")
	out.offsets = append(out.offsets, 0)
	var kids []int
	for {
		s, err := read(r)
		if errors.Is(err, io.EOF) && len(kids) > 0 {
			break
		}
		if err != nil || !s.sane() || len(kids) >= maxSheets {
			return errRaster
		}
		kid, err := s.page(r, out, l == pdl.URF)
		if err != nil {
			return err
		}
		kids = append(kids, kid)
	}
	var b strings.Builder
	for _, k := range kids {
		fmt.Fprintf(&b, "%d 0 R ", k)
	}
	out.openAs(2, fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", len(kids), b.String()))
	out.close("")
	return out.end()
}

// page writes one page: its picture, what draws it, and itself.
func (s *sheet) page(r *bufio.Reader, out *pdfWriter, fills bool) (int, error) {
	decode := ""
	if s.inverted {
		decode = "/Decode[1 0]"
	}
	n := len(out.offsets) + 1
	out.open(fmt.Sprintf("<</Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent %d/ColorSpace%s%s/Filter/FlateDecode/Length %d 0 R>>stream\n",
		s.width, s.height, s.bpc, s.space, decode, n+1))
	begins := out.at
	z, err := zlib.NewWriterLevel(out, zlib.BestSpeed)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(s.lines(r, z, fills), z.Close()); err != nil {
		return 0, err
	}
	length := out.at - begins
	out.close("\nendstream")
	out.object(fmt.Sprint(length))
	w, h := float64(s.width)*72/float64(s.dpi[0]), float64(s.height)*72/float64(s.dpi[1])
	draw := fmt.Sprintf("%.3f 0 0 %.3f 0 0 cm /I Do", w, h)
	out.object(fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", len(draw), draw))
	return out.object(fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 %.3f %.3f]/Resources<</XObject<</I %d 0 R>>>>/Contents %d 0 R>>", w, h, n, n+2)), nil
}

// lines unpacks the lines of a page (PWG 5102.4, section 4.4): how often a line
// is there, then runs of pixels. In Apple's raster a run may fill the line with
// white.
func (s *sheet) lines(r *bufio.Reader, w io.Writer, fills bool) error {
	line, pixel := make([]byte, s.line), max(s.bits/8, 1)
	for y := 0; y < s.height; {
		again, err := r.ReadByte()
		if err != nil {
			return errRaster
		}
		if err := s.line1(r, line, pixel, fills); err != nil {
			return err
		}
		for range min(int(again)+1, s.height-y) {
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
		y += int(again) + 1
	}
	return nil
}

func (s *sheet) line1(r *bufio.Reader, line []byte, pixel int, fills bool) error {
	for at := 0; at < len(line); {
		code, err := r.ReadByte()
		if err != nil {
			return errRaster
		}
		switch {
		case code == 128 && fills:
			for ; at < len(line); at++ {
				line[at] = s.white
			}
		case code < 128: // one pixel, several times
			n := min((int(code)+1)*pixel, len(line)-at)
			if n < pixel {
				return errRaster
			}
			if _, err := io.ReadFull(r, line[at:at+pixel]); err != nil {
				return errRaster
			}
			for i := pixel; i < n; i++ {
				line[at+i] = line[at+i-pixel]
			}
			at += n
		default: // pixels as they are
			n := (257 - int(code)) * pixel
			if n > len(line)-at {
				return errRaster
			}
			if _, err := io.ReadFull(r, line[at:at+n]); err != nil {
				return errRaster
			}
			at += n
		}
	}
	return nil
}

// pwgHeader is the length of a page header without its first word.
const pwgHeader = 1796

// readPWG reads a page header (PWG 5102.4, section 4.3). The word before the
// first one is the document's.
func readPWG(r *bufio.Reader) (s sheet, err error) {
	h := make([]byte, pwgHeader)
	if _, err := io.ReadFull(r, h); err != nil {
		return s, err
	}
	n := func(at int) int { return int(binary.BigEndian.Uint32(h[at:])) }
	s = sheet{width: n(372), height: n(376), bpc: n(384), bits: n(388), line: n(392), dpi: [2]int{n(276), n(280)}, white: 0xff}
	if n(396) != 0 { // colours of a pixel stand together
		return s, errRaster
	}
	colours := 1
	switch n(400) {
	case 3: // black
		s.space, s.inverted = "/DeviceGray", true
	case 0, 18: // gray, sGray
		s.space = "/DeviceGray"
	case 1, 19, 20: // RGB, sRGB, Adobe RGB
		s.space, colours = "/DeviceRGB", 3
	case 6:
		s.space, colours = "/DeviceCMYK", 4
	}
	if s.bpc != 1 && s.bpc != 8 && s.bpc != 16 || s.bits != s.bpc*colours || s.bpc == 1 && colours > 1 {
		return s, errRaster
	}
	return s, nil
}

// readURF reads a page header of Apple's raster, as it is in the field:
// protocols, section 5.2.
func readURF(r *bufio.Reader) (s sheet, err error) {
	h := make([]byte, 32)
	if _, err := io.ReadFull(r, h); err != nil {
		return s, err
	}
	n := func(at int) int { return int(binary.BigEndian.Uint32(h[at:])) }
	s = sheet{width: n(12), height: n(16), bits: int(h[0]), bpc: 8, dpi: [2]int{n(20), n(20)}, white: 0xff}
	colours := 1
	switch h[1] {
	case 0, 4:
		s.space = "/DeviceGray"
	case 1, 3, 5:
		s.space, colours = "/DeviceRGB", 3
	case 6:
		s.space, colours, s.white = "/DeviceCMYK", 4, 0
	}
	if s.bits == 16*colours {
		s.bpc = 16
	}
	if s.bits != s.bpc*colours {
		return s, errRaster
	}
	s.line = s.width * s.bits / 8
	return s, nil
}
