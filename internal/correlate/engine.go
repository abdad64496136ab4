// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"strings"

	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/hash"
	"github.com/tapio/tapio/internal/correlate/hotspot"
	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/correlate/sampled"
	"github.com/tapio/tapio/internal/model"
)

// Engine observes records and finds incidents. What it knows is held by the parts below; each knows
// only those parts that it needs.
type Engine struct {
	config Config
	places origin.Cache
	marks  []Mark

	// What the records show.
	time     *bucket.Time
	assembly *assembly
	graph    *graph
	logbook  *logbook
	kernel   *kernelEvents
	requests *requests
	measures *measures
	learner  *learner
	hotspots *hotspot.Book

	// What is concluded from it.
	topology  *topology
	hosts     *hosts
	threshold *threshold
	query     *query
	runs      *runDetector
	logs      *logDetector
	metrics   *seriesDetector
	ranker    *ranker
	divider   *divider
	book      *incidentBook
	admission *admission
	lifecycle *lifecycle
	describer *describer
}

// New makes an engine. The error is a *model.FieldError.
func New(config Config) (*Engine, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	reserved := min(maxGroups*groupCost, config.MemoryLimit/4)
	share := (config.MemoryLimit - reserved) / 18
	e := &Engine{
		config:   config,
		time:     bucket.New(model.Nanos(config.Window) / 2),
		assembly: newAssembly(3 * share),
		graph:    newGraph(5 * share),
		hotspots: hotspot.New(share),
	}
	e.observers(share)
	e.judges(reserved / groupCost)
	return e, nil
}

// observers makes the parts that hold what the records show.
func (e *Engine) observers(share int) {
	e.topology = &topology{graph: e.graph, time: e.time}
	e.logbook = &logbook{
		time: e.time, miner: logtemplate.NewMiner(2 * share), plain: logtemplate.NewMiner(share / 2),
		lines: lru.New[lineKey, *line](share / lineCost), flows: lru.New[lineKey, *flow](share / 2 / flowCost),
	}
	e.kernel = &kernelEvents{
		time: e.time, logbook: e.logbook, topology: e.topology, graph: e.graph, rules: kernelrule.NewTable(),
		most: min(maxKernelSigns, share*3/4/groupSignCost), searched: lru.New[string, *searched](maxSearchedServices),
	}
	e.requests = &requests{
		time: e.time, graph: e.graph, assembly: e.assembly, callees: map[string]bool{},
		outcomes: lru.New[outcomeKey, *outcomes](share * 3 / 4 / outcomeCost),
		routes:   routes{lru.New[routeKey, *pace](share / 4 / paceCost)},
	}
	e.measures = &measures{
		time: e.time, graph: e.graph, requests: e.requests, kernel: e.kernel, logbook: e.logbook,
		series:       lru.New[seriesKey, *series](3 * share / seriesCost),
		pointOrigins: lru.New[uint64, pointOrigin](min(pointOrigins, share/8/pointOriginCost)),
		nodes:        newNodes(share * 3 / 4),
	}
	e.learner = &learner{time: e.time, assembly: e.assembly, graph: e.graph, requests: e.requests}
}

// judges makes the parts that draw conclusions, in the order in which Flush uses them.
func (e *Engine) judges(mostGroups int) {
	e.hosts = &hosts{time: e.time, series: e.measures.series, graph: e.graph, topology: e.topology}
	e.threshold = &threshold{graph: e.graph, lines: e.logbook.lines, series: e.measures.series}
	e.runs = &runDetector{time: e.time, graph: e.graph, topology: e.topology}
	e.query = &query{time: e.time, config: e.config, graph: e.graph, threshold: e.threshold, runs: e.runs}
	facts := &facts{time: e.time, graph: e.graph, topology: e.topology}
	e.logs = &logDetector{time: e.time, graph: e.graph, topology: e.topology, hosts: e.hosts, facts: facts, logbook: e.logbook}
	e.metrics = &seriesDetector{time: e.time, graph: e.graph, topology: e.topology, series: e.measures.series}
	e.book = &incidentBook{time: e.time, config: e.config, maxGroups: mostGroups, held: map[string]model.Nanos{}}
	e.ranker = &ranker{time: e.time, graph: e.graph, topology: e.topology, threshold: e.threshold, book: e.book}
	e.divider = &divider{time: e.time, graph: e.graph, topology: e.topology, hosts: e.hosts, book: e.book}
	e.admission = &admission{
		time: e.time, config: e.config, book: e.book, divider: e.divider, ranker: e.ranker, query: e.query,
		hosts: e.hosts, topology: e.topology, requests: e.requests,
	}
	spread := &spread{time: e.time, graph: e.graph, topology: e.topology, requests: e.requests, book: e.book}
	e.lifecycle = &lifecycle{
		time: e.time, config: e.config, graph: e.graph, topology: e.topology, requests: e.requests, hosts: e.hosts,
		book: e.book, spread: spread,
	}
	e.describer = &describer{
		time: e.time, graph: e.graph, topology: e.topology, hosts: e.hosts, measures: e.measures, logbook: e.logbook,
		hotspots: e.hotspots, facts: facts, spread: spread, book: e.book,
	}
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

// ObserveEvents takes log records and events in any order of time. The caller passes those that
// Interest selects; an ordinary line then counts for the ones left out. The returned marks are ordered
// by index, and most records have none. They are valid until the next call of a method of the engine.
func (e *Engine) ObserveEvents(events []model.Event) []Mark {
	e.marks = e.marks[:0]
	for i := range events {
		if ev := &events[i]; e.time.Sees(ev.When()) && !isFinding(ev.Name) {
			e.observeEvent(i, ev)
		}
	}
	e.places.Forget()
	return e.marks
}

func isFinding(name string) bool {
	return name == model.CorrelationEvent || name == model.SemanticGroupEvent || name == model.InsightEvent
}

func (e *Engine) observeEvent(i int, ev *model.Event) {
	o := *e.places.Of(ev.Resource)
	if o.Unnamed || o.Service == "" {
		name, label := programOf(ev)
		if o = o.Of(name); o.Service != "" && !o.Unnamed {
			o.Label = label
		}
	}
	if o.Service == "" {
		return
	}
	s := e.graph.service(&o)
	s.heard(&o, ev.When())
	failed := ev.Severity() >= model.SeverityError
	switch {
	case strings.HasPrefix(ev.Name, "tapio."):
		ref := reference{uid: hash.UID(ev), time: ev.When()}
		if e.kernel.observeKernel(ev, s, ref) {
			e.mark(Mark{Index: i, UID: ref.uid, GroupID: e.book.groupOf(s.name)})
		}
	case failed:
		t := e.logbook.miner.By(s.name).Of(logtemplate.LineOf(ev))
		n := e.observeError(i, ev, s, t, 1)
		e.learner.noteLine(ev, &n)
	case ev.TraceID.IsZero():
		e.observeOrdinary(i, ev, s)
	case e.assembly.wants(ev.TraceID):
		e.learner.noteLine(ev, &note{span: ev.SpanID, time: ev.When(), service: s, template: e.logbook.miner.By(s.name).Of(logtemplate.LineOf(ev))})
	}
}

// observeError counts a line of severity error, weight times.
func (e *Engine) observeError(i int, ev *model.Event, s *service, t *logtemplate.Template, weight float32) note {
	n := note{span: ev.SpanID, time: ev.When(), service: s, template: t, failed: true}
	l := e.logbook.lineFor(s, t)
	if l.Rate.Head == 0 { // the first one of its kind sets the place in the code
		l.place = logtemplate.PlaceIn(ev.Attributes)
	}
	n.place, n.line = l.place, l
	e.time.NoteFirst(&l.showed, n.time)
	if l.observe(e.time.Of(n.time), !ev.TraceID.IsZero(), weight) {
		n.uid = hash.UID(ev)
		l.evidence.add(reference{uid: n.uid, trace: ev.TraceID, span: ev.SpanID, time: n.time})
		l.quote = logtemplate.QuoteOf(logtemplate.LineOf(ev))
	}
	n.quote = l.quote
	e.mark(Mark{Index: i, UID: n.uid, Template: t.Shown(), GroupID: e.book.groupOf(s.name)})
	return n
}

// noteLine keeps a line until its trace is complete.
func (l *learner) noteLine(ev *model.Event, n *note) {
	if ev.TraceID.IsZero() || ev.SpanID.IsZero() || (n.failed && !l.assembly.wants(ev.TraceID)) {
		return
	}
	if open := l.assembly.open(ev.TraceID, n.time, noteCost+len(n.template.Text)); open != nil {
		open.notes = append(open.notes, *n)
	}
}

func (e *Engine) mark(m Mark) { e.marks = append(e.marks, m) }

// ObserveSpans takes spans in any order of time. For the returned marks see ObserveEvents.
func (e *Engine) ObserveSpans(spans []model.Span) []Mark {
	e.marks = e.marks[:0]
	for i := range spans {
		s := &spans[i]
		if !e.time.Sees(s.Start) || s.End > bucket.MaxTime || s.TraceID.IsZero() {
			continue
		}
		if len(e.book.groups) > 0 {
			service := e.places.Of(s.Resource).Service
			if s.StatusCode == model.StatusError || isSlow(e.requests.outcomes, service, s) {
				if id := e.book.groupOf(service); id != "" {
					e.mark(Mark{Index: i, GroupID: id})
				}
			}
		}
		if e.assembly.wants(s.TraceID) {
			e.observeSpan(s)
		}
	}
	e.places.Forget()
	return e.marks
}

func (e *Engine) observeSpan(s *model.Span) {
	o := e.places.Of(s.Resource)
	if o.Service == "" {
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
		repeats: o.Observed && from.reportsItself(s.Start), op: e.graph.operation(from, s.Name, s.Kind), failed: s.StatusCode == model.StatusError, adjusted: sampled.Count(s.TraceState),
	}
	if part.adjusted > 1 {
		e.graph.sampled = max(e.graph.sampled, part.start)
	}
	if !part.op.looked || (part.failed && part.op.place == "") {
		part.op.looked, part.op.place = true, logtemplate.PlaceOfSpan(s)
	}
	if s.Kind == kindClient || s.Kind == kindProducer {
		part.at, part.peer = e.learner.peerOf(s, o.Node)
		e.graph.noteSystem(part.peer, s)
		if part.failed {
			part.reason = reasonOf(s)
		}
	}
	e.learner.observeMessage(s, from)
	if s.Kind == kindServer {
		e.graph.listens(endpointOf(s.Attributes, "network.local.", o.Node), from)
	}
	e.assembly.charge(open, len(part.at)+len(part.peer)+len(part.reason))
	open.spans = append(open.spans, part)
}
