// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// metered is a system that sends nothing but RED metrics, every fifteen seconds.
type metered struct {
	faults map[string]string // the status of requests that fail, by service, if it is not 500
	*shop
	totals map[string]*model.Histogram
	metric *model.Metric
}

func newMetered(t *testing.T) *metered {
	return &metered{
		shop: newShop(t, Config{}), totals: map[string]*model.Histogram{},
		metric: &model.Metric{Name: "http.server.request.duration", Unit: "s", Type: model.MetricHistogram, Temporality: model.TemporalityCumulative},
	}
}

// serves counts requests of a service that take so long on average and fail in part.
func (m *metered) serves(service string, n int, millis, failing float64) {
	m.counts(m.metric.Name, service, text("http.route", "/"+service, "http.request.method", "GET"), n, millis, failing)
}

func (m *metered) counts(name, service string, attributes model.Attributes, n int, millis, failing float64) {
	metric := m.metric
	if name != metric.Name {
		other := *metric
		other.Name = name
		metric = &other
	}
	fault := cmp.Or(m.faults[service], "500")
	for _, status := range []string{"200", fault} {
		key := name + service + status
		h := m.totals[key]
		if h == nil {
			h = &model.Histogram{Bounds: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, Counts: make([]uint64, 12)}
			m.totals[key] = h
		}
		next := &model.Histogram{Bounds: h.Bounds, Counts: append([]uint64{}, h.Counts...), Count: h.Count, Sum: model.Optional{Value: h.Sum.Value, Set: true}}
		for range n {
			if (m.rng.Float64() < failing) != (status == fault) {
				continue
			}
			x, at := millis/1000*math.Exp(0.4*m.rng.NormFloat64()), 0
			for at < len(h.Bounds) && x > h.Bounds[at] {
				at++
			}
			next.Counts[at]++
			next.Count++
			next.Sum.Value += x
		}
		m.totals[key] = next
		m.e.ObservePoints([]model.Point{{
			Time: m.at, Start: begin - hour, Histogram: next, Series: &model.Series{
				Metric: metric, Resource: m.resource(service), Attributes: slices.Concat(attributes, text("http.response.status_code", status)),
			},
		}})
	}
}

func (m *metered) goes(minutes int, each func(service string) (millis, failing float64)) {
	for range minutes * 4 {
		for _, service := range []string{"front", "cart", "pay"} {
			millis, failing := each(service)
			m.serves(service, 20+m.rng.IntN(20), millis, failing)
		}
		m.at += 15 * second
		m.flush()
	}
}

func TestRequestsThatAreOnlyCountedAreEnough(t *testing.T) {
	usual := func(string) (float64, float64) { return 20, 0.005 }
	for name, fault := range map[string]func(service string) (float64, float64){
		"slow": func(service string) (float64, float64) {
			if service == "pay" {
				return 900, 0.005
			}
			return usual(service)
		},
		"failing": func(service string) (float64, float64) {
			if service == "pay" {
				return 20, 0.4
			}
			return usual(service)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMetered(t)
			m.rng = rand.New(rand.NewPCG(3, 3))
			m.goes(120, usual)
			require.Empty(t, m.all)
			m.goes(4, fault)
			g := m.only(t)
			assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name, g.Title)
			assert.NotEmpty(t, g.RootCause.Factors[0].Evidence)
		})
	}
}
