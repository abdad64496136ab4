// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stub

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is an HTTP handler.
type Server struct {
	// SkewSequences lets sequence numbers come out of order, as those of several shards do.
	SkewSequences bool
	// Delay is called before each answer.
	Delay func()
	// Change, unless nil, changes answers to searches.
	Change func(answer map[string]any)
	t      *testing.T
	spec   *specification

	mu       sync.Mutex
	byIndex  map[string][]*document
	types    map[string][]string // of fields
	written  int
	searches [][]byte
}

// New makes a server without documents. Requests that are not valid fail the test.
func New(t *testing.T) *Server {
	return &Server{t: t, spec: newSpecification(t), byIndex: map[string][]*document{}, types: map[string][]string{}}
}

// Sources returns the documents as they were written.
func (s *Server) Sources() (list []json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, documents := range s.byIndex {
		for _, d := range documents {
			list = append(list, d.source)
		}
	}
	return list
}

// Streams returns the names of the data streams.
func (s *Server) Streams() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.byIndex {
		names = append(names, name)
	}
	return names
}

// Searches returns the bodies of all searches.
func (s *Server) Searches() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.searches)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if s.Delay != nil {
		s.Delay()
	}
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	answer, err := s.answer(request)
	if err != nil {
		s.t.Errorf("%s %s: %v", request.Method, request.URL, err)
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]any{"status": 400, "error": map[string]any{"type": "illegal_argument_exception", "reason": err.Error()}}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) answer(request *http.Request) (any, error) {
	body, err := bodyOf(request)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	api, target := parts[len(parts)-1], ""
	if len(parts) > 1 {
		target = parts[0]
	}
	query := request.URL.Query()
	switch {
	case api == "_bulk" && request.Method == http.MethodPost:
		items, err := s.bulk(body, target)
		return map[string]any{"took": 1, "errors": false, "items": items}, err
	case api == "_field_caps":
		answer := s.fieldCaps(strings.Split(query.Get("fields"), ","))
		return answer, s.conforms("core/fieldcaps", "field_caps.go", query, answer)
	case api == "_search" && request.Method == http.MethodPost:
		if err := s.spec.check(body, "core/search", "Request"); err != nil {
			return nil, fmt.Errorf("%w in %s", err, body)
		}
		answer, err := s.search(body, strings.Split(target, ","))
		if err != nil {
			return nil, err
		}
		return answer, s.conforms("core/search", "search.go", query, answer)
	default:
		return nil, fmt.Errorf("is not a request that the backend sends")
	}
}

func bodyOf(request *http.Request) ([]byte, error) {
	reader := io.Reader(request.Body)
	if request.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if reader, err = gzip.NewReader(reader); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(reader)
}

// conforms checks parameters of a request and the answer to it.
func (s *Server) conforms(pkg, file string, query url.Values, answer any) error {
	known, err := s.spec.parameters(pkg, file)
	if err != nil {
		return err
	}
	for name := range query {
		if slices.Contains(known, name) {
			continue
		}
		// The client sends in the body what may be there, too.
		inBody, err := json.Marshal(map[string]any{name: strings.Split(query.Get(name), ",")})
		if err == nil {
			err = s.spec.check(inBody, pkg, "Request")
		}
		if err != nil {
			return fmt.Errorf("request contains unrecognized parameter: [%s]: %w", name, err)
		}
	}
	encoded, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	if err := s.spec.check(encoded, pkg, "Response"); err != nil {
		return fmt.Errorf("the answer of the stub: %w in %.2000s", err, encoded)
	}
	return nil
}

// fieldCaps describes the fields whose names match the patterns.
func (s *Server) fieldCaps(patterns []string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	fields := map[string]any{}
	for field, types := range s.types {
		if !slices.ContainsFunc(patterns, func(pattern string) bool {
			prefix, open := strings.CutSuffix(pattern, "*")
			return open && strings.HasPrefix(field, prefix) || field == pattern
		}) {
			continue
		}
		kinds := map[string]any{}
		for _, kind := range types {
			kinds[kind] = map[string]any{"type": kind, "metadata_field": false, "searchable": true, "aggregatable": kind != "match_only_text"}
		}
		fields[field] = kinds
	}
	if len(s.byIndex) > 0 {
		fields["@timestamp"] = map[string]any{"date": map[string]any{"type": "date", "metadata_field": false, "searchable": true, "aggregatable": true}}
	}
	return map[string]any{"indices": []string{}, "fields": fields}
}

// Wait is a Delay.
func Wait(d time.Duration) func() { return func() { <-time.After(d) } }
