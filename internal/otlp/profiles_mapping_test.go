// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An entry of the mapping table is read once, however many locations are in it: both may be
// very many.
func TestMappingsAreReadOnce(t *testing.T) {
	all := ProfilesFrom(someProfiles())
	locations, mappings := all.Dictionary().LocationTable(), all.Dictionary().MappingTable()
	r := newProfileReader(all.Dictionary())
	first, ok := r.location(1)
	require.True(t, ok)
	mapping := mappings.At(int(locations.At(1).MappingIndex()))
	mapping.AttributeIndices().FromRaw(nil) // would be seen if it were read again
	require.Equal(t, locations.At(1).MappingIndex(), locations.At(2).MappingIndex())
	second, ok := r.location(2)
	require.True(t, ok)
	assert.Equal(t, "ab12", r.out.Frames[first[0]].BuildID)
	assert.Equal(t, "ab12", r.out.Frames[second[0]].BuildID)

	mappings.At(2).AttributeIndices().FromRaw([]int32{99})
	for range 2 {
		_, ok = r.location(3)
		assert.False(t, ok, "a reference that leads nowhere")
	}
}
