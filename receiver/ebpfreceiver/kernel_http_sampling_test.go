// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"errors"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const manyRequests = `
import http.client, http.server, socketserver, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/slow":
            __import__("time").sleep(0.2)
        self.send_response(507 if self.path == "/fails" else 207) # that no other program here sends
        self.send_header("Content-Length", "4096")
        self.end_headers()
        self.wfile.write(b"x" * 4096)
    def log_message(self, *args): pass
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer): daemon_threads = True
server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
c = http.client.HTTPConnection("127.0.0.1", server.server_address[1])
for i in range(int(sys.argv[1])):
    path = "/fails" if i % 100 == 99 else "/slow" if i % 1000 == 500 else "/well"
    c.request("GET", path)
    c.getresponse().read()
`

// adjusted is how many requests the span stands for.
func adjusted(t *testing.T, span ptrace.Span) float64 {
	t.Helper()
	state := span.TraceState().AsRaw()
	if state == "" {
		return 1
	}
	threshold, _, _ := strings.Cut(strings.TrimPrefix(state, "ot=th:"), ";")
	th, err := strconv.ParseUint(threshold+strings.Repeat("0", 14-len(threshold)), 16, 64)
	require.NoError(t, err, state)
	return math.Exp2(56) / (math.Exp2(56) - float64(th))
}

// Above the rate a span stands for others; what fails and what is slow is reported one
// by one, and the metrics count each request.
func TestRequestsAboveTheRateStandForOthers(t *testing.T) {
	needs(t, "python3")
	s := onThisKernel(t, func(c *Config) {
		onlyHTTP(c)
		c.Probes.HTTP.ExactRequestsPerSecond, c.Probes.HTTP.SlowThreshold = 50, 100*time.Millisecond
	})
	const requests, failures, slow = 5000, 50, 5
	output, err := exec.Command("python3", "-c", manyRequests, strconv.Itoa(requests)).CombinedOutput()
	require.NoError(t, err, "%s", output)
	for _, side := range []string{"server", "client"} {
		counted := map[int64]uint64{}
		assert.Eventually(t, func() bool {
			clear(counted)
			for _, point := range s.newest("http." + side + ".request.duration") {
				if status, ok := point.Attributes().Get("http.response.status_code"); ok && status.Int()%100 == 7 {
					counted[status.Int()] += point.Count()
				}
			}
			return counted[207]+counted[507] >= requests
		}, 10*time.Second, 50*time.Millisecond)
		assert.Equal(t, map[int64]uint64{207: requests - failures, 507: failures}, counted, side)
	}
	for _, kind := range []ptrace.SpanKind{ptrace.SpanKindServer, ptrace.SpanKindClient} {
		var well, variance float64
		spans, failed, late := 0, 0, 0
		for _, span := range s.spans(kind, "/") {
			status, _ := span.Attributes().Get("http.response.status_code")
			if status.Int()%100 != 7 {
				continue
			}
			weight := adjusted(t, span)
			switch took := span.EndTimestamp().AsTime().Sub(span.StartTimestamp().AsTime()); {
			case status.Int() == 507:
				failed++
				assert.Equal(t, 1.0, weight)
			case took >= 200*time.Millisecond:
				late++
				well++
			default:
				spans++
				well += weight
				variance += weight * (weight - 1)
			}
		}
		assert.Equal(t, failures, failed, "%s", kind)
		assert.GreaterOrEqual(t, late, slow, "%s", kind)
		assert.Less(t, spans, requests/2, "%s: nothing was left out", kind)
		assert.InDelta(t, requests-failures, well, 6*math.Sqrt(variance)+1, "%s", kind)
	}
}

// steadyServer answers each request after 5 to 25 ms, evenly spread, and keeps how long it
// took. It reads and writes a request with one call each, so the kernel may count it.
type steadyServer struct {
	mu   sync.Mutex
	took []time.Duration
}

func (s *steadyServer) serve(conn net.Conn, seed uint64) {
	defer conn.Close()
	random := rand.New(rand.NewPCG(seed, 1))
	buffer := make([]byte, 4096)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
		begin := time.Now()
		time.Sleep(5*time.Millisecond + time.Duration(random.Float64()*float64(20*time.Millisecond)))
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
		took := time.Since(begin)
		s.mu.Lock()
		s.took = append(s.took, took)
		s.mu.Unlock()
	}
}

// askSteadily sends so many requests from each of so many clients.
func (s *steadyServer) askSteadily(t *testing.T, clients, each int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	var all sync.WaitGroup
	for range clients {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		accepted, err := listener.Accept()
		require.NoError(t, err)
		port := uint64(conn.LocalAddr().(*net.TCPAddr).Port)
		all.Go(func() { s.serve(accepted, port) })
		all.Go(func() {
			defer conn.Close()
			answer := make([]byte, 4096)
			for range each {
				_, err := io.WriteString(conn, "GET /steady HTTP/1.1\r\nHost: steady\r\n\r\n")
				if _, failed := conn.Read(answer); !assert.NoError(t, errors.Join(err, failed)) {
					return
				}
			}
		})
	}
	all.Wait()
}

// percentileOf is the value below which so large a share of the weight lies.
func percentileOf(share float64, weights map[time.Duration]float64) time.Duration {
	var all, below float64
	for _, weight := range weights {
		all += weight
	}
	for _, value := range slices.Sorted(maps.Keys(weights)) {
		if below += weights[value]; below >= share*all {
			return value
		}
	}
	return 0
}

// The percentiles that spans give are those of all requests, though most have no span.
func TestPercentilesOfSampledRequestsHold(t *testing.T) {
	s := onThisKernel(t, func(c *Config) {
		onlyHTTP(c)
		c.Probes.HTTP.ExactRequestsPerSecond, c.Probes.HTTP.SlowThreshold = 200, time.Second
	})
	const clients, each = 16, 200
	server := &steadyServer{}
	server.askSteadily(t, clients, each)
	exact := map[time.Duration]float64{}
	for _, took := range server.took {
		exact[took]++
	}
	estimated := map[time.Duration]float64{}
	var total, squares float64
	assert.Eventually(t, func() bool {
		clear(estimated)
		total, squares = 0, 0
		for _, span := range s.spans(ptrace.SpanKindServer, "/steady") {
			weight := adjusted(t, span)
			estimated[span.EndTimestamp().AsTime().Sub(span.StartTimestamp().AsTime())] += weight
			total += weight
			squares += weight * weight
		}
		return math.Abs(total-clients*each) <= 6*math.Sqrt(squares)
	}, 10*time.Second, 50*time.Millisecond, "%d requests", clients*each)
	assert.Less(t, len(estimated), clients*each/2, "nothing was left out")
	t.Logf("%d spans stand for %v of %d requests", len(estimated), total, clients*each)
	as := total * total / squares // so many requests of equal weight are as exact
	// Where it is busy the machine stalls many requests at once, so the values are compared by
	// their ranks: with values evenly spread over 5 to 25 ms a rank of 0.04 is 4 % of the p99.
	for _, share := range []float64{0.5, 0.99} {
		found, tolerance := percentileOf(share, estimated), 6*math.Sqrt(share*(1-share)/as)
		assert.GreaterOrEqual(t, rankOf(found*102/100, exact), share-tolerance, "p%v is %v, of all %v", 100*share, found, percentileOf(share, exact))
		assert.LessOrEqual(t, rankOf(found*98/100, exact), share+tolerance, "p%v is %v, of all %v", 100*share, found, percentileOf(share, exact))
	}
}

// rankOf is the share of the weight up to the value.
func rankOf(value time.Duration, weights map[time.Duration]float64) float64 {
	var all, below float64
	for other, weight := range weights {
		all += weight
		if other <= value {
			below += weight
		}
	}
	return below / all
}
