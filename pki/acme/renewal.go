package acme

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/go-acme/lego/v5/acme/api"
)

// RenewalTime asks the server when a certificate of its should be renewed, RFC 9773:
// a server that takes certificates back says so here, beforehand. It is the same
// moment of the server's window each time. Zero: the server has no opinion.
func (c *Client) RenewalTime(ctx context.Context, leaf *x509.Certificate) (time.Time, error) {
	id, err := api.MakeARICertID(leaf)
	if err != nil {
		return time.Time{}, fmt.Errorf("acme: renewal: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 2*timeout, errSlow)
	defer cancel()
	s, err := c.open(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer s.close()
	info, err := s.core.Certificates.GetRenewalInfo(ctx, id)
	switch {
	case errors.Is(err, api.ErrNoARI):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, s.trouble(ctx, err)
	}
	return within(info.SuggestedWindow.Start, info.SuggestedWindow.End, leaf), nil
}

// within spreads certificates over a window, so that not all nodes come at once.
func within(start, end time.Time, leaf *x509.Certificate) time.Time {
	window := end.Sub(start)
	if window <= 0 {
		return start
	}
	sum := sha256.Sum256(leaf.Raw)
	return start.Add(time.Duration(binary.BigEndian.Uint64(sum[:]) % uint64(window)))
}
