// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package protocol

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
)

func TestBothEndsDrawTheSameRequests(t *testing.T) {
	client := emit.Endpoints{LocalPort: 40001, RemotePort: 80}
	server := emit.Endpoints{LocalPort: 80, RemotePort: 40001}
	drawn := 0
	const requests, shift = 100_000, 3
	for n := range uint32(requests) {
		random := randomness(&client, false, n*81)
		require.Equal(t, random, randomness(&server, true, n*81))
		if isDrawn(random, shift) {
			drawn++
			require.True(t, isDrawn(random, shift-1), "who is drawn from more is drawn from fewer")
		}
	}
	assert.InDelta(t, requests>>shift, drawn, 600, "six standard deviations")
	assert.True(t, isDrawn(0, 0), "without sampling all are")
}

// The randomness that is reported is at or above the threshold exactly for those that
// are drawn, as OpenTelemetry's sampling wants it.
func TestTheStateOfASampledTrace(t *testing.T) {
	for n := range uint32(2000) {
		random := randomness(&emit.Endpoints{LocalPort: 1}, false, n)
		for shift := uint8(1); shift <= 12; shift++ {
			threshold, value, found := strings.Cut(strings.TrimPrefix(sampledState(random, shift), "ot=th:"), ";rv:")
			require.True(t, found)
			require.Len(t, value, 14)
			th, err := strconv.ParseUint(threshold+strings.Repeat("0", 14-len(threshold)), 16, 64)
			require.NoError(t, err)
			rv, err := strconv.ParseUint(value, 16, 64)
			require.NoError(t, err)
			require.Equal(t, isDrawn(random, shift), rv >= th, "%d of %x", shift, random)
			require.Equal(t, uint64(1)<<(56-shift), 1<<56-th, "one of 2^shift")
		}
	}
}

func TestTheFormOfExchangesThatMayBeCounted(t *testing.T) {
	form := exchangeForm{}
	get := []byte("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
	piece := func(text []byte, length int) *http1.Piece { return &http1.Piece{Data: text, Length: length} }
	begun := []*http1.Exchange{{Request: http1.Head{Method: "GET"}}}
	assert.True(t, form.putRequest(piece(get, len(get)), begun))
	assert.Equal(t, len(get), int(form.RequestLength))
	assert.False(t, form.putRequest(piece(get, len(get)+1), begun), "it is not all there")
	assert.False(t, form.putRequest(piece(append(get, get...), 2*len(get)), begun), "there are two")
	assert.False(t, form.putRequest(piece(get, len(get)), []*http1.Exchange{{Request: http1.Head{Method: "HEAD"}}}))

	head := "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-Length: 12\r\n\r\n"
	assert.True(t, form.putAnswer(piece([]byte(head+"abc"), 60)))
	assert.Equal(t, len(head), int(form.HeadLength))
	assert.Equal(t, "12", head[form.LengthAt:form.LengthAt+2])
	for _, other := range []string{
		"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n", "",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxFormAnswer) + "\r\nContent-Length: 1\r\n\r\n",
	} {
		assert.False(t, form.putAnswer(piece([]byte(other), len(other))), other)
	}
}
