// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func goGCAssist() Rule {
	return Rule{
		ID: "go-gc-assist", Title: "Goroutines help Go's garbage collector", Applies: CPU,
		Threshold: 0.05, Source: "Go GC guide",
		Explanation: "The program allocates faster than the collector marks, so goroutines that allocate must help and requests get " +
			"slower.",
		Advice: "Allocate less, or raise GOGC; with a memory limit, raise GOMEMLIMIT.",
		Frames: []Frames{
			{Language: Go, Functions: []string{"runtime.gcAssistAlloc*"}},
		},
	}
}
