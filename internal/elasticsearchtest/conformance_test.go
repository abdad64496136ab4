// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearchtest

import (
	"testing"

	"github.com/tapio/tapio/internal/backend/conformance"
)

func TestReaderConforms(t *testing.T) {
	for name, skewed := range map[string]bool{"one shard": false, "several shards": true} {
		t.Run(name, func(t *testing.T) {
			conformance.RunLogs(t, func(t *testing.T) conformance.Backend {
				b := newBackend(t)
				b.SkewSequences = skewed
				write := func(t *testing.T, data conformance.Telemetry) { b.write(t, data.Logs) }
				return conformance.Backend{Reader: b.reader(t), Write: write, Keeps: keep}
			})
		})
	}
}
