package oidc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"time"

	"platen/internal/webtrust"
)

const (
	timeout   = 10 * time.Second // of one request to the provider with its answer, and of all that Finish asks
	maxAnswer = 1 << 20          // octets of one answer
)

var errTooLong = errors.New("oidc: the answer is longer than a MiB")

// client returns what speaks to the provider. It follows no redirect: a token
// endpoint that points elsewhere would take the secret with it.
func (p *Provider) client() *http.Client {
	p.once.Do(func() {
		rt := p.HTTP
		if rt == nil {
			rt = p.transport()
		}
		p.http = &http.Client{
			Transport:     bounded{rt},
			Timeout:       timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	})
	return p.http
}

func (p *Provider) transport() http.RoundTripper {
	roots := p.Roots
	if p.Config.CA != "" {
		own := x509.NewCertPool()
		own.AppendCertsFromPEM([]byte(p.Config.CA))
		roots = func() *x509.CertPool { return own }
	}
	return &webtrust.Transport{Roots: roots, Make: func(conf *tls.Config) *http.Transport {
		return &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: timeout, MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns: 4, IdleConnTimeout: time.Minute,
		}
	}}
}

// bounded ends an answer that does not end by itself. It counts what is left
// after decompression.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{resp.Body, maxAnswer}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	if len(p) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= n
	return n, err
}
