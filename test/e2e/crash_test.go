// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	encoding "encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// crashBatch is how many records a writer sends at once.
const crashBatch = 100

// kills is how often a collector is killed, and how long it runs at most: 2 times
// within 1.5 s or, for TAPIO_KILLS, so often and long enough for files to be written.
func kills(t *testing.T) (times int, longest time.Duration) {
	t.Helper()
	text, set := os.LookupEnv("TAPIO_KILLS")
	if !set {
		return 2, 1500 * time.Millisecond
	}
	times, err := strconv.Atoi(text)
	require.NoError(t, err, "TAPIO_KILLS")
	return times, 12 * time.Second
}

// Killed under load, a collector has every record afterwards that it acknowledged.
func TestAfterAKillWithSyncNothingAcknowledgedIsMissing(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	times, longest := kills(t)
	for n := range times {
		args := append(inDirectory(filepath.Join(t.TempDir(), "store")),
			"--set=extensions::tapio::store::durability=sync", "--set=extensions::tapio::store::memory_limit=256MiB")
		c := Start(t, withProfiles, args...)
		load := beginLoad(t, c)
		for _, w := range load.writers {
			eventually(t, startLimit, func() bool { return w.count() > 10*crashBatch }, w.signal+" are acknowledged")
		}
		time.Sleep(time.Duration(random.Int64N(int64(longest)))) // the moment is up to chance
		c.Kill()
		load.end()

		c = Start(t, withProfiles, args...)
		found := foundAfterCrash(t, apiOf(t, c))
		for _, w := range load.writers {
			acknowledged := w.all()
			missing := 0
			for _, i := range acknowledged {
				if !found[w.signal][i] {
					missing++
				}
			}
			require.Zero(t, missing, "kill %d: of %d acknowledged %s", n, len(acknowledged), w.signal)
			t.Logf("kill %d: all of %d acknowledged %s are there", n, len(acknowledged), w.signal)
		}
		require.Zero(t, c.Stop())
	}
}

// load is writers of every signal.
type load struct {
	writers []*crashWriter
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func (l *load) end() {
	l.cancel()
	l.running.Wait()
}

// crashWriter writes batches, each once the one before is acknowledged.
type crashWriter struct {
	signal string
	send   func(ctx context.Context, from int) error

	mu           sync.Mutex
	acknowledged []int
}

func (w *crashWriter) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acknowledged)
}

func (w *crashWriter) all() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.acknowledged)
}

// run writes until the collector is gone.
func (w *crashWriter) run(ctx context.Context) {
	for from := 0; ; from += crashBatch {
		if err := w.send(ctx, from); err != nil {
			return
		}
		w.mu.Lock()
		w.acknowledged = append(w.acknowledged, sequence(from, from+crashBatch)...)
		w.mu.Unlock()
	}
}

func beginLoad(t *testing.T, c *Collector) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	otlp, err := grpc.NewClient(c.OTLPGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = otlp.Close() })
	client := apiOf(t, c)
	stream, err := client.events.StreamEvents(ctx)
	require.NoError(t, err)
	l := &load{cancel: cancel, writers: []*crashWriter{
		{signal: "logs", send: func(ctx context.Context, from int) error {
			_, err := collogs.NewLogsServiceClient(otlp).Export(ctx, lines("crash", from, from+crashBatch, ""))
			return err
		}},
		{signal: "traces", send: func(ctx context.Context, from int) error {
			_, err := coltrace.NewTraceServiceClient(otlp).Export(ctx, numberedSpans(from, from+crashBatch))
			return err
		}},
		{signal: "metrics", send: func(ctx context.Context, from int) error {
			_, err := colmetrics.NewMetricsServiceClient(otlp).Export(ctx, numberedPoints(from, from+crashBatch))
			return err
		}},
		{signal: "profiles", send: func(ctx context.Context, from int) error { return uploadNumbered(ctx, client, from) }},
		{signal: "events", send: func(_ context.Context, from int) error { return writeEvents(stream, from) }},
	}}
	for _, w := range l.writers {
		l.running.Go(func() { w.run(ctx) })
	}
	return l
}

func writeEvents(stream grpc.BidiStreamingClient[tapiov1.StreamEventsRequest, tapiov1.StreamEventsResponse], from int) error {
	batch := eventBatch("crash-"+strconv.Itoa(from), from, from+crashBatch)
	if err := stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Batch{Batch: batch}}); err != nil {
		return err
	}
	for {
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		if ack := answer.GetAck(); ack != nil {
			if ack.GetAcceptedCount() != crashBatch {
				return errors.New("not accepted")
			}
			return nil
		}
	}
}

// numberedSpans are spans that have their number as their id.
func numberedSpans(from, to int) *coltrace.ExportTraceServiceRequest {
	scope := &trace.ScopeSpans{}
	for i := from; i < to; i++ {
		id := encoding.BigEndian.AppendUint64(nil, uint64(i)+1)
		scope.Spans = append(scope.Spans, &trace.Span{
			TraceId: append(make([]byte, 8), id...), SpanId: id, Name: "GET /crash",
			StartTimeUnixNano: nanos(time.Now()), EndTimeUnixNano: nanos(time.Now()),
		})
	}
	return &coltrace.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
		Resource: origin("service.name", "crash"), ScopeSpans: []*trace.ScopeSpans{scope},
	}}}
}

// numberedPoints are points that have their number as their value.
func numberedPoints(from, to int) *colmetrics.ExportMetricsServiceRequest {
	var values []float64
	for i := from; i < to; i++ {
		values = append(values, float64(i))
	}
	m := gauge("crash", time.Now(), values...)
	for i, p := range m.GetGauge().GetDataPoints() {
		p.Attributes = []*common.KeyValue{text("series", strconv.Itoa(i))}
	}
	return metricsOf(origin("service.name", "crash"), m)
}

// uploadNumbered stores a profile that has its number as a label, and a sample for each
// record of a batch.
func uploadNumbered(ctx context.Context, client api, from int) error {
	var folded strings.Builder
	for i := range crashBatch {
		fmt.Fprintf(&folded, "main;work%d 1\n", i)
	}
	_, err := client.UploadProfile(ctx, &tapiov1.UploadProfileRequest{
		Format: tapiov1.ProfileFormat_PROFILE_FORMAT_FOLDED, Data: []byte(folded.String()),
		Labels: map[string]string{"service.name": "crash", "batch": strconv.Itoa(from)},
	})
	return err
}

// profilesAfterCrash notes the samples of the profiles of uploadNumbered.
func profilesAfterCrash(t *testing.T, client api, found map[int]bool) {
	t.Helper()
	for token := ""; ; {
		page, err := client.GetProfiles(bounded(t), &tapiov1.GetProfilesRequest{Filter: &tapiov1.Filter{Limit: 1000, PageToken: token}})
		require.NoError(t, err)
		for _, p := range page.GetProfiles() {
			from, err := strconv.Atoi(p.GetAttributes()["batch"])
			require.NoError(t, err)
			require.False(t, found[from], "profile %d comes twice", from)
			require.EqualValues(t, crashBatch, p.GetSampleCount())
			for i := range crashBatch {
				found[from+i] = true
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			return
		}
	}
}

// foundAfterCrash are the numbers of all records of the writers, by signal.
func foundAfterCrash(t *testing.T, client api) map[string]map[int]bool {
	t.Helper()
	found := map[string]map[int]bool{"logs": {}, "traces": {}, "metrics": {}, "events": {}, "profiles": {}}
	profilesAfterCrash(t, client, found["profiles"])
	all := &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{}}
	logs, err := client.StreamLogs(bounded(t), &tapiov1.StreamLogsRequest{Start: all, HistoryOnly: true})
	require.NoError(t, err)
	readToEnd(t, logs.Recv, func(m *tapiov1.StreamLogsResponse) {
		require.Nil(t, m.GetLoss())
		for _, e := range m.GetLogs() {
			signal := "logs"
			if e.GetLogRecord().GetEventName() != "" {
				signal = "events"
			}
			require.False(t, found[signal][number(e)], "%s %d comes twice", signal, number(e))
			found[signal][number(e)] = true
		}
	})
	spans, err := client.StreamTraces(bounded(t), &tapiov1.StreamTracesRequest{Start: all, HistoryOnly: true})
	require.NoError(t, err)
	readToEnd(t, spans.Recv, func(m *tapiov1.StreamTracesResponse) {
		for _, of := range m.GetResourceSpans() {
			for _, s := range of.GetScopeSpans()[0].GetSpans() {
				found["traces"][int(encoding.BigEndian.Uint64(s.GetSpanId()))-1] = true
			}
		}
	})
	points, err := client.StreamMetrics(bounded(t), &tapiov1.StreamMetricsRequest{Start: all, HistoryOnly: true})
	require.NoError(t, err)
	readToEnd(t, points.Recv, func(m *tapiov1.StreamMetricsResponse) {
		for _, of := range m.GetResourceMetrics() {
			for _, metric := range of.GetScopeMetrics()[0].GetMetrics() {
				for _, p := range metric.GetGauge().GetDataPoints() {
					found["metrics"][int(p.GetAsDouble())] = true
				}
			}
		}
	})
	return found
}

// readToEnd calls use with each message of a stream, of which there must be some.
func readToEnd[M any](t *testing.T, recv func() (M, error), use func(M)) {
	t.Helper()
	for n := 0; ; n++ {
		m, err := recv()
		if errors.Is(err, io.EOF) {
			require.Positive(t, n)
			return
		}
		require.NoError(t, err)
		use(m)
	}
}
