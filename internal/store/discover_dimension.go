// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import "github.com/tapio/tapio/internal/model"

// facts is what records are grouped and compared by.
type facts[R any] struct {
	labels func(*R) model.Labels
	// dimension returns what a record has that is no attribute; found is false where
	// it lacks it.
	dimension  func(r *R, name string) (value string, found bool)
	dimensions []string
	signal     model.Signal
	// tally counts a record in what a summary knows beside labels; service is that of
	// the tally, and kernel is set if the kernel saw the record.
	tally func(s *summary, r *R, tally *serviceTally, service string, kernel bool) error
}

func eventFacts() facts[model.Event] {
	return facts[model.Event]{
		labels: (*model.Event).Labels, dimensions: []string{model.DimensionSeverity, model.DimensionName},
		signal: model.SignalLogs,
		tally: func(s *summary, e *model.Event, tally *serviceTally, _ string, _ bool) error {
			tally.event(e)
			return s.lives.note(e.Resource, e.When())
		},
		dimension: func(e *model.Event, name string) (string, bool) {
			switch name {
			case model.DimensionSeverity:
				return severityName(e.Severity()), true
			case model.DimensionName:
				return e.Name, e.Name != ""
			default:
				return "", false
			}
		},
	}
}

func spanFacts() facts[model.Span] {
	return facts[model.Span]{
		labels: (*model.Span).Labels, dimensions: []string{model.DimensionName, model.DimensionKind, model.DimensionStatus},
		signal: model.SignalTraces,
		tally: func(s *summary, span *model.Span, tally *serviceTally, service string, kernel bool) error {
			tally.span(span, kernel)
			if err := s.operations.spanOf(service, span); err != nil {
				return err
			}
			return s.lives.note(span.Resource, span.Start)
		},
		dimension: func(s *model.Span, name string) (string, bool) {
			switch name {
			case model.DimensionName:
				return s.Name, s.Name != ""
			case model.DimensionKind:
				return kindName(s.Kind), true
			case model.DimensionStatus:
				return statusName(s.StatusCode), true
			case model.DimensionDuration:
				return model.DurationBound(s.Duration()), true
			default:
				return "", false
			}
		},
	}
}

// of returns what a record has under a label or dimension.
func (f *facts[R]) of(r *R, key model.LabelKey) (string, bool) {
	if v, found := f.labels(r).Get(key); found {
		return v.Text(), true
	}
	return f.dimension(r, key.Name())
}

func severityName(class model.Severity) string {
	names := [...]string{"unspecified", "trace", "debug", "info", "warn", "error", "fatal"}
	return names[min(int(class), len(names)-1)]
}

func kindName(kind int32) string {
	names := [...]string{"unspecified", "internal", "server", "client", "producer", "consumer"}
	if kind < 0 || int(kind) >= len(names) {
		return names[0]
	}
	return names[kind]
}

func statusName(code int32) string {
	switch code {
	case 1:
		return "ok"
	case model.StatusError:
		return "error"
	default:
		return "unset"
	}
}

// eachLabel calls use once with the name of every attribute of a record, of its scope
// and of its resource.
func eachLabel(labels model.Labels, use func(name string, value model.Value)) {
	for i := range labels.Record {
		if kv := &labels.Record[i]; kv.Key != "" && !repeats(labels.Record[:i], kv.Key) {
			use(kv.Key, kv.Value)
		}
	}
	eachShared(labels, use)
}

// eachShared is eachLabel for the attributes of the scope and the resource only.
func eachShared(labels model.Labels, use func(name string, value model.Value)) {
	if labels.Scope != nil {
		for i := range labels.Scope.Attributes {
			kv := &labels.Scope.Attributes[i]
			if kv.Key != "" && !repeats(labels.Record, kv.Key) && !repeats(labels.Scope.Attributes[:i], kv.Key) {
				use(kv.Key, kv.Value)
			}
		}
	}
	if labels.Resource == nil {
		return
	}
	for i := range labels.Resource.Attributes {
		kv := &labels.Resource.Attributes[i]
		if kv.Key != "" && !repeats(labels.Record, kv.Key) && !repeats(labels.Resource.Attributes[:i], kv.Key) &&
			(labels.Scope == nil || !repeats(labels.Scope.Attributes, kv.Key)) {
			use(kv.Key, kv.Value)
		}
	}
}

func repeats(list model.Attributes, key string) bool {
	for i := range list {
		if list[i].Key == key {
			return true
		}
	}
	return false
}
