// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

func suspectOf(service string, signs ...*sign) *suspect {
	s := &suspect{service: service, score: 50, alarm: true}
	for _, g := range signs {
		g.strength = 50
		s.take(g)
		s.reason = g
	}
	s.date()
	return s
}

func TestTwoGroupsOfOneCauseBecomeOneAndSaySo(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	e.time.Now = begin
	cart, pay := signOf("cart", classError, "x", begin), signOf("pay", classError, "y", begin)
	e.admission.admit(&incident{suspects: []*suspect{suspectOf("cart", cart)}})
	e.admission.admit(&incident{suspects: []*suspect{suspectOf("pay", pay)}})
	first := statesOf(e.report(begin))
	require.Len(t, first, 2)

	both := suspectOf("db", signOf("db", classResource, "disk", begin))
	e.admission.admit(&incident{suspects: []*suspect{both, suspectOf("cart", cart), suspectOf("pay", pay)}})
	e.time.Now = begin + 5*second
	findings := e.report(e.time.Now)
	var merged, grown *model.SemanticGroup
	for _, f := range findings {
		if g, ok := f.(*model.SemanticGroup); ok && g.State == model.GroupMerged {
			merged = g
		} else if ok {
			grown = g
		}
	}
	require.NotNil(t, merged)
	require.NotNil(t, grown)
	assert.Equal(t, grown.ID, merged.MergedInto)
	assert.EqualValues(t, 2, merged.Revision, "it is reported as an update of the group that was reported before")
	assert.ElementsMatch(t, []string{"cart", "db", "pay"}, grown.Services)
	assert.Equal(t, 1, e.Stats().OpenGroups)
}

func statesOf(findings []model.Finding) map[string]model.GroupState {
	states := map[string]model.GroupState{}
	for _, f := range findings {
		if g, ok := f.(*model.SemanticGroup); ok {
			states[g.ID] = g.State
		}
	}
	return states
}

func TestFaultsOfSiblingsThatBeginApartStayTwoGroups(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	s.own["cart"] = 300
	s.run(45)
	s.delay["pay"] = 300
	s.run(45)
	causes := map[string]int{}
	for _, g := range s.last {
		if g.State != model.GroupMerged {
			causes[g.RootCause.Factors[0].Entity.Name]++
		}
	}
	assert.Equal(t, map[string]int{"cart": 1, "pay": 1}, causes)
}

func TestRefusedAccessIsASecurityIncident(t *testing.T) {
	_, g := ruleGroup(t, signOf("a", classError, "ERROR login of <*> failed: Permission denied", begin))
	assert.Equal(t, model.GroupSecurity, typeOf(g))
	_, g = ruleGroup(t, signOf("a", classError, "ERROR cannot read row", begin))
	assert.Equal(t, model.GroupFailureCascade, typeOf(g))
}

// wide is a group of 49 services, one more than a ranking holds: cart uses up its
// disk, and victims call one another. The one that the ranking lacks is still a
// member, for its sign is strong though its score is low.
func wide(t *testing.T) (e *Engine, g *group, cut string) {
	t.Helper()
	e, err := New(Config{})
	require.NoError(t, err)
	e.time.Now = begin
	in := &incident{suspects: []*suspect{suspectOf("cart", signOf("cart", classResource, "disk", begin))}}
	in.suspects[0].score = 1000
	for i := range maxGroupSigns {
		name := fmt.Sprintf("victim-%02d", i)
		s := suspectOf(name, signOf(name, classSelf, "GET", begin))
		s.score = float64(100 - i)
		in.suspects = append(in.suspects, s)
	}
	cut = in.suspects[maxGroupSigns].service
	in.suspects[maxGroupSigns].signs[0].strength = baseline.MaxStrength
	e.admission.admit(in)
	e.report(begin)
	require.Len(t, e.book.groups, 1)
	g = e.book.groups[0]
	require.Len(t, g.ranking, maxGroupSigns)
	require.False(t, g.concerns(cut))
	require.NotEmpty(t, g.ofService(cut))
	return e, g, cut
}

func TestAGroupOf49ServicesIsSplit(t *testing.T) {
	e, g, cut := wide(t)
	later := begin + 200*second
	fault := &incident{suspects: []*suspect{
		suspectOf("victim-00", signOf("victim-00", classKernel, "tapio.process.oom_kill", later)),
		suspectOf(cut, signOf(cut, classSelf, "PUT", later)),
	}}
	e.admission.split([]*incident{fault})
	require.Len(t, e.book.groups, 2)
	assert.Equal(t, "victim-00", e.book.groups[1].cause())
	assert.Equal(t, "cart", g.cause())
	assert.NotEmpty(t, e.report(later))
}

// What is split off may show the old cause too, which has no pod and no cgroup that
// would make it its own neighbour.
func TestASplitLeavesAGroupItsCause(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	e.time.Now = begin
	later := begin + 400*second
	pay := suspectOf("pay", signOf("pay", classSelf, "GET", begin))
	cart := suspectOf("cart", signOf("cart", classResource, "disk", later))
	cart.score = 90
	e.admission.admit(&incident{suspects: []*suspect{cart, pay}})
	e.report(begin)
	cart = suspectOf("cart", signOf("cart", classResource, "disk", later))
	cart.score = 10
	e.admission.split([]*incident{{suspects: []*suspect{suspectOf("pay", signOf("pay", classKernel, "tapio.process.oom_kill", later)), cart}}})
	require.Len(t, e.book.groups, 2)
	assert.Equal(t, "cart", e.book.groups[0].cause())
	assert.Equal(t, "pay", e.book.groups[1].cause())
	assert.NotEmpty(t, e.report(later))
}

// The only candidate is acquitted by the sign that names another one.
func TestAGroupWhoseOnlyCandidateIsAcquittedHasTheNewOne(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	e.time.Now = begin
	throttled := func(service string) *suspect {
		s := signOf(service, classKernel, semconv.MetricCgroupCPUThrottledPeriods, begin)
		s.kernel = &kernelLine{rule: kernelrule.NewTable()[semconv.MetricCgroupCPUThrottledPeriods], place: "/slice"}
		return suspectOf(service, s)
	}
	e.admission.admit(&incident{suspects: []*suspect{throttled("cart")}})
	e.admission.admit(&incident{suspects: []*suspect{throttled("pay")}})
	require.Len(t, e.book.groups, 1)
	assert.Equal(t, "pay", e.book.groups[0].cause())
	assert.NotEmpty(t, e.report(begin))
}

func TestAnIncidentWithoutSuspectsOpensNothing(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	assert.Nil(t, e.book.open(&incident{}))
	assert.Empty(t, e.book.groups)
}
