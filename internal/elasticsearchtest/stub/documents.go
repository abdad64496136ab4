// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// document is what was written, and how it is indexed.
type document struct {
	index, id string
	seq       int64
	source    json.RawMessage
	at        int64 // @timestamp in nanoseconds, as the server reads it
	fields    map[string][]any
	ignored   []any
}

// ignoreAbove is the longest keyword that is indexed.
const ignoreAbove = 1024

// index reads a document as the OTel templates of Elasticsearch map it.
func (s *Server) index(name string, source json.RawMessage) error {
	var raw map[string]any
	if err := decode(source, &raw); err != nil {
		return err
	}
	text, _ := raw["@timestamp"].(string)
	at, err := readTime(text)
	if err != nil {
		return fmt.Errorf("@timestamp: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written++
	d := &document{index: name, id: "doc" + strconv.Itoa(s.written), seq: int64(len(s.byIndex[name])), source: slices.Clone(source), at: at, fields: map[string][]any{}}
	if s.SkewSequences {
		d.seq = int64(s.written * 7919 % 100_003) // as if there were several shards
	}
	d.addAll(raw, "")
	s.byIndex[name] = append(s.byIndex[name], d)
	for field, values := range d.fields {
		for _, value := range values {
			s.types[field] = append(s.types[field], typeOf(field, value))
		}
		slices.Sort(s.types[field])
		s.types[field] = slices.Compact(s.types[field])
	}
	return nil
}

// readTime reads milliseconds with a fraction, of which six digits count.
func readTime(text string) (int64, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	milliseconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not what the exporter writes", text)
	}
	nanoseconds, err := strconv.ParseInt((fraction + "000000")[:6], 10, 64)
	return milliseconds*1e6 + nanoseconds, err
}

// dynamic are the objects whose fields are mapped as they come, under names with dots.
func dynamic(path string) bool {
	return path == "attributes" || path == "resource.attributes" || path == "scope.attributes"
}

func (d *document) addAll(object map[string]any, prefix string) {
	for key, value := range object {
		name := prefix + key
		nested, is := value.(map[string]any)
		switch {
		case !is:
			d.add(name, value)
		case name == "body", name == "resource", name == "scope", dynamic(name):
			d.addAll(nested, name+".")
		case name == "data_stream":
		default:
			d.fields[name] = []any{flattened{}}
		}
	}
}

// flattened is a value that is an object.
type flattened struct{}

func (d *document) add(name string, value any) {
	switch one := value.(type) {
	case []any:
		for _, item := range one {
			d.add(name, item)
		}
	case json.Number:
		if typed := number(one); name == "severity_number" || strings.Contains(name, "attributes.") {
			d.fields[name] = append(d.fields[name], typed)
		} else {
			d.fields[name] = append(d.fields[name], one.String())
		}
	case string:
		if name != "body.text" && len(one) > ignoreAbove {
			d.ignored = append(d.ignored, name)
			return
		}
		if name != "@timestamp" && name != "observed_timestamp" {
			d.fields[name] = append(d.fields[name], one)
		}
	case bool:
		d.fields[name] = append(d.fields[name], one)
	case map[string]any:
		d.fields[name] = append(d.fields[name], flattened{})
	}
}

// number reads a number as dynamic mapping does: those with a point lose digits.
func number(text json.Number) any {
	if n, err := strconv.ParseInt(text.String(), 10, 64); err == nil {
		return n
	}
	n, _ := text.Float64()
	return float64(float32(n))
}

// typeOf is the type to which the templates map a value.
func typeOf(field string, value any) string {
	switch field {
	case "body.text":
		return "match_only_text"
	case "severity_number":
		return "byte"
	}
	switch value.(type) {
	case string:
		return "keyword"
	case int64:
		return "long"
	case float64:
		return "float"
	case bool:
		return "boolean"
	default:
		return "flattened"
	}
}

// in returns the documents of data streams, by patterns.
func (s *Server) in(patterns []string) (list []*document) {
	for name, documents := range s.byIndex {
		if slices.ContainsFunc(patterns, func(pattern string) bool { matched, _ := path.Match(pattern, name); return matched }) {
			list = append(list, documents...)
		}
	}
	return list
}

// bulk takes documents as the exporter writes them.
func (s *Server) bulk(body []byte, stream string) (items []any, err error) {
	lines := bytes.Split(bytes.TrimSpace(body), []byte("\n"))
	if len(lines)%2 != 0 {
		return nil, fmt.Errorf("%d lines are no pairs of action and document", len(lines))
	}
	for i := 0; i < len(lines); i += 2 {
		var action struct {
			Create *struct {
				Index string `json:"_index"`
			}
		}
		if err := json.Unmarshal(lines[i], &action); err != nil || action.Create == nil {
			return nil, fmt.Errorf("action %s: must be create", lines[i])
		}
		name := action.Create.Index
		if name == "" {
			name = stream
		}
		if err := s.index(name, lines[i+1]); err != nil {
			return nil, err
		}
		items = append(items, map[string]any{"create": map[string]any{"_index": name, "_id": "x", "status": 201}})
	}
	return items, nil
}

// milliseconds is the time as it is sorted and compared here.
func (d *document) milliseconds() int64 { return d.at / 1e6 }

func decode(body []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	return decoder.Decode(to)
}
