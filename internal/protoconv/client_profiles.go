// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"encoding/hex"
	"maps"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// ProfilesRequest asks for a page of the profiles of a query.
func ProfilesRequest(q *model.ProfileQuery) *tapiov1.GetProfilesRequest {
	req := profilesRequest(q)
	req.Filter = pagedFilter(unnamed(q.Filter), q.Paging, recordLimits())
	req.Filter.PageToken = PageToken(req, q.Paging.After)
	return req
}

// MergeRequest asks for the sum of the samples of a query, as OTLP.
func MergeRequest(q *model.ProfileQuery) *tapiov1.GetProfilesRequest {
	req := profilesRequest(q)
	req.Filter, req.Format = FilterRequest(unnamed(q.Filter)), tapiov1.ProfileFormat_PROFILE_FORMAT_OTLP
	return req
}

func profilesRequest(q *model.ProfileQuery) *tapiov1.GetProfilesRequest {
	return &tapiov1.GetProfilesRequest{
		SampleTypes: q.Types, TraceId: idText(q.TraceID), SpanId: spanIDText(q.SpanID),
		ProfileIds: profileIDTexts(q.IDs), TraceIds: traceIDTexts(q.TraceIDs),
	}
}

func spanIDText(id model.SpanID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

func profileIDTexts(ids []model.ProfileID) (list []string) {
	for _, id := range ids {
		list = append(list, hex.EncodeToString(id[:]))
	}
	return list
}

func traceIDTexts(ids []model.TraceID) (list []string) {
	for _, id := range ids {
		list = append(list, id.String())
	}
	return list
}

// GroupRequest asks for the sums of a query by label or by trace, as many as the API
// returns.
func GroupRequest(q *model.ProfileGroupQuery) *tapiov1.AnalyzeProfileRequest {
	req := &tapiov1.AnalyzeProfileRequest{
		Filter: FilterRequest(unnamed(q.Filter)), TraceId: idText(q.TraceID), SpanId: spanIDText(q.SpanID),
		ProfileIds: profileIDTexts(q.IDs), TraceIds: traceIDTexts(q.TraceIDs), Function: q.Function, GroupBy: q.By.Name(), Top: uint32(functionLimits().most),
	}
	if len(q.Types) > 0 {
		req.SampleType = q.Types[0]
	}
	if req.GroupBy == "" {
		req.MaxTraces = maxProfileTraces
	}
	return req
}

// GroupsOf returns the sums of an answer. More is how many the answer left out.
func GroupsOf(response *tapiov1.AnalyzeProfileResponse, byTrace bool) (groups model.ProfileGroups, more uint64, err error) {
	for _, g := range response.GetGroups() {
		groups.Groups = append(groups.Groups, model.ProfileGroup{
			Value: g.GetValue(), NoValue: g.GetNoValue(), Total: int64(g.GetTotalValue()), Samples: g.GetSampleCount(),
			TopFunction: g.GetTopFunction(), TopSelf: int64(g.GetTopFunctionValue()),
		})
	}
	if !byTrace {
		groups.Total = int64(response.GetTotalValue())
		return groups, response.GetMoreGroups(), nil
	}
	for _, t := range response.GetTraces() {
		id, err := traceID("trace_id", t.GetTraceId())
		if err != nil {
			return groups, 0, err
		}
		groups.Groups = append(groups.Groups, model.ProfileGroup{
			TraceID: id, Total: int64(t.GetTotalValue()), Samples: t.GetSampleCount(), TopFunction: t.GetTopFunction(),
		})
		groups.Total += int64(t.GetTotalValue())
	}
	if len(groups.Groups) == maxProfileTraces {
		more = 1 // or more, or none
	}
	return groups, more, nil
}

// ProfileOf returns a profile of an answer. The attributes are those of the profile and
// its resource, which an answer does not keep apart, as text.
func ProfileOf(p *tapiov1.Profile) (model.ProfileInfo, error) {
	out := model.ProfileInfo{
		Resource: &model.Resource{}, Scope: &model.Scope{},
		Type: model.ProfileType{Name: p.GetSampleType(), Unit: p.GetSampleUnit()},
		Time: instantOf(p.GetTime()), Duration: p.GetDuration().AsDuration(),
		Samples: p.GetSampleCount(), Total: int64(p.GetTotalValue()),
	}
	if n, err := hex.Decode(out.ID[:], []byte(p.GetProfileId())); err != nil || n != len(out.ID) {
		return out, model.InvalidField("profile_id", "must be 32 hex digits")
	}
	attributes := p.GetAttributes()
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		out.Resource.Attributes = append(out.Resource.Attributes, model.KeyValue{Key: key, Value: model.StringValue(attributes[key])})
	}
	if _, named := attributes[semconv.ServiceName]; !named && p.GetService() != "" {
		out.Resource.Attributes = append(out.Resource.Attributes, model.KeyValue{Key: semconv.ServiceName, Value: model.StringValue(p.GetService())})
	}
	return out, nil
}

// SummarizeOf sets what a summary reports of a tree.
func SummarizeOf(t *model.CallTree, s *tapiov1.ProfileSummary) {
	t.Profiles, t.Samples, t.Duration = s.GetProfileCount(), s.GetSampleCount(), s.GetProfiledDuration().AsDuration()
	t.First, t.Last = instantOf(s.GetStartTime()), instantOf(s.GetEndTime())
}
