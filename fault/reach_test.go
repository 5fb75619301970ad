package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

func TestReachOf(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := ln.Addr().String()
	ln.Close()
	_, nobody := (&net.Dialer{}).DialContext(t.Context(), "tcp", gone)
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	_, silent := (&net.Dialer{}).DialContext(late, "tcp", gone)
	dial := func(err error) error { return fmt.Errorf("x: %w", &net.OpError{Op: "dial", Net: "tcp", Err: err}) }

	tests := map[string]struct {
		err  error
		want Reach
	}{
		"refused":              {nobody, Refused},
		"too late":             {silent, Silent},
		"a deadline":           {dial(os.ErrDeadlineExceeded), Silent},
		"no such name":         {dial(&net.DNSError{Name: "x", IsNotFound: true}), Unnamed},
		"no name server":       {dial(&net.DNSError{Name: "x", IsTimeout: true}), NameUnasked},
		"a confused one":       {dial(&net.DNSError{Name: "x", IsTemporary: true}), NameUnasked},
		"no route":             {dial(os.NewSyscallError("connect", noWay[1])), NoWay},
		"something else":       {dial(io.EOF), Unreached},
		"no error of a dialer": {errors.New("x"), Unreached},
		"nothing":              {nil, Unreached},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := ReachOf(tt.err); got != tt.want {
				t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
			}
		})
	}
}
