// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func ioWait() Rule {
	return Rule{
		ID: "io-wait", Title: "Waiting for disks", Applies: OffCPU,
		Threshold: 0.20, Source: "proposal",
		Explanation: "Threads wait for block devices.",
		Advice: "Read and write less or in larger pieces, cache, fsync less often, or use a faster disk. The callers show the " +
			"files' users.",
		Frames: []Frames{
			{Language: Kernel, Functions: []string{"io_schedule*", "blk_mq_*", "folio_wait_bit*", "wait_on_page_bit*", "jbd2_log_wait_commit"}},
		},
	}
}
