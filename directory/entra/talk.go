package entra

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"platen/fault"
	"platen/internal/webtrust"
)

// Limits of one read.
const (
	maxPage    = 16 << 20 // octets of one answer
	maxPages   = 100_000
	maxEntries = 1_000_000  // people and groups
	maxMembers = 10_000_000 // of all groups together
	maxLink    = 32 << 10   // octets of a nextLink or deltaLink

	askTimeout = 30 * time.Second
	maxWait    = 5 * time.Minute // for a service that is busy, all waits of a read together
	maxBackOff = time.Minute
)

// talk is one read, or one probe: what it has asked and waited so far. It is
// used by one goroutine.
type talk struct {
	*Source
	client   http.Client
	progress func(int)

	waited  time.Duration
	pages   int
	entries int
	members int
}

func (s *Source) talk(progress func(int)) *talk {
	t := &talk{Source: s, progress: progress, client: http.Client{Transport: s.transport()}}
	if s.HTTP != nil {
		t.client = *s.HTTP
	}
	// A redirect would carry the token, or the secret, to where nobody has sent it.
	t.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return t
}

func (s *Source) transport() http.RoundTripper {
	s.once.Do(func() {
		s.http = &webtrust.Transport{Roots: s.Roots, Make: func(conf *tls.Config) *http.Transport {
			return &http.Transport{
				Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, ForceAttemptHTTP2: true,
				TLSHandshakeTimeout: 10 * time.Second, MaxIdleConns: 4, IdleConnTimeout: time.Minute,
			}
		}}
	})
	return s.http
}

// answer is what a server said, read as a whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request to Graph, with a token, and patience for a service that
// is busy. A token that is refused is replaced once.
func (t *talk) ask(ctx context.Context, method, link string, h http.Header, body []byte) (answer, error) {
	renewed := false
	for {
		var token string
		a, err := t.patiently(ctx, func(ctx context.Context) (answer, error) {
			var err error
			if token, err = t.bearer(ctx); err != nil {
				return answer{}, err
			}
			with := h.Clone()
			if with == nil {
				with = http.Header{}
			}
			with.Set("Authorization", "Bearer "+token)
			return t.once(ctx, method, link, with, body)
		})
		if err != nil || a.status != http.StatusUnauthorized || renewed {
			return a, err
		}
		renewed = true
		t.forget(token)
	}
}

// patiently repeats what a busy service has not done.
func (t *talk) patiently(ctx context.Context, do func(context.Context) (answer, error)) (answer, error) {
	for attempt := 0; ; attempt++ {
		a, err := do(ctx)
		if err != nil || !busy(a.status) {
			return a, err
		}
		t.Log.Debug("entra: the service is busy", "status", a.status, "attempt", attempt)
		if err := t.wait(ctx, attempt, a.header.Get("Retry-After")); err != nil {
			return answer{}, err
		}
	}
}

// busy is said by the statuses after which a request may be repeated.
func busy(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout, 509:
		return true
	}
	return false
}

// wait waits as long as the service asks, or longer each time when it does not
// say. What is left of maxWait bounds it.
func (t *talk) wait(ctx context.Context, attempt int, retryAfter string) error {
	d, ok := parseRetryAfter(retryAfter, t.now())
	if !ok {
		d = min(time.Second<<min(attempt, 10), maxBackOff)
	}
	if d = max(d, time.Second); t.waited+d > maxWait {
		return &fault.Error{Op: "entra.wait", Kind: fault.Unavailable, Text: "Microsoft is too busy to answer. Try again later.",
			Err: fmt.Errorf("waited %v, asked to wait another %v", t.waited, d)}
	}
	t.waited += d
	sleep := t.sleep
	if sleep == nil {
		sleep = sleepFor
	}
	if err := sleep(ctx, d); err != nil {
		return ended(err)
	}
	return nil
}

func sleepFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// parseRetryAfter reads seconds, which Graph writes with a fraction at times,
// or a date (RFC 9110, section 10.2.3).
func parseRetryAfter(s string, now time.Time) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if seconds, err := strconv.ParseFloat(s, 64); err == nil && seconds >= 0 && !math.IsInf(seconds, 0) && !math.IsNaN(seconds) {
		return time.Duration(math.Ceil(min(seconds, 24*3600))) * time.Second, true
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0, false
	}
	return max(at.Sub(now), 0), true
}

// once sends one request and reads the whole answer, within askTimeout and
// maxPage.
func (t *talk) once(ctx context.Context, method, link string, h http.Header, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, link, bytes.NewReader(body))
	if err != nil {
		return answer{}, unusable("entra.ask", errors.New("not an address"))
	}
	for name, values := range h {
		req.Header[name] = values
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return answer{}, unreachable(req.URL.Host, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	if err != nil {
		return answer{}, unreachable(req.URL.Host, err)
	}
	if len(b) > maxPage {
		return answer{}, tooMuch(fmt.Errorf("an answer of more than %d octets", maxPage))
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: b}, nil
}

// get asks Graph for what link names. Whatever is not 200 is an error.
func (t *talk) get(ctx context.Context, link string, h http.Header) ([]byte, error) {
	a, err := t.ask(ctx, http.MethodGet, link, h, nil)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, refusal(a.status, a.body)
	}
	return a.body, nil
}

// url returns the address of something in Graph, such as "/users/delta".
func (t *talk) url(path string) string { return t.Config.graph() + "/v1.0" + path }

// query adds OData options to a path: names and values in turn. Their values
// are names of attributes and numbers, which need no escaping.
func query(path string, options ...string) string {
	for i := 0; i+1 < len(options); i += 2 {
		path += string("?&"[min(i, 1)]) + options[i] + "=" + options[i+1]
	}
	return path
}

// follow checks a link that the service gave. A link to somewhere else would
// take the token there.
func (t *talk) follow(link string) error {
	u, err := url.Parse(link)
	if err != nil || len(link) > maxLink || u.Opaque != "" {
		return unusable("entra.link", errors.New("a link that is none"))
	}
	home, err := url.Parse(t.Config.graph())
	if err != nil {
		return fmt.Errorf("entra.link: %w", err)
	}
	if u.User != nil || !strings.EqualFold(u.Scheme, home.Scheme) || hostPort(u) != hostPort(home) || !strings.HasPrefix(u.Path, "/v1.0/") {
		return &fault.Error{Op: "entra.link", Kind: fault.Invalid, Args: []any{printable(u.Host, 100)},
			Text: "Microsoft Graph refers to another server, %s. Nothing was sent there."}
	}
	return nil
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" && strings.EqualFold(u.Scheme, "https") {
		port = "443"
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}
