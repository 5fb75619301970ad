package device

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"platen/job"
)

// uel is the Universal Exit Language command: what follows is PJL, whatever
// came before.
const uel = "\x1b%-12345X"

// personalities are the languages that PJL brackets are put around, as ENTER
// LANGUAGE calls them.
var personalities = map[string]string{"pdf": "PDF", "postscript": "POSTSCRIPT", "pcl": "PCL", "pclxl": "PCLXL"}

// brackets reports whether a document of this language goes to the device
// inside PJL. A device that is not known to speak PJL would print the brackets,
// and a language nobody here knows goes out octet for octet.
func (t traits) brackets(language string) bool {
	return t.PJL && !t.NoPJL && personalities[language] != ""
}

// Longest texts of a client in PJL: NAME takes 80 characters (PJL Technical
// Reference, chapter 5), other strings more.
const maxPJLText = 79

// harmless keeps letters and digits of ASCII and a few signs; accents go, and
// every other character becomes an underscore. It is all that a client's text
// may consist of when it reaches a device: no quote, no escape, no line end.
func harmless(s string, most int) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		switch {
		case b.Len() >= most:
			return b.String()
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" .,-_@+()", r)):
			b.WriteRune(r)
		case !unicode.Is(unicode.Mn, r):
			b.WriteByte('_')
		}
	}
	return b.String()
}

// pjlHead opens the job at the device: reports asked for, the job named by
// nothing but its UUID, then what was asked for. SET stands after JOB, which
// resets (PJL Technical Reference, chapter 5).
func pjlHead(r *run, t traits) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, "@PJL "+format+"\r\n", args...) }
	b.WriteString(uel)
	line("USTATUSOFF")
	for _, report := range []string{"DEVICE=ON", "JOB=ON", "PAGE=ON", "TIMED=30"} {
		line("USTATUS %s", report)
	}
	line(`ECHO %s`, harmless(r.UUID, maxPJLText))
	line(`JOB NAME="%s"`, harmless(r.UUID, maxPJLText))
	if user := harmless(r.User, maxPJLText); user != "" {
		line(`SET USERNAME="%s"`, user)
	}
	if title := harmless(r.Title, maxPJLText); title != "" {
		line(`SET JOBNAME="%s"`, title)
	}
	if t.Quantity && r.Options.Copies > 0 {
		line("SET QTY=%d", r.Options.Copies)
	}
	for _, v := range pjlWishes(&r.Delivery) {
		line("SET %s", v)
	}
	return b.Bytes()
}

// pjlAround is what stands before and behind a document where nothing can be
// reported: on the way by LPR. Where nothing was asked for, nothing does, and the
// document goes octet for octet.
func pjlAround(d *Delivery, language string, start []byte) (before, behind []byte) {
	wishes := pjlWishes(d)
	if len(wishes) == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	b.WriteString(uel)
	for _, v := range wishes {
		fmt.Fprintf(&b, "@PJL SET %s\r\n", v)
	}
	b.Write(pjlEnter(language, start))
	return b.Bytes(), []byte(uel)
}

// pjlEnter begins a document. One that brings its own PJL says itself what it
// is.
func pjlEnter(language string, start []byte) []byte {
	if bytes.HasPrefix(start, []byte(uel)) {
		return nil
	}
	return []byte("@PJL ENTER LANGUAGE=" + personalities[language] + "\r\n")
}

// pjlNext ends a document and returns to PJL, for the next one.
func pjlNext() []byte { return []byte(uel) }

// pjlTail ends the job at the device.
func pjlTail(r *run) []byte {
	return fmt.Appendf(nil, "%[1]s@PJL EOJ NAME=\"%[2]s\"\r\n%[1]s", uel, harmless(r.UUID, maxPJLText))
}

// A report is one unsolicited status of a device. Only numbers and keywords
// that we know come out of it.
type report struct {
	kind  string // "start", "end", "canceled" of a job; "page"; "device"; "timed"; "other" for any other answer
	name  string // of the job
	pages int    // "end": sides delivered to the output; "page": its number; else job.Unknown
	code  int    // "device" and "timed": the status code, 0 none
}

// Limits on what a device may say: no status of a real one is near them.
const (
	maxReport  = 2 << 10
	maxReports = 8 << 20 // octets in one delivery; after that nobody listens any more
	maxPages   = 1_000_000
)

// reports takes a device's answers apart, in pieces of any size. The zero value
// is ready.
type reports struct {
	buf   []byte
	skip  bool // the report is too long: drop it up to its end
	heard int64
}

// feed returns the reports that end in p.
func (rs *reports) feed(p []byte) []report {
	var found []report
	rs.heard += int64(len(p))
	if rs.heard > maxReports {
		rs.buf = nil
		return nil
	}
	for {
		part, rest, whole := bytes.Cut(p, []byte{'\f'})
		if !rs.skip && len(rs.buf)+len(part) <= maxReport {
			rs.buf = append(rs.buf, part...)
		} else {
			rs.skip, rs.buf = true, rs.buf[:0]
		}
		if !whole {
			return found
		}
		if r, ok := parseReport(rs.buf); ok && !rs.skip {
			found = append(found, r)
		}
		rs.skip, rs.buf, p = false, rs.buf[:0], rest
	}
}

// deaf reports whether the device has said so much that nobody listens.
func (rs *reports) deaf() bool { return rs.heard > maxReports }

// parseReport reads what stands before one form feed. A device may have sent
// other things before, an interpreter's messages for example.
func parseReport(b []byte) (report, bool) {
	r := report{pages: job.Unknown}
	lines := strings.FieldsFunc(string(b), func(c rune) bool { return c == '\r' || c == '\n' })
	at := -1
	for i, l := range lines {
		if strings.HasPrefix(l, "@PJL ") {
			at = i
		}
	}
	if at < 0 {
		return r, false
	}
	words := strings.Fields(lines[at])
	lines = lines[at+1:]
	switch {
	case len(words) < 3 || words[1] != "USTATUS":
		r.kind = "other"
	case words[2] == "JOB":
		return parseJobReport(lines)
	case words[2] == "PAGE":
		r.kind = "page"
		if len(lines) > 0 {
			r.pages = pageNumber(strings.TrimSpace(lines[0]))
		}
	case words[2] == "DEVICE", words[2] == "TIMED":
		r.kind = strings.ToLower(words[2])
		r.code = statusCode(lines)
	default:
		r.kind = "other"
	}
	return r, true
}

func parseJobReport(lines []string) (report, bool) {
	r := report{pages: job.Unknown}
	for _, l := range lines {
		key, value, assigned := strings.Cut(strings.TrimSpace(l), "=")
		switch {
		case !assigned && slices.Contains([]string{"START", "END", "CANCELED"}, key):
			r.kind = strings.ToLower(key)
		case key == "NAME":
			r.name = strings.Trim(value, `"`)
		case key == "PAGES":
			r.pages = pageNumber(value)
		}
	}
	return r, r.kind != ""
}

// pageNumber reads a number that could be true.
func pageNumber(s string) int {
	if n := number(s); n >= 0 && n <= maxPages {
		return n
	}
	return job.Unknown
}

func statusCode(lines []string) int {
	for _, l := range lines {
		if v, ok := strings.CutPrefix(strings.TrimSpace(l), "CODE="); ok {
			return max(number(v), 0)
		}
	}
	return 0
}

// number reads digits alone, few of them; -1 for anything else.
func number(s string) int {
	if s == "" || len(s) > 7 {
		return -1
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// codeText says in our words what a status code means (PJL Technical Reference,
// appendix D). "" is nothing to worry about.
func codeText(code int) string {
	switch {
	case code == 40021:
		return "A door of the device is open."
	case code == 40022, code/1000 == 42:
		return "Paper is jammed in the device."
	case code/1000 == 41:
		return "The device needs paper."
	case code/1000 == 40, code/1000 == 43, code/1000 == 44:
		return "The device needs attention."
	case code/1000 == 50:
		return "The device has a fault and needs service."
	}
	return ""
}
