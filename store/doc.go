// Package store keeps everything a node knows, apart from the documents, in a
// database: the schema, its migrations, and all SQL.
//
// What it promises:
//
//   - A method that returned nil is durable: its transaction is committed with
//     synchronous=FULL. One goroutine writes; callers that come at the same time
//     share one COMMIT, each within a savepoint of its own, and are answered
//     after it. A caller that fails rolls back its own savepoint and nothing
//     else; one that gave up waiting is never half done: it gets its outcome,
//     or ErrUnknown.
//   - A method is one transaction. The state of a job changes only along
//     job.State.CanBecome, by an UPDATE that says what it expects, and the
//     line of history comes in the same transaction.
//   - A query without its tenant does not exist: everything of a customer is
//     reached through a Scope, which gives the tenant to every statement as
//     its first argument. A test reads the SQL for it.
//   - Titles, document names and whatever else of a ticket is personal are
//     sealed before they reach SQL, and NULL when they are forgotten.
//
// SQL is written so that PostgreSQL reads it too: parameters are $1 and so on,
// which dialect.go rewrites for SQLite, and every statement is a constant of type
// query, so that a test finds and prepares each of them on both engines.
//
// The package does not know any protocol, and nothing of files but its own
// database.
package store
