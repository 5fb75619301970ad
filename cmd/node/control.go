package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"platen/fault"
)

// The control socket lets commands run inside the node that is running, so
// that they take effect at once. It is HTTP over a socket that only the node's
// own user and root may open.
//
// A request is POST /v1/command: one line of JSON, a request, then whatever the
// command reads. The answer is a sequence of frames: one octet that says what
// it is, four octets of length, big endian, and the octets.

// Kinds of frames.
const (
	frameOut  = 'o' // standard output
	frameErr  = 'e' // standard error
	frameFile = 'f' // the file that the command writes
	frameExit = 'x' // how it ended, a remoteError; the last frame
)

// maxFrame bounds a frame. Writers stay far below it.
const maxFrame = 1 << 20

// request is what a command line becomes.
type request struct {
	Argv   []string `json:"argv"`
	Secret string   `json:"secret,omitempty"`
}

// remoteError is how a command ended in the node.
type remoteError struct {
	Code int    `json:"code"`
	Text string `json:"text,omitempty"`
}

func (r *remoteError) Error() string { return r.Text }

// frames writes the streams of one answer, one frame at a time.
type frames struct {
	mu    sync.Mutex
	w     io.Writer
	flush func() error
}

func (f *frames) write(kind byte, p []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	head := [5]byte{kind}
	binary.BigEndian.PutUint32(head[1:], uint32(len(p)))
	if _, err := f.w.Write(head[:]); err != nil {
		return err
	}
	if _, err := f.w.Write(p); err != nil {
		return err
	}
	return f.flush()
}

// stream returns a writer of frames of one kind.
func (f *frames) stream(kind byte) io.Writer { return &stream{f, kind} }

type stream struct {
	f    *frames
	kind byte
}

func (s *stream) Write(p []byte) (n int, err error) {
	for n < len(p) {
		part := p[n:min(len(p), n+maxFrame)]
		if err := s.f.write(s.kind, part); err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}

// control answers commands inside the node.
type control struct {
	admin func(actor string) *admin // the node as one caller may use it
	log   *slog.Logger
}

type actorKey struct{}

// serve answers on ln until ctx ends. It owns ln.
func (s *control) serve(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/command", s.command)
	srv := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, actorKey{}, peer(conn))
		},
	}
	defer context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if srv.Shutdown(end) != nil {
			_ = srv.Close()
		}
	})()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control: %w", err)
	}
	return nil
}

func (s *control) command(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	if err := rc.EnableFullDuplex(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	body := bufio.NewReaderSize(r.Body, 64<<10)
	line, err := body.ReadSlice('\n')
	var q request
	if err == nil {
		err = json.Unmarshal(line, &q)
	}
	if err != nil {
		http.Error(w, "this is no command", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	f := &frames{w: w, flush: rc.Flush}
	actor, _ := r.Context().Value(actorKey{}).(string)
	end := s.run(r.Context(), q, actor, body, f)
	b, err := json.Marshal(end)
	if err == nil {
		err = f.write(frameExit, b)
	}
	if err != nil {
		s.log.Debug("control: the caller is gone", "error", err)
	}
}

// run reads the command line again, with the node's own table, and runs it.
func (s *control) run(ctx context.Context, q request, actor string, in io.Reader, f *frames) remoteError {
	cmd, rest, err := find(commands(), q.Argv)
	if err == nil && (cmd == nil || cmd.admin == nil) {
		err = usagef("the running node does not know this command; is it an older version?")
	}
	var c *call
	if err == nil {
		c, err = parse(cmd, rest)
	}
	if err != nil {
		return remoteError{exitCode(err), explain(err)}
	}
	c.in, c.secret, c.actor = in, q.Secret, actor
	c.out, c.err, c.file = f.stream(frameOut), f.stream(frameErr), f.stream(frameFile)
	if err := cmd.admin(ctx, s.admin(actor), c); err != nil {
		if exitCode(err) == exitFailed {
			s.log.Warn("control: a command failed", "command", cmd.name, "actor", actor, "error", err)
		}
		if errors.Is(err, errSaid) {
			return remoteError{Code: exitCode(err)}
		}
		return remoteError{exitCode(err), explain(err)}
	}
	return remoteError{Code: exitDone}
}

// remote runs a command in the node behind the socket. reached is false when no
// node answers there. A node that ends may leave a connection that it has never
// looked at: so the command goes out only when the node asks for it (RFC 9110,
// section 10.1.1), and one that was not sent has not been reached.
func remote(ctx context.Context, socket string, c *call) (reached bool, err error) {
	conn, err := dialControl(ctx, socket)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	q, err := json.Marshal(request{c.argv, c.secret})
	if err != nil {
		return true, err
	}
	in, out := io.Pipe()
	body := &begun{Reader: in}
	go func() {
		_, err := out.Write(append(q, '\n'))
		if err == nil && c.in != nil {
			_, err = io.Copy(out, c.in)
		}
		out.CloseWithError(err)
	}()
	defer func() { _ = in.Close() }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node/v1/command", body)
	if err != nil {
		return true, err
	}
	r.Header.Set("Expect", "100-continue")
	client := &http.Client{Transport: &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		DisableKeepAlives: true, ExpectContinueTimeout: startStop,
	}}
	res, err := client.Do(r)
	if err != nil && ctx.Err() == nil && !body.begun.Load() {
		return false, fmt.Errorf("%w: %w", errNotReached, err)
	}
	if err != nil {
		return true, fmt.Errorf("the running node: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return true, fmt.Errorf("the running node answered %s", res.Status)
	}
	return true, c.receive(res.Body)
}

// begun is a request's body that knows whether anything of it was sent.
type begun struct {
	io.Reader
	begun atomic.Bool
}

func (b *begun) Read(p []byte) (int, error) {
	b.begun.Store(true)
	return b.Reader.Read(p)
}

// errNotReached is a connection that ended before the node asked for the command.
var errNotReached = errors.New("the running node")

// receive copies the frames of an answer to where they belong.
func (c *call) receive(r io.Reader) error {
	br := bufio.NewReader(r)
	for {
		var head [5]byte
		if _, err := io.ReadFull(br, head[:]); err != nil {
			return &fault.Error{Op: "control.receive", Kind: fault.Unavailable, Text: "The node ended before the command had an answer.", Err: err}
		}
		n := binary.BigEndian.Uint32(head[1:])
		if n > maxFrame {
			return fmt.Errorf("control: a frame of %d octets", n)
		}
		body := io.LimitReader(br, int64(n))
		var to io.Writer
		switch head[0] {
		case frameOut:
			to = c.out
		case frameErr:
			to = c.err
		case frameFile:
			to = c.file
		case frameExit:
			return exitOf(body)
		default:
			to = io.Discard
		}
		if _, err := io.Copy(to, body); err != nil {
			return err
		}
	}
}

func exitOf(r io.Reader) error {
	var end remoteError
	if err := json.NewDecoder(r).Decode(&end); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	switch {
	case end.Code == exitDone:
		return nil
	case end.Text == "":
		return errSaid
	}
	return &end
}
