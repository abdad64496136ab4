// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"math"
	"strconv"
)

// DurationBound returns the upper bound of the bucket of a duration in seconds, as
// text of six digits. There are two buckets for each power of two nanoseconds; "0" is
// that of 0.
func DurationBound(d Nanos) string {
	if d == 0 {
		return "0"
	}
	return BoundOfHalf(int(math.Ceil(2*math.Log2(float64(d)) - 1e-9))) // a power of two is in the bucket that it bounds
}

// BoundOfHalf is the DurationBound of the bucket that ends at 2^(half/2) nanoseconds.
func BoundOfHalf(half int) string {
	return strconv.FormatFloat(math.Exp2(float64(half)/2)/1e9, 'g', 6, 64)
}
