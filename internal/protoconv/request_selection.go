// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"time"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// CountRecordsQuery reads a query for counts.
func CountRecordsQuery(req *tapiov1.CountRecordsRequest, now time.Time) (model.CountQuery, error) {
	query := model.CountQuery{GroupBy: req.GetGroupBy()}
	var err error
	if query.Selection, err = selection(req.GetSelection(), now); err != nil {
		return query, within("selection", err)
	}
	if query.Resolution, err = notNegative("resolution", req.GetResolution()); err != nil {
		return query, err
	}
	if n := len(query.GroupBy); n > maxLabelBytes {
		return query, model.InvalidField("group_by", "has %d bytes, the most is %d", n, maxLabelBytes)
	}
	if err := checkBuckets(query.Selection.Filter.Time, query.Resolution); err != nil {
		return query, err
	}
	query.Limit, err = upTo("limit", req.GetLimit(), limits{unset: 20, most: 1_000})
	return query, err
}

// checkBuckets refuses what would have too many buckets whatever is stored.
func checkBuckets(over model.TimeRange, resolution time.Duration) error {
	if resolution == 0 || over.Start == 0 || over.End == 0 {
		return nil
	}
	if n := uint64(over.End-over.Start) / uint64(resolution); n > model.MaxCountBuckets {
		return model.InvalidField("resolution", "%v makes %d buckets of the time range, the most is %d: give a coarser one, or a shorter time range",
			resolution, n, model.MaxCountBuckets)
	}
	return nil
}

// GetFacetsQuery reads a query for facets.
func GetFacetsQuery(req *tapiov1.GetFacetsRequest, now time.Time) (model.FacetQuery, error) {
	query := model.FacetQuery{Labels: req.GetLabels()}
	var err error
	if query.Selection, err = selection(req.GetSelection(), now); err != nil {
		return query, within("selection", err)
	}
	if err := checkLabels(query.Labels); err != nil {
		return query, err
	}
	if query.Limit, err = upTo("limit", req.GetLimit(), limits{unset: 10, most: 1_000}); err != nil {
		return query, err
	}
	query.MaxLabels, err = upTo("max_labels", req.GetMaxLabels(), limits{unset: 50, most: 1_000})
	return query, err
}

// CompareAttributesQuery reads a query for a comparison.
func CompareAttributesQuery(req *tapiov1.CompareAttributesRequest, now time.Time) (model.CompareQuery, error) {
	query := model.CompareQuery{Labels: req.GetLabels(), Equal: req.GetIncludeEqual()}
	var err error
	if query.Selection, err = selection(req.GetSelection(), now); err != nil {
		return query, within("selection", err)
	}
	if req.GetBaseline() == nil {
		query.Baseline = model.RecordSelection{
			Signal: query.Selection.Signal, Kind: query.Selection.Kind, Filter: model.Filter{Time: query.Selection.Filter.Time},
		}
	} else if query.Baseline, err = selection(req.GetBaseline(), now); err != nil {
		return query, within("baseline", err)
	}
	if query.Baseline.Signal != query.Selection.Signal {
		return query, model.InvalidField("baseline.signal", "is %s, must be that of the selection, %s",
			req.GetBaseline().GetSignal(), req.GetSelection().GetSignal())
	}
	if err := checkLabels(query.Labels); err != nil {
		return query, err
	}
	query.Limit, err = upTo("limit", req.GetLimit(), limits{unset: 20, most: 1_000})
	return query, err
}

func upTo(field string, n uint32, bounds limits) (int, error) {
	if n == 0 {
		return bounds.unset, nil
	}
	if uint64(n) > uint64(bounds.most) {
		return 0, model.InvalidField(field, "must be 0 to %d, is %d", bounds.most, n)
	}
	return int(n), nil
}

// selection reads which records are meant.
func selection(s *tapiov1.RecordSelection, now time.Time) (model.RecordSelection, error) {
	out := model.RecordSelection{Signal: model.Signal(s.GetSignal())}
	f := s.GetFilter()
	for field, set := range map[string]bool{"limit": f.GetLimit() != 0, "page_token": f.GetPageToken() != "", "ascending": f.GetAscending()} {
		if set {
			return out, model.InvalidField("filter."+field, "must be unset: all records that are selected count")
		}
	}
	switch s.GetSignal() {
	case tapiov1.Signal_SIGNAL_LOGS:
		return out, logSelection(&out, s, now)
	case tapiov1.Signal_SIGNAL_TRACES:
		return out, spanSelection(&out, s, now)
	default:
		return out, model.InvalidField("signal", "must be SIGNAL_LOGS or SIGNAL_TRACES, is %s", s.GetSignal())
	}
}

func logSelection(out *model.RecordSelection, s *tapiov1.RecordSelection, now time.Time) (err error) {
	field := firstSet(s.ProtoReflect(), "signal", "filter", "exclude_events", "trace_id")
	if field != "" {
		return model.InvalidField(field, "is for SIGNAL_TRACES only: leave it out")
	}
	if out.Filter, err = filter(s.GetFilter(), now); err != nil {
		return within("filter", err)
	}
	out.Kind = logsKind(s.GetExcludeEvents())
	if s.GetTraceId() != "" {
		out.TraceID, err = traceID("trace_id", s.GetTraceId())
	}
	return err
}

func spanSelection(out *model.RecordSelection, s *tapiov1.RecordSelection, now time.Time) (err error) {
	for field, set := range map[string]bool{"exclude_events": s.GetExcludeEvents(), "trace_id": s.GetTraceId() != ""} {
		if set {
			return model.InvalidField(field, "is for SIGNAL_LOGS only: leave it out")
		}
	}
	if out.Filter, err = unnamedFilter(s.GetFilter(), now); err != nil {
		return within("filter", err)
	}
	conditions, err := traceConditions(&tapiov1.TraceQuery{
		Operations: s.GetOperations(), MinDuration: s.GetMinDuration(), MaxDuration: s.GetMaxDuration(),
		StatusCodes: s.GetStatusCodes(), Kinds: s.GetKinds(),
	})
	out.Operations, out.MinDuration, out.MaxDuration = conditions.Operations, conditions.MinDuration, conditions.MaxDuration
	out.StatusCodes, out.Kinds = conditions.StatusCodes, conditions.Kinds
	return err
}
