package catalog

// germanReaders is what is said of card readers.
var germanReaders = map[string]string{}
