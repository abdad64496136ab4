// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

const (
	leastRatio   = 0.02 // two percent of a limit
	leastSeconds = 0.02 // what users begin to notice, times a few calls
)

// kindOf reads from a metric's name, by the words of the semantic conventions,
// what a change of it means, and the least change that matters.
func kindOf(m *model.Metric, host bool) (class, float64) {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(m.Name, w) })
	}
	ratio := m.Unit == "1" || m.Unit == "%"
	switch {
	case m.Name == semconv.MetricSyscallErrors: // programs ask for what is not there, and are interrupted
		return classLoad, leastRatio
	case host && has("node", "host", "system"):
		return classLoad, leastRatio
	case isDuration(m.Name):
		return classSymptom, leastSeconds / secondsIn(m.Unit)
	case has("error", "success", "fail", "restart", "refused", "retransmit", "drop"):
		return classSymptom, leastRatio
	case has("cpu", "memory", "disk", "filesystem", "volume", "throttl", "oom", "swap", "heap", "gc."):
		if ratio {
			return classResource, leastRatio
		}
		return classResource, 0
	default:
		return classLoad, 0
	}
}

// isDuration reports whether a metric measures a duration.
func isDuration(name string) bool {
	return strings.Contains(name, "duration") || strings.Contains(name, "latency") || strings.Contains(name, "response_time")
}

// secondsIn returns how many seconds a unit of time is. Without a unit it is seconds.
func secondsIn(unit string) float64 {
	switch unit {
	case "ms":
		return 1e-3
	case "us":
		return 1e-6
	case "ns":
		return 1e-9
	case "min":
		return 60
	}
	return 1
}
