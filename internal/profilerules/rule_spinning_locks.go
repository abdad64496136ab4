// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func spinningLocks() Rule {
	return Rule{
		ID: "spinning-locks", Title: "Spinning on locks", Applies: CPU,
		Threshold: 0.05, Source: "proposal",
		Explanation: "Threads burn CPU time to get a lock that others hold.",
		Advice: "Hold the lock for a shorter time, split it (shards, one per CPU), or use atomic values. The callers show which " +
			"lock it is.",
		Frames: []Frames{
			{Language: Go, Functions: []string{
				"runtime.lock2*", "runtime.unlock2*", "runtime.(*mutex)*", "runtime.lockWithRank*",
				"sync.(*Mutex).lockSlow", "internal/sync.(*Mutex).lockSlow", "sync.(*RWMutex).rUnlockSlow",
			}},
			{Language: Java, Functions: []string{"ObjectMonitor::TrySpin*", "ObjectMonitor::try_spin*", "SpinPause", "ObjectSynchronizer::*enter*"}},
			{Language: Native, Functions: []string{"pthread_spin_lock", "__pthread_spin_lock", "std::sync::*::Mutex::lock_contended*"}},
			{Language: Kernel, Functions: []string{
				"native_queued_spin_lock_slowpath", "__pv_queued_spin_lock_slowpath", "queued_spin_lock_slowpath",
				"osq_lock",
			}},
		},
	}
}
