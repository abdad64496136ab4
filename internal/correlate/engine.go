// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"strings"

	"github.com/tapio/tapio/internal/correlate/hotspot"
	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/correlate/sampled"
	"github.com/tapio/tapio/internal/model"
)

// Engine observes records and finds incidents.
type Engine struct {
	config Config
	now    model.Nanos

	places   places
	miner    *miner
	assembly *assembly
	graph    *graph
	series   *lru[seriesKey, *series]
	// pointOrigins are keyed by the hashes of a packed resource and metric; point is a scratch value.
	pointOrigins *lru[uint64, pointOrigin]
	point        model.Point
	lines        *lru[lineKey, *line]
	// Ordinary lines (no error, no trace) have tables of their own, so that a flood of them does not push
	// out errors: flows, and a miner for their templates.
	flows *lru[lineKey, *flow]
	plain *miner
	lot   lot
	// searched holds the names that services looked up without an answer.
	searched *lru[string, *searched]
	kernel   []*sign
	groups   []*group
	// maxKernel and maxGroups bound kernel and groups, so that both fit in the memory limit.
	maxKernel, maxGroups int

	firstSlot     int64 // the bucket of the earliest record
	judged        int64 // the newest bucket that was judged
	earliest      model.Nanos
	kernelEvicted int
	// seriesRefused counts points of new series for which no memory was left.
	seriesRefused  int
	frequentPoints uint64 // points of series that were judged less than pointGrain before
	// refusedIncidents counts incidents that were not opened because maxGroups were open.
	refusedIncidents int
	late             uint64
	marks            []Mark
	found            int // number of groups so far, part of their ids
	question         question
	// outcomes counts how requests end; callees holds the services that other services call.
	outcomes    *lru[outcomeKey, *outcomes]
	routes      routes
	callees     map[string]bool
	resolved    []*group               // groups that may be reopened, the oldest first
	memory      memory                 // of earlier incidents
	run         uint64                 // number of executions learned from so far
	held        map[string]model.Nanos // incidents that wait for evidence: since when, by candidate
	hotspots    *hotspot.Book
	nodes       *nodes
	kernelRules kernelrule.Table
}

// New makes an engine. The error is a *model.FieldError.
func New(config Config) (*Engine, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	reserved := min(maxGroups*groupCost, config.MemoryLimit/4)
	share := (config.MemoryLimit - reserved) / 18
	return &Engine{
		config:      config,
		miner:       newMiner(2 * share),
		assembly:    newAssembly(3 * share),
		graph:       newGraph(5 * share),
		series:      newLRU[seriesKey, *series](3 * share / seriesCost),
		lines:       newLRU[lineKey, *line](share / lineCost),
		flows:       newLRU[lineKey, *flow](share / 2 / flowCost),
		plain:       newMiner(share / 2),
		searched:    newLRU[string, *searched](maxSearchedServices),
		outcomes:    newLRU[outcomeKey, *outcomes](share * 3 / 4 / outcomeCost),
		routes:      routes{newLRU[routeKey, *pace](share / 4 / paceCost)},
		callees:     map[string]bool{},
		held:        map[string]model.Nanos{},
		hotspots:    hotspot.New(share),
		kernelRules: kernelrule.NewTable(),

		maxKernel: min(maxKernelSigns, share*3/4/groupSignCost),
		maxGroups: reserved / groupCost,

		pointOrigins: newLRU[uint64, pointOrigin](min(pointOrigins, share/8/pointOriginCost)),
		nodes:        newNodes(share * 3 / 4),
	}, nil
}

// Mark annotates one of the records just observed.
type Mark struct {
	// Index is the index of the record in the observed slice.
	Index int
	// GroupID is the id of the open group that the record belongs to, "" for none.
	GroupID string
	// UID is the id by which findings refer to the record as evidence. If the event has no
	// log.record.uid, the caller must set it to this value.
	UID string
	// Template is the log template of an event, "" of other records.
	Template string
}

// slotWidth is the width of a bucket, the unit in which the engine counts: half of Config.Window.
func (e *Engine) slotWidth() model.Nanos { return model.Nanos(e.config.Window) / 2 }

func (e *Engine) slotOf(t model.Nanos) int64 { return int64(t / e.slotWidth()) }

func (e *Engine) timeOf(slot int64) model.Nanos { return model.Nanos(max(slot, 0)) * e.slotWidth() }

// sees advances the engine's time, and reports whether the record's time is plausible.
func (e *Engine) sees(t model.Nanos) bool {
	if t < minTime || t > maxTime {
		e.late++
		return false
	}
	if e.earliest == 0 || t < e.earliest {
		e.earliest = t
		e.firstSlot = e.slotOf(t)
	}
	return true
}

// Times before the year 2000 and after the year 2200 come from clocks that were never set.
const (
	minTime = 946684800_000_000_000
	maxTime = 7258118400_000_000_000
)

// ObserveEvents takes log records and events in any order of time. The caller passes those that
// Interest selects; an ordinary line then counts for the ones left out. The returned marks are ordered
// by index, and most records have none. They are valid until the next call of a method of the engine.
func (e *Engine) ObserveEvents(events []model.Event) []Mark {
	e.marks = e.marks[:0]
	for i := range events {
		if ev := &events[i]; e.sees(ev.When()) && !isFinding(ev.Name) {
			e.observeEvent(i, ev)
		}
	}
	e.places.forget()
	return e.marks
}

func isFinding(name string) bool {
	return name == model.CorrelationEvent || name == model.SemanticGroupEvent || name == model.InsightEvent
}

func (e *Engine) observeEvent(i int, ev *model.Event) {
	o := *e.places.of(ev.Resource)
	if o.unnamed || o.service == "" {
		name, label := programOf(ev)
		if o = o.of(name); o.service != "" && !o.unnamed {
			o.label = label
		}
	}
	if o.service == "" {
		return
	}
	s := e.graph.service(&o)
	s.heard(&o, ev.When())
	failed := ev.Severity() >= model.SeverityError
	switch {
	case strings.HasPrefix(ev.Name, "tapio."):
		ref := reference{uid: uidOf(ev), time: ev.When()}
		if e.observeKernel(ev, s, ref) {
			e.mark(Mark{Index: i, UID: ref.uid, GroupID: e.groupOf(s.name)})
		}
	case failed:
		t := e.miner.by(s.name).of(lineOf(ev))
		n := e.observeError(i, ev, s, t, 1)
		e.noteLine(ev, &n)
	case ev.TraceID.IsZero():
		e.observeOrdinary(i, ev, s)
	case e.assembly.wants(ev.TraceID):
		e.noteLine(ev, &note{span: ev.SpanID, time: ev.When(), service: s, template: e.miner.by(s.name).of(lineOf(ev))})
	}
}

// observeError counts a line of severity error, weight times.
func (e *Engine) observeError(i int, ev *model.Event, s *service, t *template, weight float32) note {
	n := note{span: ev.SpanID, time: ev.When(), service: s, template: t, failed: true}
	l := e.lineFor(s, t)
	if l.rate.head == 0 { // the first one of its kind sets the place in the code
		l.place = placeIn(ev.Attributes)
	}
	n.place, n.line = l.place, l
	e.noteFirst(&l.showed, n.time)
	if l.observe(e.slotOf(n.time), !ev.TraceID.IsZero(), weight) {
		n.uid = uidOf(ev)
		l.evidence.add(reference{uid: n.uid, trace: ev.TraceID, span: ev.SpanID, time: n.time})
		l.quote = quoteOf(lineOf(ev))
	}
	n.quote = l.quote
	e.mark(Mark{Index: i, UID: n.uid, Template: t.shown(), GroupID: e.groupOf(s.name)})
	return n
}

// noteLine keeps a line until its trace is complete.
func (e *Engine) noteLine(ev *model.Event, n *note) {
	if ev.TraceID.IsZero() || ev.SpanID.IsZero() || (n.failed && !e.assembly.wants(ev.TraceID)) {
		return
	}
	if open := e.assembly.open(ev.TraceID, n.time, noteCost+len(n.template.text)); open != nil {
		open.notes = append(open.notes, *n)
	}
}

func (e *Engine) mark(m Mark) { e.marks = append(e.marks, m) }

// ObserveSpans takes spans in any order of time. For the returned marks see ObserveEvents.
func (e *Engine) ObserveSpans(spans []model.Span) []Mark {
	e.marks = e.marks[:0]
	for i := range spans {
		s := &spans[i]
		if !e.sees(s.Start) || s.End > maxTime || s.TraceID.IsZero() {
			continue
		}
		if len(e.groups) > 0 {
			service := e.places.of(s.Resource).service
			if s.StatusCode == model.StatusError || isSlow(e.outcomes, service, s) {
				if id := e.groupOf(service); id != "" {
					e.mark(Mark{Index: i, GroupID: id})
				}
			}
		}
		if e.assembly.wants(s.TraceID) {
			e.observeSpan(s)
		}
	}
	e.places.forget()
	return e.marks
}

func (e *Engine) observeSpan(s *model.Span) {
	o := e.places.of(s.Resource)
	if o.service == "" {
		return
	}
	open := e.assembly.open(s.TraceID, max(s.Start, s.End), spanCost)
	if open == nil {
		return
	}
	from := e.graph.service(o)
	inst := e.graph.instanceOf(from, o, s.Start)
	from.heard(o, s.Start)
	from.spanned = max(from.spanned, s.Start)
	from.noteReported(o, s.Start)
	from.outcomes = from.outcomes || reportsOutcome(s)
	part := spanPart{
		instance: inst,
		id:       s.SpanID, parent: s.ParentID, start: s.Start, end: max(s.Start, s.End),
		repeats: o.observed && from.reportsItself(s.Start), op: e.graph.operation(from, s.Name, s.Kind), failed: s.StatusCode == model.StatusError, adjusted: sampled.Count(s.TraceState),
	}
	if part.adjusted > 1 {
		e.graph.sampled = max(e.graph.sampled, part.start)
	}
	if !part.op.looked || (part.failed && part.op.place == "") {
		part.op.looked, part.op.place = true, placeOfSpan(s)
	}
	if s.Kind == kindClient || s.Kind == kindProducer {
		part.at, part.peer = e.peerOf(s, o.node)
		e.graph.noteSystem(part.peer, s)
		if part.failed {
			part.reason = reasonOf(s)
		}
	}
	e.observeMessage(s, from)
	if s.Kind == kindServer {
		e.graph.listens(endpointOf(s.Attributes, "network.local.", o.node), from)
	}
	e.assembly.charge(open, len(part.at)+len(part.peer)+len(part.reason))
	open.spans = append(open.spans, part)
}
