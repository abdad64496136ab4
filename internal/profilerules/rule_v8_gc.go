// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func v8GC() Rule {
	return Rule{
		ID: "v8-gc", Title: "Garbage collection in Node.js", Applies: CPU,
		Threshold: 0.10, Source: "proposal",
		Explanation: "V8 spends its time on collecting garbage. Short-lived objects cost scavenges, a full heap costs mark-compact " +
			"collections.",
		Advice: "Allocate less in hot functions; enlarge the young generation (--max-semi-space-size) or the heap (--max-old- " +
			"space-size).",
		Frames: []Frames{
			{Language: Node, Functions: []string{
				"(garbage collector)", "Garbage Collection", "v8::internal::Scavenge*", "v8::internal::Sweeper*",
				"v8::internal::MarkCompactCollector*", "v8::internal::Heap::CollectGarbage*",
				"v8::internal::ConcurrentMarking*", "v8::internal::MarkingVisitor*",
			}},
		},
	}
}
