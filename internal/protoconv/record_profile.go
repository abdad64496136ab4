// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"encoding/hex"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Profile writes the description of a profile.
func Profile(p *model.ProfileInfo) *tapiov1.Profile {
	attributes := make(map[string]string, len(p.Resource.Attributes)+len(p.Attributes))
	for _, list := range []model.Attributes{p.Attributes, p.Resource.Attributes} {
		for i := range list {
			attributes[list[i].Key] = list[i].Value.Text()
		}
	}
	return &tapiov1.Profile{
		ProfileId:   hex.EncodeToString(p.ID[:]),
		Service:     p.Resource.Service(),
		Time:        timestamp(p.Time),
		Duration:    durationpb.New(p.Duration),
		SampleType:  p.Type.Name,
		SampleUnit:  p.Type.Unit,
		Attributes:  attributes,
		SampleCount: p.Samples,
		TotalValue:  float64(p.Total),
	}
}

// ProfileGroup writes the sum of the samples with one value of a label, of all of whole.
func ProfileGroup(g *model.ProfileGroup, whole int64) *tapiov1.ProfileGroup {
	return &tapiov1.ProfileGroup{
		Value: g.Value, NoValue: g.NoValue, TotalValue: float64(g.Total), Share: shareOf(g.Total, whole), SampleCount: g.Samples,
		TopFunction: g.TopFunction, TopFunctionValue: float64(g.TopSelf),
	}
}

// ProfileTrace writes the sum of the samples of one trace, of all of whole.
func ProfileTrace(g *model.ProfileGroup, whole int64, spans *model.TraceExtent) *tapiov1.ProfileTrace {
	out := &tapiov1.ProfileTrace{
		TraceId: g.TraceID.String(), TotalValue: float64(g.Total), Share: shareOf(g.Total, whole), SampleCount: g.Samples, TopFunction: g.TopFunction,
	}
	if spans != nil {
		out.Duration, out.StartTime = durationpb.New(spans.Duration()), timestamp(spans.Start)
		out.Service, out.Operation = spans.Service, spans.Operation
	}
	return out
}

func shareOf(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// ProfileSummary describes a sum of samples, of which the two values are not
// symbolized and not complete.
func ProfileSummary(t *model.CallTree, unsymbolized, truncated int64) *tapiov1.ProfileSummary {
	return &tapiov1.ProfileSummary{
		TotalValue:        float64(t.Total()),
		ProfileCount:      t.Profiles,
		SampleCount:       t.Samples,
		ProfiledDuration:  durationpb.New(t.Duration),
		UnsymbolizedShare: shareOf(unsymbolized, t.Total()),
		TruncatedShare:    shareOf(truncated, t.Total()),
		StartTime:         timestamp(t.First),
		EndTime:           timestamp(t.Last),
	}
}
