package convert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"platen/fault"
	"platen/internal/testkit/peers"
	"platen/pdl"
)

func newConverter(t *testing.T) *Converter {
	t.Helper()
	c := &Converter{Tools: Find(), Dir: filepath.Join(t.TempDir(), "convert"), Command: []string{os.Args[0], childArg}, Log: slog.New(slog.DiscardHandler)}
	if c.GS == "" || c.PDFToPS == "" {
		t.Fatal("Ghostscript or poppler is missing (make peers)")
	}
	if err := c.Prepare(); err != nil {
		t.Fatal(err)
	}
	return c
}

// pages is a PostScript document.
func pages(n int) []byte {
	return fmt.Appendf(nil, "%%!PS-Adobe-3.0\n1 1 %d {/Helvetica findfont 40 scalefont setfont .8 .1 .2 setrgbcolor 100 400 moveto 10 string cvs show showpage} for\n", n)
}

// run1 runs a program with a document on its standard input.
func run1(t *testing.T, in []byte, argv ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v: %s", argv, err, errs.String())
	}
	return out
}

func pdfOf(t *testing.T, ps []byte) []byte {
	t.Helper()
	return run1(t, ps, "gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sPAPERSIZE=a4", "-sDEVICE=pdfwrite", "-sOutputFile=-", "-")
}

func jpegOf(t *testing.T, w, h int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for x := range w {
		for y := range h {
			img.Set(x, y, color.RGBA{byte(x), byte(y), 90, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func document(from, to pdl.Language, b []byte, o Options) Document {
	if o.Page == [2]float64{} {
		o.Page = [2]float64{595, 842}
	}
	return Document{From: string(from), To: string(to), Octets: int64(len(b)), Options: o, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

func converted(t *testing.T, c *Converter, d Document) []byte {
	t.Helper()
	f, err := c.Run(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil || int64(len(b)) != f.Octets {
		t.Fatalf("%d octets of %d, %v", len(b), f.Octets, err)
	}
	empty(t, c)
	return b
}

// empty makes sure that nothing of a document is left.
func empty(t *testing.T, c *Converter) {
	t.Helper()
	if left, err := os.ReadDir(c.Dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// countPages counts what came out, with somebody else's eyes where there are some.
func countPages(t *testing.T, l pdl.Language, b []byte) int {
	t.Helper()
	switch l {
	case pdl.PDF:
		file := filepath.Join(t.TempDir(), "x.pdf")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(run1(t, nil, "qpdf", "--show-npages", file))))
		if err != nil {
			t.Fatal(err)
		}
		return n
	case pdl.PostScript:
		return countPages(t, pdl.PDF, pdfOf(t, b))
	case pdl.PWG, pdl.URF:
		var out bytes.Buffer
		if err := rasterPDF(newReader(b), &out, l); err != nil {
			t.Fatal(err)
		}
		return countPages(t, pdl.PDF, out.Bytes())
	case pdl.PCLXL:
		return bytes.Count(b, []byte{0xf8, 0x31, 0x44}) // PageCopies EndPage, as Ghostscript writes it
	}
	return bytes.Count(b, []byte("\x1b*rB\f")) // the end of a raster and of its page, as Ghostscript writes it
}

func TestEveryWay(t *testing.T) {
	t.Log(peers.Version("ghostscript"), peers.Version("poppler-utils"), peers.Version("qpdf"))
	c := newConverter(t)
	ps := pages(3)
	pdf := pdfOf(t, ps)
	sources := map[pdl.Language]struct {
		doc   []byte
		pages int
	}{
		pdl.PDF: {pdf, 3}, pdl.PostScript: {ps, 3}, pdl.JPEG: {jpegOf(t, 300, 200), 1},
		pdl.PWG: {converted(t, c, document(pdl.PDF, pdl.PWG, pdf, Options{DPI: 100})), 3},
		pdl.URF: {converted(t, c, document(pdl.PDF, pdl.URF, pdf, Options{DPI: 100})), 3},
	}
	for from, s := range sources {
		for _, to := range targets {
			t.Run(string(from)+" to "+string(to), func(t *testing.T) {
				b := converted(t, c, document(from, to, s.doc, Options{DPI: 100}))
				if got := pdl.Examine(b[:min(len(b), pdl.HeadOctets)]).Language; got != to {
					t.Errorf("it is %s", got)
				}
				if n := countPages(t, to, b); n != s.pages {
					t.Errorf("%d pages, want %d", n, s.pages)
				}
			})
		}
	}
}

// What the device cannot do any more is in the document.
func TestOptions(t *testing.T) {
	c := newConverter(t)
	pdf := pdfOf(t, pages(9))
	some := [][2]int{{2, 3}, {5, 8}}
	for _, to := range targets {
		t.Run("ranges in "+string(to), func(t *testing.T) {
			b := converted(t, c, document(pdl.PDF, to, pdf, Options{Ranges: some, DPI: 72}))
			if n := countPages(t, to, b); n != 6 {
				t.Errorf("%d pages", n)
			}
		})
	}
	t.Run("one range by poppler", func(t *testing.T) {
		if n := countPages(t, pdl.PostScript, converted(t, c, document(pdl.PDF, pdl.PostScript, pdf, Options{Ranges: [][2]int{{4, 999}}}))); n != 6 {
			t.Errorf("%d pages", n)
		}
	})
	t.Run("beyond the end", func(t *testing.T) {
		_, err := c.Run(t.Context(), document(pdl.PDF, pdl.PCLXL, pdf, Options{Ranges: [][2]int{{40, 50}}}))
		if !fault.Is(err, fault.Invalid) || fault.Text(err) != textNoPages {
			t.Errorf("%v", err)
		}
	})
	t.Run("gray raster", func(t *testing.T) {
		b := converted(t, c, document(pdl.PDF, pdl.PWG, pdf, Options{Mono: true, DPI: 72, Sides: "two-sided-short-edge"}))
		s, err := readPWG(newReader(b[4:]))
		if err != nil || s.space != "/DeviceGray" || s.bits != 8 || s.dpi != [2]int{72, 72} {
			t.Errorf("%+v, %v", s, err)
		}
		if duplex, tumble := b[4+272:4+276], b[4+368:4+372]; duplex[3] != 1 || tumble[3] != 1 {
			t.Errorf("duplex %x, tumble %x", duplex, tumble)
		}
	})
	t.Run("media", func(t *testing.T) {
		b := converted(t, c, document(pdl.PDF, pdl.PWG, pdf, Options{DPI: 72, Width: 298, Height: 420}))
		if s, err := readPWG(newReader(b[4:])); err != nil || s.width != 298 || s.height != 420 {
			t.Errorf("%+v, %v", s, err)
		}
	})
	t.Run("colour", func(t *testing.T) {
		for _, tt := range []struct {
			mono bool
			want string
		}{{false, "0 0 0"}, {true, ""}} {
			b := converted(t, c, document(pdl.PDF, pdl.PDF, pdf, Options{Mono: tt.mono}))
			file := filepath.Join(t.TempDir(), "x.pdf")
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			cov := strings.Fields(string(run1(t, nil, "gs", "-q", "-o", "-", "-sDEVICE=inkcov", file)))
			if mono := cov[0] == "0.00000" && cov[1] == "0.00000" && cov[2] == "0.00000"; mono != tt.mono {
				t.Errorf("%v: %v", tt.mono, cov[:4])
			}
		}
	})
}

// The back of a sheet lies as its printer wants it, whichever pages are wanted.
func TestBacksOfSheets(t *testing.T) {
	c := newConverter(t)
	ps := []byte("%!PS\n<</PageSize[100 200]>>setpagedevice 1 1 5 {pop 10 20 30 40 rectfill showpage} for\n")
	front := "10,140-40,180" // of the mark, from the upper left corner
	tests := map[string]struct{ back, sides, want string }{
		"one-sided":     {"rotated", "one-sided", front},
		"unknown":       {"", "two-sided-long-edge", front},
		"normal":        {"normal", "two-sided-long-edge", front},
		"rotated":       {"rotated", "two-sided-long-edge", "60,20-90,60"},
		"rotated short": {"rotated", "two-sided-short-edge", front},
		"tumble":        {"manual-tumble", "two-sided-short-edge", "60,20-90,60"},
		"flipped":       {"flipped", "two-sided-long-edge", "10,20-40,60"},
		"flipped short": {"flipped", "two-sided-short-edge", "60,140-90,180"},
	}
	for name, tt := range tests {
		for _, from := range []pdl.Language{pdl.PDF, pdl.PostScript} {
			doc := ps
			if from == pdl.PDF {
				doc = run1(t, ps, "gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pdfwrite", "-sOutputFile=-", "-")
			}
			for _, to := range []pdl.Language{pdl.PWG, pdl.URF} {
				b := converted(t, c, document(from, to, doc, Options{DPI: 72, Mono: true, Back: tt.back, Sides: tt.sides, Ranges: [][2]int{{2, 4}}}))
				marks := marks(t, to, b)
				if want := []string{front, tt.want, front}; !slices.Equal(marks, want) {
					t.Errorf("%s, %s to %s: %v, want %v", name, from, to, marks, want)
				}
			}
		}
	}
}

// marks says where each page of a gray raster of 72 dpi is black.
func marks(t *testing.T, l pdl.Language, b []byte) (all []string) {
	t.Helper()
	r := newReader(b)
	read, skip := readPWG, 4
	if l == pdl.URF {
		read, skip = readURF, 12
	}
	if _, err := r.Discard(skip); err != nil {
		t.Fatal(err)
	}
	for {
		s, err := read(r)
		if errors.Is(err, io.EOF) {
			return all
		}
		var page bytes.Buffer
		if err == nil {
			err = s.lines(r, &page, l == pdl.URF)
		}
		if err != nil {
			t.Fatal(err)
		}
		box := image.Rectangle{}
		for i, v := range page.Bytes() {
			if v < 128 {
				x, y := i%s.width, i/s.width
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
		all = append(all, fmt.Sprintf("%d,%d-%d,%d", box.Min.X, box.Min.Y, box.Max.X, box.Max.Y))
	}
}

// A document within PJL is found there.
func TestWithinPJL(t *testing.T) {
	c := newConverter(t)
	head := "\x1b%-12345X@PJL JOB\r\n@PJL SET DUPLEX=ON\r\n@PJL ENTER LANGUAGE="
	tail := "\x1b%-12345X@PJL EOJ\r\n\x1b%-12345X"
	for from, b := range map[pdl.Language][]byte{pdl.PDF: pdfOf(t, pages(2)), pdl.PostScript: pages(2)} {
		doc := []byte(head + strings.ToUpper(string(from)) + "\r\n" + string(b) + tail)
		if n := countPages(t, pdl.PCLXL, converted(t, c, document(from, pdl.PCLXL, doc, Options{}))); n != 2 {
			t.Errorf("%s: %d pages", from, n)
		}
	}
}

// Hostile and broken documents end, within limits, with a sentence, and leave
// nothing.
func TestA30HostileDocuments(t *testing.T) {
	jpg := jpegOf(t, 64, 64)
	tests := map[string]struct {
		from, to pdl.Language
		doc      string
		change   func(*Converter)
		want     string
	}{
		"endless":          {from: pdl.PostScript, doc: "%!PS\n{} loop\n", want: textLimits},
		"eats memory":      {from: pdl.PostScript, doc: "%!PS\n/a 100000 array def 0 1 99999 {a exch 65000 string put} for showpage\n", want: textLimits},
		"deep":             {from: pdl.PostScript, doc: "%!PS\n/f {f 1 pop} def f\n", want: textDamaged},
		"endless pages":    {from: pdl.PostScript, to: pdl.PWG, doc: "%!PS\n{0 0 moveto 500 500 lineto stroke showpage} loop\n", change: func(c *Converter) { c.Most = 4 << 20 }, want: textLarge},
		"many files":       {from: pdl.PostScript, doc: "%!PS\n{null (w) .tempfile exch pop dup 1000 {dup (0123456789012345678901234567890123456789) writestring} repeat closefile pop} loop\n", change: func(c *Converter) { c.Most = 1 << 20; c.CPU = 5 * time.Second }, want: textLarge},
		"half a PDF":       {from: pdl.PDF, doc: "%PDF-1.4\n1 0 obj\n<</Type", want: textNoPages},
		"no PDF":           {from: pdl.PDF, to: pdl.PostScript, doc: "garbage", want: textDamaged},
		"error":            {from: pdl.PostScript, doc: "%!PS\nnonsense\n", want: textDamaged},
		"no page":          {from: pdl.PostScript, doc: "%!PS\n1 pop\n", want: textNoPages},
		"no page, raster":  {from: pdl.PostScript, to: pdl.PWG, doc: "%!PS\n1 pop\n", want: textNoPages},
		"quits":            {from: pdl.PostScript, to: pdl.PWG, doc: "%!PS\nquit\n", want: textNoPages},
		"half a JPEG head": {from: pdl.JPEG, doc: string(jpg[:100]), want: textDamaged},
		"no JPEG":          {from: pdl.JPEG, doc: "\xff\xd8\xff\xd9", want: textDamaged},
		"half a raster":    {from: pdl.PWG, doc: "RaS2" + strings.Repeat("\x00", 2000), want: textDamaged},
		"no raster":        {from: pdl.URF, doc: "UNIRAST\x00", want: textDamaged},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConverter(t)
			c.CPU, c.Memory = 3*time.Second, 256<<20
			if tt.change != nil {
				tt.change(c)
			}
			if tt.to == "" {
				tt.to = pdl.PCLXL
			}
			began := time.Now()
			f, err := c.Run(t.Context(), document(tt.from, tt.to, []byte(tt.doc), Options{DPI: 300}))
			if err == nil {
				f.Close()
			}
			if !fault.Is(err, fault.Invalid) || fault.Text(err) != tt.want {
				t.Errorf("%q, want %q: %v", fault.Text(err), tt.want, err)
			}
			if d := time.Since(began); d > time.Minute {
				t.Errorf("took %s", d)
			}
			empty(t, c)
		})
	}
}

// A PostScript program that looks around finds nothing: no file of the node, no
// network, no other program.
func TestA30ChildIsAlone(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newConverter(t)
	t.Run("PostScript", func(t *testing.T) {
		doc := "%!PS\n(" + secret + ") (r) file closefile showpage\n"
		if _, err := c.Run(t.Context(), document(pdl.PostScript, pdl.PCLXL, []byte(doc), Options{})); fault.Text(err) != textDamaged {
			t.Errorf("%v", err)
		}
		doc = "%!PS\n(%pipe%touch x) (w) file closefile showpage\n"
		if _, err := c.Run(t.Context(), document(pdl.PostScript, pdl.PCLXL, []byte(doc), Options{})); fault.Text(err) != textDamaged {
			t.Errorf("%v", err)
		}
	})
	// A program that somebody has got hold of is a shell here.
	for name, script := range map[string]string{
		"file":    "cat " + secret,
		"home":    "ls /root /home /var/lib/dpkg",
		"network": "exec 3<>/dev/tcp/127.0.0.1/22",
		"writes":  "echo x > " + filepath.Dir(secret) + "/other",
		"runs":    "echo '#!/bin/sh' > x && chmod 700 x && ./x",
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp(c.Dir, "")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			out, err := c.child(t.Context(), dir, spec{Argv: []string{"/bin/bash", "-c", script}})
			if fault.Text(err) != textDamaged {
				t.Errorf("%v", err)
			}
			if out == nil || !out.began() {
				t.Error("it did not begin")
			}
			t.Log(out.last())
		})
	}
}

// Nor where the system refuses namespaces.
func TestA30ChildIsAloneWithoutNamespaces(t *testing.T) {
	told, err := json.Marshal(spec{Argv: []string{"/bin/bash", "-c", "exec 3<>/dev/udp/127.0.0.1/9"}, Memory: 1 << 30, CPU: 5, Most: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], childArg, string(told))
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), begun) || !strings.Contains(string(out), "Operation not permitted") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestTrouble(t *testing.T) {
	pdf := pdfOf(t, pages(1))
	want := func(t *testing.T, err error, kind fault.Kind) {
		t.Helper()
		if err == nil || fault.KindOf(err) != kind {
			t.Errorf("%v of kind %v, want %v", err, fault.KindOf(err), kind)
		}
	}
	t.Run("no command", func(t *testing.T) {
		c := newConverter(t)
		c.Command = []string{"/nonexistent"}
		_, err := c.Run(t.Context(), document(pdl.PDF, pdl.PCLXL, pdf, Options{}))
		want(t, err, fault.Unavailable)
		empty(t, c)
	})
	t.Run("no tool any more", func(t *testing.T) {
		c := newConverter(t)
		c.GS = "/nonexistent/gs"
		_, err := c.Run(t.Context(), document(pdl.PDF, pdl.PCLXL, pdf, Options{}))
		if err == nil {
			t.Error("no error")
		}
		empty(t, c)
	})
	t.Run("disk almost full", func(t *testing.T) {
		c := newConverter(t)
		c.Free, c.Reserve = func() (uint64, uint64, error) { return 1000, 1000, nil }, 2000
		_, err := c.Run(t.Context(), document(pdl.PDF, pdl.PCLXL, pdf, Options{}))
		want(t, err, fault.Unavailable)
		empty(t, c)
	})
	t.Run("document cannot be read", func(t *testing.T) {
		c := newConverter(t)
		d := document(pdl.PDF, pdl.PCLXL, pdf, Options{})
		lost := errors.New("lost")
		d.Open = func() (io.ReadCloser, error) { return nil, lost }
		if _, err := c.Run(t.Context(), d); !errors.Is(err, lost) {
			t.Errorf("%v", err)
		}
		empty(t, c)
	})
	t.Run("stopped", func(t *testing.T) {
		c := newConverter(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Run(ctx, document(pdl.PostScript, pdl.PCLXL, []byte("%!PS\n{} loop\n"), Options{}))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		empty(t, c)
	})
	t.Run("what a crash left", func(t *testing.T) {
		c := newConverter(t)
		if err := os.MkdirAll(filepath.Join(c.Dir, "run-1"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.Dir, "run-1", "in"), pdf, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.Prepare(); err != nil {
			t.Fatal(err)
		}
		empty(t, c)
	})
}

// Pictures stand upright whatever the camera says, which pdftoppm sees.
func TestJPEGOrientation(t *testing.T) {
	c := newConverter(t)
	// Left half black, right half white, wider than high.
	img := image.NewGray(image.Rect(0, 0, 80, 40))
	for x := range 80 {
		for y := range 40 {
			if x >= 40 {
				img.SetGray(x, y, color.Gray{255})
			}
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	for turned, black := range map[int]string{1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"} {
		exif := "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(rune(turned)) + "\x00\x00"
		doc := bytes.Join([][]byte{{0xff, 0xd8, 0xff, 0xe1}, {0, byte(len(exif) + 2)}, []byte(exif), b.Bytes()[2:]}, nil)
		o := Options{Page: [2]float64{80, 40}}
		if turned >= 5 {
			o.Page = [2]float64{40, 80}
		}
		pdf := converted(t, c, document(pdl.JPEG, pdl.PDF, doc, o))
		pgm := run1(t, pdf, "pdftoppm", "-r", "72", "-gray", "-")
		w, h := int(o.Page[0]), int(o.Page[1])
		px := pgm[len(pgm)-w*h:]
		at := func(x, y int) bool { return px[y*w+x] < 128 }
		got := "?"
		switch {
		case at(2, h/2) && !at(w-3, h/2):
			got = "left"
		case !at(2, h/2) && at(w-3, h/2):
			got = "right"
		case at(w/2, 2) && !at(w/2, h-3):
			got = "top"
		case !at(w/2, 2) && at(w/2, h-3):
			got = "bottom"
		}
		if got != black {
			t.Errorf("orientation %d: black is %s, want %s", turned, got, black)
		}
	}
}
