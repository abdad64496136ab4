// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stub

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSearchesOutsideTheSpecificationAreRefused(t *testing.T) {
	s := newSpecification(t)
	for request, fault := range map[string]string{
		`{"query": {"bool": {"filter": [{"term": {"trace_id": {"value": "a"}}}], "minimum_should_match": 1}}}`: "",
		`{"aggregations": {"a": {"terms": {"field": "b", "size": 3}}}, "size": 0, "track_total_hits": true}`:   "",
		`{"sort": [{"@timestamp": {"order": "asc", "numeric_type": "date"}}, {"_seq_no": {"order": "desc"}}]}`: "",
		`{"qeury": {}}`:                                                                 "qeury: is not in the specification",
		`{"query": {"bool": {"filters": []}}}`:                                          "filters: is not in the specification",
		`{"query": {"wildcard": {"a": {"value": 1}}}}`:                                  "is no string",
		`{"query": {"exists": {}}}`:                                                     "field: is missing",
		`{"sort": [{"@timestamp": {"order": "up"}}]}`:                                   "is none of",
		`{"aggregations": {"a": {"composite": {"sources": {"b": {}}}}}}`:                "is no list",
		`{"aggregations": {"a": {"composite": {"sources": [{"b": {"term": {}}}]}}}}`:    "is not in the specification",
		`{"query": {"range": {"@timestamp": {"gte": "1", "format": "x", "below": 2}}}}`: "is no RangeQuery",
	} {
		err := s.check([]byte(request), "core/search", "Request")
		if fault == "" {
			require.NoError(t, err, request)
		} else {
			require.ErrorContains(t, err, fault, request)
		}
	}
	parameters, err := s.parameters("core/search", "search.go")
	require.NoError(t, err)
	require.Contains(t, parameters, "allow_partial_search_results")
}
