package catalog

import "golang.org/x/text/language"

// english is the language of the keys. It only needs what depends on a number,
// and where a key says more than a person should read.
var english = &Language{
	Tag: language.English, Name: "English", Dir: "ltr",
	Counted: map[string]Counted{
		"%d pages":       {"1 page", "%d pages"},
		"%d copies":      {"1 copy", "%d copies"},
		"Print all %d":   {"Print", "Print all %d"},
		"about %d pages": {"about 1 page", "about %d pages"},

		"It ends in %d days.": {"It ends in 1 day.", "It ends in %d days."},
		"It is trusted. The first certificate of the chain ends in %d days.": {"It is trusted. The first certificate of the chain ends in 1 day.", "It is trusted. The first certificate of the chain ends in %d days."},

		"%d documents were left because they need their PIN.": {"1 document was left because it needs its PIN.", "%d documents were left because they need their PIN."},
	},
}
