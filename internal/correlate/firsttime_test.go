// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// An incident begins with the first request that it affects, not with the bucket of time
// in which that was counted.
func TestAnIncidentBeginsWithTheFirstAffectedRequest(t *testing.T) {
	for name, fault := range map[string]trouble{
		"slow":            {service: "payment", millis: 400},
		"fails":           {service: "payment", fails: "no more licenses"},
		"slow and silent": {service: "bank", millis: 500},
		"fails, silent":   {service: "postgres", fails: "connection refused"},
	} {
		for _, within := range []int{0, 3} { // the bucket
			w := shopWorld(t, 7)
			w.rate = func(*world) float64 { return 8 }
			w.run(900 + within)
			fault.during = w.after(0)
			w.faults = append(w.faults, fault)
			since := w.at
			w.run(90)
			require.Len(t, w.last, 1, "%s: %v", name, w.reported())
			for _, g := range w.last {
				assert.WithinRange(t, timeAt(g.Range.Start), timeAt(since-second), timeAt(since+2*second), "%s: %v", name, w.reported())
			}
		}
	}
}

// After a kill and a restart callers are refused for a few seconds. The incident ends when
// nothing of it shows any more, though the kernel's reports stay in sight for minutes.
func TestAnIncidentOfAKillEndsAfterTheRestart(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	killed := s.at
	s.event("pay", "tapio.process.oom_kill")
	for range 6 {
		s.e.ObserveEvents([]model.Event{{
			Time: s.at, Name: "tapio.tcp.connect_failed", Resource: s.resource("pay"),
			Attributes: model.Attributes{{Key: "server.address", Value: model.StringValue("10.0.0.9")}},
		}})
		s.run(1)
	}
	s.run(20)
	require.False(t, s.only(t).State.Ended())
	assert.WithinRange(t, timeAt(s.only(t).Range.Start), timeAt(killed), timeAt(killed))
	s.run(75)
	g := s.only(t)
	assert.Equal(t, model.GroupResolved, g.State)
	assert.WithinRange(t, timeAt(g.Range.End), timeAt(killed+5*second), timeAt(killed+15*second))
}
