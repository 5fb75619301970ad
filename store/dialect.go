package store

import (
	"strings"
	"sync"
)

// A query is the text of one statement. All of them are constants, so that the
// tests find them by reading the source: no statement is put together at run
// time. $1 is always the tenant, unless the statement speaks of the whole store.
type query string

// A dialect says how an engine spells what the two of them spell differently.
type dialect struct {
	param  func(string) string // a query's parameters
	schema *strings.Replacer   // a migration's types and table options
}

// SQLite binds a bare $2 by order of appearance, silently; ?2 by its number.
// STRICT makes it keep the types that PostgreSQL would keep.
var sqliteDialect = dialect{
	param: func(q string) string { return strings.ReplaceAll(q, "$", "?") },
	schema: strings.NewReplacer(
		"BIGINT", "INTEGER",
		"BYTEA", "BLOB",
		"\n);", "\n) STRICT;",
		"\n) /* clustered */;", "\n) STRICT, WITHOUT ROWID;",
	),
}

// Migrations are written in PostgreSQL's words, so there is nothing to say.
var postgresDialect = dialect{
	param:  func(q string) string { return q },
	schema: strings.NewReplacer(),
}

// spelled holds the statements as their engine reads them.
type spelled struct {
	dialect dialect
	texts   sync.Map // query → spelling
}

// spelling is a statement as its engine reads it, and what it writes to.
type spelling struct {
	text   string
	writes tableSet
}

func (s *spelled) of(q query) spelling {
	if t, ok := s.texts.Load(q); ok {
		return t.(spelling)
	}
	t := spelling{s.dialect.param(string(q)), writes(string(q))}
	s.texts.Store(q, t)
	return t
}

func (s *spelled) text(q query) string { return s.of(q).text }
