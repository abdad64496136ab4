// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// fields are the attributes of a finding's record while it is written. What is
// empty is left out, and read back as empty.
type fields []model.KeyValue

func (f *fields) put(key string, v model.Value) {
	*f = append(*f, model.KeyValue{Key: key, Value: v})
}

func (f *fields) text(key, v string) {
	if v != "" {
		f.put(key, model.StringValue(v))
	}
}

func (f *fields) number(key string, v float64) { f.put(key, model.DoubleValue(v)) }

func (f *fields) count(key string, v uint64) {
	if v != 0 {
		f.put(key, model.IntValue(int64(v)))
	}
}

func (f *fields) flag(key string, v bool) {
	if v {
		f.put(key, model.BoolValue(true))
	}
}

func (f *fields) texts(key string, list []string) {
	putList(f, key, list, model.StringValue)
}

func putList[T any](f *fields, key string, list []T, value func(T) model.Value) {
	if len(list) == 0 {
		return
	}
	values := make([]model.Value, len(list))
	for i := range list {
		values[i] = value(list[i])
	}
	f.put(key, model.ArrayValue(values...))
}

// known are the fields that a record was found to have. A field that is missing
// or cannot be read as of our type reads as empty: the record may come from a later
// version, or from someone else.
type known model.Attributes

func (k known) get(key string, kind model.Kind) model.Value {
	v, _ := model.Attributes(k).Get(key)
	return asKind(v, kind)
}

func (k known) text(key string) string    { return k.get(key, model.KindString).Str() }
func (k known) number(key string) float64 { return k.get(key, model.KindDouble).Double() }
func (k known) count(key string) uint64   { return uint64(k.get(key, model.KindInt).Int()) }
func (k known) flag(key string) bool      { return k.get(key, model.KindBool).Bool() }
func (k known) fields(key string) known   { return known(k.get(key, model.KindMap).Items()) }

func (k known) texts(key string) []string {
	return listOf(k, key, model.KindString, model.Value.Str)
}

// listOf reads an array; entries of another kind are passed over.
func listOf[T any](k known, key string, kind model.Kind, read func(model.Value) T) []T {
	var list []T
	for _, item := range k.get(key, model.KindArray).Items() {
		if v := asKind(item.Value, kind); v.Kind() == kind {
			list = append(list, read(v))
		}
	}
	return list
}

func recordsOf[T any](k known, key string, read func(known) T) []T {
	return listOf(k, key, model.KindMap, func(v model.Value) T { return read(known(v.Items())) })
}

// enum is a type whose values have names in records, by position; 0 has none.
type enum interface{ ~uint8 }

func putEnum[E enum](f *fields, key string, names []string, v E) {
	if int(v) < len(names) {
		f.text(key, names[v])
	}
}

// getEnum reads a name; one that this version does not know is unspecified.
func getEnum[E enum](k known, key string, names []string) E {
	return E(max(slices.Index(names, k.text(key)), 0))
}

func correlationTypes() []string {
	return []string{"", "temporal", "causal", "spatial", "semantic", "statistical", "trace_context"}
}

func groupTypes() []string {
	return []string{"", "deployment", "failure_cascade", "resource_exhaustion", "network", "dependency", "security"}
}

func groupStates() []string {
	return []string{"", "open", "growing", "closed", "merged", "recovering", "resolved", "unknown", "reopened"}
}

func groupKinds() []string   { return []string{"", "incident", "observation", "change"} }
func audiences() []string    { return []string{"", "developer", "sre", "manager"} }
func impactLevels() []string { return []string{"", "low", "medium", "high", "critical"} }
func urgencies() []string    { return []string{"", "low", "medium", "high"} }
func evidenceKinds() []string {
	return []string{"", "event", "span", "metric", "correlation", "profile"}
}

func entityKinds() []string {
	return []string{"", "service", "pod", "node", "container", "process", "operation", "code", "peer", "device"}
}
