// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

// Replicas are series of their own by whatever attribute distinguishes them.
func TestReplicasAreSeriesOfTheirOwn(t *testing.T) {
	key := func(metric *model.Metric, attribute, value string) seriesKey {
		resource := &model.Resource{Attributes: model.Attributes{
			{Key: attribute, Value: model.StringValue(value)}, {Key: "service.name", Value: model.StringValue("orders")},
		}}
		origin := newPointOrigin(metric, origin.Of(resource))
		return origin.seriesKey(1)
	}
	gauge := &model.Metric{Name: "process.cpu.utilization", Type: model.MetricGauge}
	for _, attribute := range []string{"k8s.pod.name", "host.name", "service.instance.id"} {
		assert.NotEqual(t, key(gauge, attribute, "a"), key(gauge, attribute, "b"), attribute)
		assert.Equal(t, key(gauge, attribute, "a"), key(gauge, attribute, "a"), attribute)
	}
	counter := &model.Metric{Name: "http.server.requests", Type: model.MetricSum, Monotonic: true}
	assert.NotEqual(t, key(counter, "host.name", "a"), key(counter, "host.name", "b"))
	assert.Equal(t, key(counter, "service.instance.id", "first start"), key(counter, "service.instance.id", "second start"),
		"a counter that begins again shows a restart")
}

// What the kernel counts by program belongs to the program, not to the host.
func TestCountsOfAProgramAreItsOwn(t *testing.T) {
	host := &model.Resource{Attributes: model.Attributes{{Key: "host.name", Value: model.StringValue("node-1")}}}
	metric := &model.Metric{Name: "tapio.cpu.time", Type: model.MetricSum, Monotonic: true}
	of := func(attributes ...model.KeyValue) string {
		origin := newPointOrigin(metric, origin.Of(host))
		return origin.of(&model.Series{Metric: metric, Attributes: attributes}).Service
	}
	assert.Equal(t, "backup", of(model.KeyValue{Key: origin.ProgramKey, Value: model.StringValue("backup")}))
	assert.Equal(t, "node-1", of())
}
