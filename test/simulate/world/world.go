// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Settings choose a system.
type Settings struct {
	Seed     uint64
	Start    int64   // event time of its first second, nanoseconds
	Services int     // 0: drawn
	Rate     float64 // requests of users a second on average; 0: drawn
	Sampling float64 // share of traces that are kept, 0: all
	Shuffle  int64   // records arrive up to so much later, nanoseconds
	RedOnly  bool    // no service sends spans
	Silent   bool    // no service writes log lines
	Spans    bool    // some services do
}

// World is one simulated system.
type World struct {
	Services             []*Service
	Nodes                []*Node
	Backends             []*Backend
	Happenings           []*Happening
	Spans, Lines, Points int

	style     style
	redOnly   bool
	silent    bool
	rate      float64
	load      *load
	factor    float64 // of the load, by spikes and drops
	sampling  float64
	threshold uint64
	shuffle   int64
	tenants   []string
	now       int64
	seed      uint64

	shape        chance // draws what changes in the system
	traffic      chance // draws the requests
	planned      []*effect
	active       []*effect
	extraRetries int
	ids          uint64
	state        string  // of traces
	logged       float64 // share of ordinary runs that log a line
	out          *outbox
	queued       []queued
	quiet        []*quietJob
	nextGauges   int64
}

// style is how a system reports.
type style struct {
	kubernetes, zones, oldDB, tenants, redToo, peer, kernel, linked, longNames bool
	interval                                                                   int64  // seconds between points of metrics
	family                                                                     string // names of resource metrics
}

// New draws a system.
func New(settings Settings) *World {
	w := &World{
		shape: newChance(settings.Seed, 2), traffic: newChance(settings.Seed, 3), now: settings.Start, sampling: settings.Sampling,
		shuffle: settings.Shuffle, out: newOutbox(), factor: 1, seed: settings.Seed, silent: settings.Silent,
	}
	if w.sampling <= 0 || w.sampling > 1 {
		w.sampling = 1
	}
	w.threshold = uint64((1 - w.sampling) * (1 << 56))
	for range 40 {
		w.tenants = append(w.tenants, "t-"+w.shape.letters(6))
	}
	w.state, w.logged = w.traceState(), w.shape.between(0.05, 0.4)
	w.build(settings)
	for _, s := range w.Services {
		for _, i := range s.replicas {
			i.started = settings.Start - hour - w.shape.Int64N(90*hour)
			i.born = i.started
		}
	}
	w.quietJobs()
	return w
}

// Now is how far event time has come.
func (w *World) Now() int64 { return w.now }

// Rate is the mean rate of requests of users, Sampling the share of traces kept.
func (w *World) Rate() float64 { return w.rate }

// Advance plays the system until a time, and hands over what arrives, slot by slot.
func (w *World) Advance(until int64, send func(*Arrivals) error) error {
	for w.now < until {
		w.second()
		w.now += second
		if err := w.out.release(w.now, send); err != nil {
			return err
		}
	}
	return nil
}

// Drain hands over what is still on its way.
func (w *World) Drain(send func(*Arrivals) error) error { return w.out.release(math.MaxInt64, send) }

// second plays one second.
func (w *World) second() {
	w.enact(w.now)
	w.load.step(w.traffic)
	rate := w.load.at(w.now) * w.factor
	for range w.traffic.poisson(rate) {
		at := w.now + w.traffic.Int64N(second)
		if o := w.entry(); o != nil {
			w.enter(o, at)
		}
	}
	w.consume()
	for _, job := range w.quiet {
		job.run(w)
	}
	w.settle()
	if w.now >= w.nextGauges {
		w.nextGauges = w.now + w.style.interval*second
		w.gauges(w.now)
	}
	w.idleLines()
}

// entry draws which operation a user asks for.
func (w *World) entry() (chosen *Operation) {
	at, sum := w.traffic.Float64(), 0.0
	w.eachEntry(func(o *Operation) {
		sum += o.weight
		if chosen == nil && at < sum {
			chosen = o
		}
	})
	return chosen
}

// settle takes what was worked in this second into the load.
func (w *World) settle() {
	const share = 0.1 // ten seconds
	for _, s := range w.Services {
		for _, i := range s.replicas {
			i.load += share * (i.busy/4 - i.load)
			i.busy = 0
			w.nextPause(i)
		}
	}
	for _, b := range w.Backends {
		b.load += share * (b.busy/16 - b.load)
		b.busy = 0
	}
}

// account counts a request of a user for the faults that are on.
func (w *World) account(o *Operation, at int64, res *result) {
	for _, e := range w.active {
		h := e.by
		if h == nil || h.Harmless || at < h.Start || at >= h.End || h.Observed.seen == at {
			continue
		}
		h.Observed.seen = at // a fault of several effects counts once
		if h.Observed.ByOperation == nil {
			h.Observed.ByOperation = map[string]*Affected{}
		}
		of := h.Observed.ByOperation[o.Service.Name+" "+o.Name]
		if of == nil {
			of = &Affected{}
			h.Observed.ByOperation[o.Service.Name+" "+o.Name] = of
		}
		total := float64(res.end-at) / 1e9
		failed := res.by == h && res.fail != nil
		slow := res.by == h && !failed && res.added > math.Max(0.02, (total-res.added)/2)
		of.count(failed, slow, res.end)
		h.Observed.count(failed, slow, res.end)
	}
}

func (a *Affected) count(failed, slow bool, end int64) {
	a.Requests++
	switch {
	case failed:
		a.Failed++
	case slow:
		a.Slow++
	default:
		return
	}
	if a.First == 0 {
		a.First = end
	}
	if a.Failed+a.Slow == 20 {
		a.Twentieth = end
	}
	a.Last = max(a.Last, end)
}

func (w *World) spanID() (id [8]byte) {
	w.ids++
	binary.BigEndian.PutUint64(id[:], w.ids*0x9e3779b97f4a7c15)
	return id
}

// randomness is the value that consistent sampling compares.
func randomness(trace [16]byte) uint64 { return binary.BigEndian.Uint64(trace[8:]) & (1<<56 - 1) }

// traceState says with which probability a trace was kept.
func (w *World) traceState() string {
	if w.sampling == 1 {
		return ""
	}
	hex := fmt.Sprintf("%014x", w.threshold)
	for len(hex) > 1 && hex[len(hex)-1] == '0' {
		hex = hex[:len(hex)-1]
	}
	return "ot=th:" + hex
}

// Seed is what the system was drawn from.
func (w *World) Seed() uint64 { return w.seed }

// SpansPerSecond is how many spans the system makes on average, sampled or not.
func (w *World) SpansPerSecond() float64 {
	u, sum := w.uses(), 0.0
	for _, n := range u.ops {
		sum += n
	}
	for _, n := range u.calls {
		sum += n
	}
	return sum * w.rate
}
