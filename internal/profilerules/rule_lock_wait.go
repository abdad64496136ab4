// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func lockWait() Rule {
	return Rule{
		ID: "lock-wait", Title: "Waiting for locks", Applies: Locks | OffCPU,
		Threshold: 0.20, Source: "proposal",
		Explanation: "Threads or goroutines wait for a lock that others hold. The share is of the profiled time, above 100% where " +
			"several wait at once.",
		Advice: "Hold the lock for a shorter time, do no I/O under it, split it, or use a lock for readers and writers. In " +
			"mutex profiles of Go the callers are those that held the lock.",
		Frames: []Frames{
			{Language: Go, Functions: []string{
				"sync.(*Mutex).*", "internal/sync.(*Mutex).*", "sync.(*RWMutex).*", "runtime.unlock*", "runtime.lock2*",
				"runtime._LostContendedRuntimeLock",
			}},
			{Language: Java, Functions: []string{
				"ObjectMonitor::enter*", "java.util.concurrent.locks.ReentrantLock.lock*",
				"java.util.concurrent.locks.ReentrantReadWriteLock$*Lock.lock*",
			}},
			{Language: Native, Functions: []string{
				"__lll_lock_wait*", "pthread_mutex_lock", "___pthread_mutex_lock", "__pthread_mutex_lock*",
				"pthread_rwlock_*lock", "std::sync::*::Mutex::lock_contended*",
			}},
			{Language: Kernel, Functions: []string{"rwsem_down_*", "__mutex_lock*", "mutex_lock*"}},
		},
	}
}
