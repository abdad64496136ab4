// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package slo

import (
	"fmt"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// BurnEvent is the name of the record that reports that an error budget begins or
// ceases to burn too fast; docs/reference/names.md lists its attributes.
const BurnEvent = semconv.EventSLOBurn

const (
	keyName      = semconv.SLOName
	keyType      = semconv.SLOType
	keyState     = semconv.SLOState
	keyService   = semconv.SLOService
	keyNamespace = semconv.SLONamespace
	keyOperation = semconv.SLOOperation
	keyTarget    = semconv.SLOTarget
	keyThreshold = semconv.SLOThreshold
	keyWindow    = semconv.SLOWindow
	keyAutomatic = semconv.SLOAutomatic
	keyAlert     = semconv.SLOAlert
	keyPage      = semconv.SLOAlertPage
	keyLong      = semconv.SLOAlertLongWindow
	keyShort     = semconv.SLOAlertShortWindow
	keyFactor    = semconv.SLOAlertFactor
	keyLongRate  = semconv.SLOBurnRateLong
	keyShortRate = semconv.SLOBurnRateShort
	keyRatio     = semconv.SLOErrorRatio
	keyBudget    = semconv.SLOBudgetRemaining
	keyStart     = semconv.SLOStart

	stateFiring, stateResolved = "firing", "resolved"

	severityInfo, severityWarn, severityError = 9, 13, 17
)

// Burn is that an error budget begins or ceases to burn too fast.
type Burn struct {
	Objective           Objective
	Alert               BurnAlert
	Firing              bool
	Start, Time         model.Nanos // when it began, and when this was found
	LongRate, ShortRate float64
	ErrorRatio          float64 // in the long window
	BudgetRemaining     float64
}

// subject is what the objective is about.
func (b *Burn) subject() string {
	if b.Objective.Operation == "" {
		return b.Objective.Service
	}
	return b.Objective.Service + " " + b.Objective.Operation
}

// Title is one line on what happens.
func (b *Burn) Title() string {
	if !b.Firing {
		return fmt.Sprintf("%s: the error budget of %q no longer burns too fast", b.subject(), b.Objective.Name)
	}
	what := "fail"
	if b.Objective.Type == Latency {
		what = "are slower than " + b.Objective.Threshold.String()
	}
	return fmt.Sprintf("%s: %s of requests %s (objective: %s); the error budget burns %s times too fast",
		b.subject(), percent(b.ErrorRatio), what, b.Objective.String(), rate(b.LongRate))
}

// Text is what else a person wants to know.
func (b *Burn) Text() string {
	text := fmt.Sprintf("Burn rate %s over %s and %s over %s; the alert %s fires from %s on. %s of the error budget of %s is left.",
		rate(b.LongRate), Window(b.Alert.Long), rate(b.ShortRate), Window(b.Alert.Short), b.Alert.Name, rate(b.Alert.Factor),
		percent(max(b.BudgetRemaining, 0)), Window(b.Objective.Window))
	if b.Objective.Automatic {
		text += " The objective was learned from earlier requests, it is not configured."
	}
	return text
}

func rate(r float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", r), ".0") }

// Window writes a duration in its largest whole unit.
func Window(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day && d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	default:
		return d.String()
	}
}

// Event is the record that reports it.
func (b *Burn) Event() model.Event {
	o, a := &b.Objective, &b.Alert
	state, severity, severityText := stateResolved, int32(severityInfo), "INFO"
	if b.Firing {
		state, severity, severityText = stateFiring, severityWarn, "WARN"
		if a.Page {
			severity, severityText = severityError, "ERROR"
		}
	}
	var attributes model.Attributes
	put := func(key string, v model.Value) {
		attributes = append(attributes, model.KeyValue{Key: key, Value: v})
	}
	for _, one := range []struct{ key, value string }{
		{keyName, o.Name},
		{keyType, string(o.Type)},
		{keyState, state},
		{keyService, o.Service},
		{keyNamespace, o.Namespace},
		{keyOperation, o.Operation},
		{keyAlert, a.Name},
	} {
		if one.value != "" {
			put(one.key, model.StringValue(one.value))
		}
	}
	for _, one := range []struct {
		key   string
		value float64
	}{
		{keyTarget, o.Target},
		{keyThreshold, o.Threshold.Seconds()},
		{keyWindow, o.Window.Seconds()},
		{keyLong, a.Long.Seconds()},
		{keyShort, a.Short.Seconds()},
		{keyFactor, a.Factor},
		{keyLongRate, b.LongRate},
		{keyShortRate, b.ShortRate},
		{keyRatio, b.ErrorRatio},
		{keyBudget, b.BudgetRemaining},
	} {
		put(one.key, model.DoubleValue(one.value))
	}
	put(keyAutomatic, model.BoolValue(o.Automatic))
	put(keyPage, model.BoolValue(a.Page))
	put(keyStart, model.IntValue(int64(b.Start)))
	return model.Event{
		Name: BurnEvent, Time: b.Time, SeverityNumber: severity, SeverityText: severityText,
		Body: model.StringValue(b.Title()), Attributes: attributes,
		Resource: &model.Resource{Attributes: model.Attributes{{Key: semconv.ServiceName, Value: model.StringValue("tapio")}}},
		Scope:    &model.Scope{Name: "github.com/tapio/tapio/extension/tapioextension/internal/slo"},
	}
}

// BurnFromEvent reads what a record reports; ok is false for one without an objective.
func BurnFromEvent(record *model.Event) (b Burn, ok bool) {
	text := func(key string) string {
		v, _ := record.Attributes.Get(key)
		return v.Text()
	}
	number := func(key string) float64 {
		v, _ := record.Attributes.Get(key)
		if v.Kind() == model.KindInt {
			return float64(v.Int())
		}
		return v.Double()
	}
	duration := func(key string) time.Duration { return time.Duration(number(key) * float64(time.Second)) }
	b = Burn{
		Objective: Objective{
			Name: text(keyName), Namespace: text(keyNamespace), Service: text(keyService), Operation: text(keyOperation),
			Type: Type(text(keyType)), Target: number(keyTarget), Threshold: duration(keyThreshold), Window: duration(keyWindow),
			Automatic: text(keyAutomatic) == "true",
		},
		Alert: BurnAlert{
			Name: text(keyAlert), Long: duration(keyLong), Short: duration(keyShort), Factor: number(keyFactor), Page: text(keyPage) == "true",
		},
		Firing: text(keyState) == stateFiring, Start: model.Nanos(number(keyStart)), Time: record.When(), LongRate: number(keyLongRate),
		ShortRate: number(keyShortRate), ErrorRatio: number(keyRatio), BudgetRemaining: number(keyBudget),
	}
	if start, _ := record.Attributes.Get(keyStart); start.Kind() == model.KindInt {
		b.Start = model.Nanos(start.Int())
	}
	return b, b.Objective.Name != "" && b.Objective.Service != ""
}
