// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/tapio/tapio/test/running"
	"github.com/tapio/tapio/test/simulate/world"
)

// Options choose what is simulated.
type Options struct {
	Binary   string
	Seed     uint64
	Systems  int            // simulated one after the other, each with the next seed
	Quiet    bool           // no faults: days of noise and planned changes
	Hours    float64        // of each system at most; 0: 24
	Budget   float64        // spans made for each system at most; 0: 2 million
	Kinds    string         // expression that names of faults must match; empty: all that do not take hours
	Settings world.Settings // Seed and Start are set for each system
	Dump     string         // folder for one file for each system; empty: none
	Progress io.Writer      // nil: none
}

const config = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "localhost:0", max_recv_msg_size_mib: 64}}}
processors: {semantic_correlation: {}}
exporters: {tapio: {extension: tapio}}
extensions:
  tapio:
    grpc: {endpoint: "localhost:0"}
    http: {enabled: false}
service:
  extensions: [tapio]
  telemetry: {logs: {encoding: json}, metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp], processors: [semantic_correlation], exporters: [tapio]}
    traces: {receivers: [otlp], processors: [semantic_correlation], exporters: [tapio]}
    metrics: {receivers: [otlp], processors: [semantic_correlation], exporters: [tapio]}
`

// Run simulates the systems and scores what the collector says of them.
func Run(ctx context.Context, o Options) (*Report, error) {
	report := &Report{}
	for n := range max(o.Systems, 1) {
		seed := o.Seed + uint64(n)
		got, err := runSystem(ctx, &o, seed)
		if err != nil {
			return nil, fmt.Errorf("seed %d: %w", seed, err)
		}
		report.add(got)
		if o.Dump != "" {
			if err := got.dump(o.Dump); err != nil {
				return nil, err
			}
		}
		if o.Progress != nil {
			got.progress(o.Progress)
		}
	}
	return report, nil
}

// epoch is the Monday on which event time begins; later seeds begin at other hours.
const epoch = int64(1772409600) // 2026-03-02 00:00 UTC

// newWorld returns the system of a seed, and the event time of its first second.
func newWorld(o *Options, seed uint64) (w *world.World, start int64) {
	settings := o.Settings
	settings.Seed = seed
	settings.Start = (epoch + int64(seed%167)*3600) * int64(time.Second)
	return world.New(settings), settings.Start
}

// play lets happen what is planned for a system, and sends all that it reports.
func play(w *world.World, o *Options, start int64, send func(*world.Arrivals) error) error {
	if err := newPlan(w, o, start).play(func(until int64) error { return w.Advance(until, send) }); err != nil {
		return err
	}
	return w.Drain(send)
}

// Play simulates the system of a seed as Run does, and hands over what it reports
// instead of sending it to a collector.
func Play(o Options, seed uint64, report func(*world.Arrivals)) (w *world.World, start int64) {
	w, start = newWorld(&o, seed)
	_ = play(w, &o, start, func(a *world.Arrivals) error { report(a); return nil }) // report cannot fail
	return w, start
}

func runSystem(ctx context.Context, o *Options, seed uint64) (*System, error) {
	c, err := running.Start(ctx, o.Binary, config)
	if err != nil {
		return nil, err
	}
	defer c.Stop()
	w, start := newWorld(o, seed)
	s := &System{Seed: seed, About: w.Describe(), services: len(w.Services)}
	began := time.Now()
	follow, err := followGroups(ctx, c)
	if err != nil {
		return nil, err
	}
	defer follow.stop()
	sender := newSender(c)
	if err := play(w, o, start, func(a *world.Arrivals) error { return sender.send(ctx, a) }); err != nil {
		return nil, err
	}
	if err := sender.pass(ctx, w.Now()+int64(time.Minute)); err != nil {
		return nil, err
	}
	if s.incidents, err = follow.settled(ctx); err != nil {
		return nil, err
	}
	s.Hours = float64(w.Now()-start) / float64(time.Hour)
	s.Seconds, s.Spans, s.Lost = time.Since(began).Seconds(), w.Spans, follow.lost
	s.score(w)
	return s, nil
}
