package ippsrv

import (
	"crypto/subtle"
	"slices"
	"strings"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
	"platen/ipp"
	"platen/job"
)

// templateAttribute is one Job Template attribute that a client may ask for.
type templateAttribute struct {
	name string
	// fits reports whether a queue with these devices can do what is asked.
	fits func(p *printer, a goipp.Attribute) bool
	// note keeps what Platen itself needs to know of it; nil nothing.
	note func(p *printer, a goipp.Attribute, t *job.Ticket)
}

// templateAttributes is the list of job-creation-attributes-supported (PWG
// 5100.14, section 6, RFC 8011, section 5.2, and PWG 5100.7).
var templateAttributes = []templateAttribute{
	{"copies", within(func(p *printer) (int, int) { return 1, p.can.Copies }), func(_ *printer, a goipp.Attribute, t *job.Ticket) { t.Copies = first(a) }},
	{"sides", oneOf(func(p *printer) []string { return p.can.Sides }), func(_ *printer, a goipp.Attribute, t *job.Ticket) { t.Sides = text(a) }},
	{"print-color-mode", fitsColour, func(_ *printer, a goipp.Attribute, t *job.Ticket) { t.Colour = text(a) }},
	{"media", oneOf(func(p *printer) []string { return p.media }), func(_ *printer, a goipp.Attribute, t *job.Ticket) { t.Media = text(a) }},
	{"media-col", fitsMediaCol, noteMediaCol},
	{"finishings", fitsFinishings, func(_ *printer, a goipp.Attribute, t *job.Ticket) { t.Finishings = intsOf(a) }},
	{"finishings-col", fitsFinishingsCol, noteFinishingsCol},
	{"page-ranges", fitsRanges, noteRanges},
	{"print-quality", enumOf(3, 4, 5), nil},
	{"printer-resolution", fitsResolution, nil},
	{"orientation-requested", enumOf(3, 4, 5, 6), nil},
	{"output-bin", oneOf(func(p *printer) []string { return p.can.Bins }), nil},
	{"print-scaling", keywords("auto", "auto-fit", "fill", "fit", "none"), nil},
	{"print-content-optimize", keywords("auto", "graphics", "photo", "text", "text-and-graphics"), nil},
	{"print-rendering-intent", keywords("auto", "perceptual", "relative", "saturation", "absolute"), nil},
	{"number-up", enumOf(1, 2, 4, 6, 9, 16), nil},
	{"multiple-document-handling", keywords("separate-documents-uncollated-copies", "separate-documents-collated-copies"), nil},
	{"overrides", func(_ *printer, a goipp.Attribute) bool { return len(ipp.CollectionsOf(a)) > 0 }, nil},
	{"job-priority", within(func(*printer) (int, int) { return 1, 100 }), nil},
	{"job-hold-until", keywords("no-hold", "indefinite"), func(_ *printer, a goipp.Attribute, t *job.Ticket) { t.HoldUntil = text(a) }},
	{"job-sheets", keywords("none"), nil},
	{"job-account-id", anyText, nil},
	{"job-accounting-user-id", anyText, func(_ *printer, a goipp.Attribute, t *job.Ticket) { t.Account = ipp.Cut(text(a), 255) }},
	{"job-release-action", keywords("none", "owner-authorized"), nil},
}

// settable are the attributes that Set-Job-Attributes changes.
var settable = []string{
	"copies", "sides", "print-color-mode", "media", "media-col", "finishings", "page-ranges", "print-quality", "orientation-requested",
	"output-bin", "job-hold-until", "job-name", "job-priority",
}

func creationAttributes() []string {
	names := []string{"ipp-attribute-fidelity", "job-name", "document-format", "compression", "document-name", "document-charset",
		"document-natural-language", "job-password", "job-password-encryption", "job-mandatory-attributes"}
	for _, a := range templateAttributes {
		names = append(names, a.name)
	}
	return names
}

func text(a goipp.Attribute) string {
	if all := ipp.TextsOf(a); len(all) == 1 {
		return all[0]
	}
	return ""
}

func intsOf(a goipp.Attribute) []int { return ipp.Ints(goipp.Attributes{a}, a.Name) }

func first(a goipp.Attribute) int {
	if all := intsOf(a); len(all) == 1 {
		return all[0]
	}
	return 0
}

func within(limits func(*printer) (int, int)) func(*printer, goipp.Attribute) bool {
	return func(p *printer, a goipp.Attribute) bool {
		low, high := limits(p)
		n := intsOf(a)
		return len(n) == 1 && len(a.Values) == 1 && n[0] >= low && n[0] <= high
	}
}

func oneOf(list func(*printer) []string) func(*printer, goipp.Attribute) bool {
	return func(p *printer, a goipp.Attribute) bool { return slices.Contains(list(p), text(a)) }
}

func keywords(list ...string) func(*printer, goipp.Attribute) bool {
	return func(_ *printer, a goipp.Attribute) bool { return slices.Contains(list, text(a)) }
}

func enumOf(list ...int) func(*printer, goipp.Attribute) bool {
	return func(_ *printer, a goipp.Attribute) bool {
		n := intsOf(a)
		return len(n) == 1 && len(a.Values) == 1 && slices.Contains(list, n[0])
	}
}

func anyText(_ *printer, a goipp.Attribute) bool { return text(a) != "" || len(a.Values) == 1 }

func fitsColour(p *printer, a goipp.Attribute) bool {
	switch text(a) {
	case "auto", "monochrome":
		return true
	case "color":
		return p.can.Colour
	}
	return false
}

func fitsFinishings(p *printer, a goipp.Attribute) bool {
	n := intsOf(a)
	return len(n) > 0 && !slices.ContainsFunc(n, func(f int) bool { return f != 3 && !slices.Contains(p.can.Finishings, f) })
}

func fitsFinishingsCol(p *printer, a goipp.Attribute) bool {
	cols := ipp.CollectionsOf(a)
	return len(cols) > 0 && !slices.ContainsFunc(cols, func(c goipp.Attributes) bool {
		n, ok := finishingOf(ipp.Text(c, "finishing-template"))
		return !ok || n != 3 && !slices.Contains(p.can.Finishings, n)
	})
}

func finishingOf(name string) (int, bool) {
	for n, x := range finishingNames {
		if x == name {
			return n, true
		}
	}
	return 0, false
}

func noteFinishingsCol(_ *printer, a goipp.Attribute, t *job.Ticket) {
	for _, c := range ipp.CollectionsOf(a) {
		if n, ok := finishingOf(ipp.Text(c, "finishing-template")); ok {
			t.Finishings = append(t.Finishings, n)
		}
	}
}

// fitsMediaCol looks at the size; source and type are wishes.
func fitsMediaCol(p *printer, a goipp.Attribute) bool {
	cols := ipp.CollectionsOf(a)
	if len(cols) != 1 {
		return false
	}
	_, ok := mediumOf(p, cols[0])
	return ok
}

func mediumOf(p *printer, c goipp.Attributes) (string, bool) {
	if dims := ipp.Collections(c, "media-size"); len(dims) == 1 {
		x, okX := ipp.Int(dims[0], "x-dimension")
		y, okY := ipp.Int(dims[0], "y-dimension")
		if !okX || !okY {
			return "", false
		}
		return nameOf(size{x, y}, p.media)
	}
	if name := ipp.Text(c, "media-size-name"); name != "" {
		return name, slices.Contains(p.media, name)
	}
	return "", ipp.Text(c, "media-source") != "" || ipp.Text(c, "media-type") != "" || ipp.Text(c, "media-key") != ""
}

func noteMediaCol(p *printer, a goipp.Attribute, t *job.Ticket) {
	if name, ok := mediumOf(p, ipp.CollectionsOf(a)[0]); ok && name != "" {
		t.Media = name
	}
}

func fitsRanges(_ *printer, a goipp.Attribute) bool {
	last := 0
	for _, r := range ipp.Ranges(goipp.Attributes{a}, a.Name) {
		if r.Lower <= last || r.Upper < r.Lower {
			return false
		}
		last = r.Upper
	}
	return last > 0
}

func noteRanges(_ *printer, a goipp.Attribute, t *job.Ticket) {
	for _, r := range ipp.Ranges(goipp.Attributes{a}, a.Name) {
		t.Ranges = append(t.Ranges, [2]int{r.Lower, r.Upper})
	}
}

func fitsResolution(p *printer, a goipp.Attribute) bool {
	for _, v := range a.Values {
		r, ok := v.V.(goipp.Resolution)
		if !ok || r.Units != goipp.UnitsDpi || r.Xres != r.Yres || !slices.Contains(p.can.DPI, r.Xres) {
			return false
		}
	}
	return len(a.Values) == 1
}

// ticket reads what the client asks for. What the queue cannot do is named in
// the answer and ignored, or, with ipp-attribute-fidelity, refused (RFC 8011,
// section 4.1.7).
func (q *request) ticket(p *printer) (job.Ticket, error) {
	op := q.msg.Operation
	t := job.Ticket{
		Title: ipp.Cut(ipp.Text(op, "job-name"), 255), Claimed: q.claimed(), Host: q.client.String(), PrinterURI: q.shownURI(),
	}
	if t.Title == "" {
		t.Title = ipp.Cut(ipp.Text(op, "document-name"), 255)
	}
	asked := slices.Clone(q.msg.Job)
	for _, name := range []string{"job-hold-until", "job-account-id", "job-accounting-user-id"} { // where some clients put it
		if a, ok := ipp.Find(op, name); ok {
			asked.Add(a)
		}
	}
	kept := goipp.Attributes{}
	for _, a := range asked {
		if q.keep(p, a, &t) {
			kept.Add(a)
		}
	}
	if len(kept) > 0 {
		m := goipp.Message{Version: goipp.DefaultVersion, Code: 0, RequestID: 1, Job: kept}
		b, err := m.EncodeBytes()
		if err != nil {
			return t, err
		}
		t.Template = b
	}
	if err := q.fidelity(op); err != nil {
		return t, err
	}
	return t, q.password(op, &t)
}

// keep takes one attribute into the ticket, or names it as unsupported.
func (q *request) keep(p *printer, a goipp.Attribute, t *job.Ticket) bool {
	i := slices.IndexFunc(templateAttributes, func(x templateAttribute) bool { return x.name == a.Name })
	switch {
	case i < 0:
		if ipp.Tag(a) != goipp.TagNoValue {
			q.unsupported.Add(goipp.MakeAttribute(a.Name, goipp.TagUnsupportedValue, goipp.Void{}))
		}
		return false
	case !templateAttributes[i].fits(p, a):
		q.unsupported.Add(a)
		return false
	}
	if note := templateAttributes[i].note; note != nil {
		note(p, a, t)
	}
	return true
}

// fidelity refuses when the client wants all or nothing, and names an attribute
// that it cannot do without.
func (q *request) fidelity(op goipp.Attributes) error {
	if len(q.unsupported) == 0 {
		return nil
	}
	all, _ := ipp.Bool(op, "ipp-attribute-fidelity")
	must := ipp.Texts(op, "job-mandatory-attributes")
	if all || slices.ContainsFunc(q.unsupported, func(a goipp.Attribute) bool { return slices.Contains(must, a.Name) }) {
		return refuse(statusAttributes, fault.Invalid, "This queue cannot do what the job asks for: %s.", names(q.unsupported))
	}
	return nil
}

func names(list goipp.Attributes) string {
	var s []string
	for _, a := range list {
		s = append(s, a.Name)
	}
	return strings.Join(s, ", ")
}

// password is PIN printing. What came is kept as a verifier only, and a PIN in
// clear text is not listened to (PWG 5100.11, section 5.1).
func (q *request) password(op goipp.Attributes, t *job.Ticket) error {
	octets := ipp.Octets(op, "job-password")
	if len(octets) == 0 {
		return nil
	}
	how := ipp.Text(op, "job-password-encryption")
	switch {
	case q.http.TLS == nil:
		return refuse(statusNotPossible, fault.Denied, "A PIN is taken over TLS only. Please print to this queue over ipps.")
	case how == "":
		how = "none"
	case !slices.Contains(passwordEncryptions, how):
		return refuse(statusAttributes, fault.Invalid, "The PIN of the job is encrypted in a way that is not taken here: %s.", how)
	}
	if n := map[string]int{"sha2-256": 32, "sha2-384": 48, "sha2-512": 64}[how]; n > 0 && len(octets) != n && len(octets) != 2*n {
		return refuse(statusAttributes, fault.Invalid, "The PIN of the job does not have the length of its encryption.")
	}
	if len(octets) > 255 || how == "none" && len(octets) < 4 {
		return refuse(statusAttributes, fault.Invalid, "The PIN of a job has at least 4 digits.")
	}
	verifier, err := q.s.People.HashPIN(normalPIN(octets, how))
	if err != nil {
		return err
	}
	t.PIN = &job.PIN{Encryption: how, Verifier: verifier}
	return nil
}

// normalPIN is a digest in octets, also where a client sends its hexadecimal
// digits.
func normalPIN(b []byte, how string) []byte {
	n := map[string]int{"sha2-256": 32, "sha2-384": 48, "sha2-512": 64}[how]
	if n == 0 || len(b) != 2*n {
		return b
	}
	out := make([]byte, n)
	for i := range out {
		hi, lo := nibble(b[2*i]), nibble(b[2*i+1])
		if subtle.ConstantTimeByteEq(hi|lo, 0xff) == 1 {
			return b
		}
		out[i] = hi<<4 | lo
	}
	return out
}

func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// shownURI is the queue's address without what is secret in it.
func (q *request) shownURI() string {
	if q.hidden {
		return q.base + printRoot + "/" + q.queue.Name
	}
	return q.printerURI()
}
