package convert

import (
	"fmt"
	"io"
	"strings"
)

// pdfWriter writes a PDF from its first octet to its last (ISO 32000-1, section
// 7.5). Objects are numbered from 1 as they come; the first is the catalogue.
type pdfWriter struct {
	w       io.Writer
	at      int64
	offsets []int64
	err     error
}

func (p *pdfWriter) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.w.Write(b)
	p.at += int64(n)
	p.err = err
	return n, err
}

func (p *pdfWriter) text(s string) { _, _ = p.Write([]byte(s)) } // p.err keeps it

func (p *pdfWriter) begin() { p.text("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n") }

// open begins the next object, which close ends.
func (p *pdfWriter) open(s string) int {
	return p.openAs(len(p.offsets)+1, s)
}

// openAs begins an object whose number was given away before.
func (p *pdfWriter) openAs(n int, s string) int {
	for len(p.offsets) < n {
		p.offsets = append(p.offsets, 0)
	}
	p.offsets[n-1] = p.at
	p.text(fmt.Sprintf("%d 0 obj\n%s", n, s))
	return n
}

func (p *pdfWriter) close(s string) { p.text(s + "\nendobj\n") }

func (p *pdfWriter) object(s string) int {
	n := p.open(s)
	p.close("")
	return n
}

func (p *pdfWriter) end() error {
	at := p.at
	var b strings.Builder
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(p.offsets)+1)
	for _, o := range p.offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(p.offsets)+1, at)
	p.text(b.String())
	return p.err
}
