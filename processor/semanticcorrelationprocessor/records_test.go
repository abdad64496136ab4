// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
)

func records(at time.Time, bodies ...string) plog.Logs {
	logs := plog.NewLogs()
	for _, body := range bodies {
		record := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		record.Body().SetStr(body)
		record.SetSeverityNumber(plog.SeverityNumberError) // what the engine looks at
		record.SetTimestamp(pcommon.NewTimestampFromTime(at))
	}
	return logs
}

// findings are the records among those passed on that carry findings.
func (p *pipelines) findings() []model.Finding {
	var list []model.Finding
	for _, logs := range p.sink.AllLogs() {
		for _, event := range otlp.EventsFromLogs(logs) {
			if finding := otlp.FindingFromEvent(&event); finding != nil {
				list = append(list, finding)
			}
		}
	}
	return list
}

// passedOn is the batch that begins with this body. Findings leave beside the
// records, so it may not be the first.
func (p *pipelines) passedOn(t *testing.T, body string) plog.Logs {
	t.Helper()
	for _, logs := range p.sink.AllLogs() {
		if logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().AsString() == body {
			return logs
		}
	}
	require.Fail(t, "not passed on", body)
	return plog.Logs{}
}
