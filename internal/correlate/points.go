// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"strings"

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

// seriesKey identifies a series: a hash of the metric's name, the service, the pod,
// the host, the instance and the attributes.
type seriesKey uint64

// pointOrigin holds what all points of one metric and resource share.
type pointOrigin struct {
	origin
	replica string    // the instance, also for counters
	key     seriesKey // for a series without attributes
	ignored bool
}

// newPointOrigin distinguishes replicas. A counter's key leaves out service.instance.id, because SDKs
// generate a new one at each start and a counter that is reset is how a restart is recognized.
func newPointOrigin(metric *model.Metric, o origin) pointOrigin {
	name := metric.Name
	if o.service == "" && strings.HasPrefix(name, "system.") {
		o.service = unnamedHost
	}
	replica := o.instance
	if metric.Type == model.MetricSum && metric.Monotonic {
		o.instance = ""
	}
	h := uint64(hashSeed)
	for _, part := range [...]string{short(name), o.service, o.pod, o.node, o.instance} {
		h = hashText(h, part)
	}
	return pointOrigin{origin: o, replica: replica, key: seriesKey(h), ignored: o.service == "" || strings.HasPrefix(name, "otelcol_") || strings.HasPrefix(name, "scrape_")}
}

func (o *pointOrigin) seriesKey(attributes uint64) seriesKey {
	return seriesKey((uint64(o.key) ^ attributes) * hashPrime)
}

// of is the origin of a series. Kernel metrics of a program count for the program if nothing else
// names the service.
func (o *pointOrigin) of(s *model.Series) *origin {
	for i := range s.Attributes {
		if kv := &s.Attributes[i]; kv.Key == programKey {
			from := o.origin.of(kv.Value.Str())
			return &from
		}
	}
	return &o.origin
}

// ObservePoints takes metric points in any order of time.
func (e *Engine) ObservePoints(points []model.Point) {
	for i := range points {
		p := &points[i]
		if p.Series == nil || p.Series.Metric == nil {
			continue
		}
		from := newPointOrigin(p.Series.Metric, *e.places.of(p.Series.Resource))
		if from.ignored || !e.sees(p.Time) {
			continue
		}
		h := uint64(hashSeed)
		for _, kv := range p.Series.Attributes {
			h = hashText(h, kv.Key)
			h = (hashText(h, kv.Value.Str()) ^ uint64(kv.Value.Int())) * hashPrime
		}
		made := func() *series { return e.newSeries(p.Series, from.of(p.Series)) }
		if from.summary {
			e.observeRed(e.nodes.series(from.seriesKey(h), p.Time, made), p)
			continue
		}
		if s := e.seriesFor(from.seriesKey(h), p.Time, made); s != nil {
			s.version, s.replica = from.version, from.replica
			e.take(s, p)
		}
	}
	e.places.forget()
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
			from = e.pointOrigin(b, &b.Origins[at])
		}
		if from.ignored || !e.sees(p.Time) {
			continue
		}
		made := func() *series {
			of := unpackSeries(b, p)
			return e.newSeries(of, from.of(of))
		}
		var s *series
		if from.summary {
			s = e.nodes.series(from.seriesKey(p.Attributes.Hash), p.Time, made)
		} else if s = e.seriesFor(from.seriesKey(p.Attributes.Hash), p.Time, made); s == nil {
			continue
		}
		e.point.Start, e.point.Time, e.point.Bits, e.point.Number, e.point.Flags = p.Start, p.Time, p.Bits, p.Number, p.Flags
		e.readExtra(b.Extra(p))
		if from.summary {
			e.observeRed(s, &e.point)
			continue
		}
		s.version, s.replica = from.version, from.replica
		e.take(s, &e.point)
	}
}

// pointOrigin reads the names of a resource and a metric, or returns them from the cache.
func (e *Engine) pointOrigin(b *model.PointBatch, o *model.PackedOrigin) *pointOrigin {
	key := (o.Resource.Hash ^ o.Metric.Hash*hashPrime) * hashPrime
	if known := e.pointOrigins.get(key); known != nil {
		return known
	}
	resource, metric := model.Unpack(string(b.Key(o.Resource))), model.Unpack(string(b.Key(o.Metric)))
	return e.pointOrigins.put(key, newPointOrigin(metric.Metric(), originOf(resource.Resource())))
}

func unpackSeries(b *model.PointBatch, p *model.PackedPoint) *model.Series {
	metric := model.Unpack(string(b.Key(b.Origins[p.Origin].Metric)))
	attributes := model.Unpack(string(b.Key(p.Attributes)))
	return &model.Series{Metric: metric.Metric(), Attributes: attributes.Attributes()}
}

// readExtra decodes the distribution of a point into the scratch point.
func (e *Engine) readExtra(packed []byte) {
	if len(packed) == 0 {
		e.point.Histogram, e.point.Exponential, e.point.Summary = nil, nil, nil
		return
	}
	extra := model.Unpack(string(packed))
	extra.ReadExtra(&e.point)
}

// seriesFor returns the series for a point of this time, and makes it if necessary. It returns nil if
// no memory is left, which is counted.
func (e *Engine) seriesFor(key seriesKey, t model.Nanos, made func() *series) *series {
	found := e.series.get(key)
	switch {
	case found == nil:
		if oldest := e.series.oldest(); oldest != nil && (*oldest).last+seriesSilence > t {
			e.seriesRefused++
			return nil
		}
		return *e.series.put(key, made())
	case t <= (*found).last:
		e.late++
		return nil
	case t < (*found).last+pointGrain:
		e.frequentPoints++
		return nil
	}
	return *found
}

// take reads a point and judges its value.
func (e *Engine) take(s *series, p *model.Point) {
	if s.counts != nil {
		e.countKernel(s, p)
	}
	s.rhythm.report(p.Time, s.last)
	resets, last, total := s.resets, s.last, s.total
	x, ok := s.value(p)
	s.noteWait(p, total, last)
	if s.resets > resets && begins(p, last) && !s.observed && (s.service.declared || s.pod != "") {
		e.restarted(s, p.Time)
	}
	if ok {
		s.add(x, p.Time)
	}
	e.observeRed(s, p)
}

func (e *Engine) newSeries(of *model.Series, from *origin) *series {
	m := of.Metric
	program, _ := of.Attributes.Get(programKey)
	o := from.of(program.Str())
	if o.unnamed {
		o.cgroup = "" // the host reports it about one of its cgroups
	}
	c, floor := kindOf(m, true)
	s := &series{
		name: kept(m.Name), id: seriesID(of, &o), service: e.graph.service(&o), pod: kept(o.pod),
		node: kept(o.node), instance: kept(o.instance), observed: o.observed, timed: isDuration(m.Name),
		class: c, unit: kept(m.Unit), floor: floor, irregular: !regular(m), supply: supplyOf(m, of.Attributes),
		accumulates: m.Temporality == model.TemporalityCumulative && (m.Type != model.MetricSum || m.Monotonic), summary: from.summary,
	}
	s.bursts = s.service.burstsOf(s)
	s.folded = o.observed && program.Str() == otherPrograms
	if s.red = redOf(m, of.Attributes); s.red != nil {
		s.red.locate(of.Attributes, o.node)
	}
	if client, server := firstOf(of.Attributes, "client"), firstOf(of.Attributes, "server"); strings.Contains(m.Name, "service_graph") && client != "" && server != "" {
		e.graph.call(kept(client), e.graph.named(server))
	}
	if s.accumulates {
		s.counts = e.counterOf(m.Name, of.Attributes, s.service)
	}
	return s
}
