// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	healthy  = tapiov1.Collector_STATE_HEALTHY
	degraded = tapiov1.Collector_STATE_DEGRADED
	lost     = tapiov1.Collector_STATE_LOST
)

func newRegistry(collectors int) *Registry {
	return New(Limits{
		Collectors: collectors, Bytes: 1 << 20, Interval: time.Second, DegradedAfter: 2, LostAfter: 4,
	}, time.Now)
}

func register(t *testing.T, r *Registry, id string) {
	t.Helper()
	_, err := r.Register(&tapiov1.Collector{CollectorId: id, Node: "node-" + id}, GRPC, 0)
	require.NoError(t, err)
}

func list(t *testing.T, r *Registry, q Query) Page {
	t.Helper()
	if q.Order == nil {
		q.Order = ByID
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	page, err := r.List(q)
	require.NoError(t, err)
	return page
}

func ids(page Page) []string {
	var out []string
	for _, c := range page.Collectors {
		out = append(out, c.GetCollectorId())
	}
	return out
}

func TestMissedBeatsDegradeAndLose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry(10)
		register(t, r, "a")
		state := func() tapiov1.Collector_State { return list(t, r, Query{}).Collectors[0].GetState() }
		assert.Equal(t, healthy, state())
		time.Sleep(2 * time.Second)
		assert.Equal(t, degraded, state())
		time.Sleep(2 * time.Second)
		assert.Equal(t, lost, state())
		assert.Equal(t, map[tapiov1.Collector_State]uint64{lost: 1}, r.States())

		require.NoError(t, r.Beat("a", nil, nil))
		assert.Equal(t, healthy, state(), "a beat brings it back")
		require.NoError(t, r.Beat("a", &tapiov1.CollectorStatus{State: degraded, Message: "queue is full"}, nil))
		assert.Equal(t, degraded, state(), "it says so itself")
	})
}

func TestOnlyTheLostMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry(2)
		register(t, r, "a")
		time.Sleep(time.Second)
		register(t, r, "b")
		_, err := r.Register(&tapiov1.Collector{CollectorId: "c"}, GRPC, 0)
		assert.Equal(t, codes.ResourceExhausted, status.Code(err))
		register(t, r, "a") // a renewal is no further one
		time.Sleep(4 * time.Second)
		require.NoError(t, r.Beat("b", nil, nil))
		register(t, r, "c")
		assert.Equal(t, []string{"b", "c"}, ids(list(t, r, Query{})))
		assert.Equal(t, map[string]uint64{"lost": 1}, r.Left())
	})
}

func TestBytesAreBounded(t *testing.T) {
	r := newRegistry(1000)
	big := strings.Repeat("x", 300<<10)
	register(t, r, "a")
	_, err := r.Configure(&tapiov1.UpdateConfigRequest{CollectorId: "a", Content: "a: " + big})
	require.NoError(t, err)
	register(t, r, "b")
	register(t, r, "c")
	require.NoError(t, r.Beat("b", nil, &tapiov1.ConfigStatus{EffectiveContent: big}))
	before := r.bytes
	_, err = r.Configure(&tapiov1.UpdateConfigRequest{CollectorId: "c", Content: "a: " + big + big})
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	assert.Equal(t, before, r.bytes)
	for _, id := range []string{"a", "b", "c"} {
		require.NoError(t, r.Unregister(id))
	}
	assert.Zero(t, r.bytes, "what leaves takes its bytes along")
	assert.Equal(t, codes.NotFound, status.Code(r.Unregister("a")))
}

func TestConfigurationIsVersionedAndWatched(t *testing.T) {
	r := newRegistry(10)
	register(t, r, "a")
	changed, stop, err := r.Watch("a")
	require.NoError(t, err)
	defer stop()

	tried, err := r.Configure(&tapiov1.UpdateConfigRequest{CollectorId: "a", Content: "x: 1", ValidateOnly: true})
	require.NoError(t, err)
	assert.EqualValues(t, 1, tried.GetVersion())
	kept, _, err := r.Config("a")
	require.NoError(t, err)
	assert.Nil(t, kept, "a trial changes nothing")
	assert.Empty(t, changed)

	first, err := r.Configure(&tapiov1.UpdateConfigRequest{CollectorId: "a", Content: "x: 1"})
	require.NoError(t, err)
	<-changed
	_, err = r.Configure(&tapiov1.UpdateConfigRequest{CollectorId: "a", Content: "x: 2", Etag: "stale"})
	assert.Equal(t, codes.Aborted, status.Code(err))
	second, err := r.Configure(&tapiov1.UpdateConfigRequest{CollectorId: "a", Content: "x: 2", Etag: first.GetEtag()})
	require.NoError(t, err)
	assert.EqualValues(t, 2, second.GetVersion())
	assert.NotEqual(t, first.GetEtag(), second.GetEtag())

	require.NoError(t, r.Beat("a", nil, &tapiov1.ConfigStatus{Version: 2, Result: tapiov1.ConfigStatus_RESULT_FAILED, Message: "no such receiver"}))
	_, answer, err := r.Config("a")
	require.NoError(t, err)
	assert.Equal(t, "no such receiver", answer.GetMessage())
	assert.Zero(t, list(t, r, Query{}).Collectors[0].GetConfigVersion(), "a refused one is not in force")
	require.NoError(t, r.Beat("a", nil, &tapiov1.ConfigStatus{Version: 2, Result: tapiov1.ConfigStatus_RESULT_APPLIED, EffectiveContent: "x: 2"}))
	assert.EqualValues(t, 2, list(t, r, Query{}).Collectors[0].GetConfigVersion())

	require.NoError(t, r.Unregister("a"))
	<-changed // the change before
	_, open := <-changed
	assert.False(t, open)
}

func TestContentIsChecked(t *testing.T) {
	r := newRegistry(10)
	register(t, r, "a")
	for content, contentType := range map[string]string{"": "", "a: [": "", "- a": "text/yaml", "{": "application/json", "x": "no type"} {
		_, err := r.Configure(&tapiov1.UpdateConfigRequest{CollectorId: "a", Content: content, ContentType: contentType})
		var fault *model.FieldError
		require.ErrorAs(t, err, &fault, "%q", content)
		assert.True(t, strings.HasPrefix(fault.Field, "content"))
	}
	_, err := r.Configure(&tapiov1.UpdateConfigRequest{CollectorId: "a", Content: "as it likes", ContentType: "application/x-own"})
	require.NoError(t, err)
}

func TestListPagesAndSorts(t *testing.T) {
	r := newRegistry(100)
	for i := range 10 {
		register(t, r, fmt.Sprintf("c%d", i))
	}
	page := list(t, r, Query{Limit: 4, Order: ByNode, Desc: true})
	assert.Equal(t, []string{"c9", "c8", "c7", "c6"}, ids(page))
	assert.Equal(t, map[tapiov1.Collector_State]uint64{healthy: 10}, page.States)
	register(t, r, "c65") // does not appear on later pages
	page = list(t, r, Query{Limit: 4, Order: ByNode, Desc: true, After: page.After, Newest: page.Newest})
	assert.Equal(t, []string{"c5", "c4", "c3", "c2"}, ids(page))
	require.NoError(t, r.Unregister("c2"))
	_, err := r.List(Query{Limit: 4, Order: ByNode, After: page.After})
	require.ErrorContains(t, err, "start again")

	selector, err := model.NewSelector("node", "=", []string{"node-c3"})
	require.NoError(t, err)
	assert.Equal(t, []string{"c3"}, ids(list(t, r, Query{Filter: model.Filter{Selectors: []model.Selector{selector}}})))
	assert.Empty(t, ids(list(t, r, Query{States: []tapiov1.Collector_State{lost}})))
}

func TestStatisticsSumUpTheFleet(t *testing.T) {
	r := newRegistry(100)
	for i := range 25 {
		_, err := r.Register(&tapiov1.Collector{CollectorId: fmt.Sprintf("c%02d", i), Version: fmt.Sprintf("1.%02d", i)}, GRPC, 0)
		require.NoError(t, err)
	}
	report := &tapiov1.CollectorStatus{
		CpuCores: 0.5, MemoryBytes: 100, SentRecordCount: 7, QueuedRecordCount: 3, DroppedRecordCounts: map[string]uint64{"full": 2, "late": 1},
	}
	for i, result := range []tapiov1.ConfigStatus_Result{tapiov1.ConfigStatus_RESULT_APPLIED, tapiov1.ConfigStatus_RESULT_FAILED, 0} {
		id := fmt.Sprintf("c%02d", i)
		_, err := r.Configure(&tapiov1.UpdateConfigRequest{CollectorId: id, Content: "x: 1"})
		require.NoError(t, err)
		var answer *tapiov1.ConfigStatus
		if result != 0 {
			answer = &tapiov1.ConfigStatus{Version: 1, Result: result}
		}
		require.NoError(t, r.Beat(id, report, answer))
	}
	got := list(t, r, Query{Limit: 4}).Statistics
	assert.EqualValues(t, 25, got.GetCollectorCount(), "over all pages")
	assert.Equal(t, map[string]uint64{"unknown": 25}, got.GetTypeCounts())
	assert.Len(t, got.GetVersionCounts(), maxCounted+1)
	assert.EqualValues(t, 5, got.GetVersionCounts()["other"])
	assert.Equal(t, map[string]uint64{GRPC: 25}, got.GetProtocolCounts())
	assert.Equal(t, map[string]uint64{"applied": 1, "failed": 1, "pending": 1, "none": 22}, got.GetConfigCounts())
	assert.InDelta(t, 1.5, got.GetCpuCores(), 1e-9)
	assert.EqualValues(t, 300, got.GetMemoryBytes())
	assert.EqualValues(t, 21, got.GetSentRecordCount())
	assert.EqualValues(t, 9, got.GetDroppedRecordCount())
	assert.EqualValues(t, 9, got.GetQueuedRecordCount())
}

func TestCollectorsAreChecked(t *testing.T) {
	r := newRegistry(10)
	for field, c := range map[string]*tapiov1.Collector{
		"collector":                {},
		"collector.collector_id":   {CollectorId: strings.Repeat("x", 129)},
		"collector.node":           {CollectorId: "a", Node: strings.Repeat("x", 257)},
		"collector.attributes":     {CollectorId: "a", Attributes: map[string]string{"": "x"}},
		"collector.capabilities":   {CollectorId: "a", Capabilities: make([]string, 65)},
		"status.message":           {CollectorId: "a", Status: &tapiov1.CollectorStatus{Message: strings.Repeat("x", 5000)}},
		"collector.collector_type": {CollectorId: "a", CollectorType: strings.Repeat("x", 257)},
	} {
		_, err := r.Register(c, GRPC, 0)
		var fault *model.FieldError
		require.ErrorAs(t, err, &fault, field)
		assert.True(t, strings.HasPrefix(fault.Field, field), "%s: %v", field, fault)
	}
}

func TestLatencyQuantiles(t *testing.T) {
	var l Latency
	assert.Equal(t, []time.Duration{0}, l.Quantiles(0.5))
	for i := range 1000 {
		l.Add(time.Duration(i+1) * time.Millisecond)
	}
	got := l.Quantiles(0.5, 0.99, 1)
	for i, want := range []time.Duration{500 * time.Millisecond, 990 * time.Millisecond, time.Second} {
		assert.InDelta(t, want.Seconds(), got[i].Seconds(), want.Seconds()/7)
		assert.GreaterOrEqual(t, got[i], want)
	}
	// Buckets follow one another without gap or overlap.
	for b := range latencyBuckets - 1 {
		assert.Equal(t, b+1, bucketOf(upperBound(b)))
		assert.Equal(t, b, bucketOf(upperBound(b)-1))
	}
	assert.Equal(t, latencyBuckets-1, bucketOf(24*365*time.Hour))
}

func TestShorten(t *testing.T) {
	assert.Equal(t, "äb", Shorten("äb", 3))
	assert.Equal(t, "ä", Shorten("äö", 3))
	assert.True(t, slices.Equal([]byte(Shorten("ä", 1)), nil))
}
