// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func jvmGC() Rule {
	return Rule{
		ID: "jvm-gc", Title: "Garbage collection in Java", Applies: CPU,
		Threshold: 0.10, Source: "Datadog automated analysis",
		Explanation: "The JVM spends its time on collecting garbage: the heap is small for what is live, or much is allocated.",
		Advice:      "Compare the live set with -Xmx and enlarge the heap; find what allocates most with an allocation profile.",
		Frames: []Frames{
			{Language: Java, Functions: []string{
				"GC_Thread#*", "[GC Thread#*", "G1_*#*", "G1 Conc#*", "[G1 *", "ZWorker*", "[ZWorker*", "[VM Thread*",
				"GangWorker::run*", "G1ParScanThreadState::*", "G1ParEvacuateFollowersClosure::*", "G1ParTask::work*",
				"G1EvacuateRegions*::work*", "G1ConcurrentMark*", "G1CollectedHeap::do_collection*",
				"G1CollectedHeap::do_full_collection*", "VM_G1*::doit*", "PSPromotionManager::*", "PSParallelCompact::*",
				"ParallelScavengeHeap::*", "ScavengeRootsTask::work*", "DefNewGeneration::collect*",
				"GenCollectedHeap::do_collection*", "SerialHeap::do_collection*", "ZMark::*", "ZRelocate*::*",
				"ShenandoahConcurrentGC::*", "ShenandoahHeap::*",
			}},
		},
	}
}
