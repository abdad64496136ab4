// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

// exits makes a process of a program end.
func (s *shop) exits(resource *model.Resource, code int64, lived float64) {
	s.e.ObserveEvents([]model.Event{{Time: s.at, Name: "tapio.process.exit", Resource: resource, Attributes: model.Attributes{
		{Key: "process.exit.code", Value: model.IntValue(code)}, {Key: "tapio.process.duration", Value: model.DoubleValue(lived)},
	}}})
}

// Commands fail as they like, also where something called one of them. A service that
// crashes again and again is an incident.
func TestCommandsThatExitWithErrorsAreNoIncident(t *testing.T) {
	for name, test := range map[string]struct {
		attributes model.Attributes
		incidents  int
	}{
		"command": {text("process.executable.name", "fetch"), 0},
		"unit":    {text("process.executable.name", "fetch", "process.linux.cgroup", "/system.slice/fetch.service"), 1},
		"service": {text("service.name", "fetch"), 1},
	} {
		s := newShop(t, Config{})
		resource := &model.Resource{Attributes: test.attributes}
		s.run(300)
		s.e.graph.call("cart", "fetch")
		for range 40 {
			s.exits(resource, 22, 0.2)
			s.run(1)
		}
		incidents := 0
		for _, g := range s.reported(t) {
			if g.Kind == model.GroupIncident {
				incidents++
			}
		}
		assert.Equal(t, test.incidents, incidents, name)
	}
}

// What calls the cause without harm is not part of the impact.
func TestImpactFollowsCallsThatSuffer(t *testing.T) {
	w := shopWorld(t, 3)
	w.parts["probe"] = &member{name: "probe", replicas: 1, nodes: 1, own: 3, calls: []string{"payment"}, tolerant: true}
	w.entry = []string{"web", "web", "probe"}
	w.rate = func(*world) float64 { return 10 }
	w.run(900)
	w.faults = append(w.faults, trouble{service: "payment", caller: "orders", fails: "no more licenses", during: w.after(0)},
		trouble{service: "probe", fails: "assertion failed", during: w.after(0)})
	w.run(60)
	found := false
	for _, g := range w.last {
		if g.RootCause.Factors[0].Entity.Name != "payment" {
			continue
		}
		found = true
		assert.NotContains(t, g.Services, "probe", "%v", w.reported())
		for _, o := range g.Impact.Operations {
			assert.Equal(t, "web", o.Service, "%v", w.reported())
		}
	}
	require.True(t, found, "%v", w.reported())
}

// In a container in which people build and test, many programs run: that they share it marks none
// of them as a service, and does not connect them.
func TestAContainerOfManyProgramsIsNoService(t *testing.T) {
	for programs, shared := range map[int]bool{3: true, 40: false} {
		s := newShop(t, Config{})
		for i := range programs {
			s.e.ObserveEvents([]model.Event{{Time: s.at, Name: "tapio.process.exec", Resource: &model.Resource{Attributes: text(
				"host.name", "desk", origin.ProgramKey, fmt.Sprint("program-", i), origin.CgroupKey, "/docker/0123456789abcdef",
			)}}})
		}
		s.run(1)
		assert.Equal(t, shared, s.e.topology.samePlace("program-0", "program-1"), programs)
		assert.Equal(t, !shared, s.e.topology.fleeting("program-1"), programs)
	}
}
