// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func boxing() Rule {
	return Rule{
		ID: "boxing", Title: "Boxed numbers in Java", Applies: CPU,
		Threshold: 0.05, Source: "Datadog automated analysis",
		Explanation: "Primitive numbers are turned into objects, mostly to be put into collections.",
		Advice:      "Use primitive arrays, primitive streams (IntStream) or collections of primitives.",
		Frames: []Frames{
			{Language: Java, Functions: []string{
				"java.lang.Byte.valueOf", "java.lang.Short.valueOf", "java.lang.Integer.valueOf",
				"java.lang.Long.valueOf", "java.lang.Float.valueOf", "java.lang.Double.valueOf",
				"java.lang.Character.valueOf",
			}},
		},
	}
}
