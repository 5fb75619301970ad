package ui

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"platen/fault"
	"platen/site"
)

func TestKeysArePublished(t *testing.T) {
	h := newHouse(t)
	p := h.get("/.well-known/jwks.json")
	if p.status != http.StatusOK || p.body != `{"keys":[]}` || p.header.Get("Content-Type") != "application/jwk-set+json" || p.header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("%d %v %s", p.status, p.header, p.body)
	}
}

// endedTokens refuses every token as one that has ended.
type endedTokens struct{}

func (endedTokens) Token(context.Context, string) (site.Token, error) {
	return site.Token{}, &fault.Error{Op: "test", Kind: fault.Denied, Text: "This API token has ended. Please ask the administrator for a new one."}
}

// reportUntil takes any token as one that ends.
type reportUntil struct{ end time.Time }

func (f reportUntil) Token(context.Context, string) (site.Token, error) {
	return site.Token{ID: "k", Kind: site.AdminToken, Rights: []string{"report"}, Expires: f.end}, nil
}

func TestTokenIsToldItsEnd(t *testing.T) {
	h := newHouse(t)
	for end, want := range map[time.Time]any{{}: nil, h.clock.Now().UTC().Truncate(time.Second): h.clock.Now().UTC().Format(time.RFC3339)} {
		h.server.Admins = reportUntil{end}
		if p, m := h.call("GET", "/api/v1/me", "any", ""); p.status != http.StatusOK || m["expires"] != want {
			t.Errorf("%s, want %v", p.body, want)
		}
	}
}

// A program reads why its token is not taken, so that somebody knows what to do.
func TestEndedTokenIsTold(t *testing.T) {
	h := newHouse(t)
	h.server.Tokens = endedTokens{}
	p, m := h.call("GET", "/api/v1/jobs/1", "any", "")
	if text, _ := m["text"].(string); p.status != http.StatusUnauthorized || !strings.Contains(text, "has ended") || m["reason"] != "token" {
		t.Errorf("%d %s", p.status, p.body)
	}
}
