package convert

import (
	"bufio"
	"bytes"
	"reflect"
	"testing"

	"platen/job"
	"platen/pdl"
	"platen/site"
)

func newReader(b []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(b)) }

func TestPlan(t *testing.T) {
	all := Tools{GS: "gs", PDFToPS: "pdftops", confined: true}
	dev := func(formats ...string) site.Device {
		return site.Device{URI: "ipp://printer", Capabilities: site.Capabilities{Formats: formats}}
	}
	tests := map[string]struct {
		tools Tools
		from  pdl.Language
		dev   site.Device
		to    pdl.Language
		why   string
	}{
		"nothing known":       {all, pdl.PDF, site.Device{URI: "socket://printer"}, pdl.PDF, ""},
		"a profile":           {all, pdl.PDF, site.Device{URI: "socket://printer", Profile: "office-mono"}, pdl.PDF, ""},
		"reads it":            {all, pdl.PDF, dev("application/PDF", "image/urf"), pdl.PDF, ""},
		"PDF to laser":        {all, pdl.PDF, dev("application/vnd.hp-PCL", "application/vnd.hp-PCLXL"), pdl.PCLXL, ""},
		"PDF to PCL 5":        {all, pdl.PDF, dev("application/PCL"), pdl.PCL, ""},
		"PDF to AirPrint":     {all, pdl.PDF, dev("image/urf", "image/jpeg"), pdl.URF, ""},
		"PDF to Everywhere":   {all, pdl.PDF, dev("image/urf", "image/pwg-raster"), pdl.PWG, ""},
		"PS to PDF":           {all, pdl.PostScript, dev("application/pdf", "image/pwg-raster"), pdl.PDF, ""},
		"JPEG to PDF":         {Tools{confined: true}, pdl.JPEG, dev("application/pdf"), pdl.PDF, ""},
		"URF to PCL XL":       {all, pdl.URF, dev("application/vnd.hp-PCLXL"), pdl.PCLXL, ""},
		"no Ghostscript":      {Tools{confined: true}, pdl.PDF, dev("image/pwg-raster"), "", textNoTool},
		"poppler alone":       {Tools{PDFToPS: "pdftops", confined: true}, pdl.PDF, dev("application/postscript"), pdl.PostScript, ""},
		"not on this system":  {Tools{GS: "gs"}, pdl.PDF, dev("image/pwg-raster"), "", textNoTool},
		"XPS":                 {all, pdl.XPS, dev("application/pdf"), "", textNoWay},
		"XPS where it can":    {all, pdl.XPS, dev("application/oxps; version=1"), pdl.XPS, ""},
		"PCL to a PDF device": {all, pdl.PCL, dev("application/pdf"), "", textNoWay},
		"ESC/P-R only":        {all, pdl.PDF, dev("application/vnd.epson.escpr"), "", textNoWay},
		"text":                {all, pdl.Text, dev("application/pdf"), pdl.Text, ""},
		"unknown":             {all, pdl.Unknown, dev("application/pdf"), pdl.Unknown, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			to, ok, why := tt.tools.Plan(string(tt.from), tt.dev)
			if to != string(tt.to) || ok != (tt.why == "") || why != tt.why {
				t.Errorf("%q, %t, %q", to, ok, why)
			}
		})
	}
}

func TestFor(t *testing.T) {
	mono := site.Device{Profile: "simple-mono"}
	w, h, _ := mediaSize("iso_a4_210x297mm")
	a4 := [2]float64{w, h}
	margin := float64(site.Profiles[site.DefaultProfile].Margin) * 72 / 2540
	tests := map[string]struct {
		ticket job.Ticket
		chosen job.Options
		dev    site.Device
		want   Options
	}{
		"nothing":    {want: Options{DPI: 300, Page: a4, Margin: margin}},
		"mono":       {dev: mono, want: Options{Mono: true, DPI: 300, Page: a4, Margin: margin}},
		"asked gray": {ticket: job.Ticket{Colour: "monochrome"}, want: Options{Mono: true, DPI: 300, Page: a4, Margin: margin}},
		"asked all": {
			ticket: job.Ticket{Sides: "one-sided", Media: "na_letter_8.5x11in", Ranges: [][2]int{{2, 3}}}, chosen: job.Options{Sides: "two-sided-long-edge"},
			want: Options{Sides: "two-sided-long-edge", Ranges: [][2]int{{2, 3}}, DPI: 300, Width: 612, Height: 792, Page: [2]float64{612, 792}, Margin: margin},
		},
		"odd media": {ticket: job.Ticket{Media: "custom_min_0x0in"}, want: Options{DPI: 300, Page: a4, Margin: margin}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := For(tt.ticket, tt.chosen, tt.dev); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// Whatever a raster says, it is read within bounds.
func FuzzRaster(f *testing.F) {
	head := make([]byte, 4+pwgHeader)
	copy(head, "RaS2")
	for at, v := range map[int]byte{276 + 3: 100, 280 + 3: 100, 372 + 3: 8, 376 + 3: 2, 384 + 3: 8, 388 + 3: 8, 392 + 3: 8, 400 + 3: 18} {
		head[4+at] = v
	}
	f.Add(append(head, 1, 7, 0x80))
	urf := append([]byte("UNIRAST\x00\x00\x00\x00\x01"), make([]byte, 32)...)
	urf[12], urf[13], urf[12+15], urf[12+19], urf[12+23] = 24, 1, 4, 2, 100
	f.Add(append(urf, 0, 128, 0, 255, 1, 2, 3, 4, 5, 6, 128))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, l := range []pdl.Language{pdl.PWG, pdl.URF} {
			var out bytes.Buffer
			if err := rasterPDF(newReader(b), &limitedBuffer{&out, 8 << 20}, l); err == nil && !bytes.HasSuffix(out.Bytes(), []byte("%%EOF\n")) {
				t.Error("half a PDF")
			}
		}
		_ = wrapJPEG(&limitedBuffer{&bytes.Buffer{}, 8 << 20}, bytes.NewReader(b), int64(len(b)), &Options{Page: [2]float64{595, 842}})
	})
}

type limitedBuffer struct {
	b    *bytes.Buffer
	room int
}

func (l *limitedBuffer) Write(p []byte) (int, error) {
	if l.room -= len(p); l.room < 0 {
		return 0, errRaster
	}
	return l.b.Write(p)
}
