// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/tapio/tapio/internal/backend/elasticsearch"
)

// ElasticsearchConfig configures how Elasticsearch is read. It has log records and events.
type ElasticsearchConfig struct {
	// Endpoints are the addresses of the nodes, such as https://elasticsearch:9200.
	Endpoints []string `mapstructure:"endpoints"`
	// Indices are the data streams that the exporter writes to in its OTel mapping, with wildcards.
	Indices []string `mapstructure:"indices"`
	// User is the user. It needs the privileges read and view_index_metadata of the indices only.
	User string `mapstructure:"user"`
	// Password is the password of the user.
	Password configopaque.String `mapstructure:"password"`
	// APIKey is the encoded API key, in place of a user.
	APIKey configopaque.String `mapstructure:"api_key"`
	// Timeout is the time that Elasticsearch has for one request. Answers that take longer name it as missing. Accepted: 10ms or more.
	Timeout time.Duration `mapstructure:"timeout"`
	// MaxRecords is the number of log records that one query may read. Queries that need more return an error. Accepted: 1000 or more.
	MaxRecords int `mapstructure:"max_records"`
	// MaxCalls is the number of concurrent requests. Further requests wait. Accepted: 1 or more.
	MaxCalls int `mapstructure:"max_calls"`
	// Client configures the connections: tls, auth, headers, proxy_url and so on. Its endpoint must be empty.
	Client confighttp.ClientConfig `mapstructure:"client"`
}

// minRecords is the least number of records that one query may read.
const minRecords = 1000

func defaultElasticsearch() ElasticsearchConfig {
	return ElasticsearchConfig{
		Indices: elasticsearch.DefaultIndices(), Timeout: 10 * time.Second, MaxRecords: 100_000, MaxCalls: 16, Client: confighttp.NewDefaultClientConfig(),
	}
}

// Validate checks the addresses and the bounds.
func (c *ElasticsearchConfig) Validate() error {
	if len(c.Endpoints) == 0 {
		return nil
	}
	errs := []error{elasticsearch.CheckEndpoints(c.Endpoints)}
	if len(c.Indices) == 0 {
		errs = append(errs, errors.New("indices: must not be empty: leave them out for the data streams that the exporter writes by default"))
	}
	if c.APIKey != "" && c.User != "" {
		errs = append(errs, errors.New("api_key: cannot be combined with user: remove one of them"))
	}
	if c.Timeout < minMemberTimeout {
		errs = append(errs, fmt.Errorf("timeout: must be %s or more, is %s: write a number with its unit, for example 10s", minMemberTimeout, c.Timeout))
	}
	if c.MaxRecords < minRecords {
		errs = append(errs, fmt.Errorf("max_records: must be %d or more, is %d", minRecords, c.MaxRecords))
	}
	if c.MaxCalls < 1 {
		errs = append(errs, fmt.Errorf("max_calls: must be 1 or more, is %d", c.MaxCalls))
	}
	if c.Client.Endpoint != "" {
		errs = append(errs, fmt.Errorf("client::endpoint: must be empty, is %q: name nodes in endpoints", c.Client.Endpoint))
	}
	return errors.Join(errs...)
}

// tailLateness is how late log records may arrive that live tails return.
const tailLateness = time.Minute

// openElasticsearch makes the reader. It connects with the first query.
func openElasticsearch(ctx context.Context, e *tapioExtension, memory int64, shared bool) (*elasticsearch.Reader, error) {
	cfg := &e.cfg.Backends.Elasticsearch
	var extensions map[component.ID]component.Component
	if e.host != nil {
		extensions = e.host.GetExtensions()
	}
	client, err := cfg.Client.ToClient(ctx, extensions, e.set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return elasticsearch.New(elasticsearch.Options{
		Name: elasticsearchTier, Endpoints: cfg.Endpoints, Indices: cfg.Indices, Username: cfg.User, Password: string(cfg.Password), APIKey: string(cfg.APIKey),
		Transport: client.Transport, Timeout: cfg.Timeout, MaxRecords: cfg.MaxRecords, QueryMemory: memory, Calls: cfg.MaxCalls,
		PollInterval: tailInterval, Lateness: tailLateness, Shared: shared, Now: time.Now,
	})
}
