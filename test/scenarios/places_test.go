// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

const javaStack = `java.lang.IllegalStateException: no rate for EUR
	at java.base/java.util.Optional.orElseThrow(Optional.java:403)
	at shop.payment.Rates.of(Rates.java:57)
	at shop.payment.Charge.run(Charge.java:21)
`

// lineOf adds a log line to those of a span.
func lineOf(span ptrace.Span, lines plog.LogRecordSlice, text string) plog.LogRecord {
	record := lines.AppendEmpty()
	record.SetTimestamp(span.StartTimestamp())
	record.SetSeverityNumber(plog.SeverityNumberError)
	record.SetTraceID(span.TraceID())
	record.SetSpanID(span.SpanID())
	record.Body().SetStr(text)
	return record
}

// Where the telemetry names the place in the code, the cause does too, in whichever form
// the telemetry has it.
func TestTheCauseIsPlacedInTheCode(t *testing.T) {
	for name, c := range map[string]struct {
		fault      func(ptrace.Span, plog.LogRecordSlice)
		place      string
		attributes map[string]string
	}{
		"an exception of a span": {
			func(span ptrace.Span, _ plog.LogRecordSlice) {
				thrown := span.Events().AppendEmpty()
				thrown.SetName("exception")
				thrown.Attributes().PutStr("exception.stacktrace", javaStack)
			},
			"shop.payment.Rates.of (Rates.java:57)",
			map[string]string{"code.function.name": "shop.payment.Rates.of", "code.file.path": "Rates.java", "code.line.number": "57"},
		},
		"attributes of a log record": {
			func(span ptrace.Span, lines plog.LogRecordSlice) {
				attributes := lineOf(span, lines, "no rate for EUR").Attributes()
				attributes.PutStr("code.function.name", "rates.Of")
				attributes.PutStr("code.file.path", "payment/rates.go")
				attributes.PutInt("code.line.number", 42)
			},
			"rates.Of (payment/rates.go:42)",
			map[string]string{"code.function.name": "rates.Of", "code.file.path": "payment/rates.go", "code.line.number": "42"},
		},
		"an exception of a log record": {
			func(span ptrace.Span, lines plog.LogRecordSlice) {
				lineOf(span, lines, "no rate for EUR").Attributes().PutStr("exception.stacktrace", javaStack)
			},
			"shop.payment.Rates.of (Rates.java:57)",
			map[string]string{"code.function.name": "shop.payment.Rates.of"},
		},
		"a place in the line": {
			func(span ptrace.Span, lines plog.LogRecordSlice) { lineOf(span, lines, "rates.go:42] no rate for EUR") },
			"rates.go:42",
			map[string]string{"code.file.path": "rates.go", "code.line.number": "42"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			collector, g := placed(ctx, t, c.fault)
			require.Equal(t, "payment", causeOf(g))
			within := g.GetRootCause().GetCausalFactors()[0].GetWithin()
			require.NotEmpty(t, within)
			require.Equal(t, tapiov1.Entity_KIND_CODE, within[0].GetKind())
			require.Equal(t, c.place, within[0].GetName())
			require.Equal(t, "payment", within[0].GetAttributes()["service.name"])
			for key, value := range c.attributes {
				require.Equal(t, value, within[0].GetAttributes()[key], key)
			}
			require.Contains(t, tapioctl(ctx, t, collector, "tapioctl explain "+g.GetId()), "   in code "+c.place+"\n")
		})
	}
}

// placed lets payment fail in a way, and returns the incident.
func placed(ctx context.Context, t *testing.T, fault func(ptrace.Span, plog.LogRecordSlice)) (*running.Collector, *tapiov1.SemanticGroup) {
	t.Helper()
	c, err := running.Start(ctx, filepath.Join("..", "..", "bin", "tapio"), config)
	require.NoError(t, err)
	t.Cleanup(c.Stop)
	s, begin := newShop(), time.Now().Add(-healthy-broken-time.Minute).Truncate(time.Second)
	s.run(ctx, t, c, begin, healthy)
	s.paymentFails, s.paymentFault = true, fault
	s.run(ctx, t, c, begin.Add(healthy), broken)
	letTimePass(ctx, t, c, begin.Add(healthy+broken+30*time.Second))
	groups, insights := reported(ctx, t, tapiov1.NewTapioServiceClient(c.API))
	require.Len(t, groups, 1)
	requireForDevelopers(t, insights, groups[0].GetRootCause().GetCausalFactors()[0].GetWithin())
	return c, groups[0]
}

// requireForDevelopers checks that the text for developers names the place in the code.
func requireForDevelopers(t *testing.T, insights []*tapiov1.Insight, within []*tapiov1.Entity) {
	t.Helper()
	for _, i := range insights {
		if i.GetAudience() == tapiov1.Insight_AUDIENCE_DEVELOPER {
			require.Contains(t, i.GetText(), "Look at "+within[0].GetName()+" first.")
		}
	}
}
