// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapio/tapio/extension/tapioextension/internal/prometheus"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is a store with a sink that writes into it.
type shop struct {
	store *store.Store

	mu     sync.Mutex
	events []model.Event
	sent   []string // states that notifications got
	fails  error
}

func (s *shop) notify(changes []Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range changes {
		s.sent = append(s.sent, changes[i].State)
	}
}

func (s *shop) WritePoints(_ context.Context, points []model.Point) error {
	s.mu.Lock()
	fails := s.fails
	s.mu.Unlock()
	if fails != nil {
		return fails
	}
	_, err := s.store.AppendPoints(points)
	return err
}

func (s *shop) WriteEvents(_ context.Context, events []model.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, events...)
	_, err := s.store.AppendEvents(events)
	return err
}

// states returns the states that the alert had, in order.
func (s *shop) states(alert string) (states []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.events {
		if name, _ := s.events[i].Attributes.Get("tapio.alert.name"); name.Text() == alert {
			state, _ := s.events[i].Attributes.Get("tapio.alert.state")
			states = append(states, state.Text())
		}
	}
	return states
}

func (s *shop) gauge(value int64) {
	_, _ = s.store.AppendPoints([]model.Point{{
		Time: model.Nanos(time.Now().UnixNano()), Number: model.NumberInt, Bits: uint64(value),
		Series: &model.Series{
			Metric: &model.Metric{Name: "queue.length", Type: model.MetricGauge}, Scope: &model.Scope{},
			Resource: &model.Resource{Attributes: model.Attributes{{Key: "service.name", Value: model.StringValue("cart")}}},
		},
	}})
}

func newEvaluator(t *testing.T, s *shop, files map[string]string, patterns ...string) (*Evaluator, *prometheus.Queryable) {
	t.Helper()
	return newEvaluatorIn(t, t.TempDir(), s, files, patterns...)
}

func newEvaluatorIn(t *testing.T, dir string, s *shop, files map[string]string, patterns ...string) (*Evaluator, *prometheus.Queryable) {
	t.Helper()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	for i := range patterns {
		patterns[i] = filepath.Join(dir, patterns[i])
	}
	limits := prometheus.Limits{MaxSamples: 1e6, Timeout: time.Minute, Concurrency: 2, Lookback: 5 * time.Minute}
	parser, logger := prometheus.NewParser(), slog.New(slog.DiscardHandler)
	queryable := prometheus.NewQueryable(s.store.Reader(), prometheus.Naming{}, limits.Lookback)
	return New(Options{
		Files: patterns, Interval: time.Minute, Engine: prometheus.NewEngine(limits, parser, logger), Queryable: queryable, Parser: parser,
		Enter: prometheus.NewTurns(limits).Enter, Sink: s, Reader: s.store.Reader(), Changed: s.notify, Logger: logger, Panicked: func(err error) { t.Error(err) },
	}), queryable
}

func newShop() *shop {
	return &shop{store: store.New(store.Limits{Logs: 1 << 22, Metrics: 1 << 22}, time.Now)}
}

func names(t *testing.T, q *prometheus.Queryable) []string {
	t.Helper()
	querier, err := q.Querier(0, time.Now().UnixMilli())
	require.NoError(t, err)
	defer func() { _ = querier.Close() }()
	list, _, err := querier.LabelValues(t.Context(), "__name__", nil)
	require.NoError(t, err)
	return list
}

const queueRules = `
groups:
- name: queue
  interval: 10s
  rules:
  - record: job:queue:max
    expr: max by (job) (queue_length)
  - alert: QueueLong
    expr: job:queue:max > 5
    for: 20s
    labels: {severity: critical}
    annotations: {summary: "{{ $labels.job }} waits for {{ $value }}"}
`

func TestAnAlertGoesThroughItsStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		e, queryable := newEvaluator(t, s, map[string]string{"queue.yaml": queueRules}, "*.yaml")
		require.Empty(t, e.Problems())
		e.Start()
		defer e.Stop()
		feed := func(value int64, d time.Duration) {
			for range d / (5 * time.Second) {
				s.gauge(value)
				time.Sleep(5 * time.Second)
			}
		}
		feed(1, time.Minute)
		assert.Empty(t, s.states("QueueLong"))
		feed(9, time.Minute)
		assert.Equal(t, []string{StatePending, StateFiring}, s.states("QueueLong"))
		feed(1, time.Minute)
		assert.Equal(t, []string{StatePending, StateFiring, StateResolved}, s.states("QueueLong"))
		assert.Subset(t, names(t, queryable), []string{"job:queue:max", "ALERTS", "ALERTS_FOR_STATE"})
		feed(9, 15*time.Second)
		feed(1, time.Minute)
		assert.Equal(t, []string{StatePending, StateInactive}, s.states("QueueLong")[3:], "one that never fired is not resolved")

		fired := s.events[1]
		assert.Equal(t, AlertEvent, fired.Name)
		assert.Equal(t, "alert QueueLong is firing: cart waits for 9", fired.Body.Text())
		assert.Equal(t, "FATAL", fired.SeverityText)
		assert.Equal(t, "cart", fired.Resource.Service())
	})
}

func TestABadFileIsLeftOut(t *testing.T) {
	s := newShop()
	e, _ := newEvaluator(t, s, map[string]string{
		"good.yaml": queueRules, "bad.yaml": "groups:\n- name: broken\n  rules:\n  - record: x\n    expr: sum(\n",
		"twice.yaml": "groups:\n- name: a\n  rules: []\n- name: a\n  rules: []\n", "key.yaml": "groups:\n- name: a\n  rulez: []\n",
	}, "*.yaml", "good.yaml", "none.yaml")
	defer e.Stop()
	require.Len(t, e.RuleGroups(), 1)
	assert.Equal(t, "queue", e.RuleGroups()[0].Name())
	var all []string
	for _, problem := range e.Problems() {
		all = append(all, problem.Error())
	}
	text := strings.Join(all, "\n")
	for _, said := range []string{`bad.yaml: 5:11: group "broken", rule 1, "x"`, "unclosed left parenthesis", `"a" is repeated`, "rulez", "none.yaml", "reload"} {
		assert.Contains(t, text, said)
	}
	assert.Len(t, all, 4)
}

func TestARuleThatFailsLeavesOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		e, queryable := newEvaluator(t, s, map[string]string{"r.yaml": `
groups:
- name: g
  interval: 10s
  rules:
  - record: fails
    expr: queue_length + on() group_left() (label_replace(queue_length, "a", "1", "", "") or queue_length)
  - record: works
    expr: queue_length * 2
`}, "r.yaml")
		e.Start()
		defer e.Stop()
		for range 6 {
			s.gauge(3)
			time.Sleep(10 * time.Second)
		}
		assert.Contains(t, names(t, queryable), "works")
		assert.NotContains(t, names(t, queryable), "fails")
		rules := e.RuleGroups()[0].Rules()
		assert.EqualValues(t, "err", rules[0].Health())
		assert.EqualValues(t, "ok", rules[1].Health())
		assert.NotZero(t, e.Evaluations()["failure"])
		assert.NotZero(t, e.Evaluations()["success"])

		s.mu.Lock()
		s.fails = errors.New("no tapio receiver")
		s.mu.Unlock()
		time.Sleep(10 * time.Second)
		assert.NotZero(t, e.Samples()["dropped"])
	})
}

// An alert that still fires after a reload has no new event, but notifications get it; one
// that ends is resolved, though the evaluator never saw it begin, and so is one whose rule
// was removed.
func TestAlertsGoOnOverAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		files := map[string]string{"queue.yaml": strings.ReplaceAll(queueRules, "for: 20s", "for: 0s")}
		feed := func(value int64, d time.Duration) {
			for range d / (5 * time.Second) {
				s.gauge(value)
				time.Sleep(5 * time.Second)
			}
		}
		dir := t.TempDir()
		run := func(value int64) {
			e, _ := newEvaluatorIn(t, dir, s, files, "*.yaml")
			require.Empty(t, e.Problems())
			e.Start()
			defer e.Stop()
			feed(value, 40*time.Second)
		}
		run(9)
		assert.Equal(t, []string{StateFiring}, s.states("QueueLong"))
		run(9)
		assert.Equal(t, []string{StateFiring}, s.states("QueueLong"), "it is no new alert")
		assert.Equal(t, []string{StateFiring, StateFiring}, s.sent, "it still fires")
		run(1)
		assert.Equal(t, []string{StateFiring, StateResolved}, s.states("QueueLong"))
		run(9)
		assert.Equal(t, []string{StateFiring, StateResolved, StateFiring}, s.states("QueueLong"))
		resolved := s.events[1]
		assert.Equal(t, "alert QueueLong is resolved: cart waits for 9", resolved.Body.Text())
		files["queue.yaml"] = "groups: [{name: other, interval: 10s, rules: [{alert: Never, expr: vector(0) > 1}]}]"
		run(9)
		assert.Equal(t, []string{StateFiring, StateResolved, StateFiring, StateResolved}, s.states("QueueLong"))
	})
}
