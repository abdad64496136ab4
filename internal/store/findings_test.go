// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/model"
)

func TestFindingsAreCounted(t *testing.T) {
	s := New(Limits{Logs: 1 << 20}, time.Now)
	s.AppendEvents([]model.Event{{Name: "tapio.insight"}, {Name: "order.placed"}, {}, {Name: "tapio.correlation"}, {Name: "tapio.other"}})
	s.AppendEvents([]model.Event{{Name: "tapio.correlation"}})
	assert.Equal(t, map[string]uint64{"tapio.correlation": 2, "tapio.semantic_group": 0, "tapio.insight": 1}, s.Findings())
}
