// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func mapGrowth() Rule {
	return Rule{
		ID: "map-growth", Title: "Growth of maps", Applies: CPU,
		Threshold: 0.05, Source: "proposal",
		Explanation: "Maps grow step by step, and each step moves their entries.",
		Advice:      "Give the expected number of entries when the map is made: make(map[K]V, n), new HashMap<>(n), reserve(n).",
		Frames: []Frames{
			{Language: Go, Functions: []string{
				"internal/runtime/maps.(*table).grow", "internal/runtime/maps.(*table).rehash",
				"internal/runtime/maps.(*table).split", "internal/runtime/maps.(*Map).growTo*", "runtime.hashGrow",
				"runtime.growWork*", "runtime.evacuate*",
			}},
			{Language: Java, Functions: []string{"java.util.HashMap.resize", "java.util.concurrent.ConcurrentHashMap.transfer"}},
			{Language: Python, Functions: []string{"dictresize"}},
			{Language: Node, Functions: []string{"v8::internal::OrderedHashTable*Rehash*", "v8::internal::HashTable*Rehash*"}},
			{Language: Native, Functions: []string{"std::_Hashtable*::_M_rehash*", "hashbrown::raw::RawTable*::reserve_rehash*"}},
		},
	}
}
