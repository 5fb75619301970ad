package device

import (
	"bytes"
	"slices"
	"strings"

	"github.com/OpenPrinting/goipp"

	"platen/ipp"
)

// Attributes of a ticket that are not passed on as they came: this node has seen
// to them, or they are about its own queue.
var ours = []string{
	"copies", "sides", "multiple-document-handling", "job-hold-until", "job-priority", "job-sheets", "job-account-id",
	"job-accounting-user-id", "job-release-action", "overrides",
}

// inDocument are those that a document which was made for the device has
// answered already.
var inDocument = []string{"page-ranges", "print-scaling", "orientation-requested"}

// asked are the Job Template attributes with which the client sent the job, but
// for those that are ours. A ticket that did not come by IPP has none of them
// encoded, and the few that it knows are made of it.
func (j *ippRun) asked() goipp.Attributes {
	t := &j.r.Ticket
	var all goipp.Attributes
	if m, err := ipp.Read(bytes.NewReader(t.Template), ipp.RequestLimits()); len(t.Template) > 0 && err == nil {
		all = m.Job
	} else {
		all = simple(j)
	}
	if j.r.Options.Mono { // whatever the client asked for
		all = slices.DeleteFunc(slices.Clone(all), func(a goipp.Attribute) bool { return a.Name == "print-color-mode" || a.Name == "output-mode" })
		all.Add(ipp.Keyword("print-color-mode", "monochrome"))
	}
	made := slices.ContainsFunc(j.docs, func(d *Doc) bool { return d.Made })
	return slices.DeleteFunc(slices.Clone(all), func(a goipp.Attribute) bool {
		return slices.Contains(ours, a.Name) || made && slices.Contains(inDocument, a.Name)
	})
}

func simple(j *ippRun) (all goipp.Attributes) {
	t := &j.r.Ticket
	if t.Colour != "" {
		all.Add(ipp.Keyword("print-color-mode", t.Colour))
	}
	if t.Media != "" {
		all.Add(ipp.Keyword("media", t.Media))
	}
	if len(t.Finishings) > 0 {
		all.Add(ipp.Enum("finishings", t.Finishings...))
	}
	if len(t.Ranges) > 0 {
		ranges := goipp.Attribute{Name: "page-ranges"}
		for _, r := range t.Ranges {
			ranges.Values.Add(goipp.TagRange, goipp.Range{Lower: r[0], Upper: r[1]})
		}
		all.Add(ranges)
	}
	return all
}

// wanted are the names of the attributes that say whether a printer can do what
// is asked.
func wanted(asked goipp.Attributes) []string {
	if len(asked) == 0 {
		return nil
	}
	names := []string{"job-creation-attributes-supported"}
	for _, a := range asked {
		names = append(names, a.Name+"-supported")
	}
	return names
}

// able keeps what the printer says it can do: it has the attribute, and the
// values of it. What it cannot it is not told, so that it does not refuse a job
// that its owner is waiting for.
func able(asked, printer goipp.Attributes) (told []goipp.Attribute) {
	takes := ipp.Texts(printer, "job-creation-attributes-supported")
	media := false
	for _, a := range asked {
		can, said := ipp.Find(printer, a.Name+"-supported")
		if !said || len(takes) > 0 && !slices.Contains(takes, a.Name) {
			continue
		}
		if a = fitting(a, can); len(a.Values) > 0 {
			media = media || a.Name == "media"
			told = append(told, a)
		}
	}
	return slices.DeleteFunc(told, func(a goipp.Attribute) bool { return media && a.Name == "media-col" }) // never both: PWG 5100.7, section 6.8.12
}

// fitting keeps the values that are among, or within, those supported. Of what
// is one thing, all or nothing.
func fitting(a, can goipp.Attribute) goipp.Attribute {
	kept := goipp.Attribute{Name: a.Name}
	for _, v := range a.Values {
		if slices.ContainsFunc(can.Values, func(c struct {
			T goipp.Tag
			V goipp.Value
		}) bool {
			return supports(c.V, v.V)
		}) {
			kept.Values.Add(v.T, v.V)
		}
	}
	if a.Name == "page-ranges" && len(kept.Values) < len(a.Values) {
		kept.Values = nil
	}
	return kept
}

// supports reports whether a printer that supports the one can do the other.
func supports(can, v goipp.Value) bool {
	switch v := v.(type) {
	case goipp.Integer:
		switch can := can.(type) {
		case goipp.Integer:
			return can == v
		case goipp.Range:
			return can.Lower <= int(v) && int(v) <= can.Upper
		}
	case goipp.String:
		can, ok := can.(goipp.String)
		return ok && can == v
	case goipp.TextWithLang:
		can, ok := can.(goipp.String)
		return ok && string(can) == v.Text
	case goipp.Boolean:
		can, ok := can.(goipp.Boolean)
		return ok && (can == v || bool(can))
	case goipp.Range: // of pages, which a printer can choose or cannot
		can, ok := can.(goipp.Boolean)
		return ok && bool(can)
	case goipp.Resolution:
		can, ok := can.(goipp.Resolution)
		return ok && can == v
	case goipp.Collection: // it lists the members that it knows; others it ignores
		can, ok := can.(goipp.String)
		return ok && slices.ContainsFunc(v, func(m goipp.Attribute) bool { return strings.EqualFold(m.Name, string(can)) })
	}
	return false
}

// tellsSides reports whether a printer is told on how many sides a document
// goes. Rasters say so themselves too, and a client that sent one asked for the
// same.
func (j *ippRun) tellsSides(d *Doc) bool {
	raster := slices.Contains([]string{"pwg-raster", "pwg", "urf"}, d.Language)
	return obeys(d.Language) || d.Made || raster && j.r.Options.Sides == ""
}
