// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// maps returns the attributes in which a label is looked up, the first ones first.
func (f *source) maps() []string {
	if f.scope == "" {
		return []string{f.record, f.resource}
	}
	return []string{f.record, f.scope, f.resource}
}

// label returns expressions for whether a row has a label, and for its value.
func (s *conditions) label(f *source, key model.LabelKey) (found, value string) {
	var conditions, branches []string
	for _, name := range key.Names() {
		p := s.text(name)
		for _, m := range f.maps() {
			has := "mapContains(" + m + ", " + p + ")"
			conditions = append(conditions, has)
			branches = append(branches, has, m+"["+p+"]")
		}
	}
	if key.Name() == scopeLabel {
		conditions = append(conditions, "ScopeName != ''")
		branches = append(branches, "ScopeName != ''", "ScopeName")
	}
	return anyOf(conditions), "multiIf(" + strings.Join(branches, ", ") + ", '')"
}

// scopeLabel is the short name for the scope's name.
const scopeLabel = "scope"

// filter returns the conditions of a filter.
func (s *conditions) filter(f *source, filter *model.Filter) []string {
	times := s.timeRange(f.at, filter.Time)
	var held []string
	for _, one := range filter.LabelConditions() {
		held = append(held, s.selector(f, &one, !filter.Invert)...)
	}
	if f.signal == model.SignalLogs {
		held = append(held, s.ofLogs(f, filter)...)
	}
	if filter.Text != "" {
		held = append(held, s.contains(f, filter.Text))
	}
	if filter.Invert {
		return append(times, "NOT ("+all(held)+")")
	}
	return append(times, held...)
}

// timeRange returns the conditions on a time.
func (s *conditions) timeRange(column string, times model.TimeRange) (conditions []string) {
	if times.Start != 0 {
		conditions = append(conditions, column+" >= "+s.time(times.Start))
	}
	if times.End != 0 {
		conditions = append(conditions, column+" < "+s.time(times.End))
	}
	return conditions
}

// selector returns the condition of a selector. With hints there are further ones, which
// hold for all selected rows and let the server use its keys and indexes.
func (s *conditions) selector(f *source, one *model.Selector, hints bool) (conditions []string) {
	found, value := s.label(f, one.Key)
	switch one.Op {
	case model.OpExists:
		return []string{found}
	case model.OpNotExists:
		return []string{"NOT " + found}
	case model.OpNotEqual, model.OpNotIn:
		return []string{"(NOT " + found + " OR " + value + " NOT IN " + s.texts(one.Values) + ")"}
	case model.OpNotMatches:
		return []string{"(NOT " + found + " OR NOT match(" + value + ", " + s.expression(one.Values[0]) + "))"}
	case model.OpEqual, model.OpIn:
		list := s.texts(one.Values)
		if hints {
			conditions = s.hint(f, one, list)
		}
		return append(conditions, found, value+" IN "+list)
	case model.OpMatches:
		return []string{found, "match(" + value + ", " + s.expression(one.Values[0]) + ")"}
	default:
		return []string{found, s.compare(value, one)}
	}
}

// hint returns a condition on the column ServiceName, which leads the keys of the
// tables, or on the values of the maps, which have indexes. A service is that of the
// resource: attributes of single records that are called service.name do not count here.
func (s *conditions) hint(f *source, one *model.Selector, list string) []string {
	switch name := one.Key.Name(); {
	case slices.Contains(one.Values, ""):
		return nil // an absent service reads as an empty one
	case name == semconv.ServiceName:
		return []string{"ServiceName IN " + list}
	case name == scopeLabel || len(one.Values) > 1:
		return nil
	}
	var has []string
	value := strings.Trim(list, "()")
	for _, m := range f.maps() {
		has = append(has, "has(mapValues("+m+"), "+value+")")
	}
	return []string{anyOf(has)}
}

// expression anchors a regular expression as model.NewSelector does.
func (s *conditions) expression(expr string) string { return s.text("^(?s:" + expr + ")$") }

// compare compares a number. Integers are compared exactly.
func (s *conditions) compare(value string, one *model.Selector) string {
	op := string(one.Op)
	text := one.Values[0]
	var number string
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		number = s.integer(n)
	} else {
		n, _ := strconv.ParseFloat(text, 64) // was checked when the selector was made
		number = s.double(n)
	}
	return "ifNull(if(isNotNull(toInt64OrNull(" + value + ")), toInt64OrNull(" + value + ") " + op + " " + number +
		", toFloat64OrNull(" + value + ") " + op + " " + number + "), 0)"
}

// names returns a condition on the name of a row: exact, or a prefix with a trailing *.
func (s *conditions) names(column string, patterns []string) []string {
	if len(patterns) == 0 {
		return nil
	}
	var conditions []string
	for _, pattern := range patterns {
		if prefix, open := strings.CutSuffix(pattern, "*"); open {
			conditions = append(conditions, "startsWith("+column+", "+s.text(prefix)+")")
		} else {
			conditions = append(conditions, column+" = "+s.text(pattern))
		}
	}
	return []string{anyOf(conditions)}
}

// ofLogs returns the conditions that concern log records only.
func (s *conditions) ofLogs(f *source, filter *model.Filter) (conditions []string) {
	if filter.MinSeverity > model.SeverityUnspecified {
		conditions = append(conditions, severityClass()+" >= "+strconv.Itoa(int(filter.MinSeverity)))
	}
	if len(filter.Severities) > 0 {
		var classes []string
		for _, class := range filter.Severities {
			classes = append(classes, strconv.Itoa(int(class)))
		}
		conditions = append(conditions, severityClass()+" IN ("+strings.Join(classes, ", ")+")")
	}
	return append(conditions, s.names(f.name, filter.EventNames)...)
}

// severityClass is an expression for the class of a record's severity, as
// model.Event.Severity.
func severityClass() string {
	var texts, classes []string
	for _, text := range severityTexts() {
		texts = append(texts, "'"+text+"'")
		classes = append(classes, strconv.Itoa(int(model.SeverityOfText(text))))
	}
	ofText := "transform(lower(replaceRegexpOne(toString(SeverityText), '[0-9]+$', '')), [" + strings.Join(texts, ", ") + "], [" + strings.Join(classes, ", ") + "], 0)"
	return "toUInt8(multiIf(SeverityNumber > 24, 6, SeverityNumber > 0, intDiv(SeverityNumber - 1, 4) + 1, SeverityText = '', 0, " + ofText + "))"
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

// contains returns the condition that a text is somewhere in a row, in either case.
func (s *conditions) contains(f *source, text string) string {
	p := s.text(text)
	in := func(column string) string { return "positionCaseInsensitive(" + column + ", " + p + ") > 0" }
	if !isASCII(text) {
		from, to := s.text(foldedFrom), s.text(foldedTo)
		in = func(column string) string {
			return "position(translateUTF8(lowerUTF8(" + column + "), " + from + ", " + to + "), " + p + ") > 0"
		}
	}
	var conditions []string
	for _, column := range f.texts {
		conditions = append(conditions, in(column))
	}
	return anyOf(append(conditions, "arrayExists(v -> "+in("v")+", mapValues("+f.record+"))"))
}

// Lower-case letters that model.FoldText makes others of.
const (
	foldedFrom = "ςſϐϑϕϖϰϱϵẛ"
	foldedTo   = "σsβθφπκρεṡ"
)

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
