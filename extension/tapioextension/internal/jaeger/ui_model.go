// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"cmp"
	"encoding/base64"
	"math"
	"slices"
	"strconv"

	"github.com/tapio/tapio/internal/model"
)

// The JSON of a trace in the legacy API.
type (
	uiTrace struct {
		TraceID   string               `json:"traceID"`
		Spans     []uiSpan             `json:"spans"`
		Processes map[string]uiProcess `json:"processes"`
		Warnings  []string             `json:"warnings"`
	}

	uiSpan struct {
		TraceID       string        `json:"traceID"`
		SpanID        string        `json:"spanID"`
		OperationName string        `json:"operationName"`
		References    []uiReference `json:"references"`
		StartTime     uint64        `json:"startTime"` // microseconds since the epoch
		Duration      uint64        `json:"duration"`  // microseconds
		Tags          []uiTag       `json:"tags"`
		Logs          []uiLog       `json:"logs"`
		ProcessID     string        `json:"processID"`
		Warnings      []string      `json:"warnings"`
	}

	uiReference struct {
		RefType string `json:"refType"`
		TraceID string `json:"traceID"`
		SpanID  string `json:"spanID"`
	}

	uiLog struct {
		Timestamp uint64  `json:"timestamp"` // microseconds since the epoch
		Fields    []uiTag `json:"fields"`
	}

	uiProcess struct {
		ServiceName string  `json:"serviceName"`
		Tags        []uiTag `json:"tags"`
	}

	uiTag struct {
		Key   string  `json:"key"`
		Type  tagType `json:"type"`
		Value any     `json:"value"`
	}

	tagType string
)

// The types of tags, in the order that Jaeger sorts them in.
const (
	typeString tagType = "string"
	typeBool   tagType = "bool"
	typeInt    tagType = "int64"
	typeFloat  tagType = "float64"
	typeBinary tagType = "binary"
)

const (
	childOf     = "CHILD_OF"
	followsFrom = "FOLLOWS_FROM"
)

// maxSafeInteger is the largest integer that JavaScript has exactly.
const maxSafeInteger = 1<<53 - 1

func tagsOf(attributes model.Attributes) []uiTag {
	tags := make([]uiTag, len(attributes))
	for i := range attributes {
		tags[i] = tagOf(attributes[i].Key, attributes[i].Value)
	}
	return tags
}

func stringTag(key, value string) uiTag { return uiTag{key, typeString, value} }

func tagOf(key string, value model.Value) uiTag {
	switch value.Kind() {
	case model.KindBool:
		return uiTag{key, typeBool, value.Bool()}
	case model.KindInt:
		if n := value.Int(); n > maxSafeInteger || n < -maxSafeInteger {
			return uiTag{key, typeInt, strconv.FormatInt(n, 10)}
		}
		return uiTag{key, typeInt, value.Int()}
	case model.KindDouble:
		if d := value.Double(); math.IsNaN(d) || math.IsInf(d, 0) { // JSON has no such number
			return uiTag{key, typeFloat, value.Text()}
		}
		return uiTag{key, typeFloat, value.Double()}
	case model.KindBytes:
		return uiTag{key, typeBinary, base64.StdEncoding.EncodeToString([]byte(value.Str()))}
	default:
		return stringTag(key, value.Text())
	}
}

// sortTags puts tags in the order of their keys, then of their types and values.
func sortTags(tags []uiTag) {
	slices.SortStableFunc(tags, func(a, b uiTag) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Type.rank(), b.Type.rank()), compareValues(a.Value, b.Value))
	})
}

func (t tagType) rank() int {
	return slices.Index([]tagType{typeString, typeBool, typeInt, typeFloat, typeBinary}, t)
}

// compareValues compares the values of two tags of one type.
func compareValues(a, b any) int {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return cmp.Compare(x, y)
		}
	case bool:
		if y, ok := b.(bool); ok && x != y {
			return map[bool]int{false: -1, true: 1}[x]
		}
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	case float64:
		if y, ok := b.(float64); ok {
			return cmp.Compare(x, y)
		}
	}
	return 0
}
