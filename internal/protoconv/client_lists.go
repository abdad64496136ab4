// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// instantOf reads a time of an answer; unset is 0.
func instantOf(t *timestamppb.Timestamp) model.Nanos {
	if t == nil {
		return 0
	}
	return nanosOf(t.AsTime())
}

func redOf(s *tapiov1.RequestStatistics) (model.RED, error) {
	out := model.RED{
		Requests: s.GetRequestCount(), Errors: s.GetErrorCount(), Rate: s.GetRate(), Kernel: s.GetKernel(), Metrics: s.GetMetrics(),
		P50: s.GetDurationP50().AsDuration(), P95: s.GetDurationP95().AsDuration(), P99: s.GetDurationP99().AsDuration(),
	}
	if b := s.GetDurationBuckets(); b != nil {
		var err error
		if out.Took, err = model.NewDurations(int(b.GetFirst()), b.GetCounts()); err != nil {
			return out, err
		}
	}
	return out, nil
}

func signalsFrom(list []tapiov1.Signal) (set model.Signals) {
	for _, one := range list {
		set = set.With(model.Signal(one))
	}
	return set
}

// ServiceOf returns a service of an answer.
func ServiceOf(s *tapiov1.Service) (model.Service, error) {
	red, err := redOf(s.GetRequests())
	return model.Service{
		Name: s.GetName(), Namespaces: s.GetNamespaces(), Instances: s.GetInstances(), InstanceCount: int(s.GetInstanceCount()),
		First: instantOf(s.GetFirstSeen()), Last: instantOf(s.GetLastSeen()), Signals: signalsFrom(s.GetSignals()),
		Logs: s.GetLogCount(), ErrorLogs: s.GetErrorLogCount(), Spans: s.GetSpanCount(), Series: s.GetSeriesCount(), RED: red,
	}, err
}

// OperationOf returns an operation of an answer.
func OperationOf(o *tapiov1.Operation) (model.Operation, error) {
	red, err := redOf(o.GetSpans())
	return model.Operation{
		Service: o.GetService(), Name: o.GetName(), Kind: int32(o.GetKind()), RED: red,
		First: instantOf(o.GetFirstSeen()), Last: instantOf(o.GetLastSeen()),
	}, err
}

// MetricOf returns a metric of an answer.
func MetricOf(m *tapiov1.MetricDescription) (model.MetricInfo, error) {
	return model.MetricInfo{
		Metric: &model.Metric{
			Name: m.GetName(), Description: m.GetDescription(), Unit: m.GetUnit(), Type: model.MetricType(m.GetType()),
			Temporality: model.Temporality(m.GetTemporality()), Monotonic: m.GetMonotonic(),
		},
		Series: m.GetSeriesCount(), Services: m.GetServices(), First: instantOf(m.GetFirstSeen()), Last: instantOf(m.GetLastSeen()),
	}, nil
}

// LabelOf returns a label of an answer.
func LabelOf(l *tapiov1.Label) (model.LabelInfo, error) {
	return model.LabelInfo{Name: l.GetName(), Signals: signalsFrom(l.GetSignals()), Records: l.GetRecordCount()}, nil
}

// LabelValueOf returns a value of an answer.
func LabelValueOf(v *tapiov1.LabelValue) (model.LabelValue, error) {
	return model.LabelValue{Value: v.GetValue(), Records: v.GetRecordCount()}, nil
}

// CountsOf returns counts.
func CountsOf(resp *tapiov1.CountRecordsResponse) model.Counts {
	out := model.Counts{Total: resp.GetTotalCount()}
	for _, g := range resp.GetGroups() {
		group := model.CountGroup{Value: g.GetValue(), Others: g.GetOthers(), Total: g.GetTotalCount()}
		for _, b := range g.GetBuckets() {
			group.Counts = append(group.Counts, model.CountBucket{Start: instantOf(b.GetStartTime()), Count: b.GetCount()})
		}
		out.Groups = append(out.Groups, group)
	}
	return out
}

// FacetsOf returns facets.
func FacetsOf(resp *tapiov1.GetFacetsResponse) model.Facets {
	out := model.Facets{Total: resp.GetTotalCount(), Examined: resp.GetExaminedCount(), Estimated: resp.GetEstimated()}
	for _, f := range resp.GetFacets() {
		facet := model.Facet{Label: f.GetLabel(), Records: f.GetRecordCount(), Distinct: f.GetDistinctCount(), Estimated: f.GetEstimated()}
		for _, v := range f.GetValues() {
			facet.Values = append(facet.Values, model.LabelValue{Value: v.GetValue(), Records: v.GetRecordCount()})
		}
		out.Facets = append(out.Facets, facet)
	}
	return out
}

// ComparisonOf returns a comparison.
func ComparisonOf(resp *tapiov1.CompareAttributesResponse) model.Comparison {
	out := model.Comparison{
		SelectionRecords: resp.GetSelectionCount(), BaselineRecords: resp.GetBaselineCount(), Estimated: resp.GetEstimated(),
	}
	for _, d := range resp.GetDifferences() {
		out.Differences = append(out.Differences, model.AttributeDifference{
			Label: d.GetLabel(), Value: d.GetValue(), SelectionCount: d.GetSelectionCount(), BaselineCount: d.GetBaselineCount(),
			SelectionShare: d.GetSelectionShare(), BaselineShare: d.GetBaselineShare(), Divergence: d.GetDivergence(),
		})
	}
	return out
}

// GraphOf returns the calls between services.
func GraphOf(resp *tapiov1.GetServiceGraphResponse) (model.ServiceGraph, error) {
	out := model.ServiceGraph{Spans: resp.GetSpanCount(), Truncated: resp.GetTruncated()}
	for _, n := range resp.GetNodes() {
		red, err := redOf(n.GetRequests())
		if err != nil {
			return out, err
		}
		out.Nodes = append(out.Nodes, model.GraphNode{
			ID: n.GetId(), Type: model.NodeType(max(n.GetType()-1, 0)), Name: n.GetName(), System: n.GetSystem(), RED: red,
		})
	}
	for _, e := range resp.GetEdges() {
		red, err := redOf(e.GetRequests())
		if err != nil {
			return out, err
		}
		out.Edges = append(out.Edges, model.GraphEdge{Client: e.GetClient(), Server: e.GetServer(), RED: red, Kernel: e.GetKernel()})
	}
	return out, nil
}

// ChangesOf returns changes.
func ChangesOf(list []*tapiov1.ObservedChange) []model.Change {
	var out []model.Change
	for _, c := range list {
		out = append(out, model.Change{
			Type: model.ChangeType(c.GetType()), Time: instantOf(c.GetTime()), Service: c.GetService(), Namespace: c.GetNamespace(),
			Instance: c.GetInstance(), From: c.GetFrom(), To: c.GetTo(), Summary: c.GetSummary(),
			EventID: c.GetEventId(), EventName: c.GetEventName(),
		})
	}
	return out
}
