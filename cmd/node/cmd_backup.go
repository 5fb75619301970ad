package main

import (
	"context"
	"flag"
	"fmt"
)

func backupCommands() []*command {
	var documents bool
	return []*command{
		{
			name: "backup", args: "FILE", least: 1, most: 1, summary: "write the database, the keys and the configuration to one encrypted file",
			more: "The node may be running. The file is encrypted with a passphrase that is asked for: it holds everything that\n" +
				"documents and cards are protected with. Without --documents the documents stay where they are.",
			examples: []string{"backup /srv/backup/platen.age", "backup platen.age --documents --password-file /root/passphrase"},
			flags:    func(fs *flag.FlagSet) { fs.BoolVar(&documents, "documents", false, "with the documents that wait") },
			secret:   &secret{what: "passphrase", twice: true}, output: &output{"backup", 0},
			admin: func(ctx context.Context, a *admin, c *call) error {
				if len(c.secret) < minPassphrase {
					return usagef("the passphrase needs at least %d characters", minPassphrase)
				}
				if err := a.writeBackup(ctx, c.file, c.secret, documents); err != nil {
					return err
				}
				if !c.json && c.args[0] != "-" {
					fmt.Fprintf(c.out, "Wrote %s.\n", c.args[0])
				}
				return a.audit(ctx, "backup", "", "")
			},
		},
		{
			name: "restore", args: "FILE", least: 1, most: 1, summary: "make a node from a backup, in an empty data folder",
			more: "What was printed after the backup is not in it, but no number of the ledger is given twice. Documents that\n" +
				"are in DIR/spool/docs at the first start and that the backup does not know become held jobs again.",
			examples: []string{"restore /srv/backup/platen.age --dir /var/lib/platen"},
			secret:   &secret{what: "passphrase"}, input: &input{"backup", 0},
			local: restore,
		},
	}
}
