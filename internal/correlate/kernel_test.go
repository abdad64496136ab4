// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/tapio"
)

func TestWhatTellsOfAFault(t *testing.T) {
	for name, c := range map[string]struct {
		event string
		key   string
		value tapio.Value
		marks int
	}{
		"a kill for want of memory": {"tapio.process.oom_kill", "process.pid", tapio.IntValue(1), 1},
		"an exit with an error":     {"tapio.process.exit", "process.exit.code", tapio.IntValue(1), 1},
		"a clean exit":              {"tapio.process.exit", "process.exit.code", tapio.IntValue(0), 0},
		"a kill from outside":       {"tapio.process.exit", "tapio.process.exit_signal", tapio.StringValue("SIGKILL"), 0},
		"a fault of memory":         {"tapio.process.signal", "tapio.signal.name", tapio.StringValue("SIGSEGV"), 1},
		"a signal to end":           {"tapio.process.signal", "tapio.signal.name", tapio.StringValue("SIGTERM"), 0},
		"a name not found":          {"tapio.dns.lookup_failed", "dns.question.name", tapio.StringValue("db"), 1},
		"a connection":              {"tapio.tcp.connect", "server.address", tapio.StringValue("db"), 0},
		"a refused connection":      {"tapio.tcp.connect", "error.type", tapio.StringValue("ECONNREFUSED"), 1},
		"a program begins":          {"tapio.process.exec", "process.pid", tapio.IntValue(1), 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Config{})
			marks := s.e.ObserveEvents([]tapio.Event{{
				Time: begin, Name: c.event, Resource: s.resource("pay"),
				Attributes: tapio.Attributes{{Key: c.key, Value: c.value}},
			}})
			assert.Len(t, marks, c.marks)
		})
	}
}

func TestRefusedConnectionsRaiseAnAlarm(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	for range 60 {
		s.e.ObserveEvents([]tapio.Event{{
			Time: s.at, Name: "tapio.tcp.connect_failed", Resource: s.resource("pay"),
			Attributes: tapio.Attributes{{Key: "server.address", Value: tapio.StringValue("10.0.0.9")}},
		}})
		s.run(1)
	}
	g := s.only(t)
	assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name)
	assert.Equal(t, tapio.GroupNetwork, g.Type)
	assert.Contains(t, g.Title, "10.0.0.9")
}
