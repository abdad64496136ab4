// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding"
	"errors"
	"fmt"
	"math/bits"
	"reflect"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
)

// row describes a key. Rows of one top-level block follow each other.
type row struct {
	block, about               string
	key, kind, value, accepted string
	text                       string
}

// keys describes the keys of configurations.
type keys struct {
	comments comments
	rows     []row
	errs     []error
}

// of describes every key of the configuration, whose values are the defaults.
func (k *keys) of(config any) ([]row, error) {
	k.rows, k.errs = nil, nil
	value := reflect.Indirect(reflect.ValueOf(config))
	k.fields("", row{}, value, func(f reflect.StructField) bool { return !opens(f.Type) })
	k.fields("", row{}, value, func(f reflect.StructField) bool { return opens(f.Type) })
	return k.rows, errors.Join(k.errs...)
}

// opens reports whether a field of this type is a block of this module.
func opens(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && strings.HasPrefix(t.PkgPath(), module)
}

func everything(reflect.StructField) bool { return true }

// fields describes the fields of a struct under the prefix.
func (k *keys) fields(prefix string, in row, value reflect.Value, wanted func(reflect.StructField) bool) {
	for _, f := range reflect.VisibleFields(value.Type()) {
		tag, squashed := strings.CutSuffix(f.Tag.Get("mapstructure"), ",squash")
		if len(f.Index) > 1 || !f.IsExported() || tag == "-" || tag == "" && !squashed || !wanted(f) {
			continue
		}
		text, err := k.comments.of(value.Type(), f)
		if err != nil {
			k.errs = append(k.errs, err)
		}
		k.field(prefix+tag, squashed, in, text, value.FieldByIndex(f.Index))
	}
}

// field describes one field, and what is in it.
func (k *keys) field(path string, squashed bool, in row, text string, value reflect.Value) {
	t := value.Type()
	switch {
	case opens(t) && squashed:
		k.fields(path, in, value, everything)
	case opens(t):
		if in.block == "" {
			in = row{block: path, about: text}
		}
		k.fields(path+"::", in, value, everything)
	case t.Kind() == reflect.Pointer && opens(t.Elem()):
		k.add(in, row{key: path, kind: "block", value: "none", text: text})
		k.fields(path+"::", in, reflect.New(t.Elem()).Elem(), everything)
	case t.Kind() == reflect.Slice && opens(t.Elem()):
		k.add(in, row{key: path, kind: "list of blocks", value: defaultOf(value), text: text})
		k.fields(path+"[]::", in, reflect.New(t.Elem()).Elem(), everything)
	case squashed:
		k.add(in, row{key: path + "…", kind: kindOf(t), text: text})
	default:
		k.add(in, row{key: path, kind: kindOf(t), value: defaultOf(value), text: text})
	}
}

// add completes a row: default (of what has no instance) and accepted values are the
// last sentences of the text.
func (k *keys) add(in, r row) {
	r.block, r.about = in.block, in.about
	if text, accepted, ok := strings.Cut(r.text, "Accepted: "); ok {
		r.text, r.accepted = strings.TrimSpace(text), strings.TrimSuffix(accepted, ".")
	}
	if text, written, ok := strings.Cut(r.text, "Default: "); ok {
		r.text, r.value = strings.TrimSpace(text), strings.TrimSuffix(strings.TrimSpace(written), ".")
	} else if strings.Contains(r.key, "[]") && r.value != "none" {
		r.value = ""
	}
	switch {
	case r.text == "":
		k.errs = append(k.errs, fmt.Errorf("%s: add a doc comment to its field", r.key))
	case r.kind == "boolean":
		r.accepted = "`true`, `false`"
	case r.accepted == "" && (r.kind == "integer" || r.kind == "number" || r.kind == "duration" || r.kind == "size"):
		k.errs = append(k.errs, fmt.Errorf("%s: end the doc comment of its field with `Accepted: ...`", r.key))
	}
	k.rows = append(k.rows, r)
}

// kindOf is how a user would call the type.
func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t == reflect.TypeFor[component.ID]():
		return "component id"
	case t.Name() == "ByteSize":
		return "size"
	case strings.HasPrefix(t.Name(), "Optional["):
		name := strings.TrimSuffix(strings.TrimPrefix(t.Name(), "Optional["), "]")
		dot := strings.LastIndex(name, ".")
		return external(name[:dot], name[dot+1:])
	case t.Kind() == reflect.Struct:
		return external(t.PkgPath(), t.Name())
	case t.Kind() == reflect.Slice:
		return "list of " + kindOf(t.Elem()) + "s"
	case t.Kind() == reflect.Map:
		return "map of " + kindOf(t.Elem()) + "s"
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.String:
		return "string"
	case t.Kind() == reflect.Float64:
		return "number"
	}
	return "integer"
}

// external links to the documentation of a block of the collector.
func external(pkg, name string) string {
	return fmt.Sprintf("[%s](https://pkg.go.dev/%s#%s)", pkg[strings.LastIndex(pkg, "/")+1:], pkg, name)
}

// defaultOf prints a default as it would stand in YAML.
func defaultOf(value reflect.Value) string {
	t := value.Type()
	switch {
	case t.Kind() == reflect.Struct && t != reflect.TypeFor[component.ID]():
		return ""
	case value.IsZero() && (t.Kind() == reflect.String || t.Kind() == reflect.Slice || t.Kind() == reflect.Map):
		return "none"
	case t.Kind() == reflect.Slice:
		return list(value)
	case t == reflect.TypeFor[time.Duration]():
		return "`" + duration(time.Duration(value.Int())) + "`"
	case t.Name() == "ByteSize":
		return "`" + size(value) + "`"
	}
	if text, ok := value.Interface().(encoding.TextMarshaler); ok {
		written, _ := text.MarshalText()
		return "`" + string(written) + "`"
	}
	return fmt.Sprintf("`%v`", value.Interface())
}

// list prints a short list in full, and of a long one the number of its elements.
func list(value reflect.Value) string {
	if opens(value.Type().Elem()) || value.Len() > 5 {
		return fmt.Sprintf("%d elements", value.Len())
	}
	var texts []string
	for i := range value.Len() {
		texts = append(texts, fmt.Sprintf("`%v`", value.Index(i).Interface()))
	}
	return strings.Join(texts, ", ")
}

// duration prints 1h0m0s as 1h.
func duration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"0s", "0m"} {
		if trimmed := strings.TrimSuffix(text, zero); trimmed != text && trimmed != "" && !strings.ContainsAny(trimmed[len(trimmed)-1:], "0123456789") {
			text = trimmed
		}
	}
	return text
}

// size prints bytes with the largest binary unit that divides them.
func size(value reflect.Value) string {
	var n uint64
	if value.CanInt() {
		n = uint64(value.Int())
	} else {
		n = value.Uint()
	}
	units := []string{"", "KiB", "MiB", "GiB"}
	unit := min(bits.TrailingZeros64(n)/10, len(units)-1)
	if n == 0 {
		unit = 0
	}
	return fmt.Sprintf("%d%s", n>>(10*unit), units[unit])
}
