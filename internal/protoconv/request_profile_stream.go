// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// How often a stream of profiles is answered, and how far back an answer looks.
const (
	defaultProfileInterval = 5 * time.Second
	maxProfileInterval     = 10 * time.Minute
	defaultProfileWindow   = time.Minute
	maxProfileWindow       = 24 * time.Hour
)

// ProfileStream is what StreamProfiles is asked for. The query has no time range.
type ProfileStream struct {
	ProfileAnalysis
	Every, Window time.Duration
}

// StreamProfilesQuery reads a query for a live analysis.
func StreamProfilesQuery(req *tapiov1.StreamProfilesRequest, now time.Time) (s ProfileStream, err error) {
	if req.GetFilter().GetTimeRange() != nil {
		return s, model.InvalidField("filter.time_range", "must be unset: the window is the time that each answer is of")
	}
	if req.GetOrder() == tapiov1.ProfileOrder_PROFILE_ORDER_CHANGE {
		return s, model.InvalidField("order", "by change needs a baseline, which a stream has not: use AnalyzeProfile")
	}
	s.ProfileAnalysis, err = AnalyzeProfileQuery(&tapiov1.AnalyzeProfileRequest{
		Filter: req.GetFilter(), SampleType: req.GetSampleType(), Top: req.GetTop(), MaxNodes: req.GetMaxNodes(), Order: req.GetOrder(),
	}, now)
	if err != nil {
		return s, err
	}
	if s.Every, err = durationWithin("interval", req.GetInterval(), defaultProfileInterval, maxProfileInterval); err != nil {
		return s, err
	}
	s.Window, err = durationWithin("window", req.GetWindow(), defaultProfileWindow, maxProfileWindow)
	return s, err
}

// durationWithin reads a duration from 1 s to the most, or the default where it is unset.
func durationWithin(field string, value *durationpb.Duration, unset, most time.Duration) (time.Duration, error) {
	if value == nil {
		return unset, nil
	}
	d, err := duration(field, value)
	if err != nil {
		return 0, err
	}
	if d < time.Second || d > most {
		return 0, model.InvalidField(field, "must be 1s to %v, is %v", most, d)
	}
	return d, nil
}
