// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func busyThread() Rule {
	return Rule{
		ID: "busy-thread", Title: "One thread limits the program", Applies: CPU,
		Threshold: 0.90, Source: "Datadog automated analysis",
		Explanation: "One thread runs almost all of the time while all others together have less than a quarter of its CPU time: " +
			"what it does for one request delays those behind it, however many CPUs are idle. The share is of one CPU.",
		Advice: "Divide its work: Node.js by worker_threads or cluster, Python by processes, other programs by more threads. " +
			"Take long computations out of event loops.",
	}
}
