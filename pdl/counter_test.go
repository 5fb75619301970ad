package pdl

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platen/fault"
)

func onePage() []byte {
	return tree("<</Type/Pages/Count 1/Kids[3 0 R]>>", map[int]string{3: leaf})
}

func TestCount(t *testing.T) {
	seven := ghostscript(t, 7)
	high := Result{Pages: 7, Method: "parsed", Confidence: "high"}
	tests := map[string]struct {
		doc  []byte
		want Result
	}{
		"PDF":        {seven, high},
		"in PJL":     {[]byte(uel + "@PJL ENTER LANGUAGE=PDF\r\n" + string(seven) + uel), high},
		"lies":       {tree("<</Type/Pages/Count 9/Kids[3 0 R]>>", map[int]string{3: leaf}), Result{Pages: 1, Method: "parsed", Confidence: "low"}},
		"locked":     {qpdf(t, seven, "--encrypt", "user", "owner", "256", "--"), unknownPages(textLocked)},
		"restricted": {qpdf(t, seven, "--encrypt", "", "owner", "256", "--print=none", "--"), high},
		"damaged":    {[]byte("%PDF-1.7\n"), unknownPages(textDamaged)},
		"no pages":   {tree("<</Type/Pages/Count 0/Kids[]>>", nil), unknownPages(textEmpty)},
		"not PDF":    {[]byte("\x1bE"), unknownPages(textNotPDF)},
		"empty":      {nil, unknownPages(textNotPDF)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := count(t, newCounter(t, "count"), tt.doc); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// zeros is a document that nobody has in memory.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	z.left -= n
	return int(n), nil
}

func TestA30TooLargeToCount(t *testing.T) {
	for octets, want := range map[int64]string{MaxCounted: textNotPDF, MaxCounted + 1: textTooLarge, 8 * MaxCounted: textTooLarge} {
		r, err := newCounter(t, "count").Count(t.Context(), PDF, func() (io.ReadCloser, error) {
			return io.NopCloser(&zeros{octets}), nil
		})
		if err != nil || r != unknownPages(want) {
			t.Errorf("%d octets: %+v, %v", octets, r, err)
		}
	}
}

// Other languages are unknown, each with its sentence, and start nothing.
func TestCountOtherLanguages(t *testing.T) {
	c := &Counter{Command: []string{"/nonexistent"}}
	for _, lang := range []Language{PostScript, PCL, PCLXL, PWG, URF, XPS, ESCPR, ESCP, JPEG, TIFF, Text, Unknown, "", "klingon"} {
		r, err := c.Count(t.Context(), lang, func() (io.ReadCloser, error) {
			t.Error("opened a document for nothing")
			return nil, errDisk
		})
		if err != nil || r.Pages != -1 || r.Method != "" || r.Confidence != "none" || !strings.HasSuffix(r.Why, ".") {
			t.Errorf("%s: %+v, %v", lang, r, err)
		}
		if named := r.Why != textUnknown; named == (lang == Unknown || lang == "" || lang == "klingon") {
			t.Errorf("%s: %q", lang, r.Why)
		}
	}
}

// A child that was taken over says what it likes.
func TestA30HostileAnswer(t *testing.T) {
	const begin = "{\"pages\":-1,\"why\":\"limits\"}\n"
	tests := map[string]struct {
		says string
		want Result
	}{
		"true":            {begin + "{\"pages\":3,\"sure\":true}\n", Result{Pages: 3, Method: "parsed", Confidence: "high"}},
		"most":            {"{\"pages\":1000000}\n", Result{Pages: MaxPages, Method: "parsed", Confidence: "low"}},
		"too many":        {"{\"pages\":1000001}\n", unknownPages(textLimits)},
		"zero":            {"{\"pages\":0}\n", unknownPages(textLimits)},
		"negative":        {"{\"pages\":-5}\n", unknownPages(textLimits)},
		"huge":            {"{\"pages\":1e99}\n", unknownPages(textDamaged)},
		"fraction":        {"{\"pages\":1.5}\n", unknownPages(textDamaged)},
		"text":            {"{\"pages\":\"3\"}\n", unknownPages(textDamaged)},
		"no JSON":         {"pages: 3\n", unknownPages(textDamaged)},
		"two in a line":   {"{\"pages\":3}{\"pages\":4}\n", unknownPages(textDamaged)},
		"both":            {"{\"pages\":3,\"why\":\"damaged\"}\n", unknownPages(textDamaged)},
		"its own reason":  {"{\"pages\":-1,\"why\":\"<script>\"}\n", unknownPages(textLimits)},
		"begins only":     {begin, unknownPages(textLimits)},
		"half a line":     {begin + "{\"pages\":3", unknownPages(textLimits)},
		"an empty line":   {begin + "\n", unknownPages(textDamaged)},
		"a very long one": {strings.Repeat(" ", maxAnswer) + "{\"pages\":3}\n", unknownPages(textLimits)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t, "says", begin, tt.says)
			if got := count(t, c, onePage()); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
	t.Run("without end", func(t *testing.T) {
		t.Parallel()
		if got := count(t, newCounter(t, "floods"), onePage()); got != unknownPages(textLimits) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("fails with an answer", func(t *testing.T) {
		t.Parallel()
		if got := count(t, newCounter(t, "dies", begin, "{\"pages\":3}\n"), onePage()); got != unknownPages(textLimits) {
			t.Errorf("%+v", got)
		}
	})
}

// A child that begins and does not end is killed. When it worked all the time,
// the pages are unknown.
func TestA30ChildLoops(t *testing.T) {
	c := newCounter(t, "loops")
	c.Timeout = 2 * time.Second
	for { // until this machine has time for it
		killed := false
		c.ended = func(p *os.ProcessState) { killed = !p.Success() }
		r, err := c.Count(t.Context(), PDF, opens(onePage()))
		if !killed {
			t.Fatal("not killed")
		}
		if err == nil {
			if r != unknownPages(textLimits) {
				t.Errorf("%+v", r)
			}
			return
		}
	}
}

// One that got nowhere is no document's fault.
func TestA30ChildHangs(t *testing.T) {
	c := newCounter(t, "hangs")
	c.Timeout = 500 * time.Millisecond
	killed := false
	c.ended = func(p *os.ProcessState) { killed = !p.Success() }
	if r, err := c.Count(t.Context(), PDF, opens(onePage())); !fault.Is(err, fault.Unavailable) || !killed {
		t.Errorf("%+v, %v, killed: %t", r, err, killed)
	}
}

// What is the node's own trouble is an error, so that it is tried again.
func TestCountInTrouble(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("not a program"), 0o600); err != nil {
		t.Fatal(err)
	}
	lost := &fault.Error{Op: "spool", Kind: fault.Invalid, Text: "This document is damaged."}
	ended, cancel := context.WithCancel(t.Context())
	cancel()

	tests := map[string]struct {
		ctx     context.Context
		command []string
		open    func() (io.ReadCloser, error)
		kind    fault.Kind
		cause   error
	}{
		"no command":         {kind: fault.Unavailable},
		"no program":         {command: []string{filepath.Join(t.TempDir(), "none"), "count-pages"}, kind: fault.Unavailable, cause: os.ErrNotExist},
		"no program at all":  {command: []string{file}, kind: fault.Unavailable},
		"child says nothing": {command: newCounter(t, "says").Command, kind: fault.Unavailable, cause: io.ErrUnexpectedEOF},
		"child fails":        {command: newCounter(t, "dies").Command, kind: fault.Unavailable},
		"wrong usage":        {command: newCounter(t, "count", "--fast").Command, kind: fault.Unavailable},
		"document missing":   {command: newCounter(t, "count").Command, open: func() (io.ReadCloser, error) { return nil, lost }, kind: fault.Invalid, cause: lost},
		"document damaged":   {command: newCounter(t, "count").Command, open: func() (io.ReadCloser, error) { return broken{lost}, nil }, kind: fault.Invalid, cause: lost},
		"disk":               {command: newCounter(t, "count").Command, open: func() (io.ReadCloser, error) { return broken{errDisk}, nil }, cause: errDisk},
		"node stops":         {ctx: ended, command: newCounter(t, "count").Command, kind: fault.Unavailable, cause: context.Canceled},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t, "")
			c.Command = tt.command
			ctx := t.Context()
			if tt.ctx != nil {
				ctx = tt.ctx
			}
			open := opens(onePage())
			if tt.open != nil {
				open = tt.open
			}
			r, err := c.Count(ctx, PDF, open)
			if err == nil || fault.KindOf(err) != tt.kind || r != (Result{}) {
				t.Errorf("%+v, %v of kind %v", r, err, fault.KindOf(err))
			}
			if tt.cause != nil && !errors.Is(err, tt.cause) {
				t.Errorf("%v does not wrap %v", err, tt.cause)
			}
		})
	}
}

// The node may stop while a child hangs.
func TestCountStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := newCounter(t, "hangs")
	_, err := c.Count(ctx, PDF, func() (io.ReadCloser, error) {
		return io.NopCloser(readFunc(func([]byte) (int, error) { cancel(); return 0, io.EOF })), nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// The child gets nothing from the node's environment.
func TestA30NoEnvironment(t *testing.T) {
	t.Setenv("PLATEN_SECRET", "x")
	if r := count(t, newCounter(t, "environment"), onePage()); r.Pages != 1 {
		t.Errorf("%d variables", r.Pages-1)
	}
}
