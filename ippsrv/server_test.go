package ippsrv

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
	"platen/ipp"
	"platen/job"
)

const pdf = "%PDF-1.7 a document"

// TestPrintJob: what was sent is what Intake got, and the answer names the job.
func TestPrintJob(t *testing.T) {
	d := openDoor(t, false)
	m, got := d.ask(goipp.OpPrintJob, pdf, op(ipp.Name("job-name", "Letter"), ipp.MIME("document-format", "application/pdf")),
		jobGroup(ipp.Integer("copies", 2), ipp.Keyword("sides", "two-sided-long-edge"), ipp.Range("page-ranges", 1, 3), ipp.Keyword("print-color-mode", "monochrome"),
			ipp.Collection("media-col", []goipp.Attribute{ipp.Collection("media-size", []goipp.Attribute{ipp.Integer("x-dimension", 21000), ipp.Integer("y-dimension", 29700)})})))
	d.want(statusOK, m, got)
	j := d.last()
	if d.docs[j.UUID] != pdf || j.Documents[0].Copies != 2 {
		t.Errorf("got %q, %+v", d.docs[j.UUID], j.Documents)
	}
	tk := j.Ticket
	if tk.Title != "Letter" || tk.Claimed != "anna" || tk.Sides != "two-sided-long-edge" || tk.Colour != "monochrome" || tk.Media != "iso_a4_210x297mm" ||
		!slices.Equal(tk.Ranges, [][2]int{{1, 3}}) || len(templateOf(&tk)) != 5 {
		t.Errorf("ticket %+v", tk)
	}
	if id, _ := ipp.Int(m.Job, "job-id"); id != int(j.ID) || ipp.Text(m.Job, "job-uuid") != "urn:uuid:"+j.UUID || !strings.HasSuffix(ipp.Text(m.Job, "job-uri"), "/ipp/print/secure/jobs/1") {
		t.Errorf("answer %+v", m.Job)
	}
	m, _ = d.ask(goipp.OpGetJobAttributes, "", op(ipp.Integer("job-id", 1)))
	if s, _ := ipp.Int(m.Job, "job-state"); s != 4 || !ipp.Contains(m.Job, "job-state-reasons", "job-held-for-release") || ipp.Text(m.Job, "sides") != "two-sided-long-edge" {
		t.Errorf("%+v", m.Job)
	}
}

// TestUnsupported: what a queue cannot do is named and ignored, and refused when
// the client wants all or nothing.
func TestUnsupported(t *testing.T) {
	d := openDoor(t, false)
	strange := jobGroup(ipp.Keyword("sides", "upside-down"), ipp.Keyword("frames", "gold"), ipp.Integer("copies", 5000))
	m, got := d.ask(goipp.OpPrintJob, pdf, strange)
	d.want(statusOKIgnored, m, got)
	for _, name := range []string{"sides", "frames", "copies"} {
		if _, ok := ipp.Find(m.Unsupported, name); !ok {
			t.Errorf("%s is not named: %+v", name, m.Unsupported)
		}
	}
	if tk := d.last().Ticket; tk.Sides != "" || tk.Copies != 0 {
		t.Errorf("it was kept: %+v", tk)
	}
	m, got = d.ask(goipp.OpValidateJob, "", op(ipp.Boolean("ipp-attribute-fidelity", true)), strange)
	d.want(statusAttributes, m, got)
	m, got = d.ask(goipp.OpValidateJob, "", op(ipp.Keyword("job-mandatory-attributes", "frames")), strange)
	d.want(statusAttributes, m, got)
	m, got = d.ask(goipp.OpValidateJob, "", op(ipp.MIME("document-format", "application/x-evil")))
	d.want(statusFormatNotSupported, m, got)
	m, got = d.ask(goipp.OpValidateJob, "", op(ipp.Keyword("compression", "rar")))
	d.want(statusCompression, m, got)
	m, got = d.ask(goipp.Op(0x7777), "")
	d.want(statusNoOperation, m, got)
	m, got = d.ask(goipp.OpPrintURI, "")
	d.want(statusNoOperation, m, got)
}

// TestOpenJob: Create-Job, Send-Document, Close-Job, and everything in the wrong
// order.
func TestOpenJob(t *testing.T) {
	d := openDoor(t, false)
	create := func() int {
		m, got := d.ask(goipp.OpCreateJob, "")
		d.want(statusOK, m, got)
		id, _ := ipp.Int(m.Job, "job-id")
		if !ipp.Contains(m.Job, "job-state-reasons", "job-incoming") {
			t.Errorf("%+v", m.Job)
		}
		return id
	}
	send := func(id int, doc string, last bool) int {
		_, got := d.ask(goipp.OpSendDocument, doc, op(ipp.Integer("job-id", id), ipp.Boolean("last-document", last)))
		return got
	}
	id := create()
	if got := send(id, pdf, false); got != statusOK {
		t.Errorf("first document: %#x", got)
	}
	if got := send(id, "and another", true); got != statusOK {
		t.Errorf("last document: %#x", got)
	}
	if j := d.last(); d.docs[j.UUID] != pdf+"and another" || len(j.Documents) != 2 {
		t.Errorf("%q", d.docs[j.UUID])
	}
	if got := send(id, "too late", true); got != statusNotPossible {
		t.Errorf("a document after the last: %#x", got)
	}
	if _, got := d.ask(goipp.OpCloseJob, "", op(ipp.Integer("job-id", id))); got != statusOK {
		t.Errorf("closed twice: %#x", got)
	}

	id = create()
	if got := send(id, pdf, false); got != statusOK {
		t.Errorf("%#x", got)
	}
	if got := send(id, "", true); got != statusOK { // RFC 8011, section 4.3.1: nothing, and the last
		t.Errorf("an empty last document: %#x", got)
	}
	if j := d.last(); len(j.Documents) != 1 {
		t.Errorf("%+v", j.Documents)
	}

	id = create()
	if _, got := d.ask(goipp.OpSendDocument, pdf, op(ipp.Integer("job-id", id))); got != statusBadRequest {
		t.Errorf("without last-document: %#x", got)
	}
	if got := send(id, "", false); got != statusBadRequest {
		t.Errorf("nothing, and more to come: %#x", got)
	}
	if got := send(id, "", true); got != statusNotPossible {
		t.Errorf("a job without any document: %#x", got)
	}
	if j := d.last(); j.State != job.Aborted {
		t.Errorf("%+v", j)
	}

	id = create()
	if _, got := d.ask(goipp.OpCancelJob, "", op(ipp.Integer("job-id", id))); got != statusOK {
		t.Errorf("cancel: %#x", got)
	}
	if got := send(id, pdf, true); got != statusNotPossible {
		t.Errorf("a document of a canceled job: %#x", got)
	}
	if _, got := d.ask(goipp.OpSendDocument, pdf, op(ipp.Integer("job-id", 99), ipp.Boolean("last-document", true))); got != statusNotFound {
		t.Errorf("a document of nobody's job: %#x", got)
	}
}

// TestOpenJobTimeout: a job that its client has left is taken with what has come,
// and aborted when nothing has.
func TestOpenJobTimeout(t *testing.T) {
	d := openDoor(t, false)
	d.want(statusOK, nil, second(d.ask(goipp.OpCreateJob, "")))
	d.want(statusOK, nil, second(d.ask(goipp.OpSendDocument, pdf, op(ipp.Integer("job-id", 1), ipp.Boolean("last-document", false)))))
	d.want(statusOK, nil, second(d.ask(goipp.OpCreateJob, "")))
	d.srv.endLate(t.Context(), d.srv.Now().Add(d.srv.Limits.Operation))
	if d.jobs[0].State != job.Held || len(d.jobs[0].Documents) != 1 || d.jobs[1].State != job.Aborted {
		t.Errorf("%+v", d.jobs)
	}
}

func second(_ *goipp.Message, status int) int { return status }

// TestCompression: gzip, both forms of deflate, what is no such thing, and what
// grows beyond all measure.
func TestCompression(t *testing.T) {
	d := openDoor(t, false)
	pack := func(how string, text string) string {
		var b bytes.Buffer
		var w io.WriteCloser
		switch how {
		case "gzip":
			w = gzip.NewWriter(&b)
		case "zlib":
			w = zlib.NewWriter(&b)
		default:
			w, _ = flate.NewWriter(&b, flate.BestCompression)
		}
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		return b.String()
	}
	for how, name := range map[string]string{"gzip": "gzip", "zlib": "deflate", "flate": "deflate"} {
		m, got := d.ask(goipp.OpPrintJob, pack(how, pdf), op(ipp.Keyword("compression", name)))
		d.want(statusOK, m, got)
		if j := d.last(); d.docs[j.UUID] != pdf {
			t.Errorf("%s: %q", how, d.docs[j.UUID])
		}
	}
	for name, doc := range map[string]string{"gzip": pdf, "deflate": "\xff\xff\xff\xff"} {
		m, got := d.ask(goipp.OpPrintJob, doc, op(ipp.Keyword("compression", name)))
		d.want(statusCompressionError, m, got)
	}
	cut := pack("gzip", strings.Repeat(pdf, 100))
	m, got := d.ask(goipp.OpPrintJob, cut[:len(cut)-10], op(ipp.Keyword("compression", "gzip")))
	d.want(statusBadRequest, m, got)
	d.srv.Limits.Expansion, d.srv.Limits.Ratio = 1<<20, 200
	m, got = d.ask(goipp.OpPrintJob, pack("gzip", strings.Repeat("\x00", 8<<20)), op(ipp.Keyword("compression", "gzip")))
	d.want(statusCompressionError, m, got)
	if len(d.jobs) != 3 {
		t.Errorf("%d jobs", len(d.jobs))
	}
}

// TestWhoPrints: a name is a claim, a password counts over TLS only, an address
// of one's own is proof, and a trusted host is believed.
func TestWhoPrints(t *testing.T) {
	plain := openDoor(t, false)
	plain.want(statusOK, nil, second(plain.ask(goipp.OpPrintJob, pdf)))
	if o := plain.origins[0]; o.User != "" || o.Believed || o.Client != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("a claim became proof: %+v", o)
	}
	plain.auth = [2]string{"anna", "anna"}
	plain.want(http.StatusUpgradeRequired, nil, second(plain.ask(goipp.OpPrintJob, pdf)))
	if len(plain.tried) != 0 {
		t.Errorf("a password in clear text was looked at: %q", plain.tried)
	}
	plain.auth = [2]string{}
	plain.path = "/ipp/print/secure/u/" + annasSecret
	plain.want(statusForbidden, nil, second(plain.ask(goipp.OpPrintJob, pdf)))
	plain.path = "/ipp/print/secure"
	plain.srv.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	plain.want(statusOK, nil, second(plain.ask(goipp.OpPrintJob, pdf)))
	if o := plain.origins[1]; !o.Believed || o.User != "" {
		t.Errorf("a trusted host: %+v", o)
	}

	d := openDoor(t, true)
	d.auth = [2]string{"anna", "wrong"}
	d.want(http.StatusUnauthorized, nil, second(d.ask(goipp.OpPrintJob, pdf)))
	d.auth = [2]string{"anna", "again"}
	m, got := d.ask(goipp.OpPrintJob, pdf)
	if d.want(statusUnavailable, m, got); !strings.Contains(ipp.Text(m.Operation, "status-message"), "wait 30 seconds") {
		t.Errorf("a password that was not looked at: %+v", m.Operation)
	}
	d.auth = [2]string{"anna", "anna"}
	d.want(statusOK, nil, second(d.ask(goipp.OpPrintJob, pdf)))
	if o := d.origins[0]; o.User != "u-anna" {
		t.Errorf("a password: %+v", o)
	}
	d.auth = [2]string{}
	if m, got := d.ask(goipp.OpGetJobAttributes, "", op(ipp.Integer("job-id", 1))); got != statusNotFound {
		t.Errorf("a name alone reaches what came with proof: %+v", m)
	}

	d.path = "/ipp/print/strict"
	d.want(http.StatusUnauthorized, nil, second(d.ask(goipp.OpValidateJob, "")))
	m, got = d.ask(goipp.OpGetPrinterAttributes, "")
	d.want(statusOK, m, got)
	if !slices.Equal(ipp.Texts(m.Printer, "uri-authentication-supported"), []string{"basic", "basic"}) {
		t.Errorf("%q", ipp.Texts(m.Printer, "uri-authentication-supported"))
	}

	d.path = "/ipp/print/secure/u/" + annasSecret
	m, got = d.ask(goipp.OpPrintJob, pdf)
	d.want(statusOK, m, got)
	j := d.last()
	if j.Origin.User != "u-anna" || strings.Contains(j.Ticket.PrinterURI, annasSecret) {
		t.Errorf("a personal address: %+v", j)
	}
	m, got = d.ask(goipp.OpGetPrinterAttributes, "")
	d.want(statusOK, m, got)
	if uris := ipp.Texts(m.Printer, "printer-uri-supported"); len(uris) != 1 || !strings.HasPrefix(uris[0], "ipps://") || !strings.HasSuffix(uris[0], annasSecret) {
		t.Errorf("%q", uris)
	}
	for _, path := range []string{"/ipp/print/secure/u/guessed", "/ipp/print/direct/u/" + annasSecret} {
		d.path = path
		d.want(statusNotFound, nil, second(d.ask(goipp.OpPrintJob, pdf)))
	}
}

// TestPIN: in clear text it is not listened to; over TLS it is kept as a verifier
// only, and the attributes say where it is offered.
func TestPIN(t *testing.T) {
	sum := sha256.Sum256([]byte("1234"))
	hashed := op(ipp.OctetString("job-password", string(sum[:])), ipp.Keyword("job-password-encryption", "sha2-256"))
	plain := openDoor(t, false)
	m, got := plain.ask(goipp.OpPrintJob, pdf, hashed)
	plain.want(statusNotPossible, m, got)
	m, _ = plain.ask(goipp.OpGetPrinterAttributes, "")
	if _, offered := ipp.Find(m.Printer, "job-password-supported"); offered {
		t.Error("a PIN is offered in clear text")
	}

	d := openDoor(t, true)
	m, got = d.ask(goipp.OpPrintJob, pdf, hashed)
	d.want(statusOK, m, got)
	if pin := d.last().Ticket.PIN; pin == nil || pin.Encryption != "sha2-256" || pin.Verifier != "hashed "+string(sum[:]) {
		t.Errorf("%+v", pin)
	}
	m, got = d.ask(goipp.OpPrintJob, pdf, op(ipp.OctetString("job-password", hex.EncodeToString(sum[:])), ipp.Keyword("job-password-encryption", "sha2-256")))
	d.want(statusOK, m, got)
	if pin := d.last().Ticket.PIN; pin == nil || pin.Verifier != "hashed "+string(sum[:]) {
		t.Errorf("in hexadecimal: %+v", pin)
	}
	for name, g := range map[string]goipp.Group{
		"md5":            op(ipp.OctetString("job-password", "0123456789abcdef"), ipp.Keyword("job-password-encryption", "md5")),
		"too short":      op(ipp.OctetString("job-password", "12"), ipp.Keyword("job-password-encryption", "none")),
		"a wrong length": op(ipp.OctetString("job-password", "1234"), ipp.Keyword("job-password-encryption", "sha2-256")),
	} {
		if m, got := d.ask(goipp.OpPrintJob, pdf, g); got != statusAttributes {
			t.Errorf("%s: %#x %+v", name, got, m)
		}
	}
}

// TestOperators: what changes a queue needs an administrator's password, over
// TLS.
func TestOperators(t *testing.T) {
	plain := openDoor(t, false)
	plain.want(statusForbidden, nil, second(plain.ask(goipp.OpPausePrinter, "")))
	d := openDoor(t, true)
	d.want(http.StatusUnauthorized, nil, second(d.ask(goipp.OpPausePrinter, "")))
	d.auth = [2]string{"anna", "anna"}
	d.want(http.StatusUnauthorized, nil, second(d.ask(goipp.OpHoldNewJobs, "")))
	d.auth = [2]string{"root", "secret"}
	d.path = "/ipp/print/direct"
	for _, x := range []struct {
		op goipp.Op
		is func() bool
	}{
		{goipp.OpPausePrinter, func() bool { return d.queues[0].IPP.Paused }}, {goipp.OpResumePrinter, func() bool { return !d.queues[0].IPP.Paused }},
		{goipp.OpHoldNewJobs, func() bool { return d.queues[0].IPP.HoldNew }}, {goipp.OpReleaseHeldNewJobs, func() bool { return !d.queues[0].IPP.HoldNew }},
		{goipp.OpDisablePrinter, func() bool { return !d.queues[0].AcceptJobs }}, {goipp.OpEnablePrinter, func() bool { return d.queues[0].AcceptJobs }},
	} {
		if _, got := d.ask(x.op, ""); got != statusOK || !x.is() {
			t.Errorf("%s: %#x", x.op, got)
		}
	}
	if d.resumed != 6 {
		t.Errorf("resumed %d times", d.resumed)
	}
	m, got := d.ask(goipp.OpSetPrinterAttributes, "", goipp.Group{Tag: goipp.TagPrinterGroup, Attrs: goipp.Attributes{ipp.TextWithout("printer-location", "Hall")}})
	d.want(statusOK, m, got)
	m, got = d.ask(goipp.OpSetPrinterAttributes, "", goipp.Group{Tag: goipp.TagPrinterGroup, Attrs: goipp.Attributes{ipp.TextWithout("printer-name", "x")}})
	d.want(statusAttributes, m, got)
	if d.queues[0].IPP.Location != "Hall" || d.queues[0].Name != "direct" {
		t.Errorf("%+v", d.queues[0])
	}
}

// TestRefusals: what Intake refuses arrives with its status and its sentence.
func TestRefusals(t *testing.T) {
	d := openDoor(t, false)
	for kind, status := range map[fault.Kind]int{
		fault.Invalid: statusBadRequest, fault.TooLarge: statusTooLarge, fault.NotFound: statusNotFound, fault.Denied: statusNotAuthorized,
		fault.Conflict: statusNotPossible, fault.Full: statusTemporaryError, fault.Unavailable: statusUnavailable, fault.Internal: statusInternalError,
	} {
		d.refuse = &fault.Error{Op: "fake", Kind: kind, Text: "You do not have the right to print."}
		for _, o := range []goipp.Op{goipp.OpValidateJob, goipp.OpPrintJob} {
			m, got := d.ask(o, pdf)
			d.want(status, m, got)
			if m != nil && ipp.Text(m.Operation, "status-message") != "You do not have the right to print." {
				t.Errorf("%v: %q", kind, ipp.Text(m.Operation, "status-message"))
			}
		}
	}
	d.refuse = nil
	d.path = "/ipp/print/closed"
	d.want(statusNotAccepting, nil, second(d.ask(goipp.OpPrintJob, pdf)))
	d.path = "/ipp/print/nowhere"
	d.want(statusNotFound, nil, second(d.ask(goipp.OpPrintJob, pdf)))
	if len(d.jobs) != 0 {
		t.Errorf("%+v", d.jobs)
	}
}

// TestPaths: where queues are found, and the default one.
func TestPaths(t *testing.T) {
	for path, want := range map[string][3]string{
		"/ipp/print": {"", "", "y"}, "/ipp/print/": {"", "", "y"}, "/": {"", "", "y"}, "/ipp": {"", "", "y"}, "/ipp/print/secure": {"secure", "", "y"},
		"/ipp/print/secure/jobs/17": {"secure", "", "y"}, "/ipp/print/jobs/17": {"", "", "y"}, "/ipp/print/secure/u/abc": {"secure", "abc", "y"},
		"/ipp/print/secure/u/abc/jobs/3": {"secure", "abc", "y"}, "/printers/old": {"old", "", "y"}, "/ipp/printer": {}, "/ipp/print/a/b": {},
		"/ipp/print/a/u/": {}, "/etc/passwd": {}, "/ipp/print/a/u/b/c": {},
	} {
		queue, secret, ok := splitPath(path)
		if is := [3]string{queue, secret, map[bool]string{true: "y"}[ok]}; ok && is != want || !ok && want[2] != "" {
			t.Errorf("%s: %q, want %q", path, is, want)
		}
	}
	d := openDoor(t, false)
	d.path = "/ipp/print"
	m, _ := d.ask(goipp.OpGetPrinterAttributes, "", op(ipp.Keyword("requested-attributes", "printer-name")))
	if len(m.Printer) != 1 || ipp.Text(m.Printer, "printer-name") != "secure" {
		t.Errorf("the default is the first that holds: %+v", m.Printer)
	}
	d.settings.DefaultQueue = "q-direct"
	m, _ = d.ask(goipp.OpGetPrinterAttributes, "", op(ipp.Keyword("requested-attributes", "printer-name")))
	if ipp.Text(m.Printer, "printer-name") != "direct" {
		t.Errorf("%+v", m.Printer)
	}
}

// TestPrinterAttributes: lists that belong together are in step, the long one
// comes only by name, and nothing comes twice.
func TestPrinterAttributes(t *testing.T) {
	d := openDoor(t, true)
	d.devices[0].Capabilities.Formats = []string{"application/pdf"}
	d.devices[0].Capabilities.Sides = []string{"one-sided"}
	d.devices[0].Capabilities.Media = []string{"iso_a4_210x297mm"}
	d.path = "/ipp/print/direct"
	m, got := d.ask(goipp.OpGetPrinterAttributes, "")
	d.want(statusOK, m, got)
	seen := map[string]bool{}
	for _, a := range m.Printer {
		if seen[a.Name] {
			t.Errorf("%s comes twice", a.Name)
		}
		seen[a.Name] = true
	}
	if n := len(ipp.Texts(m.Printer, "printer-uri-supported")); n != 2 || len(ipp.Texts(m.Printer, "uri-security-supported")) != n || len(ipp.Texts(m.Printer, "uri-authentication-supported")) != n {
		t.Error("three lists are not in step")
	}
	if seen["media-col-database"] || !seen["media-col-ready"] || ipp.Contains(m.Printer, "sides-supported", "two-sided-long-edge") || ipp.Contains(m.Printer, "urf-supported", "DM1") {
		t.Error("what the device can do is not what is said")
	}
	if c, _ := ipp.Bool(m.Printer, "color-supported"); c || seen["pages-per-minute-color"] {
		t.Error("a device that has not said so prints in colour")
	}
	if ipp.Text(m.Printer, "printer-uuid") != "urn:uuid:11111111-1111-1111-1111-111111111111" {
		t.Errorf("%q", ipp.Text(m.Printer, "printer-uuid"))
	}
	m, _ = d.ask(goipp.OpGetPrinterAttributes, "", op(ipp.Keyword("requested-attributes", "media-col-database", "job-template")))
	if _, ok := ipp.Find(m.Printer, "media-col-database"); !ok {
		t.Error("media-col-database was asked for by name")
	}
	if _, ok := ipp.Find(m.Printer, "printer-name"); ok {
		t.Error("printer-name was not asked for")
	}
}

// TestReportCompleted: where a queue says so, clients forget a held job at once.
func TestReportCompleted(t *testing.T) {
	d := openDoor(t, false)
	d.path = "/ipp/print/quick"
	m, got := d.ask(goipp.OpPrintJob, pdf)
	d.want(statusOK, m, got)
	if s, _ := ipp.Int(m.Job, "job-state"); s != 9 {
		t.Errorf("%+v", m.Job)
	}
}

// TestJobs: each sees its own, in the order that is wanted.
func TestJobs(t *testing.T) {
	d := openDoor(t, false)
	for range 3 {
		d.want(statusOK, nil, second(d.ask(goipp.OpPrintJob, pdf)))
	}
	d.want(statusOK, nil, second(d.ask(goipp.OpCancelJob, "", op(ipp.Integer("job-id", 2)))))
	ids := func(g ...goipp.Group) (list []int) {
		m, got := d.ask(goipp.OpGetJobs, "", g...)
		d.want(statusOK, m, got)
		for _, x := range m.AttrGroups() {
			if x.Tag == goipp.TagJobGroup {
				id, _ := ipp.Int(x.Attrs, "job-id")
				list = append(list, id)
			}
		}
		return list
	}
	for name, tt := range map[string]struct {
		g    goipp.Group
		want []int
	}{
		"default":     {op(), []int{1, 3}},
		"completed":   {op(ipp.Keyword("which-jobs", "completed")), []int{2}},
		"all":         {op(ipp.Keyword("which-jobs", "all")), []int{3, 2, 1}},
		"limit":       {op(ipp.Integer("limit", 1)), []int{1}},
		"by number":   {op(ipp.Integer("job-ids", 3, 1)), []int{3, 1}},
		"canceled":    {op(ipp.Keyword("which-jobs", "canceled")), []int{2}},
		"from number": {op(ipp.Integer("first-job-id", 2)), []int{3}},
	} {
		if got := ids(tt.g); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	d.want(statusAttributes, nil, second(d.ask(goipp.OpGetJobs, "", op(ipp.Keyword("which-jobs", "lost")))))
	d.want(statusBadRequest, nil, second(d.ask(goipp.OpGetJobs, "", op(ipp.Integer("limit", 0)))))
	d.want(statusNotPossible, nil, second(d.ask(goipp.OpCancelMyJobs, "", op(ipp.Integer("job-ids", 1, 2)))))
	if d.jobs[0].State.Done() {
		t.Error("of several jobs one was canceled although another could not be")
	}
	d.want(statusOK, nil, second(d.ask(goipp.OpCancelMyJobs, "")))
	if got := ids(op()); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

// TestSetJobAttributes: all or nothing, and what is taken away is gone.
func TestSetJobAttributes(t *testing.T) {
	d := openDoor(t, false)
	d.want(statusOK, nil, second(d.ask(goipp.OpPrintJob, pdf, jobGroup(ipp.Integer("copies", 2), ipp.Keyword("sides", "one-sided")))))
	set := func(attrs ...goipp.Attribute) int {
		_, got := d.ask(goipp.OpSetJobAttributes, "", op(ipp.Integer("job-id", 1)), jobGroup(attrs...))
		return got
	}
	if got := set(ipp.Integer("copies", 4), goipp.MakeAttribute("sides", goipp.TagDeleteAttr, goipp.Void{}), ipp.Name("job-name", "New")); got != statusOK {
		t.Errorf("%#x", got)
	}
	if tk := d.last().Ticket; tk.Copies != 4 || tk.Sides != "" || tk.Title != "New" || len(templateOf(&tk)) != 1 {
		t.Errorf("%+v", tk)
	}
	if got := set(ipp.Integer("copies", 5), ipp.Integer("job-id", 9)); got != statusAttributes {
		t.Errorf("%#x", got)
	}
	if tk := d.last().Ticket; tk.Copies != 4 {
		t.Errorf("half of it was done: %+v", tk)
	}
}

// TestSubscriptions: events of a job and of a queue are told to who asked.
func TestSubscriptions(t *testing.T) {
	d := openDoor(t, false)
	sub := goipp.Group{Tag: goipp.TagSubscriptionGroup, Attrs: goipp.Attributes{ipp.Keyword("notify-pull-method", "ippget"), ipp.Keyword("notify-events", "job-created", "job-completed")}}
	m, got := d.ask(goipp.OpCreatePrinterSubscriptions, "", sub)
	d.want(statusOK, m, got)
	id, _ := ipp.Int(m.Subscription, "notify-subscription-id")
	d.want(statusOK, nil, second(d.ask(goipp.OpPrintJob, pdf)))
	d.want(statusOK, nil, second(d.ask(goipp.OpCancelJob, "", op(ipp.Integer("job-id", 1)))))
	m, got = d.ask(goipp.OpGetNotifications, "", op(ipp.Integer("notify-subscription-ids", id)))
	d.want(statusOK, m, got)
	var told []string
	for _, g := range m.AttrGroups() {
		if g.Tag == goipp.TagEventNotificationGroup {
			told = append(told, ipp.Text(g.Attrs, "notify-subscribed-event"))
		}
	}
	if !slices.Equal(told, []string{"job-created", "job-completed"}) {
		t.Errorf("told %q", told)
	}
	m, _ = d.ask(goipp.OpGetNotifications, "", op(ipp.Integer("notify-subscription-ids", id), ipp.Integer("notify-sequence-numbers", 2)))
	if n := len(m.EventNotification); n == 0 || ipp.Text(m.EventNotification, "notify-subscribed-event") != "job-completed" {
		t.Errorf("%+v", m.EventNotification)
	}
	push := goipp.Group{Tag: goipp.TagSubscriptionGroup, Attrs: goipp.Attributes{ipp.URI("notify-recipient-uri", "http://169.254.169.254/")}}
	if m, got := d.ask(goipp.OpCreatePrinterSubscriptions, "", push); got == statusOK {
		t.Errorf("we would call a stranger's address: %+v", m)
	}
	d.want(statusOK, nil, second(d.ask(goipp.OpCancelSubscription, "", op(ipp.Integer("notify-subscription-id", id)))))
	d.want(statusNotFound, nil, second(d.ask(goipp.OpGetSubscriptionAttributes, "", op(ipp.Integer("notify-subscription-id", id)))))
}

// TestManyOpenJobs: a client that announces jobs and sends nothing is refused after
// a while, without a row for each refusal; others are not.
func TestManyOpenJobs(t *testing.T) {
	d := openDoor(t, false)
	d.srv.Limits.OpenPerIP = 3
	for range 3 {
		d.want(statusOK, nil, second(d.ask(goipp.OpCreateJob, "")))
	}
	d.want(statusBusy, nil, second(d.ask(goipp.OpCreateJob, "")))
	if len(d.jobs) != 3 {
		t.Errorf("%d rows", len(d.jobs))
	}
	if !d.srv.open.room(netip.MustParseAddr("10.9.9.9"), &d.srv.Limits) {
		t.Error("another client has no room")
	}
	d.want(statusOK, nil, second(d.ask(goipp.OpSendDocument, pdf, op(ipp.Integer("job-id", 1), ipp.Boolean("last-document", true)))))
	d.want(statusOK, nil, second(d.ask(goipp.OpCreateJob, "")))
}

// TestTheDoorIsReplaced: a job that was announced to one server takes its document
// at the next, and what was subscribed to is still told.
func TestTheDoorIsReplaced(t *testing.T) {
	d := openDoor(t, false)
	d.want(statusOK, nil, second(d.ask(goipp.OpCreateJob, "")))
	m, got := d.ask(goipp.OpCreatePrinterSubscriptions, "", goipp.Group{Tag: goipp.TagSubscriptionGroup,
		Attrs: goipp.Attributes{ipp.Keyword("notify-pull-method", "ippget"), ipp.Keyword("notify-events", "job-state-changed")}})
	d.want(statusOK, m, got)
	id, _ := ipp.Int(m.Subscription, "notify-subscription-id")

	next := newServer(d.fakeHouse)
	next.State = d.srv.State
	d.http.Config.Handler = next.Handler()
	d.want(statusOK, nil, second(d.ask(goipp.OpSendDocument, pdf, op(ipp.Integer("job-id", 1), ipp.Boolean("last-document", true)))))
	if j := d.last(); d.docs[j.UUID] != pdf || j.Has(job.Incoming) {
		t.Errorf("%+v", j)
	}
	m, got = d.ask(goipp.OpGetNotifications, "", op(ipp.Integer("notify-subscription-ids", id)))
	d.want(statusOK, m, got)
	if len(m.EventNotification) == 0 {
		t.Error("nothing was told")
	}
}
