// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A client may have enough of a response before its end; a server that breaks off
// has failed.
func TestWhoEndsAResponseEarlyDecidesWhatItIs(t *testing.T) {
	s := onThisKernel(t, onlyHTTP)
	waiting := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10000000")
		_, _ = w.Write(make([]byte, 1000))
		if r.URL.Path == "/early/server" {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(make([]byte, 999_000))
		close(waiting) // more than the client reads at once, so some lies in its socket
		_, _ = w.Write(make([]byte, 9_000_000))
	}))
	defer server.Close()
	for path, want := range map[string]any{"/early/client": nil, "/early/server": "connection_closed"} {
		response, err := http.Get(server.URL + path)
		require.NoError(t, err)
		if want == nil {
			<-waiting
		} else {
			_, err = io.Copy(io.Discard, response.Body)
			require.Error(t, err)
		}
		require.NoError(t, response.Body.Close())
		_, clients := s.both(t, 1, path)
		got := clients[0].Attributes().AsRaw()
		assert.Equal(t, int64(200), got["http.response.status_code"])
		assert.Equal(t, want, got["error.type"], path)
		assert.Equal(t, want != nil, clients[0].Status().Code() == ptrace.StatusCodeError, path)
	}
}

func TestHTTPOverBothKindsOfNetworks(t *testing.T) {
	overBoth(t, func(t *testing.T, host, _ string) {
		s := onThisKernel(t, onlyHTTP)
		listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		require.NoError(t, err)
		server := httptest.NewUnstartedServer(http.HandlerFunc(echo))
		require.NoError(t, server.Listener.Close())
		server.Listener = listener
		server.Start()
		defer server.Close()
		response, err := http.Get(server.URL + "/network?token=secret")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		servers, clients := s.both(t, 1, "/network")
		assert.Equal(t, clients[0].TraceID(), servers[0].TraceID())
		assert.Equal(t, clients[0].SpanID(), servers[0].ParentSpanID())
		port := int64(listener.Addr().(*net.TCPAddr).Port)
		for _, span := range []ptrace.Span{servers[0], clients[0]} {
			got := span.Attributes().AsRaw()
			assert.Equal(t, host, got["network.peer.address"])
			assert.Equal(t, host, got["server.address"])
			assert.Equal(t, port, got["server.port"])
		}
		client, served := clients[0].Attributes().AsRaw(), servers[0].Attributes().AsRaw()
		assert.Equal(t, port, client["network.peer.port"])
		assert.Equal(t, server.URL+"/network", client["url.full"])
		assert.NotContains(t, served, "url.full", "a server has the parts of it")
	})
}
