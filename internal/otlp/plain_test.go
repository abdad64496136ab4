// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// Whatever the own reader takes, pdata reads as the same.
func FuzzPlainLogs(f *testing.F) {
	for _, seed := range plainSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		logs, ok := plainLogs(payload)
		if !ok {
			return
		}
		require.NoError(t, checkNesting(payload))
		want := plogotlp.NewExportRequest()
		require.NoError(t, want.UnmarshalProto(payload))
		require.Equal(t, marshalLogs(t, want.Logs()), marshalLogs(t, logs))
	})
}

func plainSeeds(tb testing.TB) [][]byte {
	tb.Helper()
	seeds := [][]byte{marshalLogs(tb, benchLogs(3)), marshalLogs(tb, fullLogs()), marshalLogs(tb, plainOnes())}
	for seed := range uint64(8) {
		seeds = append(seeds, marshalLogs(tb, newMaker(seed).logs()))
	}
	return append(seeds, noise()...)
}

// plainOnes are records with every field and each kind of single value, of
// which no two have the same attributes.
func plainOnes() plog.Logs {
	logs := plog.NewLogs()
	for _, service := range []string{"cart", "shop"} {
		ofResource := logs.ResourceLogs().AppendEmpty()
		ofResource.SetSchemaUrl("https://example.com/" + service)
		ofResource.Resource().Attributes().PutStr("service.name", service)
		ofResource.Resource().SetDroppedAttributesCount(1)
		ofScope := ofResource.ScopeLogs().AppendEmpty()
		ofScope.SetSchemaUrl("https://example.com/scope")
		ofScope.Scope().SetName(service)
		ofScope.Scope().SetVersion("1.0")
		ofScope.Scope().Attributes().PutBool("tested", true)
		ofScope.Scope().SetDroppedAttributesCount(2)
		for n := range 3 {
			record := ofScope.LogRecords().AppendEmpty()
			record.SetTimestamp(1)
			record.SetObservedTimestamp(2)
			record.SetSeverityNumber(plog.SeverityNumberError)
			record.SetSeverityText("ERROR")
			record.SetEventName("order.placed")
			record.SetFlags(1)
			record.SetDroppedAttributesCount(3)
			record.SetTraceID([16]byte{1})
			record.SetSpanID([8]byte{2})
			record.Body().SetStr("an order")
			fillPlain(record, n)
		}
	}
	return logs
}

func fillPlain(record plog.LogRecord, n int) {
	to := record.Attributes()
	to.PutStr("text", "the same")
	if n == 1 {
		to.PutInt("integer", -5)
		to.PutDouble("double", 0.5)
		to.PutBool("boolean", true)
		to.PutEmptyBytes("bytes").FromRaw([]byte{0, 255})
		to.PutEmpty("nothing")
	}
	to.PutStr("last", string(slices.Repeat([]byte("x"), 100*(n+1))))
}

func TestPlainLogsAreReadWithoutPdata(t *testing.T) {
	for _, want := range []plog.Logs{benchLogs(3), plainOnes(), plog.NewLogs()} {
		got, ok := plainLogs(marshalLogs(t, want))
		require.True(t, ok)
		assert.Equal(t, marshalLogs(t, want), marshalLogs(t, got))
	}
}

func TestOddPayloadsAreLeftToPdata(t *testing.T) {
	list := plainOnes()
	record := list.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	record.Attributes().PutEmptySlice("list").AppendEmpty().SetInt(1)
	resource := []byte{resourceLogsTag, 4, originTag, 0, originTag, 0}
	for name, payload := range map[string][]byte{
		"a list": marshalLogs(t, list), "two resources in one": resource, "no message": {resourceLogsTag, 5, 0},
		"an unknown field": {0x78, 1}, "half a field": {0x80},
	} {
		_, ok := plainLogs(payload)
		assert.False(t, ok, name)
	}
}
