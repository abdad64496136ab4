// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tapio/tapio/internal/model"
)

func TestPayloadsMayNestAsDeepAsValues(t *testing.T) {
	places := map[string]func(plog.Logs) pcommon.Value{
		"body": func(l plog.Logs) pcommon.Value {
			return l.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body()
		},
		"record attribute": func(l plog.Logs) pcommon.Value {
			return l.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().PutEmpty("deep")
		},
		"scope attribute": func(l plog.Logs) pcommon.Value {
			return l.ResourceLogs().At(0).ScopeLogs().At(0).Scope().Attributes().PutEmpty("deep")
		},
		"resource attribute": func(l plog.Logs) pcommon.Value {
			return l.ResourceLogs().At(0).Resource().Attributes().PutEmpty("deep")
		},
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			logs := fullLogs()
			nest(place(logs), maxNesting)
			_, err := LogsFromPayload(marshalLogs(t, logs))
			require.NoError(t, err)

			logs = fullLogs()
			nest(place(logs), maxNesting+1)
			_, err = LogsFromPayload(marshalLogs(t, logs))
			requireRefused(t, err, "inside one another")
		})
	}
}

func requireRefused(t *testing.T, err error, why string) {
	t.Helper()
	var fault *model.FieldError
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, "payload", fault.Field)
	assert.Contains(t, fault.Problem, why)
}

// deepPayload serializes a record whose body is so many arrays inside one
// another, from the inside out.
func deepPayload(arrays int) []byte {
	var backwards []byte
	wrap := func(number byte) {
		length := binary.AppendUvarint(nil, uint64(len(backwards)))
		slices.Reverse(length)
		backwards = append(append(backwards, length...), number<<3|wireLength)
	}
	for range arrays {
		wrap(1) // ArrayValue.values
		wrap(5) // AnyValue.array_value
	}
	for _, number := range []byte{5, 2, 2, 1} { // body, log_records, scope_logs, resource_logs
		wrap(number)
	}
	slices.Reverse(backwards)
	return backwards
}

// Without the check this ends the test process: no recover helps against an
// overflow of the stack.
func TestPayloadThatWouldOverflowTheStackIsRefused(t *testing.T) {
	_, err := LogsFromPayload(deepPayload(maxNesting))
	require.NoError(t, err)
	_, err = LogsFromPayload(deepPayload(3_000_000))
	requireRefused(t, err, "inside one another")
}

func TestBrokenPayloadIsRefused(t *testing.T) {
	tests := map[string][]byte{
		"gzip":                {0x1f, 0x8b, 0x08, 0x00},
		"half a tag":          {0x80},
		"length beyond end":   {0x0a, 0x05, 0x00},
		"length overflows":    {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"half a length":       {0x0a, 0x80},
		"half a varint":       {0x08, 0x80},
		"half a fixed64":      {0x09, 0x00},
		"half a fixed32":      {0x0d, 0x00},
		"group":               {0x0b, 0x0c},
		"inner beyond outer":  {0x0a, 0x02, 0x12, 0x01, 0x00},
		"wrong type of field": {0x08, 0x01},
	}
	for name, payload := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := LogsFromPayload(payload)
			requireRefused(t, err, "ExportLogsServiceRequest")
		})
	}
}

func TestUnknownFieldsArePassedOver(t *testing.T) {
	payload := marshalLogs(t, fullLogs())
	payload = append(payload, 0x78, 0x01)                   // field 15, varint
	payload = append(payload, 0x7d, 1, 2, 3, 4)             // field 15, fixed32
	payload = append(payload, 0x79, 1, 2, 3, 4, 5, 6, 7, 8) // field 15, fixed64
	payload = append(payload, 0x7a, 0x02, 'h', 'i')         // field 15, length
	logs, err := LogsFromPayload(payload)
	require.NoError(t, err)
	require.Equal(t, []model.Event{wantEvent()}, EventsFromLogs(logs))
}
