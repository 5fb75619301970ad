package ui

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/internal/unpack"
)

// Bringers take what other machines have read of directories.
type Bringers interface {
	// Tokens finds the token of such a machine, which is bound to one source. The
	// tokens of programs that print are not among them.
	Tokens
	// Stand tells what is known of a source.
	Stand(ctx context.Context, source string) (directory.Stand, error)
	// Bring stores an answer, and returns when all of it is stored. Changes that do
	// not follow what is known are directory.ErrAnew.
	Bring(ctx context.Context, source string, b *directory.Brought) (directory.Run, error)
}

// How long a machine that brings people may take.
const (
	bringIdle  = time.Minute      // between two octets
	bringStore = 10 * time.Minute // until what it has brought is stored
)

// apiStand tells a machine what it has brought last.
func (s *Server) apiStand(v *visit) error {
	st, err := s.Bringers.Stand(v.ctx(), v.program.Source)
	if err != nil {
		return err
	}
	st.Cursor = nonNil(st.Cursor)
	return v.json(http.StatusOK, st)
}

// apiBring takes the people of a directory. It answers when all of them are
// stored. Of one source one answer is taken at a time: a large one needs memory.
func (s *Server) apiBring(v *visit) error {
	if _, taken := s.bringing.LoadOrStore(v.program.Source, true); taken {
		return &fault.Error{Op: "ui.apiBring", Kind: fault.Conflict, Text: "The people of this source are being brought at this moment. Please try again later."}
	}
	defer s.bringing.Delete(v.program.Source)
	body := &patient{v: v, rc: http.NewResponseController(v.w), idle: min(s.Limits.Idle, bringIdle)}
	plain, err := unpacked(v, body)
	if err != nil {
		return err
	}
	b, err := directory.ReadBrought(plain)
	// The read deadline as well: one that passes while nothing is read ends the
	// request's context.
	_ = body.rc.SetReadDeadline(time.Now().Add(bringStore + s.Limits.Request))
	_ = body.rc.SetWriteDeadline(time.Now().Add(bringStore + s.Limits.Request))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(v.ctx(), bringStore)
	defer cancel()
	r, err := s.Bringers.Bring(ctx, v.program.Source, &b)
	_ = body.rc.SetWriteDeadline(time.Now().Add(s.Limits.Request))
	switch {
	case errors.Is(err, directory.ErrAnew):
		return &refusal{http.StatusConflict, "begin-anew", err}
	case errors.Is(err, context.DeadlineExceeded):
		return &fault.Error{Op: "ui.apiBring", Kind: fault.Unavailable, Text: "This node is too busy to store all of these people now. Please try again later.", Err: err}
	case err != nil:
		return err
	}
	r.Problems = nonNil(r.Problems)
	return v.json(http.StatusOK, r)
}

// Lines about people become ten or twenty times shorter.
const (
	mostRatio  = 200
	freeOctets = 1 << 20 // for which nobody asks
)

// unpacked returns the body of lines as they were before the client compressed
// them.
func unpacked(v *visit, body io.Reader) (io.Reader, error) {
	const op = "ui.unpacked"
	kind, _, err := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-ndjson" {
		return nil, &refusal{http.StatusUnsupportedMediaType, "media-type", &fault.Error{Op: op, Kind: fault.Invalid, Text: "That could not be read.", Err: err}}
	}
	switch strings.ToLower(v.r.Header.Get("Content-Encoding")) {
	case "", "identity":
		return body, nil
	case "gzip":
		packed := &unpack.Counted{R: body}
		z, err := gzip.NewReader(packed)
		if err != nil {
			return nil, badBody(op, err)
		}
		return &unpack.Bounded{
			R: z, Packed: packed, Free: freeOctets, Ratio: mostRatio,
			TooMuch: &fault.Error{Op: op, Kind: fault.TooLarge, Text: "That was too much to read."},
		}, nil
	}
	return nil, &refusal{http.StatusUnsupportedMediaType, "encoding", &fault.Error{Op: op, Kind: fault.Invalid, Text: "That could not be read."}}
}
