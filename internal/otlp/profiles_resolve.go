// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"

	"github.com/tapio/tapio/internal/model"
)

// Texts in the attributes of profiles may be indexes of the dictionary's table of texts.
// The OTLP receiver of the collector (v0.158.0) does not resolve them, and pdata has no
// call that does, other than decoding: the keys and values look empty.

// originAttributes are the attributes of resources and scopes, each resource followed by
// its scopes.
type originAttributes struct {
	resolved []pcommon.Map // none if nothing had to be resolved
	next     int
}

func resolveOrigins(from pprofile.Profiles) *originAttributes {
	var maps []pcommon.Map
	needed := false
	for _, ofResource := range from.ResourceProfiles().All() {
		maps = append(maps, ofResource.Resource().Attributes())
		for _, ofScope := range ofResource.ScopeProfiles().All() {
			maps = append(maps, ofScope.Scope().Attributes())
		}
	}
	for _, m := range maps {
		needed = needed || unresolved(m)
	}
	if !needed {
		return &originAttributes{}
	}
	return &originAttributes{resolved: resolve(from.Dictionary(), maps)}
}

// replace puts the resolved attributes of the next origin in place of those read.
func (o *originAttributes) replace(attributes *model.Attributes) {
	if o.next < len(o.resolved) {
		*attributes = ownAttributesFrom(o.resolved[o.next])
	}
	o.next++
}

// unresolved reports whether a map has keys or values that look empty.
func unresolved(m pcommon.Map) bool {
	for key, value := range m.All() {
		if key == "" || unresolvedValue(value, maxNesting) {
			return true
		}
	}
	return false
}

func unresolvedValue(v pcommon.Value, room int) bool {
	switch {
	case room == 0:
		return false
	case v.Type() == pcommon.ValueTypeMap:
		for key, item := range v.Map().All() {
			if key == "" || unresolvedValue(item, room-1) {
				return true
			}
		}
	case v.Type() == pcommon.ValueTypeSlice:
		for _, item := range v.Slice().All() {
			if unresolvedValue(item, room-1) {
				return true
			}
		}
	}
	return v.Type() == pcommon.ValueTypeEmpty
}

// resolve encodes and decodes the maps with the texts of the dictionary. Encoding makes
// references of the texts that are none, so that decoding finds references only.
func resolve(dictionary pprofile.ProfilesDictionary, maps []pcommon.Map) []pcommon.Map {
	scratch := pprofile.NewProfiles()
	dictionary.StringTable().CopyTo(scratch.Dictionary().StringTable())
	if scratch.Dictionary().StringTable().Len() == 0 {
		scratch.Dictionary().StringTable().Append("")
	}
	for _, m := range maps {
		m.CopyTo(scratch.ResourceProfiles().AppendEmpty().Resource().Attributes())
	}
	encoded, err := (&pprofile.ProtoMarshaler{}).MarshalProfiles(scratch)
	if err != nil {
		return maps // as they came
	}
	decoded, err := (&pprofile.ProtoUnmarshaler{}).UnmarshalProfiles(encoded)
	if err != nil {
		return maps
	}
	out := make([]pcommon.Map, len(maps))
	for i, ofResource := range decoded.ResourceProfiles().All() {
		out[i] = ofResource.Resource().Attributes()
	}
	return out
}

// resolveValues resolves the values in the table of attributes, those that need it all at
// once. The result is by index in the table.
func resolveValues(dictionary pprofile.ProfilesDictionary) map[int32]pcommon.Value {
	var maps []pcommon.Map
	var indices []int32
	for i, entry := range dictionary.AttributeTable().All() {
		if unresolvedValue(entry.Value(), maxNesting) {
			m := pcommon.NewMap()
			entry.Value().CopyTo(m.PutEmpty("value"))
			maps, indices = append(maps, m), append(indices, int32(i))
		}
	}
	values := make(map[int32]pcommon.Value, len(indices))
	for j, m := range resolve(dictionary, maps) {
		if value, found := m.Get("value"); found {
			values[indices[j]] = value
		}
	}
	return values
}
