// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKeysOfServices(t *testing.T) {
	for service, want := range map[string]string{
		"checkout": "checkout", "": "unknown_service", "a/b c": "a%2Fb%20c", "..": "%2E%2E", ".": "%2E", "größe": "gr%C3%B6%C3%9Fe",
	} {
		assert.Equal(t, want, serviceKey(service))
	}
	long, other := serviceKey(strings.Repeat("a", 300)), serviceKey(strings.Repeat("a", 301))
	assert.NotEqual(t, long, other)
	assert.Less(t, len(long), 256)
	l := newLayout("/x/")
	assert.Equal(t, "x/index/logs/2026-11-01T10/n.json.zst", l.index(Logs, "2026-11-01T10", "n"))
	assert.Equal(t, "2026-11-01T10", l.hourOfIndex(Logs, l.index(Logs, "2026-11-01T10", "n")))
}

func FuzzDecodeIndex(f *testing.F) {
	c, err := newCompressor()
	require.NoError(f, err)
	good, err := (&index{Version: indexVersion, Signal: Logs, Hour: "2026-11-01T10", Objects: []objectIndex{{Key: "k", Blocks: []block{{Length: 1}}}}}).encode(c)
	require.NoError(f, err)
	f.Add(good)
	f.Add(c.append(nil, []byte(`{"version":2}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if x, err := decodeIndex(data); err == nil {
			assert.Equal(t, indexVersion, x.Version)
		}
	})
}
