// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

// Stats are figures of the engine's state.
type Stats struct {
	MemoryBytes  int            // memory in use, as the engine accounts for it
	MemoryLimit  int            // upper bound of MemoryBytes
	OpenGroups   int            // incidents not closed
	Series       int            // metric series tracked
	Templates    int            // log templates known
	Operations   int            // operations and edges of the service graph
	Evictions    map[string]int // entries dropped to stay within bounds, by kind
	SkippedSpans uint64         // ordinary spans left out by sampling
	Late         uint64         // records whose time is not plausible
	// FrequentPoints counts points of series that were judged less than pointGrain before.
	FrequentPoints uint64
}

// Stats returns the current figures.
func (e *Engine) Stats() Stats {
	g := e.graph
	memory := e.assembly.bytes + e.measures.series.Size()*seriesCost + e.logbook.lines.Size()*lineCost +
		g.services.Size()*serviceCost + g.calls.Size()*callCost +
		g.operations.Size()*operationCost + (g.features+g.askers)*featureCost +
		e.logbook.flows.Size()*flowCost + e.logbook.miner.Memory() + e.logbook.plain.Memory() +
		g.dependencies.Size()*dependencyCost + g.instances.Size()*instanceCost + g.produced.Size()*producedCost + g.systems.Size()*systemCost +
		len(e.kernel.pending)*groupSignCost + len(e.book.groups)*groupCost + e.measures.pointOrigins.Size()*pointOriginCost +
		e.requests.outcomes.Size()*outcomeCost + e.requests.routes.Size()*paceCost + len(e.book.resolved)*groupSignCost + e.hotspots.Bytes() + e.measures.nodes.memory()
	return Stats{
		MemoryBytes: memory, MemoryLimit: e.config.MemoryLimit, OpenGroups: len(e.book.groups),
		Series: e.measures.series.Size(), Templates: e.logbook.miner.Known.Size() + e.logbook.plain.Known.Size(),
		Operations: g.operations.Size() + g.calls.Size(),
		Evictions: map[string]int{
			"profile": e.hotspots.Evicted(), "trace": e.assembly.traces.Evicted, "series": e.measures.series.Evicted, "line": e.logbook.lines.Evicted,
			"service": g.services.Evicted, "call": g.calls.Evicted, "operation": g.operations.Evicted,
			"dependency": g.dependencies.Evicted, "instance": g.instances.Evicted,
			"feature": g.dropped, "template": e.logbook.miner.Known.Evicted, "ordinary_line": e.logbook.flows.Evicted, "ordinary_template": e.logbook.plain.Known.Evicted, "kernel_event": e.kernel.evicted,
			"incident": e.book.refusedIncidents, "summary": e.measures.nodes.summaries.Evicted, "reported_group": e.measures.nodes.groups.Evicted, "point_of_new_series": e.measures.seriesRefused,
		},
		SkippedSpans: e.assembly.skipped, Late: e.time.Late, FrequentPoints: e.measures.frequentPoints,
	}
}
