// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

// gauge reports a share of a limit of each service, once in ten seconds.
func (s *shop) gauge(values map[string]float64) {
	metric := &model.Metric{Name: "container.cpu.utilization", Unit: "1", Type: model.MetricGauge}
	for _, service := range [...]string{"front", "cart", "pay"} {
		p := model.Point{
			Time: s.at, Number: model.NumberDouble, Bits: math.Float64bits(values[service]),
			Series: &model.Series{Metric: metric, Resource: s.resource(service)},
		}
		s.e.ObservePoints([]model.Point{p})
	}
}

func (s *shop) runWith(seconds int, cpu map[string]float64) {
	for range seconds / 10 {
		s.gauge(cpu)
		s.run(10)
	}
}

// reported lists the open groups by the service that each holds for the cause.
func (s *shop) reported(t *testing.T) map[string]*model.SemanticGroup {
	t.Helper()
	open := map[string]*model.SemanticGroup{}
	for _, g := range s.last {
		if g.State != model.GroupMerged && g.State != model.GroupClosed {
			cause := g.RootCause.Factors[0].Entity.Name
			require.Nil(t, open[cause], "two groups of one cause")
			open[cause] = g
		}
	}
	return open
}

// twoInOne is a shop in which cart uses up its CPU, and pay, which became slow with
// it, is held for a part of that.
func twoInOne(t *testing.T) (*shop, *model.SemanticGroup) {
	t.Helper()
	s := newShop(t, Config{})
	s.runWith(300, map[string]float64{"front": 0.2, "cart": 0.2, "pay": 0.2})
	s.own["cart"], s.own["pay"], s.fails["front"] = 400, 200, true
	s.runWith(60, map[string]float64{"front": 0.2, "cart": 0.98, "pay": 0.2})
	g := s.only(t)
	require.Equal(t, "cart", g.RootCause.Factors[0].Entity.Name)
	require.Contains(t, g.Services, "pay")
	return s, g
}

func TestAGroupInWhichASecondFaultShowsIsSplit(t *testing.T) {
	s, whole := twoInOne(t)
	killed := s.at
	s.event("pay", "tapio.process.oom_kill")
	s.runWith(20, map[string]float64{"front": 0.2, "cart": 0.98, "pay": 0.2})
	reported := s.reported(t)
	require.Len(t, reported, 2)
	rest, made := reported["cart"], reported["pay"]
	require.Equal(t, whole.ID, rest.ID, "it goes on under its id")
	assert.Greater(t, rest.Revision, whole.Revision)
	assert.Equal(t, whole.Services, rest.Services, "what was hit before by the first fault still is")
	assert.Equal(t, whole.ID, made.SplitFrom)
	assert.Empty(t, rest.SplitFrom)
	assert.Contains(t, made.Services, "pay")
	assert.GreaterOrEqual(t, made.Range.Start, killed-20*second, "what pay did before its own fault is none of it")
	assert.Contains(t, s.textOf(t, rest), "another incident, "+made.ID)
	assert.Contains(t, s.textOf(t, made), "it was part of incident "+whole.ID)
	assert.NotContains(t, s.textOf(t, rest), "out of memory")
	for _, ref := range rest.Members {
		assert.NotContains(t, ref.Description, "out of memory")
	}
}

// The victim that both share does not make the two one again, whatever joins later.
func TestASplitLasts(t *testing.T) {
	s, _ := twoInOne(t)
	for range 12 {
		s.event("pay", "tapio.process.oom_kill")
		s.fails["front"] = !s.fails["front"]
		s.runWith(20, map[string]float64{"front": 0.2, "cart": 0.98, "pay": 0.2})
	}
	require.Len(t, s.last, 2)
	require.Len(t, s.reported(t), 2)
}

// Without a fault of its own, what is slow with the cause stays an effect of it,
// also when what the cause has is over.
func TestWhatIsOnlySlowIsNotSplitOff(t *testing.T) {
	s, whole := twoInOne(t)
	delete(s.own, "cart")
	s.runWith(120, map[string]float64{"front": 0.2, "cart": 0.2, "pay": 0.2})
	require.Len(t, s.last, 1)
	require.Contains(t, s.last[whole.ID].Services, "pay")
}

func TestAGroupThatWasNotReportedIsNotSplit(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	e.time.Now = begin
	pay := suspectOf("pay", signOf("pay", classSelf, "y", begin))
	e.admission.admit(&incident{suspects: []*suspect{suspectOf("cart", signOf("cart", classResource, "disk", begin)), pay}})
	assert.Nil(t, e.book.heldAsEffect("pay"))
	e.report(begin)
	require.NotNil(t, e.book.heldAsEffect("pay"))
	assert.Nil(t, e.book.heldAsEffect("cart"), "it is the cause")
	assert.Nil(t, e.book.heldAsEffect("front"), "it is none of it")
}

// event reports what the kernel saw of a service.
func (s *shop) event(service, name string) {
	s.e.ObserveEvents([]model.Event{{Time: s.at, Name: name, Resource: s.resource(service), Attributes: model.Attributes{
		{Key: origin.ProgramKey, Value: model.StringValue(service + "d")}, {Key: "process.pid", Value: model.IntValue(4711)},
	}}})
}

// textOf is the text of the group for whoever is on call, of its last revision.
func (s *shop) textOf(t *testing.T, g *model.SemanticGroup) string {
	t.Helper()
	for _, f := range s.all {
		if i, ok := f.(*model.Insight); ok && i.GroupID == g.ID && i.Revision == g.Revision && i.Audience == model.AudienceSRE {
			return i.Text
		}
	}
	require.Fail(t, "no insight of "+g.ID)
	return ""
}
