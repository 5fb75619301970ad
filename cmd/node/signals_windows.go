package main

import (
	"context"
	"errors"
	"os"

	"github.com/kardianos/service"

	"platen/config"
)

func stopSignals() []os.Signal   { return []os.Signal{os.Interrupt} }
func hangupSignals() []os.Signal { return []os.Signal{noSignal{}} }

// noSignal never comes: Windows has no hang-up.
type noSignal struct{}

func (noSignal) String() string { return "none" }
func (noSignal) Signal()        {}

// underServiceManager runs the node, and speaks with the service control
// manager when that has started the process.
func underServiceManager(ctx context.Context, serve func(context.Context) error) error {
	if service.Interactive() {
		return serve(ctx)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m := &managed{serve: func() error { return serve(ctx) }, stop: stop, done: make(chan error, 1)}
	s, err := service.New(m, &service.Config{Name: "platen", Arguments: []string{"run", "--config", config.DefaultPath()}})
	if err != nil {
		return err
	}
	return errors.Join(s.Run(), m.err)
}

// managed is the node as the service control manager sees it.
type managed struct {
	serve func() error
	stop  func()
	done  chan error
	err   error
}

// Start begins and returns at once. A node that ends by itself ends the
// process, so that the manager can start it again.
func (m *managed) Start(s service.Service) error {
	go func() {
		err := m.serve()
		m.done <- err
		if err != nil {
			_ = s.Stop()
		}
	}()
	return nil
}

// Stop ends the node and waits for it.
func (m *managed) Stop(service.Service) error {
	m.stop()
	m.err = <-m.done
	return m.err
}
