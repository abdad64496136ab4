// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapio/tapio/internal/archive"
	"github.com/tapio/tapio/internal/archive/archivetest"
	"github.com/tapio/tapio/internal/archive/bucket"
	"github.com/tapio/tapio/internal/archive/s3bucket"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// begin is the middle of an hour, so that data falls into two.
func begin() time.Time { return time.Date(2026, 11, 1, 10, 30, 0, 0, time.UTC) }

func newStore(bytes int64) *store.Store {
	return store.New(store.Limits{Logs: bytes, Traces: bytes, Metrics: bytes, Profiles: bytes}, time.Now)
}

func resource(service string) *model.Resource {
	return &model.Resource{Attributes: model.Attributes{{Key: "service.name", Value: model.StringValue(service)}}}
}

// fill stores n records of each signal and service, one a minute.
func fill(t *testing.T, s *store.Store, n int, services ...string) {
	t.Helper()
	for _, service := range services {
		from, scope := resource(service), &model.Scope{Name: "test"}
		metric := &model.Metric{Name: "queue.size", Unit: "1", Type: model.MetricGauge}
		dictionary := &model.ProfileDictionary{
			Frames: []model.Frame{{Function: "main"}, {Function: "work", File: "work.go", Line: 7}, {Function: "wait"}},
			Stacks: [][]uint32{{1, 0}, {2, 1, 0}},
		}
		for i := range n {
			at := model.Nanos(begin().Add(time.Duration(i) * time.Minute).UnixNano())
			id := model.TraceID{1, byte(i), byte(len(service))}
			store1(t, func() (int, error) {
				return s.AppendEvents([]model.Event{{
					Time: at, SeverityNumber: 9, Body: model.StringValue(fmt.Sprintf("order %d of %s", i, service)), Resource: from, Scope: scope,
					Attributes: model.Attributes{{Key: "n", Value: model.IntValue(int64(i))}}, TraceID: id,
				}})
			})
			store1(t, func() (int, error) {
				return s.AppendSpans([]model.Span{{
					TraceID: id, SpanID: model.SpanID{byte(i + 1)}, Name: "GET /", Kind: 2, Start: at, End: at + 5e6, Resource: from, Scope: scope,
				}})
			})
			store1(t, func() (int, error) {
				return s.AppendPoints([]model.Point{{
					Series: &model.Series{Metric: metric, Resource: from, Scope: scope}, Time: at, Number: model.NumberInt, Bits: uint64(i),
				}})
			})
			store1(t, func() (int, error) {
				return s.AppendProfiles([]model.Profile{{
					ID: model.ProfileID{byte(i + 1), byte(len(service))}, Resource: from, Scope: scope, Time: at, Duration: time.Second, Dictionary: dictionary,
					Type:    model.ProfileType{Name: "cpu", Unit: "nanoseconds", Period: 1e7},
					Samples: []model.ProfileSample{{Stack: 0, Set: model.NoSet, Values: []int64{2e7}}, {Stack: 1, Set: model.NoSet, Values: []int64{1e7}, TraceID: id}},
				}})
			})
		}
	}
}

func store1(t *testing.T, appended func() (int, error)) {
	t.Helper()
	refused, err := appended()
	require.NoError(t, err)
	require.Zero(t, refused)
}

// archiving is what an archiver under test reports.
type archiving struct {
	mu       sync.Mutex
	failures []error
}

func (a *archiving) failing(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures = append(a.failures, err)
}

func (a *archiving) all() []error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]error(nil), a.failures...)
}

func bucketOf(t *testing.T, server *archivetest.Server) *s3bucket.Bucket {
	t.Helper()
	b, err := s3bucket.New(t.Context(), s3bucket.Options{Bucket: archivetest.Bucket, Endpoint: server.URL, AccessKeyID: "key", SecretAccessKey: "secret"})
	require.NoError(t, err)
	return b
}

func newArchiver(t *testing.T, from *store.Store, objects bucket.Bucket, positions *archive.Positions, report *archiving) *archive.Archiver {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	a, err := archive.NewArchiver(ctx, from.Reader(), func(after uint64) archive.ProfileTail { return store.TailProfiles(from, after) }, archive.Options{
		Bucket: objects, Prefix: "/prod/", Signals: archive.Signals(), FlushBytes: 1 << 20, FlushInterval: time.Minute, Timeout: time.Second,
		Backoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond, Positions: positions, Failing: report.failing,
		Report: func(problem string, err error) { assert.NoError(t, err, problem) }, Now: time.Now,
	})
	require.NoError(t, err)
	return a
}

func restorer(objects bucket.Bucket) *archive.Restorer {
	return &archive.Restorer{Bucket: objects, Prefix: "prod", Timeout: 5 * time.Second, Attempts: 3, Backoff: time.Millisecond}
}

func restored(t *testing.T, objects bucket.Bucket, selection archive.Selection) (*store.Store, *archive.Progress) {
	t.Helper()
	to := newStore(8 << 20)
	progress, err := restorer(objects).Restore(t.Context(), selection, to, func(*archive.Progress) error { return nil })
	require.NoError(t, err)
	return to, progress
}

// texts are the log records of a store.
func texts(t *testing.T, s *store.Store) (all []string) {
	t.Helper()
	page, err := s.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 1000, Ascending: true}})
	require.NoError(t, err)
	for _, e := range page.Rows {
		all = append(all, fmt.Sprintf("%d %s %v %s", e.Time, e.Resource.Service(), e.Attributes, e.Body.Text()))
	}
	slices.Sort(all) // those of one time have no order
	return all
}

// cpu is the sum of all profiles of a store, by stack.
func cpu(t *testing.T, s *store.Store) (tree map[string]int64, profiles uint64) {
	t.Helper()
	sum, err := s.MergeProfiles(t.Context(), model.ProfileQuery{})
	require.NoError(t, err)
	tree = map[string]int64{}
	paths := make([]string, len(sum.Nodes))
	for i := 1; i < len(sum.Nodes); i++ {
		n := &sum.Nodes[i]
		paths[i] = paths[n.Parent] + "/" + sum.Frames[n.Frame].Function
		tree[paths[i]] = n.Total
	}
	return tree, sum.Profiles
}

func TestWhatIsRestoredEqualsWhatWasStored(t *testing.T) {
	server := archivetest.Serve(t)
	objects := bucketOf(t, server)
	from := newStore(8 << 20)
	services := []string{"checkout", "payment/v2", ""}
	fill(t, from, 60, services...)
	a := newArchiver(t, from, objects, archive.NewPositions(), &archiving{})
	require.NoError(t, a.Flush(t.Context()))
	assert.Equal(t, map[string]uint64{"logs": 180, "traces": 180, "metrics": 180, "profiles": 180}, a.Stats().Records)

	to, progress := restored(t, objects, archive.Selection{})
	assert.Equal(t, map[string]uint64{"logs": 180, "traces": 180, "metrics": 180, "profiles": 180}, progress.Records)
	assert.Equal(t, texts(t, from), texts(t, to))
	want, n := cpu(t, from)
	got, m := cpu(t, to)
	assert.Equal(t, want, got)
	assert.Equal(t, n, m)
	for _, signal := range []int{0, 1, 2, 3} {
		assert.Equal(t, from.Stats()[signal].Rows, to.Stats()[signal].Rows, from.Stats()[signal].Signal)
	}
	assert.Zero(t, server.Wholes.Load(), "objects are read by ranges only")
	assert.Positive(t, server.Ranges.Load())

	entries, err := restorer(objects).List(t.Context(), archive.Selection{Signals: []string{"profiles"}, Services: []string{"payment/v2"}})
	require.NoError(t, err)
	require.Len(t, entries, 2, "one for each hour")
	assert.Equal(t, uint64(30), entries[0].Records)
	assert.Equal(t, begin().Truncate(time.Hour), entries[0].Hour)
}

func TestOnlyTheSelectionIsRestored(t *testing.T) {
	objects := bucketOf(t, archivetest.Serve(t))
	from := newStore(8 << 20)
	fill(t, from, 60, "checkout", "payment")
	require.NoError(t, newArchiver(t, from, objects, archive.NewPositions(), &archiving{}).Flush(t.Context()))
	to, progress := restored(t, objects, archive.Selection{
		Signals: []string{"logs", "profiles"}, Services: []string{"payment"},
		Times: model.TimeRange{Start: model.Nanos(begin().Add(35 * time.Minute).UnixNano()), End: model.Nanos(begin().Add(40 * time.Minute).UnixNano())},
	})
	assert.Equal(t, map[string]uint64{"logs": 5, "profiles": 5}, progress.Records)
	assert.Equal(t, uint64(2), progress.TotalObjects)
	for _, text := range texts(t, to) {
		assert.Contains(t, text, "payment")
	}
}
