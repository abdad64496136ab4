// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/pprof"
	"github.com/tapio/tapio/internal/profile"
	"github.com/tapio/tapio/internal/protoconv"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	// maxProfileBytes bounds a merged profile before it is compressed, and
	// maxPackedBytes after that: below the 4 MiB that a gRPC client takes by default.
	maxProfileBytes = 64 << 20
	maxPackedBytes  = 3 << 20
)

// profileAnalyzer works out what profiles say.
type profileAnalyzer struct {
	store    query.Reader
	findings *findings
	now      func() time.Time
}

// UploadProfile implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) UploadProfile(
	ctx context.Context, req *tapiov1.UploadProfileRequest,
) (*tapiov1.UploadProfileResponse, error) {
	return s.uploads.Upload(ctx, req)
}

// GetProfiles implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) GetProfiles(ctx context.Context, req *tapiov1.GetProfilesRequest) (*tapiov1.GetProfilesResponse, error) {
	if req.GetIncidentId() != "" {
		filter, err := s.profiles.incidentFilter(ctx, req.GetIncidentId(), req.GetFilter())
		if err != nil {
			return nil, err
		}
		req = proto.CloneOf(req)
		req.Filter = filter
	}
	query, err := protoconv.GetProfilesQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	if req.GetFormat() != tapiov1.ProfileFormat_PROFILE_FORMAT_UNSPECIFIED {
		merged, err := s.profiles.mergedProfile(ctx, query, req.GetFormat())
		return &tapiov1.GetProfilesResponse{Merged: merged}, err
	}
	page, err := s.store.ListProfiles(ctx, query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.GetProfilesResponse{
		Profiles: converted(page.Rows, protoconv.Profile), NextPageToken: protoconv.PageToken(req, page.Next),
	}, nil
}

func (p *profileAnalyzer) mergedProfile(ctx context.Context, query model.ProfileQuery, format tapiov1.ProfileFormat) (*tapiov1.MergedProfile, error) {
	tree, err := p.store.MergeProfiles(ctx, query)
	if err != nil {
		return nil, err
	}
	merged := &tapiov1.MergedProfile{
		Format: format, SampleType: query.Types[0], SampleUnit: tree.Type.Unit, Summary: summarize(tree),
	}
	if len(tree.Nodes) == 0 {
		return merged, nil
	}
	merged.Data, err = encodeProfile(tree, format)
	if err == nil && len(merged.Data) > maxPackedBytes {
		err = model.Exhausted("the merged profile has %d bytes, compressed; the most is %d: narrow the filter or the time range",
			len(merged.Data), maxPackedBytes)
	}
	if err != nil {
		return nil, err
	}
	return merged, nil
}

// encodeProfile writes a tree in a format, compressed with gzip.
func encodeProfile(tree *model.CallTree, format tapiov1.ProfileFormat) ([]byte, error) {
	flat, err := profile.Flatten(tree)
	if err != nil {
		return nil, err
	}
	var data []byte
	switch format {
	case tapiov1.ProfileFormat_PROFILE_FORMAT_OTLP:
		data, err = otlp.MarshalProfiles([]model.Profile{*flat})
	case tapiov1.ProfileFormat_PROFILE_FORMAT_FOLDED:
		data, err = pprof.Folded(flat, maxProfileBytes)
	case tapiov1.ProfileFormat_PROFILE_FORMAT_SPEEDSCOPE:
		data, err = pprof.Speedscope(flat)
	default:
		return pprof.Encode(flat)
	}
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

func summarize(tree *model.CallTree) *tapiov1.ProfileSummary {
	quality := profile.QualityOf(tree)
	return protoconv.ProfileSummary(tree, quality.Unsymbolized, quality.Truncated)
}

// AnalyzeProfile implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) AnalyzeProfile(
	ctx context.Context, req *tapiov1.AnalyzeProfileRequest,
) (*tapiov1.AnalyzeProfileResponse, error) {
	analysis, incident, err := s.profiles.analysisOf(ctx, req)
	if err != nil {
		return nil, err
	}
	split, err := s.profiles.split(ctx, &analysis)
	if err != nil {
		return nil, err
	}
	tree, err := s.store.MergeProfiles(ctx, analysis.Query)
	if err != nil {
		return nil, err
	}
	var baseline *model.CallTree
	if analysis.Baseline != nil {
		if baseline, err = s.store.MergeProfiles(ctx, *analysis.Baseline); err != nil {
			return nil, err
		}
	}
	scale := profile.Scale(tree, baseline)
	if split != nil {
		scale = float64(split.GetSlowCount()) / float64(split.GetFastCount())
	}
	response, err := analyzed(tree, baseline, scale, &analysis)
	if err != nil {
		return nil, err
	}
	response.DurationSplit, response.IncidentFilter, response.IncidentBaseline = split, incident.filter, incident.baseline
	if err := s.profiles.breakDown(ctx, response, &analysis); err != nil {
		return nil, err
	}
	if err := s.profiles.advise(ctx, response, tree, analysis.Query); err != nil {
		return nil, err
	}
	return response, nil
}

// aroundNodes is how many callers and callees are returned where the request does not say.
const aroundNodes = 100

// analyzed answers what is asked of a tree, which is compared with a baseline unless that
// is nil; the values of the baseline are multiplied by scale.
func analyzed(
	tree, baseline *model.CallTree, scale float64, analysis *protoconv.ProfileAnalysis,
) (*tapiov1.AnalyzeProfileResponse, error) {
	response := &tapiov1.AnalyzeProfileResponse{
		TotalValue: float64(tree.Total()), SampleUnit: tree.Type.Unit, ProfileCount: tree.Profiles, Summary: summarize(tree),
		Unsymbolized: unsymbolized(tree),
	}
	functions := profile.Compare(tree, baseline, scale)
	profile.Sort(functions, map[tapiov1.ProfileOrder]profile.Order{
		tapiov1.ProfileOrder_PROFILE_ORDER_TOTAL: profile.ByTotal, tapiov1.ProfileOrder_PROFILE_ORDER_CHANGE: profile.ByChange,
	}[analysis.Order])
	response.Functions = converted(functions[:min(len(functions), analysis.Top)], functionCost)
	nodes := profile.Prune(tree, analysis.Nodes)
	response.CallTree = callTree(nodes)
	if baseline != nil {
		response.BaselineSummary = summarize(baseline)
		for i, delta := range profile.Deltas(nodes, baseline, scale) {
			response.CallTree[i].TotalDelta = delta
		}
		if response.SampleUnit == "" { // nothing but the baseline has samples
			response.SampleUnit = baseline.Type.Unit
		}
	}
	if analysis.Function != "" {
		callers, callees, err := profile.Around(tree, analysis.Function, cmp.Or(analysis.Nodes, aroundNodes))
		if err != nil {
			return nil, err
		}
		response.Callers, response.Callees = callTree(callers), callTree(callees)
	}
	return response, nil
}

func callTree(nodes []profile.Node) []*tapiov1.CallTreeNode {
	list := make([]*tapiov1.CallTreeNode, len(nodes))
	for i, node := range nodes {
		list[i] = &tapiov1.CallTreeNode{
			Parent: int32(node.Parent), Function: node.Name, File: node.File,
			SelfValue: float64(node.Self), TotalValue: float64(node.Total),
		}
	}
	return list
}

func functionCost(f *profile.Change) *tapiov1.AnalyzeProfileResponse_FunctionCost {
	return &tapiov1.AnalyzeProfileResponse_FunctionCost{
		Function: f.Name, File: f.File, Mapping: f.Mapping, SelfValue: float64(f.Self), TotalValue: float64(f.Total),
		SelfDelta: f.SelfDelta, TotalDelta: f.TotalDelta,
	}
}
