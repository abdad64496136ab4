// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// profileGroups requires the sums by label and by trace. Which function costs most is
// left out: of a group that is on several servers it may be estimated.
func (s *suite) profileGroups(t *testing.T, all []model.Profile) {
	function := model.Frame{Function: "main.handle1"}
	for name, test := range map[string]struct {
		query model.ProfileGroupQuery
		key   func(p *model.Profile, s *model.ProfileSample) (model.ProfileGroup, bool)
	}{
		"by thread": {
			model.ProfileGroupQuery{By: model.NewLabelKey(semconv.ThreadName)},
			func(_ *model.Profile, s *model.ProfileSample) (model.ProfileGroup, bool) {
				if s.Set == model.NoSet {
					return model.ProfileGroup{NoValue: true}, true
				}
				return model.ProfileGroup{Value: "worker"}, true
			},
		},
		"by instance": {
			model.ProfileGroupQuery{By: model.NewLabelKey(semconv.ServiceInstanceID)},
			func(p *model.Profile, _ *model.ProfileSample) (model.ProfileGroup, bool) {
				instance, _ := p.Resource.Attributes.Get(semconv.ServiceInstanceID)
				return model.ProfileGroup{Value: instance.Text()}, true
			},
		},
		"by trace": {
			model.ProfileGroupQuery{},
			func(_ *model.Profile, s *model.ProfileSample) (model.ProfileGroup, bool) {
				return model.ProfileGroup{TraceID: s.TraceID}, !s.TraceID.IsZero()
			},
		},
		"by trace, of a function": {
			model.ProfileGroupQuery{Function: function.Function},
			func(p *model.Profile, s *model.ProfileSample) (model.ProfileGroup, bool) {
				return model.ProfileGroup{TraceID: s.TraceID}, !s.TraceID.IsZero() && p.ID[1] == 1
			},
		},
		"by instance, of traces": {
			model.ProfileGroupQuery{
				ProfileQuery: model.ProfileQuery{TraceIDs: []model.TraceID{traceID(1), traceID(4), traceID(50)}}, By: model.NewLabelKey(semconv.ServiceInstanceID),
			},
			func(p *model.Profile, s *model.ProfileSample) (model.ProfileGroup, bool) {
				instance, _ := p.Resource.Attributes.Get(semconv.ServiceInstanceID)
				return model.ProfileGroup{Value: instance.Text()}, s.TraceID == traceID(1) || s.TraceID == traceID(4)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want, total := map[model.ProfileGroup]model.ProfileGroup{}, int64(0)
			for i := range all {
				for j := range all[i].Samples {
					sample := &all[i].Samples[j]
					key, holds := test.key(&all[i], sample)
					if !holds || all[i].Type.Name != "cpu" {
						continue
					}
					sum, known := want[key]
					if !known {
						sum = key
					}
					sum.Total += sample.Values[0]
					sum.Samples++
					total += sample.Values[0]
					want[key] = sum
				}
			}
			query := test.query
			query.Types = []string{"cpu"}
			got := answer(t, func(ctx context.Context) (model.ProfileGroups, error) { return s.reader.GroupProfiles(ctx, query) })
			assert.Equal(t, total, got.Total)
			assert.True(t, slices.IsSortedFunc(got.Groups, func(a, b model.ProfileGroup) int { return int(b.Total - a.Total) }))
			for i := range got.Groups {
				assert.NotEmpty(t, got.Groups[i].TopFunction)
				got.Groups[i].TopFunction, got.Groups[i].TopSelf = "", 0
			}
			assert.ElementsMatch(t, slices.Collect(maps.Values(want)), got.Groups)
		})
	}
}
