// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"strings"
	"sync"
	"time"

	promrules "github.com/prometheus/prometheus/rules"

	tapio "github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// The states of an alert.
const (
	StatePending  = "pending"
	StateFiring   = "firing"
	StateResolved = "resolved"
	StateInactive = "inactive" // it was pending and never fired
)

// AlertEvent is the name of the events of changes.
const AlertEvent = semconv.EventAlert

// Change is an alert whose state changed.
type Change struct {
	ID                       string // of the alert, as long as it has these labels
	Name, State              string
	File, Group, Expression  string
	Labels, Annotations      map[string]string
	Value                    float64
	At, ActiveAt, ResolvedAt time.Time
	// Remembered is set if the alert fired already before a reload or a restart.
	Remembered bool
	confirmed  bool // this evaluator has seen it
}

// alerts remembers the state of each alert.
type alerts struct {
	mu    sync.Mutex
	known map[string]map[string]Change // by group and by alert
}

func newAlerts() alerts { return alerts{known: map[string]map[string]Change{}} }

// changes compares the alerts of a group with what they were. An alert that is
// remembered and seen for the first time is one of them.
func (a *alerts) changes(g *promrules.Group, at time.Time) []Change {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := promrules.GroupKey(g.File(), g.Name())
	before, now := a.known[key], map[string]Change{}
	var list []Change
	for _, rule := range g.AlertingRules() {
		rule.ForEachActiveAlert(func(alert *promrules.Alert) {
			c := changeOf(g, rule, alert, at)
			if c.State == StateResolved {
				return // it is found missing below
			}
			was := before[c.ID]
			if was.Remembered && c.State == StatePending {
				now[c.ID] = was // its time was not taken up again yet
				return
			}
			c.Remembered = was.Remembered && !was.confirmed
			c.confirmed = true
			now[c.ID] = c
			if was.State != c.State || c.Remembered {
				list = append(list, c)
			}
		})
	}
	for id, was := range before {
		if _, still := now[id]; !still {
			list = append(list, was.end(at))
		}
	}
	a.known[key] = now
	return list
}

// end returns the change of an alert that is no longer active.
func (c Change) end(at time.Time) Change {
	ended := StateResolved
	if c.State == StatePending {
		ended = StateInactive
	}
	c.State, c.At, c.ResolvedAt, c.Remembered = ended, at, at, false
	return c
}

func changeOf(g *promrules.Group, rule *promrules.AlertingRule, alert *promrules.Alert, at time.Time) Change {
	c := Change{
		Name: rule.Name(), State: alert.State.String(), File: g.File(), Group: g.Name(), Expression: rule.Query().String(),
		Labels: alert.Labels.Map(), Annotations: alert.Annotations.Map(), Value: alert.Value,
		At: at, ActiveAt: alert.ActiveAt, ResolvedAt: alert.ResolvedAt,
	}
	c.ID = fmt.Sprintf("%s/%s/%016x", c.Group, c.Name, alert.Labels.Hash())
	if alert.State == promrules.StateInactive {
		c.State = StateResolved
	}
	return c
}

// Service is the service that the labels name, "" for none.
func (c *Change) Service() string { return serviceOf(c.Labels) }

// event makes the log record of a change.
func (c *Change) event() tapio.Event {
	at := tapio.Nanos(c.At.UnixNano())
	number, severity := c.severity()
	e := tapio.Event{
		Name: AlertEvent, Time: at, ObservedTime: at, SeverityNumber: number, SeverityText: severity,
		Body: tapio.StringValue(c.sentence()), Resource: resourceOf(c.Labels), Scope: scope(),
		Attributes: tapio.Attributes{
			text(attributeID, c.ID), text(attributeName, c.Name), text(attributeState, c.State),
			text(attributeGroup, c.Group), text(attributeFile, c.File), text(attributeExpression, c.Expression),
			{Key: semconv.AlertValue, Value: tapio.DoubleValue(c.Value)},
			{Key: attributeActiveAt, Value: tapio.StringValue(c.ActiveAt.UTC().Format(time.RFC3339Nano))},
		},
	}
	for _, name := range sortedKeys(c.Labels) {
		e.Attributes = append(e.Attributes, text(labelPrefix+name, c.Labels[name]))
	}
	for _, name := range sortedKeys(c.Annotations) {
		e.Attributes = append(e.Attributes, text(annotationPrefix+name, c.Annotations[name]))
	}
	return e
}

// severity is that of the label severity, as far as it is known, while the alert fires.
func (c *Change) severity() (number int32, name string) {
	const info, warn, severe, fatal = 9, 13, 17, 21
	if c.State != StateFiring {
		return info, "INFO"
	}
	switch tapio.SeverityOfText(c.Labels["severity"]) {
	case tapio.SeverityFatal:
		return fatal, "FATAL"
	case tapio.SeverityError:
		return severe, "ERROR"
	case tapio.SeverityInfo, tapio.SeverityDebug, tapio.SeverityTrace:
		return info, "INFO"
	default:
		if strings.EqualFold(c.Labels["severity"], "page") {
			return severe, "ERROR"
		}
		return warn, "WARN"
	}
}

// sentence is what people read.
func (c *Change) sentence() string {
	said := c.Annotations["summary"]
	if said == "" {
		said = c.Annotations["description"]
	}
	if said == "" {
		return fmt.Sprintf("alert %s is %s", c.Name, c.State)
	}
	return fmt.Sprintf("alert %s is %s: %s", c.Name, c.State, said)
}

func text(key, value string) tapio.KeyValue {
	return tapio.KeyValue{Key: key, Value: tapio.StringValue(value)}
}

func afterSlash(job string) string { return job[strings.LastIndexByte(job, '/')+1:] }

// resourceOf is the service that labels name, this program where they name none.
func resourceOf(of map[string]string) *tapio.Resource {
	service := serviceOf(of)
	if service == "" {
		service = "tapio"
	}
	r := &tapio.Resource{Attributes: tapio.Attributes{text(semconv.ServiceName, service)}}
	if namespace, _, found := strings.Cut(of["job"], "/"); found && afterSlash(of["job"]) == service {
		r.Attributes = append(r.Attributes, text(semconv.ServiceNamespace, namespace))
	}
	return r
}
