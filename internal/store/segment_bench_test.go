// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/segment"
)

// benchRows is how many rows the benchmarks store: TAPIO_BENCH_ROWS or 200,000.
func benchRows(b *testing.B) int {
	b.Helper()
	rows, err := strconv.Atoi(os.Getenv("TAPIO_BENCH_ROWS"))
	if err != nil {
		return 200_000
	}
	return rows
}

// shop makes the telemetry of a shop of forty services.
type shop struct {
	random    *rand.Rand
	resources []*model.Resource
	scope     *model.Scope
	now       model.Nanos
	trace     model.TraceID
}

func newShop() *shop {
	s := &shop{random: rand.New(rand.NewPCG(1, 1)), scope: &model.Scope{Name: "shop"}, now: second(1_700_000_000)}
	for i := range 40 {
		s.resources = append(s.resources, &model.Resource{Attributes: attributes(
			semconv.ServiceName, fmt.Sprint("service-", i), "k8s.pod.name", fmt.Sprintf("service-%d-5c66d57d58-%d", i, i*7),
			"k8s.namespace.name", "shop", "k8s.node.name", fmt.Sprint("node-", i%5))})
	}
	return s
}

// spanID makes ids that cannot be compressed, as real ones.
func (s *shop) spanID() (id model.SpanID) {
	binary.LittleEndian.PutUint64(id[:], s.random.Uint64())
	return id
}

func (s *shop) step() {
	s.now += model.Nanos(s.random.IntN(1_000_000))
	if s.random.IntN(10) == 0 {
		binary.LittleEndian.PutUint64(s.trace[:], s.random.Uint64())
		binary.LittleEndian.PutUint64(s.trace[8:], s.random.Uint64())
	}
}

// events makes log records; one in 200 is an error of its service.
func (s *shop) events(n int) []model.Event {
	rows := make([]model.Event, n)
	for i := range rows {
		s.step()
		e := &rows[i]
		*e = model.Event{
			Time: s.now, SeverityNumber: 9, SeverityText: "INFO", TraceID: s.trace, SpanID: s.spanID(),
			Resource: s.resources[s.random.IntN(len(s.resources))], Scope: s.scope,
			Attributes: attributes("http.route", fmt.Sprint("/cart/", s.random.IntN(20)), "thread", fmt.Sprint(s.random.IntN(50))),
		}
		e.Body = model.StringValue(fmt.Sprintf("request %d of user %d answered in %d ms: cart holds %d items, order %s",
			s.random.IntN(1e6), s.random.IntN(1e5), s.random.IntN(900), s.random.IntN(20), e.SpanID))
		if s.random.IntN(200) == 0 {
			e.SeverityNumber, e.SeverityText = 17, "ERROR"
			e.Body = model.StringValue(fmt.Sprintf("payment declined for user %d: insufficient funds", s.random.IntN(1e5)))
		}
	}
	return rows
}

// wide makes log records of ten attributes, half of which rarely repeat.
func (s *shop) wide(n int) []model.Event {
	rows := s.events(n)
	for i := range rows {
		rows[i].Attributes = append(attributes(
			"http.request.id", s.spanID().String(), "http.request.method", "POST",
			"http.route", fmt.Sprintf("/api/v1/carts/{cart}/items/%02d", s.random.IntN(20)),
			"url.path", fmt.Sprintf("/api/v1/carts/%08x/items", s.random.Uint32()),
			"client.address", fmt.Sprintf("10.%d.%d.%d", s.random.IntN(256), s.random.IntN(256), s.random.IntN(256)),
			"user.id", fmt.Sprintf("user-%06d", s.random.IntN(100_000)),
			"user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari",
			"thread.name", fmt.Sprintf("worker-%02d", s.random.IntN(32))),
			model.KeyValue{Key: "http.response.status_code", Value: model.IntValue(int64(200 + s.random.IntN(4)*100))},
			model.KeyValue{Key: "http.response.body.size", Value: model.IntValue(int64(s.random.IntN(1 << 20)))})
	}
	return rows
}

func (s *shop) spans(n int) []model.Span {
	rows := make([]model.Span, n)
	var parent model.SpanID
	for i := range rows {
		s.step()
		id := s.spanID()
		rows[i] = model.Span{
			TraceID: s.trace, SpanID: id, ParentID: parent, Start: s.now, End: s.now + model.Nanos(s.random.IntN(1e8)),
			Name: fmt.Sprint("GET /cart/", s.random.IntN(20)), Kind: s.random.Int32N(5), Attributes: attributes("http.method", "GET"),
			Resource: s.resources[s.random.IntN(len(s.resources))], Scope: s.scope,
		}
		parent = id
	}
	return rows
}

// needle is in the body of one log record, which is the thousandth.
const needle = "the hay holds a Needle of iron"

// stocked is a store that the benchmarks of one run share.
type stocked struct {
	once    sync.Once
	store   *Store
	objects float64 // on the heap, for each row
}

func (s *stocked) fill(b *testing.B, fill func(*Store, *shop, int) (stored int)) *Store {
	b.Helper()
	s.once.Do(func() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s.store = New(Limits{Logs: 4096 * mebibyte, Traces: 4096 * mebibyte}, time.Now)
		rows, stored, made := benchRows(b), 0, newShop()
		for stored < rows {
			stored += fill(s.store, made, min(10_000, rows-stored))
		}
		settle(s.store)
		runtime.GC()
		runtime.ReadMemStats(&after)
		s.objects = (float64(after.HeapObjects) - float64(before.HeapObjects)) / float64(rows)
		for _, stats := range s.store.Stats()[:2] {
			if stats.Rows > 0 {
				b.Logf("%s: %d rows, %d MB, %.1f B each; %.4f heap objects each",
					stats.Signal, stats.Rows, stats.Bytes>>20, float64(stats.Bytes)/float64(stats.Rows), s.objects)
			}
		}
	})
	return s.store
}

func fillEvents(s *Store, made *shop, n int) int {
	rows := made.events(n)
	if s.Stats()[0].Rows == 0 && n > 1000 {
		rows[1000].Body = model.StringValue(needle)
	}
	s.AppendEvents(rows)
	return n
}

func fillSpans(s *Store, made *shop, n int) int {
	s.AppendSpans(made.spans(n))
	return n
}

// median runs f b.N times and reports the median.
func median(b *testing.B, f func()) {
	b.Helper()
	var times []time.Duration
	for b.Loop() {
		begin := time.Now()
		f()
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2])/1e6, "median-ms")
}

func BenchmarkCompact(b *testing.B) {
	packer, wide := colenc.NewPacker(), newShop().wide(8*segment.BlockRows)
	events, spans := newShop().events(segment.SegmentRows/2), newShop().spans(segment.SegmentRows)
	for how, name := range []string{colenc.PackTight: "tight", colenc.PackQuick: "quick"} {
		b.Run("logs/"+name, func(b *testing.B) { benchmarkCompact(b, segment.EventCodec{}, packer, colenc.Packing(how), events) })
		b.Run("spans/"+name, func(b *testing.B) { benchmarkCompact(b, segment.SpanCodec{}, packer, colenc.Packing(how), spans) })
		b.Run("wide/"+name, func(b *testing.B) { benchmarkCompact(b, segment.EventCodec{}, packer, colenc.Packing(how), wide) })
	}
}

func benchmarkCompact[R any](b *testing.B, c segment.Codec[R], p *colenc.Packer, how colenc.Packing, rows []R) {
	b.Helper()
	var s *segment.Segment
	for b.Loop() {
		s = segment.Compact(c, p, how, rows)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(len(rows)), "ns/row")
	b.ReportMetric(float64(s.Size())/float64(len(rows)), "B/row")
}

func BenchmarkSegments(b *testing.B) {
	var logs, traces stocked
	b.Run("Last20ByServiceAndSeverity", func(b *testing.B) {
		s := logs.fill(b, fillEvents)
		benchmarkEvents(b, s, 20, model.Filter{Services: []string{"service-7"}, MinSeverity: model.SeverityError})
	})
	b.Run("Last20ByServiceAndSeverityNone", func(b *testing.B) {
		s := logs.fill(b, fillEvents)
		benchmarkEvents(b, s, 0, model.Filter{Services: []string{"service-7"}, MinSeverity: model.SeverityFatal})
	})
	b.Run("TextSearchRare", func(b *testing.B) {
		s := logs.fill(b, fillEvents)
		benchmarkEvents(b, s, 1, model.Filter{Text: model.FoldText("Needle of")})
	})
	b.Run("TextSearchAbsentWord", func(b *testing.B) {
		s := logs.fill(b, fillEvents)
		benchmarkEvents(b, s, 0, model.Filter{Text: "timeout"})
	})
	b.Run("TextSearchAbsentID", func(b *testing.B) {
		s := logs.fill(b, fillEvents)
		benchmarkEvents(b, s, 0, model.Filter{Text: "0123456789abcdef"})
	})
	b.Run("TextSearchAbsentNumbers", func(b *testing.B) { // each word and number is there, not together
		s := logs.fill(b, fillEvents)
		benchmarkEvents(b, s, 0, model.Filter{Text: "user 12345 answered in 899 ms: cart holds 19"})
	})
	b.Run("TextSearchAbsentPair", func(b *testing.B) {
		s := logs.fill(b, fillEvents)
		benchmarkEvents(b, s, 0, model.Filter{Text: "qz"})
	})
	b.Run("TextSearchAbsentNumber", func(b *testing.B) { // all its parts are there
		s := logs.fill(b, fillEvents)
		benchmarkEvents(b, s, 0, model.Filter{Text: " 12345678 "})
	})
	b.Run("LabelMatchesNothing", func(b *testing.B) {
		s := logs.fill(b, fillEvents)
		selector, err := model.NewSelector("http.route", "=~", []string{"/cart/9.+"})
		if err != nil {
			b.Fatal(err)
		}
		benchmarkEvents(b, s, 0, model.Filter{Selectors: []model.Selector{selector}})
	})
	b.Run("TextSearchCommon", func(b *testing.B) {
		s := logs.fill(b, fillEvents)
		benchmarkEvents(b, s, 20, model.Filter{Text: "insufficient"})
	})
	b.Run("TraceByID", func(b *testing.B) {
		s := traces.fill(b, fillSpans)
		views, _ := s.spans.views()
		id := views[0].row(1000).TraceID
		median(b, func() {
			page, err := s.QueryTraces(b.Context(), model.TraceQuery{TraceIDs: []model.TraceID{id}})
			if err != nil || len(page.Rows) != 1 {
				b.Fatal(err, len(page.Rows))
			}
		})
	})
	b.Run("LogsOfTrace", func(b *testing.B) {
		s := logs.fill(b, fillEvents)
		views, _ := s.events.views()
		id := views[0].row(1000).TraceID
		median(b, func() {
			page, err := s.QueryEvents(b.Context(), model.EventQuery{TraceID: id, Paging: model.Paging{Limit: 100}})
			if err != nil || len(page.Rows) == 0 {
				b.Fatal(err, len(page.Rows))
			}
		})
	})
}

func benchmarkEvents(b *testing.B, s *Store, want int, f model.Filter) {
	b.Helper()
	median(b, func() {
		page, err := s.QueryEvents(b.Context(), model.EventQuery{Filter: f, Paging: model.Paging{Limit: 20}})
		if err != nil || len(page.Rows) != want {
			b.Fatal(err, len(page.Rows))
		}
	})
}
