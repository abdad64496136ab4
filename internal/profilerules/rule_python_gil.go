// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func pythonGIL() Rule {
	return Rule{
		ID: "python-gil", Title: "Threads wait for Python's global interpreter lock", Applies: CPU | OffCPU,
		Threshold: 0.10, Source: "proposal",
		Explanation: "Only one thread runs Python code at a time; the others wait for it.",
		Advice:      "Use processes (multiprocessing, more workers) for work on the CPU, or libraries that release the lock.",
		Frames: []Frames{
			{Language: Python, Functions: []string{"take_gil*"}},
		},
	}
}
