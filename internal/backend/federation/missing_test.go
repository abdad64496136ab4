// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store"
)

// stuck is a member that answers nothing until its caller gives up, as a stopped
// process does.
type stuck struct{ query.Reader }

func (stuck) QueryEvents(ctx context.Context, _ model.EventQuery) (model.Page[model.Event], error) {
	<-ctx.Done()
	return model.Page[model.Event]{}, ctx.Err()
}

func (stuck) ListServices(ctx context.Context, _ model.ServiceQuery) (model.List[model.Service], error) {
	<-ctx.Done()
	return model.List[model.Service]{}, ctx.Err()
}

func (stuck) QueryPoints(ctx context.Context, _ model.PointQuery) (model.Page[model.Point], error) {
	<-ctx.Done()
	return model.Page[model.Point]{}, ctx.Err()
}

func (stuck) Aggregate(ctx context.Context, _ model.AggregateQuery) ([]model.AggregateSeries, int, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

func (stuck) TailEvents(_ context.Context, _ model.EventQuery, _ model.Start) query.Tail[model.Event] {
	return stuckTail{}
}

// stuckTail never comes to anything.
type stuckTail struct{}

func (stuckTail) Ready(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
func (stuckTail) Poll(int) ([]model.Event, model.Loss, bool) { return nil, model.Loss{}, true }
func (stuckTail) Bound(int)                                  {}
func (stuckTail) Skip() model.Loss                           { return model.Loss{} }
func (stuckTail) Position() uint64                           { return 0 }

// broken is a member that fails at once, as one that is not there does.
type broken struct{ query.Reader }

var errRefused = errors.New("connection refused")

func (broken) QueryEvents(context.Context, model.EventQuery) (model.Page[model.Event], error) {
	return model.Page[model.Event]{}, errRefused
}

func (broken) ListServices(context.Context, model.ServiceQuery) (model.List[model.Service], error) {
	return model.List[model.Service]{}, errRefused
}

func (broken) QueryPoints(context.Context, model.PointQuery) (model.Page[model.Point], error) {
	return model.Page[model.Point]{}, errRefused
}

func (broken) Aggregate(context.Context, model.AggregateQuery) ([]model.AggregateSeries, int, error) {
	return nil, 0, errRefused
}

// ofMember makes a store with records of one service, a second apart from another.
func ofMember(t *testing.T, service string, first, records int) *store.Store {
	held := newStore(t)
	resource := &model.Resource{Attributes: model.Attributes{{Key: semconv.ServiceName, Value: model.StringValue(service)}}}
	var rows []model.Event
	for i := range records {
		rows = append(rows, model.Event{
			Time: model.Nanos(1e18 + (i*100+first)*1e9), Body: model.StringValue(fmt.Sprint(service, " ", i)), Resource: resource, Scope: &model.Scope{},
		})
	}
	_, err := held.AppendEvents(rows)
	require.NoError(t, err)
	return held
}

// fleet is a federation of n members that answer, one that is stuck and one that is
// broken.
func fleet(t *testing.T, n int, timeout time.Duration) *federation.Reader {
	how := options(t)
	how.Timeout = timeout
	reader := federation.New(how)
	members := []federation.Member{{Name: "slow", Reader: stuck{}}, {Name: "dead", Reader: broken{}}}
	for i := range n {
		held := ofMember(t, fmt.Sprintf("service-%02d", i), i, 20)
		members = append(members, federation.Member{Name: fmt.Sprintf("node-%02d", i), Reader: held.Reader()})
	}
	require.Empty(t, reader.SetMembers(members))
	return reader
}

// requireMissing requires that the answer names the members that are missing.
func requireMissing(t *testing.T, notes *query.Notes) {
	t.Helper()
	list := notes.List()
	require.Len(t, list, 2)
	require.Equal(t, query.Note{Source: "dead", State: query.SourceFailed, Message: "connection refused"}, list[0])
	require.Equal(t, query.Note{Source: "slow", State: query.SourceLate, Message: "did not answer in time"}, list[1])
}

// Of 50 members one is dead and one is stuck: answers come within the timeout of a
// member, hold all that the others have, and name the two.
func TestFiftyMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := fleet(t, 48, 5*time.Second)
		asked := time.Now()
		ctx, notes := query.WithNotes(t.Context())
		q := model.EventQuery{Paging: model.Paging{Limit: 100}}
		seen := map[string]bool{}
		var before model.Nanos = 1 << 63
		for {
			page, err := reader.QueryEvents(ctx, q)
			require.NoError(t, err)
			for i := range page.Rows {
				require.Less(t, page.Rows[i].Time, before, "the newest first")
				before = page.Rows[i].Time
				require.False(t, seen[page.Rows[i].Body.Text()])
				seen[page.Rows[i].Body.Text()] = true
			}
			if page.Next.IsZero() {
				break
			}
			q.Paging.After = page.Next
		}
		require.Len(t, seen, 48*20)
		requireMissing(t, notes)
		require.Equal(t, 5*time.Second, time.Since(asked), "the stuck member is waited for once in an answer")

		ctx, notes = query.WithNotes(t.Context())
		services, err := reader.ListServices(ctx, model.ServiceQuery{Paging: model.ListPaging{Limit: 1000}})
		require.NoError(t, err)
		require.Len(t, services.Items, 48)
		requireMissing(t, notes)

		ctx, notes = query.WithNotes(t.Context())
		_, _, err = reader.Aggregate(ctx, model.AggregateQuery{Aggregation: model.AggregateP95, Limit: 10})
		require.NoError(t, err)
		requireMissing(t, notes)
	})
}

// A caller with little time gets what there is before its deadline.
func TestShortDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := fleet(t, 3, time.Hour)
		ctx, notes := query.WithNotes(t.Context())
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		services, err := reader.ListServices(ctx, model.ServiceQuery{Paging: model.ListPaging{Limit: 1000}})
		require.NoError(t, err)
		require.Len(t, services.Items, 3)
		requireMissing(t, notes)
	})
}

// A stuck member holds up neither the past nor the present of a live stream.
func TestTailWithStuckMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		how := options(t)
		how.Timeout = 5 * time.Second
		reader := federation.New(how)
		held := ofMember(t, "shop", 0, 30)
		require.Empty(t, reader.SetMembers([]federation.Member{{Name: "slow", Reader: stuck{}}, {Name: "node", Reader: held.Reader()}}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tail := reader.TailEvents(ctx, model.EventQuery{}, model.Start{Last: 10})
		var rows []model.Event
		for more := true; more; {
			var some []model.Event
			some, _, more = tail.Poll(100)
			if rows = append(rows, some...); more {
				require.NoError(t, tail.Ready(ctx))
			}
		}
		require.Len(t, rows, 10)
		require.Equal(t, "shop 20", rows[0].Body.Text())
		require.Equal(t, []query.Note{{Source: "slow", State: query.SourceLate, Message: "did not answer in time"}}, tail.(query.Noted).Notes())
		_, err := held.AppendEvents([]model.Event{{Time: 2e18, Body: model.StringValue("new"), Resource: rows[0].Resource, Scope: rows[0].Scope}})
		require.NoError(t, err)
		require.NoError(t, tail.Ready(ctx))
		some, loss, _ := tail.Poll(100)
		require.Len(t, some, 1)
		require.Zero(t, loss)

		again := reader.TailEvents(ctx, model.EventQuery{}, model.Start{Resume: true, After: rows[9].Seq})
		for some = nil; len(some) == 0; some, _, _ = again.Poll(100) {
			require.NoError(t, again.Ready(ctx))
		}
		require.Len(t, some, 1, "a stream goes on behind the record that it names")
		require.Equal(t, "new", some[0].Body.Text())
	})
}

// A stream that is cut before its first record goes on with what is new.
func TestResumeBeforeFirstRecord(t *testing.T) {
	reader, stores := federation.New(options(t)), []*store.Store{ofMember(t, "cart", 0, 30), ofMember(t, "shop", 1, 20)}
	require.Empty(t, reader.SetMembers([]federation.Member{
		{Name: "a", Reader: stores[0].Reader()}, {Name: "b", Reader: stores[1].Reader()},
	}))
	tail := reader.TailEvents(t.Context(), model.EventQuery{}, model.Start{})
	for more := true; more; {
		var rows []model.Event
		rows, _, more = tail.Poll(100)
		require.Empty(t, rows)
	}
	position := tail.Position()
	for i, held := range stores {
		_, err := held.AppendEvents([]model.Event{{
			Time: model.Nanos(2e18 + i), Body: model.StringValue(fmt.Sprint("new ", i)), Resource: &model.Resource{}, Scope: &model.Scope{},
		}})
		require.NoError(t, err)
	}
	again := reader.TailEvents(t.Context(), model.EventQuery{}, model.Start{Resume: true, After: position})
	var texts []string
	for more := true; more; {
		var rows []model.Event
		var loss model.Loss
		rows, loss, more = again.Poll(100)
		require.Zero(t, loss)
		for i := range rows {
			texts = append(texts, rows[i].Body.Text())
		}
	}
	require.Equal(t, []string{"new 0", "new 1"}, texts)
}

// Two streams that end with the same record have read others to different places: a
// stream that goes on there misses nothing.
func TestResumeOfAnotherStream(t *testing.T) {
	reader, stores := federation.New(options(t)), []*store.Store{ofMember(t, "cart", 0, 1), ofMember(t, "shop", 1, 1)}
	require.Empty(t, reader.SetMembers([]federation.Member{
		{Name: "a", Reader: stores[0].Reader()}, {Name: "b", Reader: stores[1].Reader()},
	}))
	q := model.EventQuery{Filter: model.Filter{Services: []string{"cart"}}}
	behind := reader.TailEvents(t.Context(), model.EventQuery{}, model.Start{Resume: true})
	first, _, _ := behind.Poll(1)
	require.Len(t, first, 1)
	ahead := reader.TailEvents(t.Context(), q, model.Start{Resume: true})
	only, _, _ := ahead.Poll(100)
	require.Equal(t, first[0].Seq, only[0].Seq)
	again := reader.TailEvents(t.Context(), model.EventQuery{}, model.Start{Resume: true, After: first[0].Seq})
	rest, loss, _ := again.Poll(100)
	require.Zero(t, loss)
	require.Len(t, rest, 1)
	require.Equal(t, "shop 0", rest[0].Body.Text())
}

// Without a single answer there is an error that names the members.
func TestNoMemberAnswers(t *testing.T) {
	reader := federation.New(options(t))
	require.Empty(t, reader.SetMembers([]federation.Member{{Name: "a", Reader: broken{}}, {Name: "b", Reader: broken{}}}))
	_, err := reader.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 1}})
	var unavailable *model.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	require.EqualError(t, err, "none of 2 members answers: a: connection refused; b: connection refused")
}

// A page token that was made up is refused.
func TestForeignTokens(t *testing.T) {
	reader := fleet(t, 2, time.Second)
	for _, state := range []string{"x", "\x01", "\x00\x01", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		_, err := reader.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 1, After: model.Cursor{Epoch: reader.Epoch(), State: state}}})
		var fault *model.FieldError
		require.ErrorAs(t, err, &fault, "%q", state)
	}
}
