// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"cmp"
	"maps"
	"slices"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// maxCounted bounds the words that are counted apart.
const maxCounted = 20

// statistics sums up collectors.
func statistics(entries []entry) *tapiov1.FleetStatistics {
	types, versions := map[string]uint64{}, map[string]uint64{}
	sum := &tapiov1.FleetStatistics{
		CollectorCount: uint64(len(entries)), ProtocolCounts: map[string]uint64{}, ConfigCounts: map[string]uint64{},
	}
	for _, e := range entries {
		types[cmp.Or(e.collector.GetCollectorType(), "unknown")]++
		versions[cmp.Or(e.collector.GetVersion(), "unknown")]++
		sum.ProtocolCounts[e.collector.GetProtocol()]++
		sum.ConfigCounts[e.config]++
		report := e.collector.GetStatus()
		sum.CpuCores += report.GetCpuCores()
		sum.MemoryBytes += report.GetMemoryBytes()
		sum.SentRecordCount += report.GetSentRecordCount()
		sum.QueuedRecordCount += report.GetQueuedRecordCount()
		for _, n := range report.GetDroppedRecordCounts() {
			sum.DroppedRecordCount += n
		}
	}
	sum.TypeCounts, sum.VersionCounts = mostFrequent(types), mostFrequent(versions)
	return sum
}

// mostFrequent keeps the words that are counted most, and the others together.
func mostFrequent(counts map[string]uint64) map[string]uint64 {
	words := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	kept := map[string]uint64{}
	for i, word := range words {
		if i >= maxCounted {
			word = "other"
		}
		kept[word] += counts[words[i]]
	}
	return kept
}

// configState is what became of the configuration meant for a member.
func (m *member) configState() string {
	switch {
	case m.config == nil:
		return "none"
	case m.answer.GetVersion() != m.config.GetVersion():
		return "pending"
	case m.answer.GetResult() == tapiov1.ConfigStatus_RESULT_FAILED:
		return "failed"
	default:
		return "applied"
	}
}
