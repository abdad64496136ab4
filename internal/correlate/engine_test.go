// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

const (
	second = model.Nanos(1_000_000_000)
	begin  = 1_700_000_000 * second
)

func resourceOf(service string) *model.Resource {
	return &model.Resource{Attributes: model.Attributes{
		{Key: "service.name", Value: model.StringValue(service)},
		{Key: "k8s.pod.name", Value: model.StringValue(service + "-0")},
	}}
}

// shop is a made-up system: front calls cart and pay, each calls its own store.
type shop struct {
	n    uint64
	rng  *rand.Rand
	at   model.Nanos
	e    *Engine
	last map[string]*model.SemanticGroup
	all  []model.Finding
	// delay is added between client and server of calls to a service, own to its
	// own time, in milliseconds; fails names the services that log an error.
	delay, own map[string]float64
	fails      map[string]bool
	failsWith  string // stack trace with which spans of pay fail
	resources  map[string]*model.Resource
}

func newShop(t testing.TB, config Config) *shop {
	t.Helper()
	e, err := New(config)
	require.NoError(t, err)
	return &shop{
		rng: rand.New(rand.NewPCG(1, 2)), at: begin, e: e, last: map[string]*model.SemanticGroup{},
		delay: map[string]float64{}, own: map[string]float64{}, fails: map[string]bool{}, resources: map[string]*model.Resource{},
	}
}

func (s *shop) id() (id model.SpanID) {
	s.n++
	binary.BigEndian.PutUint64(id[:], s.n)
	return id
}

func (s *shop) resource(service string) *model.Resource {
	if s.resources[service] == nil {
		s.resources[service] = resourceOf(service)
	}
	return s.resources[service]
}

// serve adds the server span of a service and all below it; it returns when it ends.
func (s *shop) serve(spans *[]model.Span, events *[]model.Event, trace model.TraceID, parent model.SpanID, service string, start model.Nanos, callees ...string) model.Nanos {
	id := s.id()
	millis := func(ms float64) model.Nanos { return model.Nanos(ms * (0.8 + 0.4*s.rng.Float64()) * 1e6) }
	end := start + millis(5+s.own[service])
	for _, callee := range callees {
		client := s.id()
		from := end
		var below []string
		if callee != "db" {
			below = []string{"db"}
		}
		done := s.serve(spans, events, trace, client, callee, from+millis(1), below...)
		end = done + millis(1+s.delay[callee])
		*spans = append(*spans, model.Span{
			TraceID: trace, SpanID: client, ParentID: id, Name: "GET", Kind: kindClient,
			Start: from, End: end, Resource: s.resource(service),
		})
	}
	line := model.Event{Time: start, TraceID: trace, SpanID: id, Resource: s.resource(service), SeverityNumber: 9, Body: model.StringValue("served request 17")}
	status := int32(0)
	if s.fails[service] {
		line.SeverityNumber, line.Body, status = 17, model.StringValue("cannot read a.Store#31 user 17"), model.StatusError
	}
	*events = append(*events, line)
	var exceptions []model.SpanEvent
	if service == "pay" && s.failsWith != "" {
		status = model.StatusError
		exceptions = []model.SpanEvent{{Name: "exception", Attributes: model.Attributes{{Key: "exception.stacktrace", Value: model.StringValue(s.failsWith)}}}}
	}
	*spans = append(*spans, model.Span{
		TraceID: trace, SpanID: id, ParentID: parent, Name: "/" + service, Kind: kindServer,
		Start: start, End: end, StatusCode: status, Resource: s.resource(service), Events: exceptions,
	})
	return end
}

// run serves so many seconds, four requests each.
func (s *shop) run(seconds int) {
	for range seconds {
		var spans []model.Span
		var events []model.Event
		for i := range model.Nanos(4) {
			var trace model.TraceID
			copy(trace[:], fmt.Sprintf("%016d", s.n+1))
			s.serve(&spans, &events, trace, model.SpanID{}, "front", s.at+i*second/4, "cart", "pay")
		}
		s.e.ObserveEvents(events)
		s.e.ObserveSpans(spans)
		s.at += second
		s.flush()
	}
}

func (s *shop) flush() {
	for _, f := range s.e.Flush(s.at) {
		s.all = append(s.all, f)
		if g, ok := f.(*model.SemanticGroup); ok {
			s.last[g.ID] = g
		}
	}
}

// only returns the one group that there is.
func (s *shop) only(t testing.TB) *model.SemanticGroup {
	t.Helper()
	require.Len(t, s.last, 1)
	for _, g := range s.last {
		return g
	}
	return nil
}

func TestQuietLoadOpensNoGroup(t *testing.T) {
	s := newShop(t, Config{})
	s.run(3600)
	assert.Empty(t, s.all)
}

func TestDelayOnTheWayIsBlamedOnTheCallee(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	s.delay["pay"] = 300
	s.run(60)
	g := s.only(t)
	assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name, g.Title)
	assert.Equal(t, model.GroupNetwork, g.Type)
	assert.Contains(t, g.Title, "pay")
	assert.NotEmpty(t, g.RootCause.Factors[0].Evidence)
}

func TestOwnTimeIsBlamedOnTheServiceItself(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	s.own["cart"] = 300
	s.run(60)
	g := s.only(t)
	assert.Equal(t, "cart", g.RootCause.Factors[0].Entity.Name, g.Title)
}

func TestNewErrorIsBlamedOnWhoLogsIt(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	s.fails["cart"], s.fails["front"] = true, true
	s.run(60)
	g := s.only(t)
	first := g.RootCause.Factors[0].Entity
	assert.Equal(t, "cart", first.Name, g.RootCause.Summary)
	place, _ := first.Attributes.Get("code.function.name")
	assert.Equal(t, "a.Store#31", place.Str())
	assert.Greater(t, g.Impact.ErrorRatio, 0.1)
	require.NotEmpty(t, g.RootCause.Chain)
	assert.Equal(t, "front", g.RootCause.Chain[0].Effect.Name)
}

func TestGroupClosesWhenTheFaultIsOver(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	s.own["cart"] = 300
	s.run(60)
	assert.Equal(t, 1, s.e.Stats().OpenGroups)
	delete(s.own, "cart")
	s.run(900)
	assert.Equal(t, model.GroupResolved, s.only(t).State)
	assert.Zero(t, s.e.Stats().OpenGroups)
}

func TestFindingLeavesWithinTenSeconds(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	s.fails["pay"] = true
	s.run(1)
	delete(s.fails, "pay")
	s.fails["pay"] = true
	s.run(14) // so that the change is beyond doubt, and the window of ten seconds
	assert.NotEmpty(t, s.last)
}

func TestOutOfMemoryIsACauseByItself(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	marks := s.e.ObserveEvents([]model.Event{{
		Time: s.at, Name: "tapio.process.oom_kill", Resource: s.resource("pay"),
		Attributes: model.Attributes{
			{Key: "process.executable.name", Value: model.StringValue("payd")},
			{Key: "process.pid", Value: model.IntValue(4711)},
		},
	}})
	require.Len(t, marks, 1)
	s.run(11)
	g := s.only(t)
	assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name)
	assert.Equal(t, model.GroupResourceExhaustion, g.Type)
	assert.Contains(t, g.Title, "out of memory")
	assert.Equal(t, marks[0].UID, g.RootCause.Factors[0].Evidence[0].ID)
}

func TestSameInputGivesSameFindings(t *testing.T) {
	run := func() []model.Finding {
		s := newShop(t, Config{})
		s.run(120)
		s.own["cart"], s.fails["pay"] = 300, true
		s.run(90)
		return s.all
	}
	assert.Equal(t, run(), run())
	assert.NotEmpty(t, run())
}

// TestMemoryStaysInItsBound feeds ever new names.
func TestMemoryStaysInItsBound(t *testing.T) {
	s := newShop(t, Config{MemoryLimit: minMemoryLimit})
	for i := range 20_000 {
		service := fmt.Sprintf("service-%d", i)
		r := resourceOf(service)
		var trace model.TraceID
		copy(trace[:], fmt.Sprintf("%016d", i))
		at := begin + model.Nanos(i)*second/100
		s.e.ObserveSpans([]model.Span{{TraceID: trace, SpanID: s.id(), Name: service, Start: at, End: at + 1, Resource: r}})
		s.e.ObserveEvents([]model.Event{{Time: at, TraceID: trace, SeverityNumber: 17, Body: model.StringValue(service + " fails"), Resource: r}})
		metric := &model.Metric{Name: service, Type: model.MetricGauge}
		s.e.ObservePoints([]model.Point{{Time: at, Series: &model.Series{Metric: metric, Resource: r}, Number: model.NumberDouble}})
		s.at = at
		s.flush()
		stats := s.e.Stats()
		require.LessOrEqual(t, stats.MemoryBytes, stats.MemoryLimit)
	}
	stats := s.e.Stats()
	for _, kind := range []string{"point_of_new_series", "line", "service", "operation"} {
		assert.Positive(t, stats.Evictions[kind], kind)
	}
}

// FuzzAnyInputIsTaken makes records of arbitrary bytes, in any order of time.
func FuzzAnyInputIsTaken(f *testing.F) {
	f.Add([]byte("a seed of some length, so that there are several records of each kind in it"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := New(Config{MemoryLimit: minMemoryLimit})
		require.NoError(t, err)
		for len(data) >= 12 {
			take := data[:12]
			data = data[12:]
			at := begin + model.Nanos(binary.LittleEndian.Uint32(take))*second/1000
			if take[4]&8 != 0 {
				at = model.Nanos(binary.LittleEndian.Uint64(take))
			}
			r := resourceOf(string(take[5:6]))
			trace := model.TraceID{take[6] % 4}
			switch take[4] % 4 {
			case 0:
				e.ObserveEvents([]model.Event{{Time: at, Name: []string{"", "tapio.process.oom_kill"}[take[7]%2], TraceID: trace, SpanID: model.SpanID{take[8]}, SeverityNumber: int32(take[9]), Body: model.StringValue(string(take)), Resource: r}})
			case 1:
				e.ObserveSpans([]model.Span{{TraceID: trace, SpanID: model.SpanID{take[8]}, ParentID: model.SpanID{take[9]}, Start: at, End: at + model.Nanos(int8(take[10])), Kind: int32(take[11] % 6), Name: string(take[7:9]), Resource: r}})
			case 2:
				e.ObservePoints([]model.Point{{Time: at, Bits: binary.LittleEndian.Uint64(take), Number: model.NumberDouble, Series: &model.Series{Metric: &model.Metric{Name: "cpu"}, Resource: r}}})
			default:
				e.Flush(at)
			}
			stats := e.Stats()
			require.LessOrEqual(t, stats.MemoryBytes, stats.MemoryLimit)
		}
	})
}
