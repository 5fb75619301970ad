package main

import (
	"context"
	"encoding/hex"
	"time"

	"platen/device"
	"platen/fault"
	"platen/site"
)

// Devices that can say what they can do are asked when they are new, and then so
// often; one that does not answer is asked again soon.
const (
	describeEvery = 6 * time.Hour
	describeLook  = 5 * time.Second
	describeAgain = 2 * time.Minute
	describeTime  = 30 * time.Second
)

// describeDevices keeps what devices say of themselves, for queues and for
// people at a terminal, until ctx ends.
func (n *node) describeDevices(ctx context.Context) error {
	tick := time.NewTicker(describeLook)
	defer tick.Stop()
	notBefore := map[string]time.Time{}
	for {
		list, err := n.scope.Devices(ctx)
		if err != nil && ctx.Err() == nil {
			n.log.Warn("devices could not be listed", "error", err)
		}
		for _, d := range list {
			now := time.Now()
			if !d.Enabled || now.Sub(d.Capabilities.Asked) < describeEvery && !d.Capabilities.Asked.After(now) || now.Before(notBefore[d.ID+d.URI]) {
				continue
			}
			if err := n.describe(ctx, d); err != nil {
				n.log.Info("a device did not say what it can do", "device", d.Name, "error", err)
			}
			notBefore[d.ID+d.URI] = now.Add(describeAgain)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// describe asks one device, if it is of a kind that can be asked.
func (n *node) describe(ctx context.Context, d site.Device) error {
	dev, err := device.New(d, n.deviceSettings())
	if err != nil {
		return err
	}
	asked, ok := dev.(device.Describer)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, describeTime)
	defer cancel()
	c, err := asked.Capabilities(ctx)
	if err != nil {
		return err
	}
	return n.scope.SetCapabilities(ctx, d.ID, c)
}

// pinKey remembers the key that a device shows first, and refuses another one, unless
// an authority vouches for it that was named for devices. Then that is remembered: the
// device does not go back to a key for which nobody vouches.
func (n *node) pinKey(ctx context.Context, id string, key []byte, vouched bool) error {
	is := hex.EncodeToString(key)
	if vouched {
		return n.keepKey(ctx, id, is)
	}
	first, err := n.scope.PinKey(ctx, id, is)
	if err != nil {
		return err
	}
	if first != is {
		return &fault.Error{Op: "node.pinKey", Kind: fault.Conflict, Text: "The key of the device has changed."}
	}
	return nil
}

func (n *node) keepKey(ctx context.Context, id, key string) error {
	d, err := n.scope.Device(ctx, id)
	if err != nil || d.Key == key {
		return err
	}
	if d.Key != "" {
		n.log.Info("a device shows a new key, and an authority vouches for it", "device", d.Name)
	}
	return n.scope.SetKey(ctx, id, key)
}

func forgetKeyCommand() *command {
	return &command{
		name: "device forget-key", args: "NAME", least: 1, most: 1, summary: "forget the key of a device that is reached by ipps; the next one that it shows is the one that counts",
		examples: []string{"device forget-key mfp-2"},
		admin: func(ctx context.Context, a *admin, c *call) error {
			d, err := a.device(ctx, c.args[0])
			if err != nil {
				return err
			}
			d.Key = ""
			if err := a.scope.PutDevice(ctx, d); err != nil {
				return err
			}
			return a.audit(ctx, "device.forget-key", "device "+d.Name, "")
		},
	}
}
