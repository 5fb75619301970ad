package convert

import (
	"bufio"
	"bytes"
	"io"

	"platen/pdl"
)

// maxHeader is how far into a document its own language may begin.
const maxHeader = 64 << 10

// afterPJL leaves out the PJL that a driver has put before a document: it is for
// a device that does not get it, and programs that look for a PDF's or a
// PostScript document's first octets may not find them.
func afterPJL(r io.Reader, from pdl.Language) io.Reader {
	begins := map[pdl.Language]string{pdl.PDF: "%PDF-", pdl.PostScript: "%!"}[from]
	if begins == "" {
		return r
	}
	b := bufio.NewReaderSize(r, maxHeader)
	head, _ := b.Peek(maxHeader) // an error comes again with the next Read
	if at := bytes.Index(head, []byte(begins)); at > 0 && (from == pdl.PDF || bytes.Contains(head[:at], []byte("@PJL")) || head[0] == 4) {
		_, _ = b.Discard(at)
	}
	return b
}
