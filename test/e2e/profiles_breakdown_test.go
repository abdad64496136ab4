// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// requestsProfile is a pprof file of ten requests, one in each trace. The last one is slow
// because of lookup; thread says who did it.
func requestsProfile(t *testing.T) []byte {
	t.Helper()
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "cpu", Unit: "nanoseconds"}}, PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"},
		Period: 1e7, TimeNanos: time.Now().UnixNano(), DurationNanos: int64(time.Second),
	}
	for i, name := range []string{"main.serve", "main.parse", "main.lookup"} {
		id := uint64(i + 1)
		f := &profile.Function{ID: id, Name: name}
		p.Function = append(p.Function, f)
		p.Location = append(p.Location, &profile.Location{ID: id, Line: []profile.Line{{Function: f}}})
	}
	add := func(request, leaf int, milliseconds int64, thread string) {
		p.Sample = append(p.Sample, &profile.Sample{
			Location: []*profile.Location{p.Location[leaf], p.Location[0]}, Value: []int64{milliseconds * 1e6},
			Label: map[string][]string{"trace_id": {traceOf(request)}, "span_id": {fmt.Sprintf("%016x", request)}, "thread.name": {thread}},
		})
	}
	for i := 1; i <= 10; i++ {
		add(i, 1, 10, "parser")
		add(i, 2, 2, "worker")
	}
	add(10, 2, 400, "worker")
	var file bytes.Buffer
	require.NoError(t, p.Write(&file))
	return file.Bytes()
}

func traceOf(request int) string { return fmt.Sprintf("%032x", request) }

// sendRequests stores a span for each of ten requests, the last of which takes a second.
func sendRequests(t *testing.T, c *Collector) {
	t.Helper()
	var spans []map[string]any
	begin := time.Now()
	for i := 1; i <= 10; i++ {
		took := 20 * time.Millisecond
		if i == 10 {
			took = time.Second
		}
		spans = append(spans, map[string]any{
			"traceId": traceOf(i), "spanId": fmt.Sprintf("%016x", i), "name": "GET /cart", "kind": 2,
			"startTimeUnixNano": fmt.Sprint(begin.UnixNano()), "endTimeUnixNano": fmt.Sprint(begin.Add(took).UnixNano()),
		})
	}
	resource := map[string]any{"attributes": []any{map[string]any{"key": "service.name", "value": map[string]any{"stringValue": "shop"}}}}
	body, err := json.Marshal(map[string]any{"resourceSpans": []any{map[string]any{"resource": resource, "scopeSpans": []any{map[string]any{"spans": spans}}}}})
	require.NoError(t, err)
	code, answer := post(t, "http://"+c.OTLPHTTP+"/v1/traces", "application/json", body)
	require.Equal(t, http.StatusOK, code, "%s", answer)
}

// Samples are added up by label and by trace, and slow requests are compared with fast ones.
func TestProfileBreakdown(t *testing.T) {
	t.Parallel()
	c := Start(t, withProfiles)
	client := apiOf(t, c)
	_, err := client.UploadProfile(bounded(t), &tapiov1.UploadProfileRequest{
		Data: requestsProfile(t), Labels: map[string]string{"service": "shop", "service.instance.id": "shop-1"},
	})
	require.NoError(t, err)
	sendRequests(t, c)

	groups := string(tapioctl(t, c, "profile", "top", "--service", "shop", "--by", "thread.name"))
	require.Regexp(t, `(?s)THREAD\.NAME.*\n420ms +80\.8% +worker +11 +main\.lookup +420ms\n100ms +19\.2% +parser +10 +main\.parse +100ms\n`, groups)
	require.Contains(t, string(tapioctl(t, c, "profile", "top", "--by", "instance")), "shop-1")

	traces := string(tapioctl(t, c, "profile", "traces", "--service", "shop", "--function", "main.lookup", "--limit", "2"))
	require.Regexp(t, `402ms +95\.7% +1s +.* shop +GET /cart +main\.lookup +`+traceOf(10)+`\n2ms +0\.5% +20ms `, traces)

	for _, flags := range [][]string{{"--slow", "--slow-percentile", "95"}, {"--slower-than", "500ms"}} {
		changes := string(tapioctl(t, c, append([]string{"profile", "diff", "--service", "shop"}, flags...)...))
		require.Regexp(t, `\n\+400ms +402ms +2ms +\+400ms +main\.lookup`, changes, "per request")
	}
	for name, request := range map[string]*tapiov1.AnalyzeProfileRequest{
		"split_by_duration: does not divide the 10 selected requests": {SplitByDuration: &tapiov1.ProfileDurationSplit{Percentile: 5}},
		"split_by_duration.percentile: must be above 0 and below 100": {SplitByDuration: &tapiov1.ProfileDurationSplit{Percentile: 100}},
		"max_traces: must be 0 to 1000, is 1001":                      {MaxTraces: 1001},
	} {
		request.SampleType = "cpu"
		_, err := client.AnalyzeProfile(bounded(t), request)
		require.ErrorContains(t, err, name, name)
	}
	_, err = client.AnalyzeProfile(bounded(t), &tapiov1.AnalyzeProfileRequest{SampleType: "cpu", IncidentId: "gone"})
	require.Equal(t, codes.NotFound, status.Code(err))
	require.ErrorContains(t, err, `no incident "gone" is stored`)
}
