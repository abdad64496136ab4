// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// reports sends two gauges of each service every ten seconds, for so many minutes.
func (s *shop) reports(minutes int, services ...string) {
	for range minutes * 6 {
		for _, service := range services {
			for _, name := range []string{"process.uptime", "jvm.threads"} {
				s.e.ObservePoints([]model.Point{{
					Time: s.at, Number: model.NumberInt, Bits: 7,
					Series: &model.Series{Metric: &model.Metric{Name: name, Type: model.MetricGauge}, Resource: s.resource(service)},
				}})
			}
		}
		s.at += 10 * second
		s.flush()
	}
}

func TestAServiceThatFallsSilentIsReported(t *testing.T) {
	s := newShop(t, Config{})
	s.reports(70, "front", "pay")
	require.Empty(t, s.all)
	s.reports(3, "front")
	g := s.only(t)
	assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name)
	assert.Contains(t, g.Title, "pay has sent no telemetry since ")
	assert.Contains(t, g.RootCause.Summary, "pay has reported no metrics since")
	assert.NotEmpty(t, g.RootCause.Factors[0].Evidence)
	s.reports(100, "front")
	assert.Equal(t, model.GroupClosed, s.only(t).State, "what lasts is not reported for ever")
}

func TestASilenceOfAllIsThatOfTheWay(t *testing.T) {
	s := newShop(t, Config{})
	s.reports(70, "front", "pay", "cart")
	s.reports(3)
	assert.Empty(t, s.all, "no one reports")
	s.reports(3, "front")
	assert.Empty(t, s.all, "two of three are silent")
}

func TestWhatDidNotLiveLongMayHaveBeenMeantToEnd(t *testing.T) {
	s := newShop(t, Config{})
	s.reports(20, "front", "pay")
	s.reports(10, "front")
	assert.Empty(t, s.all)
}

// A pod that goes takes its series with it, while another one of the service goes on.
func TestASeriesThatIsMissingOnlySupports(t *testing.T) {
	s := newShop(t, Config{})
	s.reports(70, "front", "pay")
	pod := *s.resource("pay")
	pod.Attributes = append(model.Attributes{}, pod.Attributes...)
	pod.Attributes[1].Value = model.StringValue("pay-1")
	s.resources["pay"] = &pod
	s.reports(5, "front", "pay")
	assert.Empty(t, s.all)
	var signs []*sign
	s.e.metrics.silenceSigns(func(g *sign) { signs = append(signs, g) })
	require.Len(t, signs, 1)
	assert.Equal(t, classLoad, signs[0].key.class)
	assert.Contains(t, signs[0].text, "2 of 4 series of pay")
}

// When a service that others call has gone, their errors are its doing.
func TestASilentCalleeExplainsTheErrorsOfItsCallers(t *testing.T) {
	s := newShop(t, Config{})
	for range 6 * 8 {
		s.reports(1, "front", "pay", "cart")
		s.run(10)
	}
	require.Empty(t, s.all)
	s.fails["front"] = true
	for range 4 {
		s.run(50)
		s.reports(1, "front", "cart")
	}
	g := s.only(t)
	assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name, g.RootCause.Summary)
	assert.Contains(t, g.Title, "pay has sent no telemetry since ")
}

// A service that is replaced under another name, or drained and then stopped, hurts
// no one: its callers go on.
func TestASilenceThatNoCallerFeelsIsNoIncident(t *testing.T) {
	s := newShop(t, Config{})
	for range 6 * 12 {
		s.reports(1, "front", "pay", "cart")
		s.run(10)
	}
	require.Empty(t, s.all)
	for range 10 {
		s.reports(1, "front", "cart")
		s.run(10)
	}
	assert.Empty(t, s.all)
}

func TestDistributionsAndKernelCountsHaveNoRhythm(t *testing.T) {
	for _, m := range []model.Metric{
		{Name: "a", Type: model.MetricHistogram},
		{Name: "tapio.cpu.time", Type: model.MetricSum},
		{Name: "a", Type: model.MetricSum, Temporality: model.TemporalityDelta},
	} {
		assert.False(t, regular(&m), "%v", m)
	}
	assert.True(t, regular(&model.Metric{Name: "a", Type: model.MetricSum, Temporality: model.TemporalityCumulative}))
}
