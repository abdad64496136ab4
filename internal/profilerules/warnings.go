// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

import (
	"fmt"

	"github.com/tapio/tapio/internal/model"
)

// doubtful is from which share of samples on missing symbols and callers are reported.
const doubtful = 0.05

// Warnings returns what makes a tree less reliable, given the cost of the samples without
// a function name and of those whose stacks are not complete.
func Warnings(t *model.CallTree, unsymbolized, truncated int64) (list []string) {
	total := float64(t.Total())
	if total <= 0 {
		return nil
	}
	if share := float64(unsymbolized) / total; share >= doubtful {
		list = append(list, fmt.Sprintf("%.1f%% of the samples have no function name: their binary has no symbols, or they were not sent", 100*share))
	}
	if share := float64(truncated) / total; share >= doubtful {
		list = append(list, fmt.Sprintf("the stacks of %.1f%% of the samples are not complete: their callers are not known", 100*share))
	}
	measure := measureOf(&t.Type)
	if samples, exact := samplesOf(t); measure == CPU && exact && samples < fewSamples {
		list = append(list, fmt.Sprintf("there are %.0f samples only: shares are estimates, profile for a longer time", samples))
	}
	if (measure == Locks || measure == OffCPU) && t.Duration <= 0 {
		list = append(list, "the profiles have no duration: how much of the time is spent waiting is not known, no rule applies")
	}
	return list
}
