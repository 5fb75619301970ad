package acme

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	timeout   = 30 * time.Second // of one request with its answer
	maxAnswer = 1 << 20          // octets of one answer
)

// transport keeps what lego reads within limits, and remembers what lego does not
// pass on.
type transport struct {
	*http.Transport
	opening context.Context // while the directory is fetched, for which lego takes no context; else nil
	after   time.Duration   // Retry-After of the last answer; 0: it had none
	status  int             // of the last answer; 0: there was none
	later   time.Duration   // Retry-After of a refusal for now, with 429 or 503
}

// http returns what speaks to the server. It follows no redirect: what is signed
// for one server is not carried to another.
func (c *Client) http(t *transport) *http.Client {
	t.Transport = &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Roots},
		TLSHandshakeTimeout: timeout, MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns: 4, IdleConnTimeout: time.Minute,
	}
	return &http.Client{
		Transport: t, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	end := func() {}
	if t.opening != nil {
		ctx, cancel := context.WithCancel(r.Context())
		stop := context.AfterFunc(t.opening, cancel)
		r, end = r.WithContext(ctx), func() { stop(); cancel() }
	}
	t.after, t.status = 0, 0
	resp, err := t.Transport.RoundTrip(r)
	if err != nil {
		end()
		return nil, err
	}
	t.after, t.status = retryAfter(resp.Header.Get("Retry-After"), time.Now()), resp.StatusCode
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		t.later = t.after
	}
	resp.Body = &body{http.MaxBytesReader(nil, resp.Body, maxAnswer), end}
	return resp, nil
}

type body struct {
	io.ReadCloser
	end func()
}

func (b *body) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

// retryAfter reads the header's two forms, RFC 9110, section 10.2.3. What is neither,
// or in the past, is 0; nobody is believed for longer than a month.
func retryAfter(v string, now time.Time) time.Duration {
	const longest = 31 * 24 * time.Hour
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return min(time.Duration(s)*time.Second, longest)
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), longest)
}
