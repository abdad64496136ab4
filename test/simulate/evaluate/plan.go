// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"math/rand/v2"
	"regexp"
	"time"

	"github.com/tapio/tapio/test/simulate/world"
)

// plan decides what happens when.
type plan struct {
	w          *world.World
	rand       *rand.Rand
	faults     []world.Kind
	changes    []world.Kind
	start, end int64
	quiet      bool
	long       bool // faults take hours
	next       int
}

const (
	minutes       = int64(time.Minute)
	defaultBudget = 2e6
	leastWarmUp   = 20 * minutes
	mostWarmUp    = 60 * minutes
	calm          = 15 * minutes // between faults, at least
)

func newPlan(w *world.World, o *Options, start int64) *plan {
	p := &plan{w: w, rand: rand.New(rand.NewPCG(w.Seed(), 7)), start: start, quiet: o.Quiet}
	wanted := regexp.MustCompile(o.Kinds)
	for _, k := range world.Kinds() {
		switch {
		case k.Harmless && (o.Kinds == "" || !o.Quiet || wanted.MatchString(k.Name)):
			p.changes = append(p.changes, k)
		case !k.Harmless && (k.Long && o.Kinds != "" && wanted.MatchString(k.Name) || !k.Long && wanted.MatchString(k.Name)):
			p.faults = append(p.faults, k)
			p.long = p.long || k.Long
		}
	}
	p.rand.Shuffle(len(p.faults), func(i, j int) { p.faults[i], p.faults[j] = p.faults[j], p.faults[i] })
	hours, budget := o.Hours, o.Budget
	if hours == 0 {
		hours = 24
	}
	if budget == 0 {
		budget = defaultBudget
	}
	length := hours * float64(time.Hour)
	if most := budget / w.SpansPerSecond() * float64(time.Second); length > most {
		length = most
	}
	p.end = start + max(int64(length), leastWarmUp+30*minutes)
	return p
}

// warmUp is how long nothing happens at first.
func (p *plan) warmUp() int64 { return min(mostWarmUp, max(leastWarmUp, (p.end-p.start)/6)) }

// play lets things happen until the end.
func (p *plan) play(advance func(until int64) error) error {
	if err := advance(p.start + p.warmUp()); err != nil {
		return err
	}
	for p.w.Now() < p.end {
		until := p.step()
		if err := advance(until); err != nil {
			return err
		}
	}
	return nil
}

// step plans what is next, and returns until when to go on.
func (p *plan) step() int64 {
	now := p.w.Now()
	if p.quiet || len(p.faults) == 0 {
		if len(p.changes) > 0 && p.rand.Float64() < 0.6 {
			p.w.Plan(p.changes[p.rand.IntN(len(p.changes))], now+minutes)
		}
		return min(p.end, now+20*minutes+p.rand.Int64N(40*minutes))
	}
	lead := int64(0)
	if p.rand.Float64() < 0.4 && len(p.changes) > 0 { // a change comes first and is over when the fault begins
		if h := p.w.Plan(p.changes[p.rand.IntN(len(p.changes))], now+minutes); h != nil {
			lead = h.End - now + 5*minutes
		}
	}
	at := now + lead + 5*minutes + p.rand.Int64N(5*minutes)
	for range len(p.faults) {
		k := p.faults[p.next%len(p.faults)]
		p.next++
		if at+k.Lasts > p.end+minutes && p.next > 1 && !p.long {
			break
		}
		if h := p.w.Plan(k, at); h != nil {
			last := p.second(h)
			p.end = max(p.end, last+10*minutes)
			return last + calm
		}
	}
	return p.end
}

// second lets one fault in six be followed by another: 150 s after its end, or half
// a minute after its beginning. It returns when the last of them ends.
func (p *plan) second(first *world.Happening) int64 {
	if p.long || len(p.faults) < 2 || p.rand.Float64() > 1.0/6 {
		return first.End
	}
	at, pair := first.End+150*int64(time.Second), "in sequence"
	if p.rand.IntN(2) == 0 {
		at, pair = first.Start+minutes/2, "overlapping"
	}
	k := p.faults[p.next%len(p.faults)]
	h := p.w.Plan(k, at)
	if h == nil {
		return first.End
	}
	p.next++
	first.Pair, h.Pair = pair, pair
	return max(first.End, h.End)
}
