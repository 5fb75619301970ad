package ippsrv

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/ipp"
	"platen/job"
)

// abuseTalk sends octets to a door and returns the status of the answer, 0 when it hangs
// up on somebody who goes on and on.
func abuseTalk(t *testing.T, addr, headers string, length int64, body io.Reader) (status int, m *goipp.Message) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if headers == "" {
		headers = "Host: " + addr + "\r\nContent-Type: application/ipp\r\n"
	}
	fmt.Fprintf(conn, "POST /ipp/print/secure HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n", headers, length)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.Copy(conn, body)
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil {
		defer res.Body.Close()
		status, m = res.StatusCode, &goipp.Message{}
		if b, err := io.ReadAll(res.Body); err != nil || status != http.StatusOK || m.DecodeBytes(b) != nil {
			m = nil
		}
	}
	conn.Close()
	<-sent
	return status, m
}

// abusePrint demands that a normal job passes.
func abusePrint(t *testing.T, f *fakeHouse, addr string) {
	t.Helper()
	b := append(printJob(t, goipp.DefaultVersion), "a normal document"...)
	status, m := abuseTalk(t, addr, "", int64(len(b)), bytes.NewReader(b))
	if status != http.StatusOK || m == nil || goipp.Status(m.Code) != goipp.StatusOk {
		t.Fatalf("a normal job: %d, %v", status, m)
	}
	if got := f.docs[f.last().UUID]; got != "a normal document" {
		t.Errorf("what came of it: %q", got)
	}
}

// abuseJobs returns the jobs that were taken.
func (f *fakeHouse) abuseJobs() []job.Job {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.jobs)
}

// abusePieces is a piece again and again, without a buffer.
type abusePieces struct {
	piece string
	left  int64
	at    int
}

func (a *abusePieces) Read(p []byte) (n int, err error) {
	for n < len(p) && a.left > 0 {
		m := copy(p[n:min(int64(len(p)), int64(n)+a.left)], a.piece[a.at:])
		n, a.left, a.at = n+m, a.left-int64(m), (a.at+m)%len(a.piece)
	}
	if n == 0 {
		err = io.EOF
	}
	return n, err
}

// A11 and A12: attributes without end are refused when they are too deep or too many,
// and take no memory to speak of.
func TestA11A12EndlessAttributes(t *testing.T) {
	f, addr := serve(t)
	abusePrint(t, f, addr)
	for name, tt := range map[string]struct {
		piece  string
		octets int64
	}{
		"nested collections of 48 MB":      {"\x34\x00\x01a\x00\x00\x4a\x00\x00\x00\x01m", 48 << 20},
		"a million attributes":             {"\x21\x00\x07a123456\x00\x04\x00\x00\x00\x01", 18_000_000},
		"a million values":                 {"\x44\x00\x00\x00\x03all", 8_000_000},
		"a million groups":                 {"\x02", 1_000_000},
		"members without end":              {"\x4a\x00\x00\x00\x01m\x21\x00\x00\x00\x04\x00\x00\x00\x01", 15_000_000},
		"one attribute of many long names": {"\x44\x7f\xff" + strings.Repeat("n", 0x7fff) + "\x00\x00", 32_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			head := printJob(t, goipp.DefaultVersion)
			head = head[:len(head)-1]
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			status, _ := abuseTalk(t, addr, "", int64(len(head))+tt.octets, io.MultiReader(bytes.NewReader(head), &abusePieces{piece: tt.piece, left: tt.octets}))
			runtime.ReadMemStats(&after)
			if status != 0 && status != http.StatusRequestEntityTooLarge && status != http.StatusBadRequest {
				t.Errorf("status %d", status)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 12<<20 {
				t.Errorf("it took %d KiB of memory in all", used>>10)
			}
			abusePrint(t, f, addr)
		})
	}
}

// A13: what is not what it says is no request.
func TestA13LyingLengths(t *testing.T) {
	f, addr := serve(t)
	const head = "\x02\x00\x00\x02\x00\x00\x00\x01\x01"
	for name, body := range map[string]string{
		"a name longer than the request":      head + "\x47\x7f\xffattributes-charset\x00\x05utf-8\x03",
		"a name of less than nothing":         head + "\x47\xff\xffattributes-charset\x00\x05utf-8\x03",
		"a value longer than the request":     head + "\x47\x00\x12attributes-charset\x7f\xffutf-8\x03",
		"a value of less than nothing":        head + "\x47\x00\x12attributes-charset\x80\x00utf-8\x03",
		"an integer of three octets":          head + "\x21\x00\x05limit\x00\x03\x00\x00\x01\x03",
		"a boolean of two":                    head + "\x22\x00\x07my-jobs\x00\x02\x00\x01\x03",
		"a text in a language longer than it": head + "\x35\x00\x08job-name\x00\x04\x7f\xffen\x03",
		"a language and nothing else":         head + "\x36\x00\x08job-name\x00\x02\x00\x02\x03",
		"an extended tag of two octets":       head + "\x7f\x00\x01x\x00\x02ab\x03",
		"the end of no collection":            head + "\x37\x00\x00\x00\x00\x03",
		"a collection without its end":        head + "\x34\x00\x01x\x00\x00\x03",
		"no end":                              head + "\x47\x00\x12attributes-charset\x00\x05utf-8",
		"nothing":                             "",
		"a header cut short":                  "\x02\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			if status, _ := abuseTalk(t, addr, "", int64(len(body)), strings.NewReader(body)); status != http.StatusBadRequest {
				t.Errorf("status %d", status)
			}
		})
	}
	abusePrint(t, f, addr)
	if n := len(f.jobs); n != 1 {
		t.Errorf("%d jobs", n)
	}
}

// A14: numbers out of their range are values that are not supported, or no request.
func TestA14Integers(t *testing.T) {
	d := openDoor(t, false)
	fidelity := goipp.Group{Tag: goipp.TagOperationGroup, Attrs: goipp.Attributes{ipp.Boolean("ipp-attribute-fidelity", true)}}
	for name, tt := range map[string]struct {
		op   goipp.Op
		of   goipp.Tag
		attr goipp.Attribute
		want goipp.Status
	}{
		"copies below zero":  {goipp.OpPrintJob, goipp.TagJobGroup, ipp.Integer("copies", -1), goipp.StatusErrorAttributesOrValues},
		"no copies":          {goipp.OpPrintJob, goipp.TagJobGroup, ipp.Integer("copies", 0), goipp.StatusErrorAttributesOrValues},
		"copies of all":      {goipp.OpPrintJob, goipp.TagJobGroup, ipp.Integer("copies", 1<<31-1), goipp.StatusErrorAttributesOrValues},
		"the least priority": {goipp.OpPrintJob, goipp.TagJobGroup, ipp.Integer("job-priority", -1<<31), goipp.StatusErrorAttributesOrValues},
		"pages from behind":  {goipp.OpPrintJob, goipp.TagJobGroup, ipp.Range("page-ranges", -5, -1), goipp.StatusErrorAttributesOrValues},
		"a limit below zero": {goipp.OpGetJobs, goipp.TagOperationGroup, ipp.Integer("limit", -5), goipp.StatusErrorBadRequest},
		"a job below zero":   {goipp.OpCancelJob, goipp.TagOperationGroup, ipp.Integer("job-id", -1), goipp.StatusErrorBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			groups := []goipp.Group{{Tag: tt.of, Attrs: goipp.Attributes{tt.attr}}}
			if tt.of == goipp.TagJobGroup {
				groups = append([]goipp.Group{fidelity}, groups...)
			}
			if m, status := d.ask(tt.op, "text", groups...); m == nil || goipp.Status(m.Code) != tt.want {
				t.Errorf("%d %v", status, m)
			}
		})
	}
	if len(d.jobs) > 0 {
		t.Errorf("jobs: %+v", d.jobs)
	}
}

// A19: a document that grows beyond all measure is no job, however it is packed.
func TestA19Bombs(t *testing.T) {
	d := openDoor(t, false)
	d.srv.Limits.Expansion = 1 << 20
	zeros := func(z io.WriteCloser) {
		_, _ = io.Copy(z, &abusePieces{piece: strings.Repeat("\x00", 4096), left: 32 << 20})
		_ = z.Close()
	}
	var gz, raw bytes.Buffer
	zeros(gzip.NewWriter(&gz))
	w, err := flate.NewWriter(&raw, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	zeros(w)
	for name, doc := range map[string]string{"gzip": gz.String(), "deflate": raw.String()} {
		attrs := goipp.Group{Tag: goipp.TagOperationGroup, Attrs: goipp.Attributes{ipp.Keyword("compression", name)}}
		m, _ := d.ask(goipp.OpPrintJob, doc, attrs)
		if m == nil || goipp.Status(m.Code) != goipp.StatusErrorCompressionError {
			t.Errorf("%s: %v", name, m)
		}
	}
	if len(d.jobs) > 0 {
		t.Errorf("jobs: %+v", d.jobs)
	}
}

// A21 and A22: whoever means another host, or is a page that somebody looks at, does
// not print.
func TestA21A22OtherHostsAndPages(t *testing.T) {
	f, addr := serve(t)
	for name, tt := range map[string]struct {
		headers string
		want    int
	}{
		"another host":             {"Host: evil.example\r\nContent-Type: application/ipp\r\n", http.StatusMisdirectedRequest},
		"another address":          {"Host: 192.0.2.7\r\nContent-Type: application/ipp\r\n", http.StatusMisdirectedRequest},
		"a name that begins alike": {"Host: 127.0.0.1.evil.example\r\nContent-Type: application/ipp\r\n", http.StatusMisdirectedRequest},
		"no host":                  {"Content-Type: application/ipp\r\n", http.StatusBadRequest},
		"two hosts":                {"Host: " + addr + "\r\nHost: evil.example\r\nContent-Type: application/ipp\r\n", http.StatusBadRequest},
		"a page":                   {"Host: " + addr + "\r\nOrigin: http://evil.example\r\nContent-Type: application/ipp\r\n", http.StatusForbidden},
		"a page of nobody":         {"Host: " + addr + "\r\nOrigin: null\r\nContent-Type: application/ipp\r\n", http.StatusForbidden},
		"a page, as browsers say":  {"Host: " + addr + "\r\nSec-Fetch-Site: cross-site\r\nContent-Type: application/ipp\r\n", http.StatusForbidden},
		"a form":                   {"Host: " + addr + "\r\nContent-Type: text/plain\r\n", http.StatusUnsupportedMediaType},
		"a form with a file":       {"Host: " + addr + "\r\nContent-Type: multipart/form-data; boundary=x\r\n", http.StatusUnsupportedMediaType},
		"nothing said":             {"Host: " + addr + "\r\n", http.StatusUnsupportedMediaType},
	} {
		t.Run(name, func(t *testing.T) {
			b := append(printJob(t, goipp.DefaultVersion), "text"...)
			if status, _ := abuseTalk(t, addr, tt.headers, int64(len(b)), bytes.NewReader(b)); status != tt.want {
				t.Errorf("status %d", status)
			}
		})
	}
	if len(f.jobs) > 0 {
		t.Errorf("jobs: %+v", f.jobs)
	}
	abusePrint(t, f, addr)
}

// A24: connections that say nothing are few, and go; a normal job passes meanwhile.
func TestA24IdleConnections(t *testing.T) {
	const room, come = 40, 200
	f, addr := serve(t, func(s *Server) { s.Limits.Conns, s.Limits.PerIP, s.Limits.Header = 2*room, room, 3*time.Second })
	before := runtime.NumGoroutine()
	var idle []net.Conn
	for range come {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle = append(idle, c)
	}
	b := append(printJob(t, goipp.DefaultVersion), "text"...)
	for until := time.Now().Add(10 * time.Second); len(f.abuseJobs()) == 0 && time.Now().Before(until); { // who comes from the crowd's own address may have to try again
		_, _ = abuseTalk(t, addr, "", int64(len(b)), bytes.NewReader(b))
	}
	if len(f.abuseJobs()) == 0 {
		t.Error("a normal job does not pass")
	}
	if n := runtime.NumGoroutine() - before; n > 4*room {
		t.Errorf("%d goroutines for %d connections that say nothing", n, come)
	}
	for i, c := range idle {
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Fatal("somebody speaks first")
		} else if nerr, ok := err.(net.Error); ok && nerr.Timeout() { //nolint:errorlint // of a connection itself
			t.Fatalf("connection %d is still there", i)
		}
	}
	abusePrint(t, f, addr)
}
