// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

// chaos shows an engine the records of a random system in which everything goes
// wrong: any call graph, faults that come and go, broken traces, values and texts
// that no sound program sends.
type chaos struct {
	*rand.Rand
	e         *Engine
	resources []*model.Resource
	callees   [][]int
	broken    []int // how each service is faulty, 0 for sound
	at        model.Nanos
	ids       uint64
	findings  int
}

const (
	sound = iota
	slow
	failing
	killed
	hogging
	refusing
	throttled
	faults
)

func newChaos(t testing.TB, seed uint64, services int, config Config) *chaos {
	t.Helper()
	e, err := New(config)
	require.NoError(t, err)
	c := &chaos{
		Rand: rand.New(rand.NewPCG(seed, seed)), e: e, at: begin,
		resources: make([]*model.Resource, services), callees: make([][]int, services), broken: make([]int, services),
	}
	for i := range services {
		c.resources[i] = c.resource(i)
		for range c.IntN(4) {
			c.callees[i] = append(c.callees[i], c.IntN(services))
		}
	}
	return c
}

func (c *chaos) resource(i int) *model.Resource {
	r := &model.Resource{}
	put := func(key, value string) {
		r.Attributes = append(r.Attributes, model.KeyValue{Key: key, Value: model.StringValue(value)})
	}
	if c.IntN(20) > 0 {
		put("service.name", fmt.Sprintf("service-%d", i))
	}
	if c.IntN(2) == 0 {
		put("k8s.pod.name", fmt.Sprintf("pod-%d", i/2))
		put("k8s.node.name", fmt.Sprintf("node-%d", i%5))
	}
	if c.IntN(3) == 0 {
		put(origin.CgroupKey, fmt.Sprintf("/slice-%d", i%7))
	}
	put("cloud.availability_zone", fmt.Sprintf("zone-%d", i%3))
	put("service.version", fmt.Sprintf("v%d", c.IntN(3)))
	return r
}

func (c *chaos) id() (id model.SpanID) {
	c.ids++
	binary.BigEndian.PutUint64(id[:], c.ids)
	return id
}

// trace is one request that runs through the system, now and then in pieces.
func (c *chaos) trace(spans *[]model.Span, events *[]model.Event) {
	var trace model.TraceID
	binary.BigEndian.PutUint64(trace[8:], c.Uint64())
	c.call(spans, events, trace, model.SpanID{}, c.IntN(len(c.resources)), 0)
	if mine := *spans; len(mine) > 1 && c.IntN(10) == 0 { // spans that are each other's parents, or their own
		a, b := &mine[c.IntN(len(mine))], &mine[c.IntN(len(mine))]
		a.ParentID, b.ParentID = b.SpanID, a.SpanID
	}
}

func (c *chaos) call(spans *[]model.Span, events *[]model.Event, trace model.TraceID, parent model.SpanID, service, depth int) model.Nanos {
	id, start := c.id(), c.at+model.Nanos(c.IntN(1e9))
	took := model.Nanos(c.IntN(5e6))
	if c.broken[service] == slow {
		took *= 200
	}
	status, severity := int32(0), model.SeverityInfo
	if c.broken[service] == failing && c.IntN(4) > 0 {
		status, severity = model.StatusError, model.SeverityError
	}
	for _, callee := range c.callees[service] {
		if depth > 4 || c.IntN(8) == 0 {
			continue
		}
		client := c.id()
		below := c.call(spans, events, trace, client, callee, depth+1)
		*spans = append(*spans, model.Span{
			TraceID: trace, SpanID: client, ParentID: id, Name: fmt.Sprintf("call/Service%d", callee), Kind: kindClient,
			Start: start, End: start + below, Resource: c.resources[service], Attributes: c.peer(callee),
		})
		took += below
	}
	*events = append(*events, model.Event{
		Time: start, TraceID: trace, SpanID: id, Resource: c.resources[service], SeverityNumber: int32(severity),
		Body: model.StringValue(c.text()), Attributes: model.Attributes{{Key: "exception.stacktrace", Value: model.StringValue(c.text())}},
	})
	*spans = append(*spans, model.Span{
		TraceID: trace, SpanID: id, ParentID: parent, Name: fmt.Sprintf("op %d", c.IntN(3)), Kind: int32(c.IntN(6)),
		Start: start, End: start + took, StatusCode: status, Resource: c.resources[service], Attributes: c.peer(service),
		Events: []model.SpanEvent{{Name: "exception", Attributes: model.Attributes{{Key: "exception.stacktrace", Value: model.StringValue(c.text())}}}},
	})
	return took
}

func (c *chaos) peer(service int) model.Attributes {
	return model.Attributes{
		{Key: "network.peer.address", Value: model.StringValue(fmt.Sprintf("10.0.0.%d", service))},
		{Key: "network.peer.port", Value: model.IntValue(int64(c.IntN(3)))},
		{Key: "network.local.address", Value: model.StringValue("127.0.0.1")},
	}
}

// text is put together from what parsers of lines and stack traces look for.
func (c *chaos) text() string {
	parts := [...]string{
		"at ", "(", ")", ") in ", "\n", "\n\t", ":", "#", "Caused by:", "Traceback (most recent call last)", "File \"", "\", line ", ", in ", "a.B#3",
		"main.go:12", " ", "{", "\"message\":\"", "\"", "E0102 ", "ERROR", "<*>", "4711", "deadbeef00", "\x00", "\xff", "panic", "/", "=", "",
	}
	text := ""
	for range c.IntN(12) {
		text += parts[c.IntN(len(parts))]
	}
	return text
}

// kernel is what the receiver of kernel events reports about a service.
func (c *chaos) kernel(service int, name string) model.Event {
	keys := [...]string{
		"error.type", "process.exit.code", "tapio.process.exit_signal", "tapio.syscall.name", "dns.question.name", "server.address", "disk.device",
		"file.directory", "process.executable.path", "tapio.process.key", origin.ProgramKey,
	}
	attributes := c.peer(c.IntN(len(c.resources)))
	for _, key := range keys {
		if c.IntN(3) == 0 {
			attributes = append(attributes, model.KeyValue{Key: key, Value: model.StringValue(c.text())})
		}
	}
	return model.Event{Time: c.at + model.Nanos(c.IntN(1e9)), Name: name, Resource: c.resources[service], Attributes: attributes}
}

func (c *chaos) point(service int) model.Point {
	values := [...]float64{0, 1, -1, 0.5, 0.97, 1e308, -1e308, math.Inf(1), math.NaN(), math.MaxFloat32 * 2, c.Float64()}
	value := 0.2 + c.Float64()/100
	switch {
	case c.broken[service] == hogging:
		value = 0.98
	case c.IntN(30) == 0:
		value = values[c.IntN(len(values))]
	}
	names := [...]string{"container.cpu.utilization", "system.filesystem.utilization", "container.memory.available", "tapio.tcp.retransmits", "requests"}
	which := c.IntN(len(names))
	metric := &model.Metric{Name: names[which], Unit: "1", Type: model.MetricGauge}
	if which >= 3 {
		metric = &model.Metric{Name: names[which], Type: model.MetricSum, Monotonic: true, Temporality: model.TemporalityCumulative}
	}
	return model.Point{
		Time: c.at, Start: c.at - model.Nanos(c.IntN(1e9)), Number: model.NumberDouble, Bits: math.Float64bits(value),
		Series: &model.Series{Metric: metric, Resource: c.resources[service]},
	}
}

// step lets a second go by in which so many requests are served.
func (c *chaos) step(requests int) {
	var spans []model.Span
	var events []model.Event
	var points []model.Point
	for range requests {
		c.trace(&spans, &events)
	}
	for service, fault := range c.broken {
		switch fault {
		case killed:
			events = append(events, c.kernel(service, "tapio.process.oom_kill"), c.kernel(service, "tapio.process.exit"))
		case refusing:
			events = append(events, c.kernel(service, "tapio.tcp.connect_failed"), c.kernel(service, "tapio.dns.lookup_failed"))
		case throttled:
			events = append(events, c.kernel(service, "tapio.disk.request_failed"))
		case slow:
			events = append(events, c.kernel(service, "tapio.syscall.slow"), c.kernel(service, "tapio.file.open"))
		}
		if c.IntN(5) == 0 {
			points = append(points, c.point(service))
		}
	}
	if c.IntN(20) == 0 && len(events) > 0 { // a clock that is wrong
		events[c.IntN(len(events))].Time = [...]model.Nanos{0, 1, 170 * second, bucket.MinTime, bucket.MaxTime + 1, math.MaxUint64}[c.IntN(6)]
	}
	c.e.ObserveEvents(events)
	c.e.ObserveSpans(spans)
	c.e.ObservePoints(points)
	c.at += second
	c.findings += len(c.e.Flush(c.at))
}

// breakSome gives a share of the services a fault, and mends others.
func (c *chaos) breakSome(share float64) {
	for i := range c.broken {
		if c.Float64() < share {
			c.broken[i] = c.IntN(faults)
		}
	}
}

// The engine lives through any topology in which any share of the services is
// faulty, and finds something in it.
func TestTheEngineSurvivesChaos(t *testing.T) {
	for seed, services := range [...]int{1, 2, 3, 10, 47, 48, 49, 50, 120, 600, 3000} {
		t.Run(fmt.Sprintf("%d services", services), func(t *testing.T) {
			t.Parallel()
			limit := [...]int{1 << 20, 8 << 20, 128 << 20}[seed%3]
			c := newChaos(t, uint64(seed), services, Config{MemoryLimit: limit, CloseAfter: 30 * time.Second})
			requests := max(4, min(40, services))
			for range 100 {
				c.step(requests)
			}
			for range 8 {
				c.breakSome(0.4)
				for range 15 {
					c.step(requests)
				}
			}
			if services > 2 { // of so few chance may break none for long enough
				assert.Positive(t, c.findings)
			}
			assert.LessOrEqual(t, c.e.Stats().MemoryBytes, limit)
		})
	}
}

// FuzzEngine draws a system and its faults from the input.
func FuzzEngine(f *testing.F) {
	f.Add(uint64(1), uint16(49), uint8(60), uint8(128), true)
	f.Add(uint64(2), uint16(3), uint8(10), uint8(255), false)
	f.Fuzz(func(t *testing.T, seed uint64, services uint16, steps, share uint8, asked bool) {
		config := Config{MemoryLimit: 2 << 20, CloseAfter: 10 * time.Second}
		if asked {
			config.Asked = model.TimeRange{Start: begin + 10*second, End: begin + 40*second}
		}
		c := newChaos(t, seed, 1+int(services%128), config)
		for i := range int(steps) {
			if i%8 == 7 {
				c.breakSome(float64(share) / 255)
			}
			c.step(4)
		}
	})
}
