// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package rules evaluates Prometheus' recording and alerting rules with Prometheus' own rule
// manager. What they record, and the changes of alerts, leave through the pipelines.
package rules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"

	tapio "github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/query"
)

// Sink takes what rules make into the pipelines.
type Sink interface {
	WritePoints(ctx context.Context, points []tapio.Point) error
	WriteEvents(ctx context.Context, events []tapio.Event) error
}

// Options is what the evaluation needs. All fields are required.
type Options struct {
	// Files are paths of rule files; the last part may be a pattern.
	Files []string
	// Interval is that of groups that name none.
	Interval  time.Duration
	Engine    promql.QueryEngine
	Queryable storage.Queryable
	Parser    parser.Parser
	// Enter waits for the turn of a query.
	Enter func(ctx context.Context) (leave func(), err error)
	Sink  Sink
	// Reader has the events of earlier evaluators.
	Reader   query.EventReader
	Logger   *slog.Logger
	Panicked func(error)
	// Changed gets the alerts whose state changed, after their events are written, and those
	// that fired before a reload or restart and still do, which have no new event.
	Changed func([]Change)
	// Leads reports whether this server evaluates rules now, and not another one; nil: it
	// does.
	Leads func() bool
}

// Evaluator evaluates rules until it is stopped.
type Evaluator struct {
	Options
	manager     *promrules.Manager
	alerts      alerts
	groups      []*promrules.Group
	remembering sync.Once
	bad         []error
	work        sync.WaitGroup
	cancel      context.CancelFunc
	start       sync.Once
	stop        sync.Once

	evaluations, failures, recorded, dropped atomic.Uint64
}

// never is a delay after which alerts are sent again that does not come.
const never = time.Duration(math.MaxInt64 / 8)

// New reads the rule files. One that is bad is reported by Problems and left out.
func New(o Options) *Evaluator {
	ctx, cancel := context.WithCancel(context.Background())
	e := &Evaluator{Options: o, cancel: cancel, alerts: newAlerts()}
	e.manager = promrules.NewManager(&promrules.ManagerOptions{
		ExternalURL: &url.URL{}, Context: ctx, Appendable: e, Queryable: o.Queryable, Logger: o.Logger,
		QueryFunc:  e.query,
		NotifyFunc: func(context.Context, string, ...*promrules.Alert) {}, // changes are seen after each evaluation
		Registerer: prometheus.NewRegistry(), Parser: o.Parser, ResendDelay: never,
		OutageTolerance: time.Hour, ForGracePeriod: 10 * time.Minute,
		DefaultRuleQueryOffset: func() time.Duration { return 0 },
	})
	good := e.check()
	if err := e.manager.Update(o.Interval, good, labels.EmptyLabels(), "", e.evaluate); err != nil {
		e.bad = append(e.bad, fmt.Errorf("rules::files: %w", err))
	}
	// Not asked for while groups are evaluated: the manager waits for them with its lock held.
	e.groups = e.manager.RuleGroups()
	return e
}

// check returns the files that can be read, each once.
func (e *Evaluator) check() (good []string) {
	for _, pattern := range e.Files {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			e.bad = append(e.bad, fmt.Errorf("rules::files: %q names no file: write the path of a rule file, in which * stands for any part of a name", pattern))
			continue
		}
		for _, file := range files {
			if slices.Contains(good, file) {
				continue
			}
			if _, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, e.Parser, e.Logger); len(errs) > 0 {
				e.bad = append(e.bad, fmt.Errorf("rules::files: %w: correct it and reload the configuration; the rules of other files are evaluated", errors.Join(errs...)))
				continue
			}
			good = append(good, file)
		}
	}
	return good
}

// Problems returns what is wrong with the rule files.
func (e *Evaluator) Problems() []error { return e.bad }

// Start begins to evaluate.
func (e *Evaluator) Start() {
	e.start.Do(func() {
		e.work.Go(func() {
			if err := panics.Catch(e.manager.Run); err != nil {
				e.Panicked(err)
			}
		})
	})
}

// Stop ends the evaluation and waits for what is under way. It may be called twice, and
// without Start.
func (e *Evaluator) Stop() {
	e.stop.Do(func() {
		e.cancel()
		e.Start() // the groups wait for it before they look whether they are to end
		e.manager.Stop()
		e.work.Wait()
	})
}

// RuleGroups implements v1.RulesRetriever.
func (e *Evaluator) RuleGroups() []*promrules.Group { return e.manager.RuleGroups() }

// AlertingRules implements v1.RulesRetriever.
func (e *Evaluator) AlertingRules() []*promrules.AlertingRule { return e.manager.AlertingRules() }

// Evaluations returns how often rules were evaluated, by result.
func (e *Evaluator) Evaluations() map[string]uint64 {
	failed := e.failures.Load()
	return map[string]uint64{"success": e.evaluations.Load() - failed, "failure": failed}
}

// Samples returns how many samples were recorded, and how many could not be stored.
func (e *Evaluator) Samples() map[string]uint64 {
	return map[string]uint64{"recorded": e.recorded.Load(), "dropped": e.dropped.Load()}
}

func (e *Evaluator) query(ctx context.Context, query string, at time.Time) (vector promql.Vector, err error) {
	leave, err := e.Enter(ctx)
	if err != nil {
		return nil, fmt.Errorf("wait for the turn of a query: %w", err)
	}
	defer leave()
	e.evaluations.Add(1)
	if panicked := panics.Catch(func() {
		vector, err = promrules.EngineQueryFunc(e.Engine, e.Queryable)(ctx, query, at)
	}); panicked != nil {
		e.Panicked(panicked)
		err = panicked
	}
	if err != nil {
		e.failures.Add(1)
	}
	return vector, err
}

// evaluate evaluates a group and writes the changes of its alerts.
func (e *Evaluator) evaluate(ctx context.Context, g *promrules.Group, at time.Time) {
	if e.Leads != nil && !e.Leads() {
		return
	}
	if err := panics.Catch(func() {
		promrules.DefaultEvalIterationFunc(ctx, g, at)
		e.report(ctx, g, at)
	}); err != nil {
		e.Panicked(fmt.Errorf("rule group %q of %s: %w", g.Name(), g.File(), err))
	}
}

func (e *Evaluator) report(ctx context.Context, g *promrules.Group, at time.Time) {
	var changes []Change
	e.remembering.Do(func() {
		if err := e.alerts.remember(ctx, e.Reader); err != nil {
			e.Logger.Warn("failed to read which alerts fire: they are reported again", "err", err)
		}
		changes = e.alerts.endWithoutGroup(e.groups, at)
	})
	changes = append(changes, e.alerts.changes(g, at)...)
	var events []tapio.Event
	for i := range changes {
		if !changes[i].Remembered {
			events = append(events, changes[i].event())
		}
	}
	if len(events) > 0 {
		if err := e.Sink.WriteEvents(ctx, events); err != nil {
			e.Logger.Warn("failed to write the events of alerts", "group", g.Name(), "file", g.File(), "err", err)
		}
	}
	if len(changes) > 0 {
		e.changed(changes)
	}
}

func (e *Evaluator) changed(changes []Change) {
	if e.Changed != nil {
		e.Changed(changes)
	}
}

// serviceOf is the service that a series is about.
func serviceOf(of map[string]string) string {
	for _, name := range []string{"service_name", "service"} {
		if value := of[name]; value != "" {
			return value
		}
	}
	return afterSlash(of["job"])
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
