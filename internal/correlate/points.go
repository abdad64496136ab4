// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"strings"

	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/hash"
	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

const (
	// pointGrain is the least interval at which a series is judged. More frequent points are no more
	// evidence of faults that people notice, and cost throughput. Sixty values then cover at least a
	// minute.
	pointGrain = model.Nanos(1e9)
	// pointOrigins is the number of origins whose names are cached.
	pointOrigins    = 1024
	pointOriginCost = 512
	// unnamedHost replaces the name of a host whose metrics do not name it, usually the collector's own
	// host.
	unnamedHost = "host"
)

// measures holds the series of metrics.
type measures struct {
	time     *bucket.Time
	graph    *graph
	requests *requests
	kernel   *kernelEvents
	logbook  *logbook
	nodes    *nodes
	series   *lru.Table[seriesKey, *series]
	// pointOrigins are keyed by the hashes of a packed resource and metric; point is a scratch value.
	pointOrigins *lru.Table[uint64, pointOrigin]
	point        model.Point
	// seriesRefused counts points of new series for which no memory was left.
	seriesRefused  int
	frequentPoints uint64 // points of series that were judged less than pointGrain before
}

// seriesKey identifies a series: a hash of the metric's name, the service, the pod,
// the host, the instance and the attributes.
type seriesKey uint64

// pointOrigin holds what all points of one metric and resource share.
type pointOrigin struct {
	origin.Origin
	replica string    // the instance, also for counters
	key     seriesKey // for a series without attributes
	ignored bool
}

// newPointOrigin distinguishes replicas. A counter's key leaves out service.instance.id, because SDKs
// generate a new one at each start and a counter that is reset is how a restart is recognized.
func newPointOrigin(metric *model.Metric, o origin.Origin) pointOrigin {
	name := metric.Name
	if o.Service == "" && strings.HasPrefix(name, "system.") {
		o.Service = unnamedHost
	}
	replica := o.Instance
	if metric.Type == model.MetricSum && metric.Monotonic {
		o.Instance = ""
	}
	h := uint64(hash.Seed)
	for _, part := range [...]string{bound.Name(name), o.Service, o.Pod, o.Node, o.Instance} {
		h = hash.Text(h, part)
	}
	return pointOrigin{Origin: o, replica: replica, key: seriesKey(h), ignored: o.Service == "" || strings.HasPrefix(name, "otelcol_") || strings.HasPrefix(name, "scrape_")}
}

func (o *pointOrigin) seriesKey(attributes uint64) seriesKey {
	return seriesKey((uint64(o.key) ^ attributes) * hash.Prime)
}

// of is the origin of a series. Kernel metrics of a program count for the program if nothing else
// names the service.
func (o *pointOrigin) of(s *model.Series) *origin.Origin {
	for i := range s.Attributes {
		if kv := &s.Attributes[i]; kv.Key == origin.ProgramKey {
			from := o.Of(kv.Value.Str())
			return &from
		}
	}
	return &o.Origin
}

// ObservePoints takes metric points in any order of time.
func (e *Engine) ObservePoints(points []model.Point) {
	for i := range points {
		p := &points[i]
		if p.Series == nil || p.Series.Metric == nil {
			continue
		}
		from := newPointOrigin(p.Series.Metric, *e.places.Of(p.Series.Resource))
		if from.ignored || !e.time.Sees(p.Time) {
			continue
		}
		h := uint64(hash.Seed)
		for _, kv := range p.Series.Attributes {
			h = hash.Text(h, kv.Key)
			h = (hash.Text(h, kv.Value.Str()) ^ uint64(kv.Value.Int())) * hash.Prime
		}
		made := func() *series { return e.measures.newSeries(p.Series, from.of(p.Series)) }
		if from.Summary {
			e.measures.observeRed(e.measures.nodes.series(from.seriesKey(h), p.Time, made), p)
			continue
		}
		if s := e.measures.seriesFor(from.seriesKey(h), p.Time, made); s != nil {
			s.version, s.replica = from.Version, from.replica
			e.measures.take(s, p)
		}
	}
	e.places.Forget()
}

// ObservePointBatch is ObservePoints for packed points; it decodes only what the engine needs. An
// engine must be given points in one of the two ways only, because the hashes of their attributes
// differ.
func (e *Engine) ObservePointBatch(b *model.PointBatch) {
	at := -1
	var from *pointOrigin
	for i := range b.Points {
		p := &b.Points[i]
		if int(p.Origin) != at {
			at = int(p.Origin)
			from = e.measures.pointOrigin(b, &b.Origins[at])
		}
		if from.ignored || !e.time.Sees(p.Time) {
			continue
		}
		made := func() *series {
			of := unpackSeries(b, p)
			return e.measures.newSeries(of, from.of(of))
		}
		var s *series
		if from.Summary {
			s = e.measures.nodes.series(from.seriesKey(p.Attributes.Hash), p.Time, made)
		} else if s = e.measures.seriesFor(from.seriesKey(p.Attributes.Hash), p.Time, made); s == nil {
			continue
		}
		e.measures.point.Start, e.measures.point.Time, e.measures.point.Bits, e.measures.point.Number, e.measures.point.Flags = p.Start, p.Time, p.Bits, p.Number, p.Flags
		e.measures.readExtra(b.Extra(p))
		if from.Summary {
			e.measures.observeRed(s, &e.measures.point)
			continue
		}
		s.version, s.replica = from.Version, from.replica
		e.measures.take(s, &e.measures.point)
	}
}

// pointOrigin reads the names of a resource and a metric, or returns them from the cache.
func (ms *measures) pointOrigin(b *model.PointBatch, o *model.PackedOrigin) *pointOrigin {
	key := (o.Resource.Hash ^ o.Metric.Hash*hash.Prime) * hash.Prime
	if known := ms.pointOrigins.Get(key); known != nil {
		return known
	}
	resource, metric := model.Unpack(string(b.Key(o.Resource))), model.Unpack(string(b.Key(o.Metric)))
	return ms.pointOrigins.Put(key, newPointOrigin(metric.Metric(), origin.Of(resource.Resource())))
}

func unpackSeries(b *model.PointBatch, p *model.PackedPoint) *model.Series {
	metric := model.Unpack(string(b.Key(b.Origins[p.Origin].Metric)))
	attributes := model.Unpack(string(b.Key(p.Attributes)))
	return &model.Series{Metric: metric.Metric(), Attributes: attributes.Attributes()}
}

// readExtra decodes the distribution of a point into the scratch point.
func (ms *measures) readExtra(packed []byte) {
	if len(packed) == 0 {
		ms.point.Histogram, ms.point.Exponential, ms.point.Summary = nil, nil, nil
		return
	}
	extra := model.Unpack(string(packed))
	extra.ReadExtra(&ms.point)
}

// seriesFor returns the series for a point of this time, and makes it if necessary. It returns nil if
// no memory is left, which is counted.
func (ms *measures) seriesFor(key seriesKey, t model.Nanos, made func() *series) *series {
	found := ms.series.Get(key)
	switch {
	case found == nil:
		if oldest := ms.series.Oldest(); oldest != nil && (*oldest).last+seriesSilence > t {
			ms.seriesRefused++
			return nil
		}
		return *ms.series.Put(key, made())
	case t <= (*found).last:
		ms.time.Late++
		return nil
	case t < (*found).last+pointGrain:
		ms.frequentPoints++
		return nil
	}
	return *found
}

// take reads a point and judges its value.
func (ms *measures) take(s *series, p *model.Point) {
	if s.counts != nil {
		ms.kernel.countKernel(s, p)
	}
	s.rhythm.report(p.Time, s.last)
	resets, last, total := s.resets, s.last, s.total
	x, ok := s.value(p)
	s.noteWait(p, total, last)
	if s.resets > resets && begins(p, last) && !s.observed && (s.service.declared || s.pod != "") {
		ms.logbook.restarted(s, p.Time)
	}
	if ok {
		s.add(x, p.Time)
	}
	ms.observeRed(s, p)
}

func (ms *measures) newSeries(of *model.Series, from *origin.Origin) *series {
	m := of.Metric
	program, _ := of.Attributes.Get(origin.ProgramKey)
	o := from.Of(program.Str())
	if o.Unnamed {
		o.Cgroup = "" // the host reports it about one of its cgroups
	}
	c, floor := kindOf(m, true)
	s := &series{
		name: bound.Copy(m.Name), id: seriesID(of, &o), service: ms.graph.service(&o), pod: bound.Copy(o.Pod),
		node: bound.Copy(o.Node), instance: bound.Copy(o.Instance), observed: o.Observed, timed: isDuration(m.Name),
		class: c, unit: bound.Copy(m.Unit), floor: floor, irregular: !regular(m), supply: supplyOf(m, of.Attributes),
		accumulates: m.Temporality == model.TemporalityCumulative && (m.Type != model.MetricSum || m.Monotonic), summary: from.Summary,
	}
	s.bursts = s.service.burstsOf(s)
	s.folded = o.Observed && program.Str() == otherPrograms
	if s.red = redOf(m, of.Attributes); s.red != nil {
		s.red.locate(of.Attributes, o.Node)
	}
	if client, server := of.Attributes.FirstText("client"), of.Attributes.FirstText("server"); strings.Contains(m.Name, "service_graph") && client != "" && server != "" {
		ms.graph.call(bound.Copy(client), ms.graph.named(server))
	}
	if s.accumulates {
		s.counts = ms.kernel.counterOf(m.Name, of.Attributes, s.service)
	}
	return s
}
