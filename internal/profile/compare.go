// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import "github.com/tapio/tapio/internal/model"

// Scale is by what the values of a baseline are multiplied to compare with those of a
// tree: the ratio of their profiled times or, of profiles without a duration, of the
// numbers of their profiles.
func Scale(t, baseline *model.CallTree) float64 {
	switch {
	case t.Duration > 0 && baseline.Duration > 0:
		return float64(t.Duration) / float64(baseline.Duration)
	case t.Profiles > 0 && baseline.Profiles > 0:
		return float64(t.Profiles) / float64(baseline.Profiles)
	default:
		return 1
	}
}
