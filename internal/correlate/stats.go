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
	memory := e.assembly.bytes + e.series.size()*seriesCost + e.lines.size()*lineCost +
		g.services.size()*serviceCost + g.calls.size()*callCost +
		g.operations.size()*operationCost + (g.features+g.askers)*featureCost +
		e.flows.size()*flowCost + e.miner.memory() + e.plain.memory() +
		g.dependencies.size()*dependencyCost + g.instances.size()*instanceCost + g.produced.size()*producedCost + g.systems.size()*systemCost +
		len(e.kernel)*groupSignCost + len(e.groups)*groupCost + e.pointOrigins.size()*pointOriginCost +
		e.outcomes.size()*outcomeCost + e.routes.size()*paceCost + len(e.resolved)*groupSignCost + e.hotspots.Bytes() + e.nodes.memory()
	return Stats{
		MemoryBytes: memory, MemoryLimit: e.config.MemoryLimit, OpenGroups: len(e.groups),
		Series: e.series.size(), Templates: e.miner.known.size() + e.plain.known.size(),
		Operations: g.operations.size() + g.calls.size(),
		Evictions: map[string]int{
			"profile": e.hotspots.Evicted(), "trace": e.assembly.traces.evicted, "series": e.series.evicted, "line": e.lines.evicted,
			"service": g.services.evicted, "call": g.calls.evicted, "operation": g.operations.evicted,
			"dependency": g.dependencies.evicted, "instance": g.instances.evicted,
			"feature": g.dropped, "template": e.miner.known.evicted, "ordinary_line": e.flows.evicted, "ordinary_template": e.plain.known.evicted, "kernel_event": e.kernelEvicted,
			"incident": e.refusedIncidents, "summary": e.nodes.summaries.evicted, "reported_group": e.nodes.groups.evicted, "point_of_new_series": e.seriesRefused,
		},
		SkippedSpans: e.assembly.skipped, Late: e.late, FrequentPoints: e.frequentPoints,
	}
}
