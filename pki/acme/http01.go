package acme

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"platen/fault"
)

const (
	prefix     = "/.well-known/acme-challenge/"
	maxAnswers = 1000 // of all accounts of a node together
	maxToken   = 512  // octets
)

// Challenges answers the ACME server at port 80, RFC 8555, section 8.3, and nobody
// else: whatever was not asked for is not found. One serves the whole node. The
// zero value is ready.
type Challenges struct {
	mu      sync.RWMutex
	answers map[string]string // by token
}

// ServeHTTP answers with the key authorization of a token that is being proven.
func (c *Challenges) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.URL.Path, prefix)
	answer, known := c.find(token)
	if !ok || !known || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(answer)) // who went away does not need it
}

func (c *Challenges) find(token string) (answer string, known bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	answer, known = c.answers[token]
	return answer, known
}

func (c *Challenges) present(_ context.Context, p *proof) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answers) >= maxAnswers {
		return &fault.Error{Op: "acme.challenges", Kind: fault.Full, Text: "Too many names are being proven at the same time. Try again later."}
	}
	if c.answers == nil {
		c.answers = map[string]string{}
	}
	c.answers[p.token] = p.keyAuth
	return nil
}

func (*Challenges) ready(context.Context) error { return nil }

func (c *Challenges) remove(_ context.Context, p *proof) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.answers, p.token)
	return nil
}
