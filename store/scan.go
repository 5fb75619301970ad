package store

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// when scans milliseconds.
type when struct{ t *time.Time }

func (w when) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("store: a time is %T", v)
	}
	*w.t = time.Time{}
	if n != 0 {
		*w.t = time.UnixMilli(n).UTC()
	}
	return nil
}

// span scans milliseconds into a duration.
type span struct{ d *time.Duration }

func (s span) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("store: a duration is %T", v)
	}
	*s.d = time.Duration(n) * time.Millisecond
	return nil
}

// words scans a list of words that have no space in them.
type words[T ~string] struct{ list *[]T }

func (w words[T]) Scan(v any) error {
	s, err := text(v)
	*w.list = nil
	for _, f := range strings.Fields(s) {
		*w.list = append(*w.list, T(f))
	}
	return err
}

func join[T ~string](list []T) string {
	s := make([]string, len(list))
	for i, x := range list {
		s[i] = string(x)
	}
	return strings.Join(s, " ")
}

// prefixes scans a list of address ranges.
type prefixes struct{ list *[]netip.Prefix }

func (p prefixes) Scan(v any) error {
	s, err := text(v)
	if err != nil {
		return err
	}
	*p.list = nil
	for _, f := range strings.Fields(s) {
		x, err := netip.ParsePrefix(f)
		if err != nil {
			return err
		}
		*p.list = append(*p.list, x)
	}
	return nil
}

func joinPrefixes(list []netip.Prefix) string {
	s := make([]string, len(list))
	for i, x := range list {
		s[i] = x.String()
	}
	return strings.Join(s, " ")
}

// asJSON scans JSON into what to points at.
type asJSON struct{ to any }

func (j asJSON) Scan(v any) error {
	s, err := text(v)
	if err != nil || s == "" {
		return err
	}
	return json.Unmarshal([]byte(s), j.to)
}

// text is a column of text as a driver hands it over.
func text(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	}
	return "", fmt.Errorf("store: a text is %T", v)
}

// formatArgs keeps the arguments of a sentence as JSON.
func formatArgs(args []any) (string, error) {
	if len(args) == 0 {
		return "", nil
	}
	b, err := json.Marshal(args)
	return string(b), err
}

// parseArgs gives them back: texts and whole numbers, as job.Entry says.
func parseArgs(s string) ([]any, error) {
	if s == "" {
		return nil, nil
	}
	var args []any
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err := d.Decode(&args); err != nil {
		return nil, err
	}
	for i, a := range args {
		if n, ok := a.(json.Number); ok {
			if whole, err := n.Int64(); err == nil {
				args[i] = whole
			}
		}
	}
	return args, nil
}
