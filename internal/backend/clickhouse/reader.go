// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tapio/tapio/internal/backend/following"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// Options are how a Reader connects, and what bounds its queries.
type Options struct {
	// Endpoint is the address: clickhouse://host:9000 for the native protocol,
	// http://host:8123 or https://host:8443 for HTTP.
	Endpoint           string
	Database           string
	Username, Password string
	TLS                *tls.Config // nil: none, unless the endpoint says https
	// Timeout is how long the server may work on one statement.
	Timeout time.Duration
	// MaxMemory is the memory of the server, in bytes, that one statement may take, and
	// MaxRows how many rows it may read. 0: what the server allows.
	MaxMemory, MaxRows int64
	// QueryMemory is what one query may hold of rows in this process, in bytes.
	QueryMemory int64
	// Connections is how many statements run at once.
	Connections int
	// PollInterval is the time between two looks of a live tail.
	PollInterval time.Duration
	Tables       Tables
	Now          func() time.Time
}

// Tables are the names of the exporter's tables. Without a name for logs none are read.
type Tables struct {
	Logs, Traces                                         string
	Gauge, Sum, Histogram, ExponentialHistogram, Summary string
}

// DefaultTables returns the names that the exporter uses by default.
func DefaultTables() Tables {
	return Tables{
		Logs: "otel_logs", Traces: "otel_traces", Gauge: "otel_metrics_gauge", Sum: "otel_metrics_sum",
		Histogram: "otel_metrics_histogram", ExponentialHistogram: "otel_metrics_exponential_histogram", Summary: "otel_metrics_summary",
	}
}

// Reader implements query.Reader.
type Reader struct{ *connection }

// connection runs statements.
type connection struct {
	Options
	conn   driver.Conn
	native bool
	epoch  uint64
	places following.Places
	// setsNothing is that the user may not set limits.
	setsNothing atomic.Bool

	mu     sync.Mutex
	schema *schema // nil until it was read
}

var _ query.Reader = (*Reader)(nil)

// New makes a reader. It connects with the first query.
func New(options Options) (*Reader, error) {
	settings, native, err := options.connection()
	if err != nil {
		return nil, err
	}
	conn, err := driver.Open(settings)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	name := fnv.New64a()
	_, _ = name.Write([]byte("clickhouse " + options.Database))
	return &Reader{&connection{Options: options, conn: conn, native: native, epoch: name.Sum64() | 1}}, nil
}

// connection translates the options for the client library.
func (o *Options) connection() (settings *driver.Options, native bool, err error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" {
		return nil, false, fmt.Errorf("endpoint: %q is no URL: write for example clickhouse://localhost:9000 or http://localhost:8123", o.Endpoint)
	}
	settings = &driver.Options{
		Auth: driver.Auth{Database: o.Database, Username: o.Username, Password: o.Password},
		TLS:  o.TLS, DialTimeout: o.Timeout, ReadTimeout: o.Timeout + time.Second,
		MaxOpenConns: max(o.Connections, 1), MaxIdleConns: max(o.Connections, 1), ConnMaxLifetime: time.Hour,
		Compression: &driver.Compression{Method: driver.CompressionLZ4},
		ClientInfo:  driver.ClientInfo{Products: []struct{ Name, Version string }{{Name: "tapio"}}},
	}
	port := "9000"
	switch u.Scheme {
	case "clickhouse", "tcp":
		native = true
		if o.TLS != nil {
			port = "9440"
		}
	case "http":
		settings.Protocol, port = driver.HTTP, "8123"
	case "https":
		settings.Protocol, port = driver.HTTP, "8443"
		if settings.TLS == nil {
			settings.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	default:
		return nil, false, fmt.Errorf("endpoint: %q has the scheme %q: use clickhouse, tcp, http or https", o.Endpoint, u.Scheme)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	settings.Addr = []string{net.JoinHostPort(u.Hostname(), port)}
	return settings, native, nil
}

// CheckEndpoint returns what is wrong with the address of a server.
func CheckEndpoint(endpoint string) error {
	_, _, err := (&Options{Endpoint: endpoint}).connection()
	return err
}

// Close closes the connections.
func (r *connection) Close() error { return r.conn.Close() }

// Started implements query.Reader: tables outlive every process.
func (r *Reader) Started() time.Time { return time.Unix(0, 0) }

// Epoch implements query.Reader. Hashes of rows stay the same as long as the rows do.
func (r *Reader) Epoch() uint64 { return r.epoch }

// checkCursor refuses the page tokens of other readers.
func (r *connection) checkCursor(after model.Cursor) error {
	if after.IsZero() || after.Epoch == r.epoch {
		return nil
	}
	return model.InvalidField("filter.page_token", "is of another server: start again without a token")
}

// ListProfiles implements query.ProfileReader.
func (r *Reader) ListProfiles(context.Context, model.ProfileQuery) (page model.Page[model.ProfileInfo], err error) {
	return page, errProfiles
}

// MergeProfiles implements query.ProfileReader.
func (r *Reader) MergeProfiles(context.Context, model.ProfileQuery) (*model.CallTree, error) {
	return nil, errProfiles
}

// GroupProfiles implements query.ProfileReader.
func (r *Reader) GroupProfiles(context.Context, model.ProfileGroupQuery) (groups model.ProfileGroups, err error) {
	return groups, errProfiles
}

// errProfiles is the answer to queries for profiles.
var errProfiles = fmt.Errorf("profiles are not read from ClickHouse: %w", errors.ErrUnsupported)
