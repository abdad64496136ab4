// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

const (
	// indexedBytes is the longest keyword that the mapping indexes.
	indexedBytes = 1024
	// maxMatches is how many values are compared one by one, and maxTextFields how many
	// fields a text is searched in. Beyond them the records are matched in this process.
	maxMatches, maxTextFields = 100, 200
)

// selector is the condition of a selector.
func (m *mapping) selector(one *model.Selector) condition {
	places := m.places(one.Key)
	switch one.Op {
	case model.OpExists:
		return m.found(places)
	case model.OpNotExists:
		return not(m.found(places))
	case model.OpNotEqual, model.OpNotIn:
		return not(first(places, func(f field) condition { return equals(f, one.Values) }))
	case model.OpEqual, model.OpIn:
		return first(places, func(f field) condition { return equals(f, one.Values) })
	case model.OpNotMatches:
		if len(places) > 0 {
			return roughly(nil)
		}
		return exactly(nil)
	case model.OpMatches:
		return first(places, func(f field) condition { return roughly(has(f).clause) })
	default:
		return first(places, func(f field) condition { return compares(f, one) })
	}
}

// found holds for records that have one of the fields.
func (m *mapping) found(places []field) condition {
	var list []condition
	for _, f := range places {
		list = append(list, has(f))
	}
	return anyOf(list...)
}

// first holds for records whose first field that they have meets a condition.
func first(places []field, holds func(field) condition) condition {
	var list, before []condition
	for _, f := range places {
		one := holds(f)
		if one.exact {
			one = all(append(before, one)...)
		}
		list, before = append(list, one), append(before[:len(before):len(before)], not(has(f)))
	}
	return anyOf(list...)
}

// equals is the condition that a field has one of the values. Match is lenient: a text that
// is no number matches no number.
func equals(f field, values []string) condition {
	if !f.isExact() && f.class != rounded || len(values) > maxMatches && f.class != texts {
		return roughly(has(f).clause)
	}
	exact := f.isExact()
	var list []condition
	for _, value := range values {
		if len(value) > indexedBytes {
			return roughly(has(f).clause)
		}
		exact = exact && (f.class == texts || isCanonical(value))
		list = append(list, exactly(object{"match": object{f.path: object{"query": value, "lenient": true}}}))
	}
	joined := anyOf(list...)
	if len(values) > maxMatches {
		joined = exactly(object{"terms": object{f.path: values}})
	}
	joined.exact = exact
	return joined
}

// isCanonical reports whether a text is no number, or is written as numbers are.
func isCanonical(text string) bool {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return true
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.FormatInt(n, 10) == text
	}
	return strconv.FormatFloat(number, 'g', -1, 64) == text
}

// compares is the condition of a selector that compares numbers.
func compares(f field, one *model.Selector) condition {
	limit, operator := number(one.Values[0]), map[model.Operator]string{
		model.OpGreater: "gt", model.OpAtLeast: "gte", model.OpLess: "lt", model.OpAtMost: "lte",
	}[one.Op]
	switch f.class {
	case integers, doubles:
		return bounds(f.path, object{operator: limit})
	case rounded: // rounding moves no number across the limit, but onto it
		return roughly(object{"range": object{f.path: object{operator[:2] + "e": limit}}})
	case booleans:
		return nothing()
	default:
		return roughly(has(f).clause)
	}
}

// number is the value of a selector that compares numbers.
func number(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	n, _ := strconv.ParseFloat(text, 64) // was checked when the selector was made
	return n
}

// contains is the condition that a text may be somewhere in a record. The server finds parts
// of words, so it is asked for the longest one of the text that is surely in one word.
func (m *mapping) contains(text string) condition {
	word := longestWord(text)
	if word == "" || m.fields[bodyText] == unmapped {
		return roughly(nil)
	}
	in := func(path string) condition {
		return exactly(object{"wildcard": object{path: object{"value": "*" + word + "*", "case_insensitive": true}}})
	}
	list := []condition{in(bodyText), exists(ignoredField)}
	for path, class := range m.fields {
		switch {
		case path == nameField:
			list = append(list, in(path))
		case path == bodyStructured || strings.HasPrefix(path, bodyStructured+"."):
			list = append(list, exists(path))
		case !strings.HasPrefix(path, ofRecord) || class == integers || class == doubles || class == rounded || class == booleans:
		case class == texts:
			list = append(list, in(path))
		default:
			list = append(list, exists(path))
		}
		if len(list) > maxTextFields {
			return roughly(nil)
		}
	}
	return roughly(anyOf(list...).clause)
}

// longestWord returns the longest run of ASCII letters and digits. Other characters may
// divide words, or be folded in another way.
func longestWord(text string) (longest string) {
	separates := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	for _, word := range strings.FieldsFunc(text, separates) {
		if len(word) > len(longest) {
			longest = word
		}
	}
	return longest[:min(len(longest), maxWord)]
}

// maxWord bounds the part of a word that is searched for.
const maxWord = 64
