// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stub

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// condition reports whether a document meets a query.
type condition func(d *document) (bool, error)

// compile reads a query.
func compile(query json.RawMessage) (condition, error) {
	kind, body, err := only(query)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "match_none":
		return func(*document) (bool, error) { return false, nil }, nil
	case "bool":
		return boolean(body)
	case "exists":
		var one struct{ Field string }
		if err := json.Unmarshal(body, &one); err != nil {
			return nil, err
		}
		if one.Field == "_ignored" {
			return func(d *document) (bool, error) { return len(d.ignored) > 0, nil }, nil
		}
		return func(d *document) (bool, error) { return len(d.fields[one.Field]) > 0, nil }, nil
	case "ids":
		var one struct{ Values []string }
		err := json.Unmarshal(body, &one)
		return func(d *document) (bool, error) { return slices.Contains(one.Values, d.id), nil }, err
	}
	field, body, err := only(body)
	if err != nil {
		return nil, err
	}
	return onField(kind, field, body)
}

// only returns the one key of an object and its value.
func only(encoded json.RawMessage) (key string, value json.RawMessage, err error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &object); err != nil || len(object) != 1 {
		return "", nil, fmt.Errorf("[parsing_exception] %.100s: must be an object with one key", encoded)
	}
	for key, value = range object {
	}
	return key, value, nil
}

func boolean(body json.RawMessage) (condition, error) {
	var one struct {
		Filter, Should []json.RawMessage
		MustNot        []json.RawMessage `json:"must_not"`
		Minimum        int               `json:"minimum_should_match"`
	}
	if err := json.Unmarshal(body, &one); err != nil {
		return nil, err
	}
	var parts [3][]condition
	for i, queries := range [...][]json.RawMessage{one.Filter, one.MustNot, one.Should} {
		for _, query := range queries {
			part, err := compile(query)
			if err != nil {
				return nil, err
			}
			parts[i] = append(parts[i], part)
		}
	}
	return func(d *document) (bool, error) {
		var met [3]int
		for i, conditions := range parts {
			for _, holds := range conditions {
				is, err := holds(d)
				if err != nil {
					return false, err
				}
				if is {
					met[i]++
				}
			}
		}
		return met[0] == len(parts[0]) && met[1] == 0 && met[2] >= one.Minimum, nil
	}, nil
}

// onField reads a query on one field.
func onField(kind, field string, body json.RawMessage) (condition, error) {
	var one struct {
		Value   string
		Query   string
		Lenient bool
		Fold    bool `json:"case_insensitive"`
	}
	switch kind {
	case "range":
		return inRange(field, body)
	case "terms":
		var list []string
		err := json.Unmarshal(body, &list)
		return anyValue(field, func(text string) bool { return slices.Contains(list, text) }), err
	}
	if err := json.Unmarshal(body, &one); err != nil {
		return nil, err
	}
	switch kind {
	case "term":
		if field == "_ignored" {
			return func(d *document) (bool, error) { return slices.Contains(d.ignored, any(one.Value)), nil }, nil
		}
		return anyValue(field, func(text string) bool { return text == one.Value }), nil
	case "match":
		return func(d *document) (bool, error) {
			for _, v := range d.fields[field] {
				if is, err := equals(v, one.Query); is || err != nil && !one.Lenient {
					return is, err
				}
			}
			return false, nil
		}, nil
	case "prefix":
		return anyValue(field, func(text string) bool { return strings.HasPrefix(text, one.Value) }), nil
	case "wildcard":
		return anyText(field, "^"+strings.ReplaceAll(regexp.QuoteMeta(one.Value), "\\*", ".*")+"$", one.Fold)
	case "regexp":
		return anyText(field, "^("+one.Value+")$", one.Fold)
	default:
		return nil, fmt.Errorf("[parsing_exception] unknown query [%s]", kind)
	}
}

// anyValue holds for documents one of whose texts does.
func anyValue(field string, holds func(text string) bool) condition {
	return func(d *document) (bool, error) {
		return slices.ContainsFunc(d.fields[field], func(v any) bool { text, is := v.(string); return is && holds(text) }), nil
	}
}

// equals compares a value with a text, as the type of the value requires.
func equals(value any, text string) (bool, error) {
	switch v := value.(type) {
	case string:
		return v == text, nil
	case bool:
		b, err := strconv.ParseBool(text)
		return err == nil && v == b, err
	case int64:
		n, err := strconv.ParseFloat(text, 64)
		return err == nil && float64(v) == n, err
	case float64:
		n, err := strconv.ParseFloat(text, 64)
		return err == nil && v == float64(float32(n)), err
	default:
		return false, fmt.Errorf("[query_shard_exception] objects are not compared here")
	}
}

// anyText holds for documents of which a term of a text, or a keyword, matches.
func anyText(field, expression string, fold bool) (condition, error) {
	if fold {
		expression = "(?i)" + expression
	}
	compiled, err := regexp.Compile("(?s)" + expression)
	return func(d *document) (bool, error) {
		for _, v := range d.fields[field] {
			text, is := v.(string)
			if !is {
				return false, fmt.Errorf("[query_shard_exception] field [%s] is no keyword", field)
			}
			terms := []string{text}
			if field == "body.text" {
				terms = strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
			}
			if slices.ContainsFunc(terms, compiled.MatchString) {
				return true, nil
			}
		}
		return false, nil
	}, err
}

// inRange compares times to the millisecond, and numbers.
func inRange(field string, body json.RawMessage) (condition, error) {
	var encoded map[string]json.RawMessage
	if err := json.Unmarshal(body, &encoded); err != nil {
		return nil, err
	}
	if field == "@timestamp" {
		if string(encoded["format"]) != `"epoch_millis"` {
			return nil, fmt.Errorf("[parsing_exception] times have the format %s", encoded["format"])
		}
		delete(encoded, "format")
	}
	limits := map[string]float64{}
	for operator, limit := range encoded {
		n, err := strconv.ParseFloat(strings.Trim(string(limit), `"`), 64)
		if err != nil {
			return nil, fmt.Errorf("[parsing_exception] %s: %w", limit, err)
		}
		limits[operator] = n
	}
	return func(d *document) (bool, error) {
		values := d.fields[field]
		if field == "@timestamp" {
			values = []any{d.milliseconds()}
		}
		for _, v := range values {
			if holds, err := isWithin(field, v, limits); holds || err != nil {
				return holds, err
			}
		}
		return false, nil
	}, nil
}

func isWithin(field string, value any, limits map[string]float64) (bool, error) {
	for operator, limit := range limits {
		order, err := compareNumber(field, value, limit)
		if err != nil {
			return false, err
		}
		if !map[string]bool{"gt": order > 0, "gte": order >= 0, "lt": order < 0, "lte": order <= 0}[operator] {
			return false, nil
		}
	}
	return true, nil
}

func compareNumber(field string, value any, limit float64) (int, error) {
	var n float64
	switch v := value.(type) {
	case int64:
		n = float64(v)
	case float64:
		n, limit = v, float64(float32(limit))
	default:
		return 0, fmt.Errorf("[query_shard_exception] field [%s] is no number", field)
	}
	switch {
	case n < limit:
		return -1, nil
	case n > limit:
		return 1, nil
	default:
		return 0, nil
	}
}
