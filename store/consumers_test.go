package store_test

import (
	"platen/directory"
	"platen/dispatch"
	"platen/intake"
	"platen/release"
	"platen/spool"
	"platen/store"
	"platen/ui"
)

// What the other packages ask for, and who has it.
var (
	_ intake.Store      = store.Scope{}
	_ intake.CountStore = store.Scope{}
	_ directory.Lookup  = store.Scope{}
	_ spool.KeeperStore = store.Scope{}
	_ dispatch.Store    = store.Scope{}
	_ release.Store     = store.Scope{}
	_ ui.Site           = store.Scope{}
	_ ui.Jobs           = store.Scope{}
	_ store.Sealer      = (*spool.Keys)(nil)
)
