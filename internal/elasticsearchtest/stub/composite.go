// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stub

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// source is one of a composite aggregation.
type source struct {
	name     string
	field    string
	interval int64 // of times, in milliseconds
}

func sourcesOf(encoded []map[string]map[string]map[string]any) (list []source, err error) {
	for _, one := range encoded {
		for name, kinds := range one {
			from := source{name: name}
			if by := kinds["terms"]; by != nil {
				from.field, _ = by["field"].(string)
				if by["missing_bucket"] != true {
					return nil, fmt.Errorf("source %s leaves documents out", name)
				}
			} else if by := kinds["date_histogram"]; by != nil {
				from.field, _ = by["field"].(string)
				text, _ := by["fixed_interval"].(string)
				if _, err := fmt.Sscanf(strings.TrimSuffix(text, "ms"), "%d", &from.interval); err != nil || from.field != "@timestamp" {
					return nil, fmt.Errorf("source %s: %v is not what the backend sends", name, by)
				}
			} else {
				return nil, fmt.Errorf("source %s is of an unknown kind", name)
			}
			list = append(list, from)
		}
	}
	return list, nil
}

func composite(documents []*document, body json.RawMessage, further map[string]json.RawMessage) (any, error) {
	var one struct {
		Sources []map[string]map[string]map[string]any
		Size    int
		After   map[string]any
	}
	if err := json.Unmarshal(body, &one); err != nil {
		return nil, err
	}
	sources, err := sourcesOf(one.Sources)
	if err != nil {
		return nil, err
	}
	groups, keys := map[string][]*document{}, map[string]map[string]any{}
	for _, d := range documents {
		key, parts := map[string]any{}, []string{}
		for _, from := range sources {
			var value any
			if values := d.fields[from.field]; len(values) > 0 {
				value = values[0]
			}
			if from.interval > 0 {
				value = d.milliseconds() - d.milliseconds()%from.interval
			}
			key[from.name] = value
			parts = append(parts, fmt.Sprintf("%T%020v", value, value))
		}
		place := strings.Join(parts, "\x00")
		groups[place], keys[place] = append(groups[place], d), key
	}
	return pageOfGroups(groups, keys, one.Size, one.After, further)
}

func pageOfGroups(groups map[string][]*document, keys map[string]map[string]any, size int, after map[string]any, further map[string]json.RawMessage) (any, error) {
	var places []string
	for place := range groups {
		places = append(places, place)
	}
	slices.Sort(places)
	buckets, passed := []any{}, after == nil
	answer := map[string]any{}
	for _, place := range places {
		if !passed {
			passed = fmt.Sprint(keys[place]) == fmt.Sprint(plain(after))
			continue
		}
		if len(buckets) == size {
			break
		}
		bucket, err := aggregate(groups[place], further)
		if err != nil {
			return nil, err
		}
		bucket["key"], bucket["doc_count"] = keys[place], len(groups[place])
		buckets = append(buckets, bucket)
		answer["after_key"] = keys[place]
	}
	answer["buckets"] = buckets
	return answer, nil
}

// plain has whole numbers as keys have them.
func plain(key map[string]any) map[string]any {
	same := map[string]any{}
	for name, value := range key {
		if n, is := value.(float64); is && n == float64(int64(n)) {
			value = int64(n)
		}
		same[name] = value
	}
	return same
}
