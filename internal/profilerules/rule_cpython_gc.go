// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func cpythonGC() Rule {
	return Rule{
		ID: "cpython-gc", Title: "Garbage collection in Python", Applies: CPU,
		Threshold: 0.05, Source: "proposal",
		Explanation: "CPython's cyclic garbage collector walks over many live container objects, again and again.",
		Advice:      "Call gc.freeze() after loading long-lived data, raise gc.set_threshold, and avoid reference cycles.",
		Frames: []Frames{
			{Language: Python, Functions: []string{
				"gc_collect_main*", "gc_collect_generations*", "gc_collect_region*", "_PyGC_Collect*",
				"collect_with_callback*", "deduce_unreachable*",
				// What these call: without frame pointers the stack ends there.
				"visit_decref", "visit_reachable", "update_refs", "subtract_refs", "move_unreachable", "untrack_tuples",
			}},
		},
	}
}
