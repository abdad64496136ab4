// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// A stream names its tiers once, when what was stored has been sent, and without those
// that failed.
func TestAStreamNamesItsTiersOnce(t *testing.T) {
	ctx, sources := query.WithSources(t.Context())
	query.AddSource(ctx, "memory")
	query.AddSource(ctx, "clickhouse")
	tiers := tiersOfStream{sources: sources}
	failed := []*tapiov1.SourceNote{{Source: "clickhouse", State: tapiov1.SourceNote_STATE_FAILED}}
	require.Empty(t, tiers.report(failed, true))
	require.Equal(t, []string{"memory"}, tiers.report(nil, false))
	require.Empty(t, tiers.report(nil, false))
}
