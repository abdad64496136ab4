// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func attributes(keysAndValues ...string) model.Attributes {
	var list model.Attributes
	for i := 0; i < len(keysAndValues); i += 2 {
		list = append(list, model.KeyValue{Key: keysAndValues[i], Value: model.StringValue(keysAndValues[i+1])})
	}
	return list
}

func advisor(t *testing.T) (*Advisor, *store.Store) {
	t.Helper()
	kept := store.New(store.Limits{Logs: 64 << 20, Traces: 8 << 20, Metrics: 64 << 20, QueryMemory: 64 << 20}, func() time.Time { return now })
	t.Cleanup(kept.Close)
	return &Advisor{Reader: kept.Reader(), Prices: Prices{Currency: "EUR", CoreHour: 0.1, GiBHour: 0.01, IngestedGiB: 1}}, kept
}

func all() Query {
	return Query{Range: model.TimeRange{Start: model.Nanos(now.Add(-time.Hour).UnixNano())}, Top: 10}
}

func TestNoisyLogs(t *testing.T) {
	a, kept := advisor(t)
	scope := &model.Scope{}
	for i := range 300 {
		text, service := fmt.Sprintf("user %d took %dms on host-%d level=info", i, i*3, i%7), "noisy"
		if i%10 == 0 {
			text, service = "cache warmed", "quiet"
		}
		at := model.Nanos(now.Add(time.Duration(i-300) * time.Second).UnixNano())
		_, err := kept.AppendEvents([]model.Event{{
			Time: at, Body: model.StringValue(text), SeverityNumber: 9, Scope: scope,
			Resource: &model.Resource{Attributes: attributes("service.name", service)},
		}})
		require.NoError(t, err)
	}
	advice, err := a.Advise(t.Context(), all())
	require.NoError(t, err)
	require.Len(t, advice.Logs, 2)
	top := advice.Logs[0]
	assert.Equal(t, "user <*> took <*> on <*> level=info", top.Text)
	assert.EqualValues(t, 270, top.Records)
	assert.Greater(t, top.Share, 0.9)
	assert.Positive(t, top.MonthlyCost)
	assert.InDelta(t, 1, advice.LogCoverage, 0)
	assert.Equal(t, `resource.attributes["service.name"] == "noisy" and `+
		`IsMatch(body, "^\\s*user\\s+.+\\s+took\\s+.+\\s+on\\s+.+\\s+level=info\\s*$")`, top.Filter())
	assert.Regexp(t, regexp.MustCompile(top.expression()), "user 7 took 21ms on host-0 level=info")
	assert.NotRegexp(t, regexp.MustCompile(top.expression()), "cache warmed")
}

func point(series *model.Series, minute int, value float64) model.Point {
	p := model.Point{Series: series, Time: model.Nanos(now.Add(time.Duration(minute-60) * time.Minute).UnixNano()), Number: model.NumberInt}
	p.Bits = uint64(int64(value))
	return p
}

func TestWorkloads(t *testing.T) {
	a, kept := advisor(t)
	add := func(metric, deployment, pod string, values func(minute int) float64) {
		series := &model.Series{
			Metric: &model.Metric{Name: metric, Type: model.MetricGauge}, Scope: &model.Scope{},
			Resource: &model.Resource{Attributes: attributes("k8s.deployment.name", deployment, "k8s.pod.name", pod, "k8s.namespace.name", "shop")},
		}
		for minute := range 60 {
			_, err := kept.AppendPoints([]model.Point{point(series, minute, values(minute))})
			require.NoError(t, err)
		}
	}
	constant := func(v float64) func(int) float64 { return func(int) float64 { return v } }
	for _, pod := range []string{"cart-1", "cart-2"} {
		add("k8s.container.cpu_request", "cart", pod, constant(4))
		add("container.cpu.usage", "cart", pod, constant(1))
		add("k8s.container.memory_request", "cart", pod, constant(1<<30))
		add("container.memory.working_set", "cart", pod, constant(2<<30))
		add("container.memory.usage", "cart", pod, constant(9<<30)) // measures the same
	}
	add("container.cpu.time", "batch", "batch-1", func(minute int) float64 { return float64(minute) * 120 })
	advice, err := a.Advise(t.Context(), all())
	require.NoError(t, err)
	require.Len(t, advice.Workloads, 2)
	cart := advice.Workloads[0]
	assert.Equal(t, "cart", cart.Name)
	assert.Equal(t, 2, cart.Instances)
	assert.InDelta(t, 8, cart.CPU.Requested, 0)
	assert.InDelta(t, 2, cart.CPU.UsedP95, 0)
	assert.InDelta(t, 8-2.3, cart.CPU.Excess, 1e-9)
	assert.InDelta(t, 5.7*0.1*hoursPerMonth, cart.CPU.MonthlyCost, 1e-6)
	assert.InDelta(t, 4, cart.Memory.UsedMax, 0)
	assert.InDelta(t, 2-4.8, cart.Memory.Excess, 1e-9)
	assert.Zero(t, cart.Memory.MonthlyCost)
	assert.Equal(t, "lower the CPU request to 1.1 cores an instance (now 4); raise the memory request to 2.4 GiB an instance (now 1)", cart.Advice)
	assert.InDelta(t, 2, advice.Workloads[1].CPU.UsedMean, 1e-9, "the rate of a counter of seconds")
	require.NotEmpty(t, advice.Metrics)
	assert.Equal(t, "k8s.pod.name", advice.Metrics[0].WidestLabel)
	assert.EqualValues(t, 2, advice.Metrics[0].WidestValues)
	assert.Contains(t, advice.Metrics[0].Filter(), "metric.name == ")
}
