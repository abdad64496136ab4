// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// OneLine makes foreign text safe to print: a record must not break the line,
// nor send control sequences to the terminal of the person who reads it.
func OneLine(s string) string {
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

// ShortDuration keeps three digits or so, which is what a person compares.
func ShortDuration(d time.Duration) string {
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

// Size renders bytes in binary units.
func Size(bytes uint64) string {
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

// Thousands groups the digits of a count by three.
func Thousands(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// Rounded is a number for reading, to twelve digits: what sums leave in the last
// ones means nothing, as in 33495.630000000005.
func Rounded(f float64) string {
	short, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 12, 64), 64)
	if size := math.Abs(short); err != nil || size >= 1e15 || size < 1e-4 && size > 0 {
		return number(short)
	}
	return strconv.FormatFloat(short, 'f', -1, 64)
}

// shortTime renders the time of a record as short as a person can place it.
func (o *Output) shortTime(nanos uint64) string { return o.timeText(nanos, "Jan 02 15:04:05.000") }

// fullTime renders the time of a record to the nanosecond.
func (o *Output) fullTime(nanos uint64) string { return o.timeText(nanos, time.RFC3339Nano) }

func (o *Output) timeText(nanos uint64, layout string) string {
	if nanos == 0 || nanos > math.MaxInt64 {
		return "-"
	}
	return time.Unix(0, int64(nanos)).In(o.Zone).Format(layout)
}

// Stamp renders a timestamp of the contract like shortTime.
func (o *Output) Stamp(t *timestamppb.Timestamp) string {
	return o.shortTime(uint64(max(0, t.AsTime().UnixNano())))
}

// Plural returns "1 span", "2 spans".
func Plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "ch") {
		noun += "e"
	}
	return Thousands(n) + " " + noun + "s"
}

// Reasons writes counts by reason on one line, "0" for none.
func Reasons(counts map[string]uint64) string {
	var parts []string
	for reason, n := range counts {
		if n > 0 {
			parts = append(parts, OneLine(reason)+" "+Thousands(n))
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// ShareText renders a share as percent.
func ShareText(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

// FirstOf cuts a list to its first n entries.
func FirstOf[T any](n int, list []T) []T { return list[:min(n, len(list))] }
