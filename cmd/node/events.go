package main

import (
	"context"
	"encoding/json"

	"platen/site"
	"platen/store"
	"platen/ui"
)

// events keeps what devices report of themselves in the audit trail, where it
// cannot be changed afterwards. Terminals may report one event twice; its id
// stands in the line.
type events struct{ scope store.Scope }

// DeviceEvent keeps one report.
func (e events) DeviceEvent(ctx context.Context, t site.Terminal, ev ui.Event) error {
	detail, err := json.Marshal(ev)
	if err != nil {
		return err
	}
	return e.scope.Audit(ctx, "terminal "+t.Name, "device-"+ev.Kind, "device "+t.DeviceName, string(detail))
}
