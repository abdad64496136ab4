// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/processor/semanticcorrelationprocessor/internal/metadata"
)

func TestTheLogHasTheStartAndTheFirstLoss(t *testing.T) {
	core, logged := observer.New(zap.InfoLevel)
	set := processortest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	f := &factory{engines: map[component.ID]*engine{}}
	refusing := consumertest.NewErr(errors.New("full"))
	created, err := f.createLogs(t.Context(), set, createDefaultConfig(), refusing)
	require.NoError(t, err)
	p := created.(*logsShell)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	for range 3 {
		p.engine.outbox.add([]model.Finding{&model.Insight{FindingIdentity: model.FindingIdentity{ID: "i", Revision: 1}}})
		p.engine.outbox.send(t.Context())
	}
	require.NoError(t, p.Shutdown(t.Context()))

	entries := logged.All()
	require.Len(t, entries, 2, "the start, and the first loss only")
	assert.Equal(t, "correlation engine started", entries[0].Message)
	fields := entries[0].ContextMap()
	assert.EqualValues(t, 128<<20, fields["memory_limit"])
	assert.Equal(t, 10*time.Second, fields["window"])
	assert.Equal(t, false, fields["continues_earlier_engine"])
	assert.Equal(t, "findings were lost", entries[1].Message)
	assert.Equal(t, reasonRefused, entries[1].ContextMap()["reason"])
	assert.EqualValues(t, 1, entries[1].ContextMap()["findings"])
}
