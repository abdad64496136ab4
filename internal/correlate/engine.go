// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"strings"

	"github.com/tapio/tapio/internal/tapio"
)

// Engine observes records and finds incidents.
type Engine struct {
	config Config
	now    tapio.Nanos

	places   places
	miner    *miner
	assembly *assembly
	graph    *graph
	series   *lru[seriesKey, *series]
	lines    *lru[lineKey, *line]
	kernel   []*sign
	groups   []*group

	firstSlot     int64 // of the first record
	judged        int64 // the slot judged last
	latest        tapio.Nanos
	kernelEvicted int
	// seriesRefused counts the points of series that found no room.
	seriesRefused int
	// refusedIncidents counts those that found no room among the open groups.
	refusedIncidents int
	late             uint64
	marks            []Mark
	found            int // groups so far, for their ids
}

// New makes an engine. The error is a *tapio.FieldError.
func New(config Config) (*Engine, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	share := config.MemoryLimit / 16
	return &Engine{
		config:   config,
		miner:    newMiner(2 * share),
		assembly: newAssembly(4 * share),
		graph:    newGraph(5 * share),
		series:   newLRU[seriesKey, *series](3 * share / seriesCost),
		lines:    newLRU[lineKey, *line](share / lineCost),
	}, nil
}

// Mark says something about one of the records just observed.
type Mark struct {
	// Index is the record's place in the slice that was observed.
	Index int
	// GroupID is the open group that the record belongs to, "" for none yet.
	GroupID string
	// UID is the id under which findings will name the record as evidence; an
	// event that has none of its own must be given it as log.record.uid.
	UID string
	// Template is the log template of an event, "" of other records.
	Template string
}

// slotWidth is the grain of time: two slots make a window.
func (e *Engine) slotWidth() tapio.Nanos { return tapio.Nanos(e.config.Window) / 2 }

func (e *Engine) slotOf(t tapio.Nanos) int64 { return int64(t / e.slotWidth()) }

func (e *Engine) timeOf(slot int64) tapio.Nanos { return tapio.Nanos(max(slot, 0)) * e.slotWidth() }

// sees keeps time, and reports whether the record has one.
func (e *Engine) sees(t tapio.Nanos) bool {
	if t == 0 || t > maxTime {
		e.late++
		return false
	}
	if slot := e.slotOf(t); e.firstSlot == 0 || slot < e.firstSlot {
		e.firstSlot = slot
	}
	e.latest = max(e.latest, t)
	return true
}

// maxTime is the year 2200; what is later is garbage.
const maxTime = 7258118400_000_000_000

// ObserveEvents takes log records and events in any order of time. The marks
// are ordered by index; most records have none. They are valid until the next
// call of the engine.
func (e *Engine) ObserveEvents(events []tapio.Event) []Mark {
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
	return name == tapio.CorrelationEvent || name == tapio.SemanticGroupEvent || name == tapio.InsightEvent
}

func (e *Engine) observeEvent(i int, ev *tapio.Event) {
	o := *e.places.of(ev.Resource)
	fromKernel := strings.HasPrefix(ev.Name, "tapio.")
	if o.service == "" {
		name, _ := ev.Attributes.Get("process.executable.name")
		o.service = short(name.Str())
	}
	if o.service == "" {
		return
	}
	s := e.graph.service(&o)
	failed := ev.Severity() >= tapio.SeverityError
	if fromKernel {
		ref := reference{uid: uidOf(ev), time: ev.When()}
		if e.observeKernel(ev, s, ref) {
			e.mark(Mark{Index: i, UID: ref.uid, GroupID: e.groupOf(s.name)})
		}
		return
	}
	traced := !ev.TraceID.IsZero() && e.assembly.wants(ev.TraceID)
	if !failed && !traced {
		return // an ordinary line without a trace tells nothing
	}
	t := e.miner.of(lineOf(ev))
	n := note{span: ev.SpanID, time: ev.When(), service: s, template: t, failed: failed}
	if failed {
		n.uid = uidOf(ev)
		ref := reference{uid: n.uid, trace: ev.TraceID, span: ev.SpanID, time: n.time}
		e.observeLine(s, t, e.slotOf(n.time), ref)
		e.mark(Mark{Index: i, UID: n.uid, Template: t.shown(), GroupID: e.groupOf(s.name)})
	}
	if traced && !ev.SpanID.IsZero() {
		if open := e.assembly.open(ev.TraceID, n.time, noteCost); open != nil {
			open.notes = append(open.notes, n)
		}
	}
}

func (e *Engine) mark(m Mark) { e.marks = append(e.marks, m) }

// uidOf names an event: by the id it has, else by what it is.
func uidOf(ev *tapio.Event) string {
	if uid := ev.UID(); uid != "" {
		return kept(uid)
	}
	h := fnv.New128a()
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(ev.When()))
	for _, part := range [][]byte{b[:], ev.TraceID[:], ev.SpanID[:], []byte(ev.Name), []byte(clipped(ev.Body.Str(), maxBodyBytes))} {
		_, _ = h.Write(part)
	}
	for _, kv := range ev.Attributes {
		_, _ = h.Write([]byte(kv.Value.Str()))
		binary.BigEndian.PutUint64(b[:], uint64(kv.Value.Int()))
		_, _ = h.Write(b[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ObserveSpans takes spans in any order of time. Marks are as of ObserveEvents.
func (e *Engine) ObserveSpans(spans []tapio.Span) []Mark {
	e.marks = e.marks[:0]
	for i := range spans {
		if s := &spans[i]; e.sees(s.Start) && s.End <= maxTime && !s.TraceID.IsZero() && e.assembly.wants(s.TraceID) {
			e.observeSpan(i, s)
		}
	}
	e.places.forget()
	return e.marks
}

func (e *Engine) observeSpan(i int, s *tapio.Span) {
	o := e.places.of(s.Resource)
	if o.service == "" {
		return
	}
	e.latest = max(e.latest, s.End)
	open := e.assembly.open(s.TraceID, max(s.Start, s.End), spanCost)
	if open == nil {
		return
	}
	from := e.graph.service(o)
	part := spanPart{
		id: s.SpanID, parent: s.ParentID, start: s.Start, end: max(s.Start, s.End),
		op: e.graph.operation(from, s.Name, s.Kind), failed: s.StatusCode == tapio.StatusError,
	}
	if s.Kind == kindClient {
		part.peer = kept(peerOf(s))
	}
	open.spans = append(open.spans, part)
	if part.failed && len(e.groups) > 0 {
		if id := e.groupOf(o.service); id != "" {
			e.mark(Mark{Index: i, GroupID: id})
		}
	}
}

// seriesKey tells series apart.
type seriesKey struct {
	name, service, pod string
	attributes         uint64
}

// ObservePoints takes metric points in any order of time. Marks are as of
// ObserveEvents.
func (e *Engine) ObservePoints(points []tapio.Point) []Mark {
	e.marks = e.marks[:0]
	for i := range points {
		if p := &points[i]; p.Series != nil && p.Series.Metric != nil && e.sees(p.Time) {
			e.observePoint(i, p)
		}
	}
	e.places.forget()
	return e.marks
}

func (e *Engine) observePoint(i int, p *tapio.Point) {
	o := e.places.of(p.Series.Resource)
	if o.service == "" || strings.HasPrefix(p.Series.Metric.Name, "otelcol_") {
		return
	}
	h := uint64(14695981039346656037)
	for _, kv := range p.Series.Attributes {
		h = hashText(h, kv.Key)
		h = (hashText(h, kv.Value.Str()) ^ uint64(kv.Value.Int())) * 1099511628211
	}
	key := seriesKey{name: short(p.Series.Metric.Name), service: o.service, pod: o.pod, attributes: h}
	found := e.series.get(key)
	if found == nil {
		if oldest := e.series.oldest(); oldest != nil && (*oldest).last+seriesSilence > p.Time {
			e.seriesRefused++
			return
		}
		found = e.series.put(key.clone(), e.newSeries(p, o))
	}
	s := *found
	if p.Time <= s.last {
		e.late++
		return
	}
	if x, ok := s.value(p); ok {
		s.add(x, p.Time)
		if s.strange > 0 && s.class != classLoad {
			if id := e.groupOf(o.service); id != "" {
				e.mark(Mark{Index: i, GroupID: id})
			}
		}
	}
}

func hashText(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return (h ^ 0xff) * 1099511628211
}

func (k seriesKey) clone() seriesKey {
	k.name, k.service, k.pod = kept(k.name), kept(k.service), kept(k.pod)
	return k
}

func (e *Engine) newSeries(p *tapio.Point, o *origin) *series {
	m := p.Series.Metric
	c, floor := kindOf(m, true)
	return &series{
		name: kept(m.Name), id: short(seriesID(p.Series, o)), service: e.graph.service(o),
		class: c, unit: kept(m.Unit), floor: floor,
	}
}
