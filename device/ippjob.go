package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
	"platen/ipp"
)

// formats are the media types of the languages that pdl knows, the best first.
var formats = map[string][]string{
	"pdf":        {"application/pdf"},
	"postscript": {"application/postscript"},
	"pcl":        {"application/vnd.hp-PCL", "application/PCL"},
	"pclxl":      {"application/vnd.hp-PCLXL", "application/PCLXL"},
	"pwg-raster": {"image/pwg-raster"},
	"pwg":        {"image/pwg-raster"},
	"urf":        {"image/urf"},
	"xps":        {"application/oxps", "application/vnd.ms-xpsdocument"},
	"escpr":      {"application/vnd.epson.escpr"},
	"escp":       {"application/vnd.epson.escp"},
	"jpeg":       {"image/jpeg"},
	"tiff":       {"image/tiff"},
	"text":       {"text/plain"},
}

const anyFormat = "application/octet-stream" // the printer looks for itself

// formatFor picks what a printer is told a document is, from what it takes. A
// printer that says nothing of what it takes is told what the document is.
func formatFor(language string, pjl bool, takes []string) (string, bool) {
	all := append(slices.Clone(formats[language]), anyFormat)
	if pjl { // what stands before the document has to be read first
		slices.Reverse(all)
	}
	if len(takes) == 0 {
		return all[0], true
	}
	for _, want := range all {
		for _, t := range takes {
			if base, _, _ := strings.Cut(t, ";"); strings.EqualFold(strings.TrimSpace(base), want) {
				return t, true
			}
		}
	}
	return "", false
}

// obeys reports whether printers apply the attributes of a job to documents of
// this language. The others say themselves how they are printed.
func obeys(language string) bool {
	return slices.Contains([]string{"pdf", "jpeg", "tiff", "text", "xps"}, language)
}

// ippRun is one delivery under way.
type ippRun struct {
	*ippSession
	r       *run
	can     ippCan
	formats map[*Doc]string
	docs    []*Doc            // those with octets
	copies  int               // that the printer makes itself; 0 none
	sides   string            // that the printer is told; "" none
	told    []goipp.Attribute // what else was asked for and it can do

	mu   sync.Mutex
	text string // what was told last
}

// ippCan is what a printer can do.
type ippCan struct {
	create   bool // Create-Job and Send-Document
	validate bool
	many     bool // documents in one job
	formats  []string
	copies   []goipp.Range
	sides    []string
	collated bool
}

func canOf(a goipp.Attributes) ippCan {
	ops := ipp.Ints(a, "operations-supported")
	has := func(op goipp.Op) bool { return slices.Contains(ops, int(op)) }
	many, _ := ipp.Bool(a, "multiple-document-jobs-supported")
	return ippCan{
		create: has(goipp.OpCreateJob) && has(goipp.OpSendDocument), validate: has(goipp.OpValidateJob), many: many,
		formats: ipp.Texts(a, "document-format-supported"), copies: ipp.Ranges(a, "copies-supported"), sides: ipp.Texts(a, "sides-supported"),
		collated: ipp.Contains(a, "multiple-document-handling-supported", collated),
	}
}

const collated = "separate-documents-collated-copies"

// ready says why a printer takes no job now.
func ready(a goipp.Attributes) error {
	const op = "device.ipp"
	state, _ := ipp.Int(a, "printer-state")
	accepts, said := ipp.Bool(a, "printer-is-accepting-jobs")
	if said && !accepts {
		return unavailable(op, textNotAccepting, nil)
	}
	if state != ippStopped {
		return nil
	}
	if text := reasonsText(ipp.Texts(a, "printer-state-reasons")); text != "" {
		return unavailable(op, text, nil)
	}
	return unavailable(op, "The device is stopped.", nil)
}

// withTicket makes the client's wish for copies that of the documents, where
// they do not say so themselves.
func withTicket(d Delivery) Delivery {
	d.Documents = slices.Clone(d.Documents)
	for _, doc := range d.Documents {
		if doc.Copies > 1 {
			return d
		}
	}
	for i := range d.Documents {
		d.Documents[i].Copies = d.Ticket.Copies
	}
	return d
}

// prepare asks what the printer can do, and whether it would take the job.
func (j *ippRun) prepare(ctx context.Context) error {
	const op = "device.ipp"
	asked := j.asked()
	names := append(wanted(asked), beforeJob...)
	if j.r.Options.Mono {
		names = append(names, "color-supported")
	}
	a, err := j.printer(ctx, names...)
	if err != nil {
		return err
	}
	j.can = canOf(a)
	for _, doc := range j.docs {
		pjl, err := j.startsWithPJL(*doc)
		if err != nil {
			return err
		}
		format, ok := formatFor(doc.Language, pjl, j.can.formats)
		if !ok {
			return &refused{&fault.Error{Op: op, Kind: fault.Invalid, Text: textFormat, Err: fmt.Errorf("%s, it takes %v", doc.Language, j.can.formats)}}
		}
		j.formats[doc] = format
	}
	if err := ready(a); err != nil {
		return err
	}
	j.choose()
	j.told = able(asked, a)
	if err := j.validate(ctx); err != nil {
		return err
	}
	return j.staysGrey(a)
}

// staysGrey refuses a job that must not be printed in colour where the printer has
// colours and is not told to leave them.
func (j *ippRun) staysGrey(a goipp.Attributes) error {
	if has, said := ipp.Bool(a, "color-supported"); !j.r.Options.Mono || said && !has {
		return nil
	}
	told := slices.ContainsFunc(j.told, func(t goipp.Attribute) bool { return t.Name == "print-color-mode" })
	for _, d := range j.docs {
		if !d.Made && d.Language != "text" && !(told && obeys(d.Language)) {
			return &refused{&fault.Error{Op: "device.ipp", Kind: fault.Invalid, Text: "This device does not let itself be told to print without colour."}}
		}
	}
	return nil
}

func (j *ippRun) startsWithPJL(d Doc) (bool, error) {
	if !slices.Contains([]string{"pdf", "postscript", "pcl", "pclxl"}, d.Language) {
		return false, nil
	}
	src, err := j.r.reader(d)
	if err != nil {
		return false, err
	}
	defer src.Close()
	start := make([]byte, len(uel))
	n, err := io.ReadFull(src, start)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return string(start[:n]) == uel, nil
}

// choose leaves to the printer what it can do itself.
func (j *ippRun) choose() {
	n, sides := j.r.copies(*j.docs[0]), j.r.sides()
	for _, doc := range j.docs {
		if !j.tellsSides(doc) {
			sides = ""
		}
		if !obeys(doc.Language) && !doc.Made || j.r.copies(*doc) != n || j.formats[doc] == anyFormat {
			n = 0
		}
	}
	if n > 1 && slices.ContainsFunc(j.can.copies, func(r goipp.Range) bool { return r.Lower <= n && n <= r.Upper }) {
		j.copies = n
	}
	if slices.Contains(j.can.sides, sides) {
		j.sides = sides
	}
}

// template are the attributes of the job.
func (j *ippRun) template() []goipp.Attribute {
	var t []goipp.Attribute
	if j.copies > 0 {
		t = append(t, ipp.Integer("copies", j.copies))
		if j.can.collated {
			t = append(t, ipp.Keyword("multiple-document-handling", collated))
		}
	}
	if j.sides != "" {
		t = append(t, ipp.Keyword("sides", j.sides))
	}
	return append(t, j.told...)
}

// validate asks whether the printer would take the job. What it would not obey
// it is not told; copies are then sent one by one.
func (j *ippRun) validate(ctx context.Context) error {
	if !j.can.validate {
		return nil
	}
	m, err := j.call(ctx, ippCall{op: goipp.OpValidateJob, attrs: j.operation(j.docs[0], 0, 1), tmpl: j.template()})
	switch status := statusOf(err); {
	case status == goipp.StatusErrorOperationNotSupported:
		return nil
	case status == goipp.StatusErrorAttributesOrValues, status == goipp.StatusErrorConflicting:
		j.copies, j.sides, j.told = 0, "", nil
		return nil
	case err != nil:
		return err
	}
	for _, a := range m.Unsupported {
		switch a.Name {
		case "copies":
			j.copies = 0
		case "sides":
			j.sides = ""
		default:
			j.told = slices.DeleteFunc(j.told, func(t goipp.Attribute) bool { return t.Name == a.Name })
		}
	}
	return nil
}

// operation are the attributes of what makes a job or asks for it; of no
// document when doc is nil.
func (j *ippRun) operation(doc *Doc, part, parts int) []goipp.Attribute {
	a := []goipp.Attribute{ipp.Name("job-name", jobName(&j.r.Delivery, part, parts)), ipp.Boolean("ipp-attribute-fidelity", false)}
	if doc != nil {
		a = append(a, j.document(doc)...)
	}
	return a
}

func (j *ippRun) document(doc *Doc) []goipp.Attribute {
	var a []goipp.Attribute
	if name := printable(doc.Name); name != "" {
		a = append(a, ipp.Name("document-name", name))
	}
	return append(a, ipp.MIME("document-format", j.formats[doc]))
}

// mark is what the name of a job at a printer begins with: which job, and which
// delivery of it.
func mark(uuid, send string) string {
	if len(send) > 12 {
		send = send[len(send)-12:]
	}
	return uuid + "/" + printable(send)
}

// jobName also says which part of the job this is, where a printer takes it in
// several.
func jobName(d *Delivery, part, parts int) string {
	name := mark(d.UUID, d.Send)
	if parts > 1 {
		name += fmt.Sprintf("/%d/%d", part+1, parts)
	}
	if d.Title != "" {
		name += " " + printable(d.Title)
	}
	return ipp.Cut(name, 255)
}

// partOf reads what jobName has written.
func partOf(name, mark string) (part, parts int) {
	_, rest, _ := strings.Cut(name, mark)
	rest, _, _ = strings.Cut(rest, " ")
	if f := strings.Split(rest, "/"); len(f) == 3 {
		i, err := strconv.Atoi(f[1])
		n, err2 := strconv.Atoi(f[2])
		if err == nil && err2 == nil && 1 <= i && i <= n {
			return i - 1, n
		}
	}
	return 0, 1
}

// printable keeps control characters from a device.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "_"))
}

// layOut says which documents make which job, in order.
func (j *ippRun) layOut() [][]*Doc {
	var all []*Doc
	switch n := j.r.Options.Copies; {
	case j.copies > 0:
		all = j.docs
		j.r.total /= int64(j.copies)
	case n > 0:
		for range n {
			all = append(all, j.docs...)
		}
	default:
		for _, doc := range j.docs {
			for range j.r.copies(*doc) {
				all = append(all, doc)
			}
		}
	}
	if j.can.create && j.can.many {
		return [][]*Doc{all}
	}
	parts := make([][]*Doc, len(all))
	for i := range all {
		parts[i] = all[i : i+1]
	}
	return parts
}
