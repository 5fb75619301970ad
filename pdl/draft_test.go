package pdl

import (
	"bytes"
	"compress/flate"
	"fmt"
	"hash/adler32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// draft writes a PDF by hand, for those that no program would write. Object 1
// is the catalog.
func draft(objects map[int]string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	return section(b.Bytes(), objects, 1, "")
}

// update appends an incremental update, ISO 32000-1 section 7.5.6.
func update(pdf []byte, objects map[int]string) []byte {
	size, prev := lastNumber(pdf, "/Size "), lastNumber(pdf, "startxref\n")
	return section(slices.Clone(pdf), objects, size, fmt.Sprintf("/Prev %d", prev))
}

// lastNumber is the number behind the last mark.
func lastNumber(pdf []byte, mark string) int {
	n := 0
	fmt.Sscan(string(pdf[bytes.LastIndex(pdf, []byte(mark))+len(mark):]), &n)
	return n
}

func section(pdf []byte, objects map[int]string, size int, trailer string) []byte {
	b := bytes.NewBuffer(pdf)
	var xref strings.Builder
	xref.WriteString("xref\n0 1\n0000000000 65535 f \n")
	for _, n := range sorted(objects) {
		fmt.Fprintf(&xref, "%d 1\n%010d 00000 n \n", n, b.Len())
		fmt.Fprintf(b, "%d 0 obj\n%s\nendobj\n", n, objects[n])
		size = max(size, n+1)
	}
	at := b.Len()
	fmt.Fprintf(b, "%strailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", xref.String(), size, trailer, at)
	return b.Bytes()
}

func sorted(objects map[int]string) []int {
	var keys []int
	for n := range objects {
		keys = append(keys, n)
	}
	slices.Sort(keys)
	return keys
}

const (
	catalog = "<</Type/Catalog/Pages 2 0 R>>"
	leaf    = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"
)

// tree is a catalog, a page tree root and what the root needs.
func tree(root string, more map[int]string) []byte {
	objects := map[int]string{1: catalog, 2: root}
	for n, o := range more {
		objects[n] = o
	}
	return draft(objects)
}

// stream is a stream object.
func stream(dict, data string) string {
	return fmt.Sprintf("<<%s/Length %d>>stream\n%s\nendstream", dict, len(data), data)
}

// inflating is zlib data that inflates to a text and times MiB of spaces. Beyond
// 64 its checksum is wrong: nobody is to get there.
func inflating(t testing.TB, text string, times int) string {
	t.Helper()
	var block bytes.Buffer
	w, err := flate.NewWriter(&block, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	sum := adler32.New()
	spaces := bytes.Repeat([]byte(" "), 1<<20)
	fmt.Fprint(io.MultiWriter(w, sum), text)
	w.Flush()
	first := block.String()
	block.Reset()
	w.Write(spaces)
	w.Flush() // ends a block, which refers to spaces only and can be repeated
	for range min(times, 64) {
		sum.Write(spaces)
	}
	return "\x78\x9c" + first + strings.Repeat(block.String(), times) + "\x01\x00\x00\xff\xff" + string(sum.Sum(nil))
}

// compressed is a PDF whose objects are in one object stream, listed by a
// cross-reference stream, ISO 32000-1 sections 7.5.7 and 7.5.8. The object
// stream comes as the caller made it.
func compressed(streams []string, inStream map[int][2]int) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	const first = 50 // object number of the first stream
	last := first + len(streams)
	rows := make([][3]int, last+1)
	for n, at := range inStream {
		rows[n] = [3]int{2, first + at[0], at[1]}
	}
	for i, s := range streams {
		rows[first+i] = [3]int{1, b.Len(), 0}
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", first+i, s)
	}
	at := b.Len()
	rows[last] = [3]int{1, at, 0}
	var data strings.Builder
	for _, r := range rows {
		data.Write([]byte{byte(r[0]), byte(r[1] >> 24), byte(r[1] >> 16), byte(r[1] >> 8), byte(r[1]), byte(r[2] >> 8), byte(r[2])})
	}
	fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n", last,
		stream(fmt.Sprintf("/Type/XRef/Size %d/W[1 4 2]/Root 1 0 R", last+1), data.String()), at)
	return b.Bytes()
}

// ghostscript prints pages into a PDF.
func ghostscript(t testing.TB, pages int, options ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "gs.pdf")
	args := append([]string{"-q", "-dSAFER", "-sDEVICE=pdfwrite", "-o", out}, options...)
	program := fmt.Sprintf("/Helvetica findfont 24 scalefont setfont 1 1 %d { 72 600 moveto (page ) show 10 string cvs show showpage } for", pages)
	run(t, "gs", append(args, "-c", program)...)
	return read(t, out)
}

// qpdf transforms a PDF.
func qpdf(t testing.TB, pdf []byte, options ...string) []byte {
	t.Helper()
	in, out := write(t, pdf), filepath.Join(t.TempDir(), "qpdf.pdf")
	for i, o := range options {
		if o == "IN" {
			options[i] = in
		}
	}
	run(t, "qpdf", append(options, in, out)...)
	return read(t, out)
}

// qpdfPages asks qpdf, which believes /Count.
func qpdfPages(t testing.TB, pdf []byte, options ...string) int {
	t.Helper()
	out, err := exec.Command("qpdf", append(options, "--show-npages", write(t, pdf))...).Output()
	if err != nil {
		t.Fatalf("qpdf: %v", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatalf("qpdf: %v", err)
	}
	return n
}

// printed is how many pages Ghostscript prints of a PDF, which may be crooked.
func printed(t testing.TB, pdf []byte) int {
	t.Helper()
	out, err := exec.Command("gs", "-q", "-dSAFER", "-dNOPAUSE", "-dBATCH", "-sDEVICE=bbox", write(t, pdf)).CombinedOutput()
	if err != nil {
		t.Logf("gs: %v\n%s", err, out)
	}
	return strings.Count(string(out), "%%BoundingBox:")
}

// popplerPages asks pdfinfo, which believes /Count.
func popplerPages(t testing.TB, pdf []byte, options ...string) int {
	t.Helper()
	out, err := exec.Command("pdfinfo", append(options, write(t, pdf))...).Output()
	if err != nil {
		t.Fatalf("pdfinfo: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		if value, ok := strings.CutPrefix(line, "Pages:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				t.Fatalf("pdfinfo: %v", err)
			}
			return n
		}
	}
	t.Fatalf("pdfinfo says no pages:\n%s", out)
	return 0
}

func run(t testing.TB, program string, args ...string) {
	t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.pdf")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
