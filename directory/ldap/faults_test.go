package ldap

import (
	"context"
	"net"
	"strings"
	"testing"

	"platen/fault"
)

// Whoever sets a directory up learns whether the port, the name or the network is
// wrong.
func TestWhyNobodyAnswers(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "ldap://" + ln.Addr().String()
	ln.Close()
	fails := func(err error) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
		}
	}
	tests := map[string]struct {
		dial func(context.Context, string, string) (net.Conn, error)
		says string
	}{
		"refused":        {nil, "refuses the connection"},
		"no such name":   {fails(&net.DNSError{IsNotFound: true}), "nobody knows this name"},
		"no name server": {fails(&net.DNSError{IsTimeout: true}), "no name server answers"},
		"silent":         {fails(context.DeadlineExceeded), "does not answer in time"},
		"nobody knows":   {fails(net.ErrClosed), "cannot be reached."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := (&dialer{cfg: Config{Servers: []string{gone}, AllowPlain: true}, dial: tt.dial}).connect(t.Context(), gone, 1)
			if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Text(err), tt.says) {
				t.Errorf("%v: %s", err, fault.Text(err))
			}
		})
	}
}
