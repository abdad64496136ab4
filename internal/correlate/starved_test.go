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
	"github.com/tapio/tapio/internal/semconv"
)

// cpus are the kernel's figures of a node, as they add up.
type cpus struct {
	node          string
	waited        map[string]float64 // seconds, by program
	used          map[string]float64
	from          model.Nanos
	waits, uses   map[string]float64 // in a second
	reportedUntil model.Nanos
}

func newCPUs(w *world, node string) *cpus {
	return &cpus{
		node: node, from: w.at, reportedUntil: w.at, waited: map[string]float64{}, used: map[string]float64{},
		waits: map[string]float64{"web": 0.05, "orders": 0.05}, uses: map[string]float64{"web": 0.3, "orders": 0.2},
	}
}

// report sends the figures of the time since the last ones.
func (c *cpus) report(w *world) {
	seconds := float64(w.at-c.reportedUntil) / 1e9
	c.reportedUntil = w.at
	resource := &model.Resource{Attributes: text("host.name", c.node, semconv.Source, origin.KernelSource)}
	point := func(name, program string, kind model.MetricType) model.Point {
		return model.Point{Time: w.at, Start: c.from, Series: &model.Series{
			Metric:     &model.Metric{Name: name, Type: kind, Unit: "s", Monotonic: true, Temporality: model.TemporalityCumulative},
			Attributes: text(origin.ProgramKey, program), Resource: resource,
		}}
	}
	var points []model.Point
	for program, wait := range c.waits {
		c.waited[program] += wait * seconds
		p := point(semconv.MetricCPURunQueueDuration, program, model.MetricExponentialHistogram)
		p.Exponential = &model.ExponentialHistogram{Count: 1000 * uint64(1+w.at-c.from) / 1e9, Sum: model.Optional{Value: c.waited[program], Set: true}}
		points = append(points, p)
	}
	for program, use := range c.uses {
		c.used[program] += use * seconds
		p := point(semconv.MetricCPUTime, program, model.MetricSum)
		p.Number, p.Bits = model.NumberDouble, math.Float64bits(c.used[program])
		points = append(points, p)
	}
	w.e.ObservePoints(points)
}

func runWith(w *world, c *cpus, seconds int) {
	for range seconds / 10 {
		w.run(10)
		c.report(w)
	}
}

func TestANodeThatIsShortOfCPUIsTheCause(t *testing.T) {
	for name, hosts := range map[string]string{"the only host": "node-0", "one of three": "node-1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shopWorld(t, 61)
			if hosts == "node-0" {
				for _, m := range w.parts {
					m.nodes = 1
				}
			}
			c := newCPUs(w, hosts)
			runWith(w, c, 900)
			require.Empty(t, w.reported())
			c.waits["ffmpeg"], c.uses["ffmpeg"] = 3, 1.7
			c.waits["web"], c.waits["orders"] = 2, 2
			w.faults = []trouble{{node: hosts, millis: 200, during: w.after(0)}}
			runWith(w, c, 90)
			cause := w.cause()
			assert.Equal(t, model.EntityNode, cause.Entity.Kind, "%v", w.reported())
			assert.Equal(t, hosts, cause.Entity.Name)
			for _, g := range w.last {
				assert.Contains(t, g.Title, "node "+hosts+" has been short of CPU since")
				assert.Contains(t, g.Title, "ffmpeg uses 1.7 CPUs")
				assert.Equal(t, model.GroupResourceExhaustion, g.Type)
			}
		})
	}
}

func TestASlowServiceOnANodeWithIdleCPUsIsTheCause(t *testing.T) {
	w := shopWorld(t, 67)
	c := newCPUs(w, "node-0")
	runWith(w, c, 900)
	w.faults = []trouble{{service: "inventory", millis: 400, during: w.after(0)}}
	runWith(w, c, 90)
	assert.Equal(t, "inventory", w.cause().Entity.Name, "%v", w.reported())
}

func TestASlowServiceOnAHostThatIsAlwaysBusyIsTheCause(t *testing.T) {
	w := shopWorld(t, 101)
	for _, m := range w.parts {
		m.nodes = 1
	}
	c := newCPUs(w, "node-0")
	c.waits["build"], c.uses["build"] = 5, 1.8
	runWith(w, c, 900)
	w.faults = []trouble{{service: "inventory", millis: 400, during: w.after(0)}}
	runWith(w, c, 90)
	assert.Equal(t, "inventory", w.cause().Entity.Name, "%v", w.reported())
}

// A service that takes longer though its threads hardly wait for a CPU is slow by itself.
func TestASlowServiceThatDoesNotWaitForCPUsIsTheCause(t *testing.T) {
	for name, c := range map[string]struct {
		waits float64 // of the threads of the service
		cause string
	}{
		"it does not wait": {0.05, "inventory"},
		"it waits as long": {8, "node-0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shopWorld(t, 73)
			for _, m := range w.parts {
				m.nodes = 1
			}
			of := newCPUs(w, "node-0")
			of.waits["inventory"] = 0.05
			runWith(w, of, 900)
			of.waits["build"], of.uses["build"] = 12, 1.9
			of.waits["inventory"] = c.waits
			w.faults = []trouble{{service: "inventory", millis: 400, during: w.after(0)}}
			runWith(w, of, 90)
			assert.Equal(t, c.cause, w.cause().Entity.Name, "%v", w.reported())
		})
	}
}

// A service that is killed on a node that is short of CPU is the cause of what its callers
// suffer, though they wait for CPUs too.
func TestAServiceThatIsKilledOnAStarvedNodeIsTheCause(t *testing.T) {
	w := shopWorld(t, 79)
	for _, m := range w.parts {
		m.nodes = 1
	}
	of := newCPUs(w, "node-0")
	runWith(w, of, 900)
	of.waits["build"], of.uses["build"] = 12, 1.9
	of.waits["web"], of.waits["orders"] = 3, 3
	w.faults = []trouble{
		{service: "inventory", fails: "connection refused", share: 0.4, during: w.after(0)},
		{service: "web", millis: 100, during: w.after(0)},
		{service: "orders", millis: 100, during: w.after(0)},
	}
	for range 12 {
		resource, _, _ := w.resource(w.parts["inventory"], 0)
		w.e.ObserveEvents([]model.Event{{Time: w.at, Name: semconv.EventProcessOOMKill, Resource: resource}})
		runWith(w, of, 10)
	}
	assert.Equal(t, "inventory", w.cause().Entity.Name, "%v", w.reported())
}

func TestTheServiceThatUsesTheCPUsIsTheCause(t *testing.T) {
	w := shopWorld(t, 71)
	for _, m := range w.parts {
		m.nodes = 1
	}
	c := newCPUs(w, "node-0")
	runWith(w, c, 900)
	c.waits["inventory"], c.uses["inventory"] = 6, 1.9
	w.faults = []trouble{{service: "inventory", millis: 400, during: w.after(0)}}
	runWith(w, c, 90)
	assert.Equal(t, "inventory", w.cause().Entity.Name, "%v", w.reported())
}

func TestANodeThatAloneDoesNotResolveNamesIsTheCause(t *testing.T) {
	for name, c := range map[string]struct {
		nodes  []string
		entity string
		kind   model.EntityKind
	}{
		"one node":   {[]string{"node-1"}, "node-1", model.EntityNode},
		"each of it": {[]string{"node-0", "node-1", "node-2"}, "dns", model.EntityService},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shopWorld(t, 97)
			w.run(900)
			w.faults = []trouble{{node: "node-1", millis: 1, during: w.after(0)}}
			for n := range 60 {
				w.run(1)
				for _, service := range []string{"orders", "catalog"} {
					node := c.nodes[n%len(c.nodes)]
					w.e.ObserveEvents([]model.Event{{
						Time: w.at, Name: "tapio.dns.lookup_failed", Body: model.StringValue("lookup failed"),
						Resource:   &model.Resource{Attributes: text("service.name", service, "k8s.node.name", node)},
						Attributes: text("error.type", "timeout", "dns.question.name", "postgres.data.svc", "network.peer.address", "10.96.0.10"),
					}})
				}
			}
			cause := w.cause()
			assert.Equal(t, c.entity, cause.Entity.Name, "%v", w.reported())
			assert.Equal(t, c.kind, cause.Entity.Kind)
			for _, g := range w.last {
				assert.Contains(t, g.Title, "not resolved names")
			}
		})
	}
}
