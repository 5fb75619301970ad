package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/OpenPrinting/goipp"
)

// ippRequest encodes an operation on the queue secure; more come behind what every
// request begins with.
func (n *node) ippRequest(op goipp.Op, user string, more, job goipp.Attributes) []byte {
	m := goipp.NewRequest(goipp.DefaultVersion, op, 1)
	m.Operation = append(goipp.Attributes{
		goipp.MakeAttribute("attributes-charset", goipp.TagCharset, goipp.String("utf-8")),
		goipp.MakeAttribute("attributes-natural-language", goipp.TagLanguage, goipp.String("en")),
		goipp.MakeAttribute("printer-uri", goipp.TagURI, goipp.String("ipp://"+n.ipp+"/ipp/print/secure")),
		goipp.MakeAttribute("requesting-user-name", goipp.TagName, goipp.String(user)),
	}, more...)
	m.Job = job
	b, err := m.EncodeBytes()
	if err != nil { // it is one of ours
		return nil
	}
	return b
}

// said is an answer: its status in HTTP, and in IPP when that is 200.
type said struct {
	http int
	ipp  goipp.Status
}

// sayIPP sends a request and reads its answer. Headers may take the place of those that
// a client should send.
func (n *node) sayIPP(ctx context.Context, headers string, length int64, body io.Reader) (said, error) {
	conn, err := dial(ctx, n.ipp)
	if err != nil {
		return said{}, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if headers == "" {
		headers = "Host: " + n.ipp + "\r\nContent-Type: application/ipp\r\n"
	}
	fmt.Fprintf(conn, "POST /ipp/print/secure HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n", headers, length)
	broken := make(chan error, 1)
	go func() { // the answer may come before the end
		_, err := io.Copy(conn, body)
		broken <- err
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		conn.Close()
		<-broken
		return said{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	conn.Close()
	<-broken
	s := said{http: res.StatusCode}
	if err == nil && res.StatusCode == http.StatusOK && len(b) >= 4 {
		s.ipp = goipp.Status(int(b[2])<<8 | int(b[3]))
	}
	return s, err
}

// printIPP is a normal job over IPP.
func (n *node) printIPP(ctx context.Context, doc []byte) error {
	b := append(n.ippRequest(goipp.OpPrintJob, "ben", nil, nil), doc...)
	s, err := n.sayIPP(withAddress(ctx, good), "", int64(len(b)), bytes.NewReader(b))
	if err == nil && (s.http != http.StatusOK || s.ipp != goipp.StatusOk) {
		err = fmt.Errorf("IPP says %d, %s", s.http, s.ipp)
	}
	return err
}

// idleIPP says nothing.
func idleIPP(ctx context.Context, n *node, _ *crowd) (client, error) {
	conn, err := dial(ctx, n.ipp)
	return client{Conn: conn}, err
}

// halfIPP begins a TLS handshake on the same port.
func halfIPP(ctx context.Context, n *node, _ *crowd) (client, error) {
	conn, err := dial(ctx, n.ipp)
	if err != nil {
		return client{}, err
	}
	_, err = conn.Write([]byte{22, 3, 1, 1, 144, 1, 0, 1, 140})
	return client{Conn: conn}, err
}

// dripIPP sends a document in chunks of one octet.
func dripIPP(ctx context.Context, n *node, _ *crowd) (client, error) {
	conn, err := dial(ctx, n.ipp)
	if err != nil {
		return client{}, err
	}
	b := n.ippRequest(goipp.OpPrintJob, "anna", nil, nil)
	_, err = fmt.Fprintf(conn, "POST /ipp/print/secure HTTP/1.1\r\nHost: %s\r\nContent-Type: application/ipp\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", n.ipp, len(b), b)
	return client{conn, "1\r\nx\r\n"}, err
}

// dripAttributes never comes to the end of its attributes.
func dripAttributes(ctx context.Context, n *node, _ *crowd) (client, error) {
	conn, err := dial(ctx, n.ipp)
	if err != nil {
		return client{}, err
	}
	_, err = fmt.Fprintf(conn, "POST /ipp/print/secure HTTP/1.1\r\nHost: %s\r\nContent-Type: application/ipp\r\nContent-Length: 1000000\r\n\r\n\x02\x00\x00\x02\x00\x00\x00\x01\x01", n.ipp)
	return client{conn, "\x47"}, err
}

var errRefused = errors.New("refused, as it should be")

// refusedIPP sends one request that must be refused: with one of these answers, or by
// hanging up on somebody who goes on and on.
func refusedIPP(want func(s said) bool, make func(n *node) (headers string, length int64, body io.Reader)) func(context.Context, *node, *crowd) (client, error) {
	return func(ctx context.Context, n *node, _ *crowd) (client, error) {
		headers, length, body := make(n)
		s, err := n.sayIPP(ctx, headers, length, body)
		var nerr net.Error
		switch {
		case errors.As(err, &nerr) && nerr.Timeout():
			return client{}, nil // it just keeps us waiting
		case err != nil, want(s):
			return client{}, errRefused
		}
		return client{}, nil
	}
}

func httpSays(codes ...int) func(said) bool {
	return func(s said) bool {
		for _, c := range codes {
			if s.http == c {
				return true
			}
		}
		return false
	}
}

func ippSays(status goipp.Status) func(said) bool {
	return func(s said) bool { return s.http == http.StatusOK && s.ipp == status }
}

// again is a piece of octets that comes very often.
type again struct {
	piece []byte
	left  int64
	at    int
}

func (a *again) Read(p []byte) (n int, err error) {
	for n < len(p) && a.left > 0 {
		m := copy(p[n:min(int64(len(p)), int64(n)+a.left)], a.piece[a.at:])
		n, a.left, a.at = n+m, a.left-int64(m), (a.at+m)%len(a.piece)
	}
	if n == 0 {
		err = io.EOF
	}
	return n, err
}

// endless is the beginning of a request, and then a piece until there are so many octets.
func endless(op goipp.Op, piece string, octets int64) func(n *node) (string, int64, io.Reader) {
	return func(n *node) (string, int64, io.Reader) {
		b := n.ippRequest(op, "anna", nil, nil)
		b = b[:len(b)-1] // without the end of the attributes
		return "", int64(len(b)) + octets, io.MultiReader(bytes.NewReader(b), &again{piece: []byte(piece), left: octets})
	}
}

// whole is a request that is all there.
func whole(op goipp.Op, more, job goipp.Attributes, doc []byte) func(n *node) (string, int64, io.Reader) {
	return func(n *node) (string, int64, io.Reader) {
		b := append(n.ippRequest(op, "anna", more, job), doc...)
		return "", int64(len(b)), bytes.NewReader(b)
	}
}

// raw is whatever octets.
func raw(octets string) func(n *node) (string, int64, io.Reader) {
	return func(*node) (string, int64, io.Reader) { return "", int64(len(octets)), bytes.NewReader([]byte(octets)) }
}

// headed is a good request with headers that no printing client sends.
func headed(headers string) func(n *node) (string, int64, io.Reader) {
	return func(n *node) (string, int64, io.Reader) {
		b := append(n.ippRequest(goipp.OpPrintJob, "anna", nil, nil), "text"...)
		return fmt.Sprintf(headers, n.ipp), int64(len(b)), bytes.NewReader(b)
	}
}

// bomb is 1 GiB of nothing in 1 MiB.
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.Copy(z, &again{piece: make([]byte, 64<<10), left: 1 << 30})
	_ = z.Close()
	return b.Bytes()
})

func integer(name string, v int) goipp.Attribute {
	return goipp.MakeAttribute(name, goipp.TagInteger, goipp.Integer(v))
}

const head = "\x02\x00\x00\x02\x00\x00\x00\x01\x01"

// ippMemory is what the node may use while strangers speak IPP to it.
const ippMemory = 128 // MiB

// ippAttacks are those on the IPP door.
func ippAttacks(short bool) []attack {
	idle, drips, stay := 10_000, 1_500, 8*time.Second
	if short {
		idle, drips, stay = 1_000, 200, 3*time.Second
	}
	room := func(n int) string {
		return fmt.Sprintf("[ipp]\nmax_connections = %d\nmax_per_client = %d\nidle = \"15s\"\n", 2*n+200, 2*n+200)
	}
	fidelity := goipp.Attributes{goipp.MakeAttribute("ipp-attribute-fidelity", goipp.TagBoolean, goipp.Boolean(true))}
	storm := func(name string, workers int, want func(said) bool, make func(n *node) (string, int64, io.Reader)) attack {
		return attack{name: name, clients: workers, memory: ippMemory, stay: stay / 2, storm: true, join: refusedIPP(want, make)}
	}
	return []attack{
		{name: fmt.Sprintf("A24 %d idle connections on IPP", idle), clients: idle, limits: room(idle), memory: webMemory,
			stay: stay, gone: 10 * time.Second, silent: true, join: idleIPP},
		{name: fmt.Sprintf("A25 %d handshakes that stop half way on IPP", idle), clients: idle, limits: room(idle), memory: webMemory,
			stay: stay, gone: 10 * time.Second, silent: true, join: halfIPP},
		{name: "A24 500 idle connections of one address on IPP, limits as they are", clients: 500, memory: webMemory,
			stay: 2 * time.Second, gone: 10 * time.Second, silent: true, refused: 500 - 64, join: idleIPP},
		{name: fmt.Sprintf("A07 %d clients of 1 octet a second in an IPP document", drips), clients: drips, limits: room(drips), memory: webMemory,
			stay: 2 * stay, gone: 15 * time.Second, silent: true, join: dripIPP},
		{name: fmt.Sprintf("A07 %d clients of 1 octet a second in IPP attributes", drips), clients: drips, limits: room(drips), memory: webMemory,
			stay: stay, gone: 30 * time.Second, join: dripAttributes},

		storm("A11 nested collections of 48 MB over IPP", 4, httpSays(400, 413),
			endless(goipp.OpPrintJob, "\x34\x00\x01a\x00\x00\x4a\x00\x00\x00\x01m", 48<<20)),
		storm("A12 a million attributes over IPP", 4, httpSays(400, 413),
			endless(goipp.OpGetPrinterAttributes, "\x21\x00\x07a123456\x00\x04\x00\x00\x00\x01", 18_000_000)),
		storm("A12 a million values of one attribute over IPP", 4, httpSays(400, 413),
			endless(goipp.OpGetPrinterAttributes, "\x44\x00\x00\x00\x03all", 8_000_000)),
		storm("A13 lengths that lie over IPP", 8, httpSays(400), raw(head+"\x47\x7f\xffattributes-charset\x00\x05utf-8\x03")),
		storm("A13 lengths below zero over IPP", 8, httpSays(400), raw(head+"\x47\x00\x12attributes-charset\xff\xffutf-8\x03")),
		storm("A14 negative integers over IPP: copies", 8, ippSays(goipp.StatusErrorAttributesOrValues),
			whole(goipp.OpValidateJob, fidelity, goipp.Attributes{integer("copies", -1), integer("job-priority", -2147483648)}, nil)),
		storm("A14 negative integers over IPP: limit", 8, ippSays(goipp.StatusErrorBadRequest),
			whole(goipp.OpGetJobs, goipp.Attributes{integer("limit", -5)}, nil, nil)),
		storm("A14 negative integers over IPP: job-id", 8, ippSays(goipp.StatusErrorBadRequest),
			whole(goipp.OpCancelJob, goipp.Attributes{integer("job-id", -1)}, nil, nil)),
		storm("A19 gzip bombs over IPP", 2, ippSays(goipp.StatusErrorCompressionError), func(n *node) (string, int64, io.Reader) {
			return whole(goipp.OpPrintJob, goipp.Attributes{goipp.MakeAttribute("compression", goipp.TagKeyword, goipp.String("gzip"))}, nil, bomb())(n)
		}),
		storm("A21 another host over IPP", 8, httpSays(421), headed("Host: evil.example\r\nX-Was: %s\r\nContent-Type: application/ipp\r\n")),
		storm("A22 web pages that print over IPP", 8, httpSays(403), headed("Host: %s\r\nOrigin: http://evil.example\r\nContent-Type: application/ipp\r\n")),
		storm("A22 forms that print over IPP", 8, httpSays(415), headed("Host: %s\r\nContent-Type: text/plain\r\n")),
	}
}
