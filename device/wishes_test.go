package device_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/OpenPrinting/goipp"

	"platen/device"
	"platen/internal/testkit/devicetest"
	"platen/ipp"
	"platen/job"
	"platen/site"
)

// By LPR the ticket goes in front of each document, where device and language
// bear it; the octets counted are those of documents.
func TestLPRTellsTheTicket(t *testing.T) {
	pdf, own := []byte("%PDF-1.7 ..."), []byte(uel+"@PJL ENTER LANGUAGE=PCL\r\n\x1bE..."+uel)
	ticket := job.Ticket{Sides: "two-sided-short-edge", Colour: "monochrome", Media: "na_letter_8.5x11in"}
	set := uel + "@PJL SET DUPLEX=ON\r\n@PJL SET BINDING=SHORTEDGE\r\n@PJL SET RENDERMODE=GRAYSCALE\r\n@PJL SET PAPER=LETTER\r\n"
	const laser = "HP LaserJet 4250"
	tests := map[string]struct {
		model  string
		docs   []device.Doc
		ticket job.Ticket
		want   []string
		sides  string
	}{
		"a ticket":            {laser, []device.Doc{devicetest.Doc("pdf", pdf)}, ticket, []string{set + "@PJL ENTER LANGUAGE=PDF\r\n" + string(pdf) + uel}, ticket.Sides},
		"nothing asked for":   {laser, []device.Doc{devicetest.Doc("pdf", pdf)}, job.Ticket{Copies: 1, Colour: "color"}, []string{string(pdf)}, ""},
		"no PJL there":        {"Other", []device.Doc{devicetest.Doc("pdf", pdf)}, ticket, []string{string(pdf)}, ""},
		"PJL of its own":      {laser, []device.Doc{devicetest.Doc("pcl", own)}, ticket, []string{set + string(own) + uel}, ticket.Sides},
		"one that bears none": {laser, []device.Doc{devicetest.Doc("pdf", pdf), devicetest.Doc("unknown", []byte("^XA^XZ"))}, ticket, []string{set + "@PJL ENTER LANGUAGE=PDF\r\n" + string(pdf) + uel, "^XA^XZ"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			sink := devicetest.NewLPR(t, devicetest.Manner{})
			d := named(tt.docs...)
			d.Ticket = tt.ticket
			total := int64(0)
			for _, doc := range tt.docs {
				total += doc.Octets
			}
			var told int64
			d.Progress = func(n int64) { told = n }
			res, err := open(t, site.Device{URI: "lpr://" + sink.Addr + "/raw", Model: tt.model}, quick()).Deliver(t.Context(), d)
			if err != nil || res.Octets != total || told != total || res.Sides != tt.sides {
				t.Fatalf("%+v, %d of %d, %v", res, told, total, err)
			}
			var got []string
			for _, b := range sink.Documents() {
				got = append(got, string(b))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// template is what a client asked for, as the ticket keeps it.
func template(t *testing.T, attrs ...goipp.Attribute) []byte {
	t.Helper()
	m := goipp.NewRequest(goipp.DefaultVersion, goipp.OpPrintJob, 1)
	m.Job = attrs
	b, err := m.EncodeBytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A printer is told what the client asked for and it can do, and nothing else.
func TestIPPTellsTheTicket(t *testing.T) {
	ranges := ipp.Range("page-ranges", 2, 3)
	col := ipp.Collection("media-col", []goipp.Attribute{ipp.Keyword("media-type", "labels")})
	asked := []goipp.Attribute{
		ipp.Integer("copies", 1), ipp.Keyword("print-color-mode", "monochrome"), ipp.Keyword("media", "iso_a4_210x297mm"), col, ipp.Enum("finishings", 4, 99),
		ipp.Enum("print-quality", 5), ipp.Resolution("printer-resolution", 600), ranges, ipp.Keyword("output-bin", "tray-7"),
		ipp.Enum("number-up", 2), ipp.Keyword("job-hold-until", "indefinite"), ipp.Integer("job-priority", 70), ipp.Keyword("x-vendor", "y"),
	}
	can := goipp.Attributes{
		ipp.Keyword("job-creation-attributes-supported", "copies", "sides", "print-color-mode", "media", "media-col", "finishings", "print-quality",
			"printer-resolution", "page-ranges", "output-bin", "job-hold-until", "job-priority"),
		ipp.Keyword("print-color-mode-supported", "auto", "color", "monochrome"), ipp.Keyword("media-supported", "iso_a4_210x297mm"),
		ipp.Keyword("media-col-supported", "media-type", "media-size"), ipp.Enum("finishings-supported", 3, 4), ipp.Enum("print-quality-supported", 3, 4, 5),
		ipp.Resolution("printer-resolution-supported", 300, 600), ipp.Boolean("page-ranges-supported", true), ipp.Keyword("output-bin-supported", "face-down"),
		ipp.Range("number-up-supported", 1, 4), ipp.Keyword("job-hold-until-supported", "no-hold", "indefinite"), ipp.Range("job-priority-supported", 1, 100),
	}
	tests := map[string]struct {
		can    goipp.Attributes
		ticket job.Ticket
		made   bool
		refuse goipp.Status
		lang   string
		want   []string
	}{
		"all that it can": {can: can, ticket: job.Ticket{Template: template(t, asked...)}, want: []string{"print-color-mode", "media", "finishings", "print-quality", "printer-resolution", "page-ranges"}},
		"a raster":        {can: can, lang: "pwg-raster", ticket: job.Ticket{Template: template(t, asked[1:6]...)}, want: []string{"print-color-mode", "media", "finishings", "print-quality"}},
		"made for it":     {can: can, made: true, ticket: job.Ticket{Template: template(t, asked...)}, want: []string{"print-color-mode", "media", "finishings", "print-quality", "printer-resolution"}},
		"media-col alone": {can: can, ticket: job.Ticket{Template: template(t, col)}, want: []string{"media-col"}},
		"a bare ticket":   {can: can, ticket: job.Ticket{Colour: "monochrome", Media: "na_letter_8.5x11in", Finishings: []int{4}, Ranges: [][2]int{{1, 2}}}, want: []string{"print-color-mode", "finishings", "page-ranges"}},
		"it says nothing": {ticket: job.Ticket{Template: template(t, asked...)}},
		"a broken ticket": {can: can, ticket: job.Ticket{Template: []byte("nonsense"), Colour: "color"}, want: []string{"print-color-mode"}},
		"it says no":      {can: can, refuse: goipp.StatusErrorAttributesOrValues, ticket: job.Ticket{Template: template(t, asked...)}},
		"no page-ranges":  {can: append(goipp.Attributes{ipp.Boolean("page-ranges-supported", false)}, can...), ticket: job.Ticket{Template: template(t, ranges)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPrinter(t, devicetest.Manner{}, func(p *printer) {
				p.attrs = append(goipp.Attributes{ipp.MIME("document-format-supported", "application/pdf", "image/pwg-raster")}, tt.can...)
				if tt.refuse != 0 {
					p.statuses[goipp.OpValidateJob] = tt.refuse
				}
			})
			if tt.lang == "" {
				tt.lang = "pdf"
			}
			d := devicetest.Delivery(devicetest.Doc(tt.lang, somePDF))
			d.Ticket, d.Documents[0].Made = tt.ticket, tt.made
			if _, err := open(t, site.Device{URI: p.uri()}, patientIPP()).Deliver(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range p.job(0).tmpl {
				got = append(got, a.Name)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("told %v, want %v", got, tt.want)
			}
			if f := ipp.Ints(p.job(0).tmpl, "finishings"); slices.Contains(tt.want, "finishings") && !slices.Equal(f, []int{4}) {
				t.Errorf("finishings %v", f)
			}
		})
	}
}

// A job that must not be printed in colour is printed without, whatever its client
// asked for, or not at all.
func TestIPPWithoutColour(t *testing.T) {
	can := []goipp.Attribute{ipp.Keyword("job-creation-attributes-supported", "print-color-mode"), ipp.Keyword("print-color-mode-supported", "color", "monochrome")}
	red := job.Ticket{Colour: "monochrome", Template: template(t, ipp.Keyword("print-color-mode", "color"))}
	tests := map[string]struct {
		can    []goipp.Attribute
		lang   string
		made   bool
		refuse bool // by Validate-Job
		ok     bool
	}{
		"told":            {can: can, lang: "pdf", ok: true},
		"not obeyed":      {can: can, lang: "pwg-raster"},
		"it cannot":       {lang: "pdf"},
		"it will not":     {can: can, lang: "pdf", refuse: true},
		"has no colours":  {can: []goipp.Attribute{ipp.Boolean("color-supported", false)}, lang: "pwg-raster", ok: true},
		"made without it": {lang: "pwg-raster", made: true, ok: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPrinter(t, devicetest.Manner{}, func(p *printer) {
				p.attrs = append(goipp.Attributes{ipp.MIME("document-format-supported", "application/pdf", "image/pwg-raster")}, tt.can...)
				if tt.refuse {
					p.statuses[goipp.OpValidateJob] = goipp.StatusErrorAttributesOrValues
				}
			})
			d := devicetest.Delivery(devicetest.Doc(tt.lang, somePDF))
			d.Ticket, d.Options.Mono, d.Documents[0].Made = red, true, tt.made
			res, err := open(t, site.Device{URI: p.uri()}, patientIPP()).Deliver(t.Context(), d)
			if !tt.ok {
				if !device.Refused(err) || res.Evidence != job.NoneAccepted {
					t.Errorf("%+v, %v", res, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := ipp.Texts(p.job(0).tmpl, "print-color-mode"); name == "told" && !slices.Equal(got, []string{"monochrome"}) {
				t.Errorf("told %v", got)
			}
		})
	}
}

// What was made for the printer is told the sides whatever its language, and a
// raster those that its client asked for.
func TestIPPSidesOfWhatWasMade(t *testing.T) {
	can := goipp.Attributes{
		ipp.Range("copies-supported", 1, 9), ipp.Keyword("sides-supported", "one-sided", "two-sided-long-edge"),
		ipp.MIME("document-format-supported", "application/vnd.hp-PCLXL", "image/pwg-raster"),
	}
	const two = "two-sided-long-edge"
	tests := map[string]struct {
		lang    string
		made    bool
		options job.Options
		sides   string
		copies  int
	}{
		"made":                       {"pclxl", true, job.Options{}, two, 3},
		"a driver's":                 {"pclxl", false, job.Options{}, "", 0},
		"a phone's":                  {"pwg-raster", false, job.Options{}, two, 0},
		"a phone's, chosen to other": {"pwg-raster", false, job.Options{Sides: "one-sided"}, "", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPrinter(t, devicetest.Manner{}, func(p *printer) { p.attrs = can })
			d := devicetest.Delivery(devicetest.Doc(tt.lang, bytes.Repeat([]byte("x"), 100)))
			d.Documents[0].Made, d.Documents[0].Copies = tt.made, 3
			d.Options, d.Ticket = tt.options, job.Ticket{Sides: two, Copies: 3}
			res, err := open(t, site.Device{URI: p.uri()}, patientIPP()).Deliver(t.Context(), d)
			if j := p.job(0); err != nil || j.sides != tt.sides || j.copies != tt.copies || res.Sides != tt.sides {
				t.Errorf("%+v, %+v, %v", j, res, err)
			}
		})
	}
}
