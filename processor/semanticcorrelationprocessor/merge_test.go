// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
)

func (b *brain) ObserveGroup(g *model.SemanticGroup, node, record string) {
	b.observed = append(b.observed, strings.Join([]string{g.ID, g.Title, node, record}, " "))
}

func (b *brain) MergedInto(string) string { return b.into }

// incidentOf is what the engine of a node reports.
func incidentOf(engine string) plog.Logs {
	identity := model.FindingIdentity{ID: "n-1", Revision: 3, Time: model.Nanos(time.Now().UnixNano())}
	logs := otlp.LogsFromFindings([]model.Finding{
		&model.SemanticGroup{FindingIdentity: identity, Kind: model.GroupIncident, State: model.GroupGrowing, Title: "db is slow"},
		&model.Insight{FindingIdentity: identity, GroupID: "n-1", Kind: model.GroupIncident, State: model.GroupGrowing, Severity: model.SeverityError, Title: "db is slow"},
	}, 0)
	logs.ResourceLogs().At(0).Resource().Attributes().PutStr("host.name", "node-b")
	for _, record := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		record.Attributes().PutStr("tapio.finding.engine", engine)
		record.Attributes().PutStr("log.record.uid", "r-1")
	}
	return logs
}

func TestFindingsOfNodesBecomePartOfOwnOnes(t *testing.T) {
	for name, c := range map[string]struct {
		merges               bool
		engine, into         string
		seen                 []string
		kind, state, mergeTo any
		severity             plog.SeverityNumber
	}{
		"part of an incident": {true, "node", "g-1", []string{"n-1 db is slow node-b r-1"}, "incident", "merged", "g-1", plog.SeverityNumberInfo},
		"not yet":             {true, "node", "", []string{"n-1 db is slow node-b r-1"}, "observation", "growing", nil, plog.SeverityNumberInfo},
		"of this engine":      {true, "own", "g-1", nil, "incident", "growing", nil, plog.SeverityNumberError},
		"of an unknown one":   {true, "", "g-1", nil, "incident", "growing", nil, plog.SeverityNumberError},
		"not wanted":          {false, "node", "g-1", nil, "incident", "growing", nil, plog.SeverityNumberError},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPipelines(t)
			p.logs.merges, p.brain.into = c.merges, c.into
			p.logs.engine.outbox.identify("own")
			require.NoError(t, p.logs.ConsumeLogs(t.Context(), incidentOf(c.engine)))
			assert.Equal(t, c.seen, p.brain.observed)
			records := p.sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
			for i, record := range records.All() {
				attributes := record.Attributes().AsRaw()
				assert.Equal(t, c.kind, attributes["tapio.group.kind"], i)
				assert.Equal(t, c.state, attributes["tapio.group.state"], i)
			}
			assert.Equal(t, c.mergeTo, records.At(0).Attributes().AsRaw()["tapio.group.merged_into"])
			assert.Equal(t, c.severity, records.At(1).SeverityNumber())
			require.NoError(t, p.logs.Shutdown(context.WithoutCancel(t.Context())))
		})
	}
}

// A fault of the engine leaves the findings as they are, and they go on.
func TestFindingsOfNodesGoOnWhateverTheEngineDoes(t *testing.T) {
	p := newPipelines(t)
	p.logs.merges = true
	p.logs.engine.thinking = broken{}
	require.NoError(t, p.logs.ConsumeLogs(t.Context(), incidentOf("node")))
	require.Equal(t, 2, p.sink.LogRecordCount())
	require.NoError(t, p.logs.Shutdown(context.WithoutCancel(t.Context())))
}
