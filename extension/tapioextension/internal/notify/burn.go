// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"github.com/tapio/tapio/extension/tapioextension/internal/slo"
	"github.com/tapio/tapio/internal/model"
)

// burnAlert reads the alert of a record that reports how fast an error budget burns.
func burnAlert(record *model.Event) (Alert, bool) {
	burn, ok := slo.BurnFromEvent(record)
	if !ok {
		return Alert{}, false
	}
	a := Alert{
		ID: string(SourceSLO) + "/" + burn.Objective.ID() + "/" + burn.Alert.Name, Source: SourceSLO, Name: "ErrorBudgetBurn",
		State: StateFiring, Severity: SeverityWarning, Title: burn.Title(), Text: burn.Text(), Services: []string{burn.Objective.Service},
		StartsAt: at(burn.Start), UpdatedAt: at(burn.Time), Rule: "slo:" + burn.Objective.Name, CauseType: "slo",
		Cause:  []Entity{{Kind: "service", Name: burn.Objective.Service}},
		Labels: map[string]string{"slo": burn.Objective.Name, "slo_type": string(burn.Objective.Type), "service": burn.Objective.Service},
	}
	setLabel(&a, "operation", burn.Objective.Operation)
	setLabel(&a, "namespace", burn.Objective.Namespace)
	if burn.Objective.Automatic {
		a.Labels["automatic"] = "true"
	}
	if burn.Alert.Page {
		a.Severity = SeverityCritical
	}
	if !burn.Firing {
		a.State, a.EndsAt = StateResolved, at(burn.Time)
	}
	return a, true
}
