package dnssd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Feature says whether a queue can do something. The zero value is that nobody
// knows, and then nothing is said about it.
type Feature int8

// What is known of a feature.
const (
	Unknown Feature = iota
	Absent
	Present
)

// Has is the Feature of something that is known.
func Has(b bool) Feature {
	if b {
		return Present
	}
	return Absent
}

// Service is one queue as it is advertised.
type Service struct {
	Instance     string // what people read in the list of printers
	Queue        string // the queue's name, and its key when it has no UUID
	ResourcePath string // rp: "ipp/print/secure", without a leading slash
	UUID         string // printer-uuid, with or without "urn:uuid:"
	Make         string // ty: printer-make-and-model
	Product      string // product, without its parentheses; Make when empty
	Note         string // printer-location
	AdminURL     string // printer-more-info
	Priority     int    // 0 is the best
	QTotal       int    // how many queues share Instance; 1 when 0

	PDL                               []string // document-format-supported, the best first
	URF                               string   // urf-supported, joined by commas; AirPrint is nothing without it
	Colour, Duplex                    bool
	Copies, Collate                   Feature
	Bind, Punch, Sort, Staple, Covers Feature // finishings-supported
	PaperMax                          string  // "<legal-A4", "legal-A4", "tabloid-A3", "isoC-A2" or ">isoC-A2"

	Port       int    // of ipp; 0 when there is none
	TLSPort    int    // of ipps; 0 when there is none
	TLSVersion string // TLS: the highest offered, "1.3"
	LPDPort    int    // of LPD; with 0, _printer._tcp only guards the name
	WebPort    int    // of plain HTTP pages; 0 leaves _http._tcp out

	Air    string // "username,password" or "certificate" where the queue wants a sign-in; "none" or empty
	Mopria string // mopria-certified, "1.3", which some Android services look for; empty leaves it out
	State  int    // printer-state 3, 4 or 5; 0 leaves it out
}

// maxString is the length of a string in a TXT record, its length octet aside.
const maxString = 255

// TXT returns the strings of the queue's TXT record in the order of Apple's
// Bonjour Printing Specification 1.2. A value that people read is cut to fit; a
// list is cut between its members; what would be wrong when cut is left out.
func (s Service) TXT() []string {
	t := txt{"txtvers=1"}
	t.add("qtotal", strconv.Itoa(max(s.QTotal, 1)), cutNever)
	t.add("rp", strings.TrimPrefix(s.ResourcePath, "/"), cutNever)
	t.add("ty", s.Make, cutText)
	t.add("adminurl", s.AdminURL, cutNever)
	t.add("note", s.Note, cutText)
	t.add("priority", strconv.Itoa(min(max(s.Priority, 0), 99)), cutNever)
	if p := s.product(); p != "" {
		// The parentheses are PostScript's; they are part of the value.
		t = append(t, "product=("+cut(p, maxString-len("product=()"))+")")
	}
	t.add("pdl", strings.Join(s.formats(), ","), cutList)
	t.add("URF", s.URF, cutNever)
	t.add("UUID", s.uuid(), cutNever)
	t.flag("Color", Has(s.Colour))
	t.flag("Duplex", Has(s.Duplex))
	t.flag("Copies", s.Copies)
	t.flag("Collate", s.Collate)
	t.flag("Bind", s.Bind)
	t.flag("Covers", s.Covers)
	t.flag("Punch", s.Punch)
	t.flag("Sort", s.Sort)
	t.flag("Staple", s.Staple)
	t.add("PaperMax", s.PaperMax, cutNever)
	t.add("kind", "document", cutNever)
	if s.TLSPort > 0 {
		t.add("TLS", s.TLSVersion, cutNever)
	}
	t.add("air", s.Air, cutNever)
	t.add("mopria-certified", s.Mopria, cutNever)
	if s.State > 0 {
		t.add("printer-state", strconv.Itoa(s.State), cutNever)
	}
	return t
}

type txt []string

type cutting int

const (
	cutNever cutting = iota // a cut value would be a wrong one
	cutText                 // at a character
	cutList                 // at a comma
)

// add appends key and value unless there is nothing to say.
func (t *txt) add(key, value string, how cutting) {
	if value == "" {
		return
	}
	room := maxString - len(key) - 1
	if len(value) > room {
		switch how {
		case cutNever:
			return
		case cutText:
			value = cut(value, room)
		case cutList:
			// One octet more, so that a list that ends exactly there keeps its end.
			value = value[:strings.LastIndexByte(","+value[:room+1], ',')]
			value = strings.TrimSuffix(value, ",")
		}
	}
	*t = append(*t, key+"="+value)
}

func (t *txt) flag(key string, f Feature) {
	switch f {
	case Present:
		*t = append(*t, key+"=T")
	case Absent:
		*t = append(*t, key+"=F")
	}
}

func (s Service) product() string {
	if s.Product != "" {
		return s.Product
	}
	return s.Make
}

func (s Service) uuid() string { return strings.TrimPrefix(s.UUID, "urn:uuid:") }

// needed are the formats that clients look for before they list a queue: IPP
// Everywhere, AirPrint and Mopria.
var needed = []string{"application/pdf", "image/urf", "image/pwg-raster", "image/jpeg", "application/PCLm"}

// formats returns PDL; when not all of them fit, the needed ones come first.
// application/octet-stream tells a client nothing.
func (s Service) formats() []string {
	list := slices.DeleteFunc(slices.Clone(s.PDL), func(f string) bool {
		return f == "" || f == "application/octet-stream" || strings.ContainsAny(f, ", ")
	})
	if len(strings.Join(list, ",")) > maxString-len("pdl=") {
		slices.SortStableFunc(list, func(a, b string) int {
			na, nb := slices.Contains(needed, a), slices.Contains(needed, b)
			switch {
			case na == nb:
				return 0
			case na:
				return -1
			}
			return 1
		})
	}
	return list
}

// key tells one advertised queue from another, whatever it is called.
func (s Service) key() string {
	if u := s.uuid(); u != "" {
		return u
	}
	return s.Queue
}

// check says why s cannot be advertised at all.
func (s Service) check() error {
	switch {
	case tidy(s.Instance) == "":
		return errors.New("no instance name")
	case s.key() == "":
		return errors.New("neither a UUID nor a queue name")
	case s.ResourcePath == "" || len(s.ResourcePath) > maxString-len("rp="):
		return fmt.Errorf("resource path of %d octets", len(s.ResourcePath))
	}
	for _, p := range []int{s.Port, s.TLSPort, s.LPDPort, s.WebPort} {
		if p < 0 || p > 65535 {
			return fmt.Errorf("port %d", p)
		}
	}
	return nil
}

// offer is one type under which a queue is found.
type offer struct {
	typ  string
	subs []string
	port int
	txt  []string
}

// Clients find a queue by these subtypes and show nothing else: AirPrint asks
// for _universal, IPP Everywhere for _print.
var subtypes = []string{"_print", "_universal"}

// offers returns the types of s. _printer._tcp is always the first: it guards
// the name for all print services of a host (the flagship, RFC 6763 section 8).
func (s Service) offers() []offer {
	t := s.TXT()
	flagship := offer{typ: "_printer._tcp", port: s.LPDPort, txt: []string{""}}
	if s.LPDPort > 0 {
		lpd := s
		lpd.ResourcePath = s.Queue
		flagship.txt = lpd.TXT()
	}
	list := []offer{flagship}
	if s.Port > 0 {
		list = append(list, offer{"_ipp._tcp", subtypes, s.Port, t})
	}
	if s.TLSPort > 0 {
		list = append(list, offer{"_ipps._tcp", subtypes, s.TLSPort, t})
	}
	if s.WebPort > 0 {
		list = append(list, offer{"_http._tcp", []string{"_printer"}, s.WebPort, []string{""}})
	}
	return list
}

// cut shortens s to at most n octets without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// tidy makes an instance name of what an administrator called a queue: valid
// UTF-8 without control characters (RFC 6763, section 4.1.1) and without space
// around it.
func tidy(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	return strings.TrimSpace(name)
}
