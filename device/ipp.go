package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
	"platen/internal/failpoint"
	"platen/ipp"
	"platen/job"
	"platen/site"
)

// ippPort is that of ipp and of ipps (RFC 8010, section 3; RFC 7472, section 5).
const ippPort = 631

// ippPath is where IPP Everywhere has its printer (PWG 5100.14, section 4.2).
const ippPath = "/ipp/print"

// ippDevice is a printer that speaks IPP: the one kind of device that can be
// asked afterwards what became of a job.
type ippDevice struct {
	id     string // of the site.Device
	scheme string // "ipp" or "ipps"
	host   host
	path   string
	traits traits
	set    Settings
}

func newIPP(u *url.URL, id string, t traits, s Settings) (*ippDevice, error) {
	h, err := parseHost(u, ippPort, s)
	if err != nil {
		return nil, err
	}
	return &ippDevice{id: id, scheme: strings.ToLower(u.Scheme), host: h, path: pathOf(u), traits: t, set: s}, nil
}

func pathOf(u *url.URL) string {
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return ippPath
}

// uri is the printer-uri.
func (p *ippDevice) uri() string {
	if p.host.port == ippPort {
		name := p.host.name
		if strings.Contains(name, ":") {
			name = "[" + name + "]"
		}
		return p.scheme + "://" + name + p.path
	}
	return p.scheme + "://" + p.host.String() + p.path
}

// post is where the requests go.
func (p *ippDevice) post() string {
	if p.scheme == "ipps" {
		return "https://" + p.host.String() + p.path
	}
	return "http://" + p.host.String() + p.path
}

// Condition asks the printer for its state.
func (p *ippDevice) Condition(ctx context.Context) (site.Condition, error) {
	now := p.set.Now()
	if p.traits.OneConnection { // somebody may be printing
		return site.Condition{State: "unknown", Since: now}, nil
	}
	limited, cancel := context.WithTimeout(ctx, min(p.set.Answer, 30*time.Second))
	defer cancel()
	a, err := p.printerAttributes(limited, aboutState...)
	switch {
	case ctx.Err() != nil:
		return site.Condition{}, fmt.Errorf("device.Condition: %w", ctx.Err())
	case limited.Err() != nil:
		return site.Condition{State: "stopped", Text: textNoAnswer, Since: now}, nil
	case err != nil:
		return site.Condition{State: "stopped", Text: fault.Text(err), Since: now}, nil
	}
	said := ipp.Texts(a, "printer-state-reasons")
	c := site.Condition{State: "idle", Text: reasonsText(said), Since: now, Seen: now, Reasons: reasonWords(said)}
	switch state, _ := ipp.Int(a, "printer-state"); state {
	case ippProcessing:
		c.State = "processing"
	case ippStopped:
		c.State = "stopped"
	}
	if accepts, said := ipp.Bool(a, "printer-is-accepting-jobs"); said && !accepts {
		c.State = "stopped"
		if c.Text == "" {
			c.Text = textNotAccepting
		}
	}
	return c, nil
}

// stateTexts say in our words what keeps a printer from printing, what stops it
// first. Names are those of RFC 8011, section 5.4.12, PWG 5100.9 and the
// registry, without their severity.
var stateTexts = []struct {
	text    string
	reasons []string
}{
	{"Paper is jammed in the device.", []string{"media-jam"}},
	{"The device needs paper.", []string{"media-empty", "media-needed"}},
	{"A door of the device is open.", []string{"door-open", "cover-open", "interlock-open"}},
	{"The device has no toner or ink left.", []string{"toner-empty", "marker-supply-empty", "marker-ink-empty", "marker-toner-empty", "developer-empty"}},
	{"The waste container of the device is full.", []string{"marker-waste-full", "marker-waste-toner-full"}},
	{"A paper tray of the device is missing.", []string{"input-tray-missing", "output-tray-missing"}},
	{"The output tray of the device is full.", []string{"output-area-full", "output-tray-full"}},
	{"The device has a fault and needs service.", []string{"fuser-over-temp", "fuser-under-temp", "opc-life-over", "service-needed", "hardware-failure"}},
	{"Somebody has paused the device.", []string{"paused", "moving-to-paused"}},
	{"The device is switched off, or its network does not work.", []string{"shutdown", "connecting-to-device", "timed-out", "offline"}},
	{"The device needs attention.", []string{"other", "spool-area-full", "deactivated", "stopped-partly"}},
	{"The device is low on paper.", []string{"media-low"}},
	{"The device is low on toner or ink.", []string{"toner-low", "marker-supply-low", "marker-ink-low", "marker-toner-low", "developer-low"}},
	{"The output tray of the device is almost full.", []string{"output-area-almost-full", "output-tray-almost-full"}},
	{"The waste container of the device is almost full.", []string{"marker-waste-almost-full", "marker-waste-toner-almost-full"}},
}

// reasonsText returns the sentence for the worst of them, "" for none that
// people have to know.
func reasonsText(reasons []string) string {
	plain := make([]string, 0, len(reasons))
	severe := false
	for _, r := range reasons {
		name, isError := strings.CutSuffix(r, "-error")
		severe = severe || isError
		plain = append(plain, strings.TrimSuffix(strings.TrimSuffix(name, "-warning"), "-report"))
	}
	for _, t := range stateTexts {
		if slices.ContainsFunc(plain, func(r string) bool { return slices.Contains(t.reasons, r) }) {
			return t.text
		}
	}
	if severe {
		return "The device needs attention."
	}
	return ""
}

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

// Deliver makes a job at the printer, hands over its documents, and follows it
// to its end. A printer that takes only one document a job gets several jobs,
// each when the one before has ended.
func (p *ippDevice) Deliver(ctx context.Context, d Delivery) (Result, error) {
	const op = "device.ipp"
	if err := checkDelivery(op, d); err != nil {
		return Result{Impressions: job.Unknown, Sheets: job.Unknown}, err
	}
	s := p.session(ctx, d.User)
	defer s.close()
	j := &ippRun{ippSession: s, r: newRun(withTicket(d)), formats: map[*Doc]string{}}
	for i := range j.r.Documents {
		if j.r.Documents[i].Octets > 0 {
			j.docs = append(j.docs, &j.r.Documents[i])
		}
	}
	if len(j.docs) == 0 {
		if err := j.r.begin(); err != nil {
			return j.r.interrupted(), err
		}
		return j.r.result(job.Acknowledged, "The document is empty; there was nothing to send."), nil
	}
	if err := j.prepare(ctx); err != nil {
		return j.r.interrupted(), err
	}
	res, err := j.parts(ctx)
	res.Octets, res.Copies, res.Sides = j.r.octets, j.r.knownCopies(), j.sides
	if res.Evidence == job.NoneAccepted {
		res.Octets = 0
	}
	return res, err
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
	a, err := j.printer(ctx, append(wanted(asked), beforeJob...)...)
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
	return j.validate(ctx)
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

// parts delivers one part after the other.
func (j *ippRun) parts(ctx context.Context) (Result, error) {
	parts := j.layOut()
	all := j.r.result(job.Confirmed, "")
	all.Impressions, all.Sheets = 0, 0
	for i := range parts {
		res, err := j.patient(ctx, parts[i], i, len(parts))
		all.Impressions, all.Sheets = addCounts(all.Impressions, res.Impressions), addCounts(all.Sheets, res.Sheets)
		all.Evidence, all.Detail = min(all.Evidence, res.Evidence), res.Detail
		if err != nil {
			if i > 0 {
				all.Evidence = job.Partial // of the whole, however little of this part
			}
			return all, err
		}
	}
	return all, nil
}

func addCounts(a, b int) int {
	if a == job.Unknown || b == job.Unknown {
		return job.Unknown
	}
	return a + b
}

// patient delivers a part. A job that has begun is not given up because the
// printer does not take the next part at once.
func (j *ippRun) patient(ctx context.Context, docs []*Doc, part, parts int) (Result, error) {
	until := time.Now().Add(min(patience, j.dev.set.Answer))
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		res, err := j.part(ctx, docs, part, parts)
		if part == 0 || res.Evidence != job.NoneAccepted || !fault.Is(err, fault.Unavailable) || time.Now().After(until) {
			return res, err
		}
		select {
		case <-ctx.Done():
			return res, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// part is one job at the printer from its beginning to its end.
func (j *ippRun) part(ctx context.Context, docs []*Doc, part, parts int) (Result, error) {
	id := 0
	if j.can.create {
		m, err := j.call(ctx, ippCall{op: goipp.OpCreateJob, attrs: j.operation(nil, part, parts), tmpl: j.template()})
		if err != nil {
			return j.none(), err
		}
		if id, _ = ipp.Int(m.Job, "job-id"); id <= 0 {
			return j.none(), unavailable("device.ipp", textNoPrinter, fmt.Errorf("job-id %d", id))
		}
	}
	if err := j.r.begin(); err != nil {
		if id > 0 {
			_, _ = j.cancel(ctx, id)
		}
		return j.none(), err
	}
	before := j.r.octets
	for i, doc := range docs {
		c := ippCall{op: goipp.OpPrintJob, attrs: j.operation(doc, part, parts), tmpl: j.template()}
		last := i == len(docs)-1
		if id > 0 {
			c = ippCall{op: goipp.OpSendDocument, job: id, attrs: append(j.document(doc), ipp.Boolean("last-document", last))}
		}
		m, whole, err := j.send(ctx, c, doc)
		if err != nil {
			some := j.r.octets > before && (i > 0 || !outright(err))
			return j.broken(ctx, id, whole && last, some, err)
		}
		if id == 0 {
			if id, _ = ipp.Int(m.Job, "job-id"); id <= 0 {
				return j.r.result(job.Acknowledged, textAcknowledged), nil
			}
		}
	}
	if j.r.Sent != nil && part == parts-1 {
		j.r.Sent()
	}
	failpoint.Hit("device.acked")
	return j.finish(ctx, id)
}

// outright reports whether a printer has said that it did not take a document,
// and cannot have found out while it printed.
func outright(err error) bool {
	switch statusOf(err) {
	case 0, goipp.StatusErrorDocumentFormatError, goipp.StatusErrorDocumentUnprintable, goipp.StatusErrorInternal, goipp.StatusErrorDevice, goipp.StatusErrorJobCanceled:
		return false
	}
	return true
}

const textAcknowledged = "The device acknowledged the whole job; it did not report that it printed."

// none is a part of which nothing was accepted.
func (j *ippRun) none() Result { return j.r.result(job.NoneAccepted, "") }

// send hands over one document, and says whether all of it went. Meanwhile the
// printer is asked how it is: it may have stopped reading because it has no
// paper.
func (j *ippRun) send(ctx context.Context, c ippCall, doc *Doc) (m *goipp.Message, whole bool, err error) {
	src, err := j.r.reader(*doc)
	if err != nil {
		return nil, false, err
	}
	c.body = &ippBody{r: j.r, src: src, left: doc.Octets}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	var watch sync.WaitGroup
	if c.job > 0 && !j.dev.traits.OneConnection {
		watch.Go(func() { j.watch(sending, c.job, stop) })
	}
	m, err = j.call(sending, c)
	stop()
	watch.Wait()
	whole, damage := c.body.stop()
	switch {
	case damage != nil:
		err = damage
	case ctx.Err() != nil && err != nil:
		err = ctx.Err()
	case errors.Is(err, context.Canceled):
		err = unavailable("device.ipp", textBroken, err) // by watch
	case err == nil && !whole:
		err = unavailable("device.ipp", textBroken, errors.New("it answered before it had the whole document"))
	}
	return m, whole, err
}

const textBroken = "The connection to the device broke in the middle of the document."

// watch looks at a job while its document is sent, and ends the sending when
// the printer has ended the job and only forgets to say so.
func (j *ippRun) watch(ctx context.Context, id int, stop context.CancelFunc) {
	tick := time.NewTicker(lastLook)
	defer tick.Stop()
	over := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		st, err := j.job(ctx, id)
		if err != nil {
			continue
		}
		if j.see(st); st.done() {
			over++
		}
		if over > 1 {
			stop()
			return
		}
	}
}

// see tells what is new about the printer.
func (j *ippRun) see(st ippJob) {
	text := reasonsText(st.device)
	j.mu.Lock()
	news := text != j.text
	j.text = text
	j.mu.Unlock()
	if news && j.r.Notice != nil {
		now := j.dev.set.Now()
		j.r.Notice(site.Condition{State: "processing", Text: text, Since: now, Seen: now, Reasons: reasonWords(st.device)})
	}
}

// broken ends a part whose documents did not all go as they should. What the
// printer has in full it prints, and is followed; what it has in part it is to
// forget.
func (j *ippRun) broken(ctx context.Context, id int, whole, some bool, err error) (Result, error) {
	status := statusOf(err)
	if whole && id > 0 && status == 0 && !Damaged(err) && ctx.Err() == nil {
		return j.finish(ctx, id)
	}
	if !Damaged(err) && ctx.Err() == nil && status == 0 && fault.KindOf(err) == fault.Unavailable {
		text := textBroken
		if !some {
			text = "The device closed the connection before it took anything."
		}
		err = unavailable("device.ipp", text, err)
	}
	return j.giveUp(ctx, id, whole, some, err)
}

// giveUp has the printer forget the job, because of cause, and says how much of
// it there was.
func (j *ippRun) giveUp(ctx context.Context, id int, whole, some bool, cause error) (Result, error) {
	res := j.none()
	if some {
		res.Evidence = job.Partial
	}
	if id == 0 || whole && errors.Is(context.Cause(ctx), ErrLeave) {
		return res, cause
	}
	st, err := j.cancel(ctx, id)
	if err != nil || !st.done() {
		return res, cause
	}
	switch {
	case st.state == ippCompleted && whole:
		return j.completed(st), nil
	case st.impressions > 0:
		res.Evidence, res.Impressions, res.Sheets = job.Partial, st.impressions, st.sheets
	case st.impressions == 0 && st.state != ippCompleted:
		res.Evidence = job.NoneAccepted
	}
	return res, cause
}

// finish follows a job of which the printer has everything.
func (j *ippRun) finish(ctx context.Context, id int) (Result, error) {
	st, err := j.follow(ctx, id, j.see)
	switch {
	case errors.Is(err, errForgotten):
		return j.r.result(job.Acknowledged, textAcknowledged), nil
	case ctx.Err() != nil:
		return j.giveUp(ctx, id, true, true, ctx.Err())
	case err != nil:
		return j.r.result(job.Partial, ""), err
	case st.state == ippCompleted:
		return j.completed(st), nil
	}
	res := j.r.result(job.Partial, "")
	res.Impressions, res.Sheets = st.impressions, st.sheets
	if st.impressions == 0 {
		res.Evidence = job.NoneAccepted
	}
	return res, st.ended()
}

// completed is a job that the printer says is out. Many printers count nothing
// and say 0: of what has octets, no page is no count.
func (j *ippRun) completed(st ippJob) Result {
	res := j.r.result(job.Confirmed, textReported)
	res.Impressions, res.Sheets = printed(st.impressions), printed(st.sheets)
	return res
}

func printed(n int) int {
	if n == 0 {
		return job.Unknown
	}
	return n
}

// ended says why a job that was not completed was not.
func (j *ippJob) ended() error {
	const op = "device.ipp"
	cause := fmt.Errorf("job-id %d, job-state %d, job-state-reasons %v", j.id, j.state, j.reasons)
	document := []string{
		"document-format-error", "document-unprintable-error", "document-password-error", "document-permission-error", "document-security-error",
		"unsupported-document-format", "unsupported-compression", "compression-error",
	}
	switch {
	case j.state == ippCanceled:
		return &refused{&fault.Error{Op: op, Kind: fault.Conflict, Text: "Somebody canceled the job at the device.", Err: cause}}
	case slices.ContainsFunc(j.reasons, func(r string) bool { return slices.Contains(document, r) }):
		return &refused{&fault.Error{Op: op, Kind: fault.Invalid, Text: textUnprintable, Err: cause}}
	}
	return unavailable(op, "The device gave up the job.", cause)
}

// Ask looks for the jobs that a delivery made, has the printer forget those
// whose documents never came to their end, and follows the others to theirs.
func (p *ippDevice) Ask(ctx context.Context, uuid, send string) (Result, bool, error) {
	none := Result{Octets: job.Unknown, Impressions: job.Unknown, Sheets: job.Unknown}
	s := p.session(ctx, "")
	defer s.close()
	found, err := s.find(ctx, mark(uuid, send))
	if err != nil || len(found) == 0 {
		return none, false, err
	}
	a := answer{parts: map[int]ippJob{}, of: 1}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		st, err := s.outcome(ctx, found[id])
		if errors.Is(err, errForgotten) {
			return none, false, nil
		}
		if err != nil {
			return none, false, err
		}
		a.add(st, found[id].name, mark(uuid, send))
	}
	res, err := a.result()
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return res, true, err
}

// outcome waits for the end of a job that was found.
func (s *ippSession) outcome(ctx context.Context, was ippJob) (ippJob, error) {
	switch {
	case was.done():
		return was, nil
	case was.incoming():
		return s.cancel(ctx, was.id)
	}
	st, err := s.follow(ctx, was.id, func(ippJob) {})
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), ErrLeave) {
		return s.cancel(ctx, was.id)
	}
	return st, err
}

// answer is what the jobs of one delivery come to.
type answer struct {
	parts               map[int]ippJob // of each the last that was made
	of                  int
	impressions, sheets int
	octets              int64
}

func (a *answer) add(st ippJob, name, mark string) {
	part, parts := partOf(name, mark)
	a.parts[part], a.of = st, parts
	a.impressions, a.sheets = addCounts(a.impressions, st.impressions), addCounts(a.sheets, st.sheets)
	if a.octets == job.Unknown || st.octets == job.Unknown {
		a.octets = job.Unknown
		return
	}
	a.octets += st.octets
}

func (a *answer) result() (Result, error) {
	res := Result{Octets: a.octets, Evidence: job.Partial, Impressions: a.impressions, Sheets: a.sheets}
	completed := 0
	err := unavailable("device.ipp", textBroken, nil) // when what is missing was never sent
	for _, st := range a.parts {
		switch {
		case st.state == ippCompleted:
			completed++
		case st.state != ippCanceled || st.byPerson():
			err = st.ended()
		}
	}
	switch {
	case completed == a.of:
		res.Evidence, res.Detail = job.Confirmed, textReported
		res.Impressions, res.Sheets = printed(res.Impressions), printed(res.Sheets)
		return res, nil
	case completed == 0 && a.impressions == 0:
		res.Evidence, res.Octets = job.NoneAccepted, 0
	}
	return res, err
}

// byPerson reports whether somebody canceled the job at the device, and not we
// over the network.
func (j *ippJob) byPerson() bool {
	return slices.ContainsFunc(j.reasons, func(r string) bool { return r == "job-canceled-at-device" || r == "job-canceled-by-operator" })
}

const textReported = "The device reported the end of the job."
