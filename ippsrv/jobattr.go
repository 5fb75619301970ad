package ippsrv

import (
	"bytes"
	"slices"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/ipp"
	"platen/job"
	"platen/site"
)

// The group of a job's own attributes.
const jobDescription = "job-description"

// jobAttributes returns what is wanted of a job (RFC 8011, section 5.3).
func (q *request) jobAttributes(j *job.Job, w wanted) goipp.Attributes {
	s := q.s
	state, reasons, message := s.shown(j, q.queue)
	b := builder{wanted: w, group: jobDescription}
	originating := j.Ticket.Claimed
	if j.OwnerName != "" && j.Origin.User != "" {
		originating = j.OwnerName
	}
	if originating == "" {
		originating = "anonymous"
	}
	title := j.Ticket.Title
	if title == "" {
		title = "Untitled"
	}
	pages, impressions, sheets := counts(j)
	completed, sheetsCompleted := 0, 0
	if state == int(job.Completed) {
		completed, sheetsCompleted = max(0, impressions), sheets
	}
	for _, x := range []struct {
		name string
		make func(name string) goipp.Attribute
	}{
		{"job-id", func(n string) goipp.Attribute { return ipp.Integer(n, int(j.ID)) }},
		{"job-uri", func(n string) goipp.Attribute { return ipp.URI(n, q.jobURI(j.ID)) }},
		{"job-uuid", func(n string) goipp.Attribute { return ipp.URI(n, "urn:uuid:"+j.UUID) }},
		{"job-printer-uri", func(n string) goipp.Attribute { return ipp.URI(n, q.printerURI()) }},
		{"job-name", func(n string) goipp.Attribute { return ipp.Name(n, title) }},
		{"job-originating-user-name", func(n string) goipp.Attribute { return ipp.Name(n, originating) }},
		{"job-state", func(n string) goipp.Attribute { return ipp.Enum(n, state) }},
		{"job-state-reasons", func(n string) goipp.Attribute { return ipp.Keyword(n, reasons...) }},
		{"job-state-message", func(n string) goipp.Attribute { return ipp.TextWithout(n, message) }},
		{"job-printer-up-time", func(n string) goipp.Attribute { return ipp.Integer(n, s.uptime(s.Now())) }},
		{"time-at-creation", func(n string) goipp.Attribute { return s.at(n, j.Created) }},
		{"time-at-processing", func(n string) goipp.Attribute { return s.at(n, j.Released) }},
		{"time-at-completed", func(n string) goipp.Attribute { return s.at(n, j.Completed) }},
		{"date-time-at-creation", func(n string) goipp.Attribute { return ipp.DateTime(n, j.Created) }},
		{"date-time-at-processing", func(n string) goipp.Attribute { return ipp.DateTime(n, j.Released) }},
		{"date-time-at-completed", func(n string) goipp.Attribute { return ipp.DateTime(n, j.Completed) }},
		{"job-k-octets", func(n string) goipp.Attribute { return ipp.Integer(n, int((j.Octets+1023)/1024)) }},
		{"number-of-documents", func(n string) goipp.Attribute { return ipp.Integer(n, len(j.Documents)) }},
		{"job-impressions", func(n string) goipp.Attribute { return known(n, impressions) }},
		{"job-impressions-completed", func(n string) goipp.Attribute { return ipp.Integer(n, completed) }},
		{"job-media-sheets", func(n string) goipp.Attribute { return known(n, sheets) }},
		{"job-media-sheets-completed", func(n string) goipp.Attribute { return known(n, sheetsCompleted) }},
		{"job-pages", func(n string) goipp.Attribute { return known(n, pages) }},
		{"attributes-charset", func(n string) goipp.Attribute { return ipp.Charset(n, "utf-8") }},
		{"attributes-natural-language", func(n string) goipp.Attribute { return ipp.Language(n, "en") }},
		{"job-originating-host-name", func(n string) goipp.Attribute { return ipp.TextWithout(n, j.Ticket.Host) }},
	} {
		if w.has(b.group, x.name) { // a list of many jobs asks for few of each
			b.list = append(b.list, x.make(x.name))
		}
	}
	if len(j.Documents) > 0 {
		b.add(ipp.MIME("document-format", mimeOf(j.Documents[0].Language)), ipp.Name("document-name", j.Documents[0].Name))
	}
	if j.Ticket.PIN != nil {
		b.add(ipp.Keyword("job-release-action", "job-password"))
	}
	if !w.all && !w.groups[template] && len(w.names) == len(b.list) { // all that was asked for is there
		return b.list
	}
	b.group = template
	for _, a := range templateOf(&j.Ticket) {
		if a.Name == "job-release-action" && j.Ticket.PIN != nil {
			continue
		}
		b.add(a)
	}
	return b.list
}

// ofDocuments are the attributes that need a job's documents.
var ofDocuments = []string{
	"number-of-documents", "job-impressions", "job-impressions-completed", "job-media-sheets", "job-media-sheets-completed", "job-pages",
	"document-format", "document-name",
}

// needsDocuments reports whether one of them is wanted.
func (w wanted) needsDocuments() bool {
	return slices.ContainsFunc(ofDocuments, func(name string) bool { return w.has(jobDescription, name) })
}

// templateOf returns the Job Template attributes of a ticket, as they came or as
// they were changed since.
func templateOf(t *job.Ticket) goipp.Attributes {
	if len(t.Template) > 0 {
		if m, err := ipp.Read(bytes.NewReader(t.Template), ipp.RequestLimits()); err == nil {
			return m.Job
		}
	}
	return nil
}

// at is a time in printer-up-time's seconds; one before the node began is
// negative (RFC 8011, section 5.3.14).
func (s *Server) at(name string, t time.Time) goipp.Attribute {
	if t.IsZero() {
		return ipp.NoValue(name)
	}
	if n := int(t.Sub(s.start)/time.Second) + 1; n > 0 {
		return ipp.Integer(name, n)
	}
	return ipp.Integer(name, int(t.Sub(s.start)/time.Second)-1)
}

func known(name string, n int) goipp.Attribute {
	if n < 0 {
		return ipp.NoValue(name) // clients expect an integer or this; "unknown" is not what they read
	}
	return ipp.Integer(name, n)
}

// counts are what is known of a job's pages, job.Unknown where nobody knows:
// pages of the documents, sides to be marked, and sheets, with copies.
func counts(j *job.Job) (pages, impressions, sheets int) {
	if len(j.Documents) == 0 {
		return job.Unknown, job.Unknown, job.Unknown
	}
	for i := range j.Documents {
		d := &j.Documents[i]
		if d.Count.Pages == job.Unknown || d.Count.Method == "" {
			return job.Unknown, job.Unknown, job.Unknown
		}
		sides := d.Count.Sides
		if j.Ticket.Sides != "" {
			sides = j.Ticket.Sides
		}
		each := d.Count.Pages
		paper := each
		if sides == "two-sided-long-edge" || sides == "two-sided-short-edge" {
			paper = (each + 1) / 2
		}
		pages, impressions, sheets = pages+each, impressions+each*max(1, d.Copies), sheets+paper*max(1, d.Copies)
	}
	return pages, impressions, sheets
}

// shown is a job's state as clients see it. Where a queue says so, a held job is
// completed for them, so that they forget it.
func (s *Server) shown(j *job.Job, q site.Queue) (state int, reasons []string, message string) {
	for _, r := range j.Reasons {
		reasons = append(reasons, string(r))
	}
	if q.ID == j.Queue && q.IPP.ReportCompleted && j.State == job.Held && !j.Has(job.Incoming) {
		return int(job.Completed), []string{"job-completed-successfully"}, j.Message
	}
	if len(reasons) == 0 {
		reasons = []string{"none"}
	}
	if j.State == job.Processing && slices.Contains(reasons, string(job.Outgoing)) {
		reasons = append(reasons, "job-printing")
	}
	return int(j.State), reasons, j.Message
}

// mimes are what pdl calls a language, in the words of the registry.
var mimes = map[string]string{
	"pdf": "application/pdf", "postscript": "application/postscript", "pcl": "application/vnd.hp-pcl", "pclxl": "application/vnd.hp-pclxl",
	"pwg-raster": "image/pwg-raster", "urf": "image/urf", "jpeg": "image/jpeg", "text": "text/plain", "xps": "application/oxps",
}

func mimeOf(language string) string {
	if m, ok := mimes[language]; ok {
		return m
	}
	return defaultFormat
}
