// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/extension/tapioextension/internal/fanout"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestSendInPieces(t *testing.T) {
	const third = messageBytes / 3
	size := func(n *int) int { return *n }
	for name, test := range map[string]struct {
		rows []int
		loss *tapiov1.Loss
		want []int // rows by message
	}{
		"nothing":       {},
		"one message":   {rows: []int{third, third}, want: []int{2}},
		"split":         {rows: []int{third, third, third, third}, want: []int{3, 1}},
		"giants":        {rows: []int{messageBytes * 2, messageBytes * 2}, want: []int{1, 1}},
		"loss alone":    {loss: &tapiov1.Loss{Count: 1}, want: []int{0}},
		"loss and rows": {rows: []int{1}, loss: &tapiov1.Loss{Count: 1}, want: []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			losses := 0
			f := following[int]{size: size, send: func(rows []int, loss *tapiov1.Loss) error {
				got = append(got, len(rows))
				if loss != nil {
					losses++
				}
				return nil
			}}
			readers := fanout.NewReaders(2*messageBytes, 0, time.Now)
			reader := readers.Enter("logs", true, 0)
			defer reader.Leave()
			err := f.sendInPieces(t.Context(), reader, reader.Share(), test.rows, test.loss)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
			assert.Equal(t, test.loss != nil, losses == 1)
		})
	}
}

func TestGateHoldsUntilItOpens(t *testing.T) {
	var g gate
	require.NoError(t, g.wait(t.Context()), "the zero gate is open")

	g.close()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, g.wait(canceled), context.Canceled)

	passed := make(chan error, 1)
	go func() { passed <- g.wait(t.Context()) }()
	g.open()
	require.NoError(t, <-passed)
}

func TestGatewayJSONStreamsLines(t *testing.T) {
	j := &gatewayJSON{}
	text, err := j.Marshal(map[string]any{"result": &tapiov1.GetLogsRequest{TraceId: "0a"}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"result":{"traceId":"0a"}}`, string(text))
	assert.Equal(t, "\n", string(j.Delimiter()))
}
