// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

import (
	"context"
	"path"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// GCThreads matches the names of the threads in which the JVM collects garbage, with all
// its collectors. Their functions are native and mostly have no symbols.
const GCThreads = `GC Thread#.*|G1 .*|ZWorker.*|ZDriver.*|Shenandoah GC.*|VM Thread`

// NeedsThreads reports whether the samples of the threads named GCThreads are needed to
// judge a tree: those of a JVM, by time on a processor. Profilers that name no methods of
// Java show its library.
func NeedsThreads(t *model.CallTree) bool {
	return measureOf(&t.Type) == CPU && slices.ContainsFunc(t.Frames, func(f model.Frame) bool {
		return f.Kind == "jvm" || path.Base(f.Mapping) == "libjvm.so"
	})
}

// orThreads returns the cost of threads if it is more than what was found by function.
func (b Bottleneck) orThreads(threads *model.CallTree, whole float64) Bottleneck {
	value := min(threads.Total(), int64(whole))
	if value <= b.Value {
		return b
	}
	functions := sums{}
	for i := 1; i < len(threads.Nodes); i++ {
		if n := &threads.Nodes[i]; n.Self > 0 {
			functions.add(&threads.Frames[n.Frame], n.Self)
		}
	}
	return Bottleneck{Rule: b.Rule, Value: value, Share: float64(value) / whole, Functions: functions.list(whole)}
}

// shareOfBusyThread is which part of the selected CPU time a thread must have for the
// others to be idle beside it.
const shareOfBusyThread = 0.8

// busiestThread returns what the busyThread rule finds. Threads are distinguished by
// thread.id; profiles without it have none.
func busiestThread(ctx context.Context, from Reader, tree *model.CallTree, query model.ProfileQuery) (found []Bottleneck, err error) {
	if measureOf(&tree.Type) != CPU || tree.Duration <= 0 || query.Filter.Invert {
		return nil, nil
	}
	groups, err := from.GroupProfiles(ctx, model.ProfileGroupQuery{ProfileQuery: query, By: model.NewLabelKey(semconv.ThreadID)})
	if err != nil || len(groups.Groups) == 0 {
		return nil, err
	}
	busiest := groups.Groups[0]
	if busiest.NoValue || float64(busiest.Total) < shareOfBusyThread*float64(groups.Total) {
		return nil, nil
	}
	thread, err := mergedWith(ctx, from, query, semconv.ThreadID, string(model.OpEqual), busiest.Value)
	if err != nil {
		return nil, err
	}
	samples, exact := samplesOf(thread)
	b := ofThread(thread, nanosecondsOf(thread))
	if !exact || samples < fewSamples || b.Share < b.Rule.Threshold {
		return nil, nil
	}
	return []Bottleneck{b}, nil
}

// nanosecondsOf returns the CPU time of a tree; 0 if its unit is no time.
func nanosecondsOf(t *model.CallTree) float64 {
	if t.Type.Unit == "count" && t.Type.PeriodUnit == "nanoseconds" {
		return float64(t.Total()) * float64(t.Type.Period)
	}
	return float64(t.Total()) * nanosecondsPer(t.Type.Unit)
}

// ofThread is the finding on a thread that was on a CPU for so long. Its functions are
// those with the highest cost of their own.
func ofThread(thread *model.CallTree, onCPU float64) Bottleneck {
	b := Bottleneck{Rule: busyThread(), Value: thread.Total(), Share: onCPU / float64(max(thread.Duration, 1))}
	whole := float64(max(thread.Total(), 1)) / b.Share
	functions := sums{}
	for i := 1; i < len(thread.Nodes); i++ {
		if n := &thread.Nodes[i]; n.Self > 0 {
			functions.add(&thread.Frames[n.Frame], n.Self)
		}
	}
	b.Functions = functions.list(whole)
	return b
}

// mergedWith merges the samples of a query for which one more condition holds.
func mergedWith(ctx context.Context, from Reader, query model.ProfileQuery, label, operator, value string) (*model.CallTree, error) {
	selector, err := model.NewSelector(label, operator, []string{value})
	if err != nil {
		return nil, err
	}
	query.Filter.Selectors = append(slices.Clone(query.Filter.Selectors), selector)
	return from.MergeProfiles(ctx, query)
}
