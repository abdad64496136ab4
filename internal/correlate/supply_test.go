// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// gauged sends a gauge of pay every fifteen seconds, for so many minutes, beside the
// requests of the shop.
func (s *shop) gauged(minutes int, m *model.Metric, attributes model.Attributes, value func(i int) float64) {
	series := &model.Series{Metric: m, Resource: s.resource("pay"), Attributes: attributes}
	for i := range minutes * 4 {
		s.e.ObservePoints([]model.Point{{Time: s.at, Number: model.NumberDouble, Bits: math.Float64bits(value(i)), Series: series}})
		s.run(15)
	}
}

func memoryUse() *model.Metric {
	return &model.Metric{Name: "k8s.pod.memory_limit_utilization", Unit: "1", Type: model.MetricGauge}
}

func TestALeakIsReportedBeforeItIsFatal(t *testing.T) {
	s := newShop(t, Config{})
	leak := func(i int) float64 { return 0.30 + 0.002*float64(i) } // a percent in 75 s
	s.gauged(20, memoryUse(), nil, leak)
	require.Empty(t, s.all, "it is not half full yet")
	s.gauged(38, memoryUse(), nil, func(i int) float64 { return leak(80 + i) })
	g := s.only(t)
	assert.Equal(t, model.GroupResourceExhaustion, g.Type)
	assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name)
	assert.Contains(t, g.Title, "Memory of pay will be used up in ")
	require.NotEmpty(t, g.Predictions)
	p := g.Predictions[0]
	full := begin + model.Nanos((1-0.30)/0.002*15)*second
	assert.LessOrEqual(t, p.Expected.Start, full)
	assert.GreaterOrEqual(t, p.Expected.End+60*second, full)
	assert.NotEmpty(t, p.Evidence)
}

func TestWhatIsLeftRunsOutToo(t *testing.T) {
	s := newShop(t, Config{})
	m := &model.Metric{Name: "system.filesystem.usage", Unit: "By", Type: model.MetricSum}
	on := model.Attributes{{Key: "mountpoint", Value: model.StringValue("/var")}, {Key: "state", Value: model.StringValue("free")}}
	s.gauged(28, m, on, func(i int) float64 { return float64(8<<30) - float64(i)*float64(40<<20) })
	g := s.only(t)
	assert.Contains(t, g.Title, "Filesystem /var of pay will be used up in ")
	assert.Contains(t, g.RootCause.Summary, "Filesystem /var of pay is at ")
	assert.Contains(t, g.Actions[1].Commands, "kubectl get pvc")
}

// What is cleared now and then rises along a line in between. Once it turned, one
// knows.
func TestWhatTurnedBeforeTurnsAgain(t *testing.T) {
	s := supplyOf(memoryUse(), nil)
	warned := [4]int{}
	for i := range 90 * len(warned) {
		x := 0.40 + 0.45*float64(i%90)/90
		s.add(x, begin+model.Nanos(i)*trendGrain)
		if _, _, ok := s.until(x); ok {
			warned[i/90]++
		}
	}
	assert.Positive(t, warned[0], "the first time it is not known")
	assert.Equal(t, [3]int{}, [3]int(warned[1:]))
}

func TestWhatCanRunOut(t *testing.T) {
	state := func(of string) model.Attributes {
		return model.Attributes{{Key: "state", Value: model.StringValue(of)}}
	}
	for _, c := range []struct {
		name, unit string
		attributes model.Attributes
		can        bool
	}{
		{"system.memory.utilization", "1", state("used"), true},
		{"system.memory.utilization", "1", state("cached"), false},
		{"container.memory.utilization", "%", nil, true},
		{"system.cpu.utilization", "1", state("user"), false},
		{"system.filesystem.usage", "By", state("free"), true},
		{"system.filesystem.usage", "By", state("used"), false},
		{"k8s.volume.available", "By", nil, true},
		{"jvm.memory.used", "By", nil, false},
	} {
		assert.Equal(t, c.can, supplyOf(&model.Metric{Name: c.name, Unit: c.unit}, c.attributes) != nil, "%s %v", c.name, c.attributes)
	}
}
