// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package slo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

var begun = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// clock is the time of a test, and what the tracker wrote.
type clock struct {
	now    time.Time
	events []model.Event
	fails  error
}

func (c *clock) options(objectives ...Objective) Options {
	return Options{
		Objectives: objectives, Alerts: DefaultBurnAlerts(), MinFailures: 10, MemoryLimit: 16 << 20, Now: func() time.Time { return c.now },
		Write: func(_ context.Context, events []model.Event) error {
			if c.fails == nil {
				c.events = append(c.events, events...)
			}
			return c.fails
		},
		Failed: func(error) {},
	}
}

func resource(service string, more ...string) *model.Resource {
	r := &model.Resource{Attributes: model.Attributes{{Key: "service.name", Value: model.StringValue(service)}}}
	for i := 0; i < len(more); i += 2 {
		r.Attributes = append(r.Attributes, model.KeyValue{Key: more[i], Value: model.StringValue(more[i+1])})
	}
	return r
}

// requests makes entry spans that end now.
func (c *clock) requests(r *model.Resource, name string, n, failed int, took time.Duration) []model.Span {
	spans := make([]model.Span, n)
	for i := range spans {
		end := model.Nanos(c.now.UnixNano())
		spans[i] = model.Span{Name: name, Kind: kindServer, Start: end - model.Nanos(took), End: end, Resource: r}
		if i < failed {
			spans[i].StatusCode = model.StatusError
		}
	}
	return spans
}

func availability(service string) Objective {
	return Objective{Name: "orders", Service: service, Type: Availability, Target: 0.99, Window: 30 * 24 * time.Hour}
}

func TestBudgetAndBurn(t *testing.T) {
	c := &clock{now: begun}
	tracker := New(c.options(availability("checkout")))
	shop := resource("checkout")
	for range 60 { // an hour
		tracker.Observe(c.requests(shop, "POST /order", 100, 0, time.Millisecond))
		c.now = c.now.Add(time.Minute)
	}
	tracker.Evaluate(t.Context())
	require.Empty(t, c.events)
	status := tracker.Statuses()
	require.Len(t, status, 1)
	assert.InDelta(t, 6000, status[0].Requests, 0)
	assert.InDelta(t, 1, status[0].BudgetRemaining, 0)

	for range 15 { // 80% fail
		tracker.Observe(c.requests(shop, "POST /order", 100, 80, time.Millisecond))
		c.now = c.now.Add(time.Minute)
		tracker.Evaluate(t.Context())
	}
	status = tracker.Statuses()
	assert.InDelta(t, 1200, status[0].Bad, 0)
	assert.InDelta(t, 1-1200./7500/0.01, status[0].BudgetRemaining, 1e-9)
	var fired []string
	for _, e := range c.events {
		burn, ok := BurnFromEvent(&e)
		require.True(t, ok)
		require.True(t, burn.Firing)
		fired = append(fired, burn.Alert.Name)
	}
	assert.ElementsMatch(t, []string{"page_fast", "page_slow", "ticket_fast", "ticket_slow"}, fired, "each once")

	c.events = nil
	for range 120 {
		tracker.Observe(c.requests(shop, "POST /order", 100, 0, time.Millisecond))
		c.now = c.now.Add(time.Minute)
		tracker.Evaluate(t.Context())
	}
	require.NotEmpty(t, c.events)
	first, _ := BurnFromEvent(&c.events[0])
	assert.Equal(t, "page_fast", first.Alert.Name)
	assert.False(t, first.Firing)
	assert.Less(t, time.Duration(first.Time)-time.Duration(begun.Add(75*time.Minute).UnixNano()), 6*time.Minute, "the short window ends it")
}

// A page needs more than a few requests of a quiet service.
func TestFewFailuresDoNotFire(t *testing.T) {
	c := &clock{now: begun}
	tracker := New(c.options(availability("checkout")))
	tracker.Observe(c.requests(resource("checkout"), "GET /", 9, 9, time.Millisecond))
	tracker.Evaluate(t.Context())
	assert.Empty(t, c.events)
	tracker.Observe(c.requests(resource("checkout"), "GET /", 1, 1, time.Millisecond))
	tracker.Evaluate(t.Context())
	assert.Len(t, c.events, 4)
}

func TestWhatCountsForWhat(t *testing.T) {
	c := &clock{now: begun}
	slow := availability("*")
	slow.Name, slow.Type, slow.Threshold, slow.Operation = "fast", Latency, 100*time.Millisecond, "GET *"
	tracker := New(c.options(availability("checkout"), slow))
	tracker.Observe(c.requests(resource("checkout"), "GET /a", 10, 2, 200*time.Millisecond))
	tracker.Observe(c.requests(resource("checkout"), "GET /b", 10, 0, 10*time.Millisecond))
	tracker.Observe(c.requests(resource("checkout"), "POST /b", 10, 0, 200*time.Millisecond))
	tracker.Observe(c.requests(resource("cart"), "GET /c", 10, 0, 200*time.Millisecond))
	inner := c.requests(resource("checkout"), "GET /a", 10, 10, time.Second)
	for i := range inner {
		inner[i].Kind = 3 // client
	}
	tracker.Observe(inner)
	http := c.requests(resource("checkout"), "POST /x", 1, 0, time.Millisecond)
	http[0].Attributes = model.Attributes{{Key: "http.response.status_code", Value: model.IntValue(503)}}
	tracker.Observe(http)
	sampled := c.requests(resource("checkout"), "POST /x", 1, 0, time.Millisecond)
	sampled[0].TraceState = "ot=th:c"
	tracker.Observe(sampled)

	got := map[string][2]float64{}
	for _, s := range tracker.Statuses() {
		got[s.Objective.ID()] = [2]float64{s.Requests, s.Bad}
	}
	assert.Equal(t, map[string][2]float64{
		"orders/checkout/availability": {35, 3}, "fast/checkout/latency/GET *": {18, 8}, "fast/cart/latency/GET *": {10, 10},
	}, got)
}

// What the kernel sees of a service with an SDK are the same requests.
func TestRequestsAreCountedOnce(t *testing.T) {
	c := &clock{now: begun}
	tracker := New(c.options(availability("checkout"), availability("legacy")))
	for range 2 {
		tracker.Observe(c.requests(resource("checkout"), "POST /order", 10, 0, time.Millisecond))
		tracker.Observe(c.requests(resource("checkout", "tapio.source", "ebpf"), "POST", 10, 0, time.Millisecond))
		tracker.Observe(c.requests(resource("legacy", "tapio.source", "ebpf"), "POST", 10, 0, time.Millisecond))
	}
	for _, s := range tracker.Statuses() {
		assert.InDelta(t, 20, s.Requests, 0, s.Objective.Service)
	}
}

func TestAutomaticObjectives(t *testing.T) {
	c := &clock{now: begun}
	options := c.options(availability("checkout"))
	options.Automatic = Automatic{Enabled: true, After: time.Hour, MinRequests: 1000, MaxObjectives: 10, Window: 30 * 24 * time.Hour}
	tracker := New(options)
	for range 61 {
		tracker.Observe(c.requests(resource("cart"), "GET /cart", 64, 0, 20*time.Millisecond))
		tracker.Observe(c.requests(resource("checkout"), "POST /order", 64, 0, 20*time.Millisecond))
		c.now = c.now.Add(time.Minute)
	}
	learned := map[Type]Objective{}
	for _, s := range tracker.Statuses() {
		if s.Objective.Automatic {
			assert.Equal(t, "cart", s.Objective.Service, "checkout has an objective already")
			learned[s.Objective.Type] = s.Objective
		}
	}
	require.Len(t, learned, 2)
	assert.InDelta(t, 0.999, learned[Availability].Target, 0)
	assert.InDelta(t, float64(35*time.Millisecond), float64(learned[Latency].Threshold), float64(10*time.Millisecond))
	for range 30 {
		tracker.Observe(c.requests(resource("cart"), "GET /cart", 64, 64, 20*time.Millisecond))
		c.now = c.now.Add(time.Minute)
		tracker.Evaluate(t.Context())
	}
	assert.Empty(t, c.events, "a learned objective does not page unless asked for")
}

func TestCountsSurviveARestart(t *testing.T) {
	c := &clock{now: begun}
	dir := t.TempDir()
	tracker := New(c.options(availability("checkout")))
	require.NoError(t, tracker.Open(dir))
	tracker.Observe(c.requests(resource("checkout"), "POST /order", 100, 50, time.Millisecond))
	tracker.Evaluate(t.Context())
	require.Len(t, c.events, 4)
	tracker.Save()

	again := New(c.options(availability("checkout")))
	require.NoError(t, again.Open(dir))
	again.Evaluate(t.Context())
	assert.Len(t, c.events, 4, "what fires is not reported again")
	assert.InDelta(t, 100, again.Statuses()[0].Requests, 0)

	changed := availability("checkout")
	changed.Target = 0.9
	other := New(c.options(changed))
	require.NoError(t, other.Open(dir))
	assert.Empty(t, other.Statuses(), "another target is another objective")

	require.NoError(t, os.WriteFile(filepath.Join(dir, stateFile), []byte("damaged"), 0o600))
	require.Error(t, New(c.options()).Open(dir))
}

func TestWhatCannotBeWrittenIsTriedAgain(t *testing.T) {
	c := &clock{now: begun, fails: errors.New("no receiver")}
	tracker := New(c.options(availability("checkout")))
	tracker.Observe(c.requests(resource("checkout"), "POST /order", 100, 50, time.Millisecond))
	tracker.Evaluate(t.Context())
	c.fails = nil
	tracker.Evaluate(t.Context())
	assert.Len(t, c.events, 4)
}

func TestMemoryIsBounded(t *testing.T) {
	c := &clock{now: begun}
	options := c.options(availability("*"))
	options.MemoryLimit = 1 << 20
	tracker := New(options)
	for i := range 1000 {
		tracker.Observe(c.requests(resource("service-"+string(rune('a'+i%26))+string(rune('a'+i/26))), "GET /", 1, 0, time.Millisecond))
	}
	assert.LessOrEqual(t, len(tracker.Statuses()), 1<<20/seriesBytes)
	assert.Positive(t, tracker.Refused())
}

func TestBurnRecordRoundTrip(t *testing.T) {
	burn := Burn{
		Objective: Objective{
			Name: "fast", Namespace: "shop", Service: "checkout", Operation: "POST /order", Type: Latency, Target: 0.99,
			Threshold: 300 * time.Millisecond, Window: 720 * time.Hour, Automatic: true,
		},
		Alert: DefaultBurnAlerts()[0], Firing: true, Start: 1_800_000_000_000_000_001, Time: 1_800_000_000_000_000_002, LongRate: 20, ShortRate: 30,
		ErrorRatio: 0.2, BudgetRemaining: -0.5,
	}
	event := burn.Event()
	read, ok := BurnFromEvent(&event)
	require.True(t, ok)
	assert.Equal(t, burn, read)
	assert.Equal(t, "checkout POST /order: 20% of requests are slower than 300ms (objective: 99% of POST /order within 300ms); "+
		"the error budget burns 20 times too fast", burn.Title())
	_, ok = BurnFromEvent(&model.Event{Name: BurnEvent})
	assert.False(t, ok)
}

func BenchmarkObserve(b *testing.B) {
	c := &clock{now: begun}
	tracker := New(c.options(availability("checkout")))
	spans := c.requests(resource("checkout"), "POST /order", 1000, 10, time.Millisecond)
	for b.Loop() {
		tracker.Observe(spans)
	}
}
