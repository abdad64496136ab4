// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func goAllocation() Rule {
	return Rule{
		ID: "go-allocation", Title: "Allocation in Go", Applies: CPU,
		Threshold: 0.15, Source: "Go GC guide",
		Explanation: "The program allocates many objects. Each costs time to allocate and, later, to collect. The cost includes that " +
			"of go-gc-assist.",
		Advice: "Find the callers that allocate most with the sample type alloc_space. Preallocate slices and maps, reuse " +
			"buffers (sync.Pool), keep values off the heap.",
		Frames: []Frames{
			{Language: Go, Functions: []string{"runtime.mallocgc*", "runtime.mallocTiny*"}},
		},
	}
}
