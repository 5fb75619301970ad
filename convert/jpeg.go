package convert

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// picture is what the headers of a JPEG say (ITU-T T.81, annex B).
type picture struct {
	width, height int
	components    int
	adobe         bool // inverted CMYK, as Adobe writes it
	turned        int  // Exif orientation, 1 to 8; 1 upright
}

var errNoJPEG = errors.New("not a JPEG that can be printed")

// maxJPEGHeader is how much of a JPEG may stand before its frame header.
const maxJPEGHeader = 16 << 20

// readJPEG reads markers up to the frame header.
func readJPEG(r *bufio.Reader) (p picture, err error) {
	p.turned = 1
	var soi [2]byte
	if _, err := io.ReadFull(r, soi[:]); err != nil || soi != [2]byte{0xff, 0xd8} {
		return p, errNoJPEG
	}
	for read := 0; read < maxJPEGHeader; {
		marker, err := nextMarker(r)
		if err != nil {
			return p, errNoJPEG
		}
		if marker == 0x01 || marker >= 0xd0 && marker <= 0xd7 {
			continue
		}
		var size [2]byte
		if _, err := io.ReadFull(r, size[:]); err != nil {
			return p, errNoJPEG
		}
		n := int(binary.BigEndian.Uint16(size[:])) - 2
		if n < 0 {
			return p, errNoJPEG
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return p, errNoJPEG
		}
		read += n + 4
		switch {
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc:
			return p, p.frame(marker, body)
		case marker == 0xda, marker == 0xd9:
			return p, errNoJPEG
		case marker == 0xe1:
			p.turned = orientation(body)
		case marker == 0xee && strings.HasPrefix(string(body), "Adobe"):
			p.adobe = true
		}
	}
	return p, errNoJPEG
}

func nextMarker(r *bufio.Reader) (byte, error) {
	b, err := r.ReadByte()
	if err != nil || b != 0xff {
		return 0, errNoJPEG
	}
	for b == 0xff {
		if b, err = r.ReadByte(); err != nil {
			return 0, err
		}
	}
	return b, nil
}

// frame reads a frame header. Baseline, extended and progressive Huffman coding
// with eight bits are what PDF has (ISO 32000-1, section 7.4.8).
func (p *picture) frame(marker byte, b []byte) error {
	if marker > 0xc2 || len(b) < 6 || b[0] != 8 {
		return errNoJPEG
	}
	p.height, p.width, p.components = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:])), int(b[5])
	if p.width == 0 || p.height == 0 || p.components != 1 && p.components != 3 && p.components != 4 {
		return errNoJPEG
	}
	return nil
}

// orientation reads tag 0x0112 of the first directory of an Exif segment (CIPA
// DC-008, section 4.6.4), 1 when there is none.
func orientation(b []byte) int {
	rest, ok := strings.CutPrefix(string(b), "Exif\x00\x00")
	b = []byte(rest)
	if !ok || len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if string(b[:2]) == "MM" {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	for i := range int64(order.Uint16(b[at:])) {
		e := at + 2 + i*12
		if e+12 > int64(len(b)) {
			return 1
		}
		if order.Uint16(b[e:]) == 0x0112 {
			if n := int(order.Uint16(b[e+8:])); n >= 1 && n <= 8 {
				return n
			}
			return 1
		}
	}
	return 1
}

// wrapJPEG makes a PDF of one page around a JPEG, octet for octet: upright, as
// large as the page allows, and turned where it then is larger.
func wrapJPEG(w io.Writer, r io.Reader, octets int64, o *Options) error {
	head := &keeper{r: r}
	p, err := readJPEG(bufio.NewReader(head))
	if err != nil {
		return err
	}
	space := map[int]string{1: "/DeviceGray", 3: "/DeviceRGB", 4: "/DeviceCMYK"}[p.components]
	decode := ""
	if p.components == 4 && p.adobe {
		decode = "/Decode[1 0 1 0 1 0 1 0]"
	}
	out := &pdfWriter{w: w}
	out.begin()
	content := p.place(o)
	out.object("<</Type/Catalog/Pages 2 0 R>>")
	out.object("<</Type/Pages/Count 1/Kids[3 0 R]>>")
	out.object(fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 %.2f %.2f]/Resources<</XObject<</I 5 0 R>>>>/Contents 4 0 R>>", o.Page[0], o.Page[1]))
	out.object(fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", len(content), content))
	out.open(fmt.Sprintf("<</Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace%s%s/Filter/DCTDecode/Length %d>>stream\n", p.width, p.height, space, decode, octets))
	n, err := io.Copy(out, io.MultiReader(strings.NewReader(string(head.kept)), r))
	if err != nil {
		return err
	}
	if n != octets {
		return io.ErrUnexpectedEOF
	}
	out.close("\nendstream")
	return out.end()
}

// keeper keeps what was read of the head, to read it again.
type keeper struct {
	r    io.Reader
	kept []byte
}

func (k *keeper) Read(p []byte) (int, error) {
	n, err := k.r.Read(p)
	k.kept = append(k.kept, p[:n]...)
	return n, err
}

// upright are the matrices from the unit square, as the picture is stored, to
// the unit square, as it is to be seen, by Exif orientation.
var upright = [9][6]float64{
	1: {1, 0, 0, 1, 0, 0}, 2: {-1, 0, 0, 1, 1, 0}, 3: {-1, 0, 0, -1, 1, 1}, 4: {1, 0, 0, -1, 0, 1},
	5: {0, -1, -1, 0, 1, 1}, 6: {0, -1, 1, 0, 0, 1}, 7: {0, 1, 1, 0, 0, 0}, 8: {0, 1, -1, 0, 1, 0},
}

// place draws the picture in the middle of the page.
func (p *picture) place(o *Options) string {
	w, h := float64(p.width), float64(p.height)
	if p.turned >= 5 {
		w, h = h, w
	}
	room := [2]float64{max(o.Page[0]-2*o.Margin, 18), max(o.Page[1]-2*o.Margin, 18)}
	turn := (w > h) != (room[0] > room[1])
	if turn {
		w, h = h, w
	}
	scale := min(room[0]/w, room[1]/h)
	w, h = w*scale, h*scale
	x, y := (o.Page[0]-w)/2, (o.Page[1]-h)/2
	page := fmt.Sprintf("%.3f 0 0 %.3f %.3f %.3f cm", w, h, x, y)
	if turn { // a quarter to the left
		page = fmt.Sprintf("0 %.3f %.3f 0 %.3f %.3f cm", h, -w, x+w, y)
	}
	m := upright[p.turned]
	return fmt.Sprintf("q %s %g %g %g %g %g %g cm /I Do Q", page, m[0], m[1], m[2], m[3], m[4], m[5])
}
