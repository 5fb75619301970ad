package pdl

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"platen/fault"
)

// Counter counts the pages of documents, each in a child process with limits
// on time and memory and without files and network. A parser of strangers'
// documents may fail there, loop or be taken over; the node does not notice
// more than that the pages are unknown.
//
// All fields are set before the first Count.
type Counter struct {
	Command []string      // program and arguments that end in CountMain: platen count-pages
	Timeout time.Duration // longest life of a child; 10 s when 0
	Log     *slog.Logger

	refused atomic.Bool            // the system refused namespaces, which has been logged
	ended   func(*os.ProcessState) // told of each child's end; for tests
}

// Result is what is known of a document's pages. Sides and colours are not
// looked at.
type Result struct {
	Pages      int    // 1 to MaxPages, or -1: unknown
	Method     string // "parsed", "" when unknown
	Confidence string // "high"; "low" when the document contradicts itself; "none"
	Why        string // why it is unknown, one English sentence
}

// What an administrator reads beside a job whose pages are unknown. Each is a
// key of the catalogue.
const (
	textLimits     = "Counting the pages of this document took too much time or memory."
	textTooLarge   = "This document is too large for its pages to be counted."
	textNotPDF     = "This document is announced as PDF and is something else."
	textMixed      = "This document holds several print jobs in different languages."
	textLocked     = "This PDF opens with a password only."
	textCipher     = "This PDF is encrypted in a way that is not known."
	textDamaged    = "This PDF is damaged."
	textEmpty      = "This PDF has no pages."
	textTooMany    = "This PDF claims to have more than a million pages."
	textPostScript = "Pages of PostScript documents are not counted yet."
	textPCL        = "Pages of PCL documents are not counted yet."
	textPCLXL      = "Pages of PCL XL documents are not counted yet."
	textRaster     = "Pages of raster documents are not counted yet."
	textXPS        = "Pages of XPS documents are not counted yet."
	textEpson      = "Pages of ESC/P documents are not counted yet."
	textImage      = "Pages of images are not counted yet."
	textPlain      = "Pages of plain text are not counted yet."
	textUnknown    = "The language of this document is not known."

	textTrouble = "The pages of this document could not be counted now. It will be tried again."
)

// sentence is what a person reads for the child's reason. A reason that no
// child of ours gives is as good as none.
func (r reason) sentence() string {
	switch r {
	case whyTooLarge:
		return textTooLarge
	case whyNotPDF:
		return textNotPDF
	case whyMixed:
		return textMixed
	case whyPassword:
		return textLocked
	case whyCipher:
		return textCipher
	case whyEmpty:
		return textEmpty
	case whyTooMany:
		return textTooMany
	case whyDamaged:
		return textDamaged
	}
	return textLimits
}

// uncounted says why the pages of a language are not counted.
func (l Language) uncounted() string {
	switch l {
	case PostScript:
		return textPostScript
	case PCL:
		return textPCL
	case PCLXL:
		return textPCLXL
	case PWG, URF:
		return textRaster
	case XPS:
		return textXPS
	case ESCPR, ESCP:
		return textEpson
	case JPEG, TIFF:
		return textImage
	case Text:
		return textPlain
	}
	return textUnknown
}

func unknownPages(why string) Result { return Result{Pages: -1, Confidence: "none", Why: why} }

// Count counts the pages of one document in the language that Examine found.
// A document that cannot be counted is a Result with its reason; an error means
// that the node was in trouble and the same document may be tried again.
func (c *Counter) Count(ctx context.Context, lang Language, open func() (io.ReadCloser, error)) (Result, error) {
	if lang != PDF {
		return unknownPages(lang.uncounted()), nil
	}
	doc, err := open()
	if err != nil {
		return Result{}, fmt.Errorf("pdl.Count: %w", err)
	}
	defer doc.Close()

	a, err := c.ask(ctx, doc)
	if err != nil {
		return Result{}, err
	}
	if a.Pages < 1 || a.Pages > MaxPages || a.Why != "" {
		c.Log.Debug("pdl: pages unknown", "reason", text([]byte(a.Why)), "cause", text([]byte(a.Cause)))
		return unknownPages(a.Why.sentence()), nil
	}
	r := Result{Pages: a.Pages, Method: "parsed", Confidence: "high"}
	if !a.Sure {
		r.Confidence = "low"
	}
	return r, nil
}

// ask starts a child, hands it the document and reads its answer. The last line
// of a child that ended well holds; one that died over the document leaves the
// pages unknown; one that never began, or got nowhere because the node is busy,
// is the node's trouble.
func (c *Counter) ask(ctx context.Context, doc io.Reader) (answer, error) {
	const op = "pdl.Count"
	limited, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()

	// A child dies with its parent, and its parent is this thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	in, out := &source{Reader: doc}, &answers{}
	cmd, err := c.start(limited, in, out)
	if err != nil {
		return answer{}, &fault.Error{Op: op, Kind: fault.Unavailable, Text: textTrouble, Err: err}
	}
	err = cmd.Wait()
	if c.ended != nil {
		c.ended(cmd.ProcessState)
	}
	lines := out.lines()
	switch {
	case in.failed() != nil: // the spool knows what that means
		return answer{}, fmt.Errorf("%s: %w", op, in.failed())
	case ctx.Err() != nil:
		return answer{}, fmt.Errorf("%s: %w", op, ctx.Err())
	case len(lines) == 0:
		return answer{}, &fault.Error{Op: op, Kind: fault.Unavailable, Text: textTrouble, Err: fmt.Errorf("the child did not begin: %w", cmp.Or(err, io.ErrUnexpectedEOF))}
	case limited.Err() != nil && used(cmd) < c.timeout()/starved:
		return answer{}, &fault.Error{Op: op, Kind: fault.Unavailable, Text: textTrouble, Err: fmt.Errorf("the child had %s of processor time in %s", used(cmd), c.timeout())}
	case err != nil:
		return answer{Pages: -1, Why: whyLimits, Cause: err.Error()}, nil
	}
	return readAnswer(lines[len(lines)-1]), nil
}

// starved is the part of its time that a child needs as processor time before
// the document is blamed for it. A child waits for nothing but the node.
const starved = 4

func used(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

func (c *Counter) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return 10 * time.Second
}

// start starts the child without a shell and with an empty environment; where
// the system allows it, without a network and as nobody, in namespaces of its
// own.
func (c *Counter) start(ctx context.Context, in io.Reader, out io.Writer) (*exec.Cmd, error) {
	if len(c.Command) == 0 {
		return nil, errors.New("no command")
	}
	cmd := c.child(ctx, in, out, true)
	alone := cmd.Start()
	if alone == nil {
		return cmd, nil
	}
	cmd = c.child(ctx, in, out, false)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if c.refused.CompareAndSwap(false, true) {
		c.Log.Info("pdl: the system refuses namespaces to the page counter, which runs without", "error", alone)
	}
	return cmd, nil
}

func (c *Counter) child(ctx context.Context, in io.Reader, out io.Writer, alone bool) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Command[0], c.Command[1:]...) //nolint:gosec // it is this program; a document is no argument
	cmd.Env = []string{}
	cmd.Stdin, cmd.Stdout = in, out
	cmd.SysProcAttr = attributes(alone)
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.WaitDelay = time.Second
	return cmd
}

// source remembers that reading the document failed, which exec tells only of
// a child that ended well.
type source struct {
	io.Reader
	err atomic.Pointer[error]
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err.Store(&err)
	}
	return n, err
}

func (s *source) failed() error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	return nil
}

// maxAnswer is how much of a child's answer is read, in octets.
const maxAnswer = 4 << 10

// answers keeps what the child says, which nobody trusts.
type answers struct {
	mu  sync.Mutex // exec may give up waiting for the one who writes
	buf bytes.Buffer
}

var errTalks = errors.New("the answer is too long")

func (a *answers) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	room := maxAnswer - a.buf.Len()
	if len(p) <= room {
		return a.buf.Write(p)
	}
	a.buf.Write(p[:room])
	return room, errTalks
}

// lines returns the complete lines.
func (a *answers) lines() [][]byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	lines := bytes.SplitAfter(a.buf.Bytes(), []byte("\n"))
	return lines[:len(lines)-1] // behind the last line feed is no line
}

// readAnswer reads one line. What it cannot read is no count.
func readAnswer(line []byte) answer {
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return answer{Pages: -1, Why: whyDamaged, Cause: err.Error()}
	}
	return a
}
