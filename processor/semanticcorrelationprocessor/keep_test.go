// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/tapio/tapio/internal/correlate"
	"github.com/tapio/tapio/processor/semanticcorrelationprocessor/internal/metadata"
)

// keeping is a host with an extension that keeps engines.
type keeping struct {
	component.Component
	kept   any
	open   func() []string
	ending bool
}

func (k *keeping) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.MustNewID("tapio"): k}
}

func (k *keeping) AttachEngine(_ component.ID, open func() []string) string {
	k.open = open
	return "abc"
}

func (k *keeping) KeepEngine(_ component.ID, engine any) bool {
	if !k.ending {
		k.kept = engine
	}
	return !k.ending
}

func (k *keeping) TakeEngine(_ component.ID, fits func(any) bool) any {
	if k.kept == nil || !fits(k.kept) {
		return nil
	}
	return k.kept
}

// runs starts the processor of a logs pipeline, as one configuration does.
func (k *keeping) runs(t *testing.T, closeAfter time.Duration) *logsShell {
	t.Helper()
	f, cfg := &factory{engines: map[component.ID]*engine{}}, createDefaultConfig().(*Config)
	cfg.CloseAfter = closeAfter
	logs, err := f.createLogs(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, new(consumertest.LogsSink))
	require.NoError(t, err)
	require.NoError(t, logs.Start(t.Context(), k))
	return logs.(*logsShell)
}

// The engine goes on after a reload if its settings are the same; it is closed when the
// process ends.
func TestTheEngineGoesOnAfterAReload(t *testing.T) {
	k := &keeping{}
	first := k.runs(t, time.Minute)
	thinking := &brain{}
	first.engine.mu.Lock()
	first.engine.thinking, first.engine.clock.newest = thinking, 1e18
	first.engine.mu.Unlock()
	require.NoError(t, first.Shutdown(context.Background()))
	assert.False(t, thinking.closed)

	changed := k.runs(t, time.Hour)
	assert.IsType(t, &correlate.Engine{}, changed.engine.thinking, "other settings are another engine")
	k.ending = true
	require.NoError(t, changed.Shutdown(context.Background()))

	k.ending = false
	again := k.runs(t, time.Minute)
	assert.Same(t, thinking, again.engine.thinking)
	assert.EqualValues(t, 1e18, again.engine.clock.newest)
	thinking.Flush(1)
	assert.Equal(t, []string{"g-1"}, k.open())
	k.ending = true
	require.NoError(t, again.Shutdown(context.Background()))
	assert.True(t, thinking.closed)
}
