// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func goGCBackground() Rule {
	return Rule{
		ID: "go-gc-background", Title: "Garbage collection in Go", Applies: CPU,
		Threshold: 0.25, Source: "Go GC guide",
		Explanation: "Marking in the background takes more than the quarter of the CPU that the collector aims at while it runs. " +
			"Marking on idle processors is not counted.",
		Advice: "Allocate less, keep fewer pointers in live memory, raise GOGC, or raise GOMEMLIMIT if the heap is close to it.",
		Frames: []Frames{
			{Language: Go, Functions: []string{"runtime.gcBgMarkWorker*"}},
		},
		Except: []Frames{
			{Language: Go, Functions: []string{"runtime.gcDrainMarkWorkerIdle*"}},
		},
	}
}
