package ui

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"platen/directory"
	"platen/fault"
	"platen/site"
)

// fakeBringers has a source of which the token "corp" brings the people.
type fakeBringers struct {
	mu      sync.Mutex
	stand   directory.Stand
	brought []directory.Brought
	err     error

	opened  chan struct{} // gets a word for each Bring, when there is one
	release chan struct{} // holds Bring up, when there is one
}

func (f *fakeBringers) Token(_ context.Context, text string) (site.Token, error) {
	if text != "corp" {
		return site.Token{}, denied("no")
	}
	return site.Token{ID: "k-corp", Kind: site.Bringer, Source: "s-corp"}, nil
}

func (f *fakeBringers) Stand(context.Context, string) (directory.Stand, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stand, f.err
}

func (f *fakeBringers) Bring(ctx context.Context, source string, b *directory.Brought) (directory.Run, error) {
	if f.opened != nil {
		f.opened <- struct{}{}
		<-f.release
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if source != "s-corp" {
		return directory.Run{}, denied("no")
	}
	if f.err != nil {
		return directory.Run{}, f.err
	}
	a, err := b.Read(ctx, f.stand.Cursor, nil)
	if err == nil {
		f.brought = append(f.brought, *b)
	}
	return directory.Run{Full: a.Full, Read: len(a.People) + len(a.Groups)}, err
}

const people = `{"full":true,"cursor":"YzI="}
{"person":{"key":"1","login":"anna","enabled":true,"cards":["04A1B2C3D4"]}}
{"group":{"key":"g","name":"staff","people":["1"]}}
{"end":{"people":1,"groups":1,"gone":0}}
`

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, text)
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

var noEnd, _, _ = strings.Cut(people, `{"end"`)

// bring sends a body as a machine would.
func (h *house) bring(token, body string, header ...string) (pageGot, map[string]any) {
	h.t.Helper()
	all := map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/x-ndjson"}
	for pair := range slices.Chunk(header, 2) {
		all[pair[0]] = pair[1]
	}
	p := h.do(h.request("POST", "/api/v1/directory", strings.NewReader(body), all))
	var m map[string]any
	if err := json.Unmarshal([]byte(p.body), &m); err != nil {
		h.t.Fatalf("%v in %s", err, p.body)
	}
	return p, m
}

func TestBringPeople(t *testing.T) {
	h := newHouse(t)
	p, m := h.call("GET", "/api/v1/directory", "corp", "")
	p.wants(t, 200, "")
	if m["source"] != "corp" || m["cursor"] != "YzE=" || m["full_due"] != false {
		t.Errorf("it stands at %v", m)
	}
	p, m = h.bring("corp", people)
	p.wants(t, 200, "", `"problems":[]`)
	if m["read"] != 2.0 || m["full"] != true {
		t.Errorf("answer %v", m)
	}
	p, _ = h.bring("corp", packed(t, people), "Content-Encoding", "gzip")
	p.wants(t, 200, "")
	if n := len(h.brings.brought); n != 2 {
		t.Fatalf("%d answers arrived", n)
	}
	for _, b := range h.brings.brought {
		if !b.Full || string(b.Cursor) != "c2" || len(b.People) != 1 || b.People[0].Login != "anna" || !b.People[0].Enabled || b.Groups[0].People[0] != "1" {
			t.Errorf("arrived %+v", b)
		}
	}
	h.change(func() { h.brings.stand = directory.Stand{Source: "corp", FullDue: true} })
	h.do(h.request("GET", "/api/v1/directory", nil, map[string]string{"Authorization": "Bearer corp"})).wants(t, 200, "", `"cursor":"","full_due":true`)
}

func TestBringRefusals(t *testing.T) {
	tests := map[string]struct {
		token, body string
		header      []string
		status      int
		reason      string
	}{
		"no token":             {"", people, nil, 401, "token"},
		"unknown token":        {"x", people, nil, 401, "token"},
		"token of a program":   {"any", people, nil, 401, "token"},
		"token of a terminal":  {"terminal-token", people, nil, 401, "token"},
		"another type":         {"corp", people, []string{"Content-Type", "application/json"}, 415, "media-type"},
		"no type":              {"corp", people, []string{"Content-Type", ""}, 415, "media-type"},
		"another encoding":     {"corp", people, []string{"Content-Encoding", "br"}, 415, "encoding"},
		"not compressed":       {"corp", people, []string{"Content-Encoding", "gzip"}, 400, "invalid"},
		"a compressed half":    {"corp", packed(t, people)[:60], []string{"Content-Encoding", "gzip"}, 400, "invalid"},
		"a wrong checksum":     {"corp", spoil(packed(t, people)), []string{"Content-Encoding", "gzip"}, 400, "invalid"},
		"nothing":              {"corp", "", nil, 400, "invalid"},
		"no end":               {"corp", noEnd, nil, 400, "invalid"},
		"changes out of order": {"corp", `{"since":"YzA="}` + "\n" + `{"end":{"people":0,"groups":0,"gone":0}}` + "\n", nil, 409, "begin-anew"},
		"changes of nothing":   {"corp", `{}` + "\n" + `{"end":{"people":0,"groups":0,"gone":0}}` + "\n", nil, 409, "begin-anew"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			p, m := h.bring(tt.token, tt.body, tt.header...)
			if p.status != tt.status || m["reason"] != tt.reason || m["text"] == "" || m["reference"] == "" {
				t.Errorf("got %d %s, want %d %s", p.status, p.body, tt.status, tt.reason)
			}
			if len(h.brings.brought) != 0 {
				t.Error("it arrived")
			}
		})
	}
	h := newHouse(t)
	for _, path := range []string{"/api/v1/jobs/1", "/api/terminal/v1/releases/r-1"} {
		p, _ := h.call("GET", path, "corp", "")
		p.wants(t, 401, "", `"reason":"token"`)
	}
	h.change(func() { h.brings.err = context.DeadlineExceeded })
	p, _ := h.bring("corp", people)
	p.wants(t, 503, "", `"reason":"unavailable"`)
	h.change(func() { h.brings.err = &fault.Error{Op: "fake", Kind: fault.Full, Text: "There is no room."} })
	p, _ = h.bring("corp", people)
	p.wants(t, 507, "")
}

// spoil changes the checksum at the end of a gzip file (RFC 1952, section 2.3.1).
func spoil(z string) string {
	b := []byte(z)
	b[len(b)-8] ^= 1
	return string(b)
}

// F48: an answer that is cut off changes nothing, however it was cut.
func TestF48BroughtCutOff(t *testing.T) {
	h := newHouse(t)
	c := tls.Client(h.dial(), &tls.Config{InsecureSkipVerify: true})
	fmt.Fprintf(c, "POST /api/v1/directory HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer corp\r\nContent-Type: application/x-ndjson\r\nContent-Length: 5000\r\n\r\n%s", people[:len(people)/2])
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(c)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
		t.Errorf("half of it was answered with %q", answer)
	}
	_ = c.Close()
	h.http.Close() // waits for the handler
	if len(h.brings.brought) != 0 {
		t.Error("it arrived")
	}
}

// A small body that becomes a large one is refused before it does.
func TestBroughtBomb(t *testing.T) {
	tests := map[string]string{
		"one line": `{"full":true,"problems":["` + strings.Repeat("x", 8<<20) + `"]}` + "\n",
		"lines":    `{"full":true}` + "\n" + strings.Repeat(`{"person":{"key":"1","login":"anna","enabled":true}}`+"\n", 200_000),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			bomb := packed(t, text)
			t.Logf("%d octets become %d", len(bomb), len(text))
			p, m := h.bring("corp", bomb, "Content-Encoding", "gzip")
			if p.status != 413 || m["reason"] != "too-large" {
				t.Errorf("got %d %s", p.status, p.body)
			}
		})
	}
}

// Of one source one answer is read at a time.
func TestBringOneAtATime(t *testing.T) {
	h := newHouse(t)
	h.brings.opened, h.brings.release = make(chan struct{}), make(chan struct{})
	first := make(chan int)
	go func() {
		p, _ := h.bring("corp", people)
		first <- p.status
	}()
	<-h.brings.opened
	p, _ := h.bring("corp", people)
	p.wants(t, 409, "", `"reason":"conflict"`)
	close(h.brings.release)
	if status := <-first; status != 200 {
		t.Errorf("the first got %d", status)
	}
}

// What is written has exactly the fields that the description has.
func TestOpenAPIDescribesWhatIsBrought(t *testing.T) {
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage `json:"properties"`
				Strict     *bool                      `json:"additionalProperties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(openAPIDocument, &doc); err != nil {
		t.Fatal(err)
	}
	b := directory.Brought{Since: []byte("c"), Answer: directory.Answer{
		People: []directory.Record{{Key: "1", DN: "x", Base: "x", Login: "x", UPN: "x", Email: "x", FullName: "x", Department: "x", Language: "x",
			Aliases: []string{"x"}, Enabled: true, Cards: []string{"x"}, PIN: "x"}},
		Groups: []directory.GroupRecord{{Key: "2", Name: "x", DN: "x", Base: "x", People: []string{"x"}, Members: []string{"x"}}},
		Gone:   []string{"3"}, Cursor: []byte("c"), Problems: []string{"x"},
	}}
	var text bytes.Buffer
	if err := b.Write(&text); err != nil {
		t.Fatal(err)
	}
	same := func(schema string, fields map[string]json.RawMessage) {
		for f := range fields {
			if doc.Components.Schemas[schema].Properties[f] == nil {
				t.Errorf("%s.%s is not described", schema, f)
			}
		}
		for f := range doc.Components.Schemas[schema].Properties {
			if fields[f] == nil {
				t.Errorf("%s.%s is described and not written", schema, f)
			}
		}
		if doc.Components.Schemas[schema].Strict == nil {
			t.Errorf("%s does not say that other fields are refused", schema)
		}
	}
	things := map[string]json.RawMessage{}
	for i, line := range strings.Split(strings.TrimSpace(text.String()), "\n") {
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			same("BroughtHead", m)
			continue
		}
		for f, v := range m {
			things[f] = v
			if schema := map[string]string{"person": "BroughtPerson", "group": "BroughtGroup"}[f]; schema != "" {
				var inner map[string]json.RawMessage
				if err := json.Unmarshal(v, &inner); err != nil {
					t.Fatal(err)
				}
				same(schema, inner)
			}
		}
	}
	same("BroughtLine", things)
}
