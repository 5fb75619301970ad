package foreign

import (
	"slices"
	"strings"
)

// isQueueHead reports whether a row names the columns of a list of queues.
func isQueueHead(r row) bool {
	return slices.ContainsFunc(r.fields, func(t string) bool { return lettersOf(t) == "name" }) &&
		!slices.ContainsFunc(r.fields, func(t string) bool { return !slices.Contains(queueColumns, lettersOf(t)) })
}

var queueColumns = []string{"name", "server", "location", "comment"}

// readQueues reads a list of queues: with a head, or one name a line. The server
// is nothing that a queue has here.
func (b *builder) readQueues(f *file) {
	columns, rows := queueColumns[:1], f.rows
	if isQueueHead(rows[0]) {
		columns = nil
		for _, t := range rows[0].fields {
			columns = append(columns, lettersOf(t))
		}
		rows = rows[1:]
	}
	for _, r := range rows {
		at, q := f.said(r), Queue{Said: f.said(r)}
		for i, column := range columns {
			switch column {
			case "name":
				q.Name = r.at(i)
			case "location":
				q.Location = r.at(i)
			case "comment":
				q.Comment = r.at(i)
			}
		}
		q.Name = q.Name[strings.LastIndexByte(q.Name, '\\')+1:]
		folded := strings.ToLower(q.Name)
		switch {
		case q.Name == "":
			b.note(at, "the name of the queue is missing")
		case slices.ContainsFunc(r.fields[min(len(r.fields), len(columns)):], filled):
			b.note(at, "the queue is not taken: the line has more fields than there are columns")
		case b.queues[folded]:
			b.note(at, "there is a queue %s before, perhaps of another server", q.Name)
		default:
			b.queues[folded] = true
			b.Queues = append(b.Queues, q)
		}
	}
}
