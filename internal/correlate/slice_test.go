// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/baseline"
)

// One of two processes is wrong: that is their node's only if the other one is known to run
// on another node.
func TestASliceIsItsNodesOnlyIfTheOthersRunElsewhere(t *testing.T) {
	process := dimensions()[1]
	require.Equal(t, instanceKey, process.key)
	for other, want := range map[string]string{"n2": "n1", "n1": "", "": ""} {
		instances := []*instance{{id: "a", node: "n1"}, {id: "b", node: other}}
		counts := []baseline.Count{{N: 100, Hits: 90}, {N: 100, Hits: 1}}
		part := sliceWhere(instances, counts, baseline.Count{N: 200, Hits: 91}, process, "a")
		require.NotNil(t, part)
		assert.Equal(t, "n1", part.node)
		suspect := &suspect{signs: []*sign{{part: part}}}
		assert.Equal(t, want, suspect.where(false), "the other one runs on %q", other)
		assert.Empty(t, suspect.where(true), "no zone is known")
	}
}
