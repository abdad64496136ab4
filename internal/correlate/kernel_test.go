// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

func TestWordsForFailures(t *testing.T) {
	for name, c := range map[string]struct {
		event string
		key   string
		value model.Value
		marks int
	}{
		"a kill for want of memory": {"tapio.process.oom_kill", "process.pid", model.IntValue(1), 1},
		"an exit with an error":     {"tapio.process.exit", "process.exit.code", model.IntValue(1), 1},
		"a clean exit":              {"tapio.process.exit", "process.exit.code", model.IntValue(0), 0},
		"a kill from outside":       {"tapio.process.exit", "tapio.process.exit_signal", model.StringValue("SIGKILL"), 0},
		"a fault of memory":         {"tapio.process.signal", "tapio.signal.name", model.StringValue("SIGSEGV"), 1},
		"a signal to end":           {"tapio.process.signal", "tapio.signal.name", model.StringValue("SIGTERM"), 0},
		"a name not found":          {"tapio.dns.lookup_failed", "dns.question.name", model.StringValue("db"), 1},
		"a request that waits":      {"tapio.request.stalled", "server.address", model.StringValue("db"), 0},
		"a refused connection":      {"tapio.tcp.connect_failed", "error.type", model.StringValue("ECONNREFUSED"), 1},
		"a program begins":          {"tapio.process.exec", "process.pid", model.IntValue(1), 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Config{})
			marks := s.e.ObserveEvents([]model.Event{{
				Time: begin, Name: c.event, Resource: s.resource("pay"),
				Attributes: model.Attributes{{Key: c.key, Value: c.value}},
			}})
			assert.Len(t, marks, c.marks)
		})
	}
}

func TestRefusedConnectionsRaiseAnAlarm(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	for range 60 {
		s.e.ObserveEvents([]model.Event{{
			Time: s.at, Name: "tapio.tcp.connect_failed", Resource: s.resource("pay"),
			Attributes: model.Attributes{{Key: "server.address", Value: model.StringValue("10.0.0.9")}},
		}})
		s.run(1)
	}
	g := s.only(t)
	assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name)
	assert.Equal(t, model.GroupNetwork, g.Type)
	assert.Contains(t, g.Title, "10.0.0.9")
}

// A browser that asks for localhost tries ::1 first, where a server of 127.0.0.1 does not
// listen, and then reaches it. A server of both that refuses connections is down.
func TestLocalhostIsReachedByOneOfItsAddresses(t *testing.T) {
	for name, test := range map[string]struct {
		listens   []string
		after     int // refusals
		incidents int
	}{
		"the other":                {[]string{"127.0.0.1"}, 0, 0},
		"the other, known by then": {[]string{"127.0.0.1"}, 3, 0},
		"none":                     {[]string{"10.0.0.9"}, 0, 1},
		"both":                     {[]string{"127.0.0.1", "::1"}, 0, 1},
	} {
		s := newShop(t, Config{})
		at := func(address string) model.Attributes {
			return model.Attributes{
				{Key: "network.peer.address", Value: model.StringValue(address)}, {Key: "network.peer.port", Value: model.IntValue(4418)},
			}
		}
		web := origin.Of(s.resource("web"))
		s.run(300)
		for n := range 60 {
			if n == test.after {
				for _, address := range test.listens {
					s.e.graph.listens(endpointOf(at(address), "network.peer.", web.Node), s.e.graph.service(&web))
				}
			}
			s.e.ObserveEvents([]model.Event{{Time: s.at, Name: "tapio.tcp.connect_failed", Resource: s.resource("pay"), Attributes: at("::1")}})
			s.run(1)
		}
		assert.Len(t, s.reported(t), test.incidents, name)
	}
}

// Lost packets that are counted together with those of others, for lack of room, are of no
// connection that is known: it may well be loopback.
func TestCountsOfAllOthersTogetherNameNoConnection(t *testing.T) {
	for name, c := range map[string]struct {
		attributes model.Attributes
		groups     int
	}{
		"with a peer":     {model.Attributes{{Key: "server.address", Value: model.StringValue("10.0.0.7")}}, 1},
		"of all together": {model.Attributes{{Key: "otel.metric.overflow", Value: model.BoolValue(true)}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Config{})
			m := &model.Metric{Name: "tapio.tcp.retransmits", Unit: "{segment}", Type: model.MetricSum, Monotonic: true, Temporality: model.TemporalityCumulative}
			s.gauged(20, m, c.attributes, func(int) float64 { return 5 })
			s.gauged(3, m, c.attributes, func(i int) float64 { return 5 + 30*float64(i+1) })
			assert.Len(t, s.last, c.groups)
		})
	}
}
