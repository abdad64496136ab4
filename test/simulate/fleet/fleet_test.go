// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Twenty nodes, of which many suffer from the disk of one: one incident at the gateway names
// it, and those of the nodes are part of it.
func TestTwentyNodesAreOneIncident(t *testing.T) {
	binary := "../../../bin/tapio"
	if _, err := os.Stat(binary); err != nil {
		t.Skip("needs bin/tapio: run make build first")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	r, err := simulate(ctx, options{
		binary: binary, config: "../../../distribution/config/examples/nodes-gateway.yaml",
		agents: 20, services: 2, before: 6 * time.Minute, during: 4 * time.Minute,
	})
	require.NoError(t, err)
	assert.Equal(t, 1, r.incidents, r.title)
	assert.Positive(t, r.merged)
	assert.LessOrEqual(t, r.toCause, 90*time.Second, "of event time")
	assert.Contains(t, r.title, "database-0 waits for its disk on node-0005")
	assert.Positive(t, r.cpu)
	assert.Positive(t, r.peak)
	var out bytes.Buffer
	r.print(&out)
	assert.Contains(t, out.String(), "20 agents")
}

func TestOptionsAreBounded(t *testing.T) {
	for _, args := range [][]string{{"-agents", "9"}, {"-services", "0"}, {"-before", "1m"}, {"-during", "2h"}} {
		assert.ErrorContains(t, run(t.Context(), args, &bytes.Buffer{}), args[0][1:]+": must be within")
	}
}
