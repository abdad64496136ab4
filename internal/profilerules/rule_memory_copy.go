// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func memoryCopy() Rule {
	return Rule{
		ID: "memory-copy", Title: "Copying of memory", Applies: CPU,
		Threshold: 0.10, Source: "Kanev et al. 2015",
		Explanation: "Bytes are copied between buffers. Only the copying itself is counted.",
		Advice: "Pass slices or views instead of copies, give buffers their final size at once, and use larger reads and " +
			"writes.",
		Frames: []Frames{
			{Language: Go, Functions: []string{"runtime.memmove"}},
			{Language: Java, Functions: []string{"*arraycopy*"}},
			{Language: Native, Functions: []string{"memcpy", "memmove", "__memcpy_*", "__memmove_*", "__GI_memcpy", "__GI_memmove"}},
			{Language: Kernel, Functions: []string{"copy_user_*", "rep_movs_alternative", "_copy_to_iter", "_copy_from_iter"}},
		},
		Leaf: true,
	}
}
