package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"platen/fault"
	"platen/internal/fsys"
	"platen/pdl"
)

// Converter converts documents. All fields are set before its first use; those
// that are 0 have the values of the house.
type Converter struct {
	Tools
	Dir     string   // private folder of its own; nothing in it survives a start
	Command []string // program and arguments that end in Main: platen convert-document
	Log     *slog.Logger

	Timeout time.Duration // longest life of a child; 5 min when 0
	CPU     time.Duration // its processor time; 3 min when 0
	Memory  int64         // its address space in octets; 1 GiB when 0
	Most    int64         // what a conversion may write; 2 GiB when 0
	AtOnce  int           // conversions at the same time; 2 when 0

	// Free says how many octets and files the volume of Dir still takes. May be nil.
	Free    func() (octets, files uint64, err error)
	Reserve int64 // what must stay free there

	once    sync.Once
	slots   chan struct{}
	refused atomic.Bool // the system refused namespaces, which has been logged
}

// Document is a document to convert.
type Document struct {
	From, To string // languages, as pdl calls them
	Octets   int64
	Open     func() (io.ReadCloser, error)
	Options  Options
}

// File is a converted document. It has no name any more: it is gone when it is
// closed, or when the node dies.
type File struct {
	Octets int64
	Doubt  bool // the document is damaged, and something may be missing

	file *os.File
	dir  string // still to be removed; "" gone
}

// Open returns a reader of the whole document. There may be several.
func (f *File) Open() (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(f.file, 0, f.Octets)), nil
}

// Close gives up the document.
func (f *File) Close() error {
	err := f.file.Close()
	if f.dir != "" {
		err = errors.Join(err, os.RemoveAll(f.dir))
	}
	return err
}

// What people read when a document was not converted.
const (
	textLimits  = "Converting this document for the device took too much time or memory. Nothing was printed."
	textLarge   = "This document becomes too large when it is converted for the device. Nothing was printed."
	textDamaged = "This document is damaged and could not be converted for the device. Nothing was printed."
	textNoPages = "There is no page to print in this document."
	textTrouble = "The document could not be converted now. It will be tried again."
)

func invalid(text string, err error) error {
	return &fault.Error{Op: "convert.Run", Kind: fault.Invalid, Text: text, Err: err}
}

func trouble(err error) error {
	return &fault.Error{Op: "convert.Run", Kind: fault.Unavailable, Text: textTrouble, Err: err}
}

// Prepare makes the folder, and removes what a crash has left in it.
func (c *Converter) Prepare() error {
	if err := fsys.MkdirPrivate(c.Dir); err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	left, err := os.ReadDir(c.Dir)
	if err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	var errs []error
	for _, e := range left {
		errs = append(errs, os.RemoveAll(filepath.Join(c.Dir, e.Name())))
	}
	return errors.Join(errs...)
}

func (c *Converter) timeout() time.Duration { return cmp.Or(c.Timeout, 5*time.Minute) }
func (c *Converter) most() int64            { return cmp.Or(c.Most, 2<<30) }

// turn waits until a conversion may begin.
func (c *Converter) turn(ctx context.Context) (leave func(), err error) {
	c.once.Do(func() { c.slots = make(chan struct{}, cmp.Or(c.AtOnce, 2)) })
	select {
	case c.slots <- struct{}{}:
		return func() { <-c.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("convert.Run: %w", ctx.Err())
	}
}

// Run converts one document. Invalid says that this document cannot be
// converted, and Unavailable that the node is in trouble and it may be tried
// again; an error of Open or its reader comes back as it is, wrapped.
func (c *Converter) Run(ctx context.Context, d Document) (*File, error) {
	leave, err := c.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	dir, err := os.MkdirTemp(c.Dir, "run-") // 0700
	if err != nil {
		return nil, trouble(err)
	}
	f, err := c.within(ctx, dir, &d)
	gone := os.RemoveAll(dir)
	switch {
	case err != nil:
		return nil, errors.Join(err, gone)
	case gone != nil: // this system keeps the name of what is open
		f.dir = dir
	}
	return f, nil
}

// within converts in a folder that somebody else removes.
func (c *Converter) within(ctx context.Context, dir string, d *Document) (*File, error) {
	from, to := pdl.Language(d.From), pdl.Language(d.To)
	if err := c.bring(dir, from, d); err != nil {
		return nil, err
	}
	if raster(from) {
		if _, err := c.child(ctx, dir, spec{Raster: d.From}); err != nil {
			return nil, err
		}
		if err := again(dir); err != nil {
			return nil, trouble(err)
		}
	}
	if ours(from) && to == pdl.PDF && len(d.Options.Ranges) == 0 && !(d.Options.Mono && c.GS != "") {
		return result(dir, fileIn, false)
	}
	if ours(from) {
		from = pdl.PDF
	}
	if !c.can(from, to) {
		return nil, invalid(textNoTool, fmt.Errorf("%s to %s", from, to))
	}
	if from == pdl.PostScript && raster(to) && len(d.Options.Ranges) > 0 {
		// Which page is the back of a sheet is known of pages that are all wanted.
		if _, err := c.child(ctx, dir, spec{Argv: c.command(from, pdl.PDF, &d.Options)}); err != nil {
			return nil, err
		}
		if err := again(dir); err != nil {
			return nil, trouble(err)
		}
		from, d.Options.Ranges = pdl.PDF, nil
	}
	s, err := c.child(ctx, dir, spec{Argv: c.command(from, to, &d.Options)})
	if err != nil {
		return nil, err
	}
	if s.pages() == 0 {
		return nil, invalid(textNoPages, errors.New(s.last()))
	}
	return result(dir, fileOut, s.doubts())
}

// again makes the outcome of one step what the next begins with.
func again(dir string) error {
	return os.Rename(filepath.Join(dir, fileOut), filepath.Join(dir, fileIn))
}

// result opens what came out. It was written by a program that a stranger may
// have got hold of: it is read only when it is a file.
func result(dir, name string, doubt bool) (*File, error) {
	file, err := fsys.OpenPrivate(filepath.Join(dir, name), false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, invalid(textNoPages, err)
	} else if err != nil {
		return nil, trouble(err)
	}
	info, err := file.Stat()
	if err == nil && info.Size() == 0 {
		err = invalid(textNoPages, errors.New("nothing came out"))
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &File{Octets: info.Size(), Doubt: doubt, file: file}, nil
}

// bring writes the document where the child finds it.
func (c *Converter) bring(dir string, from pdl.Language, d *Document) (err error) {
	if err := c.room(d.Octets); err != nil {
		return err
	}
	src, err := d.Open()
	if err != nil {
		return fmt.Errorf("convert.Run: %w", err)
	}
	defer src.Close()
	file, err := fsys.CreatePrivate(filepath.Join(dir, fileIn))
	if err != nil {
		return trouble(err)
	}
	defer func() {
		if cerr := file.Close(); err == nil && cerr != nil {
			err = trouble(cerr)
		}
	}()
	in := &failing{r: src}
	w := &failed{w: file}
	if from == pdl.JPEG {
		err = wrapJPEG(w, in, d.Octets, &d.Options)
	} else {
		_, err = io.Copy(w, afterPJL(in, from))
	}
	switch {
	case in.err != nil:
		return fmt.Errorf("convert.Run: %w", in.err)
	case w.err != nil:
		return trouble(w.err)
	case err != nil:
		return invalid(textDamaged, err)
	}
	return nil
}

// room refuses what would fill the disk.
func (c *Converter) room(n int64) error {
	if c.Free == nil {
		return nil
	}
	octets, _, err := c.Free()
	if err != nil {
		return trouble(err)
	}
	if int64(octets)-n < c.Reserve {
		return trouble(errors.New("the disk is almost full"))
	}
	return nil
}

// failing and failed remember whose failure ended a copy.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

type failed struct {
	w   io.Writer
	err error
}

func (f *failed) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err != nil {
		f.err = err
	}
	return n, err
}
