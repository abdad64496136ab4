// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tapio/tapio/test/simulate/world"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// System is what came of one simulated system.
type System struct {
	Seed    uint64
	About   string
	Hours   float64 // of event time
	Seconds float64 // that it took
	Spans   int
	Lost    uint64 // revisions that the stream lost
	Cases   []*Case
	// Pages counts groups that would wake a person, False those of them that no
	// fault accounts for.
	Pages int
	False []*FalsePage

	services  int
	incidents []*incident
}

// Case is one fault and what was said of it.
type Case struct {
	Seed                   uint64
	Kind                   string
	Pair                   string // of two faults: in sequence, overlapping
	Start, End             time.Time
	Detail                 string
	Entities               []string
	Mechanisms             []string
	Requests, Failed, Slow int
	// Scored is false of a fault that almost no user noticed.
	Scored    bool
	Detected  bool
	Place     int // of the right entity among the causes, from 1; 0: none
	Mechanism bool
	// ToDetect is from when users are affected, or 20 requests, to the first word.
	ToDetect  float64
	ToResolve float64 // from the last affected request; -1: not before the next fault
	Resolved  bool
	// FailedError and AffectedError are by how much the shares are wrong.
	ImpactShare, ImpactSaid float64
	ImpactRight             bool
	// ByOperation are the affected entry operations, as they were and as the group has them.
	ByOperation []OperationShare
	Extra       int // groups besides the first
	Group       *Said
	Others      []*Said
}

// FalsePage is a group that no fault accounts for.
type FalsePage struct {
	During string // the planned change that is on; empty: none
	*Said
}

// Said is a group in the words of the collector.
type Said struct {
	ID, State, Type, Title, Summary, Impact string
	Confidence                              float64
	Opened, From, To                        time.Time
	Causes                                  []string
	Mechanisms                              []string
	Services                                []string
	Revisions                               int
}

func said(i *incident, g *tapiov1.SemanticGroup) *Said {
	s := &Said{
		ID: i.id, State: g.GetState().String(), Type: g.GetType().String(), Title: g.GetTitle(), Summary: g.GetRootCause().GetSummary(), Impact: g.GetImpact().GetSummary(),
		Confidence: g.GetConfidence(), Opened: i.firstPage().GetTime().AsTime(), From: g.GetTimeRange().GetStart().AsTime(), To: g.GetTimeRange().GetEnd().AsTime(),
		Mechanisms: mechanismsOf(g), Services: g.GetServices(), Revisions: len(i.revisions),
	}
	for _, f := range g.GetRootCause().GetCausalFactors() {
		c := candidateOf(f)
		text := f.GetEntity().GetKind().String() + " " + f.GetEntity().GetName() + ": " + f.GetReason()
		for _, n := range c.narrow {
			if n != "" {
				text += " [" + n + "]"
			}
		}
		s.Causes = append(s.Causes, text)
	}
	return s
}

// firstPage is the first revision that would wake a person, nil for none.
func (i *incident) firstPage() *tapiov1.SemanticGroup {
	for _, g := range i.revisions {
		if pages(g) {
			return g
		}
	}
	return nil
}

// at is the last revision made until a time; the first where all are later.
func (i *incident) at(t int64) *tapiov1.SemanticGroup {
	last := i.firstPage()
	for _, g := range i.revisions {
		if made(g) <= t && pages(g) {
			last = g
		}
	}
	return last
}

func (i *incident) mergedAt(t int64) bool {
	for _, g := range i.revisions {
		if g.GetState() == tapiov1.SemanticGroup_STATE_MERGED && made(g) <= t {
			return true
		}
	}
	return false
}

func made(g *tapiov1.SemanticGroup) int64 { return g.GetTime().AsTime().UnixNano() }

const (
	// leastAffected is how many requests a fault must affect to count.
	leastAffected = 15
	// after is how long after a fault its group may open.
	after = 3 * minutes
	// settle is how long after a fault what is said of it is read.
	settle = int64(90 * time.Second)
	// impactLooseness is the share of the impact by which it may be wrong, and in
	// any case three points.
	impactLooseness, impactPoints = 0.2, 0.03
)

// score compares what happened with what was said.
func (s *System) score(w *world.World) {
	owned := map[*world.Happening][]*incident{}
	for _, i := range s.incidents {
		if i.firstPage() == nil {
			continue
		}
		s.Pages++
		if h := owner(w, i); h != nil {
			owned[h] = append(owned[h], i)
		} else {
			s.False = append(s.False, &FalsePage{During: during(w, made(i.firstPage())), Said: said(i, i.at(math.MaxInt64))})
		}
	}
	for n, h := range w.Happenings {
		if h.Harmless {
			continue
		}
		next := int64(math.MaxInt64)
		for _, later := range w.Happenings[n+1:] {
			if later.Start >= h.End {
				next = min(next, later.Start)
			}
		}
		s.Cases = append(s.Cases, s.scoreCase(h, next, owned[h]))
	}
}

// owner is the fault that accounts for an incident: of those that are on, or were a
// moment ago, the one that it names first, else one that it names, else the newest.
func owner(w *world.World, i *incident) (of *world.Happening) {
	t, best := made(i.firstPage()), -1
	for _, h := range w.Happenings {
		if h.Harmless || t < h.Start-h.Lead || t >= h.End+after {
			continue
		}
		rank := 0
		for n, c := range candidates(i.at(h.End)) {
			if c.matches(h.Entities, h.Narrow) {
				rank = max(rank, 10-n)
			}
		}
		if rank >= best {
			of, best = h, rank
		}
	}
	return of
}

// during names the planned change that is on at a time.
func during(w *world.World, t int64) string {
	for _, h := range w.Happenings {
		if h.Harmless && t >= h.Start && t < h.End+after {
			return h.Kind
		}
	}
	return ""
}

func (s *System) scoreCase(h *world.Happening, next int64, own []*incident) *Case {
	c := &Case{
		Seed: s.Seed, Kind: h.Kind, Pair: h.Pair, Start: time.Unix(0, h.Start).UTC(), End: time.Unix(0, h.End).UTC(), Detail: h.Detail,
		Entities: h.Entities, Mechanisms: h.Mechanisms, Requests: h.Observed.Requests, Failed: h.Observed.Failed, Slow: h.Observed.Slow,
	}
	c.Scored = h.Unaffected || c.Failed+c.Slow >= leastAffected
	var mine []*incident
	for _, i := range own {
		if !i.mergedAt(h.End + settle) {
			mine = append(mine, i)
		}
	}
	if len(mine) == 0 {
		return c
	}
	c.Detected, c.Extra = true, len(mine)-1
	c.ToDetect = float64(made(mine[0].firstPage())-affectedAt(h)) / 1e9
	best := slices.MinFunc(mine, func(a, b *incident) int { // as a person would: the gravest, then the first
		return cmp.Or(-cmp.Compare(a.at(h.End).GetImpact().GetLevel(), b.at(h.End).GetImpact().GetLevel()), -cmp.Compare(a.at(h.End).GetConfidence(), b.at(h.End).GetConfidence()))
	})
	c.judge(h, best, next)
	for _, i := range mine {
		if i != best {
			c.Others = append(c.Others, said(i, i.at(h.End+settle)))
		}
	}
	return c
}

// affectedAt is the time from which on a fault could be detected.
func affectedAt(h *world.Happening) int64 {
	switch o := &h.Observed; {
	case o.Twentieth != 0:
		return o.Twentieth
	case o.Last != 0:
		return o.Last
	default:
		return h.Start
	}
}

func (c *Case) judge(h *world.Happening, i *incident, next int64) {
	g := i.at(h.End)
	c.Group = said(i, g)
	for n, candidate := range candidates(g) {
		if candidate.matches(h.Entities, h.Narrow) {
			c.Place = n + 1
			break
		}
	}
	c.Mechanism = rightMechanism(g, h.Mechanisms)
	c.ToResolve = -1
	for _, r := range i.revisions {
		if over(r) && made(r) >= h.Observed.Last && made(r) < next {
			c.Resolved, c.ToResolve = true, float64(made(r)-h.Observed.Last)/1e9
			break
		}
	}
	c.judgeImpact(h, i.at(h.End+settle))
}
