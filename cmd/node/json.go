package main

import (
	"bytes"
	"encoding"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"
)

// writeJSON writes a value as people and programs can read it. A time that never
// was is null, and a list without anything in it is empty, not null: types of the
// domain say "zero: never", which no other language would guess.
func writeJSON(w io.Writer, v any) error {
	j := &jsonWriter{shapes: map[reflect.Type][]jsonField{}}
	j.leaf = json.NewEncoder(&j.b)
	j.leaf.SetEscapeHTML(false)
	if err := j.value(reflect.ValueOf(v)); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, j.b.Bytes(), "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err := out.WriteTo(w)
	return err
}

// jsonWriter puts a value together. encoding/json writes what has no parts.
type jsonWriter struct {
	b      bytes.Buffer
	leaf   *json.Encoder // to b
	shapes map[reflect.Type][]jsonField
}

func (j *jsonWriter) value(v reflect.Value) error {
	switch {
	case !v.IsValid() || isNever(v):
		j.b.WriteString("null")
		return nil
	case v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface:
		return j.value(v.Elem()) // of nil: not valid
	case speaksJSON(v.Type()):
		return j.whole(v)
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() != reflect.Uint8 { // else a text of octets
			return j.list(v)
		}
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			return j.table(v)
		}
	case reflect.Struct:
		return j.object(v)
	}
	return j.whole(v)
}

func isNever(v reflect.Value) bool {
	return v.Type() == reflect.TypeFor[time.Time]() && v.Interface().(time.Time).IsZero()
}

// speaksJSON reports whether values of a type say themselves how they are written.
func speaksJSON(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// whole leaves a value to encoding/json.
func (j *jsonWriter) whole(v reflect.Value) error {
	err := j.leaf.Encode(v.Interface())
	if err == nil {
		j.b.Truncate(j.b.Len() - 1) // the line end
	}
	return err
}

func (j *jsonWriter) list(v reflect.Value) error {
	j.b.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			j.b.WriteByte(',')
		}
		if err := j.value(v.Index(i)); err != nil {
			return err
		}
	}
	j.b.WriteByte(']')
	return nil
}

func (j *jsonWriter) table(v reflect.Value) error {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	j.b.WriteByte('{')
	for i, k := range keys {
		if err := j.named(i == 0, k.String(), v.MapIndex(k)); err != nil {
			return err
		}
	}
	j.b.WriteByte('}')
	return nil
}

func (j *jsonWriter) object(v reflect.Value) error {
	shape, ok := j.shapes[v.Type()]
	if !ok {
		shape = shapeOf(v.Type(), nil, nil)
		j.shapes[v.Type()] = shape
	}
	first := true
	j.b.WriteByte('{')
	for _, f := range shape {
		value := v.FieldByIndex(f.index)
		if f.omitEmpty && empty(value) {
			continue
		}
		if err := j.named(first, f.name, value); err != nil {
			return err
		}
		first = false
	}
	j.b.WriteByte('}')
	return nil
}

func (j *jsonWriter) named(first bool, name string, v reflect.Value) error {
	if !first {
		j.b.WriteByte(',')
	}
	if err := j.whole(reflect.ValueOf(name)); err != nil {
		return err
	}
	j.b.WriteByte(':')
	return j.value(v)
}

// jsonField is a field of a struct, or of one that is embedded in it.
type jsonField struct {
	name      string
	index     []int
	omitEmpty bool
}

// shapeOf adds the fields of a struct as encoding/json would take them: of two with
// one name the one that is less deep.
func shapeOf(t reflect.Type, at []int, shape []jsonField) []jsonField {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(slices.Clone(at), i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			shape = shapeOf(f.Type, index, shape)
			continue
		}
		if !f.IsExported() || name == "-" {
			continue
		}
		field := jsonField{orElse(name, f.Name), index, options == "omitempty"}
		there := slices.IndexFunc(shape, func(x jsonField) bool { return x.name == field.name })
		switch {
		case there < 0:
			shape = append(shape, field)
		case len(index) < len(shape[there].index):
			shape[there] = field
		}
	}
	return shape
}

// empty is what omitempty leaves out.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String, reflect.Array:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}
