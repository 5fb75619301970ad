package ui

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"platen/fault"
)

// What a form with files may be. A file that is too large is read to its end and
// dropped, as long as the whole is not beyond all measure: a browser shows no answer
// that comes while it still sends.
const (
	mostUpload = 1<<20 + 1 // octets of a file that are kept: one more than may be
	mostSent   = 16 << 20  // octets of a whole form
	mostParts  = 200       // fields
)

// errUpload is a form that cannot be read.
var errUpload = &fault.Error{Op: "ui.upload", Kind: fault.Invalid, Text: "That could not be read."}

// takesFiles reports whether the form of a request may have files in it. Only
// administrators send such ones.
func takesFiles(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "multipart/form-data" && strings.HasPrefix(r.URL.Path, certsPath+"/")
}

// readUpload reads a form with files into memory: what is in them may be a key, and
// is never on a disk. The values become those of r.PostForm.
func (v *visit) readUpload(limit int64) error {
	const op = "ui.upload"
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, mostSent)
	mr, err := v.r.MultipartReader()
	if err != nil {
		return badBody(op, err)
	}
	v.r.PostForm, v.files = url.Values{}, map[string][]byte{}
	for range mostParts {
		p, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return badBody(op, err)
		}
		if p.FileName() == "" {
			b, err := io.ReadAll(io.LimitReader(p, limit+1))
			if limit -= int64(len(b)); err == nil && limit < 0 {
				err = &http.MaxBytesError{}
			}
			if err != nil {
				return badBody(op, err)
			}
			v.r.PostForm.Add(p.FormName(), string(b))
			continue
		}
		if v.files[p.FormName()] != nil {
			return errUpload // none of our forms has several
		}
		b, err := io.ReadAll(io.LimitReader(p, mostUpload))
		if err == nil {
			_, err = io.Copy(io.Discard, p)
		}
		if err != nil {
			return badBody(op, err)
		}
		v.files[p.FormName()] = b
	}
	return errUpload
}

// file returns a file of the form, without which nothing can be done.
func (v *visit) file(name string) ([]byte, error) {
	if len(v.files[name]) == 0 {
		return nil, &fault.Error{Op: "ui.file", Kind: fault.Invalid, Text: "Please choose a file."}
	}
	return v.files[name], nil
}

// certWait is how long what is done with certificates may take: a file may ask for
// many rounds to make a key from its password, and a server may be slow to answer.
const certWait = time.Minute

// orderWait is how long an ACME server may take.
const orderWait = 5 * time.Minute

// takesLonger gives an answer more time.
func (v *visit) takesLonger(d time.Duration) {
	rc := http.NewResponseController(v.w)
	// The read deadline as well: one that passes while nothing is read ends the
	// request's context.
	_ = rc.SetReadDeadline(time.Now().Add(d + v.s.Limits.Request))
	_ = rc.SetWriteDeadline(time.Now().Add(d + v.s.Limits.Request))
}
