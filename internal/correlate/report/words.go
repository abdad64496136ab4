// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// Percent formats a share as people do: two digits at most, and never a zero or a whole
// that is none.
func Percent(ratio float64) string {
	p := 100 * ratio
	switch {
	case p <= 0 || math.IsNaN(p):
		return "0%"
	case p < 0.1:
		return "less than 0.1%"
	case p < 1:
		return fmt.Sprintf("%.1f%%", p)
	case p > 99 && p < 100:
		return "over 99%"
	}
	return fmt.Sprintf("%.0f%%", p)
}

// Millis formats a duration given in milliseconds.
func Millis(ms float64) string {
	switch {
	case ms >= 60_000:
		return Span(model.Nanos(ms * 1e6))
	case ms >= 10_000:
		return fmt.Sprintf("%.0f s", ms/1000)
	case ms >= 1000:
		return fmt.Sprintf("%.1f s", ms/1000)
	case ms >= 10:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 0.95:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", ms), ".0") + " ms"
	}
	return "less than 1 ms"
}

// Clock formats a time of day.
func Clock(t model.Nanos) string {
	return time.Unix(0, int64(t)).UTC().Format("15:04:05") + " UTC"
}

// clockRange formats a stretch of time.
func clockRange(from, to model.Nanos) string {
	return strings.TrimSuffix(Clock(from), " UTC") + "–" + Clock(to)
}

// between is the time from one moment to another, 0 where the order is not known: the
// engine's clock may be behind the newest record.
func between(from, to model.Nanos) model.Nanos { return to - min(from, to) }

// Span returns how long something lasted.
func Span(d model.Nanos) string {
	s := uint64(math.Round(float64(d) / 1e9))
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 600 && s%60 != 0:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 7200:
		return fmt.Sprintf("%.0f min", float64(s)/60)
	case s < 172800:
		return fmt.Sprintf("%.1f h", float64(s)/3600)
	}
	return fmt.Sprintf("%.0f days", float64(s)/86400)
}

// Quantity formats a value with its unit.
func Quantity(x float64, unit string) string {
	switch unit {
	case "1", "ratio":
		return Percent(x)
	case "%":
		return Percent(x / 100)
	case "By":
		return bytes(x)
	case "s":
		return Millis(1000 * x)
	case "ms":
		return Millis(x)
	case "{cpu}":
		return Rounded(x) + " CPUs"
	}
	return strings.TrimSpace(number(x) + " " + unitOf(x, unit))
}

// unitOf writes an annotation such as {call} or {request}/s as a word, in the plural unless
// there is one.
func unitOf(x float64, unit string) string {
	word, rest, found := strings.Cut(strings.TrimPrefix(unit, "{"), "}")
	if !found || !strings.HasPrefix(unit, "{") {
		return unit
	}
	if x != 1 && !strings.HasSuffix(word, "s") {
		word += "s"
	}
	return word + rest
}

func bytes(x float64) string {
	switch a := math.Abs(x); {
	case a >= 1<<30:
		return fmt.Sprintf("%.1f GiB", x/(1<<30))
	case a >= 1<<20:
		return fmt.Sprintf("%.1f MiB", x/(1<<20))
	case a >= 1<<10:
		return fmt.Sprintf("%.1f KiB", x/(1<<10))
	}
	return fmt.Sprintf("%.0f B", x)
}

// number writes a number with three digits that count.
func number(x float64) string {
	if a := math.Abs(x); a >= 1000 {
		return count(x)
	}
	return fmt.Sprintf("%.3g", x)
}

// Rounded writes a number with two digits that count, or as a whole number from 10 on.
func Rounded(x float64) string {
	switch {
	case x >= 9.95:
		return count(x)
	case x > 0 && x < 0.01:
		return "less than 0.01"
	}
	return fmt.Sprintf("%.2g", x)
}

// count writes a whole number with separators.
func count(x float64) string {
	text := fmt.Sprintf("%.0f", x)
	from := 0
	if strings.HasPrefix(text, "-") {
		from = 1
	}
	for at := len(text) - 3; at > from; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// plural is the word for so many.
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return count(float64(n)) + " " + word + "s"
}

// Listed names a few.
func Listed(names []string) string {
	const few = 4
	switch n := len(names); {
	case n == 0:
		return ""
	case n == 1:
		return names[0]
	case n > few:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), n-few)
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1] //nolint:gosec // there are at least two names
	}
}

// Clip cuts a text at a word, and marks that.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = strings.ToValidUTF8(s[:n], "")
	if at := strings.LastIndexByte(s, ' '); at > n/2 {
		s = s[:at]
	}
	return strings.TrimRight(s, " ,;:") + "…"
}

// quoted puts a text in quotation marks, clipped.
func quoted(s string, n int) string {
	return "\"" + Clip(strings.Join(strings.Fields(s), " "), n) + "\""
}

// ResourceWord is what people call the resource that a metric measures.
func ResourceWord(metric string) string {
	for _, word := range [...]string{"cpu", "memory", "filesystem", "disk", "volume"} {
		if strings.Contains(metric, word) {
			if word == "cpu" {
				return "CPU"
			}
			return word
		}
	}
	return metric
}
