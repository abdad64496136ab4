// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

// place is where a request is when effects are applied to it.
type place struct {
	at     int64
	op     *Operation // that runs, or that calls
	on     *Instance  // that it runs on
	call   *Call      // nil while it does its own work
	callee *Instance  // of a call to a service
	tenant string
}

// outcome is what effects do to a request at a place.
type outcome struct {
	add    float64 // seconds
	factor float64
	fail   *failure
	skip   bool // the call is not made
	by     *Happening
}

// effect is what a fault or a change does while it lasts.
type effect struct {
	from, to int64
	by       *Happening
	// request acts on requests; nil: on none.
	request func(*place, *outcome)
	// gauge changes what a resource metric shows; nil: none.
	gauge func(g *gauge, t int64, value float64) float64
	// hold reports whether the consumer of a queue does not get on.
	hold func(*Backend) bool
	// each runs once a second.
	each func(t int64)
	// begin and end change the system itself.
	begin, end func(t int64)
	begun      bool
}

// Happening is a fault or a planned change with the right answer.
type Happening struct {
	Kind     string
	Harmless bool
	// Start and End are when it begins and ends.
	Start, End int64
	// Entities are the names that are right, any of them; the first is for people.
	Entities []string
	// Narrow: the entity is a replica, a node or a zone and not only a service.
	Narrow bool
	// Mechanisms are the classes that are right, see the evaluation's mapping.
	Mechanisms []string
	// Unaffected: no request of a user fails or is slow, but data wait or are missing.
	Unaffected bool
	// Lead is how long before Start it may be foreseen.
	Lead int64
	// Pair says how it goes with another fault: "" for one alone.
	Pair string
	// Detail describes what was done.
	Detail string
	// Observed is how many of the entry requests meanwhile were affected.
	Observed Affected
}

// Affected counts entry requests.
type Affected struct {
	Requests, Failed, Slow int
	ByOperation            map[string]*Affected
	// First and Twentieth are when the first and the twentieth of those affected
	// ended, Last when the last did.
	First, Twentieth, Last int64

	seen int64
}

// Share is how much of the requests was affected.
func (a *Affected) Share() float64 {
	if a.Requests == 0 {
		return 0
	}
	return float64(a.Failed+a.Slow) / float64(a.Requests)
}

// Share is how much of the requests was affected, FailedShare how much failed.
func (h *Happening) Share() float64 { return h.Observed.Share() }

// FailedShare is how much of the requests failed because of it.
func (h *Happening) FailedShare() float64 {
	if h.Observed.Requests == 0 {
		return 0
	}
	return float64(h.Observed.Failed) / float64(h.Observed.Requests)
}

// apply lets the effects act on a request at a place.
func (w *World) apply(p *place) outcome {
	o := outcome{factor: 1}
	for _, e := range w.active {
		if e.request == nil {
			continue
		}
		add, factor, fail := o.add, o.factor, o.fail
		e.request(p, &o)
		if e.by != nil && !e.by.Harmless && (o.add != add || o.factor != factor || o.fail != fail || o.skip) {
			o.by = e.by
		}
	}
	return o
}

// happen adds effects to the schedule.
func (w *World) happen(h *Happening, effects ...*effect) {
	w.Happenings = append(w.Happenings, h)
	for _, e := range effects {
		e.by = h
		if e.from == 0 {
			e.from = h.Start
		}
		if e.to == 0 {
			e.to = h.End
		}
		w.planned = append(w.planned, e)
	}
}

// enact begins and ends what is due.
func (w *World) enact(t int64) {
	kept := w.planned[:0]
	for _, e := range w.planned {
		if t >= e.from && !e.begun {
			e.begun = true
			if e.begin != nil {
				e.begin(t)
			}
			w.active = append(w.active, e)
		}
		if t < e.to {
			kept = append(kept, e)
		}
	}
	w.planned = kept
	active := w.active[:0]
	for _, e := range w.active {
		switch {
		case t < e.to:
			active = append(active, e)
			if e.each != nil {
				e.each(t)
			}
		case e.end != nil:
			e.end(t)
		}
	}
	clear(w.active[len(active):])
	w.active = active
}
