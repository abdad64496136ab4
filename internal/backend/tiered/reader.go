// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tiered

import (
	"context"
	"time"

	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// Options are how a Reader works.
type Options struct {
	// Recent holds all that arrived at Since() or later, and Older what came before.
	Recent, Older federation.Member
	Since         func() model.Nanos
	// Timeout is how long a reader may take for one call.
	Timeout time.Duration
	// Calls is how many calls a reader answers at once; more of them wait.
	Calls int
	// QueryMemory is what one query may hold of rows, in bytes.
	QueryMemory int64
	// Panicked is called with each panic that was recovered.
	Panicked func(err error)
	Now      func() time.Time
}

// Reader implements query.Reader.
type Reader struct {
	Options
	both *federation.Reader
}

var _ query.Reader = (*Reader)(nil)

// New makes a reader.
func New(options Options) *Reader {
	options.Recent, options.Older = tierOf(options.Recent), tierOf(options.Older)
	r := &Reader{Options: options, both: federation.New(federation.Options{
		ID: "tiers", Timeout: options.Timeout, Calls: options.Calls, QueryMemory: options.QueryMemory, Panicked: options.Panicked, Now: options.Now,
	})}
	r.both.SetMembers([]federation.Member{
		{Name: options.Recent.Name, Reader: &recent{options.Recent.Reader}},
		{Name: options.Older.Name, Reader: &older{options.Older.Reader}},
	})
	return r
}

// Started implements query.Reader.
func (r *Reader) Started() time.Time { return r.both.Started() }

// Epoch implements query.Reader.
func (r *Reader) Epoch() uint64 { return r.both.Epoch() }

// seamKey is the key of the seam in a context.
type seamKey struct{}

// withSeam sets the seam for the readers below.
func withSeam(ctx context.Context, seam model.Nanos) context.Context {
	return context.WithValue(ctx, seamKey{}, seam)
}

// seamIn returns the seam of a context.
func seamIn(ctx context.Context) model.Nanos {
	seam, _ := ctx.Value(seamKey{}).(model.Nanos)
	return seam
}

// now returns a context with the seam of this moment.
func (r *Reader) now(ctx context.Context) context.Context { return withSeam(ctx, r.Since()) }

// needed is a context for a query about a range; that the older reader is missing does not count
// where all of it is later than the seam.
func (r *Reader) needed(ctx context.Context, times model.TimeRange) context.Context {
	if isEmpty(before(ctx, times)) {
		return query.WithoutNeedOf(ctx, r.Older.Name)
	}
	return ctx
}

// before and since are the parts of a range on both sides of the seam.
func before(ctx context.Context, times model.TimeRange) model.TimeRange {
	if seam := seamIn(ctx); times.End == 0 || times.End > seam {
		times.End = max(seam, 1)
	}
	return times
}

func since(ctx context.Context, times model.TimeRange) model.TimeRange {
	times.Start = max(times.Start, seamIn(ctx))
	return times
}

// isEmpty reports whether no time is in a range.
func isEmpty(times model.TimeRange) bool { return times.End != 0 && times.Start >= times.End }

// Identify implements query.EventReader.
func (r *Reader) Identify(e *model.Event) { r.both.Identify(e) }

// EventByID implements query.EventReader.
func (r *Reader) EventByID(ctx context.Context, id string) (model.Event, bool, error) {
	event, found, err := r.Recent.Reader.EventByID(ctx, id)
	if found || err != nil {
		return event, found, err
	}
	return r.both.EventByID(r.now(ctx), id)
}

// GetServiceGraph implements query.Discoverer.
func (r *Reader) GetServiceGraph(ctx context.Context, q model.GraphQuery) (model.ServiceGraph, error) {
	ctx = r.now(ctx)
	if isEmpty(before(ctx, q.Filter.Time)) {
		return r.Recent.Reader.GetServiceGraph(ctx, q)
	}
	return r.both.GetServiceGraph(ctx, q)
}

// CountCalls implements query.Discoverer.
func (r *Reader) CountCalls(ctx context.Context, times model.TimeRange) (model.CallCounts, error) {
	ctx = r.now(ctx)
	if isEmpty(before(ctx, times)) {
		return r.Recent.Reader.CountCalls(ctx, times)
	}
	return r.both.CountCalls(ctx, times)
}

// CountRecords implements query.Discoverer.
func (r *Reader) CountRecords(ctx context.Context, q model.CountQuery) (model.Counts, error) {
	return r.both.CountRecords(r.needed(r.now(ctx), q.Selection.Filter.Time), q)
}

// GetFacets implements query.Discoverer.
func (r *Reader) GetFacets(ctx context.Context, q model.FacetQuery) (model.Facets, error) {
	return r.both.GetFacets(r.needed(r.now(ctx), q.Selection.Filter.Time), q)
}

// CompareAttributes implements query.Discoverer.
func (r *Reader) CompareAttributes(ctx context.Context, q model.CompareQuery) (model.Comparison, error) {
	return r.both.CompareAttributes(r.now(ctx), q)
}

// ListOperations implements query.Discoverer.
func (r *Reader) ListOperations(ctx context.Context, q model.OperationQuery) (model.List[model.Operation], error) {
	return r.both.ListOperations(r.needed(r.now(ctx), q.Filter.Time), q)
}

// ListProfiles implements query.ProfileReader. Only the recent reader has profiles.
func (r *Reader) ListProfiles(ctx context.Context, q model.ProfileQuery) (model.Page[model.ProfileInfo], error) {
	noteProfiles(ctx, r, q.Filter.Time)
	return r.Recent.Reader.ListProfiles(ctx, q)
}

// MergeProfiles implements query.ProfileReader, likewise.
func (r *Reader) MergeProfiles(ctx context.Context, q model.ProfileQuery) (*model.CallTree, error) {
	noteProfiles(ctx, r, q.Filter.Time)
	return r.Recent.Reader.MergeProfiles(ctx, q)
}

// GroupProfiles implements query.ProfileReader, likewise.
func (r *Reader) GroupProfiles(ctx context.Context, q model.ProfileGroupQuery) (model.ProfileGroups, error) {
	noteProfiles(ctx, r, q.Filter.Time)
	return r.Recent.Reader.GroupProfiles(ctx, q)
}

func noteProfiles(ctx context.Context, r *Reader, times model.TimeRange) {
	if times.Start < r.Since() {
		query.AddNote(ctx, query.Note{Source: r.Older.Name, State: query.SourceIncomplete, Message: "is not read for profiles: those that are not in " + r.Recent.Name + " are missing"})
	}
}
