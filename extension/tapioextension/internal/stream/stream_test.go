// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stream

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
	const third = MessageBytes / 3
	size := func(n *int) int { return *n }
	for name, test := range map[string]struct {
		rows []int
		loss *tapiov1.Loss
		want []int // rows by message
	}{
		"nothing":       {},
		"one message":   {rows: []int{third, third}, want: []int{2}},
		"split":         {rows: []int{third, third, third, third}, want: []int{3, 1}},
		"giants":        {rows: []int{MessageBytes * 2, MessageBytes * 2}, want: []int{1, 1}},
		"loss alone":    {loss: &tapiov1.Loss{Count: 1}, want: []int{0}},
		"loss and rows": {rows: []int{1}, loss: &tapiov1.Loss{Count: 1}, want: []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			losses := 0
			f := Following[int]{Size: size, Send: func(rows []int, loss *tapiov1.Loss) error {
				got = append(got, len(rows))
				if loss != nil {
					losses++
				}
				return nil
			}}
			readers := fanout.NewReaders(2*MessageBytes, 0, time.Now)
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
	var g Gate
	require.NoError(t, g.Wait(t.Context()), "the zero gate is open")

	g.Close()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, g.Wait(canceled), context.Canceled)

	passed := make(chan error, 1)
	go func() { passed <- g.Wait(t.Context()) }()
	g.Open()
	require.NoError(t, <-passed)
}
