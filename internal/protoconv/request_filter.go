// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	maxSelectors = 64
	maxTextBytes = 1024
)

// filter translates everything of a filter but its paging. Paths in its errors
// start at the filter.
func filter(f *tapiov1.Filter, now time.Time) (model.Filter, error) {
	out := model.Filter{
		MinSeverity: model.Severity(f.GetMinSeverity()),
		EventNames:  f.GetEventNames(),
		Services:    f.GetServices(),
		Namespaces:  f.GetNamespaces(),
		Text:        model.FoldText(f.GetText()),
		Invert:      f.GetInvert(),
	}
	if n := len(f.GetText()); n > maxTextBytes {
		return out, model.InvalidField("text", "has %d bytes, the most is %d", n, maxTextBytes)
	}
	if err := knownEnum("min_severity", f.GetMinSeverity()); err != nil {
		return out, err
	}
	var err error
	if out.Severities, err = severities(f.GetSeverities()); err != nil {
		return out, err
	}
	if out.Selectors, err = selectors(f.GetLabelSelectors()); err != nil {
		return out, err
	}
	out.Time, err = timeRange(f.GetTimeRange(), now)
	return out, within("time_range", err)
}

// unnamedFilter is filter for metrics and traces, which have neither a severity
// nor an event name.
func unnamedFilter(f *tapiov1.Filter, now time.Time) (model.Filter, error) {
	const mend = "is for log records only: leave it out"
	switch {
	case f.GetMinSeverity() != 0:
		return model.Filter{}, model.InvalidField("min_severity", mend)
	case len(f.GetSeverities()) > 0:
		return model.Filter{}, model.InvalidField("severities", mend)
	case len(f.GetEventNames()) > 0:
		return model.Filter{}, model.InvalidField("event_names", mend)
	default:
		return filter(f, now)
	}
}

func severities(in []tapiov1.Severity) ([]model.Severity, error) {
	out := make([]model.Severity, len(in))
	for i, severity := range in {
		if err := knownEnum(indexed("severities", i), severity); err != nil {
			return nil, err
		}
		out[i] = model.Severity(severity)
	}
	return out, nil
}

func selectors(in []*tapiov1.Filter_LabelSelector) ([]model.Selector, error) {
	if len(in) > maxSelectors {
		return nil, model.InvalidField("label_selectors", "has %d entries, the most is %d", len(in), maxSelectors)
	}
	out := make([]model.Selector, len(in))
	for i, selector := range in {
		var err error
		out[i], err = model.NewSelector(selector.GetKey(), selector.GetOperator(), selector.GetValues())
		if err != nil {
			return nil, withinItem("label_selectors", i, err)
		}
	}
	return out, nil
}

// TimeRange reads the time range of a field; unset is all time.
func TimeRange(field string, r *tapiov1.TimeRange, now time.Time) (model.TimeRange, error) {
	times, err := timeRange(r, now)
	return times, within(field, err)
}

func timeRange(r *tapiov1.TimeRange, now time.Time) (model.TimeRange, error) {
	if r.GetLast() != nil {
		return lastStretch(r, now)
	}
	start, err := instant("start", r.GetStart())
	if err != nil {
		return model.TimeRange{}, err
	}
	end, err := instant("end", r.GetEnd())
	if err != nil {
		return model.TimeRange{}, err
	}
	if r.GetEnd() != nil && end == 0 { // 0 would mean an open end
		return model.TimeRange{}, model.InvalidField("end", "lies before 1970-01-01T00:00:00.000000001Z; leave it out for an open end")
	}
	if r.GetEnd() != nil && end < start {
		return model.TimeRange{}, model.InvalidField("end", "lies before start: swap the two")
	}
	return model.TimeRange{Start: start, End: end}, nil
}

func lastStretch(r *tapiov1.TimeRange, now time.Time) (model.TimeRange, error) {
	if r.GetStart() != nil || r.GetEnd() != nil {
		return model.TimeRange{}, model.InvalidField("last", "excludes start and end: give either it or them")
	}
	last, err := duration("last", r.GetLast())
	if err != nil {
		return model.TimeRange{}, err
	}
	if last <= 0 {
		return model.TimeRange{}, model.InvalidField("last", "must be above 0, is %v", last)
	}
	return model.TimeRange{Start: nanosOf(now.Add(-last)), End: nanosOf(now)}, nil
}

// instant reads a timestamp; unset is 0. Instants that model.Nanos cannot represent
// become the nearest that it can, which no record lies beyond.
func instant(field string, t *timestamppb.Timestamp) (model.Nanos, error) {
	if t == nil {
		return 0, nil
	}
	if err := t.CheckValid(); err != nil {
		return 0, model.InvalidField(field, "is not a valid timestamp: give seconds within the years 1 to 9999 and nanos of 0 to 999999999")
	}
	return nanosOf(t.AsTime()), nil
}

func nanosOf(t time.Time) model.Nanos {
	const maxSeconds = int64(^model.Nanos(0) / 1e9)
	switch seconds := t.Unix(); {
	case seconds < 0:
		return 0
	case seconds >= maxSeconds:
		return ^model.Nanos(0)
	default:
		return model.Nanos(seconds)*1e9 + model.Nanos(t.Nanosecond())
	}
}
