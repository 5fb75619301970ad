package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain lets the test binary be platen: as the children that count pages and
// convert documents, and as a process of its own for tests that need one.
func TestMain(m *testing.M) {
	if os.Getenv("PLATEN_TEST_IS_PLATEN") != "" || len(os.Args) > 1 && (os.Args[1] == countPagesName || os.Args[1] == convertName) {
		main()
	}
	os.Exit(m.Run())
}

// asPlaten returns a process that is this program.
func asPlaten(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(inTime(t), program, args...)
	cmd.Env = append(os.Environ(), "PLATEN_TEST_IS_PLATEN=1")
	return cmd
}

// log is a buffer that a test reads while others write.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// house is a demo that runs inside the test.
type house struct {
	t        *testing.T
	dir      string
	stop     context.CancelFunc
	done     chan int
	out, log *buffer
	demo     demoFile
}

// startDemo runs the demo on dir, "" for a new one.
func startDemo(t *testing.T, dir string) *house {
	t.Helper()
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "demo")
	}
	h := &house{t: t, dir: dir, done: make(chan int, 1), out: &buffer{}, log: &buffer{}}
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	go func() {
		h.done <- run(ctx, []string{"demo", "--dir", dir, "--lpd", "127.0.0.1:0", "--ipp", "127.0.0.1:0", "--web", "127.0.0.1:0"}, strings.NewReader(""), h.out, h.log)
	}()
	t.Cleanup(func() { h.stop() })
	await(t, "the demo is up", func() bool {
		select {
		case code := <-h.done:
			t.Fatalf("the demo ended with %d:\n%s", code, h.log)
		default:
		}
		return strings.Contains(h.out.String(), "Stop it with Ctrl-C")
	})
	b, err := os.ReadFile(filepath.Join(dir, "demo.json"))
	if err == nil {
		err = json.Unmarshal(b, &h.demo)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// end stops the demo in order.
func (h *house) end() {
	h.t.Helper()
	h.stop()
	select {
	case code := <-h.done:
		if code != exitDone {
			h.t.Fatalf("the demo ended with %d:\n%s", code, h.log)
		}
	case <-time.After(60 * time.Second):
		h.t.Fatalf("the demo does not end:\n%s", h.log)
	}
}

// await waits for a condition, and fails after half a minute.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// answer is how a command ended.
type answer struct {
	code     int
	out, err string
}

// platen runs a command in this process, with text on its standard input.
func platen(stdin string, args ...string) answer {
	var out, errs bytes.Buffer
	code := run(context.Background(), args, strings.NewReader(stdin), &out, &errs)
	return answer{code, out.String(), errs.String()}
}

// must runs a command on the house's node and demands that it works.
func (h *house) must(args ...string) string {
	h.t.Helper()
	return must(h.t, h.dir, "", args...)
}

// json runs a command and reads its answer.
func (h *house) json(v any, args ...string) {
	h.t.Helper()
	text := h.must(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), v); err != nil {
		h.t.Fatalf("platen %v: %v in %s", args, err, text)
	}
}

func must(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	a := platen(stdin, append(args, "--dir", dir)...)
	if a.code != exitDone {
		t.Fatalf("platen %v: exit %d: %s%s", args, a.code, a.out, a.err)
	}
	return a.out
}

// wants runs a command that must end with a code and say something.
func wants(t *testing.T, dir string, code int, says string, args ...string) {
	t.Helper()
	a := platen("", append(args, "--dir", dir)...)
	if a.code != code || !strings.Contains(a.out+a.err, says) {
		t.Errorf("platen %v: exit %d, want %d with %q:\n%s%s", args, a.code, code, says, a.out, a.err)
	}
}

// document writes a file of n octets that nobody has seen before.
func document(t *testing.T, n int) (path, sum string) {
	t.Helper()
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	copy(b, fmt.Sprintf("a document of %d octets\n", n))
	b[n-1] = '\n' // a last NUL of a stream without a size is taken for RFC 1179's own (rule 3 of the receiver)
	path = filepath.Join(t.TempDir(), "document.txt")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, digest(b)
}

func digest(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// printed returns the digests of everything in the folder of what was printed.
func (h *house) printed() []string {
	h.t.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, "printed", "*"))
	if err != nil {
		h.t.Fatal(err)
	}
	var sums []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil || strings.HasPrefix(filepath.Base(f), ".") {
			continue
		}
		sums = append(sums, digest(b))
	}
	return sums
}

func (h *house) awaitPrinted(sum string) {
	h.t.Helper()
	await(h.t, "the document comes out", func() bool {
		for _, s := range h.printed() {
			if s == sum {
				return true
			}
		}
		return false
	})
}

// client trusts the node's own authority.
func (h *house) client() *http.Client {
	h.t.Helper()
	pem, err := os.ReadFile(h.demo.CA)
	if err != nil {
		h.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

// call speaks the terminal API.
func (h *house) call(method, path string, body, answer any) int {
	h.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequest(method, h.demo.API+"/"+path, bytes.NewReader(b))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.demo.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := h.client().Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if answer != nil && res.StatusCode < 300 {
		if err := json.Unmarshal(got, answer); err != nil {
			h.t.Fatalf("%s %s: %v in %s", method, path, err, got)
		}
	}
	return res.StatusCode
}

// release signs a person in with a card and releases everything.
func (h *house) release(card string) {
	h.t.Helper()
	var s struct{ Session string }
	if code := h.call("POST", "sessions", map[string]string{"method": "card", "value": card}, &s); code != http.StatusCreated {
		h.t.Fatalf("sign-in: %d", code)
	}
	if code := h.call("POST", "sessions/"+s.Session+"/release", map[string]any{"jobs": "all"}, nil); code != http.StatusAccepted {
		h.t.Fatalf("release: %d", code)
	}
}

// Cards of the demo.
const (
	annasCard = "04A1B2C3D4"
	bensCard  = "04E5F60718"
)

// jobs lists all jobs.
func (h *house) jobs() []jobLine {
	h.t.Helper()
	var list []jobLine
	h.json(&list, "job", "list", "--all")
	return list
}

// awaitState waits until a job is as it should be.
func (h *house) awaitState(id int64, state string) jobLine {
	h.t.Helper()
	var got jobLine
	await(h.t, fmt.Sprintf("job %d becomes %s", id, state), func() bool {
		for _, j := range h.jobs() {
			if j.ID == id {
				got = j
			}
		}
		return got.State == state
	})
	return got
}

// opening is the store of a node that does not run.
func opening(t *testing.T, dir string, do func(ctx context.Context, a *admin)) {
	t.Helper()
	p, err := (where{dir: dir}).find()
	if err != nil {
		t.Fatal(err)
	}
	a, closeStore, err := openAdmin(t.Context(), p, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	do(t.Context(), a)
	if err := closeStore(); err != nil {
		t.Fatal(err)
	}
}
