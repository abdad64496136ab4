// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
)

// A client that pings all the time gets an error that names the limit, and is disconnected.
func TestPingsAreBounded(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	conn, err := net.Dial("tcp", c.GRPC)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(callLimit)))
	_, err = conn.Write([]byte(http2.ClientPreface))
	require.NoError(t, err)
	frames := http2.NewFramer(conn, conn)
	require.NoError(t, frames.WriteSettings())
	for range 10 {
		if frames.WritePing(false, [8]byte{}) != nil {
			break // it has hung up already
		}
	}
	for {
		frame, err := frames.ReadFrame()
		require.NoError(t, err, "before a word of farewell")
		if end, ok := frame.(*http2.GoAwayFrame); ok {
			require.Equal(t, http2.ErrCodeEnhanceYourCalm, end.ErrCode)
			require.Equal(t, "too_many_pings", string(end.DebugData()))
			return
		}
	}
}
