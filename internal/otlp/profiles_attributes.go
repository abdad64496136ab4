// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/binary"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// The attributes of locations and mappings that frames keep.
const (
	frameTypeKey   = semconv.ProfileFrameType
	gnuBuildIDKey  = semconv.ProcessExecutableBuildIDGnu
	goBuildIDKey   = semconv.ProcessExecutableBuildIDGo
	hashBuildIDKey = semconv.ProcessExecutableBuildIDHtlhash
)

// attribute translates an entry of the table of attributes.
func (r *profileReader) attribute(i int32) (kv model.KeyValue, ok bool) {
	if known, found := r.table[i]; found {
		return known, true
	}
	table := r.dictionary.AttributeTable()
	if i < 0 || int(i) >= table.Len() {
		return kv, false
	}
	entry := table.At(int(i))
	if kv.Key, ok = r.text(entry.KeyStrindex()); !ok {
		return kv, false
	}
	value := entry.Value()
	if unresolvedValue(value, maxNesting) {
		value = r.resolve(i, value)
	}
	fillValue(&kv.Value, value, maxNesting)
	r.table[i] = kv
	return kv, true
}

func (r *profileReader) resolve(i int32, value pcommon.Value) pcommon.Value {
	if r.resolved == nil {
		r.resolved = resolveValues(r.dictionary)
	}
	if resolved, found := r.resolved[i]; found {
		return resolved
	}
	return value
}

// textAttribute returns one attribute as text, "" if it is not there.
func (r *profileReader) textAttribute(indices pcommon.Int32Slice, key string) (text string, ok bool) {
	for _, i := range indices.All() {
		kv, ok := r.attribute(i)
		if !ok {
			return "", false
		}
		if kv.Key == key {
			text, _, _ := strings.Cut(kv.Value.Text(), "\x00")
			return text[:min(len(text), maxFrameText)], true
		}
	}
	return "", true
}

func (r *profileReader) attributes(indices pcommon.Int32Slice) (list model.Attributes, ok bool) {
	for _, i := range indices.All() {
		kv, ok := r.attribute(i)
		if !ok {
			return nil, false
		}
		if kv.Key != "" { // entry 0 is the null entry
			list = append(list, kv)
		}
	}
	return list, true
}

// set translates the attributes of a sample. The reason why it cannot be is empty if it
// can.
func (r *profileReader) set(indices pcommon.Int32Slice) (set uint32, reason string) {
	if indices.Len() == 0 {
		return model.NoSet, ""
	}
	var key []byte
	for _, i := range indices.All() {
		key = binary.AppendVarint(key, int64(i))
	}
	if set, found := r.sets[string(key)]; found {
		return set, ""
	}
	if r.values += indices.Len(); r.values > maxSetValues {
		return 0, model.ProfileTooLarge
	}
	list, ok := r.attributes(indices)
	if !ok {
		return 0, model.ProfileDangling
	}
	set = uint32(len(r.out.Sets))
	r.out.Sets = append(r.out.Sets, list)
	r.sets[string(key)] = set
	return set, ""
}
