// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// profiles lets seconds go by, with a CPU profile of a service every ten: serve costs 40
// samples, and count as many in a function that it calls.
func (w *world) profiles(seconds int, service string, count int64) {
	const period = 10_000_000
	for range seconds / 10 {
		from := w.at
		w.run(10)
		resource, _, _ := w.resource(w.parts[service], 0)
		w.e.ObserveProfiles([]model.Profile{{
			Resource: resource, Scope: &model.Scope{}, Time: from, Duration: 10 * time.Second,
			Type: model.ProfileType{Name: "cpu", Unit: "nanoseconds", PeriodName: "cpu", PeriodUnit: "nanoseconds", Period: period},
			Dictionary: &model.ProfileDictionary{
				Frames: []model.Frame{
					{Function: "main.serve", File: "shop/serve.go", Line: 20},
					{Function: "main.discount", File: "shop/price.go", Line: 42},
					{Function: "regexp.(*Regexp).doExecute", File: "regexp/exec.go", Line: 7},
				},
				Stacks: [][]uint32{{0}, {2, 1, 0}},
			},
			Samples: []model.ProfileSample{
				{Stack: 0, Set: model.NoSet, Values: []int64{40 * period}}, {Stack: 1, Set: model.NoSet, Values: []int64{count * period}},
			},
		}})
	}
}

func (w *world) only() *model.SemanticGroup {
	w.t.Helper()
	require.Len(w.t, w.last, 1)
	for _, g := range w.last {
		return g
	}
	return nil
}

// A service that got slow in its own code: the function that costs more is named, with the
// diff as evidence.
func TestTheCauseNamesTheFunctionThatGrew(t *testing.T) {
	w := shopWorld(t, 7)
	w.profiles(900, "inventory", 2)
	w.faults = append(w.faults, trouble{service: "inventory", millis: 400, during: w.after(0)})
	w.profiles(120, "inventory", 120)
	g := w.only()
	cause := w.cause()
	require.Equal(t, "inventory", cause.Entity.Name)
	require.NotEmpty(t, cause.Within)
	assert.Equal(t, model.EntityCode, cause.Within[0].Kind)
	assert.Equal(t, "main.discount (shop/price.go:42)", cause.Within[0].Name)
	assert.Regexp(t, `main\.discount takes 7[0-9]% of the CPU time of inventory \(baseline 5%; [0-9]+ samples in [^,]+, [0-9]+ in the [^)]+ before\) · profile cpu\{service\.name="inventory"\}`,
		g.RootCause.Summary)
	last := g.RootCause.Evidence[len(g.RootCause.Evidence)-1]
	assert.Equal(t, model.EvidenceProfile, last.Kind)
	assert.Equal(t, `cpu{service.name="inventory"}`, last.ID)
	assert.Contains(t, last.Description, "main.discount")
	assert.Contains(t, strings.Join(g.Actions[0].Commands, "\n"), "tapioctl profile diff --service inventory --type cpu --since 20")
	assert.Contains(t, g.Actions[1].Title, "main.discount (shop/price.go:42)")
}

// A fault that the profiles do not show leaves the cause as it is, and so do profiles of
// another service.
func TestProfilesThatShowNothingAddNothing(t *testing.T) {
	for name, c := range map[string]struct {
		service string
		count   int64
	}{"the same before": {"inventory", 2}, "of another service": {"payment", 120}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shopWorld(t, 7)
			w.profiles(900, c.service, 2)
			w.faults = append(w.faults, trouble{service: "inventory", millis: 400, during: w.after(0)})
			w.profiles(120, c.service, c.count)
			g := w.only()
			assert.Equal(t, "inventory", w.cause().Entity.Name)
			assert.NotContains(t, g.RootCause.Summary, "CPU time")
			for _, e := range g.RootCause.Evidence {
				assert.NotEqual(t, model.EvidenceProfile, e.Kind)
			}
		})
	}
}

// Profiles alone open nothing.
func TestProfilesOpenNoIncident(t *testing.T) {
	w := shopWorld(t, 7)
	w.profiles(600, "inventory", 2)
	w.profiles(120, "inventory", 120)
	assert.Empty(t, w.reported())
}
