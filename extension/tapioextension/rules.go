// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
)

// startRules begins to evaluate rules once the pipelines run.
func (e *tapioExtension) startRules() {
	problems := e.rules.Problems()
	for _, problem := range problems {
		e.set.Logger.Error("failed to load rules", zap.Error(problem))
	}
	if len(problems) > 0 {
		host := e.host
		go componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(errors.Join(problems...)))
	}
	e.rules.Start()
}
