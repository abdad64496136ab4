// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
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
	e.now = begin
	cart, pay := signOf("cart", classError, "x", begin), signOf("pay", classError, "y", begin)
	e.admit(&incident{suspects: []*suspect{suspectOf("cart", cart)}})
	e.admit(&incident{suspects: []*suspect{suspectOf("pay", pay)}})
	first := statesOf(e.report(begin))
	require.Len(t, first, 2)

	both := suspectOf("db", signOf("db", classResource, "disk", begin))
	e.admit(&incident{suspects: []*suspect{both, suspectOf("cart", cart), suspectOf("pay", pay)}})
	e.now = begin + 5*second
	findings := e.report(e.now)
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
	assert.EqualValues(t, 2, merged.Revision, "it is told as an update of the group that was told before")
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
