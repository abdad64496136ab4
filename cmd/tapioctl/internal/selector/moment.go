// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
)

// TimeForms is what --since and --until accept, for help texts and errors.
const TimeForms = "as an age (90s, 5m, 1d12h, 1w) or a time (2006-01-02, 2006-01-02T15:04:05, with Z or +02:00, or a Unix time)"

// ParseMoment reads a point in time: an age before now, or a date or time in any
// of the forms of timeLayouts. A time without an offset is in --time-zone. It
// returns nil for an empty text.
func ParseMoment(c *render.Clock, flag, text string) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil
	}
	if age, err := ParseAge(text); err == nil {
		return timestamppb.New(c.Now().Add(-age)), nil
	}
	for _, layout := range timeLayouts() {
		if moment, err := time.ParseInLocation(layout, text, c.Zone); err == nil {
			return timestamppb.New(moment), nil
		}
	}
	if moment, ok := unixMoment(text); ok {
		return timestamppb.New(moment), nil
	}
	return nil, exitcode.UsageErrorf("invalid %s %q: give the time %s", flag, text, TimeForms)
}

func timeLayouts() []string {
	return []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly}
}

// unixMoment reads a Unix time in seconds, milliseconds or nanoseconds, distinguished
// by the number of digits.
func unixMoment(text string) (time.Time, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || n < 0:
		return time.Time{}, false
	case len(text) == 10:
		return time.Unix(n, 0), true
	case len(text) == 13:
		return time.UnixMilli(n), true
	case len(text) == 19:
		return time.Unix(0, n), true
	default:
		return time.Time{}, false
	}
}

// ParseAge reads a duration above 0: Go's units, days (d) and weeks (w), the
// larger units first, as in 1w2d or 1d12h30m.
func ParseAge(text string) (time.Duration, error) {
	var total float64
	rest := text
	for _, unit := range []struct {
		letter string
		hours  float64
	}{{"w", 7 * 24}, {"d", 24}} {
		count, after, found := strings.Cut(rest, unit.letter)
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(count, 64)
		if err != nil || !(n >= 0) {
			return 0, fmt.Errorf("invalid duration %q", text)
		}
		total += n * unit.hours * float64(time.Hour)
		rest = after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil {
			return 0, err
		}
		total += float64(d)
	}
	if !(total > 0 && total < math.MaxInt64) {
		return 0, fmt.Errorf("invalid duration %q: must be above 0 and below 292 years", text)
	}
	return time.Duration(total), nil
}

// LoadZone reads --time-zone.
func LoadZone(name string) (*time.Location, error) {
	switch strings.ToLower(name) {
	case "", "utc", "z":
		return time.UTC, nil
	case "local":
		return time.Local, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, exitcode.UsageErrorf("invalid --time-zone %q: use UTC, local or a name such as Europe/Berlin", name)
	}
	return zone, nil
}
