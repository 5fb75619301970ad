package pdl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/pdfcpu/pdfcpu/pkg/filter"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// MaxCounted is the largest document whose pages are counted, in octets.
const MaxCounted = 192 << 20

// MaxPages is the most pages that a count may say. More is not believed.
const MaxPages = 1_000_000

// limits of one child. The document is kept beside the heap.
type limits struct {
	Data   uint64 // octets of heap and stacks, beside what the program began with
	CPU    uint64 // seconds
	Octets int    // of the document
	Object int64  // octets of one object stream or cross-reference stream, inflated
}

func childLimits() limits {
	return limits{Data: 256 << 20, CPU: 10, Octets: MaxCounted, Object: 64 << 20}
}

// Limits on what is in a document.
const (
	maxObjects   = 2_000_000 // of one document
	maxInStream  = 200_000   // objects of one object stream
	maxTreeDepth = 1_000     // of the page tree
	maxFrames    = 4_000     // of the parser on the stack
	maxParts     = 200       // PDFs in one print job
)

// reason says why pages are unknown, in the answer of the child.
type reason string

const (
	whyLimits   reason = "limits"
	whyTooLarge reason = "too-large"
	whyNotPDF   reason = "not-pdf"
	whyMixed    reason = "mixed"
	whyPassword reason = "password"
	whyCipher   reason = "cipher"
	whyDamaged  reason = "damaged"
	whyEmpty    reason = "empty"
	whyTooMany  reason = "too-many"
)

// answer is one line of the child.
type answer struct {
	Pages int    `json:"pages"`           // 1 to MaxPages, or -1
	Sure  bool   `json:"sure,omitempty"`  // the page tree says of itself what was counted
	Why   reason `json:"why,omitempty"`   // pages are -1 because
	Cause string `json:"cause,omitempty"` // for the log
}

func unknown(why reason) answer { return answer{Pages: -1, Why: why} }

// CountMain is the body of the hidden command count-pages, the child that
// Counter starts: it puts limits on its own process, reads a PDF from stdin and
// writes its pages to stdout, a pipe, as lines of JSON, of which the last holds.
// It returns the exit status. To a regular file it cannot write, by its limits.
//
// The first line is written before the first octet is looked at. It holds when
// the process dies over the document, of a limit or of a fault in the parser.
// A child without any line was in trouble of its own.
//
// The parser may loop for ever over a document made for that. The limit on
// processor time ends it.
func CountMain(args []string, stdin io.Reader, stdout io.Writer) int {
	return countMain(childLimits(), args, stdin, stdout)
}

func countMain(l limits, args []string, stdin io.Reader, stdout io.Writer) int {
	if len(args) != 0 {
		return 2
	}
	runtime.LockOSThread() // some limits hold for a thread
	model.ConfigPath = "disable"
	if err := confine(l); err != nil {
		return 1
	}
	out := json.NewEncoder(stdout)
	if err := out.Encode(unknown(whyLimits)); err != nil {
		return 1
	}
	doc, err := load(stdin, l.Octets+1)
	if err != nil {
		return 1
	}
	a := unknown(whyTooLarge)
	if len(doc) <= l.Octets {
		a = countDocument(context.Background(), l, doc)
	}
	if err := out.Encode(a); err != nil {
		return 1
	}
	return 0
}

// confineRuntime makes the Go runtime stay within the limits of memory before
// the system ends it: it collects more often, on one processor, and a stack
// that grows without end is not taken for a heap.
func confineRuntime(l limits) {
	runtime.GOMAXPROCS(1)
	debug.SetMemoryLimit(int64(l.Data) / 8 * 7)
	debug.SetMaxStack(int(l.Data / 8))
}

// countDocument counts the pages of a PDF, or of all PDFs when a driver sent
// several in PJL.
func countDocument(ctx context.Context, l limits, doc []byte) answer {
	parts, why := split(doc)
	if why != "" {
		return unknown(why)
	}
	sum := answer{Sure: true}
	for _, part := range parts {
		a := countPDF(ctx, l, part)
		if a.Why != "" {
			return a
		}
		sum.Pages += a.Pages
		sum.Sure = sum.Sure && a.Sure
		if sum.Pages > MaxPages {
			return unknown(whyTooMany)
		}
	}
	return sum
}

// split takes a document apart at the Universal Exit Language commands behind
// the end of a PDF, and takes the PJL headers off. Only PDF may be left.
func split(doc []byte) ([][]byte, reason) {
	var parts [][]byte
	for len(doc) > 0 {
		var h Head
		body := h.pjl(blank(doc))
		var part []byte
		part, doc = untilUEL(body)
		if len(blank(part)) == 0 {
			continue
		}
		if found := detect(part[:min(len(part), HeadOctets)]); found != PDF {
			if len(parts) == 0 {
				return nil, whyNotPDF
			}
			return nil, whyMixed
		}
		if parts = append(parts, part); len(parts) > maxParts {
			return nil, whyLimits
		}
	}
	if len(parts) == 0 {
		return nil, whyNotPDF
	}
	return parts, ""
}

// between is what may stand between two print jobs in one document.
const between = " \t\r\n\x00\x04"

func blank(b []byte) []byte { return bytes.TrimLeft(b, between) }

// untilUEL cuts b where a PDF ends and a Universal Exit Language command
// follows. One that follows anything else is part of the document.
func untilUEL(b []byte) (part, rest []byte) {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(uel))
		if i < 0 {
			return b, nil
		}
		i += from
		before := bytes.TrimRight(b[from:i], between)
		if bytes.HasSuffix(before, []byte("%%EOF")) || len(before) == 0 {
			return b[:i], b[i:]
		}
		from = i + len(uel)
	}
}

// countPDF counts the leaves of the page tree. It takes what the parser does
// wrong for the document's fault, a panic too.
func countPDF(ctx context.Context, l limits, b []byte) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			a = unknown(whyDamaged)
			a.Cause = cause(fmt.Errorf("panic: %v", p))
		}
	}()
	doc, err := pdfcpu.ReadWithContext(&guard{Context: ctx}, bytes.NewReader(b), parserConfig(l, len(b)))
	if err != nil {
		return refused(err)
	}
	root, err := doc.Catalog()
	if err != nil {
		return refused(err)
	}
	t := pageTree{doc: doc.XRefTable, known: make(map[int]int)}
	pages, err := t.leaves(root["Pages"], 0)
	switch {
	case err != nil:
		return refused(err)
	case pages == 0 && t.flawed:
		return unknown(whyDamaged)
	case pages == 0:
		return unknown(whyEmpty)
	}
	return answer{Pages: pages, Sure: !t.flawed && t.claimed(root["Pages"]) == pages}
}

func parserConfig(l limits, octets int) *model.Configuration {
	c := model.NewDefaultConfiguration()
	c.Cmd = model.LISTINFO
	c.Offline = true
	c.Limits.MaxStreamBytes = int64(octets) // it allocates what a stream claims to be long
	c.Limits.MaxDecodeBytes = l.Object
	c.Limits.MaxObjectCount = maxObjects
	c.Limits.MaxXRefEntries = maxObjects
	c.Limits.MaxObjectStreamCount = maxInStream
	return c
}

// guard is a context that ends when the parser has called itself too often: it
// follows some references without counting (a stream whose /Filter is the stream),
// and no process survives a stack without end.
type guard struct {
	context.Context
	asked int
}

// Err is called for every object, and looks at the stack now and then.
func (g *guard) Err() error {
	if g.asked++; g.asked%64 == 0 {
		var deep [1]uintptr
		if runtime.Callers(maxFrames, deep[:]) > 0 {
			return errStack
		}
	}
	return g.Context.Err()
}

var (
	errStack   = errors.New("parser: calls itself too often")
	errDepth   = errors.New("page tree: too deep")
	errLoop    = errors.New("page tree: a node is its own ancestor")
	errTooMany = errors.New("page tree: too many pages")
)

// refused says why there is no count.
func refused(err error) answer {
	why := whyDamaged
	switch {
	case errors.Is(err, pdfcpu.ErrWrongPassword):
		why = whyPassword
	case errors.Is(err, pdfcpu.ErrUnsupportedEncryptionFeature):
		why = whyCipher
	case errors.Is(err, errTooMany):
		why = whyTooMany
	case errors.Is(err, filter.ErrDecodeLimitExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		why = whyLimits
	}
	a := unknown(why)
	a.Cause = cause(err)
	return a
}

// cause shortens an error, which may quote the document.
func cause(err error) string { return text([]byte(err.Error())) }

// pageTree counts the leaves of a page tree, ISO 32000-1 section 7.7.3.
type pageTree struct {
	doc    *model.XRefTable
	known  map[int]int // leaves below an object; -1 while it is being counted
	flawed bool        // something was there that is neither page nor node
}

// leaves counts the pages below a node. A page that is referred to twice is
// printed twice. /Count is not asked: it can lie.
func (t *pageTree) leaves(o types.Object, depth int) (int, error) {
	ref, indirect := o.(types.IndirectRef)
	if !indirect {
		return t.below(o, depth)
	}
	n := ref.ObjectNumber.Value()
	if pages, ok := t.known[n]; ok {
		if pages < 0 {
			return 0, errLoop
		}
		return pages, nil
	}
	target, err := t.doc.Dereference(ref)
	if err != nil {
		return 0, err
	}
	t.known[n] = -1
	pages, err := t.below(target, depth)
	t.known[n] = pages
	return pages, err
}

func (t *pageTree) below(o types.Object, depth int) (int, error) {
	if depth > maxTreeDepth {
		return 0, errDepth
	}
	node, ok := o.(types.Dict)
	if !ok {
		t.flawed = true
		return 0, nil
	}
	list, inner := node.Find("Kids")
	if !inner {
		kind := node.Type()
		t.flawed = t.flawed || kind == nil || *kind != "Page"
		if kind != nil && *kind == "Pages" {
			return 0, nil
		}
		return 1, nil
	}
	kids, err := t.doc.DereferenceArray(list)
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, kid := range kids {
		pages, err := t.leaves(kid, depth+1)
		if err != nil {
			return 0, err
		}
		if sum += pages; sum > MaxPages {
			return 0, errTooMany
		}
	}
	return sum, nil
}

// claimed is /Count of a node, -1 when there is none.
func (t *pageTree) claimed(o types.Object) int {
	node, err := t.doc.DereferenceDict(o)
	if err != nil || node == nil {
		return -1
	}
	count, err := t.doc.DereferenceInteger(node["Count"])
	if err != nil || count == nil {
		return -1
	}
	return count.Value()
}
