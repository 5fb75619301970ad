package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
)

// How long a round may take.
const (
	askTimeout   = 30 * time.Second
	bringTimeout = 40 * time.Minute // to send everybody over a slow line
	bringAnswer  = 12 * time.Minute // until the node has stored what it was sent; it gives up before
	dialTimeout  = 15 * time.Second
)

// Pauses after a round that failed.
const (
	firstPause = time.Minute
	mostPause  = 15 * time.Minute
)

// bringer reads a directory on this machine and brings its people to a node. It
// keeps nothing: the node knows where it stands.
type bringer struct {
	cfg   *dirConfig
	log   *slog.Logger
	token func() (string, error)
	http  *http.Client
	pause time.Duration // after the first failure
}

// newBringer makes one of a file.
func newBringer(cfg *dirConfig, log *slog.Logger) (*bringer, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CA != "" {
		pem, err := readSmall(cfg.CA, maxPEM)
		if err != nil {
			return nil, cfg.unreadable("ca", cfg.CA, err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(pem) {
			return nil, cfg.wrong(cfg.line("ca"), "there is no certificate in %s", cfg.CA)
		}
	}
	// Connections are not kept: the node would close them between two rounds, and
	// a request with people on a connection that has just closed is not repeated.
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, DisableKeepAlives: true,
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: bringAnswer, MaxResponseHeaderBytes: 64 << 10,
	}
	return &bringer{
		cfg: cfg, log: log, token: cfg.token, pause: firstPause,
		http: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// serve brings people until ctx ends.
func (b *bringer) serve(ctx context.Context) error {
	pause := b.pause
	for {
		next := b.cfg.Every.Duration
		r, err := b.bring(ctx, directory.Ask{})
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was told to stop
		case err != nil:
			next, pause = pause, min(2*pause, mostPause)
			b.log.Warn("sync-directory: nobody was brought", "why", explain(err), "again_in", next.String(), "error", err)
		default:
			pause = b.pause
			b.tell(&r)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(next):
		}
	}
}

func (b *bringer) tell(r *directory.Run) {
	level := slog.LevelDebug
	if r.New+r.Changed+r.Removed+r.Groups > 0 {
		level = slog.LevelInfo
	}
	b.log.Log(context.Background(), level, "sync-directory: people were brought", "full", r.Full, "read", r.Read, "new", r.New, "changed", r.Changed,
		"disabled", r.Disabled, "removed", r.Removed, "groups", r.Groups, "passed_over", len(r.Problems))
	if r.Waiting > 0 {
		b.log.Warn("sync-directory: somebody must approve at the node that people have left", "why", r.Why, "waiting", r.Waiting)
	}
}

// bring is one round. When somebody else has brought something meanwhile it begins
// anew, once.
func (b *bringer) bring(ctx context.Context, how directory.Ask) (directory.Run, error) {
	r, err := b.once(ctx, how)
	if a := (*nodeAnswer)(nil); errors.As(err, &a) && a.Reason == "begin-anew" {
		return b.once(ctx, how)
	}
	return r, err
}

// once asks the node where it stands, reads what has changed since, and brings it.
func (b *bringer) once(ctx context.Context, how directory.Ask) (directory.Run, error) {
	st, err := b.stand(ctx)
	if err != nil {
		return directory.Run{}, err
	}
	src, mark, err := b.open()
	if err != nil {
		return directory.Run{}, err
	}
	// A cursor of another directory, or of other attributes, is none here.
	cursor, ours := bytes.CutPrefix(st.Cursor, mark)
	if how.Full || st.FullDue || !ours {
		cursor = nil
	}
	a, err := src.Read(ctx, cursor, func(n int) {
		if how.Progress != nil {
			how.Progress("read", n, 0)
		}
	})
	if err != nil {
		return directory.Run{}, err
	}
	if len(a.Cursor) > 0 {
		a.Cursor = slices.Concat(mark, a.Cursor)
	}
	what := directory.Brought{Answer: a, DryRun: how.DryRun}
	if !a.Full {
		what.Since = st.Cursor
	}
	if how.Progress != nil {
		how.Progress("bring", len(a.People)+len(a.Groups), len(a.People)+len(a.Groups))
	}
	return b.send(ctx, &what)
}

// open makes the source anew: its secret may be another one.
func (b *bringer) open() (directory.Source, []byte, error) {
	secret, err := b.cfg.secret("secret_file", b.cfg.SecretFile)
	if err != nil {
		return nil, nil, err
	}
	return b.cfg.source(secret, b.log)
}

// stand asks the node what it knows.
func (b *bringer) stand(ctx context.Context) (directory.Stand, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var st directory.Stand
	err := b.ask(ctx, http.MethodGet, nil, &st)
	if err == nil && st.Source == "" {
		err = b.strange(nil)
	}
	return st, err
}

// send brings an answer, and returns when the node has stored it.
func (b *bringer) send(ctx context.Context, what *directory.Brought) (directory.Run, error) {
	ctx, cancel := context.WithTimeout(ctx, bringTimeout)
	defer cancel()
	r, w := io.Pipe()
	defer func() { _ = r.Close() }() // ends the writer when the node has answered early
	go func() {
		z := gzip.NewWriter(w)
		_ = w.CloseWithError(errors.Join(what.Write(z), z.Close()))
	}()
	var run directory.Run
	err := b.ask(ctx, http.MethodPost, r, &run)
	if err == nil && run.Began.IsZero() {
		err = b.strange(nil)
	}
	return run, err
}

// ask makes one request. Its answer is read within limits, and must be what a node
// answers: a portal of the network in between says 200 to everything.
func (b *bringer) ask(ctx context.Context, method string, body io.Reader, into any) error {
	token, err := b.token()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(b.cfg.Node, "/")+"/api/v1/directory", body) //nolint:gosec // the address is the administrator's to choose
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", "platen/"+version)
	req.Header.Set("Accept-Language", "en")
	if body != nil {
		req.Header.Set("Content-Type", "application/x-ndjson")
		req.Header.Set("Content-Encoding", "gzip")
	}
	res, err := b.http.Do(req) //nolint:gosec // the same
	if err != nil {
		return b.unreached(ctx, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxNodeAnswer+1))
	if err != nil {
		return b.unreached(ctx, err)
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if len(text) > maxNodeAnswer || kind != "application/json" {
		return b.strange(fmt.Errorf("status %d, %q, %d octets", res.StatusCode, kind, len(text)))
	}
	if res.StatusCode != http.StatusOK {
		return b.refused(res.StatusCode, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return b.strange(err)
	}
	return nil
}

// maxNodeAnswer bounds what a node answers: a cursor, mostly.
const maxNodeAnswer = 8 << 20

// nodeAnswer is an error that the node has answered.
type nodeAnswer struct {
	Status    int    `json:"-"`
	Reason    string `json:"reason"`
	Text      string `json:"text"`
	Reference string `json:"reference"`
}

func (a *nodeAnswer) Error() string {
	return fmt.Sprintf("the node answers %d %s (reference %s)", a.Status, plain(a.Reason), plain(a.Reference))
}

// refused says what the node did not like, and what can be done.
func (b *bringer) refused(status int, text []byte) error {
	const op = "syncdir.refused"
	a := &nodeAnswer{Status: status}
	if err := json.Unmarshal(text, a); err != nil || a.Reason == "" {
		return b.strange(fmt.Errorf("status %d: %w", status, err))
	}
	switch status {
	case http.StatusUnauthorized:
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "The node %s does not know the token in %s. Make a new one there, for a source of the kind push: platen source token NAME", Args: []any{b.cfg.Node, b.cfg.TokenFile}, Err: a}
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return &fault.Error{Op: op, Kind: fault.NotFound, Text: "The node %s does not take people of other machines. Is it as new as this program?", Args: []any{b.cfg.Node}, Err: a}
	}
	kind := map[int]fault.Kind{
		http.StatusBadRequest: fault.Invalid, http.StatusForbidden: fault.Denied, http.StatusConflict: fault.Conflict,
		http.StatusRequestEntityTooLarge: fault.TooLarge, http.StatusInsufficientStorage: fault.Full,
	}[status]
	if kind == fault.Internal {
		kind = fault.Unavailable
	}
	return &fault.Error{Op: op, Kind: kind, Text: "The node %s says: %s", Args: []any{b.cfg.Node, plain(a.Text)}, Err: a}
}

// strange says that what answers is no node.
func (b *bringer) strange(err error) error {
	return &fault.Error{Op: "syncdir.strange", Kind: fault.Invalid, Text: "What answers at %s is no Platen node, or something stands in between. Check the address and the proxy.", Args: []any{b.cfg.Node}, Err: err}
}

// unreached says why there was no answer.
func (b *bringer) unreached(ctx context.Context, err error) error {
	const op = "syncdir.unreached"
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err // without the address, which the sentence has
	}
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var bad x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "The certificate of %s is from an authority that is not trusted here. Copy the node's ca.pem to this machine, by a way that nobody else can change, and name it: ca = \"FILE\"", Args: []any{b.cfg.Node}, Err: err}
	case errors.As(err, &name):
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "The certificate of %s is for another name. Use one of its names, or add this one to the node's: [web] names", Args: []any{b.cfg.Node}, Err: err}
	case errors.As(err, &bad):
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "The certificate of %s is not valid now. Check the clock of this machine, and the certificate.", Args: []any{b.cfg.Node}, Err: err}
	}
	return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "The node %s cannot be reached, or broke off. Check the address, the network and the proxy.", Args: []any{b.cfg.Node}, Err: err}
}
