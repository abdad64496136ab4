// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestRepairTextMakesAMessageSendable(t *testing.T) {
	const broken, mended = "a\xffb", "a\uFFFDb"
	message := &tapiov1.GetLogsResponse{
		NextPageToken: broken,
		Logs: []*tapiov1.Event{{LogRecord: &logsv1.LogRecord{
			Body: &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: broken}},
			Attributes: []*commonv1.KeyValue{{
				Key:   broken,
				Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_BytesValue{BytesValue: []byte(broken)}},
			}},
		}}},
	}
	_, err := proto.Marshal(message)
	require.ErrorContains(t, err, "UTF-8", "otherwise this package could go")

	assert.True(t, RepairText(message))
	_, err = proto.Marshal(message)
	require.NoError(t, err)
	record := message.GetLogs()[0].GetLogRecord()
	assert.Equal(t, mended, record.GetBody().GetStringValue())
	assert.Equal(t, mended, record.GetAttributes()[0].GetKey())
	assert.Equal(t, []byte(broken), record.GetAttributes()[0].GetValue().GetBytesValue(), "bytes stay")
	assert.False(t, RepairText(message), "nothing left to mend")
}

func TestRepairTextCorrectsMapsAndLists(t *testing.T) {
	series := &tapiov1.MetricSeries{Labels: map[string]string{"k\xff": "v\xff", "fine": "too"}}
	assert.True(t, RepairText(series))
	assert.Equal(t, map[string]string{"k\uFFFD": "v\uFFFD", "fine": "too"}, series.GetLabels())
	trace := &tapiov1.Trace{Services: []string{"fine", "s\xff"}}
	assert.True(t, RepairText(trace))
	assert.Equal(t, []string{"fine", "s\uFFFD"}, trace.GetServices())
}
