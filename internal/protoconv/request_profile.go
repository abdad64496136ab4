// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"cmp"
	"encoding/hex"
	"time"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	maxProfileIDs  = 1_000
	maxSampleTypes = 100
	maxTypeBytes   = 256
	maxCallNodes   = 10_000

	maxFunctionBytes = 4096
	maxProfileTraces = 1_000
	// slowPercentile divides slow requests from fast ones.
	slowPercentile = 90
)

func functionLimits() limits { return limits{unset: 50, most: 1_000} }

// GetProfilesQuery reads a query for profiles or, with a format, for their sum.
func GetProfilesQuery(req *tapiov1.GetProfilesRequest, now time.Time) (query model.ProfileQuery, err error) {
	if err := knownEnum("format", req.GetFormat()); err != nil {
		return query, err
	}
	merged := req.GetFormat() != tapiov1.ProfileFormat_PROFILE_FORMAT_UNSPECIFIED
	query, err = profileQuery(req, req.GetFilter(), now)
	if err != nil {
		return query, err
	}
	query.Types = req.GetSampleTypes()
	if err := atMost("sample_types", len(query.Types), maxSampleTypes); err != nil {
		return query, err
	}
	if merged && len(query.Types) != 1 {
		return query, model.InvalidField("sample_types", "must name one sample type to merge with format, has %d: "+
			"write for example cpu; a request without a format lists what there is", len(query.Types))
	}
	for i, name := range query.Types {
		if err := checkType(indexed("sample_types", i), name); err != nil {
			return query, err
		}
	}
	if merged {
		return query, within("filter", mergeable(req.GetFilter()))
	}
	query.Paging, err = paging(req, req.GetFilter(), recordLimits())
	return query, within("filter", err)
}

// ProfileAnalysis is what AnalyzeProfile is asked for.
type ProfileAnalysis struct {
	Query model.ProfileQuery
	// Baseline is the same in another time range; nil for none.
	Baseline *model.ProfileQuery
	Top      int // functions
	Nodes    int // of the call tree
	Order    tapiov1.ProfileOrder
	Function string // whose callers and callees are asked for, "" for none
	GroupBy  model.LabelKey
	Traces   int // the traces to return
	Split    *DurationSplit
}

// DurationSplit divides requests into slow and fast ones. SlowerThan is 0 where the
// percentile applies.
type DurationSplit struct {
	SlowerThan time.Duration
	Percentile float64
}

// AnalyzeProfileQuery reads a query for an analysis.
func AnalyzeProfileQuery(req *tapiov1.AnalyzeProfileRequest, now time.Time) (a ProfileAnalysis, err error) {
	if err := checkType("sample_type", req.GetSampleType()); err != nil {
		return a, err
	}
	if a.Top, err = upTo("top", req.GetTop(), functionLimits()); err != nil {
		return a, err
	}
	if a.Nodes, err = upTo("max_nodes", req.GetMaxNodes(), limits{most: maxCallNodes}); err != nil {
		return a, err
	}
	if a.Query, err = profileQuery(req, req.GetFilter(), now); err != nil {
		return a, err
	}
	if err := mergeable(req.GetFilter()); err != nil {
		return a, within("filter", err)
	}
	a.Query.Types = []string{req.GetSampleType()}
	if a.Function = req.GetFunction(); len(a.Function) > maxFunctionBytes {
		return a, model.InvalidField("function", "must have at most %d bytes, has %d", maxFunctionBytes, len(a.Function))
	}
	if a.Order = req.GetOrder(); knownEnum("order", a.Order) != nil {
		return a, knownEnum("order", a.Order)
	}
	if err := a.breakDown(req); err != nil {
		return a, err
	}
	return a, a.compare(req, now)
}

// breakDown reads by what the samples are added up, and how requests are divided.
func (a *ProfileAnalysis) breakDown(req *tapiov1.AnalyzeProfileRequest) (err error) {
	if a.Traces, err = upTo("max_traces", req.GetMaxTraces(), limits{most: maxProfileTraces}); err != nil {
		return err
	}
	if len(req.GetGroupBy()) > maxTypeBytes {
		return model.InvalidField("group_by", "must have at most %d bytes, has %d", maxTypeBytes, len(req.GetGroupBy()))
	}
	a.GroupBy = model.NewLabelKey(req.GetGroupBy())
	split := req.GetSplitByDuration()
	if split == nil {
		return nil
	}
	a.Split = &DurationSplit{Percentile: cmp.Or(split.GetPercentile(), slowPercentile)}
	if p := a.Split.Percentile; !(p > 0 && p < 100) {
		return model.InvalidField("split_by_duration.percentile", "must be above 0 and below 100, is %v", p)
	}
	if split.GetSlowerThan() == nil {
		return nil
	}
	if split.GetPercentile() != 0 {
		return model.InvalidField("split_by_duration.percentile", "excludes slower_than: give either of them")
	}
	a.Split.SlowerThan, err = duration("split_by_duration.slower_than", split.GetSlowerThan())
	if err == nil && a.Split.SlowerThan <= 0 {
		err = model.InvalidField("split_by_duration.slower_than", "must be above 0, is %v", a.Split.SlowerThan)
	}
	return err
}

// compare reads what to compare with.
func (a *ProfileAnalysis) compare(req *tapiov1.AnalyzeProfileRequest, now time.Time) (err error) {
	baseline := a.Query
	switch {
	case a.Split != nil && (req.GetBaseline() != nil || req.GetBaselineFilter() != nil):
		return model.InvalidField("split_by_duration", "excludes baseline and baseline_filter: fast requests are the baseline")
	case a.Split != nil && len(a.Query.TraceIDs) > 0:
		return model.InvalidField("split_by_duration", "excludes trace_ids: it finds the traces itself")
	case a.Split != nil:
		return nil
	case req.GetBaseline() != nil && req.GetBaselineFilter() != nil:
		return model.InvalidField("baseline_filter", "excludes baseline: give either a time range or a filter to compare with")
	case req.GetBaseline() != nil:
		if baseline.Filter.Time, err = timeRange(req.GetBaseline(), now); err != nil {
			return within("baseline", err)
		}
	case req.GetBaselineFilter() != nil:
		if err := mergeable(req.GetBaselineFilter()); err != nil {
			return within("baseline_filter", err)
		}
		if baseline.Filter, err = unnamedFilter(req.GetBaselineFilter(), now); err != nil {
			return within("baseline_filter", err)
		}
	case a.Order == tapiov1.ProfileOrder_PROFILE_ORDER_CHANGE:
		return model.InvalidField("order", "by change needs a baseline: set baseline, baseline_filter, split_by_duration or incident_id")
	default:
		return nil
	}
	a.Baseline = &baseline
	return nil
}

// profileRequest is what requests about profiles have alike.
type profileRequest interface {
	GetTraceId() string
	GetSpanId() string
	GetProfileIds() []string
	GetTraceIds() []string
}

func profileQuery(req profileRequest, f *tapiov1.Filter, now time.Time) (query model.ProfileQuery, err error) {
	if query.Filter, err = unnamedFilter(f, now); err != nil {
		return query, within("filter", err)
	}
	if req.GetTraceId() != "" {
		if query.TraceID, err = traceID("trace_id", req.GetTraceId()); err != nil {
			return query, err
		}
	}
	if len(req.GetTraceIds()) > 0 {
		if query.TraceIDs, err = traceIDs(req.GetTraceIds()); err != nil {
			return query, err
		}
	}
	if text := req.GetSpanId(); text != "" {
		if n, err := hex.Decode(query.SpanID[:], []byte(text[:min(len(text), 16)])); err != nil || n != 8 || len(text) != 16 || query.SpanID.IsZero() {
			return query, model.InvalidField("span_id", "must be 16 hex digits, not all zero")
		}
	}
	if err := atMost("profile_ids", len(req.GetProfileIds()), maxProfileIDs); err != nil {
		return query, err
	}
	for i, text := range req.GetProfileIds() {
		var id model.ProfileID
		if len(text) != hex.EncodedLen(len(id)) {
			return query, model.InvalidField(indexed("profile_ids", i), "must be 32 hex digits")
		}
		if _, err := hex.Decode(id[:], []byte(text)); err != nil {
			return query, model.InvalidField(indexed("profile_ids", i), "must be 32 hex digits")
		}
		query.IDs = append(query.IDs, id)
	}
	return query, nil
}

// mergeable refuses paging where all that is selected counts.
func mergeable(f *tapiov1.Filter) error {
	for field, set := range map[string]bool{"limit": f.GetLimit() != 0, "page_token": f.GetPageToken() != "", "ascending": f.GetAscending()} {
		if set {
			return model.InvalidField(field, "must be unset: all samples that are selected count")
		}
	}
	return nil
}

func checkType(field, name string) error {
	if name == "" || len(name) > maxTypeBytes {
		return model.InvalidField(field, "must have 1 to %d bytes, has %d: write for example cpu or inuse_space", maxTypeBytes, len(name))
	}
	return nil
}
