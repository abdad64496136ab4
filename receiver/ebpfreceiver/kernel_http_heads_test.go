// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// converse lets a client and a server send bytes to each other in turn, each in so
// many calls, and closes the connection, the client first.
func converse(t *testing.T, turns ...[][]byte) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	server, err := listener.Accept()
	require.NoError(t, err)
	from, to := client, server
	for _, calls := range turns {
		for _, call := range calls {
			_, err := from.Write(call)
			require.NoError(t, err)
			_, err = io.ReadFull(to, make([]byte, len(call))) // each call is read on its own
			require.NoError(t, err)
		}
		from, to = to, from
	}
	require.NoError(t, client.Close())
	require.NoError(t, server.Close())
}

func texts(parts ...string) [][]byte {
	calls := make([][]byte, len(parts))
	for i, part := range parts {
		calls[i] = []byte(part)
	}
	return calls
}

func requestOf(method, path, fields string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"
}

func response(status int, fields string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: 2\r\n\r\nok", status, fields)
}

func TestHeadsAreReadAsTheyAreSent(t *testing.T) {
	s := onThisKernel(t, onlyHTTP)
	long := "X: " + strings.Repeat("x", 16_000) + "\r\n"
	whole := requestOf("GET", "/heads/split", "")
	for _, c := range []struct {
		method, path string
		question     [][]byte
		answer       [][]byte
	}{
		{"GET", "/heads/split", texts(whole[:1], whole[1:3], whole[3:]), texts("H", "TTP/", response(200, "")[5:])},
		{"GET", "/heads/long", texts(requestOf("GET", "/heads/long", long)), texts(response(200, long))},
		{"GET", "/heads/toolong", texts(requestOf("GET", "/heads/toolong", long+long)), texts(response(200, ""))},
		{"GET", "/heads/folded", texts(requestOf("GET", "/heads/folded", "X: a\r\n b\r\n")), texts(response(200, "X: a\r\n\tb\r\nContent-Length: 2, 2\r\n"))},
		{"_OTHER", "/heads/propfind", texts(requestOf("PROPFIND", "/heads/propfind", "")), texts(response(200, ""))},
		{"_OTHER", "/heads/search", texts("M-S", requestOf("M-SEARCH", "/heads/search", "")[3:]), texts(response(200, ""))},
		{"GET", "/heads/proxied", texts("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + requestOf("GET", "/heads/proxied", "")), texts(response(200, ""))},
	} {
		converse(t, c.question, c.answer)
		servers, clients := s.both(t, 1, c.path)
		for _, span := range []ptrace.Span{servers[0], clients[0]} {
			got := span.Attributes().AsRaw()
			assert.Equal(t, c.method, got["http.request.method"], c.path)
			assert.Equal(t, int64(200), got["http.response.status_code"], c.path)
			assert.Nil(t, got["error.type"], c.path)
		}
	}
}

// After a response that is not understood nothing is guessed, and soon all is
// reported again.
func TestALostResponseMovesNoOther(t *testing.T) {
	s := onThisKernel(t, onlyHTTP)
	turns := [][][]byte{texts(requestOf("GET", "/moved/200", "")), texts("HTTP/1.1 200 OK\r\nthis is no field\r\nContent-Length: 2\r\n\r\nok")}
	for _, status := range []int{404, 503, 201, 500} {
		turns = append(turns, texts(requestOf("GET", fmt.Sprintf("/moved/%d", status), "")), texts(response(status, "")))
	}
	converse(t, turns...)
	servers, clients := s.both(t, 4, "/moved/")
	for _, span := range append(servers, clients...) {
		got := span.Attributes().AsRaw()
		assert.Equal(t, fmt.Sprintf("/moved/%d", got["http.response.status_code"]), got["url.path"])
	}
}

// Apache sends a head in many buffers at once.
func TestAHeadInManyBuffersIsRead(t *testing.T) {
	s := onThisKernel(t, onlyHTTP)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		server, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = bufio.NewReader(server).ReadString('\n')
		_, _ = io.WriteString(server, response(200, ""))
		_ = server.Close()
	}()
	client, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	buffers := net.Buffers{}
	for part := range strings.SplitAfterSeq(requestOf("GET", "/buffers", strings.Repeat("A: b\r\n", 20)), " ") {
		buffers = append(buffers, []byte(part))
	}
	_, err = buffers.WriteTo(client)
	require.NoError(t, err)
	_, err = io.ReadAll(client)
	require.NoError(t, err)
	require.NoError(t, client.Close())
	s.both(t, 1, "/buffers")
}

// The time of a response that stalls is that until someone gives up.
func TestAStalledResponseIsAFailure(t *testing.T) {
	s := onThisKernel(t, onlyHTTP)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	server, err := listener.Accept()
	require.NoError(t, err)
	began := time.Now()
	_, err = io.WriteString(client, requestOf("GET", "/stalled", ""))
	require.NoError(t, err)
	_, err = server.Read(make([]byte, 1000))
	require.NoError(t, err)
	const begun = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"
	_, err = io.WriteString(server, begun)
	require.NoError(t, err)
	_, err = io.ReadFull(client, make([]byte, len(begun)))
	require.NoError(t, err)
	stalled := time.Now()
	require.NoError(t, client.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	_, err = client.Read(make([]byte, 1))
	require.Error(t, err)
	waited := time.Since(stalled)
	require.NoError(t, client.Close())
	require.NoError(t, server.Close())
	servers, clients := s.both(t, 1, "/stalled")
	for _, span := range append(servers, clients...) {
		assert.Equal(t, "connection_closed", span.Attributes().AsRaw()["error.type"])
		took := span.EndTimestamp().AsTime().Sub(span.StartTimestamp().AsTime())
		assert.GreaterOrEqual(t, took, waited, "the failure came when the client gave up, %s after the request", time.Since(began))
	}
}

// Each command of a pipeline has a span, and none failed.
func TestAPipelineOfRedisIsReadWhole(t *testing.T) {
	port := runRedis(t)
	const commands = 1000
	s := onThisKernel(t, onlyDatabases)
	pipe := exec.Command("redis-cli", "-p", strconv.Itoa(port), "--pipe")
	pipe.Stdin = strings.NewReader(strings.Repeat("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\nxx\r\n", commands))
	output, err := pipe.CombinedOutput()
	require.NoError(t, err, "%s", output)
	servers, clients := s.awaitCalls(t, "SET", commands, port)
	for _, span := range append(servers, clients...) {
		assert.Nil(t, span.Attributes().AsRaw()["error.type"])
	}
}

// Who is not let in learns of it, and so does anyone who watches.
func TestRefusedLoginsAreReported(t *testing.T) {
	port := runRedis(t)
	s := onThisKernel(t, onlyDatabases)
	output, err := exec.Command("redis-cli", "-p", strconv.Itoa(port), "CONFIG", "SET", "maxclients", "1").CombinedOutput()
	require.NoError(t, err, "%s", output)
	first, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	_, err = io.WriteString(first, "*1\r\n$4\r\nPING\r\n")
	require.NoError(t, err)
	_, err = io.ReadFull(first, make([]byte, len("+PONG\r\n")))
	require.NoError(t, err)
	second, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	refusal, err := io.ReadAll(second)
	require.NoError(t, err)
	require.Contains(t, string(refusal), "max number of clients")
	require.NoError(t, second.Close())
	require.NoError(t, first.Close())
	servers, clients := s.awaitCalls(t, "CONNECT", 1, port)
	for _, span := range append(servers, clients...) {
		assert.Equal(t, "ERR", span.Attributes().AsRaw()["error.type"])
	}
}
