// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package sampled

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestASampledSpanStandsForOthers(t *testing.T) {
	for state, want := range map[string]float32{
		"": 1, "ot=th:0": 1, "ot=th:c": 4, "ot=th:fd;rv:ffaabbccddee00": 256.0 / 3, "vendor=x, ot=rv:00;th:8": 2, "ot=th:": 1, "ot=th:xyz": 1,
		"ot=rv:abc": 1, "ot=th:ffffffffffffff": maxAdjusted, "ot=th:fffffffffffffff": 1, "vendor=th:c": 1,
	} {
		assert.InEpsilon(t, want, Count(state), 1e-6, state)
	}
}
