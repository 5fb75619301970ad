package lpd

import (
	"bytes"
	"strings"

	"platen/job"
)

// A controlFile is what a client says about a job, RFC 1179, section 7. Its
// texts are the client's octets, without NUL, line feed or trailing carriage
// returns.
type controlFile struct {
	Host   string // H
	User   string // P
	Job    string // J, the title
	Class  string // C
	Banner string // L, the user to print on the banner page
	Title  string // T, the title for pr

	Documents []printed // in the order of their first print line
	Extra     []line    // lines of other letters, in their order
}

// printed is one data file that is to be printed.
type printed struct {
	Letter byte   // the format, of its first print line
	File   string // the data file's name on this connection
	Name   string // N, the name of the source file
	Copies int    // how many print lines name it
}

// line is a line that nobody here understands.
type line struct {
	Letter byte
	Text   string
}

// formats are the print commands of RFC 1179, sections 7.17 to 7.29, without
// the reserved k. All are treated alike: what a document is, its own octets say.
const formats = "cdfglnoprtv"

// parseControlFile reads a control file. It fails with fault.Invalid when
// there is nothing to print.
func parseControlFile(b []byte) (controlFile, error) {
	const op = "lpd.control"
	var p controlParser
	for raw := range bytes.Lines(b) {
		text := strings.ReplaceAll(strings.TrimSuffix(string(raw), "\n"), "\x00", "")
		if text = strings.TrimRight(text, "\r"); text != "" {
			p.line(text[0], text[1:])
		}
	}
	p.endGroup()
	switch n := len(p.cf.Documents); {
	case n == 0:
		return controlFile{}, invalid(op, "The print client's control file names no document.")
	case n > maxDocuments:
		return controlFile{}, invalid(op, "The print client's control file names too many documents.")
	}
	return p.cf, nil
}

// maxDocuments is how many data files dfA to dfZ and dfa to dfz can name.
const maxDocuments = 52

// controlParser reads a control file line by line. N lines stand before their
// print lines (LPRng) or after them (BSD, CUPS, rlpr); which of the two comes
// first tells how this client does it. A group is a run of one followed by a
// run of the other.
type controlParser struct {
	cf     controlFile
	index  map[string]int // where in cf.Documents a file is
	before bool           // this client's names come before their print lines
	prints bool           // the group at hand has print lines
	names  []string       // of the group at hand
	files  []int          // of the group at hand: files seen for the first time
}

func (p *controlParser) line(letter byte, text string) {
	switch letter {
	case 'H':
		once(&p.cf.Host, text)
	case 'P':
		once(&p.cf.User, text)
	case 'J':
		once(&p.cf.Job, text)
	case 'C':
		once(&p.cf.Class, text)
	case 'L':
		once(&p.cf.Banner, text)
	case 'T':
		once(&p.cf.Title, text)
	case 'N':
		p.name(text)
	case 'U', 'S', 'M': // unlink, symbolic link, mail: asks of a server's own files
	default:
		if isPrint(letter, text) {
			p.print(letter, text)
		} else if letter > ' ' && letter < 0x7F && !secretive(text) {
			p.cf.Extra = append(p.cf.Extra, line{letter, text})
		}
	}
}

// once keeps the first line of a kind.
func once(field *string, text string) {
	if *field == "" {
		*field = text
	}
}

// isPrint reports whether a line asks to print a file. Formats beyond the
// RFC's count when they name a data file.
func isPrint(letter byte, text string) bool {
	if text == "" || letter < 'a' || letter > 'z' {
		return false
	}
	return strings.IndexByte(formats, letter) >= 0 || strings.HasPrefix(text, "df")
}

// secretive reports whether a line looks as if it held a password. Some
// clients put one into the control file; it is neither kept nor logged.
func secretive(text string) bool {
	text = strings.ToLower(text)
	for _, word := range []string{"passw", "pwd", "kennwort", "secret", "passphrase"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

func (p *controlParser) print(letter byte, file string) {
	if !p.before && len(p.names) > 0 {
		p.endGroup()
	}
	p.prints = true
	if i, ok := p.index[file]; ok {
		p.cf.Documents[i].Copies++
		return
	}
	if p.index == nil {
		p.index = make(map[string]int)
	}
	p.index[file] = len(p.cf.Documents)
	p.files = append(p.files, len(p.cf.Documents))
	p.cf.Documents = append(p.cf.Documents, printed{Letter: letter, File: file, Copies: 1})
}

func (p *controlParser) name(text string) {
	if len(p.cf.Documents) == 0 {
		p.before = true
	}
	if p.before && p.prints {
		p.endGroup()
	}
	p.names = append(p.names, text)
}

// endGroup gives the files of the group the names that stand nearest.
func (p *controlParser) endGroup() {
	files := p.files
	if more := len(files) - len(p.names); more > 0 && !p.before {
		files = files[more:]
	}
	for i := range min(len(files), len(p.names)) {
		p.cf.Documents[files[i]].Name = p.names[i]
	}
	p.names, p.files, p.prints = nil, nil, false
}

// marshal writes the control file as a client sends it. Reading it again
// yields the same.
func (cf *controlFile) marshal() []byte {
	var b bytes.Buffer
	put := func(letter byte, text string) {
		b.WriteByte(letter)
		b.WriteString(text)
		b.WriteByte('\n')
	}
	for _, l := range []line{{'H', cf.Host}, {'P', cf.User}, {'J', cf.Job}, {'C', cf.Class}, {'L', cf.Banner}, {'T', cf.Title}} {
		if l.Text != "" {
			put(l.Letter, l.Text)
		}
	}
	for _, l := range cf.Extra {
		put(l.Letter, l.Text)
	}
	for _, d := range cf.Documents {
		for range d.Copies {
			put(d.Letter, d.File)
		}
		put('U', d.File)
		if d.Name != "" {
			put('N', d.Name)
		}
	}
	return b.Bytes()
}

// ticket makes the control file's octets text, with the queue's encoding for
// names that are not UTF-8.
func (cf *controlFile) ticket(encoding string) job.Ticket {
	t := job.Ticket{
		Title:   decode(cf.Job, encoding, maxJob),
		Claimed: decode(cf.User, encoding, maxUser),
		Host:    decode(cf.Host, encoding, maxHost),
		Class:   decode(cf.Class, encoding, maxUser),
		Banner:  decode(cf.Banner, encoding, maxUser),
		Cut:     len(cf.User) == maxUser,
	}
	for _, d := range cf.Documents { // section 7.4: without J, the name of the first file
		if t.Title == "" {
			t.Title = decode(d.Name, encoding, maxName)
		}
	}
	if t.Title == "" {
		t.Title = decode(cf.Title, encoding, maxTitle)
	}
	t.Extra = cf.extra(encoding)
	return t
}

// extra gathers the lines of unknown letters, those of one letter as lines of
// one text.
func (cf *controlFile) extra(encoding string) map[string]string {
	if len(cf.Extra) == 0 {
		return nil
	}
	all := make(map[string]string)
	for _, l := range cf.Extra {
		letter, text := string(l.Letter), decode(l.Text, encoding, 0)
		switch kept := all[letter]; {
		case len(kept) >= maxLongText-1:
		case kept == "":
			all[letter] = text
		default:
			all[letter] = cut(kept+"\n"+text, maxLongText)
		}
	}
	return all
}
