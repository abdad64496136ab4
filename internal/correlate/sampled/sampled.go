// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package sampled reads how many spans a sampled span stands for.
package sampled

import (
	"strconv"
	"strings"
)

// maxAdjusted bounds what one span may stand for: a foreign tracestate must not
// outweigh all that was seen.
const maxAdjusted = 1 << 16

// Count returns how many spans a span stands for, by the threshold of
// OpenTelemetry's probability sampling in its tracestate: ot=th:c is one of four.
func Count(state string) float32 {
	const digits, all = 14, 1 << 56
	if state == "" {
		return 1
	}
	for member := range strings.SplitSeq(state, ",") {
		fields, found := strings.CutPrefix(strings.TrimSpace(member), "ot=")
		if !found {
			continue
		}
		for field := range strings.SplitSeq(fields, ";") {
			text, found := strings.CutPrefix(field, "th:")
			if !found || text == "" || len(text) > digits {
				continue
			}
			threshold, err := strconv.ParseUint(text, 16, 64)
			if err != nil {
				return 1
			}
			threshold <<= 4 * (digits - len(text))
			return float32(min(float64(all)/float64(all-threshold), maxAdjusted))
		}
	}
	return 1
}
