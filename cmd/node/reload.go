package main

import (
	"context"
	"reflect"
	"strings"
	"time"

	"platen/config"
)

// watchConfig reads the configuration again when its file changes.
func (n *node) watchConfig(ctx context.Context) error {
	if n.place.file == "" {
		<-ctx.Done()
		return nil
	}
	w := &config.Watcher{Path: n.place.file, Current: n.place.read, Log: n.log.Logger, Every: 500 * time.Millisecond, Apply: n.apply}
	return w.Serve(ctx)
}

// apply puts a new configuration in force, as far as it can be while the node
// runs, and says what needs a restart.
func (n *node) apply(old, now config.Config) {
	live, restart := config.Changes(old, now)
	n.mu.Lock()
	before := n.cfg
	next := n.place.merge(now, before)
	n.cfg = next
	n.mu.Unlock()

	n.log.setLevel(next.Log.Level)
	if n.lpd != nil && !reflect.DeepEqual(lpdOf(before), lpdOf(next)) {
		n.lpd.replace(n.lpdServer(next))
	}
	if !reflect.DeepEqual(webOf(before), webOf(next)) {
		n.replaceWeb(next)
	}
	if !reflect.DeepEqual(ippOf(before), ippOf(next)) {
		n.replaceIPP(next)
	}
	if !reflect.DeepEqual(before.Listen.Old, next.Listen.Old) {
		n.old.update()
	}
	n.folders.set(next.HotFolders)
	if len(live) > 0 {
		n.log.Info("configuration: new values are in force", "keys", strings.Join(live, " "))
	}
	if len(restart) > 0 {
		n.log.Warn("configuration: new values need a restart", "keys", strings.Join(restart, " "))
	}
}

// lpdOf, ippOf and webOf are what the doors are built from.
func lpdOf(c config.Config) any { return []any{c.LPD, c.Trusted} }
func ippOf(c config.Config) any { return c.IPP }
func webOf(c config.Config) any { return []any{c.Web, c.Metrics} }

// merge is the configuration in force after a reload: what the file says now
// where it can change, what was there before where it cannot.
func (p *place) merge(file, before config.Config) config.Config {
	next := before
	next.Log.Level, next.LPD, next.Trusted, next.Metrics, next.HotFolders = file.Log.Level, file.LPD, file.Trusted, file.Metrics, file.HotFolders
	next.Web.MaxConnections, next.Web.MaxPerClient, next.Web.HeaderTimeout = file.Web.MaxConnections, file.Web.MaxPerClient, file.Web.HeaderTimeout
	next.Listen.Old = file.Listen.Old
	advertise, on := before.IPP.Advertise, before.IPP.Interfaces
	next.IPP = file.IPP
	next.IPP.Advertise, next.IPP.Interfaces = advertise, on
	return next
}
