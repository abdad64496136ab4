// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"cmp"
	"math"
	"strconv"
)

// exactIntegers bounds the integers that doubles distinguish.
const exactIntegers = 1 << 53

// number is an integer or a double. Integers beyond 2^53, which no double can represent
// apart, are compared as they are.
type number struct {
	double  float64
	integer int64
	whole   bool // integer counts
}

// parseNumber reads a number.
func parseNumber(text string) (n number, ok bool) {
	if integer, err := strconv.ParseInt(text, 10, 64); err == nil {
		return number{float64(integer), integer, true}, true
	}
	double, err := strconv.ParseFloat(text, 64)
	return number{double: double}, err == nil
}

// number returns what the value counts: see Number.
func (v Value) number() (n number, ok bool) {
	switch v.Kind() {
	case KindInt:
		return number{float64(v.Int()), v.Int(), true}, true
	case KindDouble:
		return number{double: v.Double()}, true
	case KindString:
		return parseNumber(v.Str())
	default:
		return number{}, false
	}
}

// Number returns what the value counts: an integer, a double, or a text that is a
// number, as many senders write them. Integers beyond 2^53 are rounded.
func (v Value) Number() (double float64, ok bool) {
	n, ok := v.number()
	return n.double, ok
}

// compare returns -1, 0 or 1 as cmp.Compare does, exactly. Neither is NaN.
func (n number) compare(other number) int {
	switch {
	case n.whole && other.whole:
		return cmp.Compare(n.integer, other.integer)
	case n.whole:
		return compareInteger(n.integer, other.double)
	case other.whole:
		return -compareInteger(other.integer, n.double)
	default:
		return cmp.Compare(n.double, other.double)
	}
}

func compareInteger(n int64, double float64) int {
	switch {
	case double >= math.MaxInt64: // which is 2^63 as a double, and so above all integers
		return -1
	case double < math.MinInt64:
		return 1
	}
	below := math.Floor(double)
	if order := cmp.Compare(n, int64(below)); order != 0 || below == double {
		return order
	}
	return -1
}
