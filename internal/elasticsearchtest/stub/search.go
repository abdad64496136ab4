// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stub

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// request is a search.
type request struct {
	Query          json.RawMessage
	Sort           []map[string]map[string]string
	SearchAfter    []int64 `json:"search_after"`
	Size           int
	TrackTotalHits bool `json:"track_total_hits"`
	Aggregations   map[string]json.RawMessage
}

func (s *Server) search(body []byte, patterns []string) (any, error) {
	var r request
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.searches = append(s.searches, slices.Clone(body))
	documents, err := selected(s.in(patterns), r.Query)
	if err != nil {
		return nil, err
	}
	hits := map[string]any{"hits": []any{}}
	if r.TrackTotalHits {
		hits["total"] = map[string]any{"value": len(documents), "relation": "eq"}
	}
	aggregations, err := aggregate(documents, r.Aggregations)
	if err != nil {
		return nil, err
	}
	if r.Size > 0 {
		if hits["hits"], err = page(documents, &r); err != nil {
			return nil, err
		}
	}
	answer := map[string]any{
		"took": 1, "timed_out": false, "_shards": map[string]any{"total": 1, "successful": 1, "skipped": 0, "failed": 0}, "hits": hits, "aggregations": aggregations,
	}
	if s.Change != nil {
		s.Change(answer)
	}
	return answer, nil
}

func selected(documents []*document, query json.RawMessage) (list []*document, err error) {
	if len(query) == 0 {
		return slices.Clone(documents), nil
	}
	holds, err := compile(query)
	if err != nil {
		return nil, err
	}
	for _, d := range documents {
		is, err := holds(d)
		if err != nil {
			return nil, err
		}
		if is {
			list = append(list, d)
		}
	}
	return list, nil
}

// page returns the hits of a search that is sorted by time and sequence number.
func page(documents []*document, r *request) (hits []any, err error) {
	if len(r.Sort) != 2 || r.Sort[0]["@timestamp"]["numeric_type"] != "date" || r.Sort[1]["_seq_no"] == nil || r.Size > 10_000 {
		return nil, fmt.Errorf("sort %v, size %d are not what the backend sends", r.Sort, r.Size)
	}
	direction := 1
	if r.Sort[0]["@timestamp"]["order"] == "desc" {
		direction = -1
	}
	compare := func(d *document, at, seq int64) int {
		return direction * cmp.Or(cmp.Compare(d.milliseconds(), at), cmp.Compare(d.seq, seq))
	}
	slices.SortStableFunc(documents, func(a, b *document) int { return compare(a, b.milliseconds(), b.seq) })
	hits = []any{}
	for _, d := range documents {
		if len(r.SearchAfter) == 2 && compare(d, r.SearchAfter[0], r.SearchAfter[1]) <= 0 {
			continue
		}
		if len(hits) == r.Size {
			break
		}
		hits = append(hits, map[string]any{"_index": d.index, "_id": d.id, "_score": nil, "_source": d.source, "sort": []int64{d.milliseconds(), d.seq}})
	}
	return hits, nil
}

// aggregate evaluates aggregations.
func aggregate(documents []*document, wanted map[string]json.RawMessage) (map[string]any, error) {
	answers := map[string]any{}
	for name, encoded := range wanted {
		var further struct{ Aggregations map[string]json.RawMessage }
		var kinds map[string]json.RawMessage
		if err := json.Unmarshal(encoded, &kinds); err != nil {
			return nil, err
		}
		_ = json.Unmarshal(encoded, &further)
		delete(kinds, "aggregations")
		if len(kinds) != 1 {
			return nil, fmt.Errorf("[parsing_exception] aggregation %s has %d kinds", name, len(kinds))
		}
		for kind, body := range kinds {
			answer, err := aggregation(documents, kind, body, further.Aggregations)
			if err != nil {
				return nil, fmt.Errorf("aggregation %s: %w", name, err)
			}
			answers[name] = answer
		}
	}
	return answers, nil
}

func aggregation(documents []*document, kind string, body json.RawMessage, further map[string]json.RawMessage) (any, error) {
	switch kind {
	case "filter":
		part, err := selected(documents, body)
		if err != nil {
			return nil, err
		}
		answer, err := aggregate(part, further)
		if err != nil {
			return nil, err
		}
		answer["doc_count"] = len(part)
		return answer, nil
	case "terms":
		return terms(documents, body)
	case "top_hits":
		return topHits(documents, body)
	case "composite":
		return composite(documents, body, further)
	default:
		return nil, fmt.Errorf("[parsing_exception] unknown aggregation type [%s]", kind)
	}
}

func terms(documents []*document, body json.RawMessage) (any, error) {
	var one struct {
		Field string
		Size  int
	}
	if err := json.Unmarshal(body, &one); err != nil {
		return nil, err
	}
	type bucket struct {
		Key   any `json:"key"`
		Text  any `json:"key_as_string,omitempty"`
		Count int `json:"doc_count"`
	}
	byKey := map[any]int{}
	for _, d := range documents {
		for _, v := range d.fields[one.Field] {
			byKey[v]++
		}
	}
	buckets, others := []bucket{}, 0
	for key, n := range byKey {
		b := bucket{Key: key, Count: n}
		if is, boolean := key.(bool); boolean {
			b.Key, b.Text = map[bool]int{true: 1}[is], fmt.Sprint(is)
		}
		buckets = append(buckets, b)
	}
	slices.SortFunc(buckets, func(a, b bucket) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(fmt.Sprint(a.Key), fmt.Sprint(b.Key)))
	})
	for _, b := range buckets[min(len(buckets), one.Size):] {
		others += b.Count
	}
	return map[string]any{"doc_count_error_upper_bound": 0, "sum_other_doc_count": others, "buckets": buckets[:min(len(buckets), one.Size)]}, nil
}

func topHits(documents []*document, body json.RawMessage) (any, error) {
	var one struct {
		Size int
		Sort []map[string]map[string]string
	}
	if err := json.Unmarshal(body, &one); err != nil || len(one.Sort) != 1 {
		return nil, fmt.Errorf("top_hits %s is not what the backend sends: %w", body, err)
	}
	sorted := slices.Clone(documents)
	slices.SortStableFunc(sorted, func(a, b *document) int { return cmp.Compare(a.at, b.at) })
	if one.Sort[0]["@timestamp"]["order"] == "desc" {
		slices.Reverse(sorted)
	}
	hits := []any{}
	for _, d := range sorted[:min(len(sorted), one.Size)] {
		hits = append(hits, map[string]any{"_index": d.index, "_id": d.id, "_source": d.source})
	}
	return map[string]any{"hits": map[string]any{"hits": hits}}, nil
}
