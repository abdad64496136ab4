// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// object is a part of a request.
type object map[string]any

// searchBody is the request of a search.
type searchBody struct {
	Query          object   `json:"query,omitempty"`
	Sort           []object `json:"sort,omitempty"`
	SearchAfter    []int64  `json:"search_after,omitempty"`
	Size           int      `json:"size"`
	Source         any      `json:"_source,omitempty"`
	TrackTotalHits bool     `json:"track_total_hits"`
	Aggregations   object   `json:"aggregations,omitempty"`
	Timeout        string   `json:"timeout"`
}

// found is the answer to a search.
type found struct {
	TimedOut bool `json:"timed_out"`
	Shards   struct {
		Total, Failed int
		Failures      []struct{ Reason struct{ Type, Reason string } }
	} `json:"_shards"`
	Hits struct {
		Total struct{ Value uint64 }
		Hits  []hit
	}
	Aggregations map[string]json.RawMessage
}

// hit is a document that was found.
type hit struct {
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
	Sort   []json.Number
}

// maxAnswer is the most bytes of one answer.
const maxAnswer = 64 << 20

// errTimeout ends a request that takes too long.
var errTimeout = errors.New("did not answer in time")

// search sends a search.
func (r *Reader) search(ctx context.Context, body *searchBody) (*found, error) {
	// The server gives up before this process does, so that it can return what it has.
	body.Timeout = fmt.Sprintf("%dms", max((r.Timeout-r.Timeout/10).Milliseconds(), 1))
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	answer := &found{}
	if err := r.call(ctx, answer, "_search", url.Values{"allow_partial_search_results": {"true"}}, encoded); err != nil {
		return nil, err
	}
	return answer, noteMissing(ctx, r.Name, answer)
}

// noteMissing reports what is missing from an answer. Without any shard there is none.
func noteMissing(ctx context.Context, source string, answer *found) error {
	problem := ""
	switch n := &answer.Shards; {
	case n.Failed > 0:
		if len(n.Failures) > 0 {
			problem = ": " + n.Failures[0].Reason.Type + ": " + n.Failures[0].Reason.Reason
		}
		if n.Failed >= n.Total {
			return fmt.Errorf("elasticsearch: all %d shards failed%s", n.Total, problem)
		}
		problem = fmt.Sprintf("%d of %d shards of Elasticsearch failed%s", n.Failed, n.Total, problem)
	case answer.TimedOut:
		problem = "Elasticsearch stopped searching after its timeout: records are missing"
	default:
		return nil
	}
	query.AddNote(ctx, query.Note{Source: source, State: query.SourceIncomplete, Message: problem})
	return nil
}

// call sends a request about the indices and decodes the answer.
func (r *Reader) call(ctx context.Context, answer any, api string, parameters url.Values, body []byte) error {
	within, cancel := context.WithTimeoutCause(ctx, r.Timeout, errTimeout)
	defer cancel()
	select {
	case r.calls <- struct{}{}:
		defer func() { <-r.calls }()
	case <-within.Done():
		return failed(ctx, within, nil)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	request, err := newRequest(within, r.Indices, api, parameters, body)
	if err != nil {
		return err
	}
	response, err := r.client.Perform(request)
	if err != nil {
		return failed(ctx, within, err)
	}
	defer func() { _ = response.Body.Close() }() // was read
	answered, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return failed(ctx, within, err)
	case len(answered) > maxAnswer:
		return model.Exhausted("the answer of Elasticsearch has more than %d bytes: ask for a shorter time range", maxAnswer)
	case response.StatusCode >= http.StatusMultipleChoices:
		return refused(response.StatusCode, answered)
	}
	if err := json.Unmarshal(answered, answer); err != nil {
		return &model.UnavailableError{Problem: fmt.Sprintf("Elasticsearch answers with something else than JSON: %v", err)}
	}
	return nil
}

// newRequest makes a request about indices; those that do not exist yet count as empty. The
// client adds the address of a node.
func newRequest(ctx context.Context, indices []string, api string, parameters url.Values, body []byte) (*http.Request, error) {
	parameters.Set("allow_no_indices", "true")
	parameters.Set("ignore_unavailable", "true")
	names := make([]string, len(indices))
	for i, name := range indices {
		names[i] = url.PathEscape(name)
	}
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, "/"+strings.Join(names, ",")+"/"+api+"?"+parameters.Encode(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "application/json")
	return request, nil
}

// failed translates an error of the connection.
func failed(ctx, within context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if within.Err() != nil {
		return fmt.Errorf("elasticsearch %w: %w", errTimeout, context.DeadlineExceeded)
	}
	return &model.UnavailableError{Problem: fmt.Sprintf("Elasticsearch does not answer: %v", err)}
}

// refused translates an error of the server.
func refused(status int, body []byte) error {
	var fault struct {
		Error struct {
			Type, Reason string
			RootCause    []struct{ Type, Reason string } `json:"root_cause"`
		}
	}
	_ = json.Unmarshal(body, &fault) // a proxy may answer with something else
	problem := fault.Error.Type + ": " + fault.Error.Reason
	if causes := fault.Error.RootCause; len(causes) > 0 {
		problem = causes[0].Type + ": " + causes[0].Reason
	}
	switch {
	case status == http.StatusTooManyRequests, fault.Error.Type == "circuit_breaking_exception", fault.Error.Type == "too_many_buckets_exception":
		return model.Exhausted("Elasticsearch refused the query: %s: ask for a shorter time range", problem)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Errorf("elasticsearch: status %d: %s: check user, password or api_key of the backend, and its right to read the indices", status, problem)
	case fault.Error.Type == "":
		return &model.UnavailableError{Problem: fmt.Sprintf("Elasticsearch does not answer: status %d", status)}
	default:
		return fmt.Errorf("elasticsearch: status %d: %s", status, problem)
	}
}

// mappingAge is how long fields are remembered: new ones are found after it.
const mappingAge = 5 * time.Second
