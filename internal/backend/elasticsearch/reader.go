// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"

	"github.com/tapio/tapio/internal/backend/following"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// Options are how a Reader connects, and what bounds its queries.
type Options struct {
	// Name is that of the source in notes about answers that lack something.
	Name string
	// Endpoints are the addresses of the nodes, such as https://elasticsearch:9200.
	Endpoints []string
	// Indices are the data streams, with wildcards.
	Indices []string
	// Username and Password, or APIKey, are for servers that check them. Transport may do
	// so instead.
	Username, Password, APIKey string
	Transport                  http.RoundTripper
	// Timeout is how long the server may work on one request.
	Timeout time.Duration
	// MaxRecords is how many records one query may read.
	MaxRecords int
	// QueryMemory is what one query may hold of records in this process, in bytes.
	QueryMemory int64
	// Calls is how many requests are sent at once; more of them wait.
	Calls int
	// PollInterval is the time between two looks of a live tail, and Lateness how late
	// records may arrive that tails return.
	PollInterval, Lateness time.Duration
	// Shared is set if another backend has the other signals: queries for them return
	// empty answers instead of errors.
	Shared bool
	Now    func() time.Time
}

// DefaultIndices returns the data streams that the exporter writes by default.
func DefaultIndices() []string { return []string{"logs-*.otel-*"} }

// Reader implements query.Reader.
type Reader struct {
	*unread
	Options
	client *elastictransport.Client
	epoch  uint64
	calls  chan struct{}
	places following.Places

	mu      sync.Mutex
	known   *mapping
	learned time.Time
}

var _ query.Reader = (*Reader)(nil)

// New makes a reader. It connects with the first query.
func New(options Options) (*Reader, error) {
	urls, err := urlsOf(options.Endpoints)
	if err != nil {
		return nil, err
	}
	client, err := elastictransport.New(elastictransport.Config{ //nolint:staticcheck // it says what NewClient takes as options, in one value
		URLs: urls, Username: options.Username, Password: options.Password, APIKey: options.APIKey, Transport: options.Transport,
		UserAgent: "tapio", MaxRetries: len(urls) - 1, DisableRetry: len(urls) == 1,
		RetryOnStatus: []int{http.StatusBadGateway, http.StatusServiceUnavailable},
	})
	if err != nil {
		return nil, fmt.Errorf("endpoints: %w", err)
	}
	name := fnv.New64a()
	_, _ = name.Write([]byte("elasticsearch " + strings.Join(options.Indices, ",")))
	return &Reader{
		unread: &unread{empty: options.Shared}, Options: options, client: client, epoch: name.Sum64() | 1, calls: make(chan struct{}, max(options.Calls, 1)),
	}, nil
}

// urlsOf checks the addresses.
func urlsOf(endpoints []string) (urls []*url.URL, err error) {
	if len(endpoints) == 0 {
		return nil, errors.New("endpoints: must not be empty: write for example [http://localhost:9200]")
	}
	for i, endpoint := range endpoints {
		u, err := url.Parse(strings.TrimRight(endpoint, "/"))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("endpoints[%d]: %q is no address of a node: write for example http://localhost:9200", i, withoutPassword(endpoint))
		}
		urls = append(urls, u)
	}
	return urls, nil
}

// withoutPassword hides what an address may hold of a password.
func withoutPassword(endpoint string) string {
	if at := strings.LastIndex(endpoint, "@"); at >= 0 {
		return "…" + endpoint[at:]
	}
	return endpoint
}

// CheckEndpoints returns what is wrong with the addresses of the nodes.
func CheckEndpoints(endpoints []string) error {
	_, err := urlsOf(endpoints)
	return err
}

// Close closes idle connections.
func (r *Reader) Close() error {
	if closing, ok := r.Transport.(interface{ CloseIdleConnections() }); ok {
		closing.CloseIdleConnections()
	}
	return nil
}

// Started implements query.Reader: data streams outlive every process.
func (r *Reader) Started() time.Time { return time.Unix(0, 0) }

// Epoch implements query.Reader. Sequence numbers stay the same as long as records do.
func (r *Reader) Epoch() uint64 { return r.epoch }

// checkCursor refuses the page tokens of other readers.
func (r *Reader) checkCursor(after model.Cursor) error {
	if after.IsZero() || after.Epoch == r.epoch {
		return nil
	}
	return model.InvalidField("filter.page_token", "is of another server: start again without a token")
}

// now is the time of this process: the server has no cheap way to ask for its own.
func (r *Reader) now(context.Context) (model.Nanos, error) {
	return model.Nanos(r.Now().UnixNano()), nil
}
