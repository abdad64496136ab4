// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/hash"
	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// ruleGroup is a group of the cause and its signs, to try a rule on.
func ruleGroup(t *testing.T, signs ...*sign) (*Engine, *group) {
	t.Helper()
	e, err := New(Config{})
	require.NoError(t, err)
	g := &group{id: "g", revision: 1, members: map[signKey]*sign{}, blamed: map[signKey]string{}}
	for _, s := range signs {
		s.strength = max(s.strength, baseline.AlarmStrength)
		g.join(s, s.key.service)
		if !g.concerns(s.key.service) {
			g.ranking = append(g.ranking, ranked{service: s.key.service, score: s.strength, onset: s.onset, reason: s})
		}
	}
	return e, g
}

func signOf(service string, c class, what string, onset model.Nanos) *sign {
	return &sign{key: signKey{service: service, class: c, what: what}, onset: onset, last: onset, text: what + " of " + service}
}

func TestTemporalJoinsWhatSetsInTogether(t *testing.T) {
	a, b := signOf("a", classError, "x", begin), signOf("b", classSelf, "y", begin+3*second)
	late := signOf("c", classSelf, "z", begin+60*second)
	e, g := ruleGroup(t, a, b, late)
	list := temporal(e.describer, g, g.signs())
	require.Len(t, list, 1)
	assert.Equal(t, model.CorrelationTemporal, list[0].Type)
	assert.Len(t, list[0].Entities, 2)
	assert.Empty(t, temporal(e.describer, g, []*sign{a, late}), "they are a minute apart")
}

func TestCausalFollowsTheCallsAndTheOrder(t *testing.T) {
	a, b := signOf("a", classError, "x", begin), signOf("b", classSelf, "y", begin+3*second)
	e, g := ruleGroup(t, a, b)
	assert.Empty(t, causal(e.describer, g, g.signs()), "neither calls the other")
	e.graph.call("b", "a")
	list := causal(e.describer, g, g.signs())
	require.Len(t, list, 1)
	assert.Equal(t, "a", list[0].Entities[0].Name)
	g.ranking[1].onset = begin - 60*second
	assert.Empty(t, causal(e.describer, g, g.signs()), "the effect came first")
}

func TestCausalKnowsTheWayOfAKill(t *testing.T) {
	full := signOf("a", classResource, "memory", begin)
	kill := signOf("a", classKernel, "oom", begin+second)
	kill.kernel = &kernelLine{rule: kernelrule.NewTable()[semconv.EventProcessOOMKill]}
	refused := signOf("a", classKernel, "refused", begin+2*second)
	refused.kernel = &kernelLine{rule: kernelrule.NewTable()[semconv.EventTCPConnectFailed]}
	e, g := ruleGroup(t, full, kill, refused)
	list := causal(e.describer, g, g.signs())
	require.Len(t, list, 3)
	for _, c := range list {
		assert.Equal(t, "kernel_chain", c.Rule)
	}
}

func TestSpatialJoinsPodsAndNodes(t *testing.T) {
	a, b, c := signOf("a", classError, "x", begin), signOf("a", classSelf, "y", begin), signOf("c", classSelf, "z", begin)
	a.pod, b.pod, c.pod = "p", "p", "q"
	a.node, c.node = "n", "n"
	e, g := ruleGroup(t, a, b, c)
	list := spatial(e.describer, g, g.signs())
	require.Len(t, list, 2)
	assert.Equal(t, "same_pod", list[0].Rule)
	assert.Equal(t, "same_node", list[1].Rule)
	assert.Len(t, list[1].Entities, 2)
}

func TestSemanticJoinsOneMeaning(t *testing.T) {
	e, g := ruleGroup(t, signOf("a", classError, "no route", begin), signOf("b", classError, "no route", begin), signOf("c", classError, "full", begin))
	list := semantic(e.describer, g, g.signs())
	require.Len(t, list, 1)
	assert.Len(t, list[0].Entities, 2)
}

func TestStatisticalJoinsWhatMovesTogether(t *testing.T) {
	e, g := ruleGroup(t, signOf("a", classResource, "cpu", begin), signOf("b", classSymptom, "latency", begin), signOf("c", classLoad, "rate", begin))
	add := func(name0, name string, value func(i int) float64) {
		s := &series{name: name, service: &service{name: name0}}
		for i := range 20 {
			s.add(value(i), begin+model.Nanos(i)*60*second)
		}
		require.Positive(t, s.strange)
		e.measures.series.Put(seriesKey(hash.Text(hash.Seed, name0+name)), s)
	}
	since := func(i, from int) float64 { return float64(max(0, min(1, i-from))) }
	add("a", "cpu", func(i int) float64 { return 10 + float64(i%3) + 80*since(i, 13) })
	add("b", "latency", func(i int) float64 { return 3 + float64(i*7%5)/10 + 20*since(i, 13) })
	add("c", "rate", func(i int) float64 { return 10 + float64(i*7%5)/10 + 50*since(i, 18) })
	list := statistical(e.describer, g, g.signs())
	require.Len(t, list, 1)
	assert.InDelta(t, 1, list[0].Score, 0.01)
	assert.Contains(t, list[0].Explanation, "latency of b")
}

func TestTraceContextJoinsOneTrace(t *testing.T) {
	shared := model.EvidenceRef{Kind: model.EvidenceSpan, ID: "aa:01", Time: begin}
	other := model.EvidenceRef{Kind: model.EvidenceSpan, ID: "bb:01", Time: begin}
	a, b, c := signOf("a", classError, "x", begin), signOf("b", classSelf, "y", begin), signOf("c", classSelf, "z", begin)
	a.evidence, b.evidence, c.evidence = []model.EvidenceRef{shared}, []model.EvidenceRef{shared, other}, nil
	e, g := ruleGroup(t, a, b, c)
	list := traceContext(e.describer, g, g.signs())
	require.Len(t, list, 1)
	assert.Len(t, list[0].Entities, 2)
	assert.Contains(t, list[0].Explanation, "aa")
}
