// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

func TestSpatialJoinsAZoneWhenOthersAreWell(t *testing.T) {
	a, b := signOf("a", classError, "x", begin), signOf("b", classSelf, "y", begin)
	e, g := ruleGroup(t, a, b)
	place := func(service, zone string) { e.graph.service(&origin.Origin{Service: service, Zone: zone}) }
	place("a", "eu-1a")
	place("b", "eu-1a")
	place("idle", "eu-1a")
	assert.Empty(t, spatial(e.describer, g, g.signs()), "all that is known is there")
	place("c", "eu-1b")
	list := spatial(e.describer, g, g.signs())
	require.Len(t, list, 1)
	assert.Equal(t, "same_zone", list[0].Rule)
	assert.InDelta(t, 2.0/3, list[0].Score, 1e-9)
	assert.Contains(t, list[0].Explanation, "2 of 3 services in zone eu-1a")
}

func TestSpatialJoinsAProcessTree(t *testing.T) {
	reported := func(service string, keys ...string) *sign {
		ev := model.Event{Name: "tapio.process.exit", Attributes: model.Attributes{{Key: "tapio.process.key", Value: model.StringValue(keys[0])}}}
		var ancestors []model.Value
		for _, key := range keys[1:] {
			ancestors = append(ancestors, model.StringValue(key))
		}
		ev.Attributes = append(ev.Attributes, model.KeyValue{Key: "tapio.process.ancestor_keys", Value: model.ArrayValue(ancestors...)})
		s := signOf(service, classKernel, "tapio.process.exit", begin)
		s.kernel = &kernelLine{tree: treeOf(&ev)}
		return s
	}
	how := func(a, b *sign) string {
		e, g := ruleGroup(t, a, b)
		list := spatial(e.describer, g, g.signs())
		if len(list) == 0 {
			return ""
		}
		assert.Equal(t, "process_tree", list[0].Rule)
		return list[0].Explanation
	}
	assert.Contains(t, how(reported("master", "7:1", "1:0"), reported("worker", "9:5", "7:1", "1:0")), "the one started the other")
	assert.Contains(t, how(reported("a", "8:1", "7:1"), reported("b", "9:5", "7:1")), "have the same parent")
	assert.Empty(t, how(reported("a", "8:1", "1:0"), reported("b", "9:5", "1:0")), "everything descends from the first process")
	assert.Empty(t, how(reported("a", "8:1", "5:0"), reported("b", "9:5", "6:0")))
}
