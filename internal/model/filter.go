// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/semconv"
)

// Operator compares a label with values.
type Operator string

// The operators of a label selector.
const (
	OpEqual       Operator = "="
	OpNotEqual    Operator = "!="
	OpIn          Operator = "in"
	OpNotIn       Operator = "notin"
	OpExists      Operator = "exists"
	OpNotExists   Operator = "!exists"
	OpMatches     Operator = "=~"
	OpNotMatches  Operator = "!~"
	OpGreater     Operator = ">"
	OpAtLeast     Operator = ">="
	OpLess        Operator = "<"
	OpAtMost      Operator = "<="
	operatorsText          = "=, !=, in, notin, exists, !exists, =~, !~, >, >=, < or <="
)

// The bounds of a selector.
const (
	maxKeyBytes       = 256
	maxSelectorValues = 1000
	maxValueBytes     = 4096
)

// The labels that Services and Namespaces of a filter look at.
const (
	serviceLabel   = semconv.ServiceName
	namespaceLabel = "namespace"
)

// Selector compares one label of a record. Build it with NewSelector.
type Selector struct {
	Key    LabelKey
	Op     Operator
	Values []string
	expr   *regexp.Regexp
	number number // of the operators that compare numbers
}

// NewSelector checks and compiles a selector. An empty operator means = with
// one value and in with several. The error is a *FieldError whose Field is
// "key", "operator" or "values".
func NewSelector(key, operator string, values []string) (Selector, error) {
	if key == "" || len(key) > maxKeyBytes {
		return Selector{}, InvalidField("key", "must have 1 to %d bytes, has %d", maxKeyBytes, len(key))
	}
	s := Selector{Key: NewLabelKey(key), Op: Operator(operator), Values: values}
	if operator == "" {
		s.Op = OpEqual
		if len(values) > 1 {
			s.Op = OpIn
		}
	}
	if err := checkValues(s.Op, values); err != nil {
		return Selector{}, err
	}
	if s.Op == OpMatches || s.Op == OpNotMatches {
		expr, err := regexp.Compile("^(?s:" + values[0] + ")$")
		if err != nil {
			return Selector{}, InvalidField("values", "%q is not a valid RE2 expression: %v", values[0], err)
		}
		s.expr = expr
	}
	if s.Op.numeric() {
		number, ok := parseNumber(values[0])
		if !ok || math.IsNaN(number.double) {
			return Selector{}, InvalidField("values", "operator %s compares with a number, %q is none: write for example 500 or 0.25", s.Op, values[0])
		}
		s.number = number
	}
	return s, nil
}

// numeric reports whether the operator compares numbers.
func (o Operator) numeric() bool {
	return o == OpGreater || o == OpAtLeast || o == OpLess || o == OpAtMost
}

func checkValues(op Operator, values []string) error {
	switch op {
	case OpEqual, OpNotEqual, OpMatches, OpNotMatches, OpGreater, OpAtLeast, OpLess, OpAtMost:
		if len(values) != 1 {
			return InvalidField("values", "operator %s takes one value, got %d", op, len(values))
		}
	case OpIn, OpNotIn:
		if len(values) == 0 || len(values) > maxSelectorValues {
			return InvalidField("values", "operator %s takes 1 to %d values, got %d", op, maxSelectorValues, len(values))
		}
	case OpExists, OpNotExists:
		if len(values) != 0 {
			return InvalidField("values", "operator %s takes no value, got %d", op, len(values))
		}
	default:
		return InvalidField("operator", "unknown operator %q: use %s", op, operatorsText)
	}
	for _, v := range values {
		if len(v) > maxValueBytes {
			return InvalidField("values", "a value has %d bytes, the most is %d", len(v), maxValueBytes)
		}
	}
	return nil
}

// Match reports whether the record with these labels is selected. As in
// Kubernetes, the negative operators hold where the label is absent.
func (s *Selector) Match(labels Labels) bool { return s.Holds(labels.Get(s.Key)) }

// Holds reports whether a label with this value, or one that is not found, is
// selected.
func (s *Selector) Holds(v Value, found bool) bool {
	switch s.Op {
	case OpExists:
		return found
	case OpNotExists:
		return !found
	case OpEqual, OpIn:
		return found && slices.Contains(s.Values, v.Text())
	case OpNotEqual, OpNotIn:
		return !found || !slices.Contains(s.Values, v.Text())
	case OpMatches:
		return found && s.expr.MatchString(v.Text())
	case OpNotMatches:
		return !found || !s.expr.MatchString(v.Text())
	default:
		n, isNumber := v.number()
		return found && isNumber && s.compares(n)
	}
}

// compares reports whether the number stands to that of the selector as its
// operator requires.
func (s *Selector) compares(n number) bool {
	if n.double != n.double { // NaN compares with nothing
		return false
	}
	switch order := n.compare(s.number); s.Op {
	case OpGreater:
		return order > 0
	case OpAtLeast:
		return order >= 0
	case OpLess:
		return order < 0
	case OpAtMost:
		return order <= 0
	default:
		return false
	}
}

// MayHoldBetween reports whether the selector may hold for a number from least to
// greatest, both rounded to doubles.
func (s *Selector) MayHoldBetween(least, greatest float64) bool {
	if !s.Op.numeric() {
		return true
	}
	if math.Abs(s.number.double) < exactIntegers { // what is rounded lies beyond
		return s.compares(number{double: least}) || s.compares(number{double: greatest})
	}
	switch s.Op {
	case OpGreater, OpAtLeast:
		return greatest >= s.number.double
	default:
		return least <= s.number.double
	}
}

// Filter selects records of every signal. The zero Filter selects all.
type Filter struct {
	Selectors   []Selector // all must hold
	Time        TimeRange
	Severities  []Severity // events only: one must hold
	MinSeverity Severity   // events only
	EventNames  []string   // events only: exact, or a prefix with a trailing *
	Services    []string
	Namespaces  []string
	// Text is searched for without regard to case; build it with FoldText.
	Text string
	// Invert negates everything above but Time.
	Invert bool
}

// MatchName reports whether the name is one of the patterns: exact, or a prefix
// with a trailing *. No pattern matches every name.
func MatchName(patterns []string, name string) bool {
	if len(patterns) == 0 {
		return true
	}
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		prefix, open := strings.CutSuffix(pattern, "*")
		if open {
			return strings.HasPrefix(name, prefix)
		}
		return pattern == name
	})
}

// MatchEvent reports whether the event is selected.
func (f *Filter) MatchEvent(e *Event) bool {
	return f.Time.Contains(e.When()) && f.Invert != f.holdsForEvent(e)
}

func (f *Filter) holdsForEvent(e *Event) bool {
	return e.Severity() >= f.MinSeverity &&
		(len(f.Severities) == 0 || slices.Contains(f.Severities, e.Severity())) &&
		MatchName(f.EventNames, e.Name) &&
		f.holdsForLabels(e.Labels()) &&
		(f.Text == "" || f.textIn(e.Body.Text(), e.Name) || f.textInAttributes(e.Attributes))
}

// MatchSpan reports whether the span is selected. Conditions on log records do
// not apply.
func (f *Filter) MatchSpan(s *Span) bool {
	return f.Time.Contains(s.Start) && f.Invert != f.holdsForSpan(s)
}

func (f *Filter) holdsForSpan(s *Span) bool {
	return f.holdsForLabels(s.Labels()) &&
		(f.Text == "" || f.textIn(s.Name, s.StatusMessage) || f.textInAttributes(s.Attributes))
}

// MatchSeries reports whether the series is selected, whatever the time of its
// points. Conditions on log records do not apply.
func (f *Filter) MatchSeries(s *Series) bool {
	return f.Invert != (f.holdsForLabels(s.Labels()) &&
		(f.Text == "" || f.textIn(s.Metric.Name) || f.textInAttributes(s.Attributes)))
}

// MatchLabels reports whether a thing that is no record, with this name and
// these attributes, is selected. Conditions on log records and on time do not
// apply.
func (f *Filter) MatchLabels(name string, attributes Attributes) bool {
	return f.Invert != (f.holdsForLabels(Labels{Record: attributes}) &&
		(f.Text == "" || f.textIn(name) || f.textInAttributes(attributes)))
}

// LabelConditions returns all that the filter demands of labels, as selectors.
func (f *Filter) LabelConditions() []Selector {
	var all []Selector
	if len(f.Services) > 0 {
		all = append(all, Selector{Key: NewLabelKey(serviceLabel), Op: OpIn, Values: f.Services})
	}
	if len(f.Namespaces) > 0 {
		all = append(all, Selector{Key: NewLabelKey(namespaceLabel), Op: OpIn, Values: f.Namespaces})
	}
	return append(all, f.Selectors...)
}

func (f *Filter) holdsForLabels(labels Labels) bool {
	if !oneOf(f.Services, serviceLabel, labels) || !oneOf(f.Namespaces, namespaceLabel, labels) {
		return false
	}
	for i := range f.Selectors {
		if !f.Selectors[i].Match(labels) {
			return false
		}
	}
	return true
}

func oneOf(wanted []string, label string, labels Labels) bool {
	if len(wanted) == 0 {
		return true
	}
	v, found := labels.Get(NewLabelKey(label))
	return found && slices.Contains(wanted, v.Text())
}

func (f *Filter) textIn(texts ...string) bool {
	return slices.ContainsFunc(texts, func(s string) bool {
		return strings.Contains(FoldText(s), f.Text)
	})
}

func (f *Filter) textInAttributes(attributes Attributes) bool {
	return slices.ContainsFunc(attributes, func(kv KeyValue) bool {
		return kv.Value.Kind() == KindString && f.textIn(kv.Value.Str())
	})
}
