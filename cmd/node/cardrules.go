package main

import (
	"context"
	"log/slog"

	"platen/directory/cardrule"
	"platen/site"
	"platen/store"
)

// numberOf brings what a reader sends to the number of a card: by the rule of the
// reader, when it is one of its own, else by that of the terminal.
func numberOf(scope store.Scope, log *slog.Logger) func(t site.Terminal, reader, raw string) (string, error) {
	return func(t site.Terminal, reader, raw string) (string, error) {
		text := t.Rule
		if reader != "" {
			if r, err := scope.ReaderByName(context.Background(), reader); err == nil && r.Terminal == t.ID {
				text = r.Rule
			}
		}
		rule, err := cardrule.Parse(text)
		if err != nil { // it was checked when it was set
			log.Warn("cards: the rule of a terminal cannot be read, numbers stay as they are", "terminal", t.Name, "error", err)
			return raw, nil
		}
		return rule.Apply(raw)
	}
}
