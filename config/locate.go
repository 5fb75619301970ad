package config

import (
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// locate fills in the line of each problem whose key the file names. The
// n-th problem of a repeated key is given the n-th line at most: with several
// hot folders it points at the first.
func locate(data []byte, list []Problem) []Problem {
	if len(list) == 0 {
		return nil
	}
	lines := keyLines(data)
	for i := range list {
		list[i].Line = lines[list[i].Key]
	}
	return list
}

// keyLines returns the line on which each key first stands.
func keyLines(data []byte) map[string]int {
	lines := map[string]int{}
	expressions(data, func(key string, line int, _ *unstable.Node) {
		if lines[key] == 0 {
			lines[key] = line
		}
	})
	return lines
}

// findValue names the first key that has the value of e.
func findValue(data []byte, e *valueError) Problem {
	p := Problem{Text: e.text}
	expressions(data, func(key string, line int, n *unstable.Node) {
		if p.Line == 0 && n.Kind == unstable.KeyValue && string(n.Value().Data) == e.raw {
			p.Key, p.Line = key, line
		}
	})
	return p
}

// expressions calls visit for each table and each key with a value.
func expressions(data []byte, visit func(key string, line int, n *unstable.Node)) {
	var p unstable.Parser
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			key, line := keyOf(&p, e)
			table = key + "."
			visit(key, line, e)
		case unstable.KeyValue:
			key, line := keyOf(&p, e)
			visit(table+key, line, e)
		}
	}
}

// keyOf returns the dotted key of an expression and the line it starts on.
func keyOf(p *unstable.Parser, e *unstable.Node) (key string, line int) {
	parts := []string{}
	for it := e.Key(); it.Next(); {
		n := it.Node()
		parts = append(parts, string(n.Data))
		if line == 0 {
			line = p.Shape(n.Raw).Start.Line
		}
	}
	return strings.Join(parts, "."), line
}
