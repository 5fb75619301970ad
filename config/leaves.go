package config

import (
	"cmp"
	"net/netip"
	"reflect"
	"slices"
)

// leaf is one key of the file with its value.
type leaf struct {
	key   string
	table string // the repeated table that the key belongs to, "listen.old"; "" for all others
	live  bool
	value reflect.Value // of a repeated table: the whole list, on each of its keys
}

// leaves calls visit for every key of c, in the order of the fields.
func leaves(c Config, visit func(leaf)) {
	walk(reflect.ValueOf(c), "", false, visit)
}

func walk(v reflect.Value, prefix string, live bool, visit func(leaf)) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := prefix + f.Tag.Get("toml")
		live := live || f.Tag.Get("live") != ""
		switch {
		case isTable(f.Type):
			walk(v.Field(i), key+".", live, visit)
		case f.Type.Kind() == reflect.Slice && isTable(f.Type.Elem()):
			list := v.Field(i)
			walk(reflect.Zero(f.Type.Elem()), key+".", live, func(l leaf) {
				l.table, l.value = key, list
				visit(l)
			})
		default:
			visit(leaf{key: key, live: live, value: v.Field(i)})
		}
	}
}

// isTable reports whether a type is a table of the file, not a value that
// happens to be a struct.
func isTable(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[Duration]() && t != reflect.TypeFor[netip.Prefix]() && t != reflect.TypeFor[Network]()
}

// Changes lists the keys whose values differ: those that take effect at once
// and those that need a restart. The keys of a repeated table count as one
// change, named by the table.
func Changes(old, now Config) (live, restart []string) {
	before := map[string]reflect.Value{}
	leaves(old, func(l leaf) { before[l.key] = l.value })
	leaves(now, func(l leaf) {
		if reflect.DeepEqual(before[l.key].Interface(), l.value.Interface()) {
			return
		}
		name := cmp.Or(l.table, l.key)
		if l.live {
			live = append(live, name)
		} else {
			restart = append(restart, name)
		}
	})
	return slices.Compact(live), slices.Compact(restart)
}
