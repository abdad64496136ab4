// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package incidents

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scene is a store with a watch.
type scene struct {
	store  *store.Store
	watch  *Watch
	refuse bool
}

func newScene() *scene {
	return &scene{store: store.New(store.Limits{Logs: 16 << 20}, time.Now), watch: New()}
}

func (s *scene) write(_ context.Context, events []model.Event) error {
	if s.refuse {
		return errors.New("refused")
	}
	_, err := s.store.AppendEvents(events)
	return err
}

// run runs the watch for so long.
func (s *scene) run(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	s.watch.Run(ctx, Options{Store: s.store, Engine: "here", Write: s.write, Logger: zap.NewNop()})
}

// reports stores a group and its insight, as an engine reports them.
func (s *scene) reports(t *testing.T, engine, id string, revision uint64, state model.GroupState) {
	t.Helper()
	identity := model.FindingIdentity{ID: id, Revision: revision, Time: model.Nanos(time.Now().UnixNano())}
	group := &model.SemanticGroup{FindingIdentity: identity, Kind: model.GroupIncident, State: state, Title: "db is slow since 10:00 UTC"}
	identity.ID = "i-" + id
	insight := &model.Insight{
		FindingIdentity: identity, GroupID: id, Kind: model.GroupIncident, State: state, Title: group.Title,
		Text: "Cause (90%): db\nState: open for 3 min\nNext: look",
	}
	events := []model.Event{otlp.EventFromFinding(group), otlp.EventFromFinding(insight)}
	for i := range events {
		events[i].Attributes = append(events[i].Attributes, model.KeyValue{Key: semconv.FindingEngine, Value: model.StringValue(engine)})
	}
	require.NoError(t, s.write(t.Context(), events))
}

// latest returns the last report of a group, and of its insight.
func (s *scene) latest(t *testing.T, id string) (group *model.SemanticGroup, insight *model.Insight) {
	t.Helper()
	page, err := s.store.Reader().QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 1000, Ascending: true}})
	require.NoError(t, err)
	for i := range page.Rows {
		switch f := otlp.FindingFromEvent(&page.Rows[i]).(type) {
		case *model.SemanticGroup:
			if f.ID == id {
				group = f
			}
		case *model.Insight:
			if f.GroupID == id {
				insight = f
			}
		}
	}
	return group, insight
}

func TestGroupsThatNoEngineReportsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		s.watch.Attach(component.MustNewID("semantic_correlation"), func() []string { return []string{"live"} })
		s.reports(t, "here", "lost", 7, model.GroupGrowing)
		s.reports(t, "here", "live", 1, model.GroupOpen)
		s.reports(t, "here", "over", 1, model.GroupResolved)
		s.reports(t, "there", "remote", 1, model.GroupOpen)
		s.run(t, 3*sweepEvery)

		group, insight := s.latest(t, "lost")
		assert.Equal(t, model.GroupClosed, group.State)
		assert.EqualValues(t, 8, group.Revision)
		assert.Equal(t, "Closed, recovery unknown: db is slow since 10:00 UTC", group.Title)
		assert.Equal(t, model.GroupClosed, insight.State)
		assert.Equal(t, "Cause (90%): db\nState: closed without evidence of recovery; the correlation engine that observed it stopped", insight.Text)
		for id, state := range map[string]model.GroupState{"live": model.GroupOpen, "over": model.GroupResolved, "remote": model.GroupOpen} {
			group, _ = s.latest(t, id)
			assert.Equal(t, state, group.State, id)
		}
		assert.EqualValues(t, 1, s.watch.Closed())

		s.run(t, remoteSilence) // the watch reads on where it ended
		group, _ = s.latest(t, "remote")
		assert.Equal(t, model.GroupClosed, group.State)
		group, _ = s.latest(t, "lost")
		assert.EqualValues(t, 8, group.Revision, "closed once")
	})
}

// The last report of a group that an engine ended may be on the way.
func TestAReportOnTheWayIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		s.reports(t, "here", "g", 1, model.GroupOpen)
		s.run(t, sweepEvery/2)
		s.reports(t, "here", "g", 2, model.GroupResolved)
		s.run(t, 4*sweepEvery)
		group, _ := s.latest(t, "g")
		assert.Equal(t, model.GroupResolved, group.State)
	})
}

func TestAnEndThatIsRefusedIsWrittenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		s.reports(t, "here", "g", 1, model.GroupOpen)
		s.refuse = true
		s.run(t, 4*sweepEvery)
		assert.Zero(t, s.watch.Closed())
		s.refuse = false
		s.run(t, 4*sweepEvery)
		assert.EqualValues(t, 1, s.watch.Closed())
	})
}

func TestEnginesAreKeptUntilTheConfigurationRuns(t *testing.T) {
	w, id := New(), component.MustNewID("semantic_correlation")
	w.Keep(id, "state")
	assert.Nil(t, w.Take(id, func(any) bool { return false }))
	assert.Equal(t, "state", w.Take(id, func(any) bool { return true }))
	assert.Nil(t, w.Take(id, func(any) bool { return true }))
	w.Keep(id, "state")
	w.Settle()
	assert.Nil(t, w.Take(id, func(any) bool { return true }), "no configuration took it")
}

func TestWatchIsBounded(t *testing.T) {
	w, now := New(), time.Unix(1e9, 0)
	for n := range maxOpen + 2 {
		event := otlp.EventFromFinding(&model.SemanticGroup{
			FindingIdentity: model.FindingIdentity{ID: fmt.Sprint(n), Revision: 1, Time: 1}, State: model.GroupOpen,
		})
		w.Observe(&event, now.Add(time.Duration(n)))
	}
	assert.Len(t, w.open, maxOpen)
	assert.EqualValues(t, 2, w.Forgotten())
	assert.NotContains(t, w.open, "1", "the oldest go")
}
