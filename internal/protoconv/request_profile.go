// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
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
	if req.GetBaseline() == nil {
		return a, nil
	}
	baseline := a.Query
	if baseline.Filter.Time, err = timeRange(req.GetBaseline(), now); err != nil {
		return a, within("baseline", err)
	}
	a.Baseline = &baseline
	return a, nil
}

// profileRequest is what requests about profiles have alike.
type profileRequest interface {
	GetTraceId() string
	GetSpanId() string
	GetProfileIds() []string
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
