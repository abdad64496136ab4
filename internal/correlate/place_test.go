// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

// town is services that know nothing of each other, some on each node.
type town struct {
	*shop
	takes    map[string]float64 // milliseconds
	services []string
}

func newTown(t *testing.T, perNode ...int) *town {
	w := &town{shop: newShop(t, Config{}), takes: map[string]float64{}}
	for node, count := range perNode {
		for i := range count {
			service := fmt.Sprintf("s%d%d", node+1, i+1)
			w.services = append(w.services, service)
			w.resources[service] = residentOf(service, fmt.Sprintf("n%d", node+1))
		}
	}
	return w
}

func residentOf(service, node string) *model.Resource {
	return &model.Resource{Attributes: model.Attributes{
		{Key: "service.name", Value: model.StringValue(service)}, {Key: "host.name", Value: model.StringValue(node)},
	}}
}

func (w *town) slow(by float64, services ...string) {
	for _, service := range services {
		w.takes[service] = by
	}
}

func (w *town) requireServices(t *testing.T) {
	t.Helper()
	for _, g := range w.reported() {
		require.Equal(t, model.EntityService, g.RootCause.Factors[0].Entity.Kind, g.Title)
	}
}

func (w *town) live(seconds int) {
	for range seconds {
		var spans []model.Span
		for _, service := range w.services {
			var trace model.TraceID
			id := w.id()
			copy(trace[:], fmt.Sprintf("%016d", w.n))
			took := model.Nanos((10 + w.takes[service]) * (0.8 + 0.4*w.rng.Float64()) * 1e6)
			spans = append(spans, model.Span{
				TraceID: trace, SpanID: id, Name: "GET /", Kind: kindServer, Start: w.at, End: w.at + took, Resource: w.resource(service),
			})
		}
		w.e.ObserveSpans(spans)
		w.at += second
		w.flush()
	}
}

// reported lists the groups that were not merged into another.
func (w *town) reported() []*model.SemanticGroup {
	var list []*model.SemanticGroup
	for _, g := range w.last {
		if g.State != model.GroupMerged {
			list = append(list, g)
		}
	}
	return list
}

func TestANodeIsBlamedForWhatAllOnItShow(t *testing.T) {
	w := newTown(t, 3, 3, 3)
	w.live(300)
	w.slow(500, "s11", "s12", "s13")
	w.live(60)
	require.Len(t, w.reported(), 1, "one fault is one incident")
	g := w.reported()[0]
	first := g.RootCause.Factors[0]
	assert.Equal(t, model.Entity{
		Kind: model.EntityNode, Name: "n1", Attributes: model.Attributes{{Key: "host.name", Value: model.StringValue("n1")}},
	}, first.Entity)
	assert.Greater(t, g.Confidence, 0.7)
	assert.Contains(t, g.Title, "node n1 has had slow or failing services since 22:18:20 UTC: 3 of 3 there, none elsewhere; ")
	assert.Contains(t, g.RootCause.Summary, "node n1 (3 of its 3 services are affected, none of 6 elsewhere)")
	assert.Equal(t, "Look at node n1", g.Actions[0].Title)
	assert.Equal(t, []string{"tapioctl get traces -l 'host.name=n1' --since 2023-11-14T22:17:20Z"}, g.Actions[0].Commands)
	assert.Len(t, g.RootCause.Chain, 3)
	total := 0.0
	for i, f := range g.RootCause.Factors {
		assert.EqualValues(t, i+1, f.Rank)
		total += f.Probability
	}
	assert.LessOrEqual(t, total, 1.0)
	for range 2 {
		w.live(60)
		require.Len(t, w.reported(), 1)
		assert.Equal(t, model.EntityNode, w.reported()[0].RootCause.Factors[0].Entity.Kind, "it stays so")
	}
}

func TestAZoneIsBlamedForWhatItsNodesShow(t *testing.T) {
	w := newTown(t, 2, 2, 2, 2, 2, 2)
	for i, service := range w.services {
		w.resources[service].Attributes = append(w.resources[service].Attributes,
			model.KeyValue{Key: "cloud.availability_zone", Value: model.StringValue(fmt.Sprintf("z%d", i/4+1))})
	}
	w.live(300)
	w.slow(500, "s11", "s12", "s21", "s22")
	w.live(60)
	require.Len(t, w.reported(), 1)
	assert.Contains(t, w.reported()[0].Title, "zone z1 has had slow or failing services since 22:18:20 UTC: 4 of 4 there")
	assert.Equal(t, "zone z1", w.reported()[0].RootCause.Factors[0].Entity.Name)
}

// Where the place is no reason, each service is reported by itself.
func TestAPlaceIsNotBlamed(t *testing.T) {
	for name, c := range map[string]struct {
		perNode []int
		hit     []string
	}{
		"for two of it":                      {[]int{3, 3, 3}, []string{"s11", "s12"}},
		"when others are hit":                {[]int{3, 3, 3}, []string{"s11", "s12", "s13", "s21"}},
		"when there is no other":             {[]int{4}, []string{"s11", "s12", "s13"}},
		"when most run there and few do not": {[]int{8, 3}, []string{"s11", "s12", "s13"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, c.perNode...)
			w.live(300)
			w.slow(500, c.hit...)
			w.live(60)
			assert.Len(t, w.reported(), len(c.hit))
			w.requireServices(t)
		})
	}
}

func TestAPlaceIsTakenBackWhenItShowsElsewhereToo(t *testing.T) {
	w := newTown(t, 3, 3, 3)
	w.live(300)
	w.slow(500, "s11", "s12", "s13")
	w.live(30)
	require.Len(t, w.reported(), 1)
	require.Equal(t, model.EntityNode, w.reported()[0].RootCause.Factors[0].Entity.Kind)
	w.slow(500, "s21")
	w.live(60)
	require.Len(t, w.reported(), 2)
	w.requireServices(t)
}

// Of replicas in several places it is not known which is hit.
func TestReplicasAreInNoPlace(t *testing.T) {
	w := newTown(t, 3, 3, 3)
	nodes := []string{"n1", "n2"}
	for i := range 360 {
		if i == 300 {
			w.slow(500, "s11", "s12", "s13")
		}
		for _, service := range []string{"s11", "s12", "s13"} {
			w.resources[service] = residentOf(service, nodes[i%2])
		}
		w.live(1)
	}
	assert.Len(t, w.reported(), 3)
	w.requireServices(t)
}

// What takes from its neighbours what they need is the cause, not the node.
func TestAHogIsBlamedBeforeItsNode(t *testing.T) {
	slow := &sign{key: signKey{class: classSelf}, strength: baseline.MaxStrength}
	hog := &sign{key: signKey{class: classResource}, strength: baseline.MaxStrength}
	assert.True(t, allAlike([]*suspect{{signs: []*sign{slow}}, {signs: []*sign{slow}}}))
	assert.True(t, allAlike([]*suspect{{signs: []*sign{hog}}, {signs: []*sign{hog}}}))
	assert.False(t, allAlike([]*suspect{{signs: []*sign{slow}}, {signs: []*sign{hog}}}))
}

func TestHowProbableOnePlaceIs(t *testing.T) {
	chance := func(hit, inside, outside int) float64 {
		return (&place{hit: make([]string, hit), inside: inside, outside: outside}).chance()
	}
	assert.InDelta(t, 1.0/10, chance(3, 3, 3), 1e-12, "of five others two are there by 2/5 times 1/4")
	assert.InDelta(t, 1.0/28, chance(3, 3, 6), 1e-12)
	assert.InDelta(t, 1, chance(3, 5, 0), 1e-12)
}

func TestTheNodeOfAPodIsNotItsHostName(t *testing.T) {
	node := model.KeyValue{Key: "k8s.node.name", Value: model.StringValue("n1")}
	host := model.KeyValue{Key: "host.name", Value: model.StringValue("payment-7f9c")}
	for _, list := range []model.Attributes{{node, host}, {host, node}} {
		assert.Equal(t, "n1", origin.Of(&model.Resource{Attributes: list}).Node)
	}
}

func TestTheFiguresReportedAreTheNewest(t *testing.T) {
	w := newTown(t, 1)
	w.live(300)
	w.slow(60, "s11")
	w.live(20)
	require.Len(t, w.reported(), 1)
	require.Less(t, millisecondsOf(t, w.reported()[0].RootCause.Factors[0].Reason), 100)
	w.slow(900, "s11")
	w.live(130)
	assert.Greater(t, millisecondsOf(t, w.reported()[0].RootCause.Factors[0].Reason), 400)
}

func millisecondsOf(t *testing.T, text string) int {
	t.Helper()
	var now int
	_, err := fmt.Sscanf(text, "GET / of s11 takes %d ms", &now)
	require.NoError(t, err, text)
	return now
}
