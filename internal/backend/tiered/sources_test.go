// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tiered_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/backend/tiered"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// seamOfSources is the seam between the tiers of the tests below.
const seamOfSources = model.Nanos(1000)

// calls ask for every kind of answer about a time range.
var calls = map[string]func(ctx context.Context, r *tiered.Reader, f model.Filter) error{
	"events": func(ctx context.Context, r *tiered.Reader, f model.Filter) error {
		_, err := r.QueryEvents(ctx, model.EventQuery{Filter: f, Paging: model.Paging{Limit: 1}})
		return err
	},
	"traces": func(ctx context.Context, r *tiered.Reader, f model.Filter) error {
		_, err := r.QueryTraces(ctx, model.TraceQuery{Filter: f, Paging: model.Paging{Limit: 1}})
		return err
	},
	"points": func(ctx context.Context, r *tiered.Reader, f model.Filter) error {
		_, err := r.QueryPoints(ctx, model.PointQuery{Filter: f, Paging: model.Paging{Limit: 1}})
		return err
	},
	"aggregate": func(ctx context.Context, r *tiered.Reader, f model.Filter) error {
		_, _, err := r.Aggregate(ctx, model.AggregateQuery{Filter: f, Aggregation: model.AggregateP95, Limit: 1})
		return err
	},
	"services": func(ctx context.Context, r *tiered.Reader, f model.Filter) error {
		_, err := r.ListServices(ctx, model.ServiceQuery{Filter: f, Paging: model.ListPaging{Limit: 1}})
		return err
	},
	"operations": func(ctx context.Context, r *tiered.Reader, f model.Filter) error {
		_, err := r.ListOperations(ctx, model.OperationQuery{Filter: f, Paging: model.ListPaging{Limit: 1}})
		return err
	},
	"labels": func(ctx context.Context, r *tiered.Reader, f model.Filter) error {
		_, err := r.ListLabels(ctx, model.LabelQuery{Filter: f, Paging: model.ListPaging{Limit: 1}})
		return err
	},
	"counts": func(ctx context.Context, r *tiered.Reader, f model.Filter) error {
		_, err := r.CountRecords(ctx, model.CountQuery{Selection: model.RecordSelection{Signal: model.SignalLogs, Filter: f}, Limit: 1})
		return err
	},
	"facets": func(ctx context.Context, r *tiered.Reader, f model.Filter) error {
		_, err := r.GetFacets(ctx, model.FacetQuery{Selection: model.RecordSelection{Signal: model.SignalLogs, Filter: f}, Labels: []string{"service.name"}, Limit: 1})
		return err
	},
	"graph": func(ctx context.Context, r *tiered.Reader, f model.Filter) error {
		_, err := r.GetServiceGraph(ctx, model.GraphQuery{Filter: f})
		return err
	},
	"changes": func(ctx context.Context, r *tiered.Reader, f model.Filter) error {
		_, err := r.GetChanges(ctx, model.ChangeQuery{Filter: f, Paging: model.Paging{Limit: 1}})
		return err
	},
}

// Every answer names the tiers that it was read from, and no other.
func TestAnswersNameTheirTiers(t *testing.T) {
	reader := newTiers(t, newStore(t).Reader(), newStore(t).Reader(), seamOfSources)
	for name, ask := range calls {
		for _, one := range []struct {
			times model.TimeRange
			want  []string
		}{
			{model.TimeRange{}, []string{"archive", "memory"}},
			{model.TimeRange{Start: 500, End: 2000}, []string{"archive", "memory"}},
			{model.TimeRange{Start: 500, End: 600}, []string{"archive"}},
		} {
			ctx, sources := query.WithSources(t.Context())
			require.NoError(t, ask(ctx, reader, model.Filter{Time: one.times}), name)
			require.Equal(t, one.want, sources.List(), "%s in %v", name, one.times)
		}
		// What reaches back before the seam, as the baseline of an increase does, needs the older tier, too.
		ctx, sources := query.WithSources(t.Context())
		require.NoError(t, ask(ctx, newTiers(t, newStore(t).Reader(), newStore(t).Reader(), 1), model.Filter{Time: model.TimeRange{Start: 1e18, End: 2e18}}), name)
		require.Equal(t, []string{"memory"}, sources.List(), name)
	}
}

// A tier that fails took no part: it is named in the notes.
func TestATierThatFailsTookNoPart(t *testing.T) {
	reader := newTiers(t, newStore(t).Reader(), failing{newStore(t).Reader()}, seamOfSources)
	ctx, sources := query.WithSources(t.Context())
	ctx, notes := query.WithNotes(ctx)
	_, err := reader.ListServices(ctx, model.ServiceQuery{Paging: model.ListPaging{Limit: 1}})
	require.NoError(t, err)
	require.Equal(t, []string{"memory"}, sources.List())
	require.Equal(t, []query.Note{{Source: "archive", State: query.SourceFailed, Message: "is away"}}, notes.List())
}

// failing is a tier that is away.
type failing struct{ query.Reader }

type awayError struct{}

func (awayError) Error() string { return "is away" }

func (failing) ListServices(context.Context, model.ServiceQuery) (model.List[model.Service], error) {
	return model.List[model.Service]{}, awayError{}
}

// Profiles are in memory only, which each answer about an earlier time says.
func TestAnswersSayThatOlderProfilesAreMissing(t *testing.T) {
	reader := newTiers(t, newStore(t).Reader(), newStore(t).Reader(), seamOfSources)
	for _, times := range []model.TimeRange{{}, {Start: 1, End: 500}, {Start: seamOfSources - 1}} {
		ctx, sources := query.WithSources(t.Context())
		ctx, notes := query.WithNotes(ctx)
		_, err := reader.ListProfiles(ctx, model.ProfileQuery{Filter: model.Filter{Time: times}, Paging: model.Paging{Limit: 1}})
		require.NoError(t, err)
		require.Equal(t, []string{"memory"}, sources.List())
		require.Len(t, notes.List(), 1, "%v", times)
		require.Contains(t, notes.List()[0].Message, "is not read for profiles")
	}
	ctx, notes := query.WithNotes(t.Context())
	_, err := reader.ListProfiles(ctx, model.ProfileQuery{Filter: model.Filter{Time: model.TimeRange{Start: seamOfSources}}, Paging: model.Paging{Limit: 1}})
	require.NoError(t, err)
	require.Empty(t, notes.List())
}
