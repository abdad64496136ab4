// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// oneLine makes foreign text safe to print: a record must not break the line,
// nor send control sequences to the terminal of the person who reads it.
func oneLine(s string) string {
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !unprintable(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// shortDuration keeps three digits or so, which is what a person compares.
func shortDuration(d time.Duration) string {
	unit := time.Nanosecond
	for _, step := range []time.Duration{time.Microsecond, time.Millisecond, time.Second} {
		if d >= step {
			unit = step
		}
	}
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	precision := max(unit/100, time.Nanosecond)
	if d >= 100*unit {
		precision = unit
	} else if d >= 10*unit {
		precision = max(unit/10, time.Nanosecond)
	}
	return d.Round(precision).String()
}

// size renders bytes in binary units.
func size(bytes uint64) string {
	if bytes < 1024 {
		return fmt.Sprintf("%d B", bytes)
	}
	value, unit := float64(bytes), 0
	for value >= 1023.95 && unit < len("KMGTPE") {
		value /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTPE"[unit-1])
}

// thousands groups the digits of a count by three.
func thousands(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// rounded is a number for reading, to twelve digits: what sums leave in the last
// ones says nothing, as in 33495.630000000005.
func rounded(f float64) string {
	short, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 12, 64), 64)
	if size := math.Abs(short); err != nil || size >= 1e15 || size < 1e-4 && size > 0 {
		return number(short)
	}
	return strconv.FormatFloat(short, 'f', -1, 64)
}

// clock renders the time of a record as short as a person can place it.
func (a *app) clock(nanos uint64) string { return a.timeText(nanos, "Jan 02 15:04:05.000") }

// fullTime renders the time of a record to the nanosecond.
func (a *app) fullTime(nanos uint64) string { return a.timeText(nanos, time.RFC3339Nano) }

func (a *app) timeText(nanos uint64, layout string) string {
	if nanos == 0 || nanos > math.MaxInt64 {
		return "-"
	}
	return time.Unix(0, int64(nanos)).In(a.zone).Format(layout)
}

// stamp renders a timestamp of the contract like clock.
func (a *app) stamp(t *timestamppb.Timestamp) string {
	return a.clock(uint64(max(0, t.AsTime().UnixNano())))
}

// plural says "1 span", "2 spans".
func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "ch") {
		noun += "e"
	}
	return thousands(n) + " " + noun + "s"
}
