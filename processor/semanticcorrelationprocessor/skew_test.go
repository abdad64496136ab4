// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"
)

// One host is a day ahead, and a gateway batches its records with those of others.
func TestAClockAheadDoesNotHideWhatIsBatchedWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipelines(t)
		p.start(t)
		now, ahead := time.Now(), time.Now().Add(24*time.Hour)
		batch := records(now, "sound")
		records(ahead, "a day ahead").ResourceLogs().MoveAndAppendTo(batch.ResourceLogs())
		require.NoError(t, p.logs.ConsumeLogs(t.Context(), batch))
		spans := someSpans()
		spans.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetEndTimestamp(pcommon.NewTimestampFromTime(ahead))
		require.NoError(t, p.traces.ConsumeTraces(t.Context(), spans))
		points := somePoints()
		points.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0).
			SetTimestamp(pcommon.NewTimestampFromTime(ahead))
		require.NoError(t, p.metrics.ConsumeMetrics(t.Context(), points))

		require.Equal(t, []string{"sound"}, p.brain.events)
		require.Zero(t, p.brain.spans+p.brain.points)
		e := p.logs.engine
		e.observeProfiles(aProfile(ahead))
		require.EqualValues(t, now.UnixNano(), e.clock.newest)
		require.EqualValues(t, 4, e.skippedByReason()["future"])
		require.GreaterOrEqual(t, p.sink.LogRecordCount(), 2, "all go on, and findings may follow")
		require.Equal(t, 1, p.spans.SpanCount())
		require.Equal(t, 1, p.points.DataPointCount())
		p.shutdown(t)
	})
}

func aProfile(at time.Time) pprofile.Profiles {
	all := pprofile.NewProfiles()
	p := all.ResourceProfiles().AppendEmpty().ScopeProfiles().AppendEmpty().Profiles().AppendEmpty()
	p.SetTime(pcommon.NewTimestampFromTime(at))
	return all
}
