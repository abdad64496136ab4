// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/redcon"
	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
)

// childArgument makes the test binary one process of a shop.
const childArgument = "one-process-of-the-shop"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == childArgument {
		if err := RunService(context.Background(), os.Stdin); err != nil {
			_, _ = io.WriteString(os.Stderr, err.Error()+"\n")
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// recorder keeps the error that is written to it.
type recorder struct {
	redcon.Conn
	failure string
}

func (r *recorder) WriteError(text string) { r.failure = text }
func (r *recorder) WriteInt(int)           {}

// received is what a shop exports.
type received struct {
	mu       sync.Mutex
	services map[string]map[string]bool // versions of each service that has sent spans
	logs     map[string]bool            // bodies
	points   int                        // requests with metrics
}

// receiver is a server that takes what a shop exports.
func receiver(t *testing.T) (*received, string) {
	t.Helper()
	r := &received{services: map[string]map[string]bool{}, logs: map[string]bool{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil || !r.take(request.URL.Path, body) {
			http.Error(w, "cannot read the request", http.StatusBadRequest)
		}
	}))
	t.Cleanup(server.Close)
	return r, server.URL
}

func (r *received) take(path string, body []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch path {
	case "/v1/traces":
		var traces collectortrace.ExportTraceServiceRequest
		if proto.Unmarshal(body, &traces) != nil {
			return false
		}
		for _, of := range traces.GetResourceSpans() {
			name := value(of.GetResource(), "service.name")
			if r.services[name] == nil {
				r.services[name] = map[string]bool{}
			}
			r.services[name][value(of.GetResource(), "service.version")] = true
		}
	case "/v1/logs":
		var logs collectorlogs.ExportLogsServiceRequest
		if proto.Unmarshal(body, &logs) != nil {
			return false
		}
		for _, of := range logs.GetResourceLogs() {
			for _, records := range of.GetScopeLogs() {
				for _, record := range records.GetLogRecords() {
					r.logs[record.GetBody().GetStringValue()] = true
				}
			}
		}
	default:
		r.points++
	}
	return true
}

// value is that of an attribute of text.
func value(of *resourcev1.Resource, key string) string {
	for _, attribute := range of.GetAttributes() {
		if attribute.GetKey() == key {
			return attribute.GetValue().GetStringValue()
		}
	}
	return ""
}

func (r *received) has(check func() bool) func() bool {
	return func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return check()
	}
}

const (
	patience = time.Minute
	tick     = 50 * time.Millisecond
)

// startShop starts a shop that ends with the test.
func startShop(t *testing.T, otlp string) (*Shop, *lines) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	said := &lines{}
	shop, err := Start(t.Context(), Options{
		Program: program, Child: []string{childArgument}, OTLP: otlp, Rate: 60, Report: said.add,
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		shop.Stop()
		for _, m := range shop.members {
			assert.True(t, m.process == nil || m.process.ended(), "%s has ended", m.settings.Service)
		}
	})
	return shop, said
}

// lines are what a shop reports.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, line)
}

func (l *lines) contain(part string) func() bool {
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return strings.Contains(strings.Join(l.text, "\n"), part)
	}
}

// status is that of a request to the storefront.
func (s *Shop) status(t *testing.T, method, path string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.addresses[storefront]+path, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func (s *Shop) answers(t *testing.T, method, path string, status int) func() bool {
	return func() bool { return s.status(t, method, path) == status }
}

func toggle(t *testing.T, s *Shop, name string, want bool) {
	t.Helper()
	f, err := FindFault(name)
	require.NoError(t, err)
	on, err := s.Toggle(f)
	require.NoError(t, err)
	require.Equal(t, want, on)
}

// Every service reports traces, and the shop logs and metrics; what fails is
// answered with an error, and is well again when the fault is over.
func TestShopReportsAndBreaks(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	seen, otlp := receiver(t)
	shop, said := startShop(t, otlp)
	require.Eventually(t, seen.has(func() bool {
		return len(seen.services) == 8 && seen.points > 0 && seen.logs["order placed"] && seen.logs["order shipped"] && seen.logs["charge settled"]
	}), patience, tick)
	require.Equal(t, http.StatusOK, shop.status(t, http.MethodPost, "/cart"))

	toggle(t, shop, cacheDown, true)
	require.Eventually(t, shop.answers(t, http.MethodPost, "/cart", http.StatusBadGateway), patience, tick)
	toggle(t, shop, cacheDown, false)
	require.Eventually(t, shop.answers(t, http.MethodPost, "/cart", http.StatusOK), patience, tick)

	toggle(t, shop, badVersion, true)
	require.Eventually(t, seen.has(func() bool {
		return seen.services[checkout][badRelease] && seen.logs["POST /orders failed: apply coupon: index out of range [3] with length 3"]
	}), patience, tick)
	toggle(t, shop, badVersion, false)

	toggle(t, shop, bankErrors, true)
	require.Eventually(t, shop.answers(t, http.MethodPost, "/orders", http.StatusBadGateway), patience, tick)

	toggle(t, shop, memoryLeak, true)
	require.Eventually(t, said.contain(recommendation+" ended (signal: killed)"), patience, tick)
	require.Eventually(t, shop.answers(t, http.MethodGet, "/products", http.StatusBadGateway), patience, tick, "while it is away")
}

// A process that cannot start is reported with its reason, and none is left.
func TestShopThatCannotStart(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	_, err = Start(t.Context(), Options{Program: program, Child: []string{"-test.run=^$"}, Report: func(string) {}})
	require.ErrorContains(t, err, database+" ended at its start: ")
	_, err = Start(t.Context(), Options{Program: program + "-missing", Report: func(string) {}})
	require.ErrorContains(t, err, "start "+database+": ")
}

func TestServiceNeedsSettings(t *testing.T) {
	require.ErrorContains(t, RunService(t.Context(), strings.NewReader("")), "no settings on the input")
	require.ErrorContains(t, RunService(t.Context(), strings.NewReader("shop\n")), "settings on the input")
	more, open := io.Pipe() // an input that ends would end the process
	defer func() { assert.NoError(t, open.Close()) }()
	input := io.MultiReader(strings.NewReader(`{"service":"`+database+`","addresses":{"`+database+`":"127.0.0.1:x"}}`+"\n"), more)
	require.ErrorContains(t, RunService(t.Context(), input), "unknown port")
}

// A process ends when its input is closed, whatever else it does.
func TestServiceEndsWithItsInput(t *testing.T) {
	input, keep := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- RunService(t.Context(), input) }()
	_, err := io.WriteString(keep, `{"service":"`+bank+`","addresses":{"`+bank+`":"127.0.0.1:0"}}`+"\n")
	require.NoError(t, err)
	require.NoError(t, keep.Close())
	require.NoError(t, <-done)
}

func TestFaultsHaveNamesAndKeys(t *testing.T) {
	assert.LessOrEqual(t, len(Faults()), 9, "each has a digit for a key")
	names := map[string]bool{}
	for _, f := range Faults() {
		assert.False(t, names[f.Name], f.Name)
		names[f.Name] = true
		assert.Contains(t, processes(), f.service)
		assert.Contains(t, Menu(), f.Name)
	}
	_, err := FindFault("disk-full")
	require.ErrorContains(t, err, `unknown fault "disk-full": use one of payment-db-slow, payment-db-down,`)
}

func TestWhatVisitorsDo(t *testing.T) {
	counts := map[string]int{}
	for n := range 100 {
		method, path := nextRequest(n)
		counts[method+" "+path]++
	}
	assert.Equal(t, map[string]int{"GET /products": 35, "GET /products/42": 20, "POST /cart": 20, "POST /orders": 25}, counts)
}

func TestTailKeepsTheReason(t *testing.T) {
	var end tail
	_, _ = io.WriteString(&end, strings.Repeat("export failed\n", tailBytes))
	assert.Len(t, end.text, tailBytes)
	assert.Equal(t, "export failed", end.reason())
	_, _ = io.WriteString(&end, "panic: no price\n\ngoroutine 1 [running]:\n")
	assert.Equal(t, "panic: no price", end.reason())
}

func TestResidentPages(t *testing.T) {
	assert.EqualValues(t, 1234, residentPages([]byte("9999 1234 5 6 0 7 0\n")))
	assert.Zero(t, residentPages(nil))
	memory, _ := usage()
	assert.Positive(t, memory)
}
