// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// total is a metric of requests with one point for each service and status, as it grows.
type total struct {
	*metered
	metric *model.Metric
	points map[string]*model.Point
	bare   bool // without the route
}

// add counts a request of a service.
func (s *total) add(service, status string, millis float64) {
	p := s.points[service+status]
	if p == nil {
		attributes := text("method", "GET", "code", status)
		if !s.bare {
			attributes = append(attributes, text("uri", "/"+service)...)
		}
		p = &model.Point{Start: begin - hour, Number: model.NumberInt, Series: &model.Series{Metric: s.metric, Resource: s.resource(service), Attributes: attributes}}
		s.points[service+status] = p
	}
	if s.metric.Type == model.MetricSum {
		p.Bits++
		return
	}
	next := model.Summary{}
	if p.Summary != nil {
		next = *p.Summary
	}
	next.Count, next.Sum = next.Count+1, next.Sum+millis/1000*(0.8+0.4*s.rng.Float64())
	p.Summary = &next
}

// goes lets pay answer its requests in so many milliseconds, and fail in part.
func (s *total) goes(minutes int, millis, failing float64) {
	of := map[string][2]float64{"front": {20, 0.005}, "cart": {20, 0.005}, "pay": {millis, failing}}
	for range minutes * 4 {
		for _, service := range []string{"front", "cart", "pay"} {
			for range 20 + s.rng.IntN(20) {
				status := "200"
				if s.rng.Float64() < of[service][1] {
					status = "500"
				}
				s.add(service, status, of[service][0])
			}
		}
		for _, p := range s.points {
			p.Time = s.at
			s.e.ObservePoints([]model.Point{*p})
		}
		s.at += 15 * second
		s.flush()
	}
}

// A counter of requests by status, as most programs with Prometheus' libraries have, is enough
// to see that requests fail, and a summary to see that they are slow.
func TestCountersAndSummariesOfRequestsAreEnough(t *testing.T) {
	for name, c := range map[string]struct {
		metric  *model.Metric
		millis  float64 // while pay is faulty
		failing float64
		title   string // a part of it
	}{
		"counter": {&model.Metric{Name: "http_requests_total", Type: model.MetricSum, Monotonic: true, Temporality: model.TemporalityCumulative}, 20, 0.4, "fail"},
		"summary": {&model.Metric{Name: "http_server_requests_seconds", Type: model.MetricSummary, Temporality: model.TemporalityCumulative}, 900, 0.005, "slow"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &total{metered: newMetered(t), metric: c.metric, points: map[string]*model.Point{}}
			s.rng = rand.New(rand.NewPCG(5, 5))
			s.goes(120, 20, 0.005)
			require.Empty(t, s.all)
			s.goes(4, c.millis, c.failing)
			g := s.only(t)
			assert.Equal(t, model.GroupIncident, g.Kind, g.Title)
			assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name, g.Title)
			assert.Contains(t, g.Title, c.title)
			assert.Contains(t, g.Impact.Summary, "pay GET /pay")
		})
	}
}

// Programs that have a counter and a distribution of the same requests count each request once.
func TestACounterBesideADistributionCountsNothingTwice(t *testing.T) {
	requests := map[bool]float64{}
	for _, both := range []bool{false, true} {
		m := newMetered(t)
		m.rng = rand.New(rand.NewPCG(13, 13))
		counter := &total{
			metered: m, points: map[string]*model.Point{}, bare: true,
			metric: &model.Metric{Name: "http_requests_total", Type: model.MetricSum, Monotonic: true, Temporality: model.TemporalityCumulative},
		}
		goes := func(minutes int, failing float64) {
			for range minutes * 4 {
				for n := range 30 {
					counter.add("pay", map[bool]string{true: "500", false: "200"}[float64(n) < 30*failing], 20)
				}
				for _, p := range counter.points {
					if p.Time = m.at; both {
						m.e.ObservePoints([]model.Point{*p})
					}
				}
				m.serves("front", 30, 20, 0.005)
				m.serves("pay", 30, 20, failing)
				m.at += 15 * second
				m.flush()
			}
		}
		goes(120, 0.005)
		goes(4, 0.4)
		requests[both] = m.only(t).Impact.Requests
	}
	assert.Equal(t, requests[false], requests[true])
	assert.Positive(t, requests[true])
}

// Of services whose calls no metric reports, those that begin to fail at once are one incident, and the
// one that fails most is the cause.
func TestServicesThatFailAtOnceAreOneIncident(t *testing.T) {
	m := newMetered(t)
	m.rng = rand.New(rand.NewPCG(17, 17))
	m.goes(120, func(string) (float64, float64) { return 20, 0.002 })
	require.Empty(t, m.all)
	m.goes(4, func(service string) (float64, float64) {
		return 20, map[string]float64{"front": 0.25, "pay": 0.4, "cart": 0.002}[service]
	})
	g := m.only(t)
	assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name, g.Title)
	assert.Contains(t, g.Services, "front")
	assert.NotContains(t, g.Services, "cart")
}

// A status of a gateway means that a server behind it failed, also if the gateway fails as often.
func TestAGatewayIsNotTheCauseOfWhatItRelays(t *testing.T) {
	m := newMetered(t)
	m.rng = rand.New(rand.NewPCG(19, 19))
	m.faults = map[string]string{"front": "502"}
	m.goes(120, func(string) (float64, float64) { return 20, 0.002 })
	require.Empty(t, m.all)
	m.goes(4, func(service string) (float64, float64) {
		return 20, map[string]float64{"front": 0.42, "pay": 0.4, "cart": 0.002}[service]
	})
	g := m.only(t)
	assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name, g.Title)
	assert.Greater(t, g.RootCause.Confidence, 0.8)
	assert.Contains(t, g.Services, "front")
}

// A consumer whose messages fail is named, by the metric of what it processes.
func TestAConsumerThatOnlyCountsIsNamed(t *testing.T) {
	m := newMetered(t)
	m.rng = rand.New(rand.NewPCG(7, 7))
	goes := func(minutes int, failing float64) {
		for range minutes * 4 {
			m.serves("front", 30, 20, 0.005)
			m.counts("messaging.process.duration", "mailer", text("messaging.destination.name", "orders"), 20+m.rng.IntN(10), 30, failing)
			m.at += 15 * second
			m.flush()
		}
	}
	goes(120, 0.002)
	require.Empty(t, m.all)
	goes(4, 0.5)
	g := m.only(t)
	assert.Equal(t, "mailer", g.RootCause.Factors[0].Entity.Name, g.Title)
	assert.Contains(t, g.Title, "process orders")
}

// A new service.version of metrics is a release, as that of spans is.
func TestAReleaseIsKnownByMetrics(t *testing.T) {
	m := newMetered(t)
	m.rng = rand.New(rand.NewPCG(9, 9))
	usual := func(string) (float64, float64) { return 20, 0.002 }
	runs := func(version string) {
		of := *resourceOf("pay")
		of.Attributes = append(append(model.Attributes{}, of.Attributes...), text("service.version", version)...)
		m.resources["pay"] = &of
	}
	runs("1.9")
	m.goes(120, usual)
	require.Empty(t, m.all)
	runs("2.0")
	m.goes(4, func(service string) (float64, float64) {
		if service == "pay" {
			return 20, 0.4
		}
		return usual(service)
	})
	g := m.only(t)
	assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name, g.Title)
	assert.Contains(t, g.Title, "pay 2.0 has been failing since its rollout", g.Title)
}

// A service at the edge that gets a tenth of its requests, by metrics that come once a minute.
func TestTrafficThatDropsIsSeenByMetrics(t *testing.T) {
	m := newMetered(t)
	m.rng = rand.New(rand.NewPCG(11, 11))
	goes := func(minutes, requests int) {
		for range minutes {
			m.serves("front", requests+m.rng.IntN(1+requests/5), 20, 0.002)
			m.serves("mail", 60+m.rng.IntN(10), 20, 0.002)
			for range 4 {
				m.at += 15 * second
				m.flush()
			}
		}
	}
	goes(120, 240)
	require.Empty(t, m.all)
	goes(6, 24)
	g := m.only(t)
	assert.Equal(t, "front", g.RootCause.Factors[0].Entity.Name, g.Title)
	assert.Contains(t, g.Title, "far less traffic")
}
