// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package streamed

import (
	"testing"

	"github.com/stretchr/testify/require"
	otlplogs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestAnswers(t *testing.T) {
	encoded, err := proto.Marshal(&tapiov1.StreamLogsResponse{
		Logs: []*tapiov1.Event{
			{Id: "a", LogRecord: &otlplogs.LogRecord{TimeUnixNano: 1000}, Sequence: 8},
			{Id: "b", LogRecord: &otlplogs.LogRecord{TimeUnixNano: 2000}, Sequence: 9},
		},
		Loss:     &tapiov1.Loss{Reason: tapiov1.Loss_REASON_READER_BEHIND, Count: 7, FirstSequence: 1, LastSequence: 7},
		CaughtUp: true,
	})
	require.NoError(t, err)
	var got Answer
	require.NoError(t, got.read(encoded))
	require.Equal(t, Answer{Records: 2, First: 8, Last: 9, Oldest: 1000, Lost: 7, LostFrom: 1, LostTo: 7, CaughtUp: true}, got)
	require.Error(t, new(Answer).read(encoded[:len(encoded)-1]))
}
