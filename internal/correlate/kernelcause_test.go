// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

// seen is what the kernel sees of one host: spans and events of programs that are
// known by their names alone.
type seen struct {
	*shop
	n byte
}

func hostOf(cgroup string) *model.Resource {
	r := &model.Resource{Attributes: model.Attributes{{Key: "host.name", Value: model.StringValue("vm")}}}
	if cgroup != "" {
		r.Attributes = append(r.Attributes, model.KeyValue{Key: origin.CgroupKey, Value: model.StringValue(cgroup)})
	}
	return r
}

func (s *seen) event(program, cgroup, name string, attributes ...any) {
	ev := model.Event{Time: s.at, Name: name, Resource: hostOf(cgroup), Attributes: model.Attributes{
		{Key: origin.ProgramKey, Value: model.StringValue(program)},
	}}
	for i := 0; i < len(attributes); i += 2 {
		value := model.StringValue(fmt.Sprint(attributes[i+1]))
		if n, ok := attributes[i+1].(int); ok {
			value = model.IntValue(int64(n))
		}
		ev.Attributes = append(ev.Attributes, model.KeyValue{Key: attributes[i].(string), Value: value})
	}
	s.e.ObserveEvents([]model.Event{ev})
}

// call makes the two spans of a call from web to pay, the second only if it is
// answered.
func (s *seen) call(answered bool, took model.Nanos) {
	s.n++
	trace := model.TraceID{s.n, byte(s.at / second), byte(s.at / second >> 8), 1}
	ends := func(prefix string) model.Attributes {
		return model.Attributes{
			{Key: prefix + "address", Value: model.StringValue("10.0.0.3")}, {Key: prefix + "port", Value: model.IntValue(8003)},
		}
	}
	of := func(service string) *model.Resource {
		r := hostOf("")
		r.Attributes = append(r.Attributes, model.KeyValue{Key: "service.name", Value: model.StringValue(service)})
		return r
	}
	if answered {
		s.e.ObserveSpans([]model.Span{
			{
				TraceID: trace, SpanID: model.SpanID{1}, Name: "GET", Kind: kindClient, Start: s.at, End: s.at + took,
				Resource: of("web"), Attributes: ends("network.peer."),
			},
			{
				TraceID: trace, SpanID: model.SpanID{2}, ParentID: model.SpanID{1}, Name: "GET", Kind: kindServer,
				Start: s.at + took/2, End: s.at + took/2 + 1e6, Resource: of("pay"), Attributes: nil,
			},
		})
	}
	var outer model.TraceID
	copy(outer[:], trace[:])
	outer[15] = 1
	status := int32(model.StatusError)
	if answered {
		status = 0
	}
	s.e.ObserveSpans([]model.Span{{
		TraceID: outer, SpanID: model.SpanID{3}, Name: "GET", Kind: kindServer, Start: s.at, End: s.at + took,
		StatusCode: status, Resource: of("web"),
	}})
}

// live goes on for so many seconds, with ten calls each.
func (s *seen) live(seconds int, each func()) {
	for range seconds {
		for range 10 {
			each()
			s.at += second / 10
		}
		s.flush()
	}
}

func TestARefusedConnectionNamesWhoRefuses(t *testing.T) {
	s := &seen{shop: newShop(t, Config{})}
	s.live(75, func() { s.call(true, 3e6) })
	require.Empty(t, s.last)
	s.live(30, func() {
		s.call(false, 1e6)
		s.event("web", "", "tapio.tcp.connect_failed", "error.type", "ECONNREFUSED", "network.peer.address", "10.0.0.3", "network.peer.port", 8003)
	})
	g := s.only(t)
	assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name, g.RootCause.Summary)
	assert.Contains(t, g.Title, "pay has refused connections since 22:14:35 UTC: nothing listens at 10.0.0.3:8003; ")
	assert.Equal(t, model.GroupNetwork, g.Type)
	assert.Contains(t, g.Actions[1].Commands, "ss -ltnp sport = :8003")
	require.NotEmpty(t, g.RootCause.Chain)
	assert.Equal(t, "web", g.RootCause.Chain[0].Effect.Name)
}

func TestAnAddressThatIsKnownToNoOneGoesByItself(t *testing.T) {
	s := &seen{shop: newShop(t, Config{})}
	s.live(75, func() { s.call(true, 3e6) })
	s.live(60, func() {
		s.call(true, 3e6)
		s.event("web", "", "tapio.tcp.connect_failed", "error.type", "ETIMEDOUT", "network.peer.address", "10.0.0.9", "network.peer.port", 5432)
	})
	g := s.only(t)
	assert.Equal(t, "10.0.0.9:5432", g.RootCause.Factors[0].Entity.Name)
	assert.Contains(t, g.Title, "10.0.0.9:5432 has not answered since 22:14:35 UTC: connections from web time out")
}

// Records come before the slot that they are in is judged: they are no baseline.
func TestWhatIsNotJudgedYetIsNoBaseline(t *testing.T) {
	s := &seen{shop: newShop(t, Config{})}
	s.live(75, func() { s.call(true, 3e6) })
	for range 30 {
		s.event("web", "", "tapio.dns.lookup_failed", "error.type", "SERVFAIL", "dns.question.name", "pay.shop")
		s.at += second
		for _, f := range s.e.Flush(s.at - 7*second) {
			if g, ok := f.(*model.SemanticGroup); ok {
				s.last[g.ID] = g
			}
		}
	}
	assert.Contains(t, s.only(t).Title, "web cannot resolve pay.shop")
}

func TestANameServerThatFailsIsNamed(t *testing.T) {
	s := &seen{shop: newShop(t, Config{})}
	s.live(75, func() { s.call(true, 3e6) })
	s.live(30, func() {
		s.call(false, 1e6)
		s.event("web", "", "tapio.dns.lookup_failed", "error.type", "SERVFAIL", "dns.question.name", "pay.shop", "network.peer.address", "10.0.0.53", "network.peer.port", 53)
	})
	g := s.only(t)
	assert.Equal(t, "web", g.RootCause.Factors[0].Entity.Name)
	assert.Contains(t, g.Title, "the name server 10.0.0.53:53 answers SERVFAIL")
	assert.Contains(t, g.Actions[1].Commands, "dig @10.0.0.53 pay.shop")
}

func (s *seen) count(metric, program, cgroup string, total float64) {
	series := &model.Series{
		Metric:   &model.Metric{Name: metric, Type: model.MetricSum, Monotonic: true, Temporality: model.TemporalityCumulative},
		Resource: hostOf(cgroup), Attributes: model.Attributes{{Key: origin.CgroupKey, Value: model.StringValue(cgroup)}},
	}
	if program != "" {
		series.Attributes = append(series.Attributes, model.KeyValue{Key: origin.ProgramKey, Value: model.StringValue(program)})
	}
	s.e.ObservePoints([]model.Point{{Series: series, Start: s.at - second, Time: s.at, Number: model.NumberInt, Bits: uint64(total)}})
}

// What uses up the quota comes first, what must wait with it follows.
func TestAThrottledCgroupNamesTheHog(t *testing.T) {
	s := &seen{shop: newShop(t, Config{})}
	periods, pay, hog := 0.0, 0.0, 0.0
	second := func(took model.Nanos) {
		s.event("pay", "/shop", "tapio.process.exec")
		s.live(1, func() { s.call(true, took) })
		pay++
		s.count("tapio.cpu.time", "pay", "/shop", pay)
	}
	for range 75 {
		second(3e6)
	}
	require.Empty(t, s.last)
	for range 40 {
		second(200e6)
		periods, hog = periods+8, hog+5
		s.count("tapio.cpu.time", "backup", "/shop", hog)
		s.count("tapio.cgroup.cpu.throttled_periods", "", "/shop", periods)
	}
	g := s.only(t)
	assert.Equal(t, "backup", g.RootCause.Factors[0].Entity.Name, g.RootCause.Summary)
	assert.Contains(t, g.RootCause.Summary, "pay must wait with it")
	assert.Equal(t, model.GroupResourceExhaustion, g.Type)
	require.NotEmpty(t, g.RootCause.Chain)
	assert.Equal(t, "pay", g.RootCause.Chain[0].Effect.Name)
	assert.Contains(t, g.RootCause.Chain[0].Mechanism, "shares its CPU quota")
}

// A script whose commands fail is no incident, whether they call a service or not; a
// service that dies again and again is one.
func TestExitsOfProgramsThatServeNobodyRaiseNoAlarm(t *testing.T) {
	for program, groups := range map[string]int{"grep": 0, "curl": 0, "pay": 1} {
		t.Run(program, func(t *testing.T) {
			s := &seen{shop: newShop(t, Config{})}
			if program == "curl" {
				s.e.graph.call("curl", "pay")
			}
			s.live(75, func() { s.call(true, 3e6) })
			for range 60 {
				s.event(program, "", "tapio.process.exit", "process.exit.code", 2)
				s.live(1, func() { s.call(true, 3e6) })
			}
			assert.Len(t, s.last, groups)
		})
	}
}

// The mean since the beginning would hide every change.
func TestACumulativeDistributionIsReadByWhatItGrewBy(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	metric := &model.Metric{Name: "http.server.request.duration", Type: model.MetricHistogram, Temporality: model.TemporalityCumulative, Unit: "s"}
	series := &model.Series{Metric: metric, Resource: resourceOf("a")}
	var count uint64
	sum := 0.0
	for i, each := range []float64{0.1, 0.1, 0.1, 0.1, 5} {
		count, sum = count+10, sum+10*each
		e.ObservePoints([]model.Point{{
			Series: series, Time: begin + model.Nanos(i)*60*second,
			Histogram: &model.Histogram{Count: count, Sum: model.Optional{Value: sum, Set: true}},
		}})
	}
	assert.InDelta(t, 5, newest(e.measures.series).newest, 1e-9)
	assert.Equal(t, 1, newest(e.measures.series).strange)
}

// The service that uses up a quota is known a moment after those that it slows down.
func TestAHogThatIsKnownLateIsTheOnlyCause(t *testing.T) {
	s := &seen{shop: newShop(t, Config{})}
	periods, pay, hog := 0.0, 0.0, 0.0
	for i := range 115 {
		s.event("pay", "/shop", "tapio.process.exec")
		s.live(1, func() { s.call(true, 3e6) })
		pay++
		s.count("tapio.cpu.time", "pay", "/shop", pay)
		if i > 75 {
			periods += 8
			s.count("tapio.cgroup.cpu.throttled_periods", "", "/shop", periods)
		}
		if i > 95 {
			hog += 5
			s.count("tapio.cpu.time", "backup", "/shop", hog)
		}
	}
	g := s.only(t)
	assert.Equal(t, "backup", g.RootCause.Factors[0].Entity.Name, g.RootCause.Summary)
	assert.Contains(t, g.Title, "backup has used up the CPU quota of cgroup /shop")
}

// A service that crashes again and again refuses connections meanwhile: the crash is
// what to mend.
func TestWhatLedToARefusalIsReportedFirst(t *testing.T) {
	s := &seen{shop: newShop(t, Config{})}
	s.live(75, func() { s.call(true, 3e6) })
	n := 0
	s.live(40, func() {
		s.call(false, 1e6)
		s.event("web", "", "tapio.tcp.connect_failed", "error.type", "ECONNREFUSED", "network.peer.address", "10.0.0.3", "network.peer.port", 8003)
		if n++; n%10 == 0 {
			s.event("pay", "", "tapio.process.exit", "process.exit.code", 2)
		}
	})
	g := s.only(t)
	assert.Contains(t, g.Title, "pay has exited with an error again and again since 22:14:35 UTC: exit code 2")
	assert.Contains(t, g.RootCause.Summary, "refuses connections")
	assert.Contains(t, g.Actions[1].Title, "Read the last log lines of pay")
	assert.Equal(t, model.GroupFailureCascade, g.Type)
}
