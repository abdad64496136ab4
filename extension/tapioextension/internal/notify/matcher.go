// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/semconv"
)

// Operator compares the value of a label.
type Operator string

// The operators, as Alertmanager has them.
const (
	Equal       Operator = "="
	NotEqual    Operator = "!="
	Matches     Operator = "=~"
	NotMatching Operator = "!~"
)

// Matcher is a condition on a label of an alert, or on an entity that causes it.
type Matcher struct {
	Name     string   `json:"name"`
	Operator Operator `json:"operator"`
	Value    string   `json:"value"`

	expression *regexp.Regexp
}

// NewMatcher checks a condition. Regular expressions are RE2, anchored at both
// ends.
func NewMatcher(name string, operator Operator, value string) (Matcher, error) {
	m := Matcher{Name: strings.TrimSpace(name), Operator: operator, Value: value}
	if m.Name == "" {
		return m, fmt.Errorf("the name of the label is missing: write for example service=%q", "checkout")
	}
	switch operator {
	case Equal, NotEqual:
		return m, nil
	case Matches, NotMatching:
		var err error
		if m.expression, err = regexp.Compile("^(?:" + value + ")$"); err != nil {
			return m, fmt.Errorf("%q is not a regular expression: %w", value, err)
		}
		return m, nil
	default:
		return m, fmt.Errorf("unknown operator %q: use =, !=, =~ or !~", operator)
	}
}

// ParseMatcher reads a condition such as service="checkout" or pod=~"cart-.*".
func ParseMatcher(text string) (Matcher, error) {
	at := strings.IndexAny(text, "=!")
	if at < 0 {
		return Matcher{}, fmt.Errorf("%q is not a matcher: write for example service=%q or pod=~%q", text, "checkout", "cart-.*")
	}
	operator := Operator(text[at : at+1])
	if two := Operator(text[at:min(at+2, len(text))]); slices.Contains([]Operator{NotEqual, Matches, NotMatching}, two) {
		operator = two
	}
	value := strings.TrimSpace(text[at+len(operator):])
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : n-1]
	}
	return NewMatcher(text[:at], operator, value)
}

// UnmarshalJSON reads a matcher that was persisted.
func (m *Matcher) UnmarshalJSON(data []byte) error {
	var plain struct {
		Name, Value string
		Operator    Operator
	}
	if err := json.Unmarshal(data, &plain); err != nil {
		return err
	}
	read, err := NewMatcher(plain.Name, plain.Operator, plain.Value)
	*m = read
	return err
}

// String is what ParseMatcher reads.
func (m Matcher) String() string { return fmt.Sprintf("%s%s%q", m.Name, m.Operator, m.Value) }

// matches reports whether the condition holds. A label that is absent is empty; an
// entity matches if one of those that cause the alert does.
func (m *Matcher) matches(a *Alert) bool {
	values := a.values(m.Name)
	switch m.Operator {
	case NotEqual:
		return !slices.Contains(values, m.Value)
	case Matches:
		return slices.ContainsFunc(values, m.expression.MatchString)
	case NotMatching:
		return !slices.ContainsFunc(values, m.expression.MatchString)
	default:
		return slices.Contains(values, m.Value)
	}
}

func allMatch(matchers []Matcher, a *Alert) bool {
	for i := range matchers {
		if !matchers[i].matches(a) {
			return false
		}
	}
	return true
}

// values are what a label of the alert has: its own, or those of its cause.
func (a *Alert) values(name string) []string {
	name = canonicalLabel(name)
	switch name {
	case "source":
		return []string{string(a.Source)}
	case "severity":
		return []string{string(a.Severity)}
	case "alertname":
		return []string{a.Name}
	case "id":
		return []string{a.ID}
	}
	var values []string
	if v, found := a.Labels[name]; found {
		values = append(values, v)
	}
	for i := range a.Cause {
		values = append(values, a.Cause[i].values(name)...)
	}
	if len(values) == 0 {
		return []string{""}
	}
	return values
}

func (e *Entity) values(name string) []string {
	var values []string
	if e.Kind == name {
		values = append(values, e.Name)
	}
	for key, value := range e.Attributes {
		if canonicalLabel(key) == name {
			values = append(values, value)
		}
	}
	return values
}

// canonicalLabel gives names of the semantic conventions the short form that
// labels of alerts have; docs/reference/names.md lists them.
func canonicalLabel(name string) string {
	switch name {
	case semconv.ServiceName:
		return "service"
	case semconv.K8sNamespaceName, semconv.ServiceNamespace:
		return "namespace"
	case semconv.K8sPodName:
		return "pod"
	case semconv.K8sNodeName:
		return "node"
	case semconv.K8sContainerName, semconv.ContainerName:
		return "container"
	case semconv.HostName:
		return "host"
	case semconv.K8sClusterName:
		return "cluster"
	case semconv.K8sDeploymentName:
		return "deployment"
	case semconv.DeploymentEnvironmentName:
		return "environment"
	case semconv.ServiceVersion:
		return "version"
	case semconv.ServiceInstanceID:
		return "instance"
	default:
		return name
	}
}
