// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func pageFaults() Rule {
	return Rule{
		ID: "page-faults", Title: "Page faults", Applies: CPU,
		Threshold: 0.05, Source: "proposal",
		Explanation: "Memory is touched for the first time: the process grows, or returns memory and requests it again.",
		Advice:      "Reuse memory instead of freeing it, allocate it at start, use huge pages for large heaps.",
		Frames: []Frames{
			{Language: Kernel, Functions: []string{
				"asm_exc_page_fault", "exc_page_fault", "do_user_addr_fault", "do_page_fault", "page_fault",
				"handle_mm_fault", "clear_page_erms", "clear_page_rep", "clear_huge_page", "do_mem_abort",
			}},
		},
	}
}
