// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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

// A client that is gone before it reads its answer takes nothing from the server: that
// answered, and its span reports how.
func TestAnUnreadAnswerIsASpanOfTheServer(t *testing.T) {
	s := onThisKernel(t, onlyHTTP)
	asked, gone, answered := make(chan struct{}), make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/unread/gone") {
			asked <- struct{}{}
			<-gone
		}
		_, _ = w.Write([]byte("an answer"))
		if strings.HasPrefix(r.URL.Path, "/unread/answered") {
			_ = http.NewResponseController(w).Flush()
			answered <- struct{}{}
		}
	}))
	defer server.Close()
	for _, reset := range []bool{false, true} {
		for _, before := range []int{0, 2} { // exchanges that are read
			path := fmt.Sprintf("/unread/gone/%t/%d", reset, before)
			connection := askAfter(t, server.Listener.Addr(), before, path)
			<-asked
			closed(t, connection, reset)
			gone <- struct{}{}
			assert.Equal(t, "connection_closed", s.served(t, path)["error.type"], path)

			path = fmt.Sprintf("/unread/answered/%t/%d", reset, before)
			connection = askAfter(t, server.Listener.Addr(), before, path)
			<-answered
			closed(t, connection, reset)
			assert.Equal(t, int64(200), s.served(t, path)["http.response.status_code"], path)
		}
	}
}

// served waits for the server's span of a path and returns its attributes.
func (s *seen) served(t *testing.T, path string) map[string]any {
	t.Helper()
	require.Eventually(t, func() bool { return len(s.spans(ptrace.SpanKindServer, path)) > 0 }, 10*time.Second, 20*time.Millisecond, path)
	return s.spans(ptrace.SpanKindServer, path)[0].Attributes().AsRaw()
}

// askAfter asks for the path on a new connection, after some exchanges that are read.
func askAfter(t *testing.T, server net.Addr, before int, path string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", server.String())
	require.NoError(t, err)
	read := bufio.NewReader(connection)
	for range before {
		_, err = io.WriteString(connection, "GET /unread/other HTTP/1.1\r\nHost: test\r\n\r\n")
		require.NoError(t, err)
		response, err := http.ReadResponse(read, nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
	}
	_, err = io.WriteString(connection, "GET "+path+" HTTP/1.1\r\nHost: test\r\n\r\n")
	require.NoError(t, err)
	return connection
}

// closed closes a connection, by a reset if so.
func closed(t *testing.T, connection net.Conn, reset bool) {
	t.Helper()
	if reset {
		require.NoError(t, connection.(*net.TCPConn).SetLinger(0))
	}
	require.NoError(t, connection.Close())
}
