// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioexporter

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tapio/tapio/exporter/tapioexporter/internal/metadata"
	"github.com/tapio/tapio/internal/store"
)

const (
	benchRecords   = 1000 // of a request
	benchResources = 10
	benchRequests  = 20

	// What stands where every sending writes something new.
	idMark   = 0xfeed_5eed_a11c_0de3
	textMark = "feed5eeda11c0de5"
)

// request is an encoded OTLP request.
type request struct {
	encoded    []byte
	ids, texts []int // places of the marks
}

func newRequest(encoded []byte) request {
	r := request{encoded: encoded}
	r.ids = places(encoded, binary.LittleEndian.AppendUint64(nil, idMark))
	r.texts = places(encoded, []byte(textMark))
	return r
}

func places(encoded, mark []byte) (at []int) {
	for from := 0; ; {
		next := bytes.Index(encoded[from:], mark)
		if next < 0 {
			return at
		}
		at = append(at, from+next)
		from += next + len(mark)
	}
}

// renew makes the request differ from all before.
func (r *request) renew(random *rand.Rand) {
	var id [8]byte
	for _, at := range r.ids {
		binary.LittleEndian.PutUint64(r.encoded[at:], random.Uint64())
	}
	for _, at := range r.texts {
		binary.LittleEndian.PutUint64(id[:], random.Uint64())
		hex.Encode(r.encoded[at:], id[:])
	}
}

func benchAttributes(random *rand.Rand, m pcommon.Map) {
	m.PutStr("http.request.id", textMark)
	m.PutStr("http.request.method", "POST")
	m.PutStr("http.route", fmt.Sprintf("/api/v1/carts/{cart}/items/%02d", random.IntN(20)))
	m.PutStr("url.path", fmt.Sprintf("/api/v1/carts/%08x/items", random.Uint32()))
	m.PutInt("http.response.status_code", int64(200+random.IntN(4)*100))
	m.PutInt("http.response.body.size", int64(random.IntN(1<<20)))
	m.PutStr("client.address", fmt.Sprintf("10.%d.%d.%d", random.IntN(256), random.IntN(256), random.IntN(256)))
	m.PutStr("user.id", fmt.Sprintf("user-%06d", random.IntN(100_000)))
	m.PutStr("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari")
	m.PutStr("thread.name", fmt.Sprintf("worker-%02d", random.IntN(32)))
}

func benchResource(m pcommon.Map, i int) {
	m.PutStr("service.name", fmt.Sprintf("service-%02d", i))
	m.PutStr("service.version", "1.24.3")
	m.PutStr("k8s.namespace.name", "production")
	m.PutStr("host.name", fmt.Sprintf("node-%02d.example.com", i%4))
}

func newTraceID(random *rand.Rand) (id pcommon.TraceID) {
	binary.LittleEndian.PutUint64(id[:], random.Uint64())
	binary.LittleEndian.PutUint64(id[8:], idMark)
	return id
}

func newSpanID(random *rand.Rand) (id pcommon.SpanID) {
	binary.LittleEndian.PutUint64(id[:], random.Uint64())
	return id
}

func benchLogs(b *testing.B, random *rand.Rand) request {
	b.Helper()
	logs := plog.NewLogs()
	for i := range benchResources {
		of := logs.ResourceLogs().AppendEmpty()
		benchResource(of.Resource().Attributes(), i)
		records := of.ScopeLogs().AppendEmpty().LogRecords()
		for range benchRecords / benchResources {
			r := records.AppendEmpty()
			r.SetTimestamp(math.MaxInt64)
			r.SetObservedTimestamp(math.MaxInt64)
			r.SetSeverityNumber(plog.SeverityNumber(5 + 4*random.IntN(4)))
			r.SetSeverityText("INFO")
			r.Body().SetStr(fmt.Sprintf("added item %d to cart %08x of user-%06d", random.IntN(1e5), random.Uint32(), random.IntN(1e5)))
			r.SetTraceID(newTraceID(random))
			r.SetSpanID(newSpanID(random))
			benchAttributes(random, r.Attributes())
		}
	}
	encoded, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	if err != nil {
		b.Fatal(err)
	}
	return newRequest(encoded)
}

func benchTraces(b *testing.B, random *rand.Rand) request {
	b.Helper()
	traces := ptrace.NewTraces()
	for i := range benchResources {
		of := traces.ResourceSpans().AppendEmpty()
		benchResource(of.Resource().Attributes(), i)
		spans := of.ScopeSpans().AppendEmpty().Spans()
		var trace pcommon.TraceID
		var root pcommon.SpanID
		for n := range benchRecords / benchResources {
			s := spans.AppendEmpty()
			s.SetSpanID(newSpanID(random))
			if n%10 == 0 {
				trace, root = newTraceID(random), s.SpanID()
			} else {
				s.SetParentSpanID(root)
			}
			s.SetTraceID(trace)
			s.SetName(fmt.Sprintf("POST /api/v1/carts/%02d", n%10))
			s.SetKind(ptrace.SpanKindServer)
			s.SetStartTimestamp(math.MaxInt32)
			s.SetEndTimestamp(math.MaxInt32 + pcommon.Timestamp(random.IntN(1e8)))
			benchAttributes(random, s.Attributes())
		}
	}
	encoded, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	if err != nil {
		b.Fatal(err)
	}
	return newRequest(encoded)
}

// BenchmarkIngest takes in what a receiver would: it decodes, converts, stores
// and compacts. CPU seconds count, for compaction is done beside.
func BenchmarkIngest(b *testing.B) {
	e, err := newExporter(exportertest.NewNopSettings(metadata.Type), createDefaultConfig())
	if err != nil {
		b.Fatal(err)
	}
	e.store = store.New(store.Limits{Logs: 100 << 20, Traces: 100 << 20}, time.Now)
	defer debug.SetGCPercent(debug.SetGCPercent(200)) // as the extension does
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(300 << 20))
	b.Run("logs", func(b *testing.B) {
		benchmarkIngest(b, benchLogs, func(encoded []byte) error {
			r := plogotlp.NewExportRequest()
			if err := r.UnmarshalProto(encoded); err != nil {
				return err
			}
			return e.consumeLogs(b.Context(), r.Logs())
		})
	})
	b.Run("traces", func(b *testing.B) {
		benchmarkIngest(b, benchTraces, func(encoded []byte) error {
			r := ptraceotlp.NewExportRequest()
			if err := r.UnmarshalProto(encoded); err != nil {
				return err
			}
			return e.consumeTraces(b.Context(), r.Traces())
		})
	})
}

func benchmarkIngest(b *testing.B, made func(*testing.B, *rand.Rand) request, consume func([]byte) error) {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	requests := make([]request, benchRequests)
	for i := range requests {
		requests[i] = made(b, random)
	}
	b.ResetTimer()
	before, n := cpuTime(b), 0
	for b.Loop() {
		r := &requests[n%benchRequests]
		r.renew(random)
		if err := consume(r.encoded); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(n)/benchRecords, "cpu-ns/record")
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
