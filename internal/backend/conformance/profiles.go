// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/profile"
	"github.com/tapio/tapio/internal/semconv"
)

const (
	profileEvery  = 2 * minute
	profileRounds = 5
)

// newProfiles makes profiles of every origin: of processor time, whose samples are of
// traces, and of live memory, of which the newest counts.
func newProfiles() (list []model.Profile) {
	var resources []*model.Resource
	for _, o := range origins() {
		resources = append(resources, &model.Resource{Attributes: model.Attributes{
			{Key: semconv.K8sNamespaceName, Value: model.StringValue(o.namespace)},
			{Key: semconv.ServiceInstanceID, Value: model.StringValue(o.instance)},
			{Key: semconv.ServiceName, Value: model.StringValue(o.service)},
		}})
	}
	for round := range profileRounds {
		for i, resource := range resources {
			for _, kind := range []model.ProfileType{{Name: "cpu", Unit: "nanoseconds"}, {Name: "inuse_space", Unit: "bytes"}} {
				p := model.Profile{
					ID: model.ProfileID{byte(round + 1), byte(i), kind.Name[0]}, Resource: resource, Scope: &model.Scope{}, Type: kind,
					Time: datasetStart + model.Nanos(round)*profileEvery + model.Nanos(i)*second, Duration: time.Minute,
				}
				writeSamples(&p, round, i)
				list = append(list, p)
			}
		}
	}
	return list
}

func writeSamples(p *model.Profile, round, instance int) {
	p.Dictionary = &model.ProfileDictionary{
		Frames: []model.Frame{
			{Function: "main.serve", File: "serve.go", Line: 10, Kind: "go"},
			{Function: fmt.Sprintf("main.handle%d", instance), File: "handle.go", Line: 20, Kind: "go"},
			{Mapping: "libc.so.6", BuildID: "0a1b", Address: 4096, Kind: "native"},
			{Kind: model.FrameTruncated},
		},
		Stacks: [][]uint32{{1, 0}, {2, 1, 0}, {2, 3}},
		Sets:   []model.Attributes{{{Key: semconv.ThreadName, Value: model.StringValue("worker")}}},
	}
	for stack := range p.Dictionary.Stacks {
		sample := model.ProfileSample{Stack: uint32(stack), Set: model.NoSet, Values: []int64{int64(100*(round+1) + 10*instance + stack)}}
		if stack == 1 {
			sample.Set = 0
		}
		if p.Type.Name == "cpu" && stack < 2 {
			sample.TraceID, sample.SpanID = traceID(instance), spanID(instance, stack)
			sample.Times = []model.Nanos{p.Time + model.Nanos(stack+1)*second}
		}
		p.Samples = append(p.Samples, sample)
	}
}

// merged is what a sum of profiles says, by stack, the outermost frame first.
type merged struct {
	Type              model.ProfileType
	Stacks            map[string]int64
	Profiles, Samples uint64
	Duration          time.Duration
}

// mergedOf reads a call tree.
func mergedOf(t *testing.T, tree *model.CallTree) merged {
	t.Helper()
	out := merged{Type: tree.Type, Stacks: map[string]int64{}, Profiles: tree.Profiles, Samples: tree.Samples, Duration: tree.Duration}
	flat, err := profile.Flatten(tree)
	require.NoError(t, err)
	for _, sample := range flat.Samples {
		out.Stacks[stackText(flat.Dictionary, sample.Stack)] += sample.Values[0]
	}
	return out
}

func stackText(d *model.ProfileDictionary, stack uint32) string {
	var list []string
	for _, frame := range slices.Backward(d.Stacks[stack]) {
		list = append(list, fmt.Sprintf("%+v", d.Frames[frame]))
	}
	return strings.Join(list, "\n")
}

// sumOf adds up the samples of the dataset that hold.
func sumOf(list []model.Profile, holds func(p *model.Profile, s *model.ProfileSample) bool) merged {
	out := merged{Stacks: map[string]int64{}}
	for i := range list {
		p := &list[i]
		found := false
		for j := range p.Samples {
			if s := &p.Samples[j]; holds(p, s) {
				found = true
				out.Stacks[stackText(p.Dictionary, s.Stack)] += s.Values[0]
				out.Samples++
			}
		}
		if found {
			out.Type = p.Type
			out.Profiles++
			out.Duration += p.Duration
		}
	}
	return out
}

// profiles requires lists and sums of profiles.
func (s *suite) profiles(t *testing.T) {
	all := newProfiles()
	t.Run("Lists", func(t *testing.T) { s.profileLists(t, all) })
	t.Run("Sums", func(t *testing.T) { s.profileSums(t, all) })
	t.Run("Groups", func(t *testing.T) { s.profileGroups(t, all) })
}

func (s *suite) profileLists(t *testing.T, all []model.Profile) {
	for name, test := range map[string]struct {
		query model.ProfileQuery
		holds func(p *model.Profile) bool
	}{
		"all":        {holds: func(*model.Profile) bool { return true }},
		"of a type":  {model.ProfileQuery{Types: []string{"cpu"}}, func(p *model.Profile) bool { return p.Type.Name == "cpu" }},
		"of an id":   {model.ProfileQuery{IDs: []model.ProfileID{all[3].ID}}, func(p *model.Profile) bool { return p.ID == all[3].ID }},
		"of a trace": {model.ProfileQuery{TraceID: traceID(2)}, func(p *model.Profile) bool { return p.Type.Name == "cpu" && p.ID[1] == 2 }},
		"of a service": {
			model.ProfileQuery{Filter: model.Filter{Services: []string{"orders"}}}, func(p *model.Profile) bool { return p.Resource.Service() == "orders" },
		},
	} {
		for _, ascending := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ascending %v", name, ascending), func(t *testing.T) {
				var want []string
				for i := range all {
					if p := &all[i]; test.holds(p) {
						want = append(want, profileText(p.ID, p.Type, p.Time, p.Resource))
					}
				}
				paging := model.Paging{Limit: 7, Ascending: ascending}
				rows, _ := pagesOf(t, paging, func(ctx context.Context, paging model.Paging) (model.Page[model.ProfileInfo], error) {
					query := test.query
					query.Paging = paging
					return s.reader.ListProfiles(ctx, query)
				})
				var got []string
				for i := range rows {
					got = append(got, profileText(rows[i].ID, rows[i].Type, rows[i].Time, rows[i].Resource))
					if i > 0 && rows[i].Time != rows[i-1].Time {
						assert.Equal(t, ascending, rows[i].Time > rows[i-1].Time)
					}
				}
				assert.ElementsMatch(t, want, got)
			})
		}
	}
}

func profileText(id model.ProfileID, kind model.ProfileType, at model.Nanos, resource *model.Resource) string {
	instance, _ := resource.Attributes.Get(semconv.ServiceInstanceID)
	return fmt.Sprintf("%x %s %s %d %s %s", id, kind.Name, kind.Unit, at, resource.Service(), instance.Text())
}

func (s *suite) profileSums(t *testing.T, all []model.Profile) {
	from, to := datasetStart+profileEvery, datasetStart+3*profileEvery
	for name, test := range map[string]struct {
		query model.ProfileQuery
		holds func(p *model.Profile, s *model.ProfileSample) bool
	}{
		"all": {model.ProfileQuery{Types: []string{"cpu"}}, func(p *model.Profile, _ *model.ProfileSample) bool { return p.Type.Name == "cpu" }},
		"live state": {model.ProfileQuery{Types: []string{"inuse_space"}}, func(p *model.Profile, _ *model.ProfileSample) bool {
			return p.Type.Name == "inuse_space" && p.ID[0] == profileRounds
		}},
		"of a trace": {
			model.ProfileQuery{Types: []string{"cpu"}, TraceID: traceID(3)},
			func(_ *model.Profile, s *model.ProfileSample) bool { return s.TraceID == traceID(3) },
		},
		"of a span": {
			model.ProfileQuery{Types: []string{"cpu"}, TraceID: traceID(3), SpanID: spanID(3, 1)},
			func(_ *model.Profile, s *model.ProfileSample) bool { return s.SpanID == spanID(3, 1) },
		},
		"of a service": {
			model.ProfileQuery{Types: []string{"cpu"}, Filter: model.Filter{Services: []string{"gateway"}}},
			func(p *model.Profile, _ *model.ProfileSample) bool {
				return p.Type.Name == "cpu" && p.Resource.Service() == "gateway"
			},
		},
		"of a thread": {
			model.ProfileQuery{Types: []string{"cpu"}, Filter: model.Filter{Selectors: []model.Selector{selector(t, semconv.ThreadName, "=", "worker")}}},
			func(p *model.Profile, s *model.ProfileSample) bool { return p.Type.Name == "cpu" && s.Set == 0 },
		},
		"of a time": {
			model.ProfileQuery{Types: []string{"cpu"}, Filter: model.Filter{Time: model.TimeRange{Start: from, End: to}}},
			func(p *model.Profile, s *model.ProfileSample) bool {
				at := p.Time
				if len(s.Times) > 0 {
					at = s.Times[0]
				}
				return p.Type.Name == "cpu" && at >= from && at < to
			},
		},
		"of traces": {
			model.ProfileQuery{Types: []string{"cpu"}, TraceIDs: []model.TraceID{traceID(0), traceID(3)}},
			func(_ *model.Profile, s *model.ProfileSample) bool {
				return s.TraceID == traceID(0) || s.TraceID == traceID(3)
			},
		},
		"nothing": {model.ProfileQuery{Types: []string{"no such type"}}, func(*model.Profile, *model.ProfileSample) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			tree := answer(t, func(ctx context.Context) (*model.CallTree, error) { return s.reader.MergeProfiles(ctx, test.query) })
			got, want := mergedOf(t, tree), sumOf(all, test.holds)
			if len(want.Stacks) == 0 {
				assert.Empty(t, tree.Nodes)
				return
			}
			assert.Equal(t, want, got)
		})
	}
}
