// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// estate is nine services that do not call each other, three in each of three places.
type estate struct {
	shop  *shop
	key   string                        // resource attribute that names the place
	takes func(place int) time.Duration // on top of the usual
	at    time.Time
}

func (e *estate) live(ctx context.Context, t *testing.T, c *running.Collector, d time.Duration) {
	t.Helper()
	for end := e.at.Add(d); e.at.Before(end); e.at = e.at.Add(time.Second) {
		traces := ptrace.NewTraces()
		for n := range 9 {
			place := n/3 + 1
			of := traces.ResourceSpans().AppendEmpty()
			describe(of.Resource(), fmt.Sprintf("service-%d", n+1), "")
			of.Resource().Attributes().PutStr(e.key, fmt.Sprintf("place-%d", place))
			of.Resource().Attributes().PutStr("k8s.pod.name", fmt.Sprintf("service-%d-x7", n+1))
			e.shop.calls++
			span := of.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
			var trace pcommon.TraceID
			binary.BigEndian.PutUint64(trace[:], e.shop.calls)
			span.SetTraceID(trace)
			span.SetSpanID(pcommon.SpanID{1})
			span.SetName("GET /")
			span.SetKind(ptrace.SpanKindServer)
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(e.at))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(e.at.Add(e.shop.around(10*time.Millisecond) + e.takes(place))))
		}
		_, err := ptraceotlp.NewGRPCClient(c.OTLP).Export(ctx, ptraceotlp.NewExportRequestFromTraces(traces))
		require.NoError(t, err)
	}
}

// Three services that have nothing to do with each other get slow at once, and all
// that runs elsewhere is well: what they have in common is the cause.
func TestTheCauseIsWhereTheyRun(t *testing.T) {
	for key, want := range map[string]struct {
		kind       tapiov1.Entity_Kind
		name, does string
	}{
		"host.name":               {tapiov1.Entity_KIND_NODE, "place-2", "tapioctl get traces -l 'host.name=place-2' --since "},
		"k8s.node.name":           {tapiov1.Entity_KIND_NODE, "place-2", "kubectl describe node place-2"},
		"cloud.availability_zone": {tapiov1.Entity_KIND_UNSPECIFIED, "zone place-2", "tapioctl get traces -l 'cloud.availability_zone=place-2' --since "},
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			c, err := running.Start(ctx, filepath.Join("..", "..", "bin", "tapio"), config)
			require.NoError(t, err)
			t.Cleanup(c.Stop)
			slow := time.Duration(0)
			e := &estate{shop: newShop(), key: key, at: time.Now().Add(-healthy - broken - time.Minute).Truncate(time.Second)}
			e.takes = func(place int) time.Duration {
				if place == 2 {
					return slow
				}
				return 0
			}
			e.live(ctx, t, c, healthy)
			slow = 600 * time.Millisecond
			e.live(ctx, t, c, broken)
			letTimePass(ctx, t, c, e.at.Add(30*time.Second))

			groups, insights := reported(ctx, t, tapiov1.NewTapioServiceClient(c.API))
			// On a busy machine one service can have an incident before the others are slow.
			// It is merged into the incident of the place.
			groups = slices.DeleteFunc(groups, func(g *tapiov1.SemanticGroup) bool {
				return g.GetMergedInto() != "" && g.GetMergedInto() == groups[0].GetId()
			})
			require.Len(t, groups, 1, "one fault is one incident")
			first := groups[0].GetRootCause().GetCausalFactors()[0]
			require.Equal(t, want.kind, first.GetEntity().GetKind())
			require.Equal(t, want.name, first.GetEntity().GetName())
			require.Equal(t, map[string]string{key: "place-2"}, first.GetEntity().GetAttributes())
			require.NotEmpty(t, first.GetEvidence())
			require.ElementsMatch(t, []string{"service-4", "service-5", "service-6"}, groups[0].GetServices())
			require.Contains(t, groups[0].GetTitle(), ": 3 of 3 there, none elsewhere; ")
			require.Contains(t, groups[0].GetRootCause().GetSummary(), "(3 of its 3 services are affected, none of 6 elsewhere)")
			require.Contains(t, groups[0].GetActions()[0].GetCommands()[0], want.does)
			insights = slices.DeleteFunc(insights, func(i *tapiov1.Insight) bool { return i.GetGroupId() != groups[0].GetId() })
			require.Len(t, insights, 3)
			for _, i := range insights {
				require.Contains(t, i.GetText(), "place-2", i.GetAudience())
			}
			require.Contains(t, tapioctl(ctx, t, c, "tapioctl explain "+groups[0].GetId()), "place-2")
		})
	}
}
