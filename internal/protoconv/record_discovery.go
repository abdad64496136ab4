// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func requestStatistics(r model.RED) *tapiov1.RequestStatistics {
	if r.Requests == 0 {
		return nil
	}
	return &tapiov1.RequestStatistics{
		RequestCount: r.Requests, ErrorCount: r.Errors, Rate: r.Rate,
		DurationP50: durationpb.New(r.P50), DurationP95: durationpb.New(r.P95), DurationP99: durationpb.New(r.P99),
		Kernel: r.Kernel, Metrics: r.Metrics,
	}
}

// withBuckets adds the counts of durations.
func withBuckets(statistics *tapiov1.RequestStatistics, r model.RED) {
	if statistics != nil && r.Took != nil {
		statistics.DurationBuckets = &tapiov1.DurationBuckets{First: uint32(r.Took.First), Counts: r.Took.Counts}
	}
}

// ServiceWithBuckets is Service, with the counts of durations.
func ServiceWithBuckets(s *model.Service) *tapiov1.Service {
	out := Service(s)
	withBuckets(out.GetRequests(), s.RED)
	return out
}

// OperationWithBuckets is Operation, with the counts of durations.
func OperationWithBuckets(o *model.Operation) *tapiov1.Operation {
	out := Operation(o)
	withBuckets(out.GetSpans(), o.RED)
	return out
}

func signalsOf(set model.Signals) []tapiov1.Signal {
	var list []tapiov1.Signal
	for _, one := range []model.Signal{model.SignalLogs, model.SignalTraces, model.SignalMetrics} {
		if set.Has(one) {
			list = append(list, tapiov1.Signal(one))
		}
	}
	return list
}

// Service converts a service.
func Service(s *model.Service) *tapiov1.Service {
	return &tapiov1.Service{
		Name: s.Name, Namespaces: s.Namespaces, Instances: s.Instances, InstanceCount: uint64(s.InstanceCount),
		FirstSeen: timestamp(s.First), LastSeen: timestamp(s.Last), Signals: signalsOf(s.Signals),
		LogCount: s.Logs, ErrorLogCount: s.ErrorLogs, SpanCount: s.Spans, SeriesCount: s.Series, Requests: requestStatistics(s.RED),
	}
}

// Operation converts an operation.
func Operation(o *model.Operation) *tapiov1.Operation {
	return &tapiov1.Operation{
		Service: o.Service, Name: o.Name, Kind: tracev1.Span_SpanKind(o.Kind), Spans: requestStatistics(o.RED),
		FirstSeen: timestamp(o.First), LastSeen: timestamp(o.Last),
	}
}

// MetricDescription converts what is known of a metric.
func MetricDescription(m *model.MetricInfo) *tapiov1.MetricDescription {
	return &tapiov1.MetricDescription{
		Name: m.Metric.Name, Type: tapiov1.MetricDescription_Type(m.Metric.Type), Unit: m.Metric.Unit, Description: m.Metric.Description,
		Temporality: tapiov1.MetricDescription_Temporality(m.Metric.Temporality), Monotonic: m.Metric.Monotonic,
		SeriesCount: m.Series, Services: m.Services, FirstSeen: timestamp(m.First), LastSeen: timestamp(m.Last),
	}
}

// Label converts a label.
func Label(l *model.LabelInfo) *tapiov1.Label {
	return &tapiov1.Label{Name: l.Name, Signals: signalsOf(l.Signals), RecordCount: l.Records}
}

// LabelValue converts a value of a label.
func LabelValue(v *model.LabelValue) *tapiov1.LabelValue {
	return &tapiov1.LabelValue{Value: v.Value, RecordCount: v.Records}
}

// Counts converts counts.
func Counts(c *model.Counts) *tapiov1.CountRecordsResponse {
	resp := &tapiov1.CountRecordsResponse{TotalCount: c.Total}
	for _, g := range c.Groups {
		group := &tapiov1.RecordCounts{Value: g.Value, Others: g.Others, TotalCount: g.Total}
		for _, b := range g.Counts {
			group.Buckets = append(group.Buckets, &tapiov1.RecordCounts_Bucket{StartTime: timestamp(b.Start), Count: b.Count})
		}
		resp.Groups = append(resp.Groups, group)
	}
	return resp
}

// Facets converts facets.
func Facets(f *model.Facets) *tapiov1.GetFacetsResponse {
	resp := &tapiov1.GetFacetsResponse{TotalCount: f.Total, ExaminedCount: f.Examined, Estimated: f.Estimated}
	for i := range f.Facets {
		from := &f.Facets[i]
		facet := &tapiov1.Facet{
			Label: from.Label, RecordCount: from.Records, DistinctCount: from.Distinct, Estimated: from.Estimated || f.Estimated,
		}
		for j := range from.Values {
			facet.Values = append(facet.Values, LabelValue(&from.Values[j]))
		}
		resp.Facets = append(resp.Facets, facet)
	}
	return resp
}

// ServiceGraph converts a service graph.
func ServiceGraph(g *model.ServiceGraph) *tapiov1.GetServiceGraphResponse {
	resp := &tapiov1.GetServiceGraphResponse{SpanCount: g.Spans, Truncated: g.Truncated}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		resp.Nodes = append(resp.Nodes, &tapiov1.ServiceNode{
			Id: n.ID, Type: tapiov1.ServiceNode_Type(n.Type + 1), Name: n.Name, System: n.System,
			Requests: requestStatistics(n.RED),
		})
	}
	for i := range g.Edges {
		e := &g.Edges[i]
		resp.Edges = append(resp.Edges, &tapiov1.ServiceEdge{
			Client: e.Client, Server: e.Server, Requests: requestStatistics(e.RED), Kernel: e.Kernel,
		})
	}
	return resp
}

// Comparison converts a comparison.
func Comparison(c *model.Comparison) *tapiov1.CompareAttributesResponse {
	resp := &tapiov1.CompareAttributesResponse{
		SelectionCount: c.SelectionRecords, BaselineCount: c.BaselineRecords, Estimated: c.Estimated,
	}
	for _, d := range c.Differences {
		resp.Differences = append(resp.Differences, &tapiov1.AttributeDifference{
			Label: d.Label, Value: d.Value, SelectionCount: d.SelectionCount, BaselineCount: d.BaselineCount,
			SelectionShare: d.SelectionShare, BaselineShare: d.BaselineShare, Divergence: d.Divergence,
		})
	}
	return resp
}

// ObservedChange converts a change.
func ObservedChange(c *model.Change) *tapiov1.ObservedChange {
	return &tapiov1.ObservedChange{
		Type: tapiov1.ObservedChange_Type(c.Type), Time: timestamp(c.Time), Service: c.Service, Namespace: c.Namespace,
		Instance: c.Instance, From: c.From, To: c.To, Summary: c.Summary,
		EventId: c.EventID, EventName: c.EventName,
	}
}
