// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

// textFor returns the newest text for an audience.
func (s *shop) textFor(t *testing.T, to model.InsightAudience) string {
	t.Helper()
	text := ""
	for _, f := range s.all {
		if i, ok := f.(*model.Insight); ok && i.Audience == to {
			text = i.Text
		}
	}
	require.NotEmpty(t, text)
	return text
}

// releases makes a service run another version from now on.
func (s *shop) releases(service, version string) {
	next := *s.resource(service)
	next.Attributes = append(append(model.Attributes{}, next.Attributes...), model.KeyValue{Key: "service.version", Value: model.StringValue(version)})
	s.resources[service] = &next
}

func TestAFailureAfterAReleaseNamesIt(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	s.releases("cart", "2.0.0")
	s.fails["cart"] = true
	s.run(60)
	g := s.only(t)
	assert.Equal(t, model.GroupDeployment, g.Type)
	assert.Contains(t, g.Title, "cart 2.0.0 has been failing since its rollout at")
	assert.Contains(t, g.RootCause.Summary, "release cart 2.0.0, rolled out")
	assert.Contains(t, g.RootCause.Summary, "\"cannot read a.Store#31 user 17\"")
	assert.Contains(t, g.Actions[1].Title, "Roll cart back")
	developer := s.textFor(t, model.AudienceDeveloper)
	assert.Contains(t, developer, "Look at a.Store#31 first.")
	assert.Contains(t, developer, "Example: trace 3")
	manager := s.textFor(t, model.AudienceManager)
	assert.Contains(t, manager, "because cart 2.0.0 has been failing.")
}

func TestAReleaseThatDoesNoHarmIsNoIncident(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	s.releases("cart", "2.0.0")
	s.run(300)
	assert.Empty(t, s.last)
}

// While a release is rolled out, both versions answer.
func TestAReleaseIsNewOnce(t *testing.T) {
	var r release
	r.runs("1.9", begin, false)
	require.False(t, r.known, "it may have run for long")
	for i := range model.Nanos(10) {
		r.runs([]string{"2.0", "1.9"}[i%2], begin+(100+i)*second, true)
	}
	assert.Equal(t, begin+100*second, r.since)
	version, before := r.newest()
	assert.Equal(t, "2.0", version)
	assert.Equal(t, "1.9", before)
}

func TestOfManySignsFewAreReported(t *testing.T) {
	own := []*sign{
		signOf("a", classError, "fails", begin), signOf("a", classPath, "calls b", begin), signOf("a", classPath, "calls c", begin),
		signOf("a", classSelf, "slow", begin), signOf("a", classError, "no such column", begin), signOf("a", classLoad, "traffic", begin),
		signOf("a", classSymptom, releaseWhat, begin),
	}
	var found []string
	for _, s := range further(own[0], own) {
		found = append(found, s.key.what)
	}
	assert.Equal(t, []string{"no such column", releaseWhat, "slow"}, found)
}

func TestTheImpactNamesWhoMayBeNext(t *testing.T) {
	e, g := ruleGroup(t, signOf("pay", classError, "x", begin))
	e.graph.call("cart", "pay")
	e.graph.call("web", "pay")
	for _, name := range []string{"cart", "web"} {
		e.graph.service(&origin.Origin{Service: name}).heard(&origin.Origin{Instrumented: true}, begin)
	}
	im := e.describer.spread.impact(g)
	assert.InDelta(t, 1, im.CascadeRisk, 1e-9)
	assert.Equal(t, "No requests are known to be affected.", im.Summary)
	next, _ := e.describer.spread.next(g, map[string]bool{"pay": true})
	assert.Equal(t, []string{"cart", "web"}, next)
}

// Commands that the kernel saw calling or getting slow are neither next nor a step.
func TestCommandsAreNoServices(t *testing.T) {
	e, g := ruleGroup(t, signOf("pay", classError, "x", begin))
	e.graph.call("cart", "pay")
	e.graph.call("curl", "pay")
	e.graph.call("web", "cart")
	for _, o := range []origin.Origin{
		{Service: "cart"}, {Service: "curl", Declared: true}, {Service: "web", Declared: true, Instrumented: true}, {Service: "sleep", Declared: true},
	} {
		e.graph.service(&o).heard(&o, begin)
	}
	next, _ := e.describer.spread.next(g, map[string]bool{"pay": true})
	assert.Equal(t, []string{"cart"}, next)
	assert.True(t, e.topology.isService("web"), "it is instrumented")
	assert.True(t, e.topology.isService("pay"), "it is called")
	assert.False(t, e.topology.isService("sleep"))
}
