// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapio_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// lawsOfBackends are those of the packages under internal/backend.
func lawsOfBackends() []law {
	return []law{
		{
			text:    "a backend answers as query says, knows no other backend, and holds rows in a store and reads profiles as OTLP if it must; tests of backends read pdata",
			holdsIn: []string{"internal/backend"},
			forbids: []string{module},
			allows: []string{
				module + "internal/model", module + "internal/semconv", module + "internal/panics", module + "internal/query", module + "internal/store",
				module + "internal/protoconv", module + "internal/backend/working", module + "internal/backend/following", proto,
				module + "internal/profile", module + "internal/otlp",
			},
			except:      []string{"internal/backend/conformance", "internal/backend/tiered"},
			sparesTests: true,
		},
		{
			text:    "tiers are a federation whose members hold different times",
			holdsIn: []string{"internal/backend/tiered"},
			forbids: []string{module},
			allows: []string{
				module + "internal/model", module + "internal/panics", module + "internal/query", module + "internal/backend/federation", module + "internal/backend/working",
			},
			sparesTests: true,
		},
	}
}

func TestTheLawsOfBackendsCatch(t *testing.T) {
	for _, c := range []struct {
		file, imported string
		broken         bool
	}{
		{"internal/backend/federation/reader.go", proto + "/tapio/v1", false},
		{"internal/backend/federation/reader.go", module + "internal/correlate", true},
		{"internal/backend/federation/reader.go", pdata + "/plog", true},
		{"internal/backend/conformance/dataset.go", pdata + "/plog", false},
	} {
		broken := slices.ContainsFunc(laws(), func(l law) bool { return l.breaks(c.file, c.imported) })
		assert.Equal(t, c.broken, broken, "%s importing %s", c.file, c.imported)
	}
}
