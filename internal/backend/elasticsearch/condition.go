// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// condition is what records must meet. The clause holds for all selected records; exact is
// set if it holds for no others.
type condition struct {
	clause object // nil: holds for all
	exact  bool
}

// nothing holds for no record.
func nothing() condition { return exactly(object{"match_none": object{}}) }

func exactly(clause object) condition { return condition{clause, true} }

// roughly is a condition that holds for others too.
func roughly(clause object) condition { return condition{clause, false} }

// all joins conditions that must all hold.
func all(list ...condition) condition {
	joined := exactly(nil)
	var clauses []object
	for _, one := range list {
		joined.exact = joined.exact && one.exact
		if one.clause != nil {
			clauses = append(clauses, one.clause)
		}
	}
	switch len(clauses) {
	case 0:
	case 1:
		joined.clause = clauses[0]
	default:
		joined.clause = object{"bool": object{"filter": clauses}}
	}
	return joined
}

// anyOf joins conditions of which one must hold.
func anyOf(list ...condition) condition {
	if len(list) == 0 {
		return nothing()
	}
	joined := exactly(nil)
	var clauses []object
	for _, one := range list {
		if one.clause == nil {
			return one
		}
		joined.exact = joined.exact && one.exact
		clauses = append(clauses, one.clause)
	}
	if joined.clause = clauses[0]; len(clauses) > 1 {
		joined.clause = object{"bool": object{"should": clauses, "minimum_should_match": 1}}
	}
	return joined
}

// not inverts a condition. What a rough one does not hold for cannot be known.
func not(one condition) condition {
	switch {
	case !one.exact:
		return roughly(nil)
	case one.clause == nil:
		return nothing()
	default:
		return exactly(object{"bool": object{"must_not": []object{one.clause}}})
	}
}

func term(field, value string) condition {
	return exactly(object{"term": object{field: object{"value": value}}})
}

func exists(field string) condition { return exactly(object{"exists": object{"field": field}}) }

func bounds(field string, bounds object) condition {
	return exactly(object{"range": object{field: bounds}})
}

// has holds for records that have the field. Values that are too long for the index count.
func has(f field) condition {
	if f.class == texts || f.class == mixed {
		return anyOf(exists(f.path), term(ignoredField, f.path))
	}
	return exists(f.path)
}

// events is the condition of a query. Times are those to the millisecond.
func (m *mapping) events(q *model.EventQuery) condition {
	list := []condition{within(q.Filter.Time), m.filter(&q.Filter)}
	switch q.Kind {
	case model.LogsOnly:
		list = append(list, m.named(not(exists(nameField))))
	case model.EventsOnly:
		list = append(list, m.named(exists(nameField)))
	case model.LogsAndEvents:
	}
	if !q.TraceID.IsZero() {
		list = append(list, term(traceField, q.TraceID.String()))
	}
	return all(list...)
}

// named is a condition on names of events, in mappings that have them.
func (m *mapping) named(one condition) condition {
	if m.fields[nameField] != texts {
		return roughly(nil)
	}
	return one
}

const millisecond = model.Nanos(1e6)

// within is the condition on a time range. The end is rounded up to the millisecond.
func within(times model.TimeRange) condition {
	limits := object{}
	if times.Start != 0 {
		limits["gte"] = strconv.FormatUint(uint64(times.Start/millisecond), 10)
	}
	if times.End != 0 {
		limits["lt"] = strconv.FormatUint(uint64((times.End-1)/millisecond+1), 10)
	}
	if len(limits) == 0 {
		return exactly(nil)
	}
	limits["format"] = "epoch_millis"
	return bounds(timeField, limits)
}

// filter is the condition of all but the time.
func (m *mapping) filter(filter *model.Filter) condition {
	var list []condition
	for _, one := range filter.LabelConditions() {
		list = append(list, m.selector(&one))
	}
	list = append(list, m.severities(filter), m.names(filter.EventNames))
	if filter.Text != "" {
		list = append(list, m.contains(filter.Text))
	}
	if filter.Invert {
		return not(all(list...))
	}
	return all(list...)
}

// names is the condition on the name of an event: exact, or a prefix with a trailing *.
func (m *mapping) names(patterns []string) condition {
	if len(patterns) == 0 {
		return exactly(nil)
	}
	var list []condition
	for _, pattern := range patterns {
		prefix, open := strings.CutSuffix(pattern, "*")
		switch {
		case open && prefix == "":
			return exactly(nil)
		case open:
			list = append(list, exactly(object{"prefix": object{nameField: object{"value": prefix}}}))
		case pattern == "":
			list = append(list, not(exists(nameField)))
		default:
			list = append(list, term(nameField, pattern))
		}
	}
	return m.named(anyOf(list...))
}

// severities is the condition on the class of the severity, as model.Event.Severity.
func (m *mapping) severities(filter *model.Filter) condition {
	var classes []condition
	every := true
	for class := model.SeverityUnspecified; class <= model.SeverityFatal; class++ {
		if class < filter.MinSeverity || len(filter.Severities) > 0 && !contains(filter.Severities, class) {
			every = false
			continue
		}
		classes = append(classes, m.severity(class))
	}
	if every {
		return exactly(nil)
	}
	return anyOf(classes...)
}

func contains(list []model.Severity, class model.Severity) bool {
	for _, one := range list {
		if one == class {
			return true
		}
	}
	return false
}

// severity is the condition that a record is of one class: by its number or, where it has
// none, by its text.
func (m *mapping) severity(class model.Severity) condition {
	numbered := bounds(severityNumber, object{"gte": 1})
	if class == model.SeverityUnspecified {
		return all(not(numbered), not(ofTexts(severityTexts())))
	}
	limits := object{"gte": 4*int(class) - 3, "lte": 4 * int(class)}
	if class == model.SeverityFatal {
		delete(limits, "lte")
	}
	var names []string
	for _, name := range severityTexts() {
		if model.SeverityOfText(name) == class {
			names = append(names, name)
		}
	}
	return anyOf(bounds(severityNumber, limits), all(not(numbered), ofTexts(names)))
}

// ofTexts is the condition that the text of the severity is one of these, in either case
// and with a number behind it.
func ofTexts(names []string) condition {
	return exactly(object{"regexp": object{severityText: object{"value": "(" + strings.Join(names, "|") + ")[0-9]*", "case_insensitive": true}}})
}

// severityTexts are the texts that model.SeverityOfText knows.
func severityTexts() []string {
	return []string{
		"trace", "trc", "t", "verbose", "finest", "finer", "debug", "dbg", "d", "fine", "config",
		"info", "inf", "i", "information", "informational", "notice", "log", "warn", "warning", "wrn", "w",
		"error", "err", "e", "severe", "failure",
		"fatal", "ftl", "f", "critical", "crit", "c", "alert", "emerg", "emergency", "panic", "dpanic",
	}
}
