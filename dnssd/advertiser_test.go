package dnssd

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A node prints whether or not it can be found, so nothing that fails here may
// end Serve.
func TestNothingEndsServe(t *testing.T) {
	for name, services := range map[string]func() []Service{
		"no such interface":  func() []Service { return []Service{office()} },
		"somebody's mistake": func() []Service { var s []Service; return s[1:] },
		"nothing to say":     func() []Service { return nil },
		"nothing sayable":    func() []Service { return []Service{{Queue: "x"}} },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var asked atomic.Int32
			third := make(chan struct{})
			a := &Advertiser{Log: slog.New(slog.DiscardHandler), Interfaces: []string{"no such"}, Retry: time.Millisecond}
			a.Services = func() []Service {
				if asked.Add(1) == 3 {
					close(third)
				}
				a.Update()
				return services()
			}
			done := make(chan error, 1)
			go func() { done <- a.Serve(ctx) }()
			<-third
			if len(a.Names()) > 0 || a.HostName() != "" {
				t.Errorf("it says that %v is advertised on %q", a.Names(), a.HostName())
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestServicesThatCannotBe(t *testing.T) {
	var log strings.Builder
	twice, wrong := office(), office()
	twice.Instance, wrong.UUID, wrong.ResourcePath = "Again", "2", ""
	a := &Advertiser{
		Log:      slog.New(slog.NewTextHandler(&log, nil)),
		Services: func() []Service { return []Service{office(), twice, wrong} },
	}
	if got := a.services(); len(got) != 1 || got[0].Instance != office().Instance {
		t.Errorf("got %+v", got)
	}
	if n := strings.Count(log.String(), "queue=secure"); n != 2 {
		t.Errorf("the log says %s", log.String())
	}
}
