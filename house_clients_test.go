// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapio_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// lawsOfOtherSystems give the client of each other system one door, and say what the
// packages behind the doors may know.
func lawsOfOtherSystems() []law {
	everywhere := []string{"client", "cmd", "collector", "connector", "exporter", "extension", "internal", "processor", "receiver", "telemetry"}
	return []law{
		{
			text:    "object stores have one door: the archive talks to a bucket, s3bucket is one",
			holdsIn: everywhere,
			except:  []string{"internal/archive/s3bucket"},
			forbids: []string{"github.com/minio/minio-go"},
		},
		{
			text:    "ClickHouse has one door: the backend of its name, and the module that tests it on the real engine",
			holdsIn: everywhere,
			except:  []string{"internal/backend/clickhouse", "internal/clickhousetest"},
			forbids: []string{"github.com/ClickHouse/clickhouse-go"},
		},
		{
			text:    "Elasticsearch has one door: the backend of its name, and the module that tests it with the real exporter",
			holdsIn: everywhere,
			except:  []string{"internal/backend/elasticsearch", "internal/elasticsearchtest"},
			forbids: []string{"github.com/elastic"},
		},
		{
			text:    "Redis has one door: redisstate is the shared state that others ask for by an interface; the demo shop has a Redis of its own",
			holdsIn: everywhere,
			except:  []string{"extension/tapioextension/internal/redisstate", "cmd/tapioctl/internal/demo"},
			forbids: []string{"github.com/gomodule/redigo"},
		},
		{
			text:    "the shared state knows what is shared, the batches, the messages and the store's incidents, and nothing of those who serve",
			holdsIn: []string{"extension/tapioextension/internal/redisstate"},
			forbids: []string{module},
			allows: []string{
				module + "internal/model", module + "internal/semconv", module + "internal/panics", module + "internal/otlp", module + "internal/store",
				module + "extension/tapioextension/internal/dedup", module + "extension/tapioextension/internal/notify",
				module + "extension/tapioextension/internal/redisstate",
			},
			sparesTests: true,
		},
		{
			text:    "a bucket holds bytes: what they are is known by the archive above it",
			holdsIn: []string{"internal/archive/bucket", "internal/archive/s3bucket"},
			forbids: []string{module},
			allows:  []string{module + "internal/archive/bucket"},
		},
		{
			text:    "a connector sums up what passes; it reads no store, no backend and no archive",
			holdsIn: []string{"connector"},
			forbids: []string{module + "internal/store", module + "internal/query", module + "internal/backend", module + "internal/archive"},
		},
	}
}

func TestTheLawsOfOtherSystemsCatch(t *testing.T) {
	for _, c := range []struct {
		file, imported string
		broken         bool
	}{
		{"internal/archive/restore.go", "github.com/minio/minio-go/v7", true},
		{"internal/archive/s3bucket/s3bucket.go", "github.com/minio/minio-go/v7", false},
		{"internal/archive/s3bucket/s3bucket.go", module + "internal/model", true},
		{"extension/tapioextension/tiers.go", "github.com/ClickHouse/clickhouse-go/v2", true},
		{"internal/backend/clickhouse/reader.go", "github.com/ClickHouse/clickhouse-go/v2", false},
		{"extension/tapioextension/elasticsearch.go", "github.com/elastic/elastic-transport-go/v8/elastictransport", true},
		{"internal/backend/elasticsearch/reader.go", "github.com/elastic/elastic-transport-go/v8/elastictransport", false},
		{"extension/tapioextension/internal/notify/manager.go", "github.com/gomodule/redigo/redis", true},
		{"extension/tapioextension/internal/redisstate/state.go", module + "extension/tapioextension/internal/api", true},
		{"extension/tapioextension/internal/redisstate/state.go", module + "extension/tapioextension/internal/dedup", false},
		{"connector/nodesummaryconnector/connector.go", module + "internal/store", true},
		{"connector/nodesummaryconnector/connector.go", module + "internal/otlp", false},
	} {
		broken := slices.ContainsFunc(laws(), func(l law) bool { return l.breaks(c.file, c.imported) })
		assert.Equal(t, c.broken, broken, "%s importing %s", c.file, c.imported)
	}
}
