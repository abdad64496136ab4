// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// returningConfig has a receiver for what the extension writes itself.
func returningConfig(directory string) string {
	return strings.NewReplacer("receivers:\n", "receivers:\n  tapio: {extension: tapio}\n", "logs: {receivers: [otlp]", "logs: {receivers: [otlp, tapio]",
		"http: {enabled: false}", "http: {enabled: false}\n    store: {directory: "+directory+", durability: sync}").Replace(config)
}

// groups asks for all incidents.
func groupsOf(ctx context.Context, t *testing.T, c *running.Collector) []*tapiov1.SemanticGroup {
	t.Helper()
	answer, err := tapiov1.NewTapioServiceClient(c.API).GetSemanticGroups(ctx, &tapiov1.GetSemanticGroupsRequest{})
	require.NoError(t, err)
	return answer.GetGroups()
}

// awaitOnlyGroup waits until there is one incident, in a state.
func awaitOnlyGroup(ctx context.Context, t *testing.T, c *running.Collector, state tapiov1.SemanticGroup_State) *tapiov1.SemanticGroup {
	t.Helper()
	var last []*tapiov1.SemanticGroup
	require.Eventually(t, func() bool {
		last = groupsOf(ctx, t, c)
		require.LessOrEqual(t, len(last), 1, "one fault is one incident: %v", last)
		return len(last) == 1 && (last[0].GetState() == state || state == tapiov1.SemanticGroup_STATE_UNSPECIFIED)
	}, time.Minute, 100*time.Millisecond, "an incident in the state %v: %v", state, last)
	return last[0]
}

// A reload keeps the engine: the incident goes on and is resolved when the fault is over.
// A crash does not: then the incident is closed, and not open for ever.
func TestIncidentsEndAfterAReloadAndAfterACrash(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	binary, settings := filepath.Join("..", "..", "bin", "tapio"), returningConfig(t.TempDir())
	c, err := running.Start(ctx, binary, settings)
	require.NoError(t, err)
	defer func() { c.Stop() }()
	begin := time.Now().Add(-healthy - 2*broken - 6*time.Minute).Truncate(time.Second)
	s := newShop()
	s.run(ctx, t, c, begin, healthy)
	s.paymentFails = true
	s.run(ctx, t, c, begin.Add(healthy), broken)
	opened := awaitOnlyGroup(ctx, t, c, tapiov1.SemanticGroup_STATE_UNSPECIFIED)

	require.NoError(t, c.Reload(ctx))
	s.paymentFails = false
	s.run(ctx, t, c, begin.Add(healthy+broken), 3*time.Minute)
	resolved := awaitOnlyGroup(ctx, t, c, tapiov1.SemanticGroup_STATE_RESOLVED)
	require.Equal(t, opened.GetId(), resolved.GetId())
	require.Contains(t, resolved.GetTitle(), "Resolved after 1 min")

	s.paymentFails = true
	s.run(ctx, t, c, begin.Add(healthy+broken+3*time.Minute), broken)
	require.Eventually(t, func() bool { return !ended(groupsOf(ctx, t, c)) }, time.Minute, 100*time.Millisecond, "it is back")
	c.Kill()
	c.Stop()
	c, err = running.Start(ctx, binary, settings)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return ended(groupsOf(ctx, t, c)) }, time.Minute, 100*time.Millisecond, "nothing is open for ever")
	var titles []string
	for _, g := range groupsOf(ctx, t, c) {
		titles = append(titles, g.GetTitle())
	}
	require.Contains(t, strings.Join(titles, "\n"), "Closed, recovery unknown: payment ")
}

// ended reports whether none of the incidents goes on.
func ended(groups []*tapiov1.SemanticGroup) bool {
	for _, g := range groups {
		switch g.GetState() {
		case tapiov1.SemanticGroup_STATE_CLOSED, tapiov1.SemanticGroup_STATE_RESOLVED, tapiov1.SemanticGroup_STATE_MERGED:
		default:
			return false
		}
	}
	return len(groups) > 0
}
