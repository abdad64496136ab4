// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// A body above the limit is answered with 413, however it comes.
func TestBodiesAboveTheLimit(t *testing.T) {
	t.Parallel()
	c := Start(t, standard, "--set=extensions::tapio::http::max_request_body_size=100000")
	const limit = 100_000
	text := func(n int) string {
		frame := len(`{"batch":{"events":[{"logRecord":{"eventName":"a","body":{"stringValue":""}}}]}}`)
		return `{"batch":{"events":[{"logRecord":{"eventName":"a","body":{"stringValue":"` + strings.Repeat("x", n-frame) + `"}}}]}}`
	}
	encoder, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	pack := map[string]func(string) []byte{
		"":       func(s string) []byte { return []byte(s) },
		"gzip":   func(s string) []byte { return gzipped(t, s) },
		"zstd":   func(s string) []byte { return encoder.EncodeAll([]byte(s), nil) },
		"snappy": func(s string) []byte { return snappy.Encode(nil, []byte(s)) },
	}
	for encoding, packed := range pack {
		for n, want := range map[int]int{limit: 200, limit + 1: 413, 40 * limit: 413} {
			status, answer := ask(t, "POST", "http://"+c.HTTP+"/v1/collectors:send", "", string(packed(text(n))), "Content-Type", "application/json", "Content-Encoding", encoding)
			require.Equal(t, want, status, "%s %d: %s", encoding, n, answer)
		}
	}
	for _, route := range [][3]string{
		{"POST", "/v1/logs:query", "application/json"},
		{"PUT", "/v1/collectors/x/config", "application/json"},
		{"POST", "/v1/opamp", "application/x-protobuf"},
		{"POST", "/v1/collectors", "application/json"},
	} {
		status, answer := ask(t, route[0], "http://"+c.HTTP+route[1], "", strings.Repeat(" ", limit+1), "Content-Type", route[2])
		require.Equal(t, http.StatusRequestEntityTooLarge, status, "%v: %s", route, answer)
	}
	// A client that reads nothing before it has sent all gets its answer.
	conn, err := (&net.Dialer{}).DialContext(bounded(t), "tcp", c.HTTP)
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /v1/logs:query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", 100*limit)
	require.NoError(t, err)
	_, err = io.WriteString(conn, strings.Repeat(" ", 100*limit))
	require.NoError(t, err)
	refused, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, refused.Body.Close())
	require.Equal(t, http.StatusRequestEntityTooLarge, refused.StatusCode)
	// Of unknown length, and longer than anything that is read of it.
	request, err := http.NewRequestWithContext(bounded(t), http.MethodPost, "http://"+c.HTTP+"/v1/logs:query", io.MultiReader(strings.NewReader(strings.Repeat(" ", 10*limit))))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	status, _ := do(t, request)
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
	// A stream is as long as it likes, its messages are not.
	status, answer := ask(t, "POST", "http://"+c.HTTP+"/v1/collectors:stream", "", strings.Repeat(text(limit)+"\n", 30), "Content-Type", "application/json")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 30, strings.Count(answer, `"acceptedCount":"1"`), answer)
	_, answer = ask(t, "POST", "http://"+c.HTTP+"/v1/collectors:stream", "", text(limit)+"\n"+text(3*limit), "Content-Type", "application/json")
	require.Equal(t, 1, strings.Count(answer, `"acceptedCount":"1"`), answer)
	require.Contains(t, answer, "longer than 100000 bytes")
}

// Malformed bodies, cut and closed at any point, end their own connection. None
// panics, and none writes a stack or an error of its own into the log.
func TestMalformedBodiesOverRealConnections(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	paths := []string{"/v1/events:stream", "/v1/collectors:stream", "/v1/collectors:heartbeat", "/v1/collectors:send", "/v1/logs:query", "/v1/logs:stream", "/v1/opamp"}
	var sending sync.WaitGroup
	for worker := range 8 {
		sending.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for i := range 120 {
				sendMalformed(t, c.HTTP, paths[i%len(paths)], random)
			}
		})
	}
	sending.Wait()
	status, _ := get(t, "http://"+c.HTTP+"/v1/health")
	require.Equal(t, http.StatusOK, status)
	log := string(c.Log())
	for _, bad := range []string{"panic", "stacktrace", `"level":"error"`, "Failed to decode"} {
		require.NotContains(t, log, bad)
	}
}

// sendMalformed sends a request whose body is not what it should be, reads a part
// of the answer or none, and may send another request on the same connection.
func sendMalformed(t *testing.T, address, path string, random *rand.Rand) {
	conn, err := net.DialTimeout("tcp", address, callLimit)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(200 * time.Millisecond)) // some are never answered, for the server waits for the rest
	body := malformed(random)
	declared := len(body)
	if random.IntN(4) == 0 {
		declared += random.IntN(100)
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n", path)
	var request bytes.Buffer
	if random.IntN(2) == 0 {
		fmt.Fprintf(&request, "%sContent-Length: %d\r\n\r\n%s", head, declared, body)
	} else {
		fmt.Fprintf(&request, "%sTransfer-Encoding: chunked\r\n\r\n", head)
		for len(body) > 0 {
			n := 1 + random.IntN(len(body))
			fmt.Fprintf(&request, "%x\r\n%s\r\n", n, body[:n])
			body = body[n:]
		}
		request.WriteString([]string{"0\r\n\r\n", "zz\r\n", "5\r\nab", ""}[random.IntN(4)])
	}
	_, _ = conn.Write(request.Bytes()) // the server may hang up first
	_, _ = io.CopyN(io.Discard, conn, int64(random.IntN(300)))
	_, _ = io.WriteString(conn, "GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
	_, _ = io.CopyN(io.Discard, conn, int64(random.IntN(300)))
}

func malformed(random *rand.Rand) []byte {
	body := []byte(strings.Repeat(`{"batch":{"batchId":"a","events":[{"logRecord":{"eventName":"a"}}]}}`+"\n", 1+random.IntN(5)))
	for range random.IntN(4) {
		switch i := random.IntN(len(body)); random.IntN(4) {
		case 0:
			body[i] = byte(random.Uint32())
		case 1:
			body = body[:i+1]
		case 2:
			body = append(body, "}]{\xff,"[random.IntN(5)])
		case 3:
			body = append(body[:i:i], body[i/2:]...)
		}
	}
	return body
}

func TestAnyPositiveRateIsTaken(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	sendGRPC(t, c, lines("app", 0, 3, ""))
	for _, rate := range []string{"0.5", "1e9", "1e19", "1.7e308"} {
		for _, delivery := range []string{"DELIVERY_MODE_BEST_EFFORT", "DELIVERY_MODE_AT_LEAST_ONCE"} {
			status, answer := ask(t, "POST", "http://"+c.HTTP+"/v1/events:subscribe", "",
				`{"maxEventsPerSecond":`+rate+`,"delivery":"`+delivery+`","historyOnly":true,"start":{"last":1}}`, "Content-Type", "application/json")
			require.Equal(t, http.StatusOK, status, "%s", answer)
			require.NotContains(t, answer, `"error"`, rate)
		}
	}
	require.NotContains(t, string(c.Log()), "panic")
}
