// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// class is how the server compares the values of a field.
type class uint8

const (
	unmapped class = iota
	texts          // keywords, as they are
	integers
	doubles
	booleans
	rounded // numbers that lost digits
	mixed   // in some indices of this class, in others of that; all of the above but rounded
	others  // something else, or rounded in some indices
)

// isExact reports whether the server compares values of the class as this process does.
func (c class) isExact() bool { return c != rounded && c != others }

// classOf returns the class of a type.
func classOf(kind string) class {
	switch kind {
	case "keyword", "constant_keyword", "wildcard":
		return texts
	case "long", "integer", "short", "byte", "unsigned_long":
		return integers
	case "double":
		return doubles
	case "boolean":
		return booleans
	case "float", "half_float", "scaled_float":
		return rounded
	default:
		return others
	}
}

// mapping is the fields of the data streams.
type mapping struct{ fields map[string]class }

// Parts of the names of fields.
const (
	ofRecord, ofScope, ofResource = "attributes.", "scope.attributes.", "resource.attributes."

	timeField      = "@timestamp"
	traceField     = "trace_id"
	nameField      = "event_name"
	severityNumber = "severity_number"
	severityText   = "severity_text"
	bodyText       = "body.text"
	bodyStructured = "body.structured"
	scopeName      = "scope.name"
	sequenceField  = "_seq_no"
	ignoredField   = "_ignored"
)

// prefixes are where an attribute is looked up, the first ones first.
func prefixes() []string { return []string{ofRecord, ofScope, ofResource} }

// learn returns the mapping, as it was some seconds ago at most.
func (r *Reader) learn(ctx context.Context) (*mapping, error) {
	r.mu.Lock()
	known, at := r.known, r.learned
	r.mu.Unlock()
	if known != nil && r.Now().Sub(at) < mappingAge {
		return known, ctx.Err()
	}
	asked := []string{timeField, traceField, nameField, severityNumber, severityText, bodyText, bodyStructured + "*", scopeName}
	for _, prefix := range prefixes() {
		asked = append(asked, prefix+"*")
	}
	var answer struct {
		Fields map[string]map[string]struct {
			Searchable    bool
			MetadataField bool `json:"metadata_field"`
		}
	}
	at = r.Now()
	if err := r.call(ctx, &answer, "_field_caps", url.Values{"fields": {strings.Join(asked, ",")}}, nil); err != nil {
		return nil, err
	}
	found := &mapping{fields: map[string]class{}}
	for name, kinds := range answer.Fields {
		for kind := range kinds {
			if kind == "unmapped" || kind == "object" || kind == "nested" || kind == "passthrough" {
				continue
			}
			found.fields[name] = together(found.fields[name], classOf(kind))
		}
	}
	r.mu.Lock()
	r.known, r.learned = found, at
	r.mu.Unlock()
	return found, nil
}

// together is the class of a field that is of both classes.
func together(a, b class) class {
	switch {
	case a == unmapped || a == b:
		return b
	case a.isExact() && b.isExact():
		return mixed
	default:
		return others
	}
}

// field is a field and how its values are compared.
type field struct {
	path string
	class
}

// places returns the fields that a label may be, the one that goes first first.
func (m *mapping) places(key model.LabelKey) (list []field) {
	for _, name := range key.Names() {
		for _, prefix := range prefixes() {
			list = m.with(list, prefix+name)
		}
	}
	if key.Name() == scopeLabel {
		list = m.with(list, scopeName)
	}
	return list
}

// with adds a field that is mapped.
func (m *mapping) with(list []field, path string) []field {
	if class := m.fields[path]; class != unmapped {
		return append(list, field{path, class})
	}
	return list
}

// scopeLabel is the short name for the scope's name.
const scopeLabel = "scope"

// labels returns the names of all attributes, sorted.
func (m *mapping) labels() []string {
	names := map[string]bool{}
	for path := range m.fields {
		for _, prefix := range prefixes() {
			if name, is := strings.CutPrefix(path, prefix); is {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}
