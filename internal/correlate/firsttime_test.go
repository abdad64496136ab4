// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/baseline"
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

// Where it is only known in which slot requests were affected, evidence of that slot that has
// a time dates the incident, such as a report of the kernel.
func TestEvidenceWithATimeDatesAnIncident(t *testing.T) {
	e := newShop(t, Config{}).e
	begin := model.Nanos(1_000_000) * second / (5 * second) * (5 * second)
	span := model.TimeRange{Start: begin, End: begin + 60*second}
	counted, reported := &sign{strength: baseline.AlarmStrength, onset: begin}, &sign{strength: baseline.AlarmStrength, onset: begin + 3*second + 1}
	for name, test := range map[string]struct {
		members []*sign
		want    model.Nanos
	}{
		"counted only":          {[]*sign{counted}, begin},
		"reported in that slot": {[]*sign{counted, reported}, begin + 3*second + 1},
		"reported later":        {[]*sign{counted, {strength: baseline.AlarmStrength, onset: begin + 7*second + 1}}, begin},
		"weak":                  {[]*sign{counted, {strength: baseline.AlarmStrength / 4, onset: begin + second + 1}}, begin},
	} {
		g := &group{members: map[signKey]*sign{}}
		for i, s := range test.members {
			g.members[signKey{service: fmt.Sprint(i)}] = s
		}
		assert.Equal(t, test.want, e.book.began(g, span).Start, name)
	}
}
