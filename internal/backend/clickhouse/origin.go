// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// origins shares what many rows of an answer have in common.
type origins struct {
	resources map[string]*model.Resource
	scopes    map[string]*model.Scope
	metrics   map[string]*model.Metric
	series    map[string]*model.Series
}

func newOrigins() *origins {
	return &origins{
		resources: map[string]*model.Resource{}, scopes: map[string]*model.Scope{},
		metrics: map[string]*model.Metric{}, series: map[string]*model.Series{},
	}
}

// attributesOf puts the keys and values of a map together; nil for none.
func attributesOf(keys, values []string) model.Attributes {
	if len(keys) == 0 {
		return nil
	}
	list := make(model.Attributes, len(keys))
	for i, key := range keys {
		list[i] = model.KeyValue{Key: key, Value: model.StringValue(values[i])}
	}
	return list
}

// shared is the columns of a resource and a scope.
type shared struct {
	resourceURL, scopeURL     string
	resourceKeys, resourceVal []string
	scopeName, scopeVersion   string
	scopeKeys, scopeVal       []string
	scopeDropped              uint32
}

// sharedColumns are the expressions of shared, in the order of its targets.
func (f *source) sharedColumns(schemaURLs bool, dropped string) []string {
	resourceURL, scopeURL, scope := "''", "''", f.scope
	if schemaURLs {
		resourceURL, scopeURL = "ResourceSchemaUrl", "ScopeSchemaUrl"
	}
	if scope == "" {
		scope = emptyMap
	}
	return []string{
		text(resourceURL), text(scopeURL), keys(f.resource), values(f.resource), "ScopeName", text("ScopeVersion"), keys(scope), values(scope),
		"toUInt32(" + dropped + ")",
	}
}

// columnList joins columns, and gives those a name that have none: in a subquery two of one
// name would be the same.
func columnList(columns []string) string {
	named := make([]string, len(columns))
	for i, column := range columns {
		if named[i] = column; !strings.Contains(column, " AS ") {
			named[i] += " AS c" + strconv.Itoa(i)
		}
	}
	return strings.Join(named, ", ")
}

func (s *shared) targets() []any {
	return []any{
		&s.resourceURL, &s.scopeURL, &s.resourceKeys, &s.resourceVal, &s.scopeName, &s.scopeVersion, &s.scopeKeys, &s.scopeVal, &s.scopeDropped,
	}
}

const emptyMap = "CAST(map(), 'Map(String, String)')"

func text(expression string) string { return "toString(" + expression + ")" }
func keys(m string) string          { return "CAST(mapKeys(" + m + "), 'Array(String)')" }
func values(m string) string        { return "CAST(mapValues(" + m + "), 'Array(String)')" }

// nested returns the keys and values of an array of maps.
func nested(column string) []string {
	return []string{
		"CAST(arrayMap(m -> mapKeys(m), " + column + "), 'Array(Array(String))')", "CAST(arrayMap(m -> mapValues(m), " + column + "), 'Array(Array(String))')",
	}
}

// joined is a key for texts.
func joined(lists ...[]string) string {
	var key strings.Builder
	for _, list := range lists {
		for _, text := range list {
			key.WriteString(text)
			key.WriteByte(0)
		}
		key.WriteByte(1)
	}
	return key.String()
}

// of returns the resource and the scope.
func (o *origins) of(s *shared) (*model.Resource, *model.Scope) {
	key := joined([]string{s.resourceURL}, s.resourceKeys, s.resourceVal)
	resource := o.resources[key]
	if resource == nil {
		resource = &model.Resource{SchemaURL: s.resourceURL, Attributes: attributesOf(s.resourceKeys, s.resourceVal)}
		o.resources[key] = resource
	}
	key = joined([]string{s.scopeURL, s.scopeName, s.scopeVersion}, s.scopeKeys, s.scopeVal)
	scope := o.scopes[key]
	if scope == nil {
		scope = &model.Scope{
			Name: s.scopeName, Version: s.scopeVersion, SchemaURL: s.scopeURL, Attributes: attributesOf(s.scopeKeys, s.scopeVal),
			DroppedAttributes: s.scopeDropped,
		}
		o.scopes[key] = scope
	}
	return resource, scope
}

// traceID reads an ID; what is none is zero.
func traceID(text string) (id model.TraceID) {
	if len(text) == hex.EncodedLen(len(id)) {
		_, _ = hex.Decode(id[:], []byte(text))
	}
	return id
}

func spanID(text string) (id model.SpanID) {
	if len(text) == hex.EncodedLen(len(id)) {
		_, _ = hex.Decode(id[:], []byte(text))
	}
	return id
}
