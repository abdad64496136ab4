// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

import (
	"path"
	"slices"

	"github.com/tapio/tapio/internal/model"
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
