package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"

	"platen/convert"
	"platen/device"
	"platen/dispatch"
	"platen/job"
	"platen/site"
)

// convertName is how the node calls itself to convert a document.
const convertName = "convert-document"

func convertDocument() *command {
	return &command{
		name: convertName, hidden: true, summary: "convert the document in this folder, within limits", most: -1,
		examples: []string{convertName},
		local: func(_ context.Context, e *env, c *call) error {
			if code := convert.Main(c.args, e.err); code != 0 {
				return errSaid
			}
			return nil
		},
	}
}

func (p *place) converting() string { return filepath.Join(p.cfg.Data, "converting") }

// freeToConvert is what conversions leave of the disk, beside what the spool
// leaves: they stop first.
const freeToConvert = 1 << 30

// newConverter converts in children of this program.
func newConverter(n *node) *converter {
	program, err := os.Executable()
	if err != nil {
		n.log.Warn("documents are not converted: this program does not know where it is", "error", err)
	}
	tools := convert.Find()
	if tools.GS == "" {
		n.log.Info("documents that a device does not read are not converted: there is no Ghostscript")
	}
	return &converter{&convert.Converter{
		Tools: tools, Dir: n.place.converting(), Command: []string{program, convertName}, Log: n.log.Logger,
		Free: n.place.free, Reserve: freeToConvert,
	}}
}

// converter introduces convert and dispatch to each other.
type converter struct{ *convert.Converter }

// Plan implements dispatch.Converter.
func (c *converter) Plan(j *job.Job, d job.Document, dev site.Device) dispatch.Conversion {
	to, ok, why := c.Tools.Plan(d.Language, dev)
	if !ok {
		return dispatch.Conversion{Why: why}
	}
	ranged := len(j.Ticket.Ranges) > 0 && c.Ranged(d.Language, dev)
	grey := j.Options.Mono && c.Greys(d.Language) && !device.Greys(d.Language, d.Count.Colour, dev)
	if to == d.Language && !ranged && !grey {
		return dispatch.Conversion{}
	}
	return dispatch.Conversion{Language: to, From: convert.Name(d.Language), To: convert.Name(to)}
}

// Convert implements dispatch.Converter.
func (c *converter) Convert(ctx context.Context, j *job.Job, d job.Document, dev site.Device, open func() (io.ReadCloser, error)) (dispatch.Converted, error) {
	to, _, _ := c.Tools.Plan(d.Language, dev)
	f, err := c.Run(ctx, convert.Document{
		From: d.Language, To: to, Octets: d.Octets, Open: open, Options: convert.For(j.Ticket, j.Options, dev),
	})
	if err != nil {
		return dispatch.Converted{}, err
	}
	return dispatch.Converted{Octets: f.Octets, Doubt: f.Doubt, Open: f.Open, Close: f.Close}, nil
}

// greys says whether a job comes out of a device without colour, for the desk.
func greys() func(j job.Job, d site.Device) bool {
	tools := convert.Find()
	return func(j job.Job, d site.Device) bool {
		return !slices.ContainsFunc(j.Documents, func(doc job.Document) bool { return !greysDocument(tools, &doc, d) })
	}
}

func greysDocument(tools convert.Tools, doc *job.Document, d site.Device) bool {
	to, ok, _ := tools.Plan(doc.Language, d)
	switch {
	case !ok: // it does not come out at all, and that is said
		return true
	case to != doc.Language:
		return tools.GS != "" || device.Greys(to, "", d)
	}
	return device.Greys(doc.Language, doc.Count.Colour, d) || tools.Greys(doc.Language)
}

// prints says why a device cannot print a job, for the desk.
func prints() func(j job.Job, d site.Device) string {
	tools := convert.Find()
	return func(j job.Job, d site.Device) string {
		for i := range j.Documents {
			if _, ok, why := tools.Plan(j.Documents[i].Language, d); !ok {
				return why
			}
		}
		return ""
	}
}
